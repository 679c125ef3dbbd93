//! Signatures of version 4 for `/storage/…`, by code of the tests' own: headers, presigned URLs and forms.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::Timestamp;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

/// The id of the key that every test registers.
pub(crate) const ID: &str = "AKIDDOOR";
/// Its secret.
pub(crate) const SECRET: &str = "door/Secret+Key";
const REGION: &str = "eu-central-1";

/// One request to sign.
#[derive(Clone)]
pub(crate) struct ToSign<'s> {
    pub(crate) method: &'s str,
    pub(crate) host: &'s str,
    pub(crate) path: &'s str,
    /// Further pairs of the query, raw.
    pub(crate) pairs: Vec<(&'s str, &'s str)>,
    /// Further headers, signed; names in lower case.
    pub(crate) headers: Vec<(&'s str, &'s str)>,
    pub(crate) now: Timestamp,
}

impl ToSign<'_> {
    /// The target of a presigned URL that lives so long.
    pub(crate) fn presigned(&self, lifetime_s: u32) -> String {
        let (date, scope) = (date(self.now), scope(self.now));
        let credential = format!("{ID}/{scope}");
        let lifetime = lifetime_s.to_string();
        let names = self.names();
        let own = [
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
            ("X-Amz-Credential", &credential),
            ("X-Amz-Date", &date),
            ("X-Amz-Expires", &lifetime),
            ("X-Amz-SignedHeaders", &names),
        ];
        let mut pairs: Vec<String> = self.pairs.iter().copied().chain(own).map(pair).collect();
        pairs.sort();
        let query = pairs.join("&");
        let signature = self.signature(&query, "UNSIGNED-PAYLOAD");
        format!("{}?{query}&X-Amz-Signature={signature}", self.path)
    }

    /// The headers of a request with this payload hash, those to sign among them.
    pub(crate) fn with_headers(&self, payload: &str) -> Vec<(String, String)> {
        let date = date(self.now);
        let mut signed = self.clone();
        signed.headers.extend([("x-amz-content-sha256", payload), ("x-amz-date", date.as_str())]);
        signed.headers.sort();
        let mut pairs: Vec<String> = self.pairs.iter().copied().map(pair).collect();
        pairs.sort();
        let signature = signed.signature(&pairs.join("&"), payload);
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={ID}/{}, SignedHeaders={}, Signature={signature}",
            scope(self.now),
            signed.names()
        );
        let own = signed.headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        own.chain([("authorization".to_owned(), authorization)]).collect()
    }

    fn names(&self) -> String {
        let mut names: Vec<&str> = self.headers.iter().map(|(name, _)| *name).chain(["host"]).collect();
        names.sort_unstable();
        names.join(";")
    }

    fn signature(&self, query: &str, payload: &str) -> String {
        let mut headers: Vec<(&str, &str)> = self.headers.clone();
        headers.push(("host", self.host));
        headers.sort_unstable();
        let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let names = self.names();
        let canonical = format!("{}\n{}\n{query}\n{lines}\n{names}\n{payload}", self.method, self.path);
        let digest = hex(&Sha256::digest(canonical));
        let text = format!("AWS4-HMAC-SHA256\n{}\n{}\n{digest}", date(self.now), scope(self.now));
        hex(&mac(&key(self.now), text.as_bytes()))
    }
}

/// The fields of a form under a policy of these conditions, which ends after an hour: those of the signature, then these.
pub(crate) fn form(now: Timestamp, conditions: &str, fields: &[(&str, &str)]) -> Vec<(String, String)> {
    let (date, credential) = (date(now), format!("{ID}/{}", scope(now)));
    let end = Timestamp::from_seconds(now.as_seconds() + 3_600).to_rfc3339();
    let own = format!(
        r#"{{"x-amz-algorithm":"AWS4-HMAC-SHA256"}},{{"x-amz-credential":"{credential}"}},{{"x-amz-date":"{date}"}}"#
    );
    let policy = STANDARD.encode(format!(r#"{{"expiration":"{end}","conditions":[{conditions},{own}]}}"#));
    let signature = hex(&mac(&key(now), policy.as_bytes()));
    let usual = [
        ("policy", policy.as_str()),
        ("x-amz-algorithm", "AWS4-HMAC-SHA256"),
        ("x-amz-credential", &credential),
        ("x-amz-date", &date),
        ("x-amz-signature", &signature),
    ];
    fields.iter().chain(&usual).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The SHA-256 of a body, as headers carry it.
pub(crate) fn digest(body: &[u8]) -> String {
    hex(&Sha256::digest(body))
}

fn pair((name, value): (&str, &str)) -> String {
    let escaped = |text: &str| -> String {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
        text.bytes()
            .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
            .collect()
    };
    format!("{}={}", escaped(name), escaped(value))
}

/// `20260921T141320Z`
fn date(now: Timestamp) -> String {
    let text = now.to_rfc3339();
    let digits: String = text[..19].chars().filter(|c| !matches!(c, '-' | ':')).collect();
    format!("{digits}Z")
}

fn scope(now: Timestamp) -> String {
    format!("{}/{REGION}/s3/aws4_request", &date(now)[..8])
}

fn key(now: Timestamp) -> Vec<u8> {
    let day = mac(format!("AWS4{SECRET}").as_bytes(), &date(now).as_bytes()[..8]);
    mac(&mac(&mac(&day, REGION.as_bytes()), b"s3"), b"aws4_request")
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key");
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
