//! The request that a person wants checked: the URL, and who would ask for it how.

use std::collections::BTreeMap;
use std::net::IpAddr;

use catalog::Shown;

use crate::fields::Fields;

/// The longest address that is taken, in characters.
const MAX_URL_CHARS: usize = 10_000;

/// The longest other field, in characters: cookies of a signed request are long.
const MAX_FIELD_CHARS: usize = 8_000;

/// The methods that anything is delivered or stored by.
const METHODS: [&str; 3] = ["GET", "HEAD", "PUT"];

/// What was typed, and what is wrong with it.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    pub(crate) url: String,
    method: String,
    pub(crate) host: String,
    pub(crate) address: String,
    pub(crate) referer: String,
    pub(crate) cookie: String,
    /// `Name: value`, one a line.
    pub(crate) headers: String,
    wrong: Vec<(&'static str, &'static str)>,
}

impl Asked {
    /// What was typed. A short form sends the URL alone.
    pub(crate) fn typed(fields: &Fields) -> Asked {
        let text = |name: &str, most: usize| fields.get(name).trim().chars().take(most).collect::<String>();
        let field = |name: &str| text(name, MAX_FIELD_CHARS);
        Asked {
            url: text("url", MAX_URL_CHARS),
            method: field("method"),
            host: field("host"),
            address: field("address"),
            referer: field("referer"),
            cookie: field("cookie"),
            headers: field("headers"),
            wrong: Vec::new(),
        }
    }

    /// The request; none where something is wrong with it, which is noted. What is not said of host and protocol is as
    /// delivery URLs have it.
    pub(crate) fn shown(&mut self, delivery_url: &str) -> Option<Shown> {
        let address = self.address.parse::<IpAddr>().ok();
        if self.url.is_empty() {
            self.wrong.push(("url", "Paste a delivery URL."));
        }
        if address.is_none() && !self.address.is_empty() {
            self.wrong.push(("address", "Type an address, as 203.0.113.24 or 2001:db8::1."));
        }
        if self.host.contains(['/', ' ', '?', '#', '@']) {
            self.wrong.push(("host", "Type a host name, as img.example.org."));
        }
        let Some(mut headers) = listed(&self.headers) else {
            self.wrong.push(("headers", "Write each header as Name: value, on a line of its own."));
            return None;
        };
        for (name, value) in [("referer", &self.referer), ("cookie", &self.cookie)] {
            if !value.is_empty() {
                headers.insert(name.to_owned(), value.clone());
            }
        }
        let is_path = self.url.starts_with('/');
        let (is_https, own_host) = match delivery_url.split_once("://") {
            Some((scheme, host)) => (scheme == "https", host),
            None => (true, delivery_url),
        };
        let host = match self.host.as_str() {
            "" => is_path.then(|| own_host.to_owned()),
            typed => Some(typed.to_owned()),
        };
        let is_https = is_path.then_some(is_https);
        let method = METHODS.iter().find(|method| **method == self.method).map(|method| (*method).to_owned());
        self.wrong.is_empty().then_some(Shown { method, host, is_https, address, headers })
    }

    /// Whether more than the URL was typed, so that the rest of the form is shown.
    pub(crate) fn is_detailed(&self) -> bool {
        let texts = [&self.host, &self.address, &self.referer, &self.cookie, &self.headers];
        texts.iter().any(|text| !text.is_empty()) || !matches!(self.method.as_str(), "" | "GET")
    }

    /// The methods, each with whether it is chosen.
    pub(crate) fn methods(&self) -> [(&'static str, bool); 3] {
        METHODS.map(|method| (method, method == self.method))
    }

    /// What is wrong with a field; empty where nothing is.
    pub(crate) fn error(&self, name: &str) -> &'static str {
        self.wrong.iter().find(|(known, _)| *known == name).map_or("", |(_, why)| why)
    }

    /// What is wrong: the field's id, and why.
    pub(crate) fn wrong(&self) -> &[(&'static str, &'static str)] {
        &self.wrong
    }
}

/// Headers as people write them, names in lower case; none where a line is no header.
fn listed(text: &str) -> Option<BTreeMap<String, String>> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let (name, value) = line.split_once(':')?;
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            let is_name = !name.is_empty() && name.bytes().all(fits);
            is_name.then(|| (name.to_ascii_lowercase(), value.trim().to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "https://img.example.org";

    fn shown(form: &str) -> Result<Shown, Vec<(&'static str, &'static str)>> {
        let mut asked = Asked::typed(&Fields::parse(form));
        asked.shown(OURS).ok_or_else(|| asked.wrong().to_vec())
    }

    #[test]
    fn what_is_not_told_of_a_path_is_as_delivery_urls_have_it() {
        let told = shown("url=%2Fh%2Fi%2Fpublic").unwrap();
        assert_eq!(
            (told.host.as_deref(), told.is_https, told.method),
            (Some("img.example.org"), Some(true), None)
        );
        let told = shown("url=http%3A%2F%2F127.0.0.1%2Fh%2Fi%2Fpublic&method=HEAD").unwrap();
        assert_eq!((told.host, told.is_https, told.method.as_deref()), (None, None, Some("HEAD")));
    }

    #[test]
    fn who_asks_is_told_to_the_check() {
        let form = "url=%2Fa&address=203.0.113.24&referer=https%3A%2F%2Fshop.example%2F&cookie=imgsess%3D1&host=cdn.example&\
                    headers=Authorization%3A+AWS4-HMAC-SHA256+x%0D%0A%0D%0ARange%3Abytes%3D0-1";
        let told = shown(form).unwrap();
        assert_eq!(told.address, Some("203.0.113.24".parse().unwrap()));
        assert_eq!(told.host.as_deref(), Some("cdn.example"));
        let headers: Vec<String> =
            told.headers.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            headers,
            [
                "authorization=AWS4-HMAC-SHA256 x",
                "cookie=imgsess=1",
                "range=bytes=0-1",
                "referer=https://shop.example/"
            ]
        );
        assert!(Asked::typed(&Fields::parse(form)).is_detailed());
        assert!(!Asked::typed(&Fields::parse("url=x&method=GET")).is_detailed());
    }

    #[test]
    fn what_is_wrong_stands_by_its_field() {
        let named = |form| shown(form).unwrap_err().into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(named("url=+&address=here&host=a%2Fb"), ["url", "address", "host"]);
        assert_eq!(named("url=%2Fa&headers=no+header"), ["headers"]);
    }
}
