//! What the signed query of a request asks for beside the original: other looks of the answer, which are given, and parts
//! of S3 that this house has not, which are refused by name.

use actix_web::HttpResponseBuilder;
use actix_web::http::header::{self, HeaderName, HeaderValue};

use super::refused::Refused;

/// Parts of S3 and of Google's XML API that are not built: to answer as if they had not been named would be to answer
/// another question.
const NOT_BUILT: [&str; 40] = [
    "accelerate",
    "acl",
    "analytics",
    "attributes",
    "compose",
    "cors",
    "delete",
    "encryption",
    "encryptionConfig",
    "generation",
    "inventory",
    "legal-hold",
    "lifecycle",
    "list-type",
    "location",
    "logging",
    "metrics",
    "notification",
    "object-lock",
    "partNumber",
    "policy",
    "publicAccessBlock",
    "renameObject",
    "replication",
    "requestPayment",
    "restore",
    "retention",
    "select",
    "select-type",
    "tagging",
    "torrent",
    "upload_id",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "website",
    "websiteConfig",
    "storageClass",
];

/// The names of what is put into an answer's head.
const RESPONSE: &str = "response-";

/// Refuses a query that asks for something that is not built.
pub(super) fn check(query: &[(String, String)]) -> Result<(), Refused> {
    match query.iter().find(|(name, _)| NOT_BUILT.contains(&name.as_str())) {
        Some((name, _)) => Err(Refused::not_built(&format!("'?{name}'"))),
        None => Ok(()),
    }
}

/// Puts in what the signed query wishes of the answer's head. No value can end its line, name a type that a browser runs
/// or reads as a page, or let anyone keep the answer for longer than `left_s` seconds.
pub(super) fn override_head(
    response: &mut HttpResponseBuilder,
    query: &[(String, String)],
    left_s: i64,
) -> Result<(), Refused> {
    for (name, value) in query {
        let Some(of) = name.strip_prefix(RESPONSE) else { continue };
        let (header, value) = overridden(of, value, left_s)
            .ok_or_else(|| Refused::invalid(format!("The value of {name} is not one that is served.")))?;
        response.insert_header((header, value));
    }
    Ok(())
}

fn overridden(of: &str, value: &str, left_s: i64) -> Option<(HeaderName, HeaderValue)> {
    let plain = || value.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    let text = || HeaderValue::from_str(value).ok().filter(|_| plain());
    Some(match of {
        "content-type" if is_harmless(value) => (header::CONTENT_TYPE, text()?),
        "content-disposition" if is_disposition(value) => (header::CONTENT_DISPOSITION, text()?),
        "content-language" => (header::CONTENT_LANGUAGE, text()?),
        "expires" => (header::EXPIRES, text()?),
        "cache-control" => {
            (header::CACHE_CONTROL, HeaderValue::from_str(&cache_control(value, left_s)).ok()?)
        }
        "content-encoding" if value.eq_ignore_ascii_case("identity") => (header::CONTENT_ENCODING, text()?),
        _ => return None,
    })
}

/// Types that no browser reads as a page or runs.
fn is_harmless(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let image = essence.strip_prefix("image/").is_some_and(|subtype| {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'+');
        !subtype.is_empty()
            && subtype.bytes().all(word)
            && !subtype.contains("svg")
            && !subtype.contains("xml")
    });
    image || matches!(essence.as_str(), "application/octet-stream" | "binary/octet-stream")
}

fn is_disposition(value: &str) -> bool {
    let kind = value.split(';').next().unwrap_or_default().trim();
    ["inline", "attachment"].iter().any(|known| kind.eq_ignore_ascii_case(known))
}

/// A wish for less than the signature's life is met, one for more is cut; no shared cache keeps an original.
fn cache_control(wish: &str, left_s: i64) -> String {
    let mut directives = wish.split(',').map(|directive| directive.trim().to_ascii_lowercase());
    if directives.clone().any(|directive| matches!(directive.as_str(), "no-store" | "no-cache")) {
        return "private, no-store".into();
    }
    let wished = directives.find_map(|directive| directive.strip_prefix("max-age=")?.parse::<i64>().ok());
    format!("private, max-age={}", wished.unwrap_or(left_s).clamp(0, left_s.max(0)))
}

#[cfg(test)]
mod tests {
    use actix_web::HttpResponse;

    use super::*;

    fn head(name: &str, value: &str) -> Option<String> {
        let mut response = HttpResponse::Ok();
        override_head(&mut response, &[(name.into(), value.into())], 60).ok()?;
        let response = response.finish();
        let of = name.strip_prefix("response-")?;
        response.headers().get(of).map(|value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn what_is_signed_changes_the_head() {
        let check = |name, value: &str, expected: Option<&str>| {
            assert_eq!(head(name, value).as_deref(), expected, "{name}: {value}");
        };
        let file = "attachment; filename=\"a b.jpg\"";
        check("response-content-disposition", file, Some(file));
        check("response-content-disposition", "inline", Some("inline"));
        check("response-content-type", "image/jpeg", Some("image/jpeg"));
        check("response-content-type", "application/octet-stream", Some("application/octet-stream"));
        check("response-content-language", "de", Some("de"));
        check("response-cache-control", "public, max-age=9999", Some("private, max-age=60"));
        check("response-cache-control", "max-age=9", Some("private, max-age=9"));
        check("response-cache-control", "No-Cache", Some("private, no-store"));
        check("response-cache-control", "max-age=-5", Some("private, max-age=0"));
        check("response-cache-control", "x\r\ny: z", Some("private, max-age=60"));
    }

    #[test]
    fn nothing_ends_a_line_and_nothing_becomes_a_page() {
        for (name, value) in [
            ("response-content-type", "text/html"),
            ("response-content-type", "image/svg+xml"),
            ("response-content-type", "image/x+xml"),
            ("response-content-type", "image/jpeg\r\nx: y"),
            ("response-content-type", "image/"),
            ("response-content-type", ""),
            ("response-content-disposition", "inline\r\nset-cookie: a=b"),
            ("response-content-disposition", "inline\nx: y"),
            ("response-content-disposition", "form-data"),
            ("response-content-disposition", "attachment; filename=ä"),
            ("response-content-encoding", "gzip"),
            ("response-set-cookie", "a=b"),
        ] {
            assert_eq!(head(name, value), None, "{name}: {value}");
        }
    }

    #[test]
    fn what_is_not_built_is_refused_by_its_name() {
        for name in NOT_BUILT {
            assert!(check(&[(name.into(), String::new())]).is_err(), "{name}");
        }
        assert!(
            check(&[("x-id".into(), "GetObject".into()), ("response-expires".into(), "x".into())]).is_ok()
        );
    }
}
