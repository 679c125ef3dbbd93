//! Giving a mount to this account, and taking it back. Only who runs the server does that.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use askama::Template;
use catalog::{Mount, Role};

use crate::body::Posted;
use crate::error::Failure;
use crate::member::Member;
use crate::reply::{self, Outcome};
use crate::scheme_words::about;
use crate::shell::Shell;
use crate::toast::Toast;

#[derive(Template)]
#[template(path = "mount.html")]
struct MountPage {
    shell: Shell,
    path: &'static str,
    word: &'static str,
    /// The service whose URLs these are.
    service: &'static str,
    /// Who has it; empty for nobody.
    holder: String,
}

/// `GET …/delivery/mounts/{mount}`.
pub(crate) async fn show(member: Member, request: HttpRequest) -> Outcome {
    let (mount, holder) = find(&member, &request).await?;
    let title = match holder.is_empty() {
        true => format!("Give {}", mount.path()),
        false => format!("Take {} back", mount.path()),
    };
    let page = MountPage {
        shell: Shell::inside(&member, "delivery", title),
        path: mount.path(),
        word: mount.word(),
        service: about(mount.scheme()).title,
        holder,
    };
    reply::page(&member.visit, StatusCode::OK, &page)
}

/// `POST …/delivery/mounts/{mount}` with `act` as `give` (to this account) or `take`.
pub(crate) async fn change(member: Member, request: HttpRequest, Posted(fields): Posted) -> Outcome {
    let (mount, _) = find(&member, &request).await?;
    let catalog = member.visit.dashboard.catalog();
    let toast = match fields.get("act") {
        "give" => {
            catalog.give_mount(mount, &member.account.id, &member.actor()).await?;
            Toast::MountGiven
        }
        "take" => {
            catalog.take_mount(mount, &member.actor()).await?;
            Toast::MountTaken
        }
        _ => {
            let sentence = "Nothing was changed: the page sent no act that is known here.";
            return Err(Failure::refused(StatusCode::UNPROCESSABLE_ENTITY, "act", sentence));
        }
    };
    reply::done(&member.visit, &member.path("delivery"), toast)
}

/// The mount that a path names, and the name of who has it.
async fn find(member: &Member, request: &HttpRequest) -> Result<(Mount, String), Failure> {
    member.require(Role::Admin)?;
    if !member.is_operator() {
        let sentence = "Only who runs the server gives mounts to accounts. Ask your operator.";
        return Err(Failure::refused(StatusCode::FORBIDDEN, "forbidden", sentence));
    }
    let catalog = member.visit.dashboard.catalog();
    let word = request.match_info().query("mount");
    let found = catalog.mounts().await?.into_iter().find(|(mount, _)| mount.word() == word);
    let (mount, holder) = found.ok_or_else(|| Failure::Missing("There is no such mount.".into()))?;
    let name = match holder {
        Some(holder) => catalog.account(&holder).await?.display_name,
        None => String::new(),
    };
    Ok((mount, name))
}
