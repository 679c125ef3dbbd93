//! Which path and method is what, and what a token needs for it. Ids are taken from the raw path, since they arrive
//! with raw and with encoded slashes (contract R-13); so there is one route for the router and a table here.

use actix_web::http::Method;
use actix_web::web::{self, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use catalog::Scope;
use domain::{Fault, Problem};
use percent_encoding::percent_decode_str;
use signing::StorageAddress;

use crate::authenticated::Authenticated;
use crate::error::Failure;
use crate::own_routes::Own;
use crate::{Api, accounts, config, images, keys, list, openapi, storage, variants};

/// The prefix of the contract's routes.
const PREFIX: &str = "/client/v4";

/// The prefix of our own.
const OWN_PREFIX: &str = "/api";

/// The first segments of all paths that this door answers for, built or not: what is refused there is told in its
/// envelope, whoever refuses it.
const OURS: [&str; 3] = ["client", "api", "images"];

/// What a path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route<'p> {
    /// `/accounts`
    Accounts,
    /// `/user/tokens/verify`
    TokenVerify,
    /// `/api/openapi.json`
    Document,
    /// Something in an account, whose id is still as it was sent.
    In(&'p str, Resource),
}

/// What a path names in an account. Ids and names are decoded, not yet checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Resource {
    /// `/images/v1`
    Images,
    /// `/images/v2`
    List,
    /// `/images/v1/{image_id}`
    Image(String),
    /// `/images/v1/{image_id}/blob`
    Blob(String),
    /// `/images/v1/keys`
    Keys,
    /// `/images/v1/keys/{name}`
    Key(String),
    /// `/images/v1/variants`
    Variants,
    /// `/images/v1/variants/{id}`
    Variant(String),
    /// `/images/v1/config`
    Config,
    /// Something of our own API.
    Own(Own),
}

/// Words directly under `/v1/` that are no image's id and whose routes are not built.
const NOT_BUILT: [&str; 3] = ["stats", "batch_token", "direct_upload"];

impl<'p> Route<'p> {
    /// Reads a raw path. A trailing slash does not matter (contract R-16).
    pub(crate) fn parse(path: &'p str) -> Option<Self> {
        let segments: Vec<&str> = path.strip_suffix('/').unwrap_or(path).split('/').collect();
        if let ["", "api", "openapi.json"] = segments[..] {
            return Some(Route::Document);
        }
        if let ["", "api", "v1", "accounts", account, ref rest @ ..] = segments[..] {
            return Some(Route::In(account, Resource::Own(Own::parse(rest, decoded)?)));
        }
        let ["", "client", "v4", ref inside @ ..] = segments[..] else { return None };
        match inside[..] {
            ["accounts"] => Some(Route::Accounts),
            ["user", "tokens", "verify"] => Some(Route::TokenVerify),
            ["accounts", account, "images", "v2"] => Some(Route::In(account, Resource::List)),
            ["accounts", account, "images", "v1", ref rest @ ..] => {
                Some(Route::In(account, Resource::parse(rest)?))
            }
            _ => None,
        }
    }
}

impl Resource {
    fn parse(rest: &[&str]) -> Option<Self> {
        Some(match rest {
            [] => Resource::Images,
            ["keys"] => Resource::Keys,
            ["keys", name] => Resource::Key(decoded(name)),
            ["variants"] => Resource::Variants,
            ["variants", name] => Resource::Variant(decoded(name)),
            ["config"] => Resource::Config,
            ["keys" | "variants" | "config", ..] => return None,
            [first, ..] if NOT_BUILT.contains(first) => return None,
            [id @ .., "blob"] if !id.is_empty() => Resource::Blob(joined(id)),
            id => Resource::Image(joined(id)),
        })
    }

    /// The scopes of which a token needs one for this method; none where the method is not taken.
    pub(crate) fn needs(&self, method: &str) -> Option<&'static [Scope]> {
        Some(match (self, method) {
            (Resource::Own(own), _) => return own.needs(method),
            (Resource::Images, "POST") | (Resource::Image(_), "PATCH") => &[Scope::ImagesWrite],
            (Resource::Image(_), "DELETE") => &[Scope::ImagesDelete],
            (Resource::Keys, "GET") => &[Scope::ImagesRead, Scope::KeysRead],
            (Resource::Key(_), "PUT" | "DELETE") => &[Scope::KeysWrite],
            (Resource::Variants, "POST") | (Resource::Variant(_), "PATCH" | "DELETE") => {
                &[Scope::VariantsWrite]
            }
            // Cloudflare asks for *Images Write* here, which is the bundle `write`: so it cannot be account:admin.
            (Resource::Config, "PATCH") => &[Scope::VariantsWrite],
            (
                Resource::List
                | Resource::Image(_)
                | Resource::Blob(_)
                | Resource::Variants
                | Resource::Variant(_)
                | Resource::Config,
                "GET",
            ) => &[Scope::ImagesRead],
            _ => return None,
        })
    }

    pub(crate) fn methods(&self) -> Vec<&'static str> {
        ["GET", "POST", "PUT", "PATCH", "DELETE"]
            .into_iter()
            .filter(|method| self.needs(method).is_some())
            .collect()
    }
}

/// A segment, decoded once. What does not decode to UTF-8 names nothing that exists.
fn decoded(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

fn joined(segments: &[&str]) -> String {
    segments.iter().map(|segment| decoded(segment)).collect::<Vec<_>>().join("/")
}

impl Api {
    /// Registers all routes. The server's front has left a `domain::Visitor` and a `domain::RequestId` in the
    /// request's extensions.
    pub fn routes(&self, config: &mut ServiceConfig) {
        let api = web::Data::new(self.clone());
        for prefix in [PREFIX, OWN_PREFIX] {
            config.service(web::scope(prefix).app_data(api.clone()).default_service(web::to(answer)));
        }
        let storage = web::scope(StorageAddress::MOUNT).app_data(api);
        config.service(storage.default_service(web::to(storage::answer)));
    }

    /// Whether a path is this door's.
    pub fn answers(path: &str) -> bool {
        let first = path.strip_prefix('/').and_then(|path| path.split('/').next());
        first.is_some_and(|first| OURS.contains(&first)) || storage::answers(path)
    }

    /// A refusal by whoever stands before the door, as the door tells its own.
    pub fn refuse(path: &str, fault: &dyn Fault) -> HttpResponse {
        if storage::answers(path) {
            return storage::refuse(path, fault);
        }
        let failure = match fault.problem() {
            Problem::RouteMissing => Failure::no_route(path),
            _ => Failure::of(fault),
        };
        failure.log();
        failure.respond()
    }
}

/// Answers one request; a failure is told and logged once.
async fn answer(api: web::Data<Api>, request: HttpRequest, payload: Payload) -> HttpResponse {
    serve(&api, &request, payload).await.unwrap_or_else(|failure| {
        failure.log();
        failure.respond()
    })
}

async fn serve(api: &Api, request: &HttpRequest, payload: Payload) -> Result<HttpResponse, Failure> {
    let path = request.uri().path();
    // HEAD is GET; the HTTP layer leaves the body out.
    let method = if request.method() == Method::HEAD { "GET" } else { request.method().as_str() };
    let (account, resource) = match Route::parse(path).ok_or_else(|| Failure::no_route(path))? {
        Route::In(account, resource) => (account, resource),
        outside if method != "GET" => {
            drop(outside);
            return Err(Failure::wrong_method(&["GET"]));
        }
        Route::Document => return Ok(openapi::answer()),
        Route::Accounts => {
            return accounts::list(api, &Authenticated::of(api, request).await?, request).await;
        }
        Route::TokenVerify => return Ok(accounts::verify(&Authenticated::of(api, request).await?)),
    };
    // Listing by pages (contract row 2) is not built.
    if resource == Resource::Images && method == "GET" {
        return Err(Failure::no_route(path));
    }
    let needs = resource.needs(method).ok_or_else(|| Failure::wrong_method(&resource.methods()))?;
    let caller = Authenticated::of(api, request).await?;
    caller.enter(account, path)?;
    caller.require(api, needs).await?;
    dispatch(api, &caller, resource, method, request, payload).await
}

async fn dispatch(
    api: &Api,
    caller: &Authenticated,
    resource: Resource,
    method: &str,
    request: &HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Failure> {
    match (resource, method) {
        (Resource::Images, _) => {
            images::create(api, caller, request, payload).await.map_err(Failure::of_upload)
        }
        (Resource::List, _) => list::list(api, caller, request.query_string()).await,
        (Resource::Image(id), "PATCH") => images::update(api, caller, &id, request, payload).await,
        (Resource::Image(id), "DELETE") => images::remove(api, caller, &id).await,
        (Resource::Image(id), _) => images::get(api, caller, &id).await,
        (Resource::Blob(id), _) => images::blob(api, caller, &id).await,
        (Resource::Keys, _) => keys::list(api, caller).await,
        (Resource::Key(name), "PUT") => keys::put(api, caller, &name).await,
        (Resource::Key(name), _) => keys::revoke(api, caller, &name).await,
        (Resource::Variants, "POST") => variants::create(api, caller, payload).await,
        (Resource::Variants, _) => variants::list(api, caller).await,
        (Resource::Variant(name), "PATCH") => variants::update(api, caller, &name, payload).await,
        (Resource::Variant(name), "DELETE") => variants::remove(api, caller, &name).await,
        (Resource::Variant(name), _) => variants::get(api, caller, &name).await,
        (Resource::Config, "PATCH") => config::update(api, caller, payload).await,
        (Resource::Config, _) => config::get(api, caller).await,
        (Resource::Own(own), _) => own.answer(api, caller, method, request, payload).await,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    const ACCOUNT: &str = "023e105f4ecef8ad9ca31a8372d0c353";

    /// Everything that a path of the contract names in an account, with the path as documents write it.
    pub(crate) fn every_resource() -> Vec<(&'static str, Resource)> {
        let name = String::new;
        let all = [
            Resource::Images,
            Resource::List,
            Resource::Image(name()),
            Resource::Blob(name()),
            Resource::Keys,
            Resource::Key(name()),
            Resource::Variants,
            Resource::Variant(name()),
            Resource::Config,
        ];
        all.into_iter().map(|resource| (template(&resource), resource)).collect()
    }

    /// What is added to the enum is missed here, and then belongs into the list above too.
    fn template(resource: &Resource) -> &'static str {
        match resource {
            Resource::Images => "/v1",
            Resource::List => "/v2",
            Resource::Image(_) => "/v1/{image_id}",
            Resource::Blob(_) => "/v1/{image_id}/blob",
            Resource::Keys => "/v1/keys",
            Resource::Key(_) => "/v1/keys/{name}",
            Resource::Variants => "/v1/variants",
            Resource::Variant(_) => "/v1/variants/{name}",
            Resource::Config => "/v1/config",
            Resource::Own(_) => "a table of its own",
        }
    }

    fn check(rest: &str, expected: Option<Resource>) {
        let path = format!("/client/v4/accounts/{ACCOUNT}/images{rest}");
        assert_eq!(Route::parse(&path), expected.map(|resource| Route::In(ACCOUNT, resource)), "{rest}");
    }

    #[test]
    fn r_13_both_spellings_of_an_id_name_the_same_image() {
        let image = || Some(Resource::Image("a/b c%é".into()));
        check("/v1/a%2Fb%20c%25%C3%A9", image());
        check("/v1/a/b%20c%25%C3%A9", image());
        check("/v1/a/b%20c%25%C3%A9/", image());
    }

    #[test]
    fn r_14_blob_as_the_last_raw_segment_is_the_original() {
        check("/v1/a%2Fb/blob", Some(Resource::Blob("a/b".into())));
        check("/v1/a/b/blob/", Some(Resource::Blob("a/b".into())));
        check("/v1/a%2Fblob", Some(Resource::Image("a/blob".into())));
        check("/v1/blob", Some(Resource::Image("blob".into())));
    }

    #[test]
    fn r_12_reserved_words_are_no_images() {
        check("/v1", Some(Resource::Images));
        check("/v1/", Some(Resource::Images));
        check("/v2", Some(Resource::List));
        check("/v1/keys/web-2", Some(Resource::Key("web-2".into())));
        check("/v1/variants/hero", Some(Resource::Variant("hero".into())));
        check("/v1/config", Some(Resource::Config));
        for not_built in [
            "/v1/stats",
            "/v1/batch_token",
            "/v1/direct_upload",
            "/v1/variants/hero/flat",
            "/v2/direct_upload",
            "/v2/metadata/keys",
            "/v2/sourcingkit/sources",
            "/v1/keys/a/b",
            "/v3",
        ] {
            check(not_built, None);
        }
    }

    #[test]
    fn what_is_beside_the_images_is_known_too() {
        assert_eq!(Route::parse("/client/v4/accounts"), Some(Route::Accounts));
        assert_eq!(Route::parse("/client/v4/accounts/"), Some(Route::Accounts));
        assert_eq!(Route::parse("/client/v4/user/tokens/verify"), Some(Route::TokenVerify));
        for path in ["/client/v4", "/client/v4/", "/client/v4/zones", "/client/v4accounts", "/accounts", ""] {
            assert_eq!(Route::parse(path), None, "{path}");
        }
    }

    #[test]
    fn what_is_below_the_api_is_its_own_to_refuse() {
        for path in
            ["/client/v4/accounts", "/client/v5", "/client", "/api/v1/keys", "/images/v1", "/storage/a/b"]
        {
            assert!(Api::answers(path), "{path}");
        }
        for path in ["", "/", "/apis", "api/v1", "/dashboard/api", "/storages", "//images/v1"] {
            assert!(!Api::answers(path), "{path}");
        }
    }

    #[test]
    fn every_change_needs_a_scope_that_reading_does_not_give() {
        for (_, resource) in every_resource() {
            for method in ["POST", "PUT", "PATCH", "DELETE"] {
                if let Some(needs) = resource.needs(method) {
                    assert!(!needs.iter().any(|scope| matches!(
                        scope,
                        Scope::ImagesRead | Scope::UsageRead | Scope::KeysRead
                    )));
                }
            }
            assert!(!resource.methods().is_empty(), "{resource:?} can be asked for somehow");
        }
    }

    proptest! {
        #[test]
        fn any_path_is_a_route_or_none_without_panic(path in "[ -~]{0,60}", inside: bool) {
            let start = if inside { format!("/client/v4/accounts/{ACCOUNT}/images/v1") } else { String::new() };
            let path = format!("{start}{path}");
            let _ = Route::parse(&path);
        }

        #[test]
        fn every_id_is_found_in_both_spellings(segments in proptest::collection::vec("[a-zA-Z0-9 %é+&?#]{1,6}", 1..4)) {
            let id = format!("x{}", segments.join("/"));
            let encode = |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
            let raw: Vec<String> = id.split('/').map(encode).collect();
            for spelling in [encode(&id), raw.join("/")] {
                let path = format!("/client/v4/accounts/{ACCOUNT}/images/v1/{spelling}");
                prop_assert_eq!(Route::parse(&path), Some(Route::In(ACCOUNT, Resource::Image(id.clone()))));
            }
        }
    }
}
