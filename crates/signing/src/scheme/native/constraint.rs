//! Whether the demands of one block hold for a request (signing-schemes 1.1). Each function says nothing where the
//! block does not demand it.

use std::borrow::Cow;

use subtle::{Choice, ConstantTimeEq as _};

use super::demands::Demands;
use crate::constraints::Constraints;
use crate::network::Network;
use crate::pairs::pieces;
use crate::policy::Revoked;
use crate::request::Request;
use crate::{DeliveryUrl, Error};

/// What came of a demand; none where it is not made.
pub(super) type Held = Option<Result<(), Error>>;

/// Its subject and its id were not revoked.
pub(super) fn revocation(demands: &Demands<'_>, revoked: &Revoked) -> Held {
    let is_in = |list: &std::collections::BTreeSet<String>, text: &Option<Cow<'_, str>>| {
        text.as_deref().is_some_and(|text| list.contains(text))
    };
    let demanded = demands.subject.is_some() || demands.token_id.is_some();
    let hit = is_in(&revoked.subjects, &demands.subject) || is_in(&revoked.token_ids, &demands.token_id);
    demanded.then(|| holds(!hit, Error::Revoked))
}

/// The client's address lies in one of its networks.
pub(super) fn address(demands: &Demands<'_>, request: Option<&Request<'_>>) -> Held {
    let networks = demands.networks.as_deref()?;
    let address = request.and_then(Request::address);
    let fits = address.is_some_and(|address| {
        pieces(b',', networks).filter_map(Network::parse).any(|network| network.contains(address))
    });
    Some(holds(fits, Error::IpMismatch))
}

/// The variant is one of its names; options in the URL never are.
pub(super) fn variant(demands: &Demands<'_>, url: &DeliveryUrl) -> Held {
    let variants = demands.variants.as_deref()?;
    let fits = !url.is_flexible() && pieces(b',', variants).any(|name| name == url.last());
    Some(holds(fits, Error::VariantNotAllowed))
}

/// The page that embeds the image stands on one of its hosts.
pub(super) fn referer(demands: &Demands<'_>, request: Option<&Request<'_>>) -> Held {
    let hosts = demands.referers.as_deref()?;
    let page = request.map_or(Page::Unreadable, page_of);
    let fits = pieces(b',', hosts).any(|entry| match (&page, entry.strip_prefix("*.")) {
        (Page::None, _) => entry == "-",
        (Page::Host(host), None) => host == entry,
        (Page::Host(host), Some(domain)) => {
            host.strip_suffix(domain).is_some_and(|sub| sub.len() > 1 && sub.ends_with('.'))
        }
        (Page::Unreadable, _) => false,
    });
    Some(holds(fits, Error::RefererNotAllowed))
}

/// The request carries the session cookie that it is bound to.
pub(super) fn session(demands: &Demands<'_>, request: Option<&Request<'_>>, cookie_name: &str) -> Held {
    let session = demands.session?;
    let cookies = request.map(Request::cookies).unwrap_or_default();
    let mut fits = Choice::from(0);
    for (_, value) in cookies.iter().filter(|&(name, _)| name == cookie_name) {
        fits |= Constraints::session_of(value).ct_eq(&session);
    }
    Some(holds(fits.into(), Error::SessionMismatch))
}

fn holds(fits: bool, error: Error) -> Result<(), Error> {
    if fits { Ok(()) } else { Err(error) }
}

/// Where an image is embedded.
enum Page {
    /// Nothing is said about it.
    None,
    Host(String),
    /// Something is said that names no host.
    Unreadable,
}

/// The host of `Referer`, else of `Origin`. An opaque origin says no more than none.
fn page_of(request: &Request<'_>) -> Page {
    let said = |name| request.headers.get(name).filter(|value| !value.is_empty() && value != "null");
    match said("referer").or_else(|| said("origin")) {
        Some(url) => host_of(&url).map_or(Page::Unreadable, Page::Host),
        None => Page::None,
    }
}

/// The host of a URL in lower case, without user and port.
fn host_of(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    let host = authority.rsplit('@').next()?;
    let end = if host.starts_with('[') { host.find(']')? + 1 } else { host.find(':').unwrap_or(host.len()) };
    let host = &host[..end];
    (!host.is_empty()).then(|| host.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_read_as_a_browser_means_it() {
        let check = |url: &str, host: Option<&str>| assert_eq!(host_of(url).as_deref(), host, "{url}");
        check("https://Shop.example/page?x=1", Some("shop.example"));
        check("https://shop.example:8443", Some("shop.example"));
        check("http://[::1]:80/", Some("[::1]"));
        check("https://shop.example@evil.example/", Some("evil.example"));
        check("https://evil.example\\@shop.example/", Some("evil.example"));
        check("https://evil.example?@shop.example/", Some("evil.example"));
        check("https://evil.example/https://shop.example/", Some("evil.example"));
        check("shop.example/page", None);
        check("https://", None);
        check("https://[::1/", None);
    }
}
