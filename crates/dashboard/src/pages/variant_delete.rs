//! Deleting a variant: what will not be delivered any more. The name of one that is in use is typed first.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use askama::Template;
use catalog::Variant;
use domain::VariantName;

use crate::body::Posted;
use crate::error::Failure;
use crate::member::Member;
use crate::pages::variants::variant_of;
use crate::reply::{self, Outcome};
use crate::shell::Shell;
use crate::toast::Toast;
use crate::words;

#[derive(Template)]
#[template(path = "variant_delete.html")]
struct VariantDeletePage {
    shell: Shell,
    name: String,
    action: String,
    /// What will happen, from what has happened.
    damage: String,
    /// It was used lately, so its name must be typed.
    asks_name: bool,
    typed: String,
    error: String,
}

/// `GET …/variants/{variant}/delete`.
pub(crate) async fn show(member: Member, request: HttpRequest) -> Outcome {
    let variant = deletable(&member, &request).await?;
    let page = page(&member, &variant).await?;
    reply::page(&member.visit, StatusCode::OK, &page)
}

/// `POST …/variants/{variant}/delete`.
pub(crate) async fn delete(member: Member, request: HttpRequest, Posted(fields): Posted) -> Outcome {
    let variant = deletable(&member, &request).await?;
    let mut page = page(&member, &variant).await?;
    page.typed = fields.get("confirm").trim().to_owned();
    if page.asks_name && page.typed != variant.name.as_str() {
        page.error = format!("Type {} to confirm.", variant.name);
        return reply::page(&member.visit, StatusCode::UNPROCESSABLE_ENTITY, &page);
    }
    let catalog = member.visit.dashboard.catalog();
    catalog.remove_variant(&member.account.id, &variant.name, &member.actor()).await?;
    reply::done(&member.visit, &member.path("variants"), Toast::VariantDeleted)
}

/// The variant that a path names; `public` is there for ever.
async fn deletable(member: &Member, request: &HttpRequest) -> Result<Variant, Failure> {
    let variant = variant_of(member, request).await?;
    if variant.name == VariantName::public() {
        return Err(Failure::refused(
            StatusCode::FORBIDDEN,
            "public",
            "The variant public cannot be deleted.",
        ));
    }
    Ok(variant)
}

async fn page(member: &Member, variant: &Variant) -> Result<VariantDeletePage, Failure> {
    let used = member.visit.dashboard.catalog().variant_use(&member.account.id).await?;
    let used = used.get(variant.name.as_str()).copied().unwrap_or_default();
    Ok(VariantDeletePage {
        shell: Shell::inside(member, "variants", format!("Delete {}", variant.name)),
        name: variant.name.to_string(),
        action: member.path(&format!("variants/{}/delete", variant.name)),
        damage: damage(used.requests),
        asks_name: used.lately > 0,
        typed: String::new(),
        error: String::new(),
    })
}

fn damage(requests: u64) -> String {
    match requests {
        0 => "No request in the last 30 days used it. Its URLs will answer 403.".into(),
        _ => format!(
            "{} in the last 30 days used it; they will answer 403.",
            words::count(requests, "request")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_damage_is_told_in_requests() {
        assert!(damage(0).starts_with("No request"));
        assert!(damage(1).starts_with("1 request in"));
        assert!(damage(19_800_000).starts_with("19,800,000 requests"));
    }
}
