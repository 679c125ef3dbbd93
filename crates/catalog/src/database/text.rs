//! Texts with U+0000, which SQLite takes and PostgreSQL refuses: there they are kept in another spelling, so that both
//! give back what was given.
//!
//! U+0000 is spelled U+0001 `0` and U+0001 itself U+0001 `1`. That keeps the order of texts and what they begin with,
//! so comparisons, ranges and promises of uniqueness mean the same on both.

const MARK: char = '\u{1}';

/// A text as PostgreSQL keeps it.
pub(super) fn spelled(text: String) -> String {
    if !text.contains(['\0', MARK]) {
        return text;
    }
    text.replace(MARK, "\u{1}1").replace('\0', "\u{1}0")
}

/// The text that was given.
pub(crate) fn restored(text: String) -> String {
    if !text.contains(MARK) {
        return text;
    }
    text.replace("\u{1}0", "\0").replace("\u{1}1", "\u{1}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_text_comes_back_and_keeps_its_place(one in "[\0\x01\x0201a-c]{0,6}", two in "[\0\x01\x0201a-c]{0,6}") {
            let (a, b) = (spelled(one.clone()), spelled(two.clone()));
            prop_assert!(!a.contains('\0'));
            prop_assert_eq!(restored(a.clone()), one.clone());
            prop_assert_eq!(a.cmp(&b), one.cmp(&two));
            prop_assert_eq!(b.starts_with(&a), two.starts_with(&one));
        }
    }
}
