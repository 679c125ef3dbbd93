//! Compression of what goes out: who takes it, and how it is made.

use std::io::Write as _;

use actix_web::http::header::{ACCEPT_ENCODING, HeaderMap};

/// Whether a client takes gzip.
pub(crate) fn accepts_gzip(headers: &HeaderMap) -> bool {
    headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).is_some_and(|codings| {
        codings.split(',').any(|coding| {
            let mut parts = coding.split(';').map(str::trim);
            let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
            named && !parts.any(|weight| matches!(weight, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
        })
    })
}

/// The bytes, compressed.
pub(crate) fn packed(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder =
        flate2::write::GzEncoder::new(Vec::with_capacity(bytes.len() / 4), flate2::Compression::new(6));
    encoder.write_all(bytes)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    #[test]
    fn gzip_is_sent_only_to_those_who_take_it() {
        let check = |value: &'static str, takes| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(value));
            assert_eq!(accepts_gzip(&headers), takes, "{value}");
        };
        check("gzip, deflate, br, zstd", true);
        check("br;q=1, GZIP;q=0.5", true);
        check("gzip;q=0", false);
        check("br", false);
        check("", false);
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
