//! What was delivered and asked since the last flush, counted where it happens: each thread counts for itself, in
//! memory of its own. Knows no database; `counters.rs` empties it into tables, `usage.rs` adds what it still holds.

use std::net::IpAddr;

use domain::{AccountId, ObjectId, SigningKeyId, Timestamp};
use hashbrown::{Equivalent, HashMap};
use variant::Format;

use crate::shards::{Held, Shards};

/// Kinds of answers that half a shard tells apart down to the image; each takes about 300 bytes. Past this an answer
/// counts for its account, variant and signing key only.
const MAX_ENTRIES: usize = 8_192;

/// Past this it is not told apart at all.
const MAX_COARSE_ENTRIES: usize = MAX_ENTRIES + 1_024;

/// At this many whoever flushes is woken.
const FILLING: usize = MAX_ENTRIES / 4 * 3;

/// One answer of delivery, as it is counted.
#[derive(Debug, Clone, Copy)]
pub struct Answered<'a> {
    /// Account and variant, of [`Rights::counted`](crate::Rights::counted).
    pub of: Counted<'a>,
    /// What came of it.
    pub outcome: Outcome,
    /// The encoding that was sent.
    pub format: Option<Format>,
    /// Bytes of body that were sent.
    pub sent_bytes: u64,
    /// The image that was asked for, by its original, where the visitor may see it.
    pub object: Option<&'a ObjectId>,
    /// The digest of the rendition that was read, if one was.
    pub digest: Option<[u8; 16]>,
    /// The signature that was needed and right.
    pub signed: Option<&'a signing::Verified>,
    /// Who asked.
    pub address: Option<IpAddr>,
}

/// For whom an answer counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted<'a> {
    /// The account that the URL names.
    pub account: AccountId,
    /// Its variant: [`FLEXIBLE`] for options in the URL, [`UNKNOWN`] for what is no variant of the account, so that no
    /// stranger's text is kept.
    pub variant: &'a str,
}

/// What deliveries with options in the URL count under.
pub const FLEXIBLE: &str = "";

/// What deliveries of a variant that is not there count under.
pub const UNKNOWN: &str = "?";

/// What came of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Delivered from memory.
    Hit,
    /// Delivered after storage or a worker was asked.
    Miss,
    /// The visitor had it already.
    NotModified,
    /// An upload by a signed request: nothing was delivered.
    Stored,
    /// Refused, for this reason.
    Refused(&'static str),
}

impl Outcome {
    /// The word in the tables: `hit`, `miss`, `not_modified`, `stored`, or the reason of a refusal.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Hit => "hit",
            Outcome::Miss => "miss",
            Outcome::NotModified => "not_modified",
            Outcome::Stored => "stored",
            Outcome::Refused(reason) => reason,
        }
    }
}

/// What was counted since the last flush. The path of a hit waits for nobody.
pub struct Tally {
    shards: Shards<Counts>,
}

/// Counts of some time.
#[derive(Default)]
pub(crate) struct Counts {
    /// Answers of delivery.
    pub(crate) answers: HashMap<Kind<Box<str>, SigningKeyId>, Sum>,
    /// Requests with an API token, by its id and the hour.
    pub(crate) tokens: HashMap<(Box<str>, i64), Asked>,
    /// Answers for which there was no room to tell their image.
    pub(crate) coarse: u64,
    /// Answers and requests for which there was no room at all.
    pub(crate) lost: u64,
}

/// Answers that are counted as one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Kind<Name, Id> {
    pub(crate) account: AccountId,
    pub(crate) object: Option<ObjectId>,
    pub(crate) digest: Option<[u8; 16]>,
    /// Hours since 1970.
    pub(crate) hour: i64,
    pub(crate) format: Option<Format>,
    pub(crate) outcome: Outcome,
    pub(crate) variant: Name,
    pub(crate) key: Option<Id>,
}

/// What is known of all answers of a kind together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sum {
    pub(crate) requests: u64,
    pub(crate) sent_bytes: u64,
    pub(crate) last_at: Timestamp,
    pub(crate) last_address: Option<IpAddr>,
    pub(crate) latest_exp_s: Option<i64>,
}

/// What is known of the requests with a token within an hour.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) requests: u64,
    pub(crate) last_at: Timestamp,
}

/// The hour of a moment, since 1970 in UTC.
pub(crate) fn hour_of(at: Timestamp) -> i64 {
    at.as_seconds().div_euclid(3_600)
}

type Wanted<'a> = Kind<&'a str, &'a SigningKeyId>;

impl Equivalent<Kind<Box<str>, SigningKeyId>> for Wanted<'_> {
    fn equivalent(&self, other: &Kind<Box<str>, SigningKeyId>) -> bool {
        self.object == other.object
            && self.digest == other.digest
            && self.account == other.account
            && self.hour == other.hour
            && self.format == other.format
            && self.outcome == other.outcome
            && self.variant == &*other.variant
            && self.key == other.key.as_ref()
    }
}

impl Wanted<'_> {
    fn kept(&self) -> Kind<Box<str>, SigningKeyId> {
        let Kind { account, object, digest, hour, format, outcome, variant, key } = *self;
        Kind { account, object, digest, hour, format, outcome, variant: variant.into(), key: key.cloned() }
    }
}

/// A token's id and an hour, owned by somebody else. Hashes as the pair in the map does.
#[derive(Hash)]
struct TokenAt<'a>(&'a str, i64);

impl Equivalent<(Box<str>, i64)> for TokenAt<'_> {
    fn equivalent(&self, (id, hour): &(Box<str>, i64)) -> bool {
        self.1 == *hour && *self.0 == **id
    }
}

impl Tally {
    pub(crate) fn new() -> Tally {
        Tally { shards: Shards::new() }
    }

    /// Counts one answer of delivery.
    pub fn count(&self, answer: &Answered<'_>, now: Timestamp) {
        let wanted = Kind {
            account: answer.of.account,
            object: answer.object.copied(),
            digest: answer.digest,
            hour: hour_of(now),
            format: answer.format,
            outcome: answer.outcome,
            variant: answer.of.variant,
            key: answer.signed.map(|signed| &*signed.key),
        };
        let sum = Sum {
            requests: 1,
            sent_bytes: answer.sent_bytes,
            last_at: now,
            last_address: answer.address,
            latest_exp_s: answer.signed.and_then(|signed| signed.expires_s),
        };
        self.shards.count(|counts| counts.add(wanted, sum));
    }

    /// Counts one request with an API token.
    pub(crate) fn count_token(&self, id: &str, now: Timestamp) {
        self.shards.count(|counts| counts.add_token(id, hour_of(now), Asked { requests: 1, last_at: now }));
    }

    /// Waits until somewhere there is little room left; then it is time to flush.
    pub async fn filling(&self) {
        self.shards.filling().await;
    }

    /// Takes out what was counted so far.
    pub(crate) fn take(&self) -> Vec<Counts> {
        self.shards.take()
    }

    /// Puts back what could not be written.
    pub(crate) fn put_back(&self, taken: Vec<Counts>) {
        self.shards.put_back(taken);
    }

    /// Shows what is held, piece by piece.
    pub(crate) fn look(&self, see: impl FnMut(&Counts)) {
        self.shards.look(see);
    }
}

impl std::fmt::Debug for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tally(…)")
    }
}

impl Held for Counts {
    const FILLING: usize = FILLING;

    fn len(&self) -> usize {
        self.answers.len() + self.tokens.len()
    }

    fn add_all(&mut self, other: Counts) {
        for (kind, sum) in &other.answers {
            let Kind { account, object, digest, hour, format, outcome, ref variant, ref key } = *kind;
            let wanted = Kind {
                account,
                object,
                digest,
                hour,
                format,
                outcome,
                variant: &**variant,
                key: key.as_ref(),
            };
            self.add(wanted, *sum);
        }
        for ((id, hour), asked) in &other.tokens {
            self.add_token(id, *hour, *asked);
        }
        self.coarse += other.coarse;
        self.lost += other.lost;
    }
}

impl Counts {
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0 && self.lost == 0
    }

    fn add(&mut self, mut wanted: Wanted<'_>, sum: Sum) {
        if let Some(known) = self.answers.get_mut(&wanted) {
            return known.add(&sum);
        }
        if self.len() >= MAX_ENTRIES {
            self.coarse += if wanted.object.is_some() { sum.requests } else { 0 };
            (wanted.object, wanted.digest) = (None, None);
            if let Some(known) = self.answers.get_mut(&wanted) {
                return known.add(&sum);
            }
            if self.len() >= MAX_COARSE_ENTRIES {
                self.lost += sum.requests;
                return;
            }
        }
        self.answers.insert(wanted.kept(), sum);
    }

    fn add_token(&mut self, id: &str, hour: i64, asked: Asked) {
        if let Some(known) = self.tokens.get_mut(&TokenAt(id, hour)) {
            known.requests += asked.requests;
            known.last_at = known.last_at.max(asked.last_at);
        } else if self.len() < MAX_COARSE_ENTRIES {
            self.tokens.insert((id.into(), hour), asked);
        } else {
            self.lost += asked.requests;
        }
    }
}

impl Sum {
    fn add(&mut self, other: &Sum) {
        self.requests += other.requests;
        self.sent_bytes = self.sent_bytes.saturating_add(other.sent_bytes);
        if other.last_at >= self.last_at {
            (self.last_at, self.last_address) = (other.last_at, other.last_address);
        }
        self.latest_exp_s = self.latest_exp_s.max(other.latest_exp_s);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn hit<'a>(object: &'a ObjectId, variant: &'a str) -> Answered<'a> {
        Answered {
            of: Counted { account: AccountId::from_bytes([1; 16]), variant },
            outcome: Outcome::Hit,
            format: Some(Format::Webp),
            sent_bytes: 10,
            object: Some(object),
            digest: Some([7; 16]),
            signed: None,
            address: None,
        }
    }

    fn totals(tally: &Tally) -> (u64, u64, usize) {
        let (mut requests, mut bytes, mut kinds) = (0, 0, 0);
        tally.look(|counts| {
            requests += counts.answers.values().map(|sum| sum.requests).sum::<u64>() + counts.lost;
            bytes += counts.answers.values().map(|sum| sum.sent_bytes).sum::<u64>();
            kinds += counts.answers.len();
        });
        (requests, bytes, kinds)
    }

    #[test]
    fn answers_of_a_kind_add_up_and_others_stay_apart() {
        let (tally, now) = (Tally::new(), Timestamp::from_seconds(7_200));
        let (one, two) = (ObjectId::random(), ObjectId::random());
        for answer in [hit(&one, "card"), hit(&one, "card"), hit(&two, "card"), hit(&one, FLEXIBLE)] {
            tally.count(&answer, now);
        }
        tally.count(&hit(&one, "card"), Timestamp::from_seconds(10_800));
        assert_eq!(totals(&tally), (5, 50, 4));
    }

    #[test]
    fn every_thread_is_counted_while_others_look_and_take() {
        let tally = Arc::new(Tally::new());
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let tally = Arc::clone(&tally);
                std::thread::spawn(move || {
                    let object = ObjectId::random();
                    for second in 0..20_000 {
                        tally.count(&hit(&object, "card"), Timestamp::from_seconds(second));
                        tally.count_token("t", Timestamp::from_seconds(second));
                    }
                })
            })
            .collect();
        let mut taken = Vec::new();
        while threads.iter().any(|thread| !thread.is_finished()) {
            totals(&tally);
            taken.push(tally.take());
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        taken.into_iter().for_each(|taken| tally.put_back(taken));
        assert_eq!(totals(&tally).0, 160_000);
        let mut asked = 0;
        tally.look(|counts| asked += counts.tokens.values().map(|asked| asked.requests).sum::<u64>());
        assert_eq!(asked, 160_000);
    }

    #[test]
    fn a_crawl_over_more_images_than_there_is_room_for_counts_by_variant() {
        let (tally, now) = (Tally::new(), Timestamp::from_seconds(0));
        for _ in 0..3 * MAX_ENTRIES {
            tally.count(&hit(&ObjectId::random(), "card"), now);
        }
        let (requests, bytes, kinds) = totals(&tally);
        assert_eq!((requests, bytes), (3 * MAX_ENTRIES as u64, 30 * MAX_ENTRIES as u64));
        assert!(kinds <= MAX_COARSE_ENTRIES, "{kinds}");
        let mut coarse = 0;
        tally.look(|counts| coarse += counts.coarse);
        assert_eq!(coarse, 2 * MAX_ENTRIES as u64);
    }

    #[test]
    fn what_could_not_be_written_is_told_apart_as_before() {
        let tally = Tally::new();
        std::thread::scope(|threads| {
            for _ in 0..4 {
                threads.spawn(|| {
                    for _ in 0..MAX_ENTRIES {
                        tally.count(&hit(&ObjectId::random(), "card"), Timestamp::from_seconds(0));
                    }
                });
            }
        });
        let coarse = || {
            let mut coarse = 0;
            tally.look(|counts| coarse += counts.coarse);
            coarse
        };
        let before = (totals(&tally), coarse());
        let taken = tally.take();
        assert_eq!(totals(&tally).0, 0);
        tally.put_back(taken);
        assert_eq!((totals(&tally), coarse()), before);
    }

    #[test]
    fn what_finds_no_room_at_all_is_told_as_lost() {
        let (tally, now) = (Tally::new(), Timestamp::from_seconds(0));
        let object = ObjectId::random();
        for number in 0..2 * MAX_ENTRIES {
            tally.count(&hit(&object, &number.to_string()), now);
        }
        let (requests, _, kinds) = totals(&tally);
        assert_eq!((requests, kinds), (2 * MAX_ENTRIES as u64, MAX_COARSE_ENTRIES));
    }

    #[tokio::test]
    async fn whoever_flushes_is_woken_before_there_is_no_room() {
        let (tally, now) = (Tally::new(), Timestamp::from_seconds(0));
        for _ in 0..FILLING {
            tally.count(&hit(&ObjectId::random(), "card"), now);
        }
        tally.filling().await;
    }
}
