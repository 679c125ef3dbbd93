//! The delivery URL of the chosen variant, signed where it must be: signing happens here, never in the page.

use std::time::Duration;

use catalog::{Image, KeyEntry};
use domain::Timestamp;
use signing::{Constraints, DeliveryUrl, KeyState, SigningKey};

use super::pick::Pick;
use crate::fields::Fields;
use crate::member::Member;
use crate::pages::images::display_name;
use crate::words::{self, Moment};

/// How long a signed URL works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expiry {
    /// So many seconds from now.
    Seconds(u64),
    /// Until a moment that was typed.
    Date,
    /// Until its signing key is revoked; only where the account allows it.
    Never,
}

const HOUR_S: u64 = 3_600;
const DAY_S: u64 = 86_400;

impl Expiry {
    /// What is chosen at first.
    const DEFAULT: Expiry = Expiry::Seconds(DAY_S);

    /// What can be chosen.
    pub(super) fn offered(require_exp: bool) -> impl Iterator<Item = Expiry> {
        let spans = [HOUR_S, DAY_S, 7 * DAY_S, 30 * DAY_S].into_iter().map(Expiry::Seconds);
        spans.chain([Expiry::Date]).chain((!require_exp).then_some(Expiry::Never))
    }

    /// Its value in the form.
    pub(super) fn value(self) -> String {
        match self {
            Expiry::Seconds(seconds) => seconds.to_string(),
            Expiry::Date => "date".into(),
            Expiry::Never => "never".into(),
        }
    }

    /// Its words in the form.
    pub(super) fn label(self) -> String {
        match self {
            Expiry::Seconds(HOUR_S) => "1 hour".into(),
            Expiry::Seconds(DAY_S) => "1 day".into(),
            Expiry::Seconds(seconds) => format!("{} days", seconds / DAY_S),
            Expiry::Date => "Date and time".into(),
            Expiry::Never => "Never".into(),
        }
    }
}

/// What the form asks for.
pub(super) struct Wish {
    /// Signed whatever is chosen.
    pub(super) forced: bool,
    pub(super) signed: bool,
    pub(super) expiry: Expiry,
    /// Unix seconds; none for never, or where the typed moment is wrong.
    expires_s: Option<i64>,
    pub(super) until_text: String,
    pub(super) until_error: String,
    /// The name of the signing key; the one that signs where absent.
    pub(super) key: Option<String>,
}

impl Wish {
    pub(super) fn read(query: &Fields, forced: bool, require_exp: bool, now: Timestamp) -> Wish {
        let wanted = query.get("expires");
        let expiry =
            Expiry::offered(require_exp).find(|offered| offered.value() == wanted).unwrap_or(Expiry::DEFAULT);
        let mut wish = Wish {
            forced,
            signed: forced || !query.get("signed").is_empty(),
            expiry,
            expires_s: None,
            until_text: query.get("until").to_owned(),
            until_error: String::new(),
            key: query.find("key").filter(|key| !key.is_empty()).map(str::to_owned),
        };
        match expiry {
            Expiry::Seconds(seconds) => {
                wish.expires_s = Some(now.plus(Duration::from_secs(seconds)).as_seconds());
            }
            Expiry::Never => {}
            Expiry::Date => wish.read_date(now),
        }
        wish
    }

    fn read_date(&mut self, now: Timestamp) {
        if self.until_text.is_empty() {
            self.until_text = words::local_input(now.plus(Duration::from_secs(DAY_S)));
        }
        match words::parse_local_input(&self.until_text) {
            Some(until) if until > now => self.expires_s = Some(until.as_seconds()),
            Some(_) => self.until_error = "This moment has passed. Choose a later one.".into(),
            None => self.until_error = "Write a date and a time, such as 2026-12-24T18:00.".into(),
        }
    }
}

/// A delivery URL in its parts, and in the forms in which it is pasted.
pub(super) struct UrlBox {
    /// Scheme and host.
    pub(super) host: String,
    pub(super) hash: String,
    pub(super) image: String,
    pub(super) variant: String,
    /// From the `?` on; empty where it is not signed.
    pub(super) signature: String,
    pub(super) whole: String,
    pub(super) html: String,
    pub(super) markdown: String,
    pub(super) curl: String,
    pub(super) expires: Option<Moment>,
}

/// The URL, or why there is none.
pub(super) fn url_box(
    member: &Member,
    image: &Image,
    pick: &Pick,
    wish: &Wish,
    keys: &[KeyEntry],
) -> Result<UrlBox, String> {
    if pick.options.is_none() {
        return Err("Fix the options to get a URL.".into());
    }
    if pick.is_closed {
        return Err("Options in URLs are off in this account: save them as a variant to get a URL.".into());
    }
    let host = member.visit.dashboard.config().delivery_url.clone();
    let path = DeliveryUrl::path_of(&member.account.hash, &image.id, &pick.last);
    let unsigned = format!("{host}{path}");
    let whole = if wish.signed { signed(member, &unsigned, wish, keys)? } else { unsigned.clone() };
    let expires = wish.expires_s.filter(|_| wish.signed).map(|s| Moment::new(Timestamp::from_seconds(s)));
    let name = display_name(image);
    let alt = image.metadata.get("alt").and_then(|alt| alt.as_str()).unwrap_or_default();
    Ok(UrlBox {
        host,
        hash: member.account.hash.to_string(),
        image: image.id.to_path(),
        variant: path.rsplit('/').next().unwrap_or_default().to_owned(),
        signature: whole[unsigned.len()..].to_owned(),
        html: format!("<img src=\"{}\" alt=\"{}\">", html_text(&whole), html_text(alt)),
        markdown: format!("![{}]({whole})", markdown_text(if alt.is_empty() { &name } else { alt })),
        curl: format!("curl \"{whole}\" --output \"{}\"", shell_text(&name)),
        whole,
        expires,
    })
}

/// The URL with its signature: one only that the account's own rules let in.
fn signed(member: &Member, unsigned: &str, wish: &Wish, keys: &[KeyEntry]) -> Result<String, String> {
    if keys.is_empty() {
        return Err("This URL has to be signed. Someone who may sign URLs can give you one.".into());
    }
    if !wish.until_error.is_empty() {
        return Err(wish.until_error.clone());
    }
    let usable = |key: &&KeyEntry| key.state == KeyState::Active;
    let named =
        wish.key.as_ref().and_then(|name| keys.iter().find(|key| key.id.as_str() == name).filter(usable));
    let entry = named.or_else(|| keys.iter().filter(usable).find(|key| key.signs));
    let entry = entry.ok_or("There is no active signing key. Make one first.")?;
    let key = SigningKey::new(entry.id.clone(), entry.secret.clone(), entry.state);
    let (policy, now) = (member.account.policy.signing(), member.visit.dashboard.now());
    let constraints = Constraints {
        issued_at_s: signing::issued_at_s(&policy, now, 1),
        ..Constraints::until(wish.expires_s)
    };
    signing::issue(unsigned, &key, &constraints, &policy, now)
        .map_err(|error| domain::sentence(&error.to_string()))
}

fn html_text(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn markdown_text(text: &str) -> String {
    text.chars().flat_map(|c| matches!(c, '[' | ']' | '\\').then_some('\\').into_iter().chain([c])).collect()
}

/// A text between double quotes of a shell: nothing in it is acted upon.
fn shell_text(text: &str) -> String {
    let last = text.rsplit('/').next().unwrap_or_default();
    last.chars()
        .map(|c| if c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ' ') { c } else { '_' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_is_offered_only_where_the_account_allows_it() {
        let labels = |require| Expiry::offered(require).map(Expiry::label).collect::<Vec<_>>();
        assert_eq!(labels(true), ["1 hour", "1 day", "7 days", "30 days", "Date and time"]);
        assert_eq!(labels(false).last().map(String::as_str), Some("Never"));
        assert_eq!(Expiry::DEFAULT.label(), "1 day");
    }

    #[test]
    fn a_hostile_name_stays_a_text_wherever_it_is_pasted() {
        assert_eq!(html_text("\"><script>&"), "&quot;&gt;&lt;script&gt;&amp;");
        assert_eq!(markdown_text("a](javascript:x)[b\\"), "a\\](javascript:x)\\[b\\\\");
        assert_eq!(shell_text("a/$(rm -rf ~)`\"!.jpg"), "__rm -rf _____.jpg");
    }
}
