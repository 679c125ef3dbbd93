//! What is wished for one signed URL, as a body says it, and what each field takes.

use domain::{ImageId, Secret, SigningKeyId, Timestamp, grouped};
use serde::Deserialize;
use serde_json::{Map, Value};
use signing::{Constraints, KeyState, Policy, SigningKey};

use crate::error::Failure;

/// The longest life and the longest window, in seconds: 100 years.
const MAX_LIFE_S: i64 = 3_153_600_000;

/// The most segments of a signed prefix, the account's own among them (signing-schemes 1.1).
const MAX_SEGMENTS: u8 = 16;

/// The variant that is meant where none is named.
const VARIANT: &str = "public";

/// The fields of one URL.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Wish {
    pub(super) url: Option<String>,
    pub(super) image: Option<String>,
    pub(super) folder: Option<String>,
    pub(super) variant: Option<String>,
    pub(super) options: Option<String>,
    pub(super) expires_in_s: Option<i64>,
    pub(super) expires_at_s: Option<i64>,
    pub(super) never_expires: bool,
    pub(super) window_s: Option<i64>,
    pub(super) not_before_s: Option<i64>,
    pub(super) networks: Vec<String>,
    pub(super) referers: Vec<String>,
    pub(super) variants: Vec<String>,
    pub(super) session: Option<String>,
    pub(super) subject: Option<String>,
    pub(super) token_id: Option<String>,
    pub(super) uses: Option<u64>,
    pub(super) prefix_segments: Option<u8>,
    pub(super) key: Option<String>,
    pub(super) cookie: bool,
}

/// What is to be signed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target<'w> {
    /// An image, with a variant or options.
    Image {
        id: ImageId,
        last: &'w str,
    },
    /// Everything whose id begins with these segments: their path below the account, and how many segments are signed.
    Folder {
        path: String,
        segments: u8,
    },
    Url(&'w str),
}

/// Fields of which one says what the others could: where an entry has one, those that all have in common do not count.
const ALTERNATIVES: [&[&str]; 3] = [
    &["url", "image", "folder"],
    &["variant", "options"],
    &["expires_in_s", "expires_at_s", "never_expires"],
];

/// The most entries of a list that all URLs have in common, and the most bytes of a text.
const MAX_COMMON_ENTRIES: usize = 32;
const MAX_COMMON_BYTES: usize = 4_096;

/// Holds what all URLs of a request have in common to what one of them can hold: it is put into each.
pub(super) fn check_common(common: &Map<String, Value>) -> Result<(), Failure> {
    let is_short = |value: &Value| value.as_str().is_none_or(|text| text.len() <= MAX_COMMON_BYTES);
    let fits = |value: &Value| match value {
        Value::Array(entries) => entries.len() <= MAX_COMMON_ENTRIES && entries.iter().all(is_short),
        value => is_short(value),
    };
    let wrong = common.iter().find(|(_, value)| !fits(value));
    wrong.map_or(Ok(()), |(name, _)| {
        let limit = grouped(MAX_COMMON_BYTES);
        Err(Failure::bad_request(format!(
            "{name}: at most {MAX_COMMON_ENTRIES} entries, and {limit} bytes of text"
        )))
    })
}

/// An entry's own fields over those that all have in common.
pub(super) fn merged(common: &Map<String, Value>, own: Map<String, Value>) -> Map<String, Value> {
    let is_replaced = |name: &str| {
        let group = ALTERNATIVES.iter().find(|group| group.contains(&name));
        group.is_some_and(|group| group.iter().any(|other| own.contains_key(*other)))
    };
    let kept = common.iter().filter(|(name, _)| !own.contains_key(*name) && !is_replaced(name));
    let mut fields: Map<_, _> = kept.map(|(name, value)| (name.clone(), value.clone())).collect();
    fields.extend(own);
    fields
}

impl Wish {
    pub(super) fn target(&self) -> Result<Target<'_>, Failure> {
        let has_last = self.variant.is_some() || self.options.is_some();
        match (&self.url, &self.image, &self.folder) {
            (Some(url), None, None) if !has_last => Ok(Target::Url(url)),
            (None, Some(id), None) => self.image(id),
            (None, None, Some(folder)) if !has_last => self::folder(folder),
            (Some(_), None, None) | (None, None, Some(_)) => Err(Failure::bad_request(
                "'variant' and 'options' go with 'image'; which variants of a folder are opened say 'variants'",
            )),
            _ => {
                Err(Failure::bad_request("one of 'image', 'folder' and 'url' is needed, and no two of them"))
            }
        }
    }

    fn image(&self, id: &str) -> Result<Target<'_>, Failure> {
        let last = match (&self.variant, &self.options) {
            (Some(_), Some(_)) => {
                return Err(Failure::bad_request("'variant' and 'options' do not go together"));
            }
            (None, Some(options)) if !options.contains('=') => {
                return Err(Failure::bad_request(
                    "options: they are written as in a URL, such as 'w=400,fit=cover'",
                ));
            }
            (None, Some(options)) => options,
            (Some(variant), None) if variant.contains('=') => {
                return Err(Failure::bad_request("variant: a name is needed; options go into 'options'"));
            }
            (variant, None) => variant.as_deref().unwrap_or(VARIANT),
        };
        let id = id.parse().map_err(|why: domain::Invalid| Failure::bad_request(format!("image: {why}")))?;
        Ok(Target::Image { id, last })
    }

    /// When it ends, in unix seconds; none for never. Where nothing is said, after a day, or what the account allows.
    pub(super) fn expires_s(&self, policy: &Policy, now: Timestamp) -> Result<Option<i64>, Failure> {
        let window_s = bounded("window_s", self.window_s.unwrap_or(1))?;
        match (self.never_expires, self.expires_at_s, self.expires_in_s) {
            (false, None, life_s) => {
                let life_s = life_s.unwrap_or_else(|| signing::usual_life_s(policy, window_s));
                let life_s = bounded("expires_in_s", life_s)?;
                Ok(Some(Constraints::stable_expiry_s(now.as_seconds(), life_s, window_s)))
            }
            (false, Some(_), None) | (true, None, None) if self.window_s.is_some() => {
                Err(Failure::bad_request(
                    "window_s: it rounds what 'expires_in_s' says, and goes with that alone",
                ))
            }
            (false, Some(end_s), None) => Ok(Some(end_s)),
            (true, None, None) => Ok(None),
            _ => Err(Failure::bad_request(
                "'expires_in_s', 'expires_at_s' and 'never_expires' do not go together",
            )),
        }
    }

    /// What the URL demands, but for its end, its prefix and when it was issued. A token that counts uses has an id of its
    /// own: where none is given, `id` makes one.
    pub(super) fn constraints(&self, id: impl FnOnce() -> String) -> Constraints {
        let token_id = match (&self.token_id, self.uses) {
            (None, Some(_)) => Some(id()),
            (token_id, _) => token_id.clone(),
        };
        Constraints {
            not_before_s: self.not_before_s,
            variants: self.variants.clone(),
            networks: self.networks.clone(),
            referers: self.referers.clone(),
            subject: self.subject.clone(),
            session: self.session.as_deref().map(Constraints::session_of),
            token_id,
            uses: self.uses,
            ..Constraints::default()
        }
    }
}

/// The first field whose value no URL can carry, and what it takes.
pub(super) fn malformed(constraints: &Constraints) -> Option<(&'static str, &'static str)> {
    let (all, none) = (constraints.clone(), Constraints::default);
    let counted = all.uses.map(|_| "x".repeat(8));
    let alone = [
        (
            Constraints { networks: all.networks, ..none() },
            ("networks", "at most 8 addresses or networks, such as 203.0.113.0/24"),
        ),
        (
            Constraints { referers: all.referers, ..none() },
            ("referers", "at most 8 hosts in lower case: host, *.host, or - for no referer"),
        ),
        (Constraints { variants: all.variants, ..none() }, ("variants", "at most 32 names of variants")),
        (Constraints { subject: all.subject, ..none() }, ("subject", "1 to 64 of A-Za-z0-9._@:-")),
        (Constraints { token_id: all.token_id, ..none() }, ("token_id", "8 to 64 of A-Za-z0-9._-")),
        (
            Constraints { uses: all.uses, token_id: counted, ..none() },
            ("uses", "a whole number from 1 to 999,999,999,999"),
        ),
        (Constraints { prefix_segments: all.prefix_segments, ..none() }, ("prefix_segments", "1 to 16")),
        (
            Constraints { not_before_s: all.not_before_s, ..none() },
            ("not_before_s", "unix seconds of at most 12 digits"),
        ),
        (Constraints::until(all.expires_s), ("expires_at_s", "unix seconds of at most 12 digits")),
    ];
    alone.into_iter().find(|(constraint, _)| !is_well_formed(constraint)).map(|(_, told)| told)
}

/// Whether there is a URL that demands it: one is signed, deep enough for every prefix.
fn is_well_formed(constraint: &Constraints) -> bool {
    let key = SigningKey::new(SigningKeyId::default_key(), Secret::new("none"), KeyState::Active);
    let deep = "/x".repeat(20);
    signing::sign_with(&deep, &key, constraint).is_ok()
}

/// Everything whose id begins with these segments; nothing is the whole account.
fn folder(text: &str) -> Result<Target<'_>, Failure> {
    let text = text.strip_suffix('/').unwrap_or(text);
    if text.is_empty() {
        return Ok(Target::Folder { path: String::new(), segments: 1 });
    }
    let id: ImageId =
        text.parse().map_err(|why: domain::Invalid| Failure::bad_request(format!("folder: {why}")))?;
    let segments = text.split('/').count() + 1;
    let segments = u8::try_from(segments).ok().filter(|segments| *segments <= MAX_SEGMENTS);
    let segments = segments.ok_or_else(|| {
        Failure::bad_request(format!("folder: at most {} segments can be signed", MAX_SEGMENTS - 1))
    })?;
    Ok(Target::Folder { path: format!("{}/", id.to_path()), segments })
}

fn bounded(field: &str, seconds: i64) -> Result<i64, Failure> {
    if (1..=MAX_LIFE_S).contains(&seconds) {
        return Ok(seconds);
    }
    Err(Failure::bad_request(format!("{field}: 1 to {} seconds", grouped(MAX_LIFE_S))))
}
