//! Signing as a service: `POST /sign` for one URL, or for many at once of which either all are signed or none; and
//! `POST /narrow` for those that are signed already.

mod narrow;
mod wish;

use std::collections::{BTreeSet, HashMap};

use actix_web::HttpResponse;
use actix_web::web::Payload;
use catalog::{Flexible, KeyEntry};
use domain::{AccountHash, Fault as _, SigningKeyId, Timestamp, grouped};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use signing::{Constraints, DeliveryUrl, KeyState, Policy, SigningKey};

pub(crate) use self::narrow::Narrowing;
use self::wish::Target;
pub(crate) use self::wish::Wish;
use crate::authenticated::Authenticated;
use crate::error::Failure;
use crate::{Api, body, envelope, fields};

/// The most URLs of one request.
pub(crate) const MAX_URLS: usize = 1_000;

/// The longest body, in bytes: as many URLs with ids of 1,024 bytes.
const MAX_BODY_BYTES: usize = 2_097_152;

/// The most entries of a request that are told to be wrong.
const MAX_TOLD: usize = 20;

/// The name of the list of many URLs.
const MANY: &str = "urls";

/// `POST /sign`
pub(crate) async fn sign(
    api: &Api,
    caller: &Authenticated,
    payload: Payload,
) -> Result<HttpResponse, Failure> {
    each(api, caller, payload, Signer::sign).await
}

/// `POST /narrow`
pub(crate) async fn narrow(
    api: &Api,
    caller: &Authenticated,
    payload: Payload,
) -> Result<HttpResponse, Failure> {
    each(api, caller, payload, Signer::narrow).await
}

/// Answers for one URL or for many, as the body is about.
async fn each<W: DeserializeOwned>(
    api: &Api,
    caller: &Authenticated,
    payload: Payload,
    sign: impl Fn(&Signer, &W) -> Result<Signed, Failure>,
) -> Result<HttpResponse, Failure> {
    let mut wishes = body::json_within(api, payload, MAX_BODY_BYTES).await?;
    let Some(urls) = wishes.remove(MANY) else {
        let wish = fields::read(wishes)?;
        return Ok(envelope::done(sign(&Signer::of(api, caller).await?, &wish)?));
    };
    // What all have in common is read alone first, so that a mistake in it is told once.
    fields::read::<W>(wishes.clone())?;
    wish::check_common(&wishes)?;
    let urls = list(urls)?;
    let signer = Signer::of(api, caller).await?;
    // One after the other: a thousand copies of what they have in common would fill the memory.
    let signed = all(urls, |own| fields::read(entry(own, &wishes)?).and_then(|wish| sign(&signer, &wish)))?;
    Ok(envelope::done(json!({ MANY: signed })))
}

/// A URL that was signed.
#[derive(Debug, Serialize)]
struct Signed {
    url: String,
    /// None where no key was needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    expires_at: Option<String>,
    expires_at_s: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cookie: Option<String>,
}

/// What all URLs of one request are signed with.
struct Signer {
    hash: AccountHash,
    flexible: Flexible,
    policy: Policy,
    keys: HashMap<SigningKeyId, SigningKey>,
    /// The name of the one that signs.
    signs: Option<SigningKeyId>,
    variants: BTreeSet<String>,
    delivery_url: String,
    now: Timestamp,
}

impl Signer {
    async fn of(api: &Api, caller: &Authenticated) -> Result<Self, Failure> {
        let account = api.catalog.account(caller.account()).await?;
        let variants = api.catalog.variants(caller.account()).await?;
        let keys = api.catalog.signing_keys(caller.account()).await?;
        let active = || keys.iter().filter(|key| key.state == KeyState::Active);
        let ready =
            |key: &KeyEntry| (key.id.clone(), SigningKey::new(key.id.clone(), key.secret.clone(), key.state));
        Ok(Signer {
            policy: account.policy.signing(),
            flexible: account.policy.flexible_variants,
            hash: account.hash,
            signs: active().find(|key| key.signs).map(|key| key.id.clone()),
            keys: active().map(ready).collect(),
            variants: variants.into_iter().map(|variant| variant.name.to_string()).collect(),
            delivery_url: api.config.delivery_url.clone(),
            now: api.clock.now(),
        })
    }

    fn sign(&self, wish: &Wish) -> Result<Signed, Failure> {
        let (url, prefix_segments) = self.target(wish)?;
        let key = self.key(wish.key.as_deref())?;
        let expires_s = wish.expires_s(&self.policy, self.now)?;
        let issued_at_s = signing::issued_at_s(&self.policy, self.now, wish.window_s.unwrap_or(1));
        let constraints =
            Constraints { expires_s, prefix_segments, issued_at_s, ..wish.constraints(generated) };
        self.check_variants(&constraints.variants)?;
        let url = signing::issue(&url, key, &constraints, &self.policy, self.now)
            .map_err(|error| refused(error, &constraints))?;
        self.told(url, Some(key.id()), constraints, wish.cookie)
    }

    /// The same URL, which demands more. What it demanded already no key is needed to keep.
    fn narrow(&self, narrowing: &Narrowing) -> Result<Signed, Failure> {
        self.check_url(&narrowing.url)?;
        if narrowing.cookie && !opens_folder(&narrowing.url) {
            let told = "cookie: a cookie opens a folder: this URL was not signed for one";
            return Err(Failure::bad_request(told));
        }
        let constraints = narrowing.constraints(&self.policy, self.now, generated)?;
        self.check_variants(&constraints.variants)?;
        let url = signing::narrow(&narrowing.url, &constraints).map_err(|error| match error {
            signing::Error::MissingSignature => Failure::bad_request("url: it carries no signature of ours"),
            signing::Error::MalformedParam if wish::malformed(&constraints).is_none() => {
                Failure::bad_request(
                    "url: it was narrowed four times already, or carries a parameter that is malformed",
                )
            }
            error => refused(error, &constraints),
        })?;
        self.told(url, None, constraints, narrowing.cookie)
    }

    fn told(
        &self,
        url: String,
        key: Option<&SigningKeyId>,
        constraints: Constraints,
        wants_cookie: bool,
    ) -> Result<Signed, Failure> {
        let Constraints { expires_s, prefix_segments, token_id, .. } = constraints;
        let cookie = wants_cookie.then(|| self.cookie(&url, prefix_segments, expires_s)).transpose()?;
        Ok(Signed {
            cookie,
            url,
            key: key.map(ToString::to_string),
            expires_at: expires_s.map(|end_s| Timestamp::from_seconds(end_s).to_rfc3339()),
            expires_at_s: expires_s,
            token_id,
        })
    }

    /// The URL that is to be signed, and how many segments of its path.
    fn target(&self, wish: &Wish) -> Result<(String, Option<u8>), Failure> {
        let below = |path: String| format!("{}{path}", self.delivery_url);
        match wish.target()? {
            Target::Image { id, last } => {
                self.check_last(last, last.contains('='))?;
                Ok((below(DeliveryUrl::path_of(&self.hash, &id, last)), wish.prefix_segments))
            }
            Target::Folder { path, segments } => {
                let prefix_segments = wish.prefix_segments.unwrap_or(segments);
                Ok((below(format!("/{}/{path}", self.hash)), Some(prefix_segments)))
            }
            Target::Url(url) => {
                self.check_url(url)?;
                Ok((url.to_owned(), wish.prefix_segments))
            }
        }
    }

    /// A URL has to be one of this account, and of something that it delivers.
    fn check_url(&self, url: &str) -> Result<(), Failure> {
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let is_folder = path.ends_with('/');
        let probe = if is_folder { format!("{path}x/x?{query}") } else { url.to_owned() };
        let parsed = DeliveryUrl::parse_url(&probe)
            .map_err(|error| Failure::bad_request(format!("url: {error}: {}", error.advice())))?;
        if parsed.account() != self.hash.as_str() {
            let hash = &self.hash;
            return Err(Failure::bad_request(format!(
                "url: it is not one of this account, whose delivery URLs begin with /{hash}/"
            )));
        }
        if is_folder { Ok(()) } else { self.check_last(parsed.last(), parsed.is_flexible()) }
    }

    /// A variant that the account has, or options that it takes.
    fn check_last(&self, last: &str, is_flexible: bool) -> Result<(), Failure> {
        if !is_flexible {
            return self.check_variant("variant", last);
        }
        if self.flexible == Flexible::Off {
            return Err(Failure::bad_request(
                "options: this account takes no options in URLs (flexible_variants is off)",
            ));
        }
        let parsed = variant::Options::parse(last);
        parsed.map(drop).map_err(|error| Failure::bad_request(format!("options: {error}")))
    }

    fn check_variants(&self, names: &[String]) -> Result<(), Failure> {
        names.iter().try_for_each(|name| self.check_variant("variants", name))
    }

    fn check_variant(&self, field: &str, name: &str) -> Result<(), Failure> {
        if self.variants.contains(name) {
            return Ok(());
        }
        let shown: String = name.chars().filter(|c| !c.is_control()).take(99).collect();
        Err(Failure::bad_request(format!("{field}: this account has no variant '{shown}'")))
    }

    /// The key of this name, or the one that signs.
    fn key(&self, name: Option<&str>) -> Result<&SigningKey, Failure> {
        let wanted = match name {
            Some(name) => self.keys.get(name),
            None => self.signs.as_ref().and_then(|name| self.keys.get(name)),
        };
        wanted.ok_or_else(|| Failure::bad_request("key: no active signing key of this account has that name"))
    }

    fn cookie(
        &self,
        url: &str,
        prefix_segments: Option<u8>,
        expires_s: Option<i64>,
    ) -> Result<String, Failure> {
        let segments = prefix_segments.ok_or_else(|| {
            Failure::bad_request("cookie: a cookie opens a folder: give 'folder', or 'prefix_segments'")
        })?;
        if url.contains(';') {
            // There its attributes would begin.
            return Err(Failure::bad_request("cookie: a URL with ';' in it cannot be one"));
        }
        Ok(signing::set_cookie(url, segments, expires_s, &self.policy, self.now))
    }
}

/// Whether a URL was signed for a folder by the holder of its key: before what others have added, it names a prefix.
fn opens_folder(url: &str) -> bool {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let names = query.split('&').map(|pair| pair.split_once('=').map_or(pair, |(name, _)| name));
    names.take_while(|name| *name != "s-at").any(|name| name == "s-pfx")
}

/// The fields of one URL: its own, and those that all have in common.
fn entry(own: Value, common: &Map<String, Value>) -> Result<Map<String, Value>, Failure> {
    match own {
        Value::Object(own) => Ok(wish::merged(common, own)),
        _ => Err(Failure::bad_request("an object is needed")),
    }
}

/// The entries of a request for many.
fn list(urls: Value) -> Result<Vec<Value>, Failure> {
    let Value::Array(urls) = urls else {
        return Err(Failure::bad_request(format!("{MANY}: a list of objects is needed")));
    };
    if urls.is_empty() || urls.len() > MAX_URLS {
        let (limit, found) = (grouped(MAX_URLS), grouped(urls.len()));
        return Err(Failure::bad_request(format!("{MANY}: 1 to {limit} are signed at once, not {found}")));
    }
    Ok(urls)
}

/// The outcome of each, or what is wrong with them, the first few.
fn all<W, S>(wishes: Vec<W>, sign: impl Fn(W) -> Result<S, Failure>) -> Result<Vec<S>, Failure> {
    let mut signed = Vec::with_capacity(wishes.len());
    let mut wrong: Vec<Failure> = Vec::new();
    for (index, wish) in wishes.into_iter().enumerate() {
        match sign(wish) {
            Ok(one) => signed.push(one),
            Err(failure) => {
                let told = format!("{MANY}[{index}]: {}", failure.message());
                wrong.push(Failure::bad_request(told).at(&pointer(index)));
            }
        }
        if wrong.len() == MAX_TOLD {
            break;
        }
    }
    wrong.into_iter().reduce(Failure::also).map_or(Ok(signed), Err)
}

fn pointer(index: usize) -> String {
    format!("/{MANY}/{index}")
}

/// A token id that nobody has used.
fn generated() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// Why nothing was signed: a field that is malformed, by its name here, or what the account would refuse.
fn refused(error: signing::Error, constraints: &Constraints) -> Failure {
    use signing::Error;
    let told = match error {
        Error::MalformedParam => match wish::malformed(constraints) {
            Some((field, takes)) => format!("{field}: {takes}"),
            None => "the URL carries a parameter that is malformed".into(),
        },
        Error::BadSignature => {
            "the URL carries a parameter that this account ignores (ignore_params): leave it out".into()
        }
        Error::Expired => "the URL would end before it begins, or has ended already".into(),
        error => {
            let reason = error.reason().unwrap_or_default();
            format!("this account would refuse the URL: {error} ({reason})")
        }
    };
    Failure::bad_request(told)
}

#[cfg(test)]
mod tests;
