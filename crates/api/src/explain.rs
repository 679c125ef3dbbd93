//! What the server would say to a URL, and why: `POST /explain`. Told of URLs of the caller's account only, and never with
//! a secret.

use std::collections::BTreeMap;
use std::net::IpAddr;

use actix_web::HttpResponse;
use actix_web::web::Payload;
use catalog::{Error, Explained, Shown};
use domain::{AccountId, Fault as _, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use signing::{ShortText, Verified};

use crate::authenticated::Authenticated;
use crate::error::Failure;
use crate::{Api, body, envelope, fields};

/// The methods that a request may be judged for.
const METHODS: [&str; 3] = ["GET", "HEAD", "PUT"];

/// The most headers of a request that is judged, and the most bytes of one.
const MAX_HEADERS: usize = 96;
const MAX_HEADER_BYTES: usize = 8_192;

/// A request that somebody makes, or will make.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Asked {
    url: String,
    method: Option<String>,
    host: Option<String>,
    https: Option<bool>,
    address: Option<IpAddr>,
    referer: Option<String>,
    cookie: Option<String>,
    headers: BTreeMap<String, String>,
}

/// `POST /explain`
pub(crate) async fn explain(
    api: &Api,
    caller: &Authenticated,
    payload: Payload,
) -> Result<HttpResponse, Failure> {
    let asked: Asked = fields::read(body::json(api, payload).await?)?;
    let (url, shown) = asked.read(&api.config.delivery_url)?;
    let explained = api.catalog.explain(&url, &shown, api.clock.now()).await?;
    check_account(&explained, caller.account())?;
    Ok(envelope::done(words_of(&explained)))
}

impl Asked {
    /// The URL, and what is shown with it. A path alone is asked for where delivery is.
    fn read(self, delivery_url: &str) -> Result<(String, Shown), Failure> {
        if self.url.trim().is_empty() {
            return Err(Failure::bad_request("url: a delivery URL is needed, or its path with the query"));
        }
        let method = self.method.unwrap_or_else(|| METHODS[0].into());
        if !METHODS.contains(&method.as_str()) {
            return Err(Failure::bad_request(format!("method: one of {}", METHODS.join(", "))));
        }
        let url = match self.url.trim() {
            path if path.starts_with('/') => format!("{delivery_url}{path}"),
            url => url.to_owned(),
        };
        let named = [("referer", self.referer), ("cookie", self.cookie)];
        let named = named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        let headers: BTreeMap<String, String> = self
            .headers
            .into_iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .chain(named)
            .collect();
        let is_one = |(name, value): (&String, &String)| {
            !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_graphic())
                && name.len() + value.len() <= MAX_HEADER_BYTES
                && !value.chars().any(char::is_control)
        };
        if headers.len() > MAX_HEADERS || !headers.iter().all(is_one) {
            let told = format!(
                "headers: at most {MAX_HEADERS}, each a name and a line of text of 8,192 bytes in all"
            );
            return Err(Failure::bad_request(told));
        }
        let (method, address) = (Some(method), self.address);
        Ok((url, Shown { method, host: self.host, is_https: self.https, address, headers }))
    }
}

/// A URL of another account is told from none as little as delivery tells it.
fn check_account(explained: &Explained, account: &AccountId) -> Result<(), Failure> {
    use signing::Error::{BadPath, MalformedParam, TargetTooLong};
    let is_unread = explained.account.is_none()
        && matches!(explained.outcome, Err(Error::Signature(BadPath | MalformedParam | TargetTooLong)));
    if explained.account.as_ref() == Some(account) || is_unread {
        return Ok(());
    }
    Err(Failure::bad_request("url: it is no URL of this account, nor one of a mount that is given to it"))
}

fn words_of(explained: &Explained) -> Value {
    let mut words = json!({
        "route": explained.route.word(),
        "image": explained.image,
        "variant": explained.variant,
        "is_here": explained.is_here,
        "scheme": null,
        "key": null,
        "signed_texts": [],
        "checks": [],
        "signature": null,
        "advice": null,
    });
    outcome(&mut words, &explained.outcome);
    let Some(explanation) = &explained.explanation else { return words };
    let checks = explanation.checks.iter();
    let checks: Vec<Value> = checks
        .map(|check| json!({"check": check.name, "passed": check.passed, "detail": check.detail}))
        .collect();
    words["scheme"] = explanation.scheme.name().into();
    words["signed_texts"] = explanation.signed_texts.as_slice().into();
    words["checks"] = checks.into();
    words["signature"] = match &explanation.verdict {
        Ok(verified) => proof(verified),
        Err(error) => json!({"accepted": false, "reason": error.reason(), "message": error.to_string()}),
    };
    words["key"] = explanation.verdict.as_ref().map_or(Value::Null, |verified| verified.key.as_str().into());
    if words["verdict"] == "refused" {
        words["advice"] = explanation.advice.clone().into();
    }
    words
}

/// What the request would be answered.
fn outcome(words: &mut Value, outcome: &Result<Option<Verified>, Error>) {
    let (verdict, status, reason, message) = match outcome {
        Ok(Some(_)) => ("accepted", 200, None, None),
        Ok(None) => ("open", 200, None, None),
        Err(error) => ("refused", error.problem().status(), error.reason(), Some(error.to_string())),
    };
    words["verdict"] = verdict.into();
    words["status"] = status.into();
    words["reason"] = reason.into();
    words["message"] = message.into();
}

/// What a right signature proves.
fn proof(verified: &Verified) -> Value {
    json!({
        "accepted": true,
        "expires_at": verified.expires_s.map(|end_s| Timestamp::from_seconds(end_s).to_rfc3339()),
        "subject": verified.subject.as_ref().map(ShortText::as_str),
        "token_id": verified.token_id.as_ref().map(ShortText::as_str),
        "uses": verified.uses.iter().map(|uses| uses.most).min(),
    })
}

#[cfg(test)]
mod tests {
    use catalog::Route;
    use proptest::prelude::*;

    use super::*;

    fn read(body: Value) -> Result<(String, Shown), String> {
        let Value::Object(body) = body else { panic!("an object") };
        let asked: Result<Asked, Failure> = fields::read(body);
        asked
            .and_then(|asked| asked.read("https://img.example.org"))
            .map_err(|failure| failure.message().to_owned())
    }

    #[test]
    fn a_path_is_asked_for_where_delivery_is() {
        let (url, shown) = read(json!({
            "url": " /h/i/public?sig=0 ", "address": "203.0.113.7", "referer": "https://shop.example/",
            "headers": {"Origin": "https://shop.example", "Cookie": "a=b"}, "cookie": "imgsess=1",
        }))
        .unwrap();
        assert_eq!(url, "https://img.example.org/h/i/public?sig=0");
        assert_eq!((shown.method.as_deref(), shown.address), (Some("GET"), "203.0.113.7".parse().ok()));
        let headers: Vec<_> =
            shown.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let expected = [
            ("cookie", "imgsess=1"),
            ("origin", "https://shop.example"),
            ("referer", "https://shop.example/"),
        ];
        assert_eq!(headers, expected);
        let whole = json!({"url": "http://other.example/h/i/public", "host": "a.example", "https": false});
        let (url, shown) = read(whole).unwrap();
        assert_eq!(url, "http://other.example/h/i/public");
        assert_eq!((shown.host.as_deref(), shown.is_https), (Some("a.example"), Some(false)));
    }

    #[test]
    fn what_no_request_looks_like_is_named() {
        for (body, words) in [
            (json!({}), "url: "),
            (json!({"url": " "}), "url: "),
            (json!({"url": "/a", "method": "DELETE"}), "method: one of GET, HEAD, PUT"),
            (json!({"url": "/a", "address": "here"}), "address: "),
            (json!({"url": "/a", "headers": {"a": "b\r\nc"}}), "headers: "),
            (json!({"url": "/a", "headers": {"": "b"}}), "headers: "),
            (json!({"url": "/a", "headers": {"a": 1}}), "headers.a: "),
            (json!({"url": "/a", "ip": "::1"}), "unknown field `ip`"),
        ] {
            let told = read(body.clone()).unwrap_err();
            assert!(told.contains(words), "{body}: {told}");
        }
    }

    fn explained(account: Option<AccountId>, outcome: Result<Option<Verified>, Error>) -> Explained {
        Explained {
            route: Route::Native,
            account,
            image: None,
            variant: None,
            is_here: false,
            explanation: None,
            outcome,
        }
    }

    #[test]
    fn nothing_is_told_of_the_urls_of_others() {
        let (ours, theirs) = (AccountId::from_bytes([1; 16]), AccountId::from_bytes([2; 16]));
        assert!(check_account(&explained(Some(ours), Ok(None)), &ours).is_ok());
        let unread = || Err(Error::from(signing::Error::BadPath));
        assert!(check_account(&explained(None, unread()), &ours).is_ok());
        let refused = |explained| check_account(&explained, &ours).unwrap_err().message().to_owned();
        let foreign = refused(explained(Some(theirs), Ok(None)));
        assert_eq!(foreign, refused(explained(Some(theirs), unread())));
        assert_eq!(foreign, refused(explained(None, Err(Error::ImageMissing))));
    }

    proptest! {
        #[test]
        fn any_request_is_read_or_refused(url in "\\PC{0,40}", name in "\\PC{0,9}", value in "\\PC{0,9}") {
            let _ = read(json!({"url": url, "headers": {name: value}}));
        }
    }
}
