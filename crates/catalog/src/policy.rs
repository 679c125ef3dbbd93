//! What an account decides about delivery, with the names and texts of the command line.

use serde::{Deserialize, Serialize};

use crate::Error;

/// How long browsers may be told to keep an answer, in seconds (contract 6.4).
pub(crate) const BROWSER_TTL_S: std::ops::RangeInclusive<u32> = 3_600..=31_536_000;

/// The most names in `ignore_params`: each is compared with each pair of a query.
const MAX_IGNORED_PARAMS: usize = 32;

/// The most entries in a list of what was revoked: all of them are loaded with an account's rights. Who has to revoke more
/// has a mark in time, or another key.
const MAX_REVOKED: usize = 1_000;

/// The latest time that a token can name, in unix seconds: twelve digits.
const MOST_SECONDS: i64 = 999_999_999_999;

/// The largest size that `redirect_to_storage` takes.
const MOST_BYTES: u64 = 999_999_999_999;

/// Who may put options into a URL (contract 6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Flexible {
    /// Nobody.
    Off,
    /// Whoever signs the URL.
    Signed,
    /// Everybody, on public images.
    All,
}

/// Whether a refusal hides that an image exists (contract R-83).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HideExistence {
    /// For custom ids, from the account's first private image with a custom id on.
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
}

/// Which pages may load images, as browsers are told (`Cross-Origin-Resource-Policy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Corp {
    /// Any.
    CrossOrigin,
    /// Those of the same site.
    SameSite,
    /// Those of the very host.
    SameOrigin,
}

impl Corp {
    /// Its word, as the header has it.
    pub const fn word(self) -> &'static str {
        match self {
            Corp::CrossOrigin => "cross-origin",
            Corp::SameSite => "same-site",
            Corp::SameOrigin => "same-origin",
        }
    }
}

/// What an account decides about delivery. Stored as JSON; each field has the name that the command line uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccountPolicy {
    /// A signed URL must carry an expiry.
    pub require_exp: bool,
    /// Options in the URL.
    pub flexible_variants: Flexible,
    /// Refusals hide whether an image exists.
    pub hide_existence: HideExistence,
    /// Query pairs that are dropped before a signature is checked.
    pub ignore_params: Vec<String>,
    /// URLs below `/cdn-cgi/imagedelivery/` may be signed without that prefix.
    pub moved_urls: bool,
    /// Seconds for which browsers keep what needed no signature: 3,600 to 31,536,000.
    pub browser_ttl_s: u32,
    /// The longest life of a signed URL in seconds; none for any.
    pub max_lifetime_s: Option<i64>,
    /// Fewest segments of a signed prefix: 1 to 16.
    pub min_prefix_depth: u8,
    /// Seconds that clocks of signers may be ahead: at most 60.
    pub leeway_s: u32,
    /// Ids of tokens that are refused.
    pub revoked_token_ids: Vec<String>,
    /// Subjects whose tokens are refused.
    pub revoked_subjects: Vec<String>,
    /// URLs that were issued before, or do not say when, are refused; in unix seconds.
    pub revoked_before_s: Option<i64>,
    /// Each refusal of a signature with status 403 says no more than that it is one.
    pub collapse_refusals: bool,
    /// Which pages may load images.
    pub corp: Corp,
    /// Originals and renditions of at least so many bytes are fetched from the bucket itself, where objects lie in one.
    pub redirect_to_storage_bytes: Option<u64>,
}

impl Default for AccountPolicy {
    fn default() -> Self {
        AccountPolicy {
            require_exp: true,
            flexible_variants: Flexible::Signed,
            hide_existence: HideExistence::Auto,
            ignore_params: Vec::new(),
            moved_urls: false,
            browser_ttl_s: 172_800,
            max_lifetime_s: None,
            min_prefix_depth: 1,
            leeway_s: 0,
            revoked_token_ids: Vec::new(),
            revoked_subjects: Vec::new(),
            revoked_before_s: None,
            collapse_refusals: false,
            corp: Corp::CrossOrigin,
            redirect_to_storage_bytes: None,
        }
    }
}

impl AccountPolicy {
    /// The settings by their names on the command line, with the values they take.
    pub const SETTINGS: [(&'static str, &'static str); 15] = [
        ("require_exp", "true or false"),
        ("flexible_variants", "off, signed or all"),
        ("hide_existence", "auto, on or off"),
        ("ignore_params", "names, comma between them, a trailing * for a prefix; empty for none"),
        ("moved_urls", "true or false"),
        ("browser_ttl", "seconds from 3600 to 31536000"),
        ("max_lifetime", "seconds from 1 to 999999999999, or none"),
        ("min_prefix_depth", "segments from 1 to 16"),
        ("leeway", "seconds from 0 to 60"),
        ("revoked_token_ids", "values of s-jti, comma between them; empty for none"),
        ("revoked_subjects", "values of s-sub, comma between them; empty for none"),
        ("revoked_before", "unix seconds, or none"),
        ("collapse_refusals", "true or false"),
        ("corp", "cross-origin, same-site or same-origin"),
        ("redirect_to_storage", "bytes from 0 to 999999999999 from which on, or none"),
    ];

    /// Sets one setting from text; the error says what it takes.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), Error> {
        let value = value.trim();
        match name {
            "require_exp" => self.require_exp = word(name, value)?,
            "flexible_variants" => self.flexible_variants = word(name, value)?,
            "hide_existence" => self.hide_existence = word(name, value)?,
            "ignore_params" => self.ignore_params = ignored_params(value)?,
            "moved_urls" => self.moved_urls = word(name, value)?,
            "browser_ttl" => self.browser_ttl_s = browser_ttl(value).ok_or_else(|| refused(name, value))?,
            "max_lifetime" => self.max_lifetime_s = seconds_or_none(name, value, 1)?,
            "min_prefix_depth" => self.min_prefix_depth = within(name, value, 1..=16)?,
            "leeway" => self.leeway_s = within(name, value, 0..=signing::Policy::MAX_LEEWAY_S)?,
            "revoked_token_ids" => self.revoked_token_ids = revoked(name, value)?,
            "revoked_subjects" => self.revoked_subjects = revoked(name, value)?,
            "revoked_before" => self.revoked_before_s = seconds_or_none(name, value, 0)?,
            "collapse_refusals" => self.collapse_refusals = word(name, value)?,
            "corp" => self.corp = word(name, value)?,
            "redirect_to_storage" if value == "none" => self.redirect_to_storage_bytes = None,
            "redirect_to_storage" => {
                self.redirect_to_storage_bytes = Some(within(name, value, 0..=MOST_BYTES)?);
            }
            _ => {
                return Err(Error::Invalid(format!(
                    "there is no setting {name:?}; there are {}",
                    known_settings()
                )));
            }
        }
        Ok(())
    }

    /// Each setting as its name and text, in the order of [`AccountPolicy::SETTINGS`].
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        let none = || "none".to_owned();
        let texts = [
            text(&self.require_exp),
            text(&self.flexible_variants),
            text(&self.hide_existence),
            self.ignore_params.join(","),
            text(&self.moved_urls),
            self.browser_ttl_s.to_string(),
            self.max_lifetime_s.map_or_else(none, |seconds| seconds.to_string()),
            self.min_prefix_depth.to_string(),
            self.leeway_s.to_string(),
            self.revoked_token_ids.join(","),
            self.revoked_subjects.join(","),
            self.revoked_before_s.map_or_else(none, |seconds| seconds.to_string()),
            text(&self.collapse_refusals),
            text(&self.corp),
            self.redirect_to_storage_bytes.map_or_else(none, |bytes| bytes.to_string()),
        ];
        Self::SETTINGS.into_iter().map(|(name, _)| name).zip(texts).collect()
    }

    /// The part that verification needs.
    pub fn signing(&self) -> signing::Policy {
        signing::Policy {
            require_exp: self.require_exp,
            ignore_params: self.ignore_params.clone(),
            moved_urls: self.moved_urls,
            leeway_s: self.leeway_s,
            max_lifetime_s: self.max_lifetime_s,
            min_prefix_segments: self.min_prefix_depth,
            revoked: signing::Revoked {
                token_ids: self.revoked_token_ids.iter().cloned().collect(),
                subjects: self.revoked_subjects.iter().cloned().collect(),
                issued_before_s: self.revoked_before_s,
            },
            ..signing::Policy::default()
        }
    }
}

/// Reads a word as serde writes it.
fn word<T: for<'de> Deserialize<'de>>(name: &str, value: &str) -> Result<T, Error> {
    let plain = serde_json::from_str(value);
    plain.or_else(|_| serde_json::from_value(value.into())).map_err(|_| refused(name, value))
}

/// The word of a value, as serde writes it.
fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default().trim_matches('"').to_owned()
}

fn browser_ttl(value: &str) -> Option<u32> {
    value.parse().ok().filter(|seconds| BROWSER_TTL_S.contains(seconds))
}

fn within<T: std::str::FromStr + PartialOrd>(
    name: &str,
    value: &str,
    range: std::ops::RangeInclusive<T>,
) -> Result<T, Error> {
    value.parse().ok().filter(|number| range.contains(number)).ok_or_else(|| refused(name, value))
}

fn seconds_or_none(name: &str, value: &str, least_s: i64) -> Result<Option<i64>, Error> {
    if value == "none" { Ok(None) } else { within(name, value, least_s..=MOST_SECONDS).map(Some) }
}

/// A list of what a token may carry as its id or subject.
fn revoked(name: &str, value: &str) -> Result<Vec<String>, Error> {
    let fits = |entry: &str| {
        (1..=64).contains(&entry.len())
            && entry.bytes().all(|b| b.is_ascii_alphanumeric() || b"._@:-".contains(&b))
    };
    let entries: Vec<String> =
        value.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(String::from).collect();
    if entries.len() > MAX_REVOKED {
        return Err(Error::Invalid(format!("{name} takes at most {MAX_REVOKED} entries")));
    }
    if entries.iter().all(|entry| fits(entry)) { Ok(entries) } else { Err(refused(name, value)) }
}

fn ignored_params(value: &str) -> Result<Vec<String>, Error> {
    let names: Vec<String> =
        value.split(',').map(str::trim).filter(|name| !name.is_empty()).map(String::from).collect();
    if names.len() > MAX_IGNORED_PARAMS {
        return Err(Error::Invalid(format!("ignore_params takes at most {MAX_IGNORED_PARAMS} names")));
    }
    for name in &names {
        signing::Policy::check_ignore_param(name).map_err(|why| Error::Invalid(why.to_string()))?;
    }
    Ok(names)
}

fn refused(name: &str, value: &str) -> Error {
    let takes =
        AccountPolicy::SETTINGS.into_iter().find(|(known, _)| *known == name).map_or("", |(_, takes)| takes);
    Error::Invalid(format!("{name} takes {takes}, not {value:?}"))
}

fn known_settings() -> String {
    AccountPolicy::SETTINGS.map(|(name, _)| name).join(", ")
}
