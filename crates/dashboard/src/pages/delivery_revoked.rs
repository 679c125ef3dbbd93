//! Revoking signed URLs by token id, subject or time. A mark in time is asked about first: it also refuses every URL
//! that does not say when it was issued.

use actix_web::http::StatusCode;
use askama::Template;
use catalog::Role;
use signing::Scheme;

use crate::body::Posted;
use crate::member::Member;
use crate::pages::delivery::schemes::signed_by;
use crate::pages::delivery::{Revoked, page, rules, update};
use crate::reply::{self, Outcome};
use crate::shell::Shell;
use crate::toast::Toast;
use crate::words;

#[derive(Template)]
#[template(path = "delivery_revoked.html")]
struct DeliveryRevokedPage {
    shell: Shell,
    revoked: Revoked,
    /// `14 Nov 2026, 10:40 UTC`.
    before: String,
    /// What it may break, from what has happened.
    damage: String,
    /// Something will break, as far as is known.
    breaks: bool,
}

/// `POST …/delivery/revoked`, with `sure` once the question about a new mark was answered.
pub(crate) async fn save(member: Member, Posted(fields): Posted) -> Outcome {
    member.require(Role::Admin)?;
    let policy = &member.account.policy;
    let mut revoked = Revoked::typed(&fields, policy);
    let Some(changes) = revoked.changes(policy) else {
        return page(&member, StatusCode::UNPROCESSABLE_ENTITY, rules(&member), revoked).await;
    };
    let mark = changes.iter().any(|(name, text)| name == "revoked_before" && text != "none");
    if mark && fields.get("sure").is_empty() {
        return ask(&member, revoked).await;
    }
    update(&member, &changes).await?;
    reply::done(&member.visit, &member.path("delivery"), Toast::RevocationsSaved)
}

async fn ask(member: &Member, revoked: Revoked) -> Outcome {
    let signed = signed_by(member, Scheme::Native).await?;
    let page = DeliveryRevokedPage {
        shell: Shell::inside(member, "delivery", "Refuse URLs by their time"),
        before: words::parse_local_input(&revoked.before)
            .map(|at| words::Moment::new(at).people)
            .unwrap_or_default(),
        revoked,
        damage: damage(signed),
        breaks: signed > 0,
    };
    reply::page(&member.visit, StatusCode::OK, &page)
}

fn damage(signed: u64) -> String {
    match signed {
        0 => "No requests in the last 24 hours were signed.".to_owned(),
        _ => format!(
            "{} in the last 24 hours were signed. Those whose URL was issued earlier, or does not say when, will \
             answer 403.",
            words::count(signed, "request")
        ),
    }
}
