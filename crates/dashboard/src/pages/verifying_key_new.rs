//! Registering a key of another system, so that URLs which were signed for it keep working. A secret is taken and never
//! shown again.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use askama::Template;
use catalog::{NewVerifyingKey, SchemeMode};
use domain::{Invalid, SigningKeyId, sentence};
use signing::{KeyKind, KeyMaterial, Scheme};

use crate::body::Posted;
use crate::fields::Fields;
use crate::member::Member;
use crate::pages::delivery::schemes::path;
use crate::pages::scheme::find;
use crate::reply::{self, Outcome};
use crate::scheme_words::{about, id_label, secret_label};
use crate::shell::Shell;
use crate::toast::Toast;
use crate::words;

#[derive(Template)]
#[template(path = "verifying_key_new.html")]
struct VerifyingKeyNewPage {
    shell: Shell,
    path: String,
    /// The service whose URLs these are.
    service: &'static str,
    /// What its URLs call the id of a key; empty where they name none.
    id_label: &'static str,
    secret_label: &'static str,
    secret_hint: &'static str,
    takes: Takes,
    /// The scheme is off, so the key will open nothing yet.
    off: bool,
    typed: Typed,
    wrong: Wrong,
}

/// The kinds of key that a scheme takes.
struct Takes {
    secret: bool,
    session: bool,
    key_and_salt: bool,
    public_key: bool,
}

/// What was typed, secrets apart.
#[derive(Default)]
struct Typed {
    name: String,
    id: String,
    public_key: String,
    from: String,
}

/// What is wrong, by field.
#[derive(Default)]
struct Wrong {
    name: String,
    id: String,
    secret: String,
    key: String,
    public_key: String,
    from: String,
}

/// `GET …/delivery/schemes/{scheme}/keys/new`.
pub(crate) async fn show(member: Member, request: HttpRequest) -> Outcome {
    let entry = find(&member, &request).await?;
    let typed = Typed { name: entry.scheme.name().to_owned(), ..Typed::default() };
    form(&member, StatusCode::OK, entry.scheme, entry.mode, typed, Wrong::default())
}

/// `POST …/delivery/schemes/{scheme}/keys/new`.
pub(crate) async fn add(member: Member, request: HttpRequest, Posted(fields): Posted) -> Outcome {
    let entry = find(&member, &request).await?;
    let typed = Typed::of(&fields);
    let mut wrong = Wrong::default();
    if let Some(new) = read(entry.scheme, &fields, &typed, &mut wrong) {
        let catalog = member.visit.dashboard.catalog();
        match catalog.add_verifying_key(&member.account.id, new, &member.actor()).await {
            Ok(_) => {
                return reply::done(&member.visit, &path(&member, entry.scheme), Toast::VerifyingKeyAdded);
            }
            Err(catalog::Error::Exists) => wrong.name = "There is a key of this name.".into(),
            Err(error @ (catalog::Error::TooMany { .. } | catalog::Error::Invalid(..))) => {
                catalog::count_refusal(&error);
                wrong.name = sentence(&error.to_string());
            }
            Err(error) => return Err(error.into()),
        }
    }
    form(&member, StatusCode::UNPROCESSABLE_ENTITY, entry.scheme, entry.mode, typed, wrong)
}

impl Takes {
    fn of(scheme: Scheme) -> Takes {
        let takes = |kind| scheme.key_kinds().contains(&kind);
        Takes {
            secret: takes(KeyKind::Secret),
            session: takes(KeyKind::SecretWithSession),
            key_and_salt: takes(KeyKind::KeyAndSalt),
            public_key: takes(KeyKind::PublicKey),
        }
    }
}

impl Typed {
    fn of(fields: &Fields) -> Typed {
        let text = |name: &str| fields.get(name).trim().to_owned();
        Typed { name: text("name"), id: text("id"), public_key: text("public_key"), from: text("from") }
    }
}

/// Reads the form; none where something is wrong, which is noted by its field.
fn read(scheme: Scheme, fields: &Fields, typed: &Typed, wrong: &mut Wrong) -> Option<NewVerifyingKey> {
    let name = typed.name.parse::<SigningKeyId>().map_err(|why| wrong.name = sentence(&why.to_string())).ok();
    if scheme.names_keys() && typed.id.is_empty() {
        wrong.id = format!("Type the {} that URLs carry.", id_label(scheme).to_lowercase());
    }
    let from = match typed.from.as_str() {
        "" => Some(None),
        text => words::parse_local_input(text).map(Some),
    };
    if from.is_none() {
        wrong.from = "Type a date and a time, as 2026-11-14T10:40.".into();
    }
    let material =
        material(scheme, fields).map_err(|(field, why)| *wrong.field(field) = sentence(&why.0)).ok();
    let (name, from, material) = (name?, from?, material?);
    let id = if scheme.names_keys() { typed.id.clone() } else { String::new() };
    wrong.id.is_empty().then_some(NewVerifyingKey { name, scheme, id, material, verify_from: from })
}

/// What the key is made of, from the fields that are filled; else the field that is wrong, and why.
fn material(scheme: Scheme, fields: &Fields) -> Result<KeyMaterial, (KeyKind, Invalid)> {
    let takes = Takes::of(scheme);
    let text = |name: &str| fields.get(name).trim();
    let (secret, session, pem) = (text("secret"), text("session"), text("public_key"));
    let told = |kind, why: &str| Err((kind, Invalid(why.to_owned())));
    let (kind, material) = if takes.key_and_salt {
        let read = KeyMaterial::key_and_salt_hex(text("key"), text("salt"));
        (KeyKind::KeyAndSalt, read.map_err(|why| (KeyKind::KeyAndSalt, why))?)
    } else if takes.public_key && takes.secret && !pem.is_empty() && !secret.is_empty() {
        return told(KeyKind::PublicKey, "paste a public key or a secret, not both");
    } else if takes.public_key && (secret.is_empty() || !takes.secret) {
        let read = KeyMaterial::public_key_pem(pem);
        (KeyKind::PublicKey, read.map_err(|why| (KeyKind::PublicKey, why))?)
    } else if secret.is_empty() {
        return told(KeyKind::Secret, "type the secret");
    } else if takes.session && !session.is_empty() {
        (KeyKind::Secret, KeyMaterial::with_session(secret, session))
    } else {
        (KeyKind::Secret, KeyMaterial::text(secret))
    };
    material.check(scheme).map_err(|why| (kind, why))?;
    Ok(material)
}

impl Wrong {
    fn field(&mut self, kind: KeyKind) -> &mut String {
        match kind {
            KeyKind::Secret | KeyKind::SecretWithSession => &mut self.secret,
            KeyKind::KeyAndSalt => &mut self.key,
            KeyKind::PublicKey => &mut self.public_key,
        }
    }
}

fn form(
    member: &Member,
    status: StatusCode,
    scheme: Scheme,
    mode: SchemeMode,
    typed: Typed,
    wrong: Wrong,
) -> Outcome {
    let title = about(scheme).title;
    let (secret_label, secret_hint) = secret_label(scheme);
    if scheme.key_kinds().is_empty() {
        return Ok(reply::see_other(&member.path("keys")));
    }
    let page = VerifyingKeyNewPage {
        shell: Shell::inside(member, "delivery", format!("Add a key of {title}")),
        path: path(member, scheme),
        service: title,
        id_label: if scheme.names_keys() { id_label(scheme) } else { "" },
        secret_label,
        secret_hint,
        takes: Takes::of(scheme),
        off: mode == SchemeMode::Off,
        typed,
        wrong,
    };
    reply::page(&member.visit, status, &page)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_form(scheme: Scheme, form: &str) -> Result<KeyKind, Box<Wrong>> {
        let fields = Fields::parse(form);
        let mut wrong = Wrong::default();
        let read = read(scheme, &fields, &Typed::of(&fields), &mut wrong);
        read.map(|new| new.material.kind()).ok_or(Box::new(wrong))
    }

    #[test]
    fn the_fields_that_are_filled_say_what_kind_it_is() {
        let check = |scheme, form: &str, kind| assert_eq!(read_form(scheme, form).ok(), kind, "{form}");
        check(Scheme::S3, "name=a&id=AKID&secret=s", Some(KeyKind::Secret));
        check(Scheme::S3, "name=a&id=AKID&secret=s&session=t", Some(KeyKind::SecretWithSession));
        check(Scheme::Thumbor, "name=a&secret=s&session=t", Some(KeyKind::Secret));
        check(Scheme::Gcs, "name=a&id=GOOG&secret=s", Some(KeyKind::Secret));
        check(Scheme::Imgproxy, "name=a&key=00ff&salt=ff00", Some(KeyKind::KeyAndSalt));
        check(Scheme::Imgproxy, "name=a&key=00ff&salt=", None);
        check(Scheme::S3, "name=a&secret=s", None);
    }

    #[test]
    fn what_is_wrong_stands_by_its_field() {
        let wrong =
            read_form(Scheme::CloudFront, "name=a%2Fb&id=&public_key=nonsense&from=soon").unwrap_err();
        for told in [wrong.name, wrong.id, wrong.public_key, wrong.from] {
            assert!(told.ends_with('.'), "{told:?}");
        }
        let wrong = read_form(Scheme::EdgeAuth, "name=a&secret=no+hex").unwrap_err();
        assert!(wrong.secret.contains("hex") && wrong.public_key.is_empty());
        let wrong = read_form(Scheme::Gcs, "name=a&id=x&secret=s&public_key=p").unwrap_err();
        assert!(wrong.public_key.contains("not both"));
        assert!(!read_form(Scheme::Thumbor, "name=a").unwrap_err().secret.is_empty());
    }
}
