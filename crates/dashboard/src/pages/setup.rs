//! The first administrator. The page exists only until there is one, and opens only with the printed code.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::HOST;
use askama::Template;
use catalog::{NewPerson, Role};
use domain::{Handle, Secret};

use crate::body::Posted;
use crate::error::Failure;
use crate::fields::Fields;
use crate::pages::login::welcome_in;
use crate::reply::{self, Outcome};
use crate::setup_code::Attempt;
use crate::shell::Shell;
use crate::visit::Visit;

/// The account that a first start leaves.
const FIRST_ACCOUNT: &str = "default";

/// The longest names of people and accounts here, in characters.
const MAX_NAME_CHARS: usize = 100;

#[derive(Template)]
#[template(path = "setup.html")]
struct SetupPage {
    shell: Shell,
    /// The right code; without it the page asks for it.
    code: Option<String>,
    /// Why the code did not open the page.
    refusal: Option<String>,
    typed: Typed,
    errors: Errors,
    delivery_url: String,
    /// The address the page was opened under, where it is not the public one.
    opened: Option<String>,
}

/// What was typed, so that nothing typed is lost. Never the password.
#[derive(Default)]
struct Typed {
    name: String,
    email: String,
    account: String,
}

/// What is wrong with each field; empty where nothing is.
#[derive(Default)]
struct Errors {
    name: String,
    email: String,
    password: String,
    account: String,
}

impl Errors {
    fn any(&self) -> bool {
        [&self.name, &self.email, &self.password, &self.account].iter().any(|error| !error.is_empty())
    }
}

/// `GET /dashboard/setup?code=…`.
pub(crate) async fn show(visit: Visit, request: HttpRequest) -> Outcome {
    require_nobody(&visit).await?;
    let query = Fields::parse(request.query_string());
    let typed = Typed { account: "My images".into(), ..Typed::default() };
    match query.find("code").map(|code| (code, visit.dashboard.setup().attempt(code, visit.dashboard.now())))
    {
        Some((code, Attempt::Right)) => {
            form(&visit, &request, StatusCode::OK, code, typed, Errors::default())
        }
        Some((_, attempt)) => ask_for_code(&visit, &request, Some(attempt)),
        None => ask_for_code(&visit, &request, None),
    }
}

/// `POST /dashboard/setup`.
pub(crate) async fn create(visit: Visit, request: HttpRequest, Posted(fields): Posted) -> Outcome {
    require_nobody(&visit).await?;
    let code = fields.get("code");
    let attempt = visit.dashboard.setup().attempt(code, visit.dashboard.now());
    if attempt != Attempt::Right {
        return ask_for_code(&visit, &request, Some(attempt));
    }
    let text = |name| fields.get(name).trim().to_owned();
    let typed = Typed { name: text("name"), email: text("email"), account: text("account") };
    let mut errors = check(&typed, fields.get("password"));
    if errors.any() {
        return form(&visit, &request, StatusCode::UNPROCESSABLE_ENTITY, code, typed, errors);
    }
    match make_admin(&visit, &typed, Secret::new(fields.get("password"))).await {
        Ok(person) => welcome_in(&visit, &person, "/dashboard").await,
        Err(catalog::Error::Exists) => Err(Failure::no_page()),
        Err(catalog::Error::Invalid(why)) => {
            let why = domain::sentence(&why);
            let field = if why.to_lowercase().contains("password") {
                &mut errors.password
            } else {
                &mut errors.email
            };
            *field = why;
            form(&visit, &request, StatusCode::UNPROCESSABLE_ENTITY, code, typed, errors)
        }
        Err(error) => Err(error.into()),
    }
}

async fn make_admin(
    visit: &Visit,
    typed: &Typed,
    password: Secret,
) -> Result<catalog::Person, catalog::Error> {
    let catalog = visit.dashboard.catalog();
    let actor = visit.actor_named("setup".into());
    let handle: Handle = FIRST_ACCOUNT.parse().map_err(|_| catalog::Error::AccountMissing)?;
    let account = catalog.account_by_handle(&handle).await?;
    let new = NewPerson {
        email: typed.email.clone(),
        name: typed.name.clone(),
        password,
        place: Some((account.id, Role::Owner)),
        operator: true,
    };
    let person = catalog.insert_first_person(new, &actor).await?;
    catalog.rename_account(&account.id, &typed.account, &actor).await?;
    Ok(person)
}

fn check(typed: &Typed, password: &str) -> Errors {
    let name = |text: &str, whose: &str| match text.chars().count() {
        0 => format!("Enter {whose}."),
        1..=MAX_NAME_CHARS => String::new(),
        _ => format!("This name has more than {MAX_NAME_CHARS} characters."),
    };
    let mut errors = Errors { name: name(&typed.name, "your name"), ..Errors::default() };
    errors.account = name(&typed.account, "a name for the account");
    if typed.email.is_empty() {
        errors.email = "Enter your e-mail.".into();
    }
    if password.is_empty() {
        errors.password = "Choose a password.".into();
    }
    errors
}

/// Setup is over for good once somebody can sign in.
async fn require_nobody(visit: &Visit) -> Result<(), Failure> {
    if visit.dashboard.catalog().has_people().await? {
        return Err(Failure::no_page());
    }
    Ok(())
}

/// The page that asks for the code. An old code is replaced by a new one, which the server prints.
fn ask_for_code(visit: &Visit, request: &HttpRequest, attempt: Option<Attempt>) -> Outcome {
    visit.dashboard.renew_setup_code();
    let refusal = attempt.map(|attempt| match attempt {
        Attempt::Wait(wait) => format!("Too many wrong codes. Try again in {} s.", wait.as_secs().max(1)),
        _ => "This code is wrong, or older than 30 minutes.".to_owned(),
    });
    let status = if refusal.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let page = SetupPage { refusal, ..blank(visit, request) };
    let mut response = reply::page(visit, status, &page)?;
    reply::no_store(&mut response);
    Ok(response)
}

fn form(
    visit: &Visit,
    request: &HttpRequest,
    status: StatusCode,
    code: &str,
    typed: Typed,
    errors: Errors,
) -> Outcome {
    let page = SetupPage { code: Some(code.to_owned()), typed, errors, ..blank(visit, request) };
    let mut response = reply::page(visit, status, &page)?;
    reply::no_store(&mut response);
    Ok(response)
}

fn blank(visit: &Visit, request: &HttpRequest) -> SetupPage {
    let config = visit.dashboard.config();
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let public_host = config.public_url.split_once("://").map_or("", |(_, host)| host);
    SetupPage {
        shell: Shell::outside(visit, "setup", "Set up Darkroom"),
        code: None,
        refusal: None,
        typed: Typed::default(),
        errors: Errors::default(),
        delivery_url: config.delivery_url.clone(),
        opened: (!host.eq_ignore_ascii_case(public_host)).then(|| host.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_empty_field_has_its_own_sentence() {
        let errors = check(&Typed::default(), "");
        assert!(errors.any());
        let all = [&errors.name, &errors.email, &errors.password, &errors.account];
        assert!(all.iter().all(|error| error.ends_with('.')));
        let typed = Typed { name: "Mira".into(), email: "m@example.org".into(), account: "My images".into() };
        assert!(!check(&typed, "a long password").any());
    }
}
