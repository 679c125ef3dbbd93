//! Averaging before the filter, where so many pixels become one that their mean in linear light is as good: it
//! costs less than 0.2 points and keeps the filter, and with it the rows that are held, short.

/// What is left to the filter at least, as a ratio.
const LEFT: f64 = 2.0;

/// The longest side of what is averaged, so that sums fit.
const MAX_FACTOR: f64 = 256.0;

/// How many pixels along a side are averaged, 1 for none, when `length` of them become `target`.
pub(super) fn factor(length: f64, target: u32) -> usize {
    (length / f64::from(target) / LEFT).clamp(1.0, MAX_FACTOR) as usize
}

/// Averages of planar rows.
pub(super) struct Average {
    factor: (usize, usize),
    width: usize,
    /// The row that came last, plane by plane.
    row: Vec<i16>,
    sums: Vec<u32>,
    /// Rows in `sums`.
    rows: usize,
    planes: usize,
}

impl Average {
    /// For rows of `width` pixels in `planes` planes. None where nothing is averaged.
    pub(super) fn new(width: usize, planes: usize, factor: (usize, usize)) -> Option<Average> {
        if factor == (1, 1) {
            return None;
        }
        let groups = width.div_ceil(factor.0);
        let (row, sums) = (vec![0; width * planes], vec![0; groups * planes]);
        Some(Average { factor, width, row, sums, rows: 0, planes })
    }

    /// Where the next row is to be put: planes of equal length, of which the first `width` pixels count.
    pub(super) fn row(&mut self) -> Planes<'_> {
        Planes { values: &mut self.row, plane: self.width, width: self.width }
    }

    /// Takes the row in; whether an averaged row is complete.
    pub(super) fn add(&mut self) -> bool {
        self.rows += 1;
        self.sum_up();
        self.rows == self.factor.1
    }

    /// Whether rows have come since the last averaged one.
    pub(super) fn has_rest(&self) -> bool {
        self.rows > 0
    }

    /// The averaged row of what has come since the last one.
    pub(super) fn write(&mut self, averaged: Planes<'_>) {
        let divide = Division::by((self.factor.0 * self.rows) as u32);
        let groups = self.sums.len() / self.planes;
        for (sums, plane) in
            self.sums.chunks_exact(groups).zip(averaged.values.chunks_exact_mut(averaged.plane))
        {
            divide.all(sums, plane);
        }
        self.sums.fill(0);
        self.rows = 0;
    }

    fn sum_up(&mut self) {
        let groups = self.sums.len() / self.planes;
        let factor = self.factor.0;
        for (row, sums) in self.row.chunks_exact(self.width).zip(self.sums.chunks_exact_mut(groups)) {
            match factor {
                1 => row.iter().zip(sums).for_each(|(value, sum)| *sum += *value as u32),
                2 => add_groups::<2>(row, sums),
                3 => add_groups::<3>(row, sums),
                4 => add_groups::<4>(row, sums),
                _ => {
                    for (group, sum) in row.chunks_exact(factor).zip(sums) {
                        *sum += group.iter().map(|value| *value as u32).sum::<u32>();
                    }
                }
            }
        }
        self.add_last_group(groups);
    }

    /// A group that the edge cuts counts as much as a whole one.
    fn add_last_group(&mut self, groups: usize) {
        let left = self.width % self.factor.0;
        if left == 0 {
            return;
        }
        for (row, sums) in self.row.chunks_exact(self.width).zip(self.sums.chunks_exact_mut(groups)) {
            let sum: u32 = row[self.width - left..].iter().map(|value| *value as u32).sum();
            sums[groups - 1] += (sum as usize * self.factor.0 / left) as u32;
        }
    }
}

/// A division by one number, rounded, done many times.
enum Division {
    /// By a power of two, such as the usual two by two: many at once.
    Shift(u32),
    /// By multiplication with the reciprocal in 2^32 parts, which, rounded up, is exact for sums of this size.
    Multiply { half: u64, reciprocal: u64 },
}

impl Division {
    fn by(count: u32) -> Division {
        if count.is_power_of_two() {
            return Division::Shift(count.trailing_zeros());
        }
        Division::Multiply {
            half: u64::from(count / 2),
            reciprocal: (1_u64 << 32).div_ceil(u64::from(count)),
        }
    }

    fn all(&self, sums: &[u32], quotients: &mut [i16]) {
        match *self {
            Division::Shift(shift) => {
                let half = (1 << shift) >> 1;
                for (sum, quotient) in sums.iter().zip(quotients) {
                    *quotient = ((sum + half) >> shift) as i16;
                }
            }
            Division::Multiply { half, reciprocal } => {
                for (sum, quotient) in sums.iter().zip(quotients) {
                    *quotient = (((u64::from(*sum) + half) * reciprocal) >> 32) as i16;
                }
            }
        }
    }
}

fn add_groups<const N: usize>(row: &[i16], sums: &mut [u32]) {
    for (group, sum) in row.as_chunks::<N>().0.iter().zip(sums) {
        *sum += group.iter().map(|value| *value as u32).sum::<u32>();
    }
}

/// A row, plane by plane, to be filled.
pub(super) struct Planes<'a> {
    pub(super) values: &'a mut [i16],
    /// Values from one plane to the next.
    pub(super) plane: usize,
    /// Values of a plane that count.
    pub(super) width: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divisions_are_rounded_like_any_other() {
        for count in [1, 2, 3, 4, 6, 9, 12, 25, 64, 255, 65_536] {
            let sums: Vec<u32> =
                (0..=28_000_u32).step_by(7).map(|mean| mean * count + mean % count).collect();
            let mut quotients = vec![0; sums.len()];
            Division::by(count).all(&sums, &mut quotients);
            for (sum, quotient) in sums.iter().zip(quotients) {
                let exact = (f64::from(*sum) / f64::from(count)).round();
                assert_eq!(f64::from(quotient), exact, "{sum} / {count}");
            }
        }
    }

    #[test]
    fn so_many_are_averaged_that_two_are_left() {
        assert_eq!(
            [0.5, 1.0, 3.9, 4.0, 4.7, 6.0, 1e9].map(|length| factor(length, 1)),
            [1, 1, 1, 2, 2, 3, 256]
        );
    }
}
