//! What an account has revoked, as a form: ids of tokens, subjects, and a mark in time.

use catalog::AccountPolicy;
use domain::{Timestamp, sentence};

use super::rules::{WrongFields, listed};
use crate::fields::Fields;
use crate::words;

/// The form: what stands in its fields, and what is wrong with them.
#[derive(Debug, Clone)]
pub(crate) struct Revoked {
    pub(crate) token_ids: String,
    pub(crate) subjects: String,
    /// `2026-11-14T10:40`, in UTC; empty for none.
    pub(crate) before: String,
    /// The mark as it was, in seconds: the field shows minutes only.
    before_s: Option<i64>,
    wrong: WrongFields,
}

impl Revoked {
    /// What is revoked now.
    pub(crate) fn of(policy: &AccountPolicy) -> Revoked {
        let before =
            policy.revoked_before_s.map(|seconds| words::local_input(Timestamp::from_seconds(seconds)));
        Revoked {
            token_ids: policy.revoked_token_ids.join("\n"),
            subjects: policy.revoked_subjects.join("\n"),
            before: before.unwrap_or_default(),
            before_s: policy.revoked_before_s,
            wrong: Vec::new(),
        }
    }

    /// What was typed.
    pub(crate) fn typed(fields: &Fields, policy: &AccountPolicy) -> Revoked {
        Revoked {
            token_ids: fields.get("revoked_token_ids").to_owned(),
            subjects: fields.get("revoked_subjects").to_owned(),
            before: fields.get("revoked_before").trim().to_owned(),
            ..Revoked::of(policy)
        }
    }

    /// The settings that differ from the account's, by name and text; none where something is wrong, which is noted.
    pub(crate) fn changes(&mut self, policy: &AccountPolicy) -> Option<Vec<(String, String)>> {
        let before = self.before_text();
        let texts = [
            ("revoked_token_ids", Ok(listed(&self.token_ids))),
            ("revoked_subjects", Ok(listed(&self.subjects))),
            ("revoked_before", before),
        ];
        let mut wished = policy.clone();
        for (name, text) in texts {
            let set = |text: String| wished.set(name, &text).map_err(|why| why.to_string());
            if let Err(why) = text.and_then(set) {
                self.wrong.push((name, sentence(&why)));
            }
        }
        let settings = wished.settings().into_iter().zip(policy.settings());
        let changed = settings.filter(|(wished, known)| wished.1 != known.1);
        let changes = changed.map(|((name, text), _)| (name.to_owned(), text)).collect();
        self.wrong.is_empty().then_some(changes)
    }

    /// The mark as the command line would have it. A field that was not touched keeps its seconds.
    fn before_text(&self) -> Result<String, String> {
        let known =
            self.before_s.filter(|known| words::local_input(Timestamp::from_seconds(*known)) == self.before);
        match (known, words::parse_local_input(&self.before)) {
            (Some(known), _) => Ok(known.to_string()),
            (None, Some(at)) => Ok(at.as_seconds().to_string()),
            (None, None) if self.before.is_empty() => Ok("none".into()),
            (None, None) => Err("type a date and a time, as 2026-11-14T10:40".into()),
        }
    }

    /// What is wrong with a field; empty where nothing is.
    pub(crate) fn error(&self, name: &str) -> String {
        self.wrong.iter().find(|(known, _)| *known == name).map(|(_, why)| why.clone()).unwrap_or_default()
    }

    /// What is wrong: the field's id, and why.
    pub(crate) fn wrong(&self) -> &[(&'static str, String)] {
        &self.wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(form: &str, policy: &AccountPolicy) -> Result<Vec<(String, String)>, WrongFields> {
        let mut revoked = Revoked::typed(&Fields::parse(form), policy);
        revoked.changes(policy).ok_or_else(|| revoked.wrong().to_vec())
    }

    #[test]
    fn lists_are_typed_a_line_each_and_a_mark_keeps_its_seconds() {
        let mut policy = AccountPolicy::default();
        policy.set("revoked_before", "1794652801").unwrap();
        let untouched = "revoked_token_ids=&revoked_subjects=&revoked_before=2026-11-14T10%3A40";
        assert_eq!(changes(untouched, &policy), Ok(Vec::new()));
        let form = "revoked_token_ids=one-token%0D%0Aanother-token&revoked_subjects=ada%40example.org&revoked_before=";
        let told: Vec<String> =
            changes(form, &policy).unwrap().iter().map(|(name, text)| format!("{name}={text}")).collect();
        assert_eq!(
            told,
            [
                "revoked_token_ids=one-token,another-token",
                "revoked_subjects=ada@example.org",
                "revoked_before=none"
            ]
        );
    }

    #[test]
    fn what_no_token_can_carry_is_refused_by_its_field() {
        let form = "revoked_token_ids=a%2Fb&revoked_subjects=%C3%A9&revoked_before=yesterday";
        let wrong = changes(form, &AccountPolicy::default()).unwrap_err();
        let named: Vec<&str> = wrong.iter().map(|(name, _)| *name).collect();
        assert_eq!(named, ["revoked_token_ids", "revoked_subjects", "revoked_before"]);
    }
}
