//! Making an image private or public, asked for once more before it is done.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use askama::Template;
use catalog::{ImageChange, Role};

use crate::body::Posted;
use crate::member::Member;
use crate::pages::images::display_name;
use crate::pages::pictures::image_of;
use crate::reply::{self, Outcome};
use crate::shell::Shell;
use crate::toast::Toast;

#[derive(Template)]
#[template(path = "image_privacy.html")]
struct ImagePrivacyPage {
    shell: Shell,
    action: String,
    back: String,
    name: String,
    /// It is private now, and the question is whether to make it public.
    private: bool,
    /// Names of variants that stay public, with commas between.
    always_public: String,
}

/// `GET …/image/privacy?id=…`.
pub(crate) async fn show(member: Member, request: HttpRequest) -> Outcome {
    member.require(Role::Editor)?;
    let image = image_of(&member, &request).await?;
    let variants = member.visit.dashboard.catalog().variants(&member.account.id).await?;
    let always: Vec<&str> = variants
        .iter()
        .filter(|variant| variant.always_public)
        .map(|variant| variant.name.as_str())
        .collect();
    let page = ImagePrivacyPage {
        shell: Shell::inside(&member, "image", "Access"),
        action: member.image_path("image/privacy", &image.id),
        back: member.image_path("image", &image.id),
        name: display_name(&image),
        private: image.private,
        always_public: always.join(", "),
    };
    reply::page(&member.visit, StatusCode::OK, &page)
}

/// `POST …/image/privacy?id=…` with `private` as `true` or `false`.
pub(crate) async fn save(member: Member, request: HttpRequest, Posted(fields): Posted) -> Outcome {
    member.require(Role::Editor)?;
    let image = image_of(&member, &request).await?;
    let private = fields.get("private") == "true";
    let change = ImageChange { private: Some(private), ..ImageChange::default() };
    member.change(&image.id, change).await?;
    let toast = if private { Toast::NowPrivate } else { Toast::NowPublic };
    reply::done(&member.visit, &member.image_path("image", &image.id), toast)
}
