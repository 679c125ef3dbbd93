//! A spark line: the course of a count in a few points, with the same in words.

use crate::words;

/// Width and height of the drawing, in its own units.
const WIDTH: u64 = 90;
const HEIGHT: u64 = 24;

/// What the line keeps from the upper and lower edge, so that its stroke is not cut.
const MARGIN: u64 = 2;

/// A line over equal steps, as `components/spark.html` draws it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Spark {
    /// `0,22 15,12 …`: the line, from left to right.
    pub(crate) points: String,
    /// The same in words.
    pub(crate) words: String,
    /// Nothing happened at all.
    pub(crate) is_flat: bool,
}

impl Spark {
    /// Draws counts, the oldest first; `what` is what was counted and over which steps.
    pub(crate) fn new(counts: &[u64], what: &str) -> Spark {
        let most = counts.iter().copied().max().unwrap_or(0).max(1);
        let last = counts.len().saturating_sub(1).max(1) as u64;
        let point = |(at, count): (usize, &u64)| {
            let height = u128::from(HEIGHT - 2 * MARGIN) * u128::from(*count) / u128::from(most);
            format!("{},{}", at as u64 * WIDTH / last, u128::from(HEIGHT - MARGIN) - height)
        };
        let told: Vec<String> = counts.iter().map(|count| words::number(*count)).collect();
        Spark {
            points: counts.iter().enumerate().map(point).collect::<Vec<String>>().join(" "),
            words: format!("{what}: {}", told.join("; ")),
            is_flat: counts.iter().all(|count| *count == 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_count_reaches_the_top_and_none_stays_on_the_ground() {
        let spark = Spark::new(&[0, 5, 10, 1_200], "Requests");
        assert_eq!(spark.points, "0,22 30,22 60,22 90,2");
        assert_eq!((spark.words.as_str(), spark.is_flat), ("Requests: 0; 5; 10; 1,200", false));
        let spark = Spark::new(&[0, 0], "Requests");
        assert_eq!((spark.points.as_str(), spark.is_flat), ("0,22 90,22", true));
    }

    #[test]
    fn any_counts_are_drawn_within_the_frame() {
        for counts in [&[][..], &[7], &[u64::MAX, 0, u64::MAX]] {
            let spark = Spark::new(counts, "");
            for point in spark.points.split_whitespace() {
                let (x, y) = point.split_once(',').unwrap();
                assert!(x.parse::<u64>().unwrap() <= WIDTH && y.parse::<u64>().unwrap() <= HEIGHT, "{point}");
            }
        }
    }
}
