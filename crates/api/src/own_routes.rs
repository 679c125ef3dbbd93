//! The routes of our own API, `/api/v1/accounts/{account_id}/…`: what each path names, which methods it takes, and what a
//! token needs for it. The contract's routes stand in `routes.rs`, which finds the account and the caller for both.

use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use catalog::Scope;

use crate::authenticated::Authenticated;
use crate::error::Failure;
use crate::{Api, all_keys, explain, logs, mounts, schemes, settings, sign};

/// What a path names in an account. Names are decoded, not yet checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Own {
    /// `/sign`
    Sign,
    /// `/explain`
    Explain,
    /// `/settings`
    Settings,
    /// `/schemes`
    Schemes,
    /// `/schemes/{scheme}`
    Scheme(String),
    /// `/schemes/{scheme}/report`
    SchemeReport(String),
    /// `/keys`
    Keys,
    /// `/keys/{name}`
    Key(String),
    /// `/keys/{name}/retire`
    KeyRetirement(String),
    /// `/mounts`
    Mounts,
    /// `/fetches`
    Fetches,
    /// `/audit`
    Audit,
}

impl Own {
    /// Reads what stands behind the account.
    pub(crate) fn parse(rest: &[&str], decoded: impl Fn(&str) -> String) -> Option<Self> {
        Some(match rest {
            ["sign"] => Own::Sign,
            ["explain"] => Own::Explain,
            ["settings"] => Own::Settings,
            ["schemes"] => Own::Schemes,
            ["schemes", scheme] => Own::Scheme(decoded(scheme)),
            ["schemes", scheme, "report"] => Own::SchemeReport(decoded(scheme)),
            ["keys"] => Own::Keys,
            ["keys", name] => Own::Key(decoded(name)),
            ["keys", name, "retire"] => Own::KeyRetirement(decoded(name)),
            ["mounts"] => Own::Mounts,
            ["fetches"] => Own::Fetches,
            ["audit"] => Own::Audit,
            _ => return None,
        })
    }

    /// The scopes of which a token needs one for this method; none where the method is not taken.
    pub(crate) fn needs(&self, method: &str) -> Option<&'static [Scope]> {
        Some(match (self, method) {
            (Own::Sign, "POST") => &[Scope::UrlsSign],
            // Whoever may see every image and the names of all keys learns nothing new.
            (Own::Explain, "POST") | (Own::Settings | Own::Schemes | Own::Mounts, "GET") => {
                &[Scope::ImagesRead]
            }
            (Own::SchemeReport(_), "GET") => &[Scope::UsageRead],
            // They tell of visitors and members.
            (Own::Fetches | Own::Audit, "GET") => &[Scope::AccountAdmin],
            // They decide what is delivered to whom.
            (Own::Settings | Own::Scheme(_), "PATCH") => &[Scope::AccountAdmin],
            // Names alone, as below the contract's prefix.
            (Own::Keys, "GET") => &[Scope::ImagesRead, Scope::KeysRead],
            (Own::Keys | Own::KeyRetirement(_), "POST") | (Own::Key(_), "DELETE") => &[Scope::KeysWrite],
            _ => return None,
        })
    }

    /// Answers a request whose caller may make it.
    pub(crate) async fn answer(
        self,
        api: &Api,
        caller: &Authenticated,
        request: &HttpRequest,
        payload: Payload,
    ) -> Result<HttpResponse, Failure> {
        let query = request.query_string();
        match (self, request.method().as_str()) {
            (Own::Sign, _) => sign::sign(api, caller, payload).await,
            (Own::Explain, _) => explain::explain(api, caller, payload).await,
            (Own::Settings, "PATCH") => settings::update(api, caller, payload).await,
            (Own::Settings, _) => settings::get(api, caller).await,
            (Own::Schemes, _) => schemes::list(api, caller).await,
            (Own::Scheme(name), _) => schemes::update(api, caller, &name, payload).await,
            (Own::SchemeReport(name), _) => schemes::report(api, caller, &name, query).await,
            (Own::Keys, "POST") => all_keys::add(api, caller, payload).await,
            (Own::Keys, _) => all_keys::list(api, caller).await,
            (Own::Key(name), _) => all_keys::revoke(api, caller, &name).await,
            (Own::KeyRetirement(name), _) => all_keys::retire(api, caller, &name, payload).await,
            (Own::Mounts, _) => mounts::list(api, caller).await,
            (Own::Fetches, _) => logs::fetches(api, caller, query).await,
            (Own::Audit, _) => logs::audit(api, caller, query).await,
        }
    }
}
