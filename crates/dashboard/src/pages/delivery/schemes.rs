//! The signing schemes of an account as rows, and what report mode found.

use catalog::{ReportedVerdict, SchemeEntry, SchemeMode};
use domain::{Fault as _, sentence};
use signing::Scheme;

use crate::error::Failure;
use crate::member::Member;
use crate::scheme_words::{about, weakness};
use crate::words::{self, Moment};

/// A scheme as the list shows it.
pub(crate) struct SchemeRow {
    pub(crate) title: &'static str,
    pub(crate) marks: &'static str,
    pub(crate) path: String,
    pub(crate) mode: ModeTag,
    /// `2 keys`, or where its keys are.
    pub(crate) keys: String,
    pub(crate) is_weak: bool,
    /// What the last 24 hours brought; empty where nobody looked.
    pub(crate) told: String,
}

/// A mode in a word, with the class of its tag.
pub(crate) struct ModeTag {
    pub(crate) word: &'static str,
    pub(crate) class: &'static str,
}

/// A verdict that report mode counted.
pub(crate) struct Found {
    /// `ok`, or the reason.
    pub(crate) verdict: String,
    /// The same in words.
    pub(crate) told: String,
    pub(crate) accepted: bool,
    pub(crate) day: String,
    pub(crate) week: String,
    pub(crate) last: Moment,
}

/// What report mode found, in sums.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) accepted: u64,
    pub(crate) refused: u64,
}

impl ModeTag {
    /// The tag of a mode.
    pub(crate) fn of(mode: SchemeMode) -> ModeTag {
        let (word, class) = match mode {
            SchemeMode::Off => ("Off", "faint"),
            SchemeMode::Report => ("Report", "warn"),
            SchemeMode::Enforce => ("Enforce", "accent"),
        };
        ModeTag { word, class }
    }
}

impl Sums {
    /// The sums of a report.
    pub(crate) fn of(report: &[ReportedVerdict]) -> Sums {
        report.iter().fold(Sums::default(), |sums, found| match found.verdict.as_str() {
            "ok" => Sums { accepted: sums.accepted + found.requests, ..sums },
            _ => Sums { refused: sums.refused + found.requests, ..sums },
        })
    }

    /// All of them.
    pub(crate) fn seen(self) -> u64 {
        self.accepted + self.refused
    }
}

/// The rows of every scheme that is served.
pub(crate) async fn rows(member: &Member) -> Result<Vec<SchemeRow>, Failure> {
    let mut rows = Vec::new();
    for entry in member.visit.dashboard.catalog().schemes(&member.account.id).await? {
        rows.push(SchemeRow {
            title: about(entry.scheme).title,
            marks: about(entry.scheme).marks,
            path: path(member, entry.scheme),
            mode: ModeTag::of(entry.mode),
            keys: keys(&entry),
            is_weak: entry.mode != SchemeMode::Off && weakness(entry.scheme, &entry.settings).is_some(),
            told: told(member, &entry).await?,
        });
    }
    Ok(rows)
}

/// The page of a scheme.
pub(crate) fn path(member: &Member, scheme: Scheme) -> String {
    member.path(&format!("delivery/schemes/{}", scheme.name()))
}

fn keys(entry: &SchemeEntry) -> String {
    match entry.scheme.key_kinds().is_empty() {
        true => "Signing keys".to_owned(),
        false if entry.keys == 0 => "None".to_owned(),
        false => words::count(entry.keys, "key"),
    }
}

async fn told(member: &Member, entry: &SchemeEntry) -> Result<String, Failure> {
    Ok(match entry.mode {
        SchemeMode::Off => String::new(),
        SchemeMode::Enforce => words::count(signed_by(member, entry.scheme).await?, "request"),
        SchemeMode::Report => {
            let catalog = member.visit.dashboard.catalog();
            let sums = Sums::of(&catalog.scheme_report(&member.account.id, entry.scheme, 1).await?);
            match (sums.seen(), sums.refused) {
                (0, _) => "None seen yet".to_owned(),
                (seen, 0) => format!("{} seen, all would be accepted", words::number(seen)),
                (seen, refused) => {
                    format!("{} seen, {} would be refused", words::number(seen), words::number(refused))
                }
            }
        }
    })
}

/// Requests of the last 24 hours that a key of a scheme proved. Native and generic URLs share the account's signing keys,
/// and these do not say which of the two it was.
pub(crate) async fn signed_by(member: &Member, scheme: Scheme) -> Result<u64, Failure> {
    let catalog = member.visit.dashboard.catalog();
    let usage = catalog.signing_key_usage(&member.account.id).await?;
    let foreign = catalog.verifying_keys(&member.account.id).await?;
    let counts = usage.iter().filter(|(name, _)| match foreign.iter().find(|key| key.name == **name) {
        Some(key) => key.scheme == scheme,
        None => scheme.key_kinds().is_empty(),
    });
    Ok(counts.map(|(_, usage)| usage.requests_24h()).sum())
}

/// What report mode found of a scheme within 24 hours and seven days, the commonest first.
pub(crate) async fn found(member: &Member, scheme: Scheme) -> Result<Vec<Found>, Failure> {
    let catalog = member.visit.dashboard.catalog();
    let day = catalog.scheme_report(&member.account.id, scheme, 1).await?;
    let mut week = catalog.scheme_report(&member.account.id, scheme, 7).await?;
    week.sort_by_key(|found| std::cmp::Reverse(found.requests));
    let of_day =
        |verdict: &str| day.iter().find(|found| found.verdict == verdict).map_or(0, |found| found.requests);
    let shown = week.iter().map(|found| Found {
        told: verdict(&found.verdict),
        accepted: found.verdict == "ok",
        day: words::number(of_day(&found.verdict)),
        week: words::number(found.requests),
        last: Moment::new(found.last_at),
        verdict: found.verdict.clone(),
    });
    Ok(shown.collect())
}

/// A verdict in words: a reason of signing-schemes 10, or `ok`.
pub(crate) fn verdict(word: &str) -> String {
    let known = signing::Error::ALL.iter().find(|error| error.reason() == Some(word));
    match (word, known) {
        ("ok", _) => "Accepted".to_owned(),
        (_, Some(error)) => sentence(&error.to_string()),
        (other, None) => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::*;

    #[test]
    fn a_report_adds_up_to_what_would_be_accepted_and_what_not() {
        let found = |verdict: &str, requests| ReportedVerdict {
            verdict: verdict.to_owned(),
            requests,
            last_at: Timestamp::from_seconds(0),
        };
        let sums = Sums::of(&[found("ok", 1_190), found("expired", 12), found("bad_signature", 2)]);
        assert_eq!((sums.accepted, sums.refused, sums.seen()), (1_190, 14, 1_204));
    }

    #[test]
    fn every_reason_has_its_words() {
        assert_eq!((verdict("ok"), verdict("expired")), ("Accepted".into(), "The URL has expired.".into()));
        assert!(signing::Error::ALL.iter().all(|error| verdict(error.reason().unwrap()).ends_with('.')));
        assert_eq!(verdict("forbidden"), "forbidden");
    }
}
