//! The routes of our own API, `/api/v1/accounts/{account_id}/…`: what each path names, which methods it takes, and what a
//! token needs for it. The contract's routes stand in `routes.rs`, which finds the account and the caller for both.

use actix_web::HttpResponse;
use actix_web::web::Payload;
use catalog::Scope;

use crate::authenticated::Authenticated;
use crate::error::Failure;
use crate::{Api, sign};

/// What a path names in an account. Names are decoded, not yet checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Own {
    /// `/sign`
    Sign,
}

impl Own {
    /// Reads what stands behind the account.
    pub(crate) fn parse(rest: &[&str]) -> Option<Self> {
        Some(match rest {
            ["sign"] => Own::Sign,
            _ => return None,
        })
    }

    /// The scopes of which a token needs one for this method; none where the method is not taken.
    pub(crate) fn needs(&self, method: &str) -> Option<&'static [Scope]> {
        Some(match (self, method) {
            (Own::Sign, "POST") => &[Scope::UrlsSign],
            _ => return None,
        })
    }

    /// Answers a request whose caller may make it.
    pub(crate) async fn answer(
        self,
        api: &Api,
        caller: &Authenticated,
        payload: Payload,
    ) -> Result<HttpResponse, Failure> {
        match self {
            Own::Sign => sign::sign(api, caller, payload).await,
        }
    }
}
