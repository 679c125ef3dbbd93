//! Deleting an image, asked for once more before it is done.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use askama::Template;
use catalog::Role;

use crate::body::Posted;
use crate::member::Member;
use crate::pages::images::display_name;
use crate::pages::pictures::image_of;
use crate::reply::{self, Outcome};
use crate::shell::Shell;
use crate::toast::Toast;

#[derive(Template)]
#[template(path = "image_delete.html")]
struct ImageDeletePage {
    shell: Shell,
    action: String,
    back: String,
    name: String,
    /// How long copies may live elsewhere: `2 days`.
    cached_for: String,
}

/// `GET …/image/delete?id=…`.
pub(crate) async fn show(member: Member, request: HttpRequest) -> Outcome {
    member.require(Role::Editor)?;
    let image = image_of(&member, &request).await?;
    let name = display_name(&image);
    let page = ImageDeletePage {
        shell: Shell::inside(&member, "image", format!("Delete {name}")),
        action: member.image_path("image/delete", &image.id),
        back: member.image_path("image", &image.id),
        name,
        cached_for: in_words(member.account.policy.browser_ttl_s),
    };
    reply::page(&member.visit, StatusCode::OK, &page)
}

/// `POST …/image/delete?id=…`.
pub(crate) async fn delete(member: Member, request: HttpRequest, Posted(_): Posted) -> Outcome {
    member.require(Role::Editor)?;
    let image = image_of(&member, &request).await?;
    member.visit.dashboard.uploads().remove(&member.account.id, &image.id, &member.actor()).await?;
    reply::done(&member.visit, &member.path("images"), Toast::ImageDeleted)
}

fn in_words(ttl_s: u32) -> String {
    let (value, unit) =
        if ttl_s.is_multiple_of(86_400) { (ttl_s / 86_400, "day") } else { (ttl_s.div_ceil(3_600), "hour") };
    crate::words::count(i64::from(value), unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_life_of_copies_is_said_in_days_or_hours() {
        let check = |ttl_s, words| assert_eq!(in_words(ttl_s), words);
        check(172_800, "2 days");
        check(86_400, "1 day");
        check(3_600, "1 hour");
        check(100_000, "28 hours");
    }
}
