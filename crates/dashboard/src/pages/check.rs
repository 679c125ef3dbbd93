//! *Check a signed URL*: what the server would say to it now, and why.

use actix_web::http::StatusCode;
use askama::Template;
use catalog::{Admission, Role};
use domain::{Fault as _, ImageId, Timestamp, sentence};
use signing::{DeliveryUrl, Explanation};

use crate::body::Posted;
use crate::error::Failure;
use crate::fields::Fields;
use crate::member::Member;
use crate::pages::images::display_name;
use crate::reply::{self, Outcome};
use crate::shell::Shell;
use crate::words::Moment;

/// The longest address that is taken, in characters.
const MAX_URL_CHARS: usize = 10_000;

#[derive(Template)]
#[template(path = "check.html")]
struct CheckPage {
    shell: Shell,
    typed: String,
    example: String,
    error: String,
    verdict: Option<Verdict>,
}

/// What is said about a URL.
struct Verdict {
    /// It is delivered now.
    works: bool,
    title: String,
    advice: String,
    /// The stable word of the reason; empty where it works.
    reason: &'static str,
    /// Label and value.
    lines: Vec<(&'static str, String)>,
    expires: Option<Moment>,
    /// Address of the image's page, if the image is here, with its name.
    image: Option<(String, String)>,
    /// Sentence and whether it passed.
    checks: Vec<(String, bool)>,
}

/// `GET …/check`.
pub(crate) async fn show(member: Member) -> Outcome {
    member.require(Role::Editor)?;
    form(&member, StatusCode::OK, "", String::new(), None)
}

/// `POST …/check`.
pub(crate) async fn check(member: Member, Posted(fields): Posted) -> Outcome {
    member.require(Role::Editor)?;
    let typed: String = fields.get("url").trim().chars().take(MAX_URL_CHARS).collect();
    if typed.is_empty() {
        let error = "Paste a delivery URL.".to_owned();
        return form(&member, StatusCode::UNPROCESSABLE_ENTITY, &typed, error, None);
    }
    let verdict = match DeliveryUrl::parse(target_of(&typed)) {
        Ok(url) => judge(&member, &url).await?,
        Err(error) => Verdict::refused(sentence(&error.to_string()), error.reason().unwrap_or_default()),
    };
    form(&member, StatusCode::OK, &typed, String::new(), Some(verdict))
}

async fn judge(member: &Member, url: &DeliveryUrl) -> Result<Verdict, Failure> {
    if url.account() != member.account.hash.as_str() {
        return Ok(Verdict::refused(
            format!("This URL is of another account than {}.", member.account.display_name),
            "",
        ));
    }
    let now = member.visit.dashboard.now();
    let rights = member.visit.dashboard.catalog().rights(url).await?;
    let explanation = rights.explain(url, now);
    let admitted = rights.admit(url, now);
    let advises = matches!(admitted, Ok(_) | Err(catalog::Error::Signature(_)));
    let mut verdict = match admitted {
        Ok(admission) => Verdict::works(&admission),
        Err(error) => Verdict::refused(sentence(&error.to_string()), error.reason().unwrap_or("refused")),
    };
    verdict.explain(url, explanation.filter(|_| advises));
    verdict.image = image(member, url).await?;
    verdict.lines.push(("Variant", url.last().to_owned()));
    if verdict.image.is_none() {
        verdict.lines.push(("Image", format!("{} (not in this account)", url.image())));
    }
    Ok(verdict)
}

async fn image(member: &Member, url: &DeliveryUrl) -> Result<Option<(String, String)>, Failure> {
    let Ok(id) = url.image().parse::<ImageId>() else { return Ok(None) };
    match member.visit.dashboard.catalog().image(&member.account.id, &id).await {
        Ok(image) => Ok(Some((member.image_path("image", &id), display_name(&image)))),
        Err(catalog::Error::ImageMissing) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

impl Verdict {
    fn works(admission: &Admission) -> Verdict {
        let title = match &admission.signed {
            None => "Works, and needs no signature",
            Some(verified) if verified.expires_s.is_none() => "Valid until its signing key is revoked",
            Some(_) => "Valid",
        };
        Verdict { works: true, ..Verdict::refused(title.to_owned(), "") }
    }

    fn refused(title: String, reason: &'static str) -> Verdict {
        Verdict {
            works: false,
            title,
            advice: String::new(),
            reason,
            lines: Vec::new(),
            expires: None,
            image: None,
            checks: Vec::new(),
        }
    }

    /// Adds what the signature tells. Where none is needed and none is there, there is nothing to tell; where one is
    /// there all the same, it is judged as if it were needed.
    fn explain(&mut self, url: &DeliveryUrl, explanation: Option<Explanation>) {
        let Some(explanation) = explanation.filter(|_| !self.works || url.has_signature()) else { return };
        let verified = explanation.verdict.as_ref().ok();
        self.lines.extend(verified.map(|verified| ("Signing key", verified.key.to_string())));
        let exp = verified.and_then(|verified| verified.expires_s).or_else(|| expiry_of(url));
        self.expires = exp.map(|exp| Moment::new(Timestamp::from_seconds(exp)));
        self.advice = match (self.works, &explanation.verdict) {
            (true, Err(error)) => format!("Its signature would be refused where one is needed: {error}."),
            _ => explanation.advice.unwrap_or_default(),
        };
        self.checks = explanation.checks.into_iter().map(|check| (check.detail, check.passed)).collect();
    }
}

/// The `exp` that a URL carries, whatever else is wrong with it.
fn expiry_of(url: &DeliveryUrl) -> Option<i64> {
    Fields::parse(url.query()?).find("exp")?.parse().ok()
}

/// Path and query of what was pasted: a whole URL, or a path alone.
fn target_of(typed: &str) -> &str {
    let Some((_, rest)) = typed.split_once("://") else { return typed };
    rest.find('/').map_or("", |at| &rest[at..])
}

fn form(
    member: &Member,
    status: StatusCode,
    typed: &str,
    error: String,
    verdict: Option<Verdict>,
) -> Outcome {
    let page = CheckPage {
        shell: Shell::inside(member, "check", "Check a signed URL"),
        typed: typed.to_owned(),
        example: format!("{}/{}/…", member.visit.dashboard.config().delivery_url, member.account.hash),
        error,
        verdict,
    };
    reply::page(&member.visit, status, &page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_url_and_a_path_are_the_same() {
        let check = |typed, target| assert_eq!(target_of(typed), target);
        check("https://img.example.org/h/i/public?exp=1&sig=2", "/h/i/public?exp=1&sig=2");
        check("http://127.0.0.1:8080/h/i/public", "/h/i/public");
        check("/h/i/public?exp=1", "/h/i/public?exp=1");
        check("https://img.example.org", "");
        check("nonsense", "nonsense");
    }

    #[test]
    fn an_expiry_is_read_from_a_url_that_is_refused_too() {
        let url = DeliveryUrl::parse("/a/b/c?exp=1700000000&sig=x").unwrap();
        assert_eq!(expiry_of(&url), Some(1_700_000_000));
        assert_eq!(expiry_of(&DeliveryUrl::parse("/a/b/c?exp=soon").unwrap()), None);
        assert_eq!(expiry_of(&DeliveryUrl::parse("/a/b/c").unwrap()), None);
    }
}
