//! The form that saves an image's metadata. The form itself is a part of the image's page.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use catalog::{Image, ImageChange, Role};

use crate::body::Posted;
use crate::fields::Fields;
use crate::member::Member;
use crate::pages::image;
use crate::pages::image::metadata::{MetadataForm, Row, bytes_of, mark_wrong, object, rows_of};
use crate::pages::pictures::image_of;
use crate::reply::{self, Outcome};
use crate::toast::Toast;
use crate::words;

/// `GET …/image/metadata?id=…`: the form lives on the image's page.
pub(crate) async fn show(member: Member, request: HttpRequest) -> Outcome {
    let image = image_of(&member, &request).await?;
    Ok(reply::see_other(&member.image_path("image", &image.id)))
}

/// `POST …/image/metadata?id=…`: saves; without a script also adds or takes away a row, which saves nothing.
pub(crate) async fn save(member: Member, request: HttpRequest, Posted(fields): Posted) -> Outcome {
    member.require(Role::Editor)?;
    let image = image_of(&member, &request).await?;
    let mut rows = rows_of(&fields);
    match fields.get("act") {
        "add" => rows.push(Row { key: String::new(), value: String::new(), error: "" }),
        act if act.starts_with("remove-") => {
            let index: usize = act["remove-".len()..].parse().unwrap_or(usize::MAX);
            rows = rows.into_iter().enumerate().filter(|(at, _)| *at != index).map(|(_, row)| row).collect();
        }
        _ => return store(&member, &image, rows).await,
    }
    show_again(&member, &image, StatusCode::OK, rows, String::new()).await
}

async fn store(member: &Member, image: &Image, mut rows: Vec<Row>) -> Outcome {
    rows.retain(|row| !(row.key.is_empty() && row.value.is_empty()));
    let wrong = mark_wrong(&mut rows);
    let metadata = object(&rows, &image.metadata);
    let max = member.visit.dashboard.config().max_metadata_bytes;
    let error = match (wrong, bytes_of(&metadata)) {
        (true, _) => "Some keys are missing or occur twice.".into(),
        (false, bytes) if bytes > max => {
            format!(
                "Metadata has at most {} bytes; this is {} too many.",
                words::number(max as u64),
                words::number((bytes - max) as u64)
            )
        }
        _ => String::new(),
    };
    if !error.is_empty() {
        return show_again(member, image, StatusCode::UNPROCESSABLE_ENTITY, rows, error).await;
    }
    let change = ImageChange { metadata: Some(metadata), ..ImageChange::default() };
    match member.change(&image.id, change).await {
        Ok(_) => reply::done(&member.visit, &member.image_path("image", &image.id), Toast::MetadataSaved),
        Err(catalog::Error::Invalid(why)) => {
            show_again(member, image, StatusCode::UNPROCESSABLE_ENTITY, rows, domain::sentence(&why)).await
        }
        Err(error) => Err(error.into()),
    }
}

async fn show_again(
    member: &Member,
    image: &Image,
    status: StatusCode,
    rows: Vec<Row>,
    error: String,
) -> Outcome {
    let form = MetadataForm::new(member, image, rows, error);
    image::render(member, image, &Fields::default(), status, form).await
}
