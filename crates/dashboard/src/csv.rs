//! Lists as CSV (RFC 4180), for spreadsheets: no text of a stranger becomes a formula there.

use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use bytes::Bytes;
use catalog::Page;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};

use crate::reply;

/// What makes a spreadsheet take a cell for a formula, where it stands first.
const FORMULA_STARTS: [char; 7] = ['=', '+', '-', '@', '\t', '\r', '\n'];

/// A file that is written while its rows are read, each piece one or more whole lines. A failure on the way breaks the
/// connection off, so that nobody takes a part for the whole.
pub(crate) fn file<E: std::error::Error + Send + Sync + 'static>(
    name: &str,
    heads: &[&str],
    pieces: impl Stream<Item = Result<String, E>> + 'static,
) -> HttpResponse {
    let head = futures_util::stream::once(std::future::ready(Ok(line(heads))));
    let body = head.chain(pieces).map_ok(Bytes::from).map_err(std::io::Error::other);
    let mut response = HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/csv; charset=utf-8; header=present"))
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{name}.csv\"")))
        .streaming(body);
    reply::no_store(&mut response);
    response
}

/// The lines of a list, page by page. `read` is told where a page begins.
pub(crate) fn pages<T, E, Read>(
    read: impl Fn(Option<String>) -> Read + 'static,
    line: fn(&T) -> String,
) -> impl Stream<Item = Result<String, E>> + 'static
where
    T: 'static,
    E: 'static,
    Read: Future<Output = Result<Page<T>, E>> + 'static,
{
    futures_util::stream::try_unfold(Some(None), move |begins: Option<Option<String>>| {
        let reading = begins.map(&read);
        async move {
            let Some(reading) = reading else { return Ok(None) };
            let page = reading.await?;
            let next = page.next.map(|cursor| Some(cursor.as_str().to_owned()));
            Ok(Some((page.items.iter().map(line).collect::<String>(), next)))
        }
    })
}

/// One line.
pub(crate) fn line<T: AsRef<str>>(cells: &[T]) -> String {
    let cells: Vec<String> = cells.iter().map(|text| cell(text.as_ref())).collect();
    cells.join(",") + "\r\n"
}

/// A cell: quoted where it must be, and with an apostrophe before what would be a formula.
fn cell(text: &str) -> String {
    let guard = if text.starts_with(FORMULA_STARTS) { "'" } else { "" };
    match text.contains(['"', ',', '\n', '\r']) {
        true => format!("\"{guard}{}\"", text.replace('"', "\"\"")),
        false => format!("{guard}{text}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cells_are_quoted_where_they_must_be_and_never_a_formula() {
        let check = |text, written: &str| assert_eq!(cell(text), written);
        check("plain", "plain");
        check("a, b", "\"a, b\"");
        check("say \"no\"", "\"say \"\"no\"\"\"");
        check("two\nlines", "\"two\nlines\"");
        check("=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\"");
        check("+1", "'+1");
        check("-1", "'-1");
        check("@SUM", "'@SUM");
        check("\t=1", "'\t=1");
        check("", "");
        assert_eq!(line(&["a", "b,c"]), "a,\"b,c\"\r\n");
    }

    proptest! {
        #[test]
        fn any_cell_is_read_back_and_begins_no_formula(text in "[=+@,\"'\r\n\ta-c-]{0,12}") {
            let written = cell(&text);
            let bare = match written.strip_prefix('"') {
                Some(inner) => inner.strip_suffix('"').unwrap().replace("\"\"", "\""),
                None => {
                    prop_assert!(!written.contains([',', '\n', '\r', '"']));
                    written
                }
            };
            prop_assert!(!bare.starts_with(FORMULA_STARTS));
            prop_assert!(bare == text || bare.strip_prefix('\'') == Some(&text));
        }
    }
}
