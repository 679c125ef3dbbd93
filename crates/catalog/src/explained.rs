//! What the server would say to a URL, and why: the one answer that the command line, the API and the dashboard give to
//! people with the right to see it. Nothing here decides.

use std::collections::BTreeMap;
use std::net::IpAddr;

use domain::Timestamp;
use signing::{DeliveryUrl, Request, Target, TargetLimits, Verified};

use crate::explanation::{Explained, Route};
use crate::rights::{Judgement, Rights};
use crate::wanted::{MountedUrl, TokenedUrl, Wanted};
use crate::{Catalog, Error, storage_rights};

/// What a person tells of the request for a URL.
#[derive(Debug, Clone, Default)]
pub struct Shown {
    /// Its method, in capitals; none for `GET`.
    pub method: Option<String>,
    /// The host as visitors name it, with the port where one is; none for that of the URL.
    pub host: Option<String>,
    /// Whether visitors ask by https; none for what the URL says, and a path alone is asked for by https.
    pub is_https: Option<bool>,
    /// The client's address.
    pub address: Option<IpAddr>,
    /// Its headers, their names in lower case: `referer`, `origin`, `cookie`, `authorization` and any other.
    pub headers: BTreeMap<String, String>,
}

impl Catalog {
    /// What the server would say to a request for a URL, whole or its path with the query, and why. An error only where
    /// the rights cannot be read.
    pub async fn explain(&self, url: &str, shown: &Shown, now: Timestamp) -> Result<Explained, Error> {
        let (origin, target) = parts(url);
        let (host, is_https) = shown.reached(origin);
        let request = Request {
            method: shown.method.as_deref().unwrap_or("GET"),
            host,
            is_https,
            headers: &shown.headers,
            client_ip: shown.address,
            ..Request::get(Target::Raw(target))
        };
        let limits = TargetLimits::default();
        match Route::of(target) {
            Route::Storage => storage_rights::explain(self, target, &request, now).await,
            Route::Mount(mount) => match MountedUrl::parse_within(mount, target, &limits) {
                Ok(url) => self.explain_mounted(&url, &request, now).await,
                Err(error) => Ok(Explained::unread(Route::Mount(mount), error)),
            },
            Route::Native if TokenedUrl::is_one(target) => match TokenedUrl::parse_within(target, &limits) {
                Ok(url) => self.explain_wanted(Route::Native, Wanted::from(&url), &request, now).await,
                Err(error) => Ok(Explained::unread(Route::Native, error)),
            },
            Route::Native => match DeliveryUrl::parse(target) {
                Ok(url) => self.explain_wanted(Route::Native, Wanted::from(&url), &request, now).await,
                Err(error) => Ok(Explained::unread(Route::Native, error)),
            },
        }
    }

    async fn explain_mounted(
        &self,
        url: &MountedUrl,
        request: &Request<'_>,
        now: Timestamp,
    ) -> Result<Explained, Error> {
        let route = Route::Mount(url.mount());
        match self.mount_account(url.mount()).await? {
            Some(hash) => self.explain_wanted(route, Wanted::mounted(url, hash.as_str()), request, now).await,
            None => Ok(Explained { outcome: Err(Error::Missing), ..Explained::at(route) }),
        }
    }

    async fn explain_wanted(
        &self,
        route: Route,
        wanted: Wanted<'_>,
        request: &Request<'_>,
        now: Timestamp,
    ) -> Result<Explained, Error> {
        let rights = self.rights_told(wanted).await?;
        let counted = rights.counted(wanted);
        Ok(Explained {
            account: counted.map(|counted| counted.account),
            image: Some(wanted.image().to_owned()).filter(|image| !image.is_empty()),
            variant: Some(wanted.wish()).filter(|wish| !wish.is_empty()),
            is_here: rights.has_image(),
            explanation: rights.explain_request(wanted, request, now),
            outcome: outcome(&rights, wanted, request, now),
            ..Explained::at(route)
        })
    }
}

fn outcome(
    rights: &Rights,
    wanted: Wanted<'_>,
    request: &Request<'_>,
    now: Timestamp,
) -> Result<Option<Verified>, Error> {
    rights.admit_request(wanted, request, &Judgement::default(), now).map(|admission| admission.signed)
}

impl Shown {
    /// The host that visitors name, and whether they ask by https, of what is told and of the URL's own origin.
    fn reached<'s>(&'s self, origin: Option<(bool, &'s str)>) -> (&'s str, bool) {
        let (is_https, host) = origin.unwrap_or((true, ""));
        (self.host.as_deref().unwrap_or(host), self.is_https.unwrap_or(is_https))
    }
}

/// What people paste, taken apart: whether it names https, the host, and path with query. A fragment is never sent.
fn parts(url: &str) -> (Option<(bool, &str)>, &str) {
    let url = url.trim();
    let url = url.split_once('#').map_or(url, |(url, _fragment)| url);
    let schemes = [("https://", true), ("http://", false)];
    let origin = schemes.into_iter().find_map(|(scheme, is_https)| {
        let named = url.get(..scheme.len())?.eq_ignore_ascii_case(scheme);
        named.then(|| (is_https, &url[scheme.len()..]))
    });
    let Some((is_https, rest)) = origin else { return (None, url) };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (host, target) = rest.split_at(end);
    (Some((is_https, host)), if target.is_empty() { "/" } else { target })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_paste_is_an_origin_and_a_target() {
        let check = |url, expected| assert_eq!(parts(url), expected, "{url}");
        check(
            " https://img.example.org/h/i/public?exp=1#top ",
            (Some((true, "img.example.org")), "/h/i/public?exp=1"),
        );
        check("HTTP://127.0.0.1:8080/h", (Some((false, "127.0.0.1:8080")), "/h"));
        check("https://img.example.org", (Some((true, "img.example.org")), "/"));
        check("/h/i/public", (None, "/h/i/public"));
        check("é", (None, "é"));
    }
}
