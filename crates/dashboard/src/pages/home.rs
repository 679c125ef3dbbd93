//! Addresses that only lead on: `/`, `/dashboard`, an account's own, the theme's toggle.

use actix_web::cookie::Cookie;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use crate::body::Posted;
use crate::error::Failure;
use crate::member::Member;
use crate::reply::{self, Outcome};
use crate::session::lasting;
use crate::shell::Shell;
use crate::theme::Theme;
use crate::visit::Visit;
use crate::words::encoded;

/// The cookie that remembers the account a person was in last.
const ACCOUNT_COOKIE: &str = "account";

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage {
    shell: Shell,
}

/// `GET /`.
pub(crate) async fn to_dashboard() -> HttpResponse {
    reply::see_other("/dashboard")
}

/// `GET /dashboard`: to the images of the account that was used last, to sign-in, or to setup.
pub(crate) async fn home(visit: Visit, request: HttpRequest) -> Outcome {
    let Some(signed_in) = &visit.signed_in else {
        let has_people = visit.dashboard.catalog().has_people().await?;
        return Ok(reply::see_other(if has_people { "/dashboard/login" } else { "/dashboard/setup" }));
    };
    let places = visit.dashboard.catalog().memberships(&signed_in.session.person).await?;
    let last = request.cookie(ACCOUNT_COOKIE);
    let last = places
        .iter()
        .find(|place| last.as_ref().is_some_and(|last| place.account.to_string() == last.value()));
    match last.or(places.first()) {
        Some(place) => Ok(reply::see_other(&format!("/dashboard/{}/images", place.account))),
        None => reply::page(
            &visit,
            actix_web::http::StatusCode::OK,
            &HomePage { shell: Shell::outside(&visit, "home", "No account yet") },
        ),
    }
}

/// `GET /dashboard/{account}`.
pub(crate) async fn account(member: Member) -> HttpResponse {
    reply::see_other(&member.path("images"))
}

/// `POST /dashboard/theme`.
pub(crate) async fn theme(visit: Visit, Posted(fields): Posted) -> Outcome {
    let theme = Theme::parse(fields.get("theme")).unwrap_or_default();
    let cookie = lasting(visit.dashboard.config(), Theme::COOKIE, theme.word().to_owned());
    let mut response = reply::see_other(own_path(fields.get("next")));
    response.add_cookie(&cookie).map_err(Failure::broken)?;
    Ok(response)
}

/// The cookie that remembers an account, if it is not remembered yet.
pub(crate) fn remember(member: &Member, request: &HttpRequest) -> Option<Cookie<'static>> {
    let id = member.account.id.to_string();
    let known = request.cookie(ACCOUNT_COOKIE).is_some_and(|cookie| cookie.value() == id);
    (!known).then(|| lasting(member.visit.dashboard.config(), ACCOUNT_COOKIE, id))
}

/// The page about the API, the one page that is not below the dashboard.
const API_DOCS: &str = "/api/docs";

/// A path of the dashboard to go on to. Whatever else was asked for becomes the first page.
pub(crate) fn own_path(next: &str) -> &str {
    let ours = next == API_DOCS
        || next == "/dashboard"
        || next.starts_with("/dashboard/")
        || next.starts_with("/dashboard?");
    let plain = next.len() <= 2048 && next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if ours && plain && !next.contains("//") { next } else { "/dashboard" }
}

/// The sign-in page that leads back here.
pub(crate) fn login_path(here: &str) -> String {
    match own_path(here) {
        "/dashboard" => "/dashboard/login".into(),
        here => format!("/dashboard/login?next={}", encoded(here)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_only_goes_on_to_our_own_pages() {
        for good in [
            "/dashboard",
            "/dashboard/a/images?q=x&access=public",
            "/dashboard/a/image?id=a%2Fb",
            "/api/docs",
        ] {
            assert_eq!(own_path(good), good);
        }
        let bad = [
            "",
            "/",
            "//evil.example",
            "https://evil.example/dashboard/",
            "/dashboard.evil",
            "/api/docs/x",
            "/dashboard//evil.example",
            "/dashboard/\\evil",
            "/dashboard/\r\nSet-Cookie: a=b",
            "/dashboard/ä",
            "javascript:alert(1)",
        ];
        for next in bad {
            assert_eq!(own_path(next), "/dashboard", "{next}");
        }
    }

    #[test]
    fn signing_in_again_leads_back() {
        assert_eq!(login_path("/dashboard"), "/dashboard/login");
        assert_eq!(
            login_path("/dashboard/a/image?id=x&y"),
            "/dashboard/login?next=/dashboard/a/image%3Fid%3Dx%26y"
        );
    }
}
