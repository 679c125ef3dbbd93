//! Who may put options into a URL. What that breaks, or opens, is said in numbers before it is done.

use actix_web::http::StatusCode;
use askama::Template;
use catalog::{Flexible, OptionsUse, Role};

use crate::body::Posted;
use crate::error::Failure;
use crate::member::Member;
use crate::pages::delivery::update;
use crate::reply::{self, Outcome};
use crate::shell::Shell;
use crate::toast::Toast;
use crate::words;

#[derive(Template)]
#[template(path = "delivery_flexible.html")]
struct DeliveryFlexiblePage {
    shell: Shell,
    question: Question,
}

/// What is asked before options in the URL are opened or closed.
#[derive(Debug, PartialEq, Eq)]
struct Question {
    /// The word of what was chosen.
    to: &'static str,
    title: &'static str,
    told: String,
    button: &'static str,
    /// `danger` where something that works will not work any more, else `accent`.
    tone: &'static str,
}

impl Question {
    /// Whether something that works will not work any more.
    fn breaks(&self) -> bool {
        self.tone == "danger"
    }
}

/// `POST …/delivery/flexible` with `to` as `off`, `signed` or `all`, and with `sure` once the question was answered.
pub(crate) async fn change(member: Member, Posted(fields): Posted) -> Outcome {
    member.require(Role::Admin)?;
    let (now, to) = (member.account.policy.flexible_variants, chosen(fields.get("to"))?);
    let delivery = member.path("delivery");
    if now == to {
        return Ok(reply::see_other(&delivery));
    }
    let used = member.visit.dashboard.catalog().options_use(&member.account.id).await?;
    match question(now, to, &used) {
        Some(question) if fields.get("sure").is_empty() => {
            let shell = Shell::inside(&member, "delivery", "Flexible variants");
            reply::page(&member.visit, StatusCode::OK, &DeliveryFlexiblePage { shell, question })
        }
        _ => {
            update(&member, &[("flexible_variants".to_owned(), word(to).to_owned())]).await?;
            reply::done(&member.visit, &delivery, Toast::FlexibleSaved)
        }
    }
}

fn chosen(typed: &str) -> Result<Flexible, Failure> {
    let all = [Flexible::Off, Flexible::Signed, Flexible::All];
    all.into_iter().find(|flexible| word(*flexible) == typed).ok_or_else(|| {
        Failure::refused(StatusCode::UNPROCESSABLE_ENTITY, "form", "Choose one of off, signed and all.")
    })
}

fn word(flexible: Flexible) -> &'static str {
    match flexible {
        Flexible::Off => "off",
        Flexible::Signed => "signed",
        Flexible::All => "all",
    }
}

/// What to ask before a change; nothing where it breaks nothing and opens nothing.
fn question(now: Flexible, to: Flexible, used: &OptionsUse) -> Option<Question> {
    let (title, told, button) = match (now, to) {
        (_, Flexible::Off) => ("Switch flexible variants off?", off(used), "Switch off"),
        (Flexible::All, Flexible::Signed) => {
            ("Require a signature for options in the URL?", signed(used), "Require signatures")
        }
        (_, Flexible::Signed) => return None,
        (_, Flexible::All) => (
            "Open flexible variants to everyone?",
            "Anyone can ask for any size of your public images, including the full-size pixels, and each new size \
             costs render time. Private images still need a signature."
                .to_owned(),
            "Open to everyone",
        ),
    };
    let tone = if to == Flexible::All { "accent" } else { "danger" };
    Some(Question { to: word(to), title, told, button, tone })
}

fn off(used: &OptionsUse) -> String {
    let OptionsUse { requests, with_options, .. } = *used;
    match with_options {
        0 => "No requests in the last 24 hours used options in the URL. Those that do will answer 403, signed or not."
            .to_owned(),
        1 => "1 request in the last 24 hours used options in the URL. Such requests, signed or not, will answer 403."
            .to_owned(),
        _ => format!(
            "{} of requests ({} in 24 hours) use options in the URL, signed or not, and will answer 403.",
            share(with_options, requests),
            words::number(with_options)
        ),
    }
}

fn signed(used: &OptionsUse) -> String {
    let first = match used.unsigned {
        0 => "No requests in the last 24 hours used them without a signature.".to_owned(),
        // Of a URL that is open to everyone nobody looks whether it is signed, so it is the most that may fail.
        unsigned => format!(
            "Up to {} in the last 24 hours used them unsigned and will answer 403.",
            words::count(unsigned, "request")
        ),
    };
    format!("{first} Signed ones keep working.")
}

/// `6 %`; what is there at all is never nothing.
fn share(part: u64, whole: u64) -> String {
    match u128::from(part) * 100 / u128::from(whole.max(1)) {
        0 => "Less than 1 %".to_owned(),
        percent => format!("{percent} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USED: OptionsUse = OptionsUse { requests: 206_900, with_options: 12_410, unsigned: 9_800 };

    #[test]
    fn closing_says_in_numbers_what_breaks() {
        let told =
            |now, to, used: &OptionsUse| question(now, to, used).map(|asked| (asked.breaks(), asked.told));
        assert_eq!(
            told(Flexible::Signed, Flexible::Off, &USED),
            Some((true, "5 % of requests (12,410 in 24 hours) use options in the URL, signed or not, and will answer 403.".into()))
        );
        assert_eq!(
            told(Flexible::All, Flexible::Signed, &USED),
            Some((true, "Up to 9,800 requests in the last 24 hours used them unsigned and will answer 403. Signed ones keep working.".into()))
        );
        let none = OptionsUse { requests: 7, ..OptionsUse::default() };
        for (now, to) in [(Flexible::All, Flexible::Off), (Flexible::All, Flexible::Signed)] {
            assert!(told(now, to, &none).unwrap().1.starts_with("No requests"));
        }
    }

    #[test]
    fn opening_is_asked_and_requiring_a_signature_only_where_none_was() {
        assert!(!question(Flexible::Signed, Flexible::All, &USED).unwrap().breaks());
        assert_eq!(question(Flexible::Off, Flexible::Signed, &USED), None);
    }

    #[test]
    fn a_small_share_is_not_nothing() {
        assert_eq!(
            (share(1, 1_000), share(1, 100), share(3, 3)),
            ("Less than 1 %".into(), "1 %".into(), "100 %".into())
        );
    }
}
