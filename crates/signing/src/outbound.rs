//! Signatures on requests that Darkroom sends to an origin (signing-schemes 11): SigV4 by `aws-sigv4`, GOOG4-HMAC by the
//! texts that [`crate::canonical`] makes for those who verify. Sends nothing, and knows no clock.

use std::borrow::Cow;
use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use domain::{Invalid, Secret, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::canonical::{self, AMAZON, CanonicalRequest, Dialect, GOOGLE, Query, UNSIGNED_PAYLOAD};
use crate::delivery_url::split_origin;
use crate::escape::encode_into;
use crate::schemes::Scheme;
use crate::stamp;

/// A key with which requests to an origin are signed. Its secrets do not print.
#[derive(Debug, Clone)]
pub struct Outbound {
    dialect: &'static Dialect,
    access_key_id: String,
    secret: Secret,
    region: String,
    session: Option<Session>,
}

/// What is signed of a request.
#[derive(Debug, Clone, Copy)]
pub struct OutboundRequest<'r> {
    /// Its method, in capitals.
    pub method: &'r str,
    /// The whole URL as it will be sent; see [`object_url`].
    pub url: &'r str,
    /// Headers that it will carry, each of which is signed but those that change on the way. `Host` and what a
    /// signature brings along are made here.
    pub headers: &'r [(&'r str, &'r str)],
    /// Its body.
    pub body: OutboundBody<'r>,
}

/// What is known of the body of a request that will be sent.
#[derive(Debug, Clone, Copy)]
pub enum OutboundBody<'r> {
    /// All of it.
    Bytes(&'r [u8]),
    /// Its SHA-256.
    Digest([u8; 32]),
    /// It is not signed: TLS protects it.
    Unsigned,
}

/// How a URL says which bucket is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BucketStyle {
    /// `https://endpoint/bucket/key`
    Path,
    /// `https://bucket.endpoint/key`
    VirtualHost,
}

/// The token of a temporary key.
#[derive(Debug, Clone)]
struct Session {
    token: Secret,
    ends: Timestamp,
}

/// Headers that are never signed: proxies change them, or they are what the signature makes.
const UNSIGNED_HEADERS: [&str; 5] =
    ["authorization", "host", "transfer-encoding", "user-agent", "x-amzn-trace-id"];

impl Outbound {
    /// How long before its end a temporary key counts as ending, in seconds: time enough to fetch another one.
    pub const ENDS_SOON_S: u64 = 300;

    /// SigV4, for S3 and all that speak its language.
    pub fn sigv4(access_key_id: impl Into<String>, secret: Secret, region: impl Into<String>) -> Self {
        let (access_key_id, region) = (access_key_id.into(), region.into());
        Outbound { dialect: &AMAZON, access_key_id, secret, region, session: None }
    }

    /// GOOG4-HMAC, for Google Cloud Storage. A location may be named; Google takes any, `auto` included.
    pub fn goog4(access_id: impl Into<String>, secret: Secret, location: impl Into<String>) -> Self {
        Outbound { dialect: &GOOGLE, ..Outbound::sigv4(access_id, secret, location) }
    }

    /// The same key as a temporary one, with the token that belongs to it and its end. Google's HMAC keys have none.
    #[must_use]
    pub fn with_session(self, token: Secret, ends: Timestamp) -> Self {
        Outbound { session: Some(Session { token, ends }), ..self }
    }

    /// Whether it is a temporary key that has ended or will soon, so that another one should be fetched.
    pub fn ends_soon(&self, now: Timestamp) -> bool {
        let soon = now.plus(Duration::from_secs(Self::ENDS_SOON_S));
        self.session.as_ref().is_some_and(|session| session.ends <= soon)
    }

    /// The headers that a request must carry beside its own, names in lower case, `host` among them. They are good for
    /// fifteen minutes around `now`, so each request is signed afresh, a repeated one too.
    ///
    /// Refused is a URL that is not one of an origin, a header that cannot be sent, and a temporary key after its end.
    pub fn sign(
        &self,
        request: &OutboundRequest<'_>,
        now: Timestamp,
    ) -> Result<Vec<(&'static str, String)>, Invalid> {
        if self.session.as_ref().is_some_and(|session| session.ends <= now) {
            return Err(Invalid("the temporary key has ended".into()));
        }
        let url = SignedUrl::read(request.url)?;
        let headers = self.own_headers(request)?;
        let mut signed = match self.dialect.scheme == Scheme::S3 {
            true => self.sign_as_amazon(request, &url, &headers, now)?,
            false => self.sign_as_google(request, &url, &headers, now),
        };
        signed.push(("host", url.host.to_owned()));
        Ok(signed)
    }

    /// What a GET without a body needs: over TLS the body is not signed, without it the empty one is.
    pub fn sign_get(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        now: Timestamp,
    ) -> Result<Vec<(&'static str, String)>, Invalid> {
        let is_https = url.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("https://"));
        let body = if is_https { OutboundBody::Unsigned } else { OutboundBody::Bytes(&[]) };
        self.sign(&OutboundRequest { method: "GET", url, headers, body }, now)
    }

    /// The request's own headers that are signed, names in lower case and ascending.
    fn own_headers<'r>(&self, request: &OutboundRequest<'r>) -> Result<Vec<(String, &'r str)>, Invalid> {
        let made =
            ["date", "content-sha256", "security-token"].map(|name| [self.dialect.prefix, name].concat());
        let mut headers = Vec::new();
        for (name, value) in request.headers {
            let name = name.to_ascii_lowercase();
            let is_sendable = !value.contains(['\r', '\n', '\0']) && value.is_ascii();
            if !is_sendable || (name.contains(';') || canonical::signed_headers(&name).is_none()) {
                return Err(Invalid(format!("the header {name} cannot be signed")));
            }
            if !UNSIGNED_HEADERS.contains(&name.as_str()) && !made.contains(&name) {
                headers.push((name, *value));
            }
        }
        // A stable order: what is given twice is signed as it is sent.
        headers.sort_by(|one, other| one.0.cmp(&other.0));
        Ok(headers)
    }

    fn sign_as_amazon(
        &self,
        request: &OutboundRequest<'_>,
        url: &SignedUrl<'_>,
        headers: &[(String, &str)],
        now: Timestamp,
    ) -> Result<Vec<(&'static str, String)>, Invalid> {
        let identity = self.credentials().into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(AMAZON.service)
            .time(UNIX_EPOCH + Duration::from_secs(now.as_seconds().try_into().unwrap_or(0)))
            .settings(settings_of_s3())
            .build()
            .map_err(|_| refused())?
            .into();
        let body = match request.body {
            OutboundBody::Bytes(bytes) => SignableBody::Bytes(bytes),
            OutboundBody::Digest(digest) => SignableBody::Precomputed(hex::encode(digest)),
            OutboundBody::Unsigned => SignableBody::UnsignedPayload,
        };
        let headers = headers.iter().map(|(name, value)| (name.as_str(), *value));
        let signable = SignableRequest::new(request.method, url.canonical(), headers, body);
        let signed = signable.and_then(|signable| sign(signable, &params)).map_err(|_| refused())?;
        let (made, _) = signed.into_parts().0.into_parts();
        Ok(made.into_iter().map(|header| (header.name(), header.value().to_owned())).collect())
    }

    /// The key as the library wants it.
    fn credentials(&self) -> Credentials {
        let token = self.session.as_ref().map(|session| session.token.reveal().to_owned());
        let (id, secret) = (self.access_key_id.clone(), self.secret.reveal().to_owned());
        Credentials::new(id, secret, token, None, "darkroom")
    }

    /// As `curl --aws-sigv4 goog` does: the payload hash is that of the body, and is sent only where the body is not
    /// signed.
    fn sign_as_google(
        &self,
        request: &OutboundRequest<'_>,
        url: &SignedUrl<'_>,
        headers: &[(String, &str)],
        now: Timestamp,
    ) -> Vec<(&'static str, String)> {
        let date = stamp::compact(now);
        let (payload_hash, is_sent) = match request.body {
            OutboundBody::Bytes(bytes) => (hex::encode(Sha256::digest(bytes)), false),
            OutboundBody::Digest(digest) => (hex::encode(digest), false),
            OutboundBody::Unsigned => (UNSIGNED_PAYLOAD.to_owned(), true),
        };
        let mut made = vec![("x-goog-date", date.clone())];
        made.extend(is_sent.then(|| (GOOGLE.content_header, payload_hash.clone())));
        let own = made.iter().map(|(name, value)| (*name, value.as_str())).chain([("host", url.host)]);
        let given = headers.iter().map(|(name, value)| (name.as_str(), *value));
        let signed = joined(own.chain(given).collect());
        let names = signed.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
        let canonical = CanonicalRequest {
            method: request.method,
            path: &url.path,
            query: &url.query,
            headers: signed.iter().map(|(name, value)| (*name, Cow::Borrowed(&**value))),
            signed_headers: &names,
            payload_hash: &payload_hash,
        };
        let authorization = self.authorization_of_google(&date, &canonical);
        made.push(("authorization", authorization));
        made
    }

    fn authorization_of_google<'h>(
        &self,
        date: &str,
        request: &CanonicalRequest<'_, impl Iterator<Item = (&'h str, Cow<'h, str>)> + Clone>,
    ) -> String {
        let (algorithm, id, day) = (GOOGLE.hmac, &self.access_key_id, &date[..8]);
        let scope = [day, &self.region, GOOGLE.service, GOOGLE.terminator].join("/");
        let key = canonical::signing_key(&GOOGLE, &self.secret, day, &self.region);
        let signature = hex::encode(key.of(request.text_to_sign(algorithm, date, &scope).pieces()));
        let names = request.signed_headers;
        format!("{algorithm} Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}")
    }
}

/// The ways of S3: paths as they are, escaped once, and the payload hash in a header.
fn settings_of_s3() -> SigningSettings {
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings
}

/// Headers in ascending order, those of one name joined, as they are signed.
fn joined<'h>(mut headers: Vec<(&'h str, &'h str)>) -> Vec<(&'h str, Cow<'h, str>)> {
    headers.sort_by_key(|(name, _)| *name);
    let of_one_name = headers.chunk_by(|one, other| one.0 == other.0);
    of_one_name
        .map(|same| (same[0].0, canonical::header_value(same.iter().map(|(_, value)| *value))))
        .collect()
}

/// The URL of an object behind an endpoint (`https://host[:port]`), its key escaped in the one way that every signer and
/// verifier agrees on.
pub fn object_url(endpoint: &str, bucket: &str, key: &str, style: BucketStyle) -> Result<String, Invalid> {
    let (origin, path) = split_origin(endpoint);
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if !(1..=255).contains(&bucket.len()) || !bucket.bytes().all(fits) || bucket.contains("..") {
        return Err(Invalid("a bucket's name has letters, digits, '.', '-' and '_'".into()));
    }
    let (scheme, host) = origin.split_once("://").unwrap_or_default();
    if host.is_empty() || path.contains(['?', '#']) {
        return Err(Invalid("an endpoint is written like https://host".into()));
    }
    let path = path.trim_end_matches('/');
    let mut url = match style {
        BucketStyle::Path => format!("{origin}{path}/{bucket}/"),
        BucketStyle::VirtualHost => format!("{scheme}://{bucket}.{host}{path}/"),
    };
    encode_into(&mut url, key, b"/");
    Ok(url)
}

/// The time of an origin's `Date` header (RFC 9110, 5.6.7), e.g. `Mon, 21 Sep 2026 14:13:20 GMT`: where an origin refuses
/// a request for its clock, that is what it may be signed with once more.
pub fn origin_clock(date: &str) -> Option<Timestamp> {
    stamp::parse_http(date)
}

/// A URL in the parts that are signed.
struct SignedUrl<'u> {
    scheme: &'static str,
    /// Without the port that its scheme has anyway, as clients send it.
    host: &'u str,
    path: Cow<'u, str>,
    query: Query<'u>,
}

impl<'u> SignedUrl<'u> {
    fn read(url: &'u str) -> Result<Self, Invalid> {
        let (origin, target) = split_origin(url);
        let (scheme, host) = origin.split_once("://").ok_or_else(refused)?;
        let (scheme, port) =
            if scheme.eq_ignore_ascii_case("https") { ("https", ":443") } else { ("http", ":80") };
        let (path, query) =
            target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte);
        if host.is_empty() || !host.bytes().all(is_host) || target.contains('#') || !target.is_ascii() {
            return Err(refused());
        }
        let host = host.strip_suffix(port).unwrap_or(host);
        let path = canonical::path(if path.is_empty() { "/" } else { path }).ok_or_else(refused)?;
        let query = Query::of(query, |_| true).ok_or_else(refused)?;
        Ok(SignedUrl { scheme, host, path, query })
    }

    /// The URL in the spelling that is signed.
    fn canonical(&self) -> String {
        let query = self.query.text();
        let joint = if query.is_empty() { "" } else { "?" };
        [self.scheme, "://", self.host, &self.path, joint, &query].concat()
    }
}

fn refused() -> Invalid {
    Invalid("the request cannot be signed as it is written".into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);

    fn amazon() -> Outbound {
        Outbound::sigv4("AKIDEXAMPLE", Secret::new("s3cret/KEY"), "eu-central-1")
    }

    fn google() -> Outbound {
        Outbound::goog4("GOOGEXAMPLE", Secret::new("s3cret/KEY"), "auto")
    }

    fn header<'h>(headers: &'h [(&'static str, String)], name: &str) -> Option<&'h str> {
        headers.iter().find(|(other, _)| *other == name).map(|(_, value)| value.as_str())
    }

    #[test]
    fn a_get_signs_no_body_over_tls_and_the_empty_one_without() {
        let hash = |url| {
            let headers = amazon().sign_get(url, &[], NOW).unwrap();
            header(&headers, "x-amz-content-sha256").unwrap().to_owned()
        };
        assert_eq!(hash("https://h/b/k"), UNSIGNED_PAYLOAD);
        assert_eq!(hash("http://h/b/k"), hex::encode(Sha256::digest(b"")));
        let google = google().sign_get("https://h/b/k", &[], NOW).unwrap();
        assert_eq!(header(&google, "x-goog-content-sha256"), Some(UNSIGNED_PAYLOAD));
    }

    #[test]
    fn a_temporary_key_sends_its_token_and_ends() {
        let ends = Timestamp::from_seconds(NOW.as_seconds() + 301);
        let key = amazon().with_session(Secret::new("t0ken"), ends);
        let headers = key.sign_get("https://h/b/k", &[], NOW).unwrap();
        assert_eq!(header(&headers, "x-amz-security-token"), Some("t0ken"));
        assert!(header(&headers, "authorization").unwrap().contains("x-amz-security-token"));
        let at = |second| Timestamp::from_seconds(NOW.as_seconds() + second);
        assert!(!key.ends_soon(at(0)) && key.ends_soon(at(1)));
        assert!(key.sign_get("https://h/b/k", &[], at(300)).is_ok());
        assert!(key.sign_get("https://h/b/k", &[], at(301)).is_err());
        assert!(!amazon().ends_soon(at(1_000_000)));
    }

    #[test]
    fn the_usual_port_is_not_part_of_the_host() {
        let host = |url| header(&amazon().sign_get(url, &[], NOW).unwrap(), "host").unwrap().to_owned();
        assert_eq!(host("https://h:443/k"), "h");
        assert_eq!(host("http://h:80/k"), "h");
        assert_eq!(host("http://h:443/k"), "h:443");
        assert_eq!(host("HTTPS://[::1]:9000/k"), "[::1]:9000");
    }

    #[test]
    fn headers_that_change_on_the_way_are_not_signed() {
        for key in [amazon(), google()] {
            let given =
                [("User-Agent", "x"), ("Range", "bytes=0-9"), ("Host", "elsewhere"), ("Authorization", "x")];
            let headers = key.sign_get("https://h/k", &given, NOW).unwrap();
            let authorization = header(&headers, "authorization").unwrap();
            assert!(authorization.contains("SignedHeaders=host;range;x-"), "{authorization}");
            assert_eq!(header(&headers, "host"), Some("h"));
        }
    }

    #[test]
    fn a_header_that_is_sent_twice_is_signed_in_its_order() {
        for key in [amazon(), google()] {
            let signed = |headers: &[(&str, &str)]| key.sign_get("https://h/k", headers, NOW).unwrap();
            assert_eq!(signed(&[("a", "2"), ("A", "1")]), signed(&[("a", "2,1")]));
            assert_ne!(signed(&[("a", "2"), ("a", "1")]), signed(&[("a", "1"), ("a", "2")]));
        }
    }

    #[test]
    fn what_cannot_be_sent_is_not_signed() {
        for key in [amazon(), google()] {
            for url in [
                "",
                "/k",
                "ftp://h/k",
                "https:///k",
                "https://u:p@h/k",
                "https://h/k#f",
                "https://h/%zz",
                "https://h/k?%",
                "https://h/\u{fc}",
                "https://h\\x/k",
            ] {
                assert!(key.sign_get(url, &[], NOW).is_err(), "{url}");
            }
            for bad in [("a b", "c"), ("", "c"), ("a", "b\r\nc: d"), ("a", "\u{fc}"), ("a;b", "c")] {
                assert!(key.sign_get("https://h/k", &[bad], NOW).is_err(), "{bad:?}");
            }
        }
    }

    #[test]
    fn a_key_does_not_print_its_secrets() {
        let key = amazon().with_session(Secret::new("t0ken"), NOW);
        let printed = format!("{key:?}");
        assert!(!printed.contains("s3cret") && !printed.contains("t0ken"));
    }

    #[test]
    fn a_bucket_stands_in_the_path_or_in_the_host() {
        let check = |endpoint, style, expected: Option<&str>| {
            let url = object_url(endpoint, "b-1", "a b/\u{e9}", style).ok();
            assert_eq!(url.as_deref(), expected, "{endpoint}");
        };
        check("https://s3.h", BucketStyle::Path, Some("https://s3.h/b-1/a%20b/%C3%A9"));
        check("https://s3.h/", BucketStyle::VirtualHost, Some("https://b-1.s3.h/a%20b/%C3%A9"));
        check("http://h:9000/s3/", BucketStyle::Path, Some("http://h:9000/s3/b-1/a%20b/%C3%A9"));
        check("h:9000", BucketStyle::Path, None);
        check("https://", BucketStyle::Path, None);
        check("https://h?x", BucketStyle::Path, None);
        for bad in ["", "a/b", "a..b", "a?b", "a@b", "a:b"] {
            assert!(object_url("https://h", bad, "k", BucketStyle::VirtualHost).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_origin_s_clock_is_read() {
        assert_eq!(origin_clock("Mon, 21 Sep 2026 14:13:20 GMT"), Some(NOW));
        assert_eq!(origin_clock("yesterday"), None);
    }

    proptest! {
        #[test]
        fn any_url_is_signed_or_refused(url in "https?://[a-z:\\[\\]]{0,6}(/|[!-~]|%[0-9a-f]{2}|\\PC){0,20}") {
            let (amazon, google) = (amazon().sign_get(&url, &[], NOW), google().sign_get(&url, &[], NOW));
            prop_assert!(google.is_ok() || amazon.is_err());
        }
    }
}
