//! What clients ask first: which account there is, and whether their token is good (contract R-84).

use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use crate::authenticated::Authenticated;
use crate::envelope::ResultInfo;
use crate::error::Failure;
use crate::list::pairs;
use crate::{Api, envelope};

/// Accounts on a page, where nothing is asked for.
const PER_PAGE: u64 = 20;

/// `GET /accounts`: the token's account. Clients ask on until a page is empty.
pub(crate) async fn list(
    api: &Api,
    caller: &Authenticated,
    request: &HttpRequest,
) -> Result<HttpResponse, Failure> {
    let account = api.catalog.account(caller.account()).await?;
    let number = |name: &str| {
        pairs(request.query_string()).find(|(key, _)| key == name).and_then(|(_, value)| value.parse().ok())
    };
    let page = number("page").unwrap_or(1).max(1);
    let per_page = number("per_page").unwrap_or(PER_PAGE).max(1);
    let one = json!({
        "id": account.id.to_string(),
        "name": account.display_name,
        "type": "standard",
        "created_on": account.created_at.to_rfc3339(),
    });
    let items: Vec<Value> = Some(one).filter(|_| page == 1).into_iter().collect();
    let info = ResultInfo { count: items.len(), page, per_page, total_count: 1 };
    Ok(envelope::page(items, info))
}

/// `GET /user/tokens/verify`
pub(crate) fn verify(caller: &Authenticated) -> HttpResponse {
    let mut result = json!({"id": caller.token.id, "status": "active"});
    if let Some(expires_at) = caller.token.expires_at {
        result["expires_on"] = Value::String(expires_at.to_rfc3339());
    }
    envelope::told(result, 10000, "This API Token is valid and active")
}
