//! Looks for a quality: the lowest that keeps a look, or the highest that fits into so many bytes. Knows no pixel and no
//! encoder: it asks what a quality comes to, as seldom as it can.

/// The qualities among which it is looked, in public numbers: below the first a picture is not worth looking at, above the
/// last bytes grow without being seen.
pub(super) const RANGE: (u8, u8) = (10, 96);

/// The most answers that a search asks for.
pub(super) const MAX_ASKED: usize = 10;

/// Points of score that a step of quality is thought to bring, before two answers tell it.
const USUAL_SLOPE: f64 = 0.9;

/// A score that is above the target by no more than this is good enough: a step of quality is less than can be seen.
const NEAR: f64 = 0.6;

/// A quality, and what it came to.
type Answer = (u8, f64);

/// What is known so far.
#[derive(Debug, Clone, Copy, Default)]
struct Bracket {
    /// The highest quality that is too low.
    below: Option<Answer>,
    /// The lowest quality that is enough.
    enough: Option<Answer>,
    /// How far the last answer lay from the one before, while all lie on one side.
    step: u8,
    /// Answers so far.
    asked: usize,
}

/// The lowest quality whose score reaches a target, as far as so many answers tell; the highest there is where none does.
/// `score` answers what a quality comes to, or none when there is no more time: then the lowest that was seen to be enough
/// is taken, or else the one to begin with.
pub(super) fn lowest<E>(
    begin: u8,
    target: f64,
    mut score: impl FnMut(u8) -> Result<Option<f64>, E>,
) -> Result<u8, E> {
    let begin = begin.clamp(RANGE.0, RANGE.1);
    let mut known = Bracket::default();
    let mut next = Some(begin);
    for _ in 0..MAX_ASKED {
        let Some(quality) = next else { break };
        let Some(found) = score(quality)? else { break };
        known.note((quality, found), target);
        next = known.next(target);
    }
    Ok(known.best().unwrap_or(begin))
}

impl Bracket {
    fn note(&mut self, answer: Answer, target: f64) {
        if answer.1 >= target {
            self.enough = Some(answer);
        } else {
            self.below = Some(answer);
        }
        self.asked += 1;
    }

    /// Where to look next; none where the answer is found.
    fn next(&mut self, target: f64) -> Option<u8> {
        match (self.below, self.enough) {
            (_, Some((_, score))) if score - target <= NEAR => None,
            (Some(below), Some(enough)) => between(below, enough, target, self.asked.is_multiple_of(2)),
            (None, Some(enough)) => {
                let step = self.stride(enough, target);
                (enough.0 > RANGE.0).then(|| enough.0.saturating_sub(step).max(RANGE.0))
            }
            (Some(below), None) => {
                let step = self.stride(below, target);
                (below.0 < RANGE.1).then(|| below.0.saturating_add(step).min(RANGE.1))
            }
            (None, None) => None,
        }
    }

    /// How far to go on where the target is not passed yet: as far as it is if a step brings what it usually does, and
    /// farther each time.
    fn stride(&mut self, (_, score): Answer, target: f64) -> u8 {
        let thought = ((target - score).abs() / USUAL_SLOPE).round().clamp(1.0, f64::from(RANGE.1)) as u8;
        self.step = thought.max(self.step.saturating_mul(2));
        self.step
    }

    /// What is enough; past the end of the range nothing is, and its end is the best there is.
    fn best(&self) -> Option<u8> {
        match (self.enough, self.below) {
            (Some((quality, _)), _) => Some(quality),
            // Nothing that was asked is enough, but what was not asked may be: better too good than too bad.
            (None, Some((quality, _))) => Some(quality.saturating_add(STEP_UP).min(RANGE.1)),
            (None, None) => None,
        }
    }
}

/// What is added to a quality that is known to be too low when there is no time to look further.
const STEP_UP: u8 = 5;

/// A gap of so many steps is not halved: along it a curve is as good as straight.
const HALVED: u8 = 4;

/// Where a straight line between two answers meets the target. Scores rise along a curve, which a line alone comes down
/// slowly: every other time it is the middle.
fn between((low, under): Answer, (high, over): Answer, target: f64, may_halve: bool) -> Option<u8> {
    if high - low <= 1 {
        return None;
    }
    let share = (target - under) / (over - under).max(f64::EPSILON);
    let share = if may_halve && high - low > HALVED { 0.5 } else { share };
    let guess = f64::from(low) + share * f64::from(high - low);
    Some((guess.ceil() as u8).clamp(low + 1, high - 1))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    /// Searches where a quality comes to what `score` says; returns what was found and how often it was asked.
    fn search(begin: u8, target: f64, score: impl Fn(u8) -> f64) -> (u8, usize) {
        let mut asked = 0;
        let found = lowest(begin, target, |quality| {
            asked += 1;
            Ok::<_, Infallible>(Some(score(quality)))
        });
        let Ok(found) = found;
        (found, asked)
    }

    /// Scores as encoders give them: steep at low qualities, flat at high ones.
    fn curve(steepness: f64) -> impl Fn(u8) -> f64 {
        move |quality| 100.0 - steepness / (f64::from(quality) / 100.0 + 0.15)
    }

    #[test]
    fn a_search_that_begins_where_it_will_end_asks_once_or_twice() {
        let score = |quality: u8| f64::from(quality);
        assert_eq!(search(75, 75.0, score), (75, 1));
        assert!(search(74, 75.0, score).1 <= 2);
    }

    #[test]
    fn where_no_quality_is_enough_the_highest_is_taken_and_where_all_are_the_lowest() {
        assert_eq!(search(80, 85.0, |_| 10.0).0, RANGE.1);
        assert_eq!(search(80, 85.0, |_| 99.0).0, RANGE.0);
    }

    #[test]
    fn without_time_it_takes_what_is_known_to_be_enough_or_a_little_more_than_is_not() {
        let stopped_after = |answers: usize, begin: u8| {
            let mut asked = 0;
            let found = lowest(begin, 75.0, |quality| {
                asked += 1;
                Ok::<_, Infallible>((asked <= answers).then(|| f64::from(quality)))
            });
            let Ok(found) = found;
            found
        };
        assert_eq!(stopped_after(0, 60), 60);
        assert_eq!(stopped_after(1, 90), 90);
        assert_eq!(stopped_after(1, 60), 65);
    }

    #[test]
    fn a_failure_of_an_answer_ends_it() {
        assert_eq!(lowest(80, 75.0, |_| Err("broken")), Err("broken"));
    }

    proptest! {
        #[test]
        fn what_is_found_reaches_the_target_and_hardly_more(
            begin in 0_u8..=255, target in 40.0..92.0_f64, steepness in 8.0..40.0_f64,
        ) {
            let score = curve(steepness);
            let (found, asked) = search(begin, target, &score);
            prop_assert!(asked <= MAX_ASKED);
            if score(RANGE.1) >= target {
                prop_assert!(score(found) >= target, "{found} comes to {}", score(found));
                let is_lowest = found == RANGE.0 || score(found - 1) < target;
                prop_assert!(is_lowest || score(found) - target <= NEAR, "{found} comes to {}", score(found));
            } else {
                prop_assert_eq!(found, RANGE.1);
            }
        }
    }
}
