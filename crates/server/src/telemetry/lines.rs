//! The fields of a readable line: whatever a stranger put into one, it stays on its line and moves no cursor. JSON
//! escapes by itself.

use std::fmt::{self, Write};

use tracing::field::{Field, Visit};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::Writer;

/// Prints `message name=value …`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields;

impl<'w> FormatFields<'w> for Fields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut printed = Printed { writer, first: true, result: Ok(()) };
        fields.record(&mut printed);
        printed.result
    }
}

struct Printed<'w> {
    writer: Writer<'w>,
    first: bool,
    result: fmt::Result,
}

impl Visit for Printed<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let gap = if std::mem::take(&mut self.first) { "" } else { " " };
        let mut line = OneLine(&mut self.writer);
        let written = match field.name() {
            "message" => write!(line, "{gap}{value:?}"),
            name => write!(line, "{gap}{name}={value:?}"),
        };
        self.result = self.result.and(written);
    }
}

/// Escapes what could end a line, forge another, or turn its text around.
struct OneLine<'a, W>(&'a mut W);

impl<W: Write> Write for OneLine<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if !text.contains(is_odd) {
            return self.0.write_str(text);
        }
        text.chars().try_for_each(|c| match is_odd(c) {
            true => write!(self.0, "{}", c.escape_unicode()),
            false => self.0.write_char(c),
        })
    }
}

/// Control characters, the two other line ends of Unicode, and marks that turn the direction of writing.
fn is_odd(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn escaped(text: &str) -> String {
        let mut out = String::new();
        OneLine(&mut out).write_str(text).unwrap();
        out
    }

    #[test]
    fn a_line_break_a_cursor_and_a_turn_of_direction_are_spelled_out() {
        assert_eq!(escaped("a\r\nINFO b\u{1b}[2J\u{202e}"), "a\\u{d}\\u{a}INFO b\\u{1b}[2J\\u{202e}");
        assert_eq!(escaped("Zoë 猫"), "Zoë 猫");
    }

    proptest! {
        #[test]
        fn no_text_leaves_its_line(text: String) {
            prop_assert!(!escaped(&text).contains(is_odd));
        }
    }
}
