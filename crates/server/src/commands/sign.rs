//! `darkroom sign`: signs delivery URLs with the keys of their accounts, or narrows signed ones without.

use std::collections::HashMap;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use catalog::{Account, Catalog};
use clap::Args;
use domain::{Clock, SigningKeyId, Timestamp};
use server::Config;
use signing::{Constraints, DeliveryUrl, Policy, SigningKey};

/// Signs delivery URLs and prints them, one a line: either all are signed or none.
#[derive(Debug, Args)]
pub(super) struct Sign {
    /// Delivery URLs, or their paths: /{hash}/{image}/{variant}; with --prefix also a folder: /{hash}/album/
    #[arg(value_name = "URL", required_unless_present = "from")]
    urls: Vec<String>,
    /// A file with more of them, one a line; - is standard input
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// How long it is valid, such as 1d; never where the account does not require an expiry [default: 1d, or what the
    /// account allows]
    #[arg(long)]
    expires: Option<String>,
    /// When it ends
    #[arg(long, value_name = "UNIX SECONDS", conflicts_with_all = ["expires", "window"])]
    expires_at: Option<i64>,
    /// Round the expiry up to a multiple of this, such as 1h, so that the URL stays the same all through it
    #[arg(long, value_name = "DURATION", value_parser = super::duration)]
    window: Option<std::time::Duration>,
    /// When it begins to be valid
    #[arg(long, value_name = "UNIX SECONDS")]
    not_before: Option<i64>,
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
    /// Only so many times; gives it an id of its own where --id does not
    #[arg(long, value_name = "TIMES", value_parser = clap::value_parser!(u64).range(1..))]
    uses: Option<u64>,
    /// Narrow URLs that are signed already; needs no key
    #[arg(long, conflicts_with = "key")]
    narrow: bool,
    /// Print a cookie that opens the prefix, instead of the URL
    #[arg(long, requires = "prefix")]
    cookie: bool,
    /// As JSON, with key, end and id
    #[arg(long)]
    json: bool,
}

/// Signs.
pub(super) async fn run(sign: &Sign, config: &Config) -> anyhow::Result<ExitCode> {
    let urls = sign.all_urls()?;
    let mut signer =
        Signer { sign, now: Clock::system().now(), config, catalog: None, houses: HashMap::new() };
    let mut all = Vec::with_capacity(urls.len());
    for url in &urls {
        let signed = signer.signed(url).await;
        // One alone needs no name.
        all.push(if urls.len() == 1 { signed? } else { signed.with_context(|| url.clone())? });
    }
    if sign.json {
        let objects: Vec<_> = all.iter().map(Signed::as_json).collect();
        say!("{}", serde_json::Value::Array(objects));
        return Ok(ExitCode::SUCCESS);
    }
    for signed in all {
        match signed.cookie {
            Some(cookie) => say!("Set-Cookie: {cookie}"),
            None => say!("{}", signed.url),
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A URL that was signed.
struct Signed {
    url: String,
    key: Option<String>,
    expires_s: Option<i64>,
    token_id: Option<String>,
    cookie: Option<String>,
}

impl Signed {
    fn as_json(&self) -> serde_json::Value {
        serde_json::json!({
            "url": self.url,
            "key": self.key,
            "expires_at": self.expires_s.map(|end_s| Timestamp::from_seconds(end_s).to_rfc3339()),
            "token_id": self.token_id,
            "cookie": self.cookie,
        })
    }
}

/// Signs one URL after another; each account is looked up once.
struct Signer<'s> {
    sign: &'s Sign,
    now: Timestamp,
    config: &'s Config,
    catalog: Option<Catalog>,
    houses: HashMap<String, (Account, SigningKey)>,
}

impl Signer<'_> {
    async fn signed(&mut self, url: &str) -> anyhow::Result<Signed> {
        let (sign, now) = (self.sign, self.now);
        if sign.narrow {
            let policy = Policy::default();
            let constraints = sign.constraints(&policy, now)?;
            let url = signing::narrow(url, &constraints)?;
            return Ok(sign.told(url, None, constraints, &policy, now));
        }
        let (account, key) = self.house(url).await?;
        let policy = account.policy.signing();
        let constraints = sign.constraints(&policy, now)?;
        if constraints.expires_s.is_none() && policy.require_exp {
            bail!("the account {} requires an expiry", account.handle);
        }
        let url = signing::issue(url, key, &constraints, &policy, now)
            .map_err(|error| anyhow::anyhow!("{error}: {}", error.advice()))?;
        Ok(sign.told(url, Some(key.id()), constraints, &policy, now))
    }

    /// The account of a URL, and the key to sign with.
    async fn house(&mut self, url: &str) -> anyhow::Result<&(Account, SigningKey)> {
        let parsed = DeliveryUrl::parse_url(&probe(url)).context("this is no delivery URL")?;
        let hash = parsed.account().to_owned();
        if !self.houses.contains_key(&hash) {
            if self.catalog.is_none() {
                self.catalog = Some(super::catalog(self.config).await?);
            }
            let catalog = self.catalog.as_ref().context("there is a catalog")?;
            let account = account_of(catalog, &parsed).await?;
            let key = catalog.signing_key(&account.id, self.sign.key.as_ref()).await?;
            self.houses.insert(hash.clone(), (account, key));
        }
        self.houses.get(&hash).context("there is an account")
    }
}

impl Sign {
    /// Those of the arguments, then those of the file.
    fn all_urls(&self) -> anyhow::Result<Vec<String>> {
        let mut urls = self.urls.clone();
        let text = match &self.from {
            None => String::new(),
            Some(file) if file.as_os_str() == "-" => {
                let mut text = String::new();
                std::io::stdin().read_to_string(&mut text).context("standard input cannot be read")?;
                text
            }
            Some(file) => {
                std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?
            }
        };
        urls.extend(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(String::from));
        if urls.is_empty() {
            bail!("there is no URL to sign");
        }
        Ok(urls)
    }

    /// When it ends; none for never, and where a signed URL is narrowed by other means.
    fn expires_s(&self, policy: &Policy, now: Timestamp) -> anyhow::Result<Option<i64>> {
        let window_s = self.window_s();
        let life_s = match self.expires.as_deref() {
            _ if self.expires_at.is_some() => return Ok(self.expires_at),
            Some("never") => return Ok(None),
            None if self.narrow => return Ok(None),
            None => signing::usual_life_s(policy, window_s),
            Some(life) => {
                let life = super::duration(life).map_err(anyhow::Error::msg)?;
                now.plus(life).as_seconds() - now.as_seconds()
            }
        };
        Ok(Some(Constraints::stable_expiry_s(now.as_seconds(), life_s, window_s)))
    }

    fn window_s(&self) -> i64 {
        self.window.map_or(1, |window| i64::try_from(window.as_secs()).unwrap_or(i64::MAX))
    }

    fn constraints(&self, policy: &Policy, now: Timestamp) -> anyhow::Result<Constraints> {
        let own_id = || format!("{:032x}", rand::random::<u128>());
        Ok(Constraints {
            expires_s: self.expires_s(policy, now)?,
            not_before_s: self.not_before,
            issued_at_s: signing::issued_at_s(policy, now, self.window_s()),
            prefix_segments: self.prefix,
            variants: self.variants.clone(),
            networks: self.ip.clone(),
            referers: self.referer.clone(),
            session: self.session.as_deref().map(Constraints::session_of),
            subject: self.subject.clone(),
            token_id: self.id.clone().or_else(|| self.uses.map(|_| own_id())),
            uses: self.uses,
            ..Constraints::default()
        })
    }

    fn told(
        &self,
        url: String,
        key: Option<&SigningKeyId>,
        constraints: Constraints,
        policy: &Policy,
        now: Timestamp,
    ) -> Signed {
        let expires_s = constraints.expires_s;
        let segments = self.prefix.filter(|_| self.cookie);
        let cookie = segments.map(|segments| signing::set_cookie(&url, segments, expires_s, policy, now));
        Signed { url, key: key.map(ToString::to_string), expires_s, token_id: constraints.token_id, cookie }
    }
}

/// A URL below a folder, to find its account; any other URL as it is.
fn probe(url: &str) -> String {
    let (path, query) =
        url.split_once('?').map_or((url, String::new()), |(path, query)| (path, format!("?{query}")));
    if path.ends_with('/') { format!("{path}x/x{query}") } else { url.to_owned() }
}

/// The account that a delivery URL names by its hash.
async fn account_of(catalog: &Catalog, url: &DeliveryUrl) -> anyhow::Result<Account> {
    let accounts = catalog.accounts().await?;
    let found = accounts.into_iter().find(|account| account.hash.as_str() == url.account());
    found.with_context(|| format!("no account has the hash '{}'", url.account()))
}
