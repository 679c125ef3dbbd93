//! What every page needs around it: navigation, who is here, theme, the token of its forms.

use crate::csrf;
use crate::member::Member;
use crate::theme::Theme;
use crate::toast::Toast;
use crate::visit::Visit;
use crate::words;
use catalog::Role;

/// The frame of a page. Templates reach it as `shell`.
pub(crate) struct Shell {
    /// The page's own title: the `<h1>`, and the first part of `<title>`.
    pub(crate) title: String,
    /// The page's word, for navigation and scripts.
    pub(crate) page: &'static str,
    pub(crate) theme: Theme,
    /// The token of this page's forms; empty before sign-in.
    pub(crate) csrf: String,
    /// Path and query of this page.
    pub(crate) here: String,
    pub(crate) toast: Option<&'static str>,
    /// Over plain http.
    pub(crate) insecure: bool,
    pub(crate) person: Option<PersonMark>,
    pub(crate) place: Option<Place>,
}

/// Who is signed in.
pub(crate) struct PersonMark {
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) initials: String,
}

/// The account that a page belongs to, with what the role may do there.
pub(crate) struct Place {
    /// 32 hex digits.
    pub(crate) id: String,
    pub(crate) name: String,
    /// Host of its delivery URLs.
    pub(crate) host: String,
    /// `10,482`.
    pub(crate) images: String,
    /// `38.4 GB`.
    pub(crate) stored: String,
    /// Other accounts of the person: id and name.
    pub(crate) others: Vec<(String, String)>,
    pub(crate) is_editor: bool,
    pub(crate) is_admin: bool,
    pub(crate) max_upload_bytes: u64,
    /// `10 MB`.
    pub(crate) max_upload: String,
    /// `JPEG, PNG … or SVG`.
    pub(crate) formats: String,
}

impl Shell {
    /// The frame of a page outside of an account.
    pub(crate) fn outside(visit: &Visit, page: &'static str, title: impl Into<String>) -> Shell {
        let session = visit.signed_in.as_ref().map(|signed_in| &signed_in.session);
        Shell {
            title: title.into(),
            page,
            theme: visit.theme,
            csrf: session.map(|session| csrf::token(&session.csrf)).unwrap_or_default(),
            here: visit.here.clone(),
            toast: visit.toast.map(Toast::text),
            insecure: !visit.dashboard.config().is_https(),
            person: session.map(|session| PersonMark {
                name: session.person.name.clone(),
                email: session.person.email.clone(),
                initials: words::initials(&session.person.name),
            }),
            place: None,
        }
    }

    /// The frame of a page of an account.
    pub(crate) fn inside(member: &Member, page: &'static str, title: impl Into<String>) -> Shell {
        Shell { place: Some(Place::of(member)), ..Shell::outside(&member.visit, page, title) }
    }

    /// `Images · Fernhill Studio`.
    pub(crate) fn document_title(&self) -> String {
        let place = self.place.as_ref().map_or("Darkroom", |place| &place.name);
        format!("{} · {place}", self.title)
    }
}

impl Place {
    fn of(member: &Member) -> Place {
        let account = &member.account;
        let config = member.visit.dashboard.config();
        let max_upload_bytes = member.visit.dashboard.uploads().config().form.max_upload_bytes;
        let others = member.places.iter().filter(|place| place.account != account.id);
        Place {
            id: account.id.to_string(),
            name: account.display_name.clone(),
            host: config.delivery_host().to_owned(),
            images: words::number(account.totals.images),
            stored: words::size(account.totals.bytes),
            others: others.map(|place| (place.account.to_string(), place.display_name.clone())).collect(),
            is_editor: member.role >= Role::Editor,
            is_admin: member.role >= Role::Admin,
            max_upload_bytes,
            max_upload: words::size(max_upload_bytes),
            formats: words::formats("or"),
        }
    }
}

/// A token for a form that stands outside of a whole page.
pub(crate) fn token(visit: &Visit) -> String {
    visit.signed_in.as_ref().map(|signed_in| csrf::token(&signed_in.session.csrf)).unwrap_or_default()
}
