//! A variant in its form: a new one, or one that is changed. Its name never changes.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use askama::Template;
use catalog::{Role, Variant};
use domain::{VariantName, sentence};
use variant::{MetadataPolicy, Options};

use crate::body::Posted;
use crate::fields::Fields;
use crate::member::Member;
use crate::options_form::OptionsForm;
use crate::pages::variants::variant_of;
use crate::reply::{self, Outcome};
use crate::shell::Shell;
use crate::toast::Toast;

#[derive(Template)]
#[template(path = "variant.html")]
struct VariantPage {
    shell: Shell,
    /// Where the form goes.
    action: String,
    /// A new one: its name is typed.
    is_new: bool,
    name: String,
    name_error: String,
    options: OptionsForm,
    always_public: bool,
    /// Seconds; empty for the account's.
    browser_ttl: String,
    browser_ttl_error: String,
    /// What is wrong with the whole of it.
    error: String,
}

/// `GET …/variants/new`, with `options` as they stand in a URL.
pub(crate) async fn new(member: Member, request: HttpRequest) -> Outcome {
    member.require(Role::Admin)?;
    let wished = Fields::parse(request.query_string());
    let options = Options::parse(wished.get("options")).unwrap_or_default();
    let page = VariantPage { options: OptionsForm::of(&options), ..VariantPage::empty(&member) };
    reply::page(&member.visit, StatusCode::OK, &page)
}

/// `POST …/variants/new`.
pub(crate) async fn create(member: Member, Posted(fields): Posted) -> Outcome {
    member.require(Role::Admin)?;
    let mut page = VariantPage { name: fields.get("name").trim().to_owned(), ..VariantPage::empty(&member) };
    let read = page.read(&fields);
    let name: Result<VariantName, _> = page.name.parse();
    page.name_error = name.as_ref().err().map(|why| sentence(&why.to_string())).unwrap_or_default();
    let (Ok(name), Some(mut read)) = (name, read) else { return page.wrong(&member) };
    // What nobody asked for is not handed out.
    read.options.metadata = read.options.metadata.or(Some(MetadataPolicy::None));
    let created_at = member.visit.dashboard.now();
    let new = Variant {
        name,
        options: read.options,
        always_public: read.always_public,
        browser_ttl_s: read.browser_ttl_s,
        created_at,
    };
    match member.visit.dashboard.catalog().insert_variant(&member.account.id, new, &member.actor()).await {
        Ok(_) => reply::done(&member.visit, &member.path("variants"), Toast::VariantCreated),
        Err(catalog::Error::Exists) => {
            page.name_error = "There is a variant of this name.".into();
            page.wrong(&member)
        }
        Err(error) => page.refused(&member, error),
    }
}

/// `GET …/variants/{variant}`.
pub(crate) async fn show(member: Member, request: HttpRequest) -> Outcome {
    let variant = variant_of(&member, &request).await?;
    let page = VariantPage {
        options: OptionsForm::of(&variant.options),
        always_public: variant.always_public,
        browser_ttl: variant.browser_ttl_s.map(|seconds| seconds.to_string()).unwrap_or_default(),
        ..VariantPage::of(&member, &variant)
    };
    reply::page(&member.visit, StatusCode::OK, &page)
}

/// `POST …/variants/{variant}`.
pub(crate) async fn save(member: Member, request: HttpRequest, Posted(fields): Posted) -> Outcome {
    let variant = variant_of(&member, &request).await?;
    let mut page = VariantPage::of(&member, &variant);
    let Some(read) = page.read(&fields) else { return page.wrong(&member) };
    let changed = Variant {
        options: read.options,
        always_public: read.always_public,
        browser_ttl_s: read.browser_ttl_s,
        ..variant
    };
    match member.visit.dashboard.catalog().update_variant(&member.account.id, changed, &member.actor()).await
    {
        Ok(_) => reply::done(&member.visit, &member.path("variants"), Toast::VariantSaved),
        Err(error) => page.refused(&member, error),
    }
}

/// What a sent form says, where nothing of it is wrong.
struct Read {
    options: Options,
    always_public: bool,
    browser_ttl_s: Option<u32>,
}

impl VariantPage {
    fn empty(member: &Member) -> VariantPage {
        VariantPage {
            shell: Shell::inside(member, "variants", "Create a variant"),
            action: member.path("variants/new"),
            is_new: true,
            name: String::new(),
            name_error: String::new(),
            options: OptionsForm::of(&Options::default()),
            always_public: false,
            browser_ttl: String::new(),
            browser_ttl_error: String::new(),
            error: String::new(),
        }
    }

    fn of(member: &Member, variant: &Variant) -> VariantPage {
        VariantPage {
            shell: Shell::inside(member, "variants", format!("Variant {}", variant.name)),
            action: member.path(&format!("variants/{}", variant.name)),
            is_new: false,
            name: variant.name.to_string(),
            ..VariantPage::empty(member)
        }
    }

    /// Takes a sent form in; none where something is wrong with it.
    fn read(&mut self, fields: &Fields) -> Option<Read> {
        self.always_public = !fields.get("always_public").is_empty();
        fields.get("browser_ttl").trim().clone_into(&mut self.browser_ttl);
        let browser_ttl_s: Option<u32> = self.browser_ttl.parse().ok();
        if browser_ttl_s.is_none() && !self.browser_ttl.is_empty() {
            self.browser_ttl_error = "Write a whole number of seconds, from 3600 to 31536000.".into();
        }
        let (options, form) = match OptionsForm::read(fields) {
            Ok((options, form)) => (Some(options), form),
            Err(form) => (None, form),
        };
        self.options = form;
        let options = options.filter(|_| self.browser_ttl_error.is_empty())?;
        Some(Read { options, always_public: self.always_public, browser_ttl_s })
    }

    fn wrong(&self, member: &Member) -> Outcome {
        reply::page(&member.visit, StatusCode::UNPROCESSABLE_ENTITY, self)
    }

    fn refused(mut self, member: &Member, error: catalog::Error) -> Outcome {
        match error {
            catalog::Error::TooMany { .. } | catalog::Error::Invalid(..) => {
                catalog::count_refusal(&error);
                self.error = sentence(&error.to_string());
                self.wrong(member)
            }
            error => Err(error.into()),
        }
    }
}
