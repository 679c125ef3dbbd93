//! One channel of a picture as 16-bit numbers, and its Gaussian blur in a time that does not grow with the radius.
//! Past the edge lies what lies at the edge.

/// Rows that are softened at a time: what a vector register or two holds.
const LANES: usize = 8;

/// A value of so many rows.
type Lanes = [f32; LANES];

/// From this deviation on three boxes come close enough to a Gaussian; below it the true one is as short.
const BOXES_FROM: f32 = 2.0;

/// Boxes one after the other.
const BOXES: usize = 3;

/// A channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plane {
    /// Values in a row, at least 1.
    pub(crate) width: usize,
    /// Rows, at least 1.
    pub(crate) height: usize,
    /// `width` × `height` values, from the top.
    pub(crate) values: Vec<u16>,
}

impl Plane {
    /// Softens by a Gaussian of a standard deviation in pixels, above 0.
    pub(crate) fn soften(self, deviation: f32) -> Plane {
        let filter = Filter::new(deviation);
        self.across(&filter).across(&filter)
    }

    /// Filters along rows, and lays them as columns: twice filters along both and stands as before.
    fn across(&self, filter: &Filter) -> Plane {
        let margin = filter.margin();
        let mut turned = vec![0; self.values.len()];
        let (mut line, mut spare) = (vec![[0.0; LANES]; self.width + 2 * margin], Vec::new());
        for top in (0..self.height).step_by(LANES) {
            let rows = LANES.min(self.height - top);
            self.gather(top, rows, &mut line[margin..margin + self.width]);
            let (first, last) = (line[margin], line[margin + self.width - 1]);
            line[..margin].fill(first);
            line[margin + self.width..].fill(last);
            filter.apply(&mut line, &mut spare);
            for (column, lanes) in turned.chunks_exact_mut(self.height).zip(&line) {
                for (value, lane) in column[top..top + rows].iter_mut().zip(lanes) {
                    *value = (lane + 0.5) as u16;
                }
            }
            line.resize(self.width + 2 * margin, [0.0; LANES]);
        }
        Plane { width: self.height, height: self.width, values: turned }
    }

    fn gather(&self, top: usize, rows: usize, line: &mut [Lanes]) {
        for lane in 0..rows {
            let row = &self.values[(top + lane) * self.width..][..self.width];
            for (lanes, value) in line.iter_mut().zip(row) {
                lanes[lane] = f32::from(*value);
            }
        }
    }
}

/// A Gaussian, or what comes close to it.
enum Filter {
    /// Weights from the middle outwards.
    Weights(Vec<f32>),
    /// A box of `2 radius + 1` values and a share of the next one on either side (Gwosdek, Grewenig, Bruhn and
    /// Weickert, *Theoretical Foundations of Gaussian Convolution by Extended Box Filtering*), [`BOXES`] times.
    Boxes { radius: usize, share: f32 },
}

impl Filter {
    fn new(deviation: f32) -> Filter {
        if deviation < BOXES_FROM {
            let reach = (deviation * 3.0).ceil().max(1.0) as usize;
            let bell = |at: usize| (-0.5 * (at as f32 / deviation).powi(2)).exp();
            let total = bell(0) + 2.0 * (1..=reach).map(bell).sum::<f32>();
            return Filter::Weights((0..=reach).map(|at| bell(at) / total).collect());
        }
        let variance = f64::from(deviation).powi(2) / BOXES as f64;
        let radius = (((12.0 * variance + 1.0).sqrt() - 1.0) / 2.0).floor();
        let whole = 2.0 * radius + 1.0;
        let share =
            whole * (radius * (radius + 1.0) - 3.0 * variance) / (6.0 * (variance - (radius + 1.0).powi(2)));
        Filter::Boxes { radius: radius as usize, share: share as f32 }
    }

    /// Values that it needs beyond either end.
    fn margin(&self) -> usize {
        match self {
            Filter::Weights(weights) => weights.len() - 1,
            Filter::Boxes { radius, .. } => BOXES * (radius + 1),
        }
    }

    /// Filters a line, which loses its margins.
    fn apply(&self, line: &mut Vec<Lanes>, spare: &mut Vec<Lanes>) {
        match self {
            Filter::Weights(weights) => {
                weigh(line, weights, spare);
                std::mem::swap(line, spare);
            }
            Filter::Boxes { radius, share } => {
                for _ in 0..BOXES {
                    slide(line, *radius, *share, spare);
                    std::mem::swap(line, spare);
                }
            }
        }
    }
}

fn weigh(line: &[Lanes], weights: &[f32], out: &mut Vec<Lanes>) {
    let reach = weights.len() - 1;
    out.clear();
    out.extend(line.windows(2 * reach + 1).map(|window| {
        let mut sum: Lanes = window[reach].map(|value| value * weights[0]);
        for (at, weight) in weights.iter().enumerate().skip(1) {
            let (before, after) = (&window[reach - at], &window[reach + at]);
            for (sum, (before, after)) in sum.iter_mut().zip(before.iter().zip(after)) {
                *sum += (before + after) * weight;
            }
        }
        sum
    }));
}

/// A box over each place of a line: its sum is carried along.
fn slide(line: &[Lanes], radius: usize, share: f32, out: &mut Vec<Lanes>) {
    let (length, scale) = (2 * radius + 3, 1.0 / (2.0 * (radius as f32 + share) + 1.0));
    out.clear();
    let mut sum = [0.0; LANES];
    for lanes in &line[1..length - 1] {
        add(&mut sum, lanes);
    }
    for window in line.windows(length) {
        let (first, last) = (&window[0], &window[length - 1]);
        let mut mean = [0.0; LANES];
        for lane in 0..LANES {
            mean[lane] = (sum[lane] + share * (first[lane] + last[lane])) * scale;
            sum[lane] += last[lane] - window[1][lane];
        }
        out.push(mean);
    }
}

fn add(sum: &mut Lanes, lanes: &Lanes) {
    for (sum, value) in sum.iter_mut().zip(lanes) {
        *sum += value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The mean place and the deviation of what a single bright value becomes, along a row and along a column.
    fn spread(deviation: f32) -> [(f64, f64); 2] {
        let side = (deviation * 12.0) as usize | 1;
        let mut plane = Plane { width: side, height: side, values: vec![0; side * side] };
        // A line of light, so that no place has too little to count.
        let middle = side / 2;
        let mut of = |at: &dyn Fn(usize, usize) -> usize| {
            plane.values.fill(0);
            (0..side).for_each(|along| plane.values[at(along, middle)] = 65_000);
            let soft = plane.clone().soften(deviation);
            let values: Vec<f64> = (0..side).map(|x| f64::from(soft.values[at(middle, x)])).collect();
            let total: f64 = values.iter().sum();
            let mean = values.iter().zip(0..).map(|(v, x)| v * f64::from(x)).sum::<f64>() / total;
            let variance =
                values.iter().zip(0..).map(|(v, x)| v * (f64::from(x) - mean).powi(2)).sum::<f64>() / total;
            (mean - middle as f64, variance.sqrt())
        };
        [of(&|y, x| y * side + x), of(&|x, y| y * side + x)]
    }

    #[test]
    fn a_point_spreads_as_far_as_wished_and_stays_where_it_was() {
        for deviation in [1.0_f32, 1.5, 1.99, 2.0, 3.3, 10.0, 47.0] {
            for (moved, seen) in spread(deviation) {
                let off = (seen / f64::from(deviation) - 1.0).abs();
                assert!(moved.abs() < 0.01 && off < 0.02, "{deviation}: {seen}, moved by {moved}");
            }
        }
    }

    #[test]
    fn flat_stays_flat_at_any_size_and_radius() {
        for (width, height) in [(1, 1), (1, 40), (40, 1), (9, 17), (300, 8)] {
            for deviation in [0.5, 1.0, 2.0, 9.0, 250.0] {
                let flat = Plane { width, height, values: vec![43_210; width * height] };
                let soft = flat.clone().soften(deviation);
                let near = soft.values.iter().all(|value| value.abs_diff(43_210) <= 4);
                assert!(near && (soft.width, soft.height) == (width, height), "{width}x{height} {deviation}");
            }
        }
    }

    #[test]
    fn boxes_come_close_to_the_bell() {
        let edge = |deviation: f32| {
            let values = (0..200 * 9).map(|at| if at % 200 < 100 { 0 } else { 60_000 }).collect();
            Plane { width: 200, height: 9, values }.soften(deviation)
        };
        let soft = edge(8.0);
        for x in 60..140 {
            // The integral of the bell, by its sum.
            let bell = |at: f64| (-0.5 * (at / 8.0).powi(2)).exp();
            let total: f64 = (-400..=400).map(|at| bell(f64::from(at))).sum();
            let true_value =
                (-400..=400).filter(|at| x + at >= 100).map(|at| bell(f64::from(at))).sum::<f64>() / total
                    * 60_000.0;
            let seen = f64::from(soft.values[4 * 200 + x as usize]);
            assert!((seen - true_value).abs() < 600.0, "{x}: {seen}, not {true_value}");
        }
    }
}
