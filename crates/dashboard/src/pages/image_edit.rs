//! The file name and the creator of an image.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use askama::Template;
use catalog::{Image, ImageChange, Role};
use domain::sentence;

use crate::body::Posted;
use crate::member::Member;
use crate::pages::images::display_name;
use crate::pages::pictures::image_of;
use crate::reply::{self, Outcome};
use crate::shell::Shell;
use crate::toast::Toast;

/// The longest file name, in characters.
const MAX_NAME_CHARS: usize = 255;

/// The longest creator, in bytes.
const MAX_CREATOR_BYTES: usize = 1024;

#[derive(Template)]
#[template(path = "image_edit.html")]
struct ImageEditPage {
    shell: Shell,
    action: String,
    back: String,
    filename: String,
    creator: String,
    filename_error: String,
    creator_error: String,
}

/// `GET …/image/edit?id=…`.
pub(crate) async fn show(member: Member, request: HttpRequest) -> Outcome {
    member.require(Role::Editor)?;
    let image = image_of(&member, &request).await?;
    let creator = image.creator.clone().unwrap_or_default();
    let page = page(&member, &image, image.filename.clone(), creator);
    reply::page(&member.visit, StatusCode::OK, &page)
}

/// `POST …/image/edit?id=…`.
pub(crate) async fn save(member: Member, request: HttpRequest, Posted(fields): Posted) -> Outcome {
    member.require(Role::Editor)?;
    let image = image_of(&member, &request).await?;
    let (filename, creator) =
        (fields.get("filename").trim().to_owned(), fields.get("creator").trim().to_owned());
    let mut page = page(&member, &image, filename.clone(), creator.clone());
    if filename.chars().count() > MAX_NAME_CHARS {
        page.filename_error = format!("A file name has at most {MAX_NAME_CHARS} characters.");
    }
    if creator.len() > MAX_CREATOR_BYTES {
        page.creator_error = "A creator has at most 1,024 bytes.".into();
    }
    if !page.filename_error.is_empty() || !page.creator_error.is_empty() {
        return reply::page(&member.visit, StatusCode::UNPROCESSABLE_ENTITY, &page);
    }
    let creator = Some(creator).filter(|creator| !creator.is_empty());
    let change = ImageChange { filename: Some(filename), creator: Some(creator), ..ImageChange::default() };
    match member.change(&image.id, change).await {
        Ok(_) => reply::done(&member.visit, &member.image_path("image", &image.id), Toast::ImageSaved),
        Err(catalog::Error::Invalid(why)) => {
            page.filename_error = sentence(&why);
            reply::page(&member.visit, StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
        Err(error) => Err(error.into()),
    }
}

fn page(member: &Member, image: &Image, filename: String, creator: String) -> ImageEditPage {
    ImageEditPage {
        shell: Shell::inside(member, "image", format!("Edit {}", display_name(image))),
        action: member.image_path("image/edit", &image.id),
        back: member.image_path("image", &image.id),
        filename,
        creator,
        filename_error: String::new(),
        creator_error: String::new(),
    }
}
