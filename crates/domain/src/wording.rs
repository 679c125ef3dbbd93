//! How numbers and the texts of errors are written for people. What is said stands where it is known.

/// A number with a comma before every three digits; 0 for one below it.
pub fn grouped(number: impl TryInto<u64>) -> String {
    let digits = number.try_into().unwrap_or(0).to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A text with a capital first.
pub fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// An error's lower-case text as a whole sentence.
pub fn sentence(text: &str) -> String {
    let stop = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    capitalised(text) + stop
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_three() {
        let check = |number: u64, text| assert_eq!(grouped(number), text);
        assert_eq!((grouped(-1), grouped(1_000_usize)), ("0".into(), "1,000".into()));
        check(0, "0");
        check(999, "999");
        check(1_000, "1,000");
        check(1_234_567, "1,234,567");
        check(u64::MAX, "18,446,744,073,709,551,615");
    }

    #[test]
    fn a_sentence_begins_large_and_ends_once() {
        let check = |text, told: &str| assert_eq!(sentence(text), told);
        check("image not found", "Image not found.");
        check("is it there?", "Is it there?");
        check("été", "Été.");
        check("", ".");
        assert_eq!(capitalised(""), "");
    }
}
