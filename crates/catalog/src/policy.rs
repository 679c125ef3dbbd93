//! What an account decides about delivery, with the names and texts of the command line.

use serde::{Deserialize, Serialize};

use crate::Error;

/// How long browsers may be told to keep an answer, in seconds (contract 6.4).
pub(crate) const BROWSER_TTL_S: std::ops::RangeInclusive<u32> = 3_600..=31_536_000;

/// The most names in `ignore_params`: each is compared with each pair of a query.
const MAX_IGNORED_PARAMS: usize = 32;

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
        }
    }
}

impl AccountPolicy {
    /// The settings by their names on the command line, with the values they take.
    pub const SETTINGS: [(&'static str, &'static str); 6] = [
        ("require_exp", "true or false"),
        ("flexible_variants", "off, signed or all"),
        ("hide_existence", "auto, on or off"),
        ("ignore_params", "names, comma between them, a trailing * for a prefix; empty for none"),
        ("moved_urls", "true or false"),
        ("browser_ttl", "seconds from 3600 to 31536000"),
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
        let texts = [
            text(&self.require_exp),
            text(&self.flexible_variants),
            text(&self.hide_existence),
            self.ignore_params.join(","),
            text(&self.moved_urls),
            self.browser_ttl_s.to_string(),
        ];
        Self::SETTINGS.into_iter().map(|(name, _)| name).zip(texts).collect()
    }

    /// The part that verification needs.
    pub fn signing(&self) -> signing::Policy {
        signing::Policy {
            require_exp: self.require_exp,
            ignore_params: self.ignore_params.clone(),
            moved_urls: self.moved_urls,
            leeway_s: 0,
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
