//! Who fetched what since the last flush, noted where it happens: each thread for itself, in memory of its own. Knows no
//! database; `fetches.rs` empties it into its table and reads both.

use std::hash::{Hash, Hasher};
use std::net::IpAddr;

use domain::{AccountId, SigningKeyId, Timestamp};
use hashbrown::{Equivalent, HashMap};
use sha2::{Digest as _, Sha256};
use signing::Scheme;

use crate::shards::{Held, Shards};

/// Kinds of fetches that half a shard tells apart whole; each takes about 400 bytes. Past this a fetch counts for its key
/// and verdict only.
const MAX_ENTRIES: usize = 4_096;

/// Past this it is not noted at all.
const MAX_COARSE_ENTRIES: usize = MAX_ENTRIES + 512;

/// The verdict on what was delivered.
pub(crate) const OK: &str = "ok";

/// One answer to a request that needed a signature.
#[derive(Debug, Clone, Copy)]
pub struct Fetched<'a> {
    /// The account that was asked.
    pub account: AccountId,
    /// The image's id, where there is such an image; else empty, so that no stranger's text is kept.
    pub image: &'a str,
    /// The variant as [`Rights::counted`](crate::Rights::counted) has it, or the way by which it was asked for.
    pub variant: &'a str,
    /// The scheme that the request was read by.
    pub scheme: Scheme,
    /// The key that signed, where that is proved: what a URL without a right signature says of itself is anybody's.
    pub key: Option<&'a SigningKeyId>,
    /// For whom the URL was issued, where a right signature says so.
    pub subject: Option<&'a str>,
    /// The token's id, where a right signature says so.
    pub token_id: Option<&'a str>,
    /// `ok`, or the reason of the refusal.
    pub verdict: &'static str,
    /// Who asked.
    pub address: Option<IpAddr>,
}

/// What was fetched since the last flush. Whoever notes waits for nobody.
pub struct FetchLog {
    shards: Shards<Noted>,
    is_on: bool,
}

/// Fetches of some time.
#[derive(Default)]
pub(crate) struct Noted {
    pub(crate) fetches: HashMap<Kept, Times>,
    /// Those for which there was no room to tell what they were of.
    pub(crate) coarse: u64,
    /// Those for which there was no room at all.
    pub(crate) lost: u64,
}

/// Fetches that are noted as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Fetch<'t> {
    pub(crate) account: AccountId,
    /// Minutes since 1970.
    pub(crate) minute: i64,
    pub(crate) scheme: Scheme,
    pub(crate) verdict: &'static str,
    pub(crate) image: &'t str,
    pub(crate) variant: &'t str,
    pub(crate) key_name: &'t str,
    pub(crate) subject: &'t str,
    pub(crate) token_id: &'t str,
}

/// The same, kept. Its texts lie in one piece, so that each hit that is noted touches one place of memory and not five.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) account: AccountId,
    minute: i64,
    scheme: Scheme,
    verdict: &'static str,
    /// Image, variant, name of the key, subject and token id.
    texts: Box<str>,
    /// Where all but the last of them end.
    ends: [usize; 4],
}

/// How often, and when and for whom the last time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    pub(crate) requests: u64,
    pub(crate) last_at: Timestamp,
    pub(crate) last_address: Option<IpAddr>,
}

/// The minute of a moment, since 1970 in UTC.
pub(crate) fn minute_of(at: Timestamp) -> i64 {
    at.as_seconds().div_euclid(60)
}

impl FetchLog {
    /// A log that notes, or one that does not.
    pub(crate) fn new(is_on: bool) -> FetchLog {
        FetchLog { shards: Shards::new(), is_on }
    }

    /// Notes one answer.
    pub fn note(&self, fetched: &Fetched<'_>, now: Timestamp) {
        if !self.is_on {
            return;
        }
        let fetch = Fetch {
            account: fetched.account,
            minute: minute_of(now),
            scheme: fetched.scheme,
            verdict: fetched.verdict,
            image: fetched.image,
            variant: fetched.variant,
            key_name: fetched.key.map(SigningKeyId::as_str).unwrap_or_default(),
            subject: fetched.subject.unwrap_or_default(),
            token_id: fetched.token_id.unwrap_or_default(),
        };
        let times = Times { requests: 1, last_at: now, last_address: fetched.address };
        self.shards.count(|noted| noted.add(fetch, times));
    }

    /// Waits until somewhere there is little room left; then it is time to flush.
    pub async fn filling(&self) {
        self.shards.filling().await;
    }

    pub(crate) fn take(&self) -> Vec<Noted> {
        self.shards.take()
    }

    pub(crate) fn put_back(&self, taken: Vec<Noted>) {
        self.shards.put_back(taken);
    }

    pub(crate) fn look(&self, see: impl FnMut(&Noted)) {
        self.shards.look(see);
    }
}

impl std::fmt::Debug for FetchLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FetchLog(…)")
    }
}

impl Noted {
    fn add(&mut self, mut fetch: Fetch<'_>, times: Times) {
        if let Some(known) = self.fetches.get_mut(&fetch) {
            return known.add(&times);
        }
        if self.fetches.len() >= MAX_ENTRIES {
            self.coarse += times.requests;
            (fetch.image, fetch.variant, fetch.subject, fetch.token_id) = ("", "", "", "");
            if let Some(known) = self.fetches.get_mut(&fetch) {
                return known.add(&times);
            }
            if self.fetches.len() >= MAX_COARSE_ENTRIES {
                self.lost += times.requests;
                return;
            }
        }
        self.fetches.insert(fetch.kept(), times);
    }
}

impl Held for Noted {
    const FILLING: usize = MAX_ENTRIES / 4 * 3;

    fn len(&self) -> usize {
        self.fetches.len()
    }

    fn add_all(&mut self, other: Noted) {
        for (fetch, times) in &other.fetches {
            self.add(fetch.lent(), *times);
        }
        self.coarse += other.coarse;
        self.lost += other.lost;
    }
}

impl Times {
    /// Takes in what is known of others.
    pub(crate) fn add(&mut self, other: &Times) {
        self.requests += other.requests;
        if other.last_at >= self.last_at {
            (self.last_at, self.last_address) = (other.last_at, other.last_address);
        }
    }
}

impl Fetch<'_> {
    /// A number that tells it from the others of its account and minute.
    pub(crate) fn digest(&self) -> i64 {
        let mut digest = Sha256::new();
        let texts =
            [self.image, self.variant, self.scheme.name(), self.key_name, self.subject, self.token_id];
        for text in texts.into_iter().chain([self.verdict]) {
            digest.update((text.len() as u32).to_be_bytes());
            digest.update(text);
        }
        let digest = digest.finalize();
        i64::from_be_bytes(std::array::from_fn(|at| digest[at]))
    }

    fn kept(&self) -> Kept {
        let Fetch { account, minute, scheme, verdict, .. } = *self;
        let texts = [self.image, self.variant, self.key_name, self.subject, self.token_id];
        let ends = std::array::from_fn(|last| texts[..=last].iter().map(|text| text.len()).sum());
        Kept { account, minute, scheme, verdict, texts: texts.concat().into(), ends }
    }
}

impl Kept {
    /// What is kept.
    pub(crate) fn lent(&self) -> Fetch<'_> {
        let Kept { account, minute, scheme, verdict, .. } = *self;
        let text = |start: usize, end: usize| self.texts.get(start..end).unwrap_or_default();
        let [image, variant, key_name, subject] = self.ends;
        Fetch {
            account,
            minute,
            scheme,
            verdict,
            image: text(0, image),
            variant: text(image, variant),
            key_name: text(variant, key_name),
            subject: text(key_name, subject),
            token_id: text(subject, self.texts.len()),
        }
    }
}

impl Hash for Kept {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.lent().hash(state);
    }
}

impl Equivalent<Kept> for Fetch<'_> {
    fn equivalent(&self, kept: &Kept) -> bool {
        let kept = kept.lent();
        self.account == kept.account
            && self.minute == kept.minute
            && self.scheme == kept.scheme
            && is_same(self.verdict, kept.verdict)
            && is_same(self.image, kept.image)
            && is_same(self.variant, kept.variant)
            && is_same(self.key_name, kept.key_name)
            && is_same(self.subject, kept.subject)
            && is_same(self.token_id, kept.token_id)
    }
}

/// Whether two texts are equal: mostly both are empty, or one and the same.
fn is_same(one: &str, other: &str) -> bool {
    one.len() == other.len() && (one.is_empty() || std::ptr::eq(one, other) || one == other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fetched(image: &str) -> Fetched<'_> {
        Fetched {
            account: AccountId::from_bytes([1; 16]),
            image,
            variant: "card",
            scheme: Scheme::Native,
            key: None,
            subject: Some("user-1"),
            token_id: None,
            verdict: OK,
            address: None,
        }
    }

    fn totals(log: &FetchLog) -> (u64, usize, u64) {
        let (mut requests, mut kinds, mut coarse) = (0, 0, 0);
        log.look(|noted| {
            requests += noted.fetches.values().map(|times| times.requests).sum::<u64>() + noted.lost;
            kinds += noted.fetches.len();
            coarse += noted.coarse;
        });
        (requests, kinds, coarse)
    }

    #[test]
    fn fetches_of_a_minute_add_up_and_the_last_one_is_known() {
        let log = FetchLog::new(true);
        for second in [0, 59, 60] {
            log.note(&fetched("cat"), Timestamp::from_seconds(second));
        }
        log.note(&Fetched { subject: None, ..fetched("cat") }, Timestamp::from_seconds(0));
        assert_eq!(totals(&log), (4, 3, 0));
        log.look(|noted| {
            let first = noted.fetches.iter().find(|(fetch, times)| fetch.minute == 0 && times.requests == 2);
            assert!(noted.fetches.is_empty() || first.unwrap().1.last_at == Timestamp::from_seconds(59));
        });
    }

    #[test]
    fn what_is_refused_keeps_the_names_that_were_proved() {
        let log = FetchLog::new(true);
        let key = SigningKeyId::default_key();
        let claims =
            Fetched { key: Some(&key), token_id: Some("link-1"), verdict: "expired", ..fetched("cat") };
        log.note(&claims, Timestamp::from_seconds(0));
        log.look(|noted| {
            for fetch in noted.fetches.keys().map(Kept::lent) {
                let names = (fetch.key_name, fetch.subject, fetch.token_id, fetch.verdict);
                assert_eq!(names, ("default", "user-1", "link-1", "expired"));
            }
        });
        assert_eq!(totals(&log), (1, 1, 0));
    }

    #[test]
    fn more_than_there_is_room_for_is_told_apart_by_key_and_verdict() {
        let log = FetchLog::new(true);
        for number in 0..3 * MAX_ENTRIES {
            log.note(&fetched(&number.to_string()), Timestamp::from_seconds(0));
        }
        assert_eq!(totals(&log), (3 * MAX_ENTRIES as u64, MAX_ENTRIES + 1, 2 * MAX_ENTRIES as u64));
        for minute in 0..2 * MAX_ENTRIES as i64 {
            log.note(&fetched("cat"), Timestamp::from_seconds(minute * 60));
        }
        let (requests, kinds, _) = totals(&log);
        assert_eq!((requests, kinds), (5 * MAX_ENTRIES as u64, MAX_COARSE_ENTRIES));
    }

    #[test]
    fn what_was_taken_comes_back_as_it_was_and_a_log_that_is_off_notes_nothing() {
        let log = FetchLog::new(true);
        for image in ["a", "b", "a"] {
            log.note(&fetched(image), Timestamp::from_seconds(0));
        }
        let taken = log.take();
        assert_eq!(totals(&log), (0, 0, 0));
        log.put_back(taken);
        assert_eq!(totals(&log), (3, 2, 0));
        let off = FetchLog::new(false);
        off.note(&fetched("a"), Timestamp::from_seconds(0));
        assert_eq!(totals(&off), (0, 0, 0));
    }

    #[test]
    fn every_part_of_a_fetch_is_in_its_digest() {
        let one = Fetch {
            account: AccountId::from_bytes([1; 16]),
            minute: 1,
            scheme: Scheme::Native,
            verdict: OK,
            image: "a",
            variant: "b",
            key_name: "c",
            subject: "d",
            token_id: "e",
        };
        let others = [
            Fetch { scheme: Scheme::Bunny, ..one },
            Fetch { verdict: "expired", ..one },
            Fetch { image: "ab", variant: "", ..one },
            Fetch { key_name: "x", ..one },
            Fetch { subject: "x", ..one },
            Fetch { token_id: "x", ..one },
        ];
        let digests: std::collections::HashSet<i64> = others.iter().map(Fetch::digest).collect();
        assert!(digests.len() == others.len() && !digests.contains(&one.digest()));
        let all: Vec<Fetch<'_>> = others.into_iter().chain([one]).collect();
        for fetch in &all {
            let kept = fetch.kept();
            assert_eq!(kept.lent(), *fetch);
            let known = all.iter().filter(|other| Equivalent::equivalent(*other, &kept));
            assert!(known.eq([fetch]));
        }
    }
}
