//! The one-time code that opens the setup page: in memory only, good for half an hour.

use std::time::Duration;

use domain::Timestamp;
use parking_lot::Mutex;
use rand::RngExt as _;
use subtle::ConstantTimeEq as _;

/// How long a code is good.
const GOOD_FOR: Duration = Duration::from_secs(30 * 60);

/// Wrong tries without a wait.
const FREE_TRIES: u32 = 5;

/// The longest wait. With 40 random bits in a code, one try a minute finds none; a longer wait would only let a
/// stranger keep the owner out.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Letters and digits that are not taken for one another.
const ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

/// The setup code with its time and the wrong tries so far.
#[derive(Debug, Default)]
pub(crate) struct SetupCode {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    issued: Option<(String, Timestamp)>,
    wrong: u32,
    wait_until: Option<Timestamp>,
}

/// What came of a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// This is the code.
    Right,
    /// It is not, or not any more.
    Wrong,
    /// Too many wrong ones: so long to wait; the code was not even looked at.
    Wait(Duration),
}

impl SetupCode {
    /// A new code if there is none that is still good: whoever calls prints it.
    pub(crate) fn renew(&self, now: Timestamp) -> Option<String> {
        let mut state = self.state.lock();
        if state.issued.as_ref().is_some_and(|(_, end)| now < *end) {
            return None;
        }
        let code = random_code();
        state.issued = Some((code.clone(), now.plus(GOOD_FOR)));
        Some(code)
    }

    /// Tries a code, however it is spaced and spelled.
    pub(crate) fn attempt(&self, typed: &str, now: Timestamp) -> Attempt {
        let mut state = self.state.lock();
        if let Some(until) = state.wait_until.filter(|until| now < *until) {
            return Attempt::Wait(until.since(now));
        }
        let typed = plain(typed);
        let known =
            state.issued.as_ref().filter(|(code, _)| plain(code).as_bytes().ct_eq(typed.as_bytes()).into());
        match known {
            Some((_, end)) if now < *end => return Attempt::Right,
            // Whoever has an old code has seen the server's terminal: that is no guess.
            Some(_) => return Attempt::Wrong,
            None => {}
        }
        state.wrong += 1;
        if state.wrong >= FREE_TRIES {
            let wait = Duration::from_secs(5) * 2_u32.pow((state.wrong - FREE_TRIES).min(8));
            state.wait_until = Some(now.plus(wait.min(LONGEST_WAIT)));
        }
        Attempt::Wrong
    }
}

/// Eight characters such as `K7QM-2RFD`: 40 random bits.
fn random_code() -> String {
    let mut rng = rand::rng();
    let mut code: String =
        (0..8).map(|_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())])).collect();
    code.insert(4, '-');
    code
}

fn plain(code: &str) -> String {
    code.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).take(16).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> Timestamp {
        Timestamp::from_seconds(s)
    }

    #[test]
    fn a_code_is_good_for_half_an_hour_and_then_replaced() {
        let setup = SetupCode::default();
        let code = setup.renew(at(0)).unwrap();
        assert_eq!((code.len(), code.as_bytes()[4]), (9, b'-'));
        assert_eq!(setup.renew(at(1_799)), None);
        assert_eq!(setup.attempt(&code, at(1_799)), Attempt::Right);
        assert_eq!(setup.attempt(&code, at(1_800)), Attempt::Wrong);
        let new = setup.renew(at(1_860)).unwrap();
        assert_ne!(new, code);
        assert_eq!(setup.attempt(&code, at(1_860)), Attempt::Wrong);
        assert_eq!(setup.attempt(&new, at(1_860)), Attempt::Right);
    }

    #[test]
    fn a_code_may_be_typed_as_people_type() {
        let setup = SetupCode::default();
        let code = setup.renew(at(0)).unwrap();
        let typed = format!(" {} ", code.replace('-', " ").to_lowercase());
        assert_eq!(setup.attempt(&typed, at(1)), Attempt::Right);
    }

    #[test]
    fn wrong_codes_wait_longer_and_longer_up_to_a_minute() {
        let setup = SetupCode::default();
        let code = setup.renew(at(0)).unwrap();
        for _ in 0..5 {
            assert_eq!(setup.attempt("AAAA-AAAA", at(0)), Attempt::Wrong);
        }
        assert_eq!(setup.attempt(&code, at(0)), Attempt::Wait(Duration::from_secs(5)));
        assert_eq!(setup.attempt("AAAA-AAAA", at(5)), Attempt::Wrong);
        assert_eq!(setup.attempt(&code, at(5)), Attempt::Wait(Duration::from_secs(10)));
        assert_eq!(setup.attempt(&code, at(15)), Attempt::Right);
        for n in 0..20 {
            setup.attempt("AAAA-AAAA", at(100 + n * 60));
        }
        assert_eq!(setup.attempt(&code, at(100 + 19 * 60)), Attempt::Wait(Duration::from_secs(60)));
    }

    #[test]
    fn without_a_code_nothing_is_right() {
        assert_eq!(SetupCode::default().attempt("", at(0)), Attempt::Wrong);
    }
}
