//! What an account decides about delivery: its rules, the signing schemes it lets in, what it has revoked; and what the
//! configuration decides for it. What breaks URLs that are out there is asked on a page of its own first.

mod measure;
mod mounts;
mod revoked;
pub(crate) mod rules;
pub(crate) mod schemes;

use actix_web::http::StatusCode;
use askama::Template;
use catalog::{AccountPolicy, Flexible, Role};

use self::mounts::MountRow;
pub(crate) use self::revoked::Revoked;
use self::rules::Rules;
use self::schemes::SchemeRow;
use crate::body::Posted;
use crate::member::Member;
use crate::reply::{self, Outcome};
use crate::shell::Shell;
use crate::toast::Toast;

#[derive(Template)]
#[template(path = "delivery.html")]
struct DeliveryPage {
    shell: Shell,
    /// Scheme and host of delivery URLs.
    url: String,
    /// The name of the setting that it comes from.
    url_from: &'static str,
    /// What its URLs look like.
    example: String,
    flexible: Vec<FlexibleChoice>,
    rules: Rules,
    revoked: Revoked,
    schemes: Vec<SchemeRow>,
    mounts: Vec<MountRow>,
    /// The person gives mounts to accounts.
    is_operator: bool,
}

/// Who may put options into a URL, as one of three.
struct FlexibleChoice {
    word: &'static str,
    name: &'static str,
    about: &'static str,
    is_set: bool,
}

/// `GET …/delivery`.
pub(crate) async fn show(member: Member) -> Outcome {
    member.require(Role::Admin)?;
    let policy = &member.account.policy;
    page(&member, StatusCode::OK, rules(&member), Revoked::of(policy)).await
}

/// `POST …/delivery`: the plain rules.
pub(crate) async fn save(member: Member, Posted(fields): Posted) -> Outcome {
    member.require(Role::Admin)?;
    let policy = &member.account.policy;
    let mut rules = Rules::typed(&fields, member.visit.dashboard.renditions().lends());
    let Some(changes) = rules.changes(policy) else {
        return page(&member, StatusCode::UNPROCESSABLE_ENTITY, rules, Revoked::of(policy)).await;
    };
    match update(&member, &changes).await {
        Ok(()) => reply::done(&member.visit, &member.path("delivery"), Toast::RulesSaved),
        // Only here can a name be refused that would touch a parameter of a scheme that is on.
        Err(catalog::Error::Invalid(why)) => {
            rules.refuse("ignore_params", &why);
            page(&member, StatusCode::UNPROCESSABLE_ENTITY, rules, Revoked::of(policy)).await
        }
        Err(error) => Err(error.into()),
    }
}

/// The page with the forms as they were typed.
pub(crate) async fn page(member: &Member, status: StatusCode, rules: Rules, revoked: Revoked) -> Outcome {
    let config = member.visit.dashboard.config();
    let page = DeliveryPage {
        shell: Shell::inside(member, "delivery", "Delivery"),
        url: config.delivery_url.clone(),
        url_from: config.delivery_url_from,
        example: format!("{}/{}/…", config.delivery_url, member.account.hash),
        flexible: flexible(&member.account.policy),
        rules,
        revoked,
        schemes: schemes::rows(member).await?,
        mounts: mounts::rows(member).await?,
        is_operator: member.is_operator(),
    };
    reply::page(&member.visit, status, &page)
}

/// The rules as they are.
pub(crate) fn rules(member: &Member) -> Rules {
    Rules::of(&member.account.policy, member.visit.dashboard.renditions().lends())
}

/// Changes settings of the account in this person's name.
pub(crate) async fn update(member: &Member, settings: &[(String, String)]) -> Result<(), catalog::Error> {
    if settings.is_empty() {
        return Ok(());
    }
    let catalog = member.visit.dashboard.catalog();
    catalog.update_account(&member.account.id, settings, &member.actor()).await.map(|_| ())
}

fn flexible(policy: &AccountPolicy) -> Vec<FlexibleChoice> {
    let choice = |flexible, word, name, about| {
        let is_set = policy.flexible_variants == flexible;
        FlexibleChoice { word, name, about, is_set }
    };
    vec![
        choice(Flexible::Off, "off", "Off", "Only named variants work."),
        choice(Flexible::Signed, "signed", "Signed", "Options in the URL work when the URL is signed."),
        choice(Flexible::All, "all", "Open to everyone", "Anyone can ask for any size of public images."),
    ]
}
