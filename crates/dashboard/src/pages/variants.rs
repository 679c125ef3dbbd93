//! The variants of an account: what each does, who may have it, how much it is used.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use askama::Template;
use catalog::{Role, Variant, VariantUse};
use domain::VariantName;

use crate::error::Failure;
use crate::member::Member;
use crate::option_words::option_words;
use crate::reply::{self, Outcome};
use crate::shell::Shell;
use crate::words;

#[derive(Template)]
#[template(path = "variants.html")]
struct VariantsPage {
    shell: Shell,
    rows: Vec<Row>,
    /// Why no variant can be made; empty where one can.
    full: String,
}

/// A variant as the list shows it.
struct Row {
    name: String,
    path: String,
    /// `480 wide, cover`.
    words: String,
    /// As it stands in a URL.
    text: String,
    always_public: bool,
    /// Within thirty days.
    requests: String,
    /// It can be deleted.
    goes: bool,
}

/// `GET …/variants`.
pub(crate) async fn show(member: Member) -> Outcome {
    member.require(Role::Admin)?;
    let catalog = member.visit.dashboard.catalog();
    let variants = catalog.variants(&member.account.id).await?;
    let used = catalog.variant_use(&member.account.id).await?;
    let max = catalog.max_variants();
    let full = variants.len() >= max as usize;
    let page = VariantsPage {
        shell: Shell::inside(&member, "variants", "Variants"),
        rows: variants
            .iter()
            .map(|variant| Row::of(&member, variant, used.get(variant.name.as_str())))
            .collect(),
        full: if full {
            format!("{} of {max} variants. Delete one to make another.", variants.len())
        } else {
            String::new()
        },
    };
    reply::page(&member.visit, StatusCode::OK, &page)
}

/// The variant that a path names.
pub(crate) async fn variant_of(member: &Member, request: &HttpRequest) -> Result<Variant, Failure> {
    member.require(Role::Admin)?;
    let missing =
        || Failure::Missing(format!("There is no variant of this name in {}.", member.account.display_name));
    let name: VariantName = request.match_info().query("variant").parse().map_err(|_| missing())?;
    match member.visit.dashboard.catalog().variant(&member.account.id, &name).await {
        Err(catalog::Error::VariantMissing) => Err(missing()),
        found => Ok(found?),
    }
}

impl Row {
    fn of(member: &Member, variant: &Variant, used: Option<&VariantUse>) -> Row {
        Row {
            name: variant.name.to_string(),
            path: member.path(&format!("variants/{}", variant.name)),
            words: option_words(&variant.options),
            text: variant.options.to_string(),
            always_public: variant.always_public,
            requests: words::number(used.map_or(0, |used| used.requests)),
            goes: variant.name != VariantName::public(),
        }
    }
}
