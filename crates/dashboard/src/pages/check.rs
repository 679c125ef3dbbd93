//! *Check a signed URL*: what the server would say to a request for it now, and why. Never shows a secret.

mod request;

use actix_web::http::StatusCode;
use askama::Template;
use catalog::{Explained, Role, Route};
use domain::{Fault as _, ImageId, Timestamp, sentence};
use signing::{Error as Refusal, Explanation, Verified};

use self::request::Asked;
use crate::body::Posted;
use crate::error::Failure;
use crate::member::Member;
use crate::pages::images::display_name;
use crate::reply::{self, Outcome};
use crate::scheme_words::about;
use crate::shell::Shell;
use crate::words::Moment;

#[derive(Template)]
#[template(path = "check.html")]
struct CheckPage {
    shell: Shell,
    asked: Asked,
    example: String,
    verdict: Option<Verdict>,
}

/// What is said about a URL.
#[derive(Default)]
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
    /// The texts that the signature may stand for.
    signed_texts: Vec<String>,
    /// Sentence and whether it passed.
    checks: Vec<(String, bool)>,
}

/// `GET …/check`.
pub(crate) async fn show(member: Member) -> Outcome {
    member.require(Role::Editor)?;
    form(&member, StatusCode::OK, Asked::default(), None)
}

/// `POST …/check`.
pub(crate) async fn check(member: Member, Posted(fields): Posted) -> Outcome {
    member.require(Role::Editor)?;
    let mut asked = Asked::typed(&fields);
    let Some(shown) = asked.shown(&member.visit.dashboard.config().delivery_url) else {
        return form(&member, StatusCode::UNPROCESSABLE_ENTITY, asked, None);
    };
    let now = member.visit.dashboard.now();
    let explained = member.visit.dashboard.catalog().explain(&asked.url, &shown, now).await?;
    let verdict = judge(&member, explained).await?;
    form(&member, StatusCode::OK, asked, Some(verdict))
}

/// What is told of an answer, to somebody of the account whose URL it is.
async fn judge(member: &Member, explained: Explained) -> Result<Verdict, Failure> {
    if explained.account.is_some_and(|account| account != member.account.id) {
        let title = format!("This URL is of another account than {}.", member.account.display_name);
        return Ok(Verdict { title, ..Verdict::default() });
    }
    let mut verdict = Verdict::of(&explained);
    if let Some(id) = explained.image.as_deref().filter(|_| explained.account.is_some()) {
        verdict.image = image(member, id).await?;
        if verdict.image.is_none() {
            verdict.lines.push(("Image", format!("{id} (not in this account)")));
        }
    }
    Ok(verdict)
}

async fn image(member: &Member, id: &str) -> Result<Option<(String, String)>, Failure> {
    let Ok(id) = id.parse::<ImageId>() else { return Ok(None) };
    match member.visit.dashboard.catalog().image(&member.account.id, &id).await {
        Ok(image) => Ok(Some((member.image_path("image", &id), display_name(&image)))),
        Err(catalog::Error::ImageMissing) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

impl Verdict {
    fn of(explained: &Explained) -> Verdict {
        let mut verdict = match &explained.outcome {
            Ok(signed) => {
                Verdict { works: true, title: works(signed.as_ref()).to_owned(), ..Verdict::default() }
            }
            Err(error) => Verdict {
                title: refused(explained, error),
                reason: error.reason().unwrap_or_default(),
                ..Verdict::default()
            },
        };
        verdict.lines.extend(arrives(explained.route));
        if let Some(explanation) = &explained.explanation {
            verdict.explain(explanation, &explained.outcome);
        }
        verdict.lines.extend(explained.variant.clone().map(|variant| ("Variant", variant)));
        verdict
    }

    /// Adds what the signature tells. Where none is needed and none is there, there is nothing to tell; where one is
    /// there all the same, it is judged as if it were needed.
    fn explain(&mut self, explanation: &Explanation, outcome: &Result<Option<Verified>, catalog::Error>) {
        let is_there =
            !matches!(explanation.verdict, Err(Refusal::MissingSignature | Refusal::SchemeDisabled));
        let is_refusal = matches!(outcome, Err(catalog::Error::Signature(_)));
        if !is_there && !is_refusal {
            return;
        }
        if is_there {
            self.lines.push(("Scheme", about(explanation.scheme).title.to_owned()));
        }
        if let Ok(verified) = &explanation.verdict {
            self.lines.push(("Signing key", verified.key.to_string()));
            self.lines.extend(verified.subject.map(|subject| ("Subject", subject.as_str().to_owned())));
            self.lines.extend(verified.token_id.map(|id| ("Token ID", id.as_str().to_owned())));
            self.expires = verified.expires_s.map(|exp| Moment::new(Timestamp::from_seconds(exp)));
        }
        self.advice = match (outcome, &explanation.verdict) {
            (Ok(_), Err(error)) => format!("Its signature would be refused where one is needed: {error}."),
            (Ok(_), Ok(_)) => String::new(),
            (Err(_), _) if is_refusal => explanation.advice.clone().unwrap_or_default(),
            (Err(_), _) => String::new(),
        };
        self.signed_texts.clone_from(&explanation.signed_texts);
        self.checks = explanation.checks.iter().map(|check| (check.detail.clone(), check.passed)).collect();
    }
}

fn works(signed: Option<&Verified>) -> &'static str {
    match signed {
        None => "Works, and needs no signature",
        Some(verified) if verified.expires_s.is_none() => "Valid until its signing key is revoked",
        Some(_) => "Valid",
    }
}

/// Why a request would be refused, in a sentence.
fn refused(explained: &Explained, error: &catalog::Error) -> String {
    match (explained.account, explained.route, error) {
        (_, _, catalog::Error::Signature(error)) => sentence(&error.to_string()),
        (None, Route::Mount(mount), _) => {
            format!("No account of this server has the mount {}.", mount.path())
        }
        (None, _, _) => "This URL is of no account of this server.".to_owned(),
        (_, _, error) => sentence(&error.to_string()),
    }
}

/// Where a request arrives, if that is not a delivery URL of ours.
fn arrives(route: Route) -> Option<(&'static str, String)> {
    match route {
        Route::Native => None,
        Route::Mount(mount) => Some(("Mount", mount.path().to_owned())),
        Route::Storage => Some(("Mount", "/storage".to_owned())),
    }
}

fn form(member: &Member, status: StatusCode, asked: Asked, verdict: Option<Verdict>) -> Outcome {
    let page = CheckPage {
        shell: Shell::inside(member, "check", "Check a signed URL"),
        asked,
        example: format!("{}/{}/…", member.visit.dashboard.config().delivery_url, member.account.hash),
        verdict,
    };
    let mut response = reply::page(&member.visit, status, &page)?;
    // A URL that opens something, or a cookie, may stand in it.
    reply::no_store(&mut response);
    Ok(response)
}
