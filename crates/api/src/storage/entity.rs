//! What every answer about an original says of it.

use std::time::{Duration, SystemTime};

use actix_web::HttpResponseBuilder;
use actix_web::http::header::{self, HeaderName, HeaderValue, HttpDate};
use catalog::{Image, StorageLeave};
use domain::{IMAGE_POLICY, Timestamp};

/// The tag of an original: the SHA-256 of its bytes in hex, quoted. It is 64 digits long, so that no client takes it for
/// the MD5 that S3 has in this place; and whoever put ranges together can hold the whole against it.
pub(super) fn tag(sha256: &[u8; 32]) -> String {
    let hex: String = sha256.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

/// When an original came, as HTTP writes times: in whole seconds.
pub(super) fn modified(image: &Image) -> SystemTime {
    let seconds = u64::try_from(image.uploaded_at.as_seconds()).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// Puts in what concerns caches and identity; a 304 says it too.
pub(super) fn describe(
    response: &mut HttpResponseBuilder,
    image: &Image,
    leave: &StorageLeave,
    now: Timestamp,
) {
    response.insert_header((header::ETAG, tag(&image.sha256)));
    response.insert_header((header::LAST_MODIFIED, HttpDate::from(modified(image)).to_string()));
    response.insert_header((header::CACHE_CONTROL, cache_control(leave, now)));
}

/// Puts in what keeps a stranger's bytes harmless, as all downloads of originals have it.
pub(super) fn guard(response: &mut HttpResponseBuilder) {
    response.insert_header((header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(IMAGE_POLICY)));
    response.insert_header((header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")));
    response.insert_header((header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")));
    response.insert_header((HeaderName::from_static("accept-ranges"), HeaderValue::from_static("bytes")));
}

/// Private, and no longer than the signature.
pub(super) fn cache_control(leave: &StorageLeave, now: Timestamp) -> String {
    format!("private, max-age={}", left_s(leave, now))
}

/// Seconds for which an answer may be kept.
pub(super) fn left_s(leave: &StorageLeave, now: Timestamp) -> i64 {
    let left_s = leave.signed.expires_s.map_or(i64::MAX, |end| end.saturating_sub(now.as_seconds()).max(0));
    left_s.min(leave.ttl_s.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_the_digest_in_quotes() {
        let mut sha256 = [0xAB; 32];
        sha256[0] = 1;
        let tag = tag(&sha256);
        assert!(tag.len() == 66 && tag.starts_with("\"01ab") && tag.ends_with("ab\""), "{tag}");
    }
}
