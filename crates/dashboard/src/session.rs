//! The session's cookie, and the session that a request's cookie names.

use actix_web::HttpRequest;
use actix_web::cookie::{Cookie, SameSite};
use catalog::{Session, StartedSession};
use domain::Secret;

use crate::error::Failure;
use crate::{Config, Dashboard};

/// The longest life of a session, for the cookie's own end.
const LIFE_DAYS: i64 = 30;

/// A live session with the value that its cookie has.
#[derive(Debug)]
pub(crate) struct SignedIn {
    pub(crate) value: Secret,
    pub(crate) session: Session,
}

/// The name of the cookie. A `__Host-` name is only taken over https, for this host and all its paths.
fn cookie_name(config: &Config) -> &'static str {
    if config.is_https() { "__Host-session" } else { "darkroom_session" }
}

/// The live session of a request.
pub(crate) async fn find(dashboard: &Dashboard, request: &HttpRequest) -> Result<Option<SignedIn>, Failure> {
    let Some(cookie) = request.cookie(cookie_name(dashboard.config())) else { return Ok(None) };
    let session = dashboard.catalog().session(cookie.value()).await?;
    Ok(session.map(|session| SignedIn { value: Secret::new(cookie.value()), session }))
}

/// The cookie of a new session.
pub(crate) fn cookie(config: &Config, started: &StartedSession) -> Cookie<'static> {
    lasting(config, cookie_name(config), started.value.reveal().to_owned())
}

/// The cookie that ends the session's cookie.
pub(crate) fn ended(config: &Config) -> Cookie<'static> {
    let mut cookie = lasting(config, cookie_name(config), String::new());
    cookie.make_removal();
    cookie
}

/// A cookie that scripts do not see, with the life of a session.
pub(crate) fn lasting(config: &Config, name: &'static str, value: String) -> Cookie<'static> {
    Cookie::build(name, value)
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(config.is_https())
        .max_age(actix_web::cookie::time::Duration::days(LIFE_DAYS))
        .finish()
}
