//! `darkroom sign`: signs a delivery URL with an account's key, or narrows a signed one without.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use catalog::{Account, Catalog};
use clap::Args;
use domain::{Clock, SigningKeyId, Timestamp};
use server::Config;
use signing::{Constraints, DeliveryUrl, Policy};

/// Signs a delivery URL and prints it.
#[derive(Debug, Args)]
pub(super) struct Sign {
    /// A delivery URL, or its path: /{hash}/{image}/{variant}; with --prefix also a folder: /{hash}/album/
    url: String,
    /// How long it is valid, such as 1d; never where the account does not require an expiry [default: 1d]
    #[arg(long)]
    expires: Option<String>,
    /// Round the expiry up to a multiple of this, such as 1h, so that the URL stays the same all through it
    #[arg(long, value_name = "DURATION")]
    window: Option<String>,
    /// The signing key; the one that signs where it is not given
    #[arg(long, value_name = "NAME")]
    key: Option<SigningKeyId>,
    /// Sign the first segments of the path only: the query opens everything below
    #[arg(long, value_name = "SEGMENTS", value_parser = clap::value_parser!(u8).range(1..=16))]
    prefix: Option<u8>,
    /// Only these variants, comma between them
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    variants: Vec<String>,
    /// Only from these addresses or networks, comma between them
    #[arg(long, value_delimiter = ',', value_name = "NETWORKS")]
    ip: Vec<String>,
    /// Only on pages of these hosts, comma between them: host, *.host, or - for no referer
    #[arg(long, value_delimiter = ',', value_name = "HOSTS")]
    referer: Vec<String>,
    /// Only with this value of the session cookie
    #[arg(long, value_name = "COOKIE VALUE")]
    session: Option<String>,
    /// For whom it is: can be revoked by this name
    #[arg(long, value_name = "NAME")]
    subject: Option<String>,
    /// Its id: can be revoked by it
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Narrow a URL that is signed already; needs no key
    #[arg(long, conflicts_with = "key")]
    narrow: bool,
    /// Print a cookie that opens the prefix, instead of the URL
    #[arg(long, requires = "prefix")]
    cookie: bool,
}

/// Signs.
pub(super) async fn run(sign: &Sign, config: &Config) -> anyhow::Result<ExitCode> {
    let now = Clock::system().now();
    let signed = if sign.narrow {
        signing::narrow(&sign.url, &sign.constraints(sign.expires_s(now)?))?
    } else {
        let catalog = super::catalog(config).await?;
        let parsed = DeliveryUrl::parse_url(&probe(&sign.url)).context("this is no delivery URL")?;
        let account = account_of(&catalog, &parsed).await?;
        let expires_s = sign.expires_s(now)?;
        if expires_s.is_none() && account.policy.require_exp {
            bail!("the account {} requires an expiry", account.handle);
        }
        let key = catalog.signing_key(&account.id, sign.key.as_ref()).await?;
        signing::sign_with(&sign.url, &key, &sign.constraints(expires_s))?
    };
    match sign.prefix.filter(|_| sign.cookie) {
        Some(segments) => say!("{}", cookie(&signed, segments, sign.expires_s(now)?, now)),
        None => say!("{signed}"),
    }
    Ok(ExitCode::SUCCESS)
}

impl Sign {
    /// When it ends; none for never, and where a signed URL is narrowed by other means.
    fn expires_s(&self, now: Timestamp) -> anyhow::Result<Option<i64>> {
        let life = match self.expires.as_deref() {
            Some("never") => return Ok(None),
            None if self.narrow => return Ok(None),
            life => super::duration(life.unwrap_or("1d")).map_err(anyhow::Error::msg)?,
        };
        let window = self.window.as_deref().map(super::duration).transpose().map_err(anyhow::Error::msg)?;
        let (now_s, life_s) = (now.as_seconds(), now.plus(life).as_seconds() - now.as_seconds());
        let window_s = window.map_or(1, |window| i64::try_from(window.as_secs()).unwrap_or(i64::MAX));
        Ok(Some(Constraints::stable_expiry_s(now_s, life_s, window_s)))
    }

    fn constraints(&self, expires_s: Option<i64>) -> Constraints {
        Constraints {
            expires_s,
            prefix_segments: self.prefix,
            variants: self.variants.clone(),
            networks: self.ip.clone(),
            referers: self.referer.clone(),
            session: self.session.as_deref().map(Constraints::session_of),
            subject: self.subject.clone(),
            token_id: self.id.clone(),
            ..Constraints::default()
        }
    }
}

/// A cookie with the token of a signed URL (signing-schemes 1.4).
fn cookie(signed: &str, segments: u8, expires_s: Option<i64>, now: Timestamp) -> String {
    let (url, token) = signed.split_once('?').unwrap_or((signed, ""));
    let path = &url[url.find("://").map_or(0, |scheme| scheme + 3)..];
    let path = &path[path.find('/').unwrap_or_default()..];
    let end = path.match_indices('/').nth(segments.into()).map_or(path.len(), |(slash, _)| slash + 1);
    let life = expires_s.map_or_else(String::new, |end| format!("; Max-Age={}", end - now.as_seconds()));
    let name = Policy::TOKEN_COOKIE;
    format!("Set-Cookie: {name}={token}; Path={}{life}; Secure; HttpOnly; SameSite=Lax", &path[..end])
}

/// A URL below a folder, to find its account; any other URL as it is.
fn probe(url: &str) -> String {
    let (path, query) =
        url.split_once('?').map_or((url, String::new()), |(path, query)| (path, format!("?{query}")));
    if path.ends_with('/') { format!("{path}x/x{query}") } else { url.to_owned() }
}

/// The account that a delivery URL names by its hash.
pub(super) async fn account_of(catalog: &Catalog, url: &DeliveryUrl) -> anyhow::Result<Account> {
    let accounts = catalog.accounts().await?;
    let found = accounts.into_iter().find(|account| account.hash.as_str() == url.account());
    found.with_context(|| format!("no account has the hash '{}'", url.account()))
}
