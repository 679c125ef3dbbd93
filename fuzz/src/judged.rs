//! What must hold for any request at all, whoever made it up: it gets a verdict and the same explanation; what is said of it
//! shows no secret; what was accepted ends; and what the explanation says was to be signed is what, once it is signed so,
//! is not refused for its signature.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use domain::{SigningKeyId, Timestamp};
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use p256::ecdsa::signature::hazmat::PrehashSigner as _;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use signing::{Error, KeyMaterial, KeyState, Scheme, VerifyingKey, sign};

use crate::signed::{Asked, Signed};

/// Who judges the requests of a scheme.
pub(crate) struct Judge {
    /// The scheme's requests of `schemes.json`, whose keys and settings count.
    all: Vec<Signed>,
    /// Signs where the scheme has public keys.
    private_key: p256::ecdsa::SigningKey,
}

/// The id of the key that signs where the scheme has public keys.
const OWN_KEY_ID: &str = "KOURS";

impl Judge {
    pub(crate) fn of(scheme: Scheme) -> Judge {
        let mut all: Vec<Signed> =
            Signed::all().into_iter().filter(|signed| signed.scheme == scheme).collect();
        let private_key = p256::ecdsa::SigningKey::from_slice(&[1; 32]).expect("a number below the order");
        if scheme == Scheme::CloudFront {
            for signed in &mut all {
                signed.foreign_keys.push(public_half(&private_key));
            }
        }
        Judge { all, private_key }
    }

    /// The seeds that are ours: name and content.
    pub(crate) fn seeds(&self) -> impl Iterator<Item = (&str, String)> {
        self.all.iter().map(|signed| (signed.id.as_str(), written(&signed.id, &signed.asked)))
    }

    /// The request whose keys and settings count where a seed names none.
    pub(crate) fn first_id(&self) -> &str {
        &self.all[0].id
    }

    /// Judges a request that is made up: the id of the one whose keys and settings count, method and target, headers, and
    /// behind an empty line the fields of a form.
    pub(crate) fn judge(&self, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        let Some((id, rest)) = text.split_once('\n') else { return };
        let signed = self.all.iter().find(|signed| signed.id == id).unwrap_or(&self.all[0]);
        let asked = read(rest, &signed.asked);
        let verdict = signed.verdict(&asked);
        let explanation = asked.explained(&signed.verifier(), signed.now);
        for secret in secrets(signed).filter(|secret| !text.contains(secret.as_str())) {
            assert!(!format!("{explanation:?}").contains(&secret), "a secret is shown");
        }
        if let Some(expires_s) = verdict.ok().and_then(|verified| verified.expires_s) {
            let end = Timestamp::from_seconds(expires_s);
            assert!(signed.verdict_by(&asked, &signed.verifier(), end).is_err(), "it never ends");
        }
        if let Some(again) = self.signed_again(signed, &asked, &explanation.signed_texts) {
            let verdict = signed.verdict(&again);
            assert_ne!(verdict.err(), Some(Error::BadSignature), "{}: {again:?}", signed.id);
        }
    }

    /// The same request with the signature that the explanation asks for; none where its parts are not there.
    fn signed_again(&self, signed: &Signed, asked: &Asked, texts: &[String]) -> Option<Asked> {
        if signed.scheme == Scheme::Native {
            let target = sign(&asked.target, &signed.keys[0], None).ok()?;
            return Some(asked.at(target));
        }
        let (first, last) = (texts.first()?, texts.last()?);
        let secret = secrets(signed).next().unwrap_or_default();
        let set = |name: &str, value: &str| with_pair(asked, name, value);
        match signed.scheme {
            Scheme::Native => None,
            Scheme::Generic => set("Signature", &hex::encode(mac::<Hmac<Sha256>>(secret.as_bytes(), last))),
            Scheme::Cloudimage => {
                let text = first.strip_prefix("<salt>").map(|rest| format!("{secret}{rest}"));
                let text = text.or_else(|| Some(format!("{}{secret}", first.strip_suffix("<salt>")?)))?;
                let name = if first.starts_with("<salt>") { "ci_sign" } else { "ci_seal" };
                set(name, &hex::encode(Sha1::digest(text)))
            }
            Scheme::CloudFront => self.signed_by_cloudfront(asked, last),
            Scheme::S3 | Scheme::Gcs => signed_for_storage(signed, asked, last, &secret),
            Scheme::Imgproxy => {
                let KeyMaterial::KeyAndSalt { key, salt } = signed.foreign_keys[0].material() else {
                    return None;
                };
                let text = [salt.as_slice(), last.strip_prefix("<salt>")?.as_bytes()].concat();
                with_first_segment(asked, &URL_SAFE_NO_PAD.encode(mac::<Hmac<Sha256>>(key, text)))
            }
            Scheme::Thumbor => {
                with_first_segment(asked, &URL_SAFE.encode(mac::<Hmac<Sha1>>(secret.as_bytes(), last)))
            }
            Scheme::Imgix => {
                set("s", &hex::encode(Md5::digest(format!("{secret}{}", last.strip_prefix("<token>")?))))
            }
            Scheme::Bunny => signed_by_bunny(asked, last, &secret),
            Scheme::Fastly => {
                let (expiry, _) = value_of(asked, "token")?.split_once('_')?;
                let key = STANDARD.decode(&secret).ok()?;
                set("token", &format!("{expiry}_{}", hex::encode(mac::<Hmac<Sha1>>(&key, last))))
            }
            Scheme::EdgeAuth => signed_by_edge_auth(signed, asked, last, &secret),
            Scheme::ImageKit => set("ik-s", &hex::encode(mac::<Hmac<Sha1>>(secret.as_bytes(), last))),
            Scheme::Cloudinary => {
                let hash = Sha256::digest(format!("{}{secret}", last.strip_suffix("<secret>")?));
                let (before, rest) = asked.target.split_once("/s--")?;
                let (_, after) = rest.split_once("--/")?;
                Some(asked.at(format!("{before}/s--{}--/{after}", &URL_SAFE_NO_PAD.encode(hash)[..32])))
            }
        }
    }

    fn signed_by_cloudfront(&self, asked: &Asked, text: &str) -> Option<Asked> {
        // Bytes that are no text are not shown as they are; and a URL with half of the marks is read by its cookies.
        let is_halved = asked.target.contains("Signature=") != asked.target.contains("Key-Pair-Id=");
        if text.contains(char::REPLACEMENT_CHARACTER) || is_halved {
            return None;
        }
        let is_sha256 = value_of(asked, "Hash-Algorithm") == Some("SHA256");
        let digest = if is_sha256 { Sha256::digest(text).to_vec() } else { Sha1::digest(text).to_vec() };
        let signature: p256::ecdsa::Signature = self.private_key.sign_prehash(&digest).ok()?;
        let signature =
            STANDARD.encode(signature.to_der()).replace('+', "-").replace('=', "_").replace('/', "~");
        let asked = with_pair(asked, "Signature", &signature)?;
        with_pair(&asked, "Key-Pair-Id", OWN_KEY_ID)
    }
}

/// A request as it is read.
fn written(id: &str, asked: &Asked) -> String {
    let mut text = format!("{id}\n{} {}\n", asked.method, asked.target);
    asked.headers.iter().for_each(|(name, value)| text.extend([name, ": ", value, "\n"]));
    for (index, (name, value)) in asked.fields.iter().flatten().enumerate() {
        text.extend([if index == 0 { "\n" } else { "" }, name, "=", value, "\n"]);
    }
    text
}

fn read(text: &str, like: &Asked) -> Asked {
    let (head, form) = text.split_once("\n\n").map_or((text, None), |(head, form)| (head, Some(form)));
    let (first, headers) = head.split_once('\n').unwrap_or((head, ""));
    let (method, target) = first.split_once(' ').unwrap_or(("GET", first));
    let header =
        |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    let field = |line: &str| line.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    Asked {
        method: method.to_owned(),
        target: target.to_owned(),
        headers: headers.lines().filter_map(header).collect(),
        fields: form.map(|form| form.lines().filter_map(field).collect()),
        ..like.clone()
    }
}

/// The secrets of who verifies, as they are registered.
fn secrets(signed: &Signed) -> impl Iterator<Item = String> + '_ {
    let own = signed.keys.iter().map(|key| key.secret().reveal().to_owned());
    let foreign = signed.foreign_keys.iter().filter_map(|key| match key.material() {
        KeyMaterial::Text(secret) | KeyMaterial::TextWithSession { secret, .. } => {
            Some(secret.reveal().to_owned())
        }
        _ => None,
    });
    own.chain(foreign)
}

fn public_half(private_key: &p256::ecdsa::SigningKey) -> VerifyingKey {
    const HEAD: &str = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
    let mut info = hex::decode(HEAD).expect("hex digits");
    info.extend_from_slice(private_key.verifying_key().to_sec1_point(false).as_bytes());
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----", STANDARD.encode(info));
    let material = KeyMaterial::public_key_pem(&pem).expect("a public key");
    VerifyingKey::new(Scheme::CloudFront, SigningKeyId::default_key(), OWN_KEY_ID, KeyState::Active, material)
}

fn mac<M: Mac + KeyInit>(key: &[u8], text: impl AsRef<[u8]>) -> Vec<u8> {
    let mac = <M as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.chain_update(text).finalize().into_bytes().to_vec()
}

/// The raw value of the first parameter or CloudFront cookie of a name.
fn value_of<'a>(asked: &'a Asked, name: &str) -> Option<&'a str> {
    let (text, start, end) = place_of(asked, name)?;
    Some(&text[start..end])
}

/// Where the value of the first parameter, or CloudFront cookie, of a name stands, and in which text.
fn place_of<'a>(asked: &'a Asked, name: &str) -> Option<(&'a str, usize, usize)> {
    let target = asked.target.as_str();
    let query = target.find('?').map_or(target.len(), |at| at + 1);
    let found = find_pair(target, query, '&', &format!("{name}="));
    if found.is_some() {
        return found.map(|(start, end)| (target, start, end));
    }
    let cookie = asked.headers.get("cookie")?;
    find_pair(cookie, 0, ';', &format!("CloudFront-{name}="))
        .map(|(start, end)| (cookie.as_str(), start, end))
}

fn find_pair(text: &str, from: usize, joint: char, start: &str) -> Option<(usize, usize)> {
    let mut at = from;
    for pair in text.get(from..)?.split(joint) {
        let blanks = pair.len() - pair.trim_start().len();
        if pair.trim_start().starts_with(start) {
            return Some((at + blanks + start.len(), at + pair.len()));
        }
        at += pair.len() + 1;
    }
    None
}

/// A request with another value for the first parameter, or CloudFront cookie, of a name.
fn with_pair(asked: &Asked, name: &str, value: &str) -> Option<Asked> {
    let (text, start, end) = place_of(asked, name)?;
    let changed = format!("{}{value}{}", &text[..start], &text[end..]);
    if std::ptr::eq(text, asked.target.as_str()) {
        return Some(asked.at(changed));
    }
    let mut asked = asked.clone();
    asked.headers.insert("cookie".to_owned(), changed);
    Some(asked)
}

fn with_first_segment(asked: &Asked, segment: &str) -> Option<Asked> {
    let (old, rest) = asked.target.strip_prefix('/')?.split_once('/')?;
    (!old.contains('?')).then(|| asked.at(format!("/{segment}/{rest}")))
}

/// Signs for S3 or Google, where a secret does it.
fn signed_for_storage(signed: &Signed, asked: &Asked, text: &str, secret: &str) -> Option<Asked> {
    // A session token that is another is told as a wrong signature, whatever was signed.
    if secret.is_empty() || signed.id == "s3_session" {
        return None;
    }
    let derived = |prefix: &str, scope: &str| {
        let first = format!("{prefix}{secret}").into_bytes();
        scope.split('/').fold(first, |key, word| mac::<Hmac<Sha256>>(&key, word))
    };
    if let Some(fields) = &asked.fields {
        let named = |name: &str| fields.iter().position(|(other, _)| other.eq_ignore_ascii_case(name));
        let scope = fields[named("x-amz-credential")?].1.split_once('/')?.1;
        let signature = hex::encode(mac::<Hmac<Sha256>>(&derived("AWS4", scope), text));
        let mut again = asked.clone();
        again.fields.as_mut()?[named("x-amz-signature")?].1 = signature;
        return Some(again);
    }
    let mut lines = text.lines();
    let algorithm = lines.next()?;
    if !matches!(algorithm, "AWS4-HMAC-SHA256" | "GOOG4-HMAC-SHA256") {
        let signature = STANDARD.encode(mac::<Hmac<Sha1>>(secret.as_bytes(), text));
        let signature = signature.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
        return value_of(asked, "AWSAccessKeyId").and_then(|_| with_pair(asked, "Signature", &signature));
    }
    let key = derived(algorithm.split('-').next()?, lines.nth(1)?);
    let signature = hex::encode(mac::<Hmac<Sha256>>(&key, text));
    if let Some(authorization) = asked.headers.get("authorization") {
        let (before, _) = authorization.split_once("Signature=")?;
        let mut again = asked.clone();
        again.headers.insert("authorization".to_owned(), format!("{before}Signature={signature}"));
        return Some(again);
    }
    with_pair(asked, "X-Amz-Signature", &signature)
        .or_else(|| with_pair(asked, "X-Goog-Signature", &signature))
}

fn signed_by_bunny(asked: &Asked, text: &str, secret: &str) -> Option<Asked> {
    let token = URL_SAFE_NO_PAD.encode(mac::<Hmac<Sha256>>(secret.as_bytes(), text));
    let token = format!("HS256-{token}");
    if let Some(rest) = asked.target.strip_prefix("/bcdn_token=") {
        let end = rest.find(['&', '/'])?;
        return Some(asked.at(format!("/bcdn_token={token}{}", &rest[end..])));
    }
    let is_bound = value_of(asked, "token")?.starts_with("HS256-1-");
    if is_bound { None } else { with_pair(asked, "token", &token) }
}

fn signed_by_edge_auth(signed: &Signed, asked: &Asked, text: &str, secret: &str) -> Option<Asked> {
    let salt = signed.settings.edge_auth.salt.as_deref();
    let text = match salt {
        Some(salt) => format!("{}{salt}", text.strip_suffix("<salt>")?),
        None => text.to_owned(),
    };
    let signature = hex::encode(mac::<Hmac<Sha256>>(&hex::decode(secret).ok()?, text));
    let changed = |text: &str| {
        let start = text.find("~hmac=")? + "~hmac=".len();
        let length = text[start..].bytes().take_while(u8::is_ascii_hexdigit).count();
        Some(format!("{}{signature}{}", &text[..start], &text[start + length..]))
    };
    let name = &signed.settings.edge_auth.parameter;
    if let Some(token) = value_of(asked, name) {
        return with_pair(asked, name, &changed(token)?);
    }
    let mut again = asked.clone();
    if let Some(cookie) = again.headers.get_mut("cookie") {
        let (start, end) = find_pair(cookie, 0, ';', &format!("{name}="))?;
        *cookie = format!("{}{}{}", &cookie[..start], changed(&cookie[start..end])?, &cookie[end..]);
    } else {
        let header = again.headers.get_mut(name.as_str())?;
        *header = changed(header)?;
    }
    Some(again)
}
