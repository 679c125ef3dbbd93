//! The routes of our own API, `/api/v1/accounts/{account_id}/…`: one table says which paths there are, which methods they
//! take, and what a token needs for each. The contract's routes stand in `routes.rs`, which finds the account and the caller
//! for both.

use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use catalog::Scope;

use crate::authenticated::Authenticated;
use crate::error::Failure;
use crate::{Api, all_keys, explain, logs, mounts, own_images, schemes, settings, sign};

/// What is before each path of the table.
#[cfg(test)]
pub(crate) const BELOW: &str = "/api/v1/accounts/{account_id}";

/// A path, a method that it takes, the scopes of which a token needs one, and what is done.
pub(crate) const ROUTES: [(&str, &str, &[Scope], Act); 19] = [
    ("/sign", "POST", &[Scope::UrlsSign], Act::Sign),
    ("/narrow", "POST", &[Scope::UrlsSign], Act::Narrow),
    // Whoever may see every image, and the names of all keys, learns nothing new.
    ("/explain", "POST", &[Scope::ImagesRead], Act::Explain),
    ("/settings", "GET", &[Scope::ImagesRead], Act::GetSettings),
    // What decides which image is delivered to whom.
    ("/settings", "PATCH", &[Scope::AccountAdmin], Act::UpdateSettings),
    ("/schemes", "GET", &[Scope::ImagesRead], Act::ListSchemes),
    ("/schemes/{name}", "PATCH", &[Scope::AccountAdmin], Act::UpdateScheme),
    ("/schemes/{name}/report", "GET", &[Scope::UsageRead], Act::ReportScheme),
    // Names alone, as below the contract's prefix.
    ("/keys", "GET", &[Scope::ImagesRead, Scope::KeysRead], Act::ListKeys),
    ("/keys", "POST", &[Scope::KeysWrite], Act::AddKey),
    ("/keys/{name}", "DELETE", &[Scope::KeysWrite], Act::RevokeKey),
    ("/keys/{name}/retire", "POST", &[Scope::KeysWrite], Act::RetireKey),
    ("/keys/{name}/rotate", "POST", &[Scope::KeysWrite], Act::RotateKey),
    ("/keys/{name}/use", "POST", &[Scope::KeysWrite], Act::UseKey),
    ("/mounts", "GET", &[Scope::ImagesRead], Act::ListMounts),
    ("/images/{image}", "GET", &[Scope::ImagesRead], Act::GetImage),
    ("/images/{image}", "PATCH", &[Scope::ImagesWrite], Act::UpdateImage),
    // These two tell of visitors and of members.
    ("/fetches", "GET", &[Scope::AccountAdmin], Act::ListFetches),
    ("/audit", "GET", &[Scope::AccountAdmin], Act::ListAudit),
];

/// Whether a part of a path stands for a name.
fn is_name(part: &str) -> bool {
    part.starts_with('{')
}

/// What is done by a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    Sign,
    Narrow,
    Explain,
    GetSettings,
    UpdateSettings,
    ListSchemes,
    UpdateScheme,
    ReportScheme,
    ListKeys,
    AddKey,
    RevokeKey,
    RetireKey,
    RotateKey,
    UseKey,
    ListMounts,
    GetImage,
    UpdateImage,
    ListFetches,
    ListAudit,
}

/// What a path names in an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Own {
    /// As it stands in the table.
    path: &'static str,
    /// The name in it, decoded and not yet checked; empty where there is none.
    name: String,
}

impl Own {
    /// Reads what stands behind the account.
    pub(crate) fn parse(rest: &[&str], decoded: impl Fn(&str) -> String) -> Option<Self> {
        ROUTES.iter().find_map(|(path, ..)| {
            let parts: Vec<&str> = path.split('/').skip(1).collect();
            let mut pairs = parts.iter().zip(rest);
            let fits =
                parts.len() == rest.len() && pairs.all(|(part, segment)| is_name(part) || part == segment);
            let place = parts.iter().position(|part| is_name(part));
            let name = place.and_then(|place| rest.get(place)).map(|segment| decoded(segment));
            fits.then(|| Own { path, name: name.unwrap_or_default() })
        })
    }

    /// The scopes of which a token needs one for this method; none where the method is not taken.
    pub(crate) fn needs(&self, method: &str) -> Option<&'static [Scope]> {
        self.route(method).map(|(_, _, scopes, _)| *scopes)
    }

    fn route(&self, method: &str) -> Option<&'static (&'static str, &'static str, &'static [Scope], Act)> {
        ROUTES.iter().find(|(path, taken, ..)| *path == self.path && *taken == method)
    }

    /// Answers a request whose caller may make it.
    pub(crate) async fn answer(
        self,
        api: &Api,
        caller: &Authenticated,
        method: &str,
        request: &HttpRequest,
        payload: Payload,
    ) -> Result<HttpResponse, Failure> {
        let Some((.., act)) = self.route(method) else { return Err(Failure::no_route(request.path())) };
        let (name, query) = (self.name.as_str(), request.query_string());
        match act {
            Act::Sign => sign::sign(api, caller, payload).await,
            Act::Narrow => sign::narrow(api, caller, payload).await,
            Act::Explain => explain::explain(api, caller, payload).await,
            Act::GetSettings => settings::get(api, caller).await,
            Act::UpdateSettings => settings::update(api, caller, payload).await,
            Act::ListSchemes => schemes::list(api, caller).await,
            Act::UpdateScheme => schemes::update(api, caller, name, payload).await,
            Act::ReportScheme => schemes::report(api, caller, name, query).await,
            Act::ListKeys => all_keys::list(api, caller).await,
            Act::AddKey => all_keys::add(api, caller, payload).await,
            Act::RevokeKey => all_keys::revoke(api, caller, name).await,
            Act::RetireKey => all_keys::retire(api, caller, name, payload).await,
            Act::RotateKey => all_keys::rotate(api, caller, name, payload).await,
            Act::UseKey => all_keys::choose(api, caller, name).await,
            Act::ListMounts => mounts::list(api, caller).await,
            Act::GetImage => own_images::get(api, caller, name).await,
            Act::UpdateImage => own_images::update(api, caller, name, payload).await,
            Act::ListFetches => logs::fetches(api, caller, query).await,
            Act::ListAudit => logs::audit(api, caller, query).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(path: &str) -> Option<Own> {
        Own::parse(&path.split('/').skip(1).collect::<Vec<_>>(), |segment| format!("<{segment}>"))
    }

    #[test]
    fn every_path_of_the_table_is_found_with_its_name() {
        for (path, method, scopes, _) in ROUTES {
            let asked = path.split('/').map(|part| if is_name(part) { "web-2" } else { part });
            let found = parse(&asked.collect::<Vec<_>>().join("/")).unwrap();
            let name = if path.contains('{') { "<web-2>" } else { "" };
            assert_eq!((found.path, found.name.as_str()), (path, name));
            assert_eq!(found.needs(method), Some(scopes));
            assert_eq!(found.needs("TRACE"), None);
        }
        for other in ["", "/", "/signs", "/sign/a", "/keys/a/retired", "/keys//retire/a", "/schemes/a/b/c"] {
            assert_eq!(parse(other), None, "{other}");
        }
    }

    #[test]
    fn a_change_needs_more_than_leave_to_read() {
        let reads = [Scope::ImagesRead, Scope::KeysRead, Scope::UsageRead];
        for (path, method, scopes, act) in ROUTES {
            let is_change = method != "GET" && act != Act::Explain;
            assert!(!is_change || scopes.iter().all(|scope| !reads.contains(scope)), "{method} {path}");
        }
    }

    proptest! {
        #[test]
        fn any_path_is_a_route_or_none(path in "(/[a-z{}%]{0,8}){0,4}") {
            let _ = parse(&path);
        }
    }
}
