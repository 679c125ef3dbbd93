//! Bytes of images for the pages: tiles, previews, originals. A session opens them, no signature; they carry the
//! policy of deliveries, since what strangers have uploaded is in them.

use std::sync::Arc;

use actix_web::body::SizedStream;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, VARY,
};
use actix_web::{HttpRequest, HttpResponse};
use catalog::Image;
use domain::{Accepts, Hints, IMAGE_POLICY, VariantName};
use futures_util::StreamExt as _;
use renditions::{Original, Rendered};
use variant::{Facts, Fit, FormatWish, Options, Quality, Recipe, Width};

use crate::error::Failure;
use crate::fields::Fields;
use crate::member::Member;
use crate::reply::Outcome;

/// Tiles change with their address, and sessions end: a day is enough.
const TILE_CACHE: &str = "private, max-age=86400";

/// The quality of tiles, 1 to 100: their median stays below 14 KB, also of photographs full of detail.
const TILE_QUALITY: u8 = 40;

/// `GET …/tile?id=…`: 400 × 300 WebP.
pub(crate) async fn tile(member: Member, request: HttpRequest) -> Outcome {
    let options = Options {
        width: Some(Width::Pixels(400)),
        height: Some(300),
        fit: Some(Fit::Crop),
        format: Some(FormatWish::Webp),
        quality: Some(Quality::Number(TILE_QUALITY)),
        anim: Some(false),
        ..Options::default()
    };
    let image = image_of(&member, &request).await?;
    send(&member, &request, &image, &options, TILE_CACHE).await
}

/// The box of a whole picture, in pixels.
const WHOLE_PIXELS: (u32, u32) = (720, 480);

/// `GET …/whole?id=…`: all of an image, for a look at where something is in it.
pub(crate) async fn whole(member: Member, request: HttpRequest) -> Outcome {
    let options = Options {
        width: Some(Width::Pixels(WHOLE_PIXELS.0)),
        height: Some(WHOLE_PIXELS.1),
        fit: Some(Fit::ScaleDown),
        format: Some(FormatWish::Webp),
        anim: Some(false),
        ..Options::default()
    };
    let image = image_of(&member, &request).await?;
    send(&member, &request, &image, &options, TILE_CACHE).await
}

/// The size in pixels that the whole picture of an original with these facts has.
pub(crate) fn whole_size(facts: &Facts) -> (u32, u32) {
    let (width, height) = (f64::from(facts.width), f64::from(facts.height));
    let scale = (f64::from(WHOLE_PIXELS.0) / width).min(f64::from(WHOLE_PIXELS.1) / height).min(1.0);
    let side = |pixels: f64| (pixels * scale).round().max(1.0) as u32;
    (side(width), side(height))
}

/// `GET …/preview?id=…&variant=…`, or with `options`: what a browser that takes WebP is sent.
pub(crate) async fn preview(member: Member, request: HttpRequest) -> Outcome {
    let query = Fields::parse(request.query_string());
    let options = match query.find("options") {
        Some(text) => Options::parse(text)?,
        None => {
            let name: VariantName = query.get("variant").parse().map_err(|_| Failure::no_page())?;
            member.visit.dashboard.catalog().variant(&member.account.id, &name).await?.options
        }
    };
    let image = image_of(&member, &request).await?;
    let (original, recipe) = settled(&member, &image, &options).await?;
    count_preview(&member, &original, &recipe)?;
    send(&member, &request, &image, &options, "private, no-cache").await
}

/// `GET …/original?id=…`: a download, never shown.
pub(crate) async fn original(member: Member, request: HttpRequest) -> Outcome {
    let image = image_of(&member, &request).await?;
    let original = Original::of(&image).ok_or_else(|| missing(&member))?;
    let dashboard = &member.visit.dashboard;
    let object = dashboard.renditions().original(&original).await?;
    dashboard
        .catalog()
        .record(Some(&member.account.id), &member.actor(), "image.download", &target(&image), "done")
        .await?;
    let body = SizedStream::new(object.len, object.body.map(|piece| piece.map_err(std::io::Error::other)));
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, original.facts.format.media_type()))
        .insert_header((CONTENT_LENGTH, object.len))
        .insert_header((CONTENT_DISPOSITION, disposition(&image, original.facts.format.extension())))
        .insert_header((CONTENT_SECURITY_POLICY, IMAGE_POLICY))
        .body(body))
}

/// The image that a request's `id` names.
pub(crate) async fn image_of(member: &Member, request: &HttpRequest) -> Result<Image, Failure> {
    let query = Fields::parse(request.query_string());
    let id = query.get("id").parse().map_err(|_| missing(member))?;
    match member.visit.dashboard.catalog().image(&member.account.id, &id).await {
        Err(catalog::Error::ImageMissing) => Err(missing(member)),
        image => Ok(image?),
    }
}

/// The rendition of an image for a browser that takes WebP, as all of today do. It is a preview, and counted as one.
pub(crate) async fn rendition(
    member: &Member,
    image: &Image,
    options: &Options,
) -> Result<(Recipe, Arc<Rendered>), Failure> {
    let (original, recipe) = settled(member, image, options).await?;
    count_preview(member, &original, &recipe)?;
    let rendered = member.visit.dashboard.renditions().fetch(&original, &recipe).await?;
    Ok((recipe, rendered))
}

/// Counts a preview that is not there yet; one that memory has costs nothing.
fn count_preview(member: &Member, original: &Original, recipe: &Recipe) -> Result<(), Failure> {
    let dashboard = &member.visit.dashboard;
    if dashboard.renditions().in_memory(&original.object, &recipe.digest()).is_none() {
        dashboard.count_preview(&member.visit.signed_in()?.session.person.email)?;
    }
    Ok(())
}

/// How the audit log names an image.
pub(crate) fn target(image: &Image) -> String {
    format!("image:{}", image.id)
}

fn missing(member: &Member) -> Failure {
    let account = &member.account.display_name;
    Failure::Missing(format!(
        "There is no image with this ID in {account}. It may have been deleted; the audit log knows."
    ))
}

/// What is to be made of an image for a browser that takes WebP.
async fn settled(member: &Member, image: &Image, options: &Options) -> Result<(Original, Recipe), Failure> {
    let original = Original::of(image).ok_or_else(|| missing(member))?;
    let accepts = Accepts { webp: true, ..Accepts::default() };
    let limits = &member.visit.dashboard.config().limits;
    let mut recipe =
        variant::settle(options, &original.facts, image.focal_point, &Hints::from(accepts), limits)?;
    let ids: Vec<&str> = recipe.overlay_images().collect();
    if !ids.is_empty() {
        let objects = member.visit.dashboard.catalog().overlay_objects(&image.account, &ids).await?;
        let objects: Vec<String> = objects.iter().map(ToString::to_string).collect();
        recipe.place_overlays(&objects);
    }
    Ok((original, recipe))
}

async fn send(
    member: &Member,
    request: &HttpRequest,
    image: &Image,
    options: &Options,
    cache: &'static str,
) -> Outcome {
    let (original, recipe) = settled(member, image, options).await?;
    let weak = if recipe.is_exact(&original.facts) { "" } else { "W/" };
    let tag = format!("{weak}\"{}-{}\"", image.object, hex::encode(recipe.digest()));
    let known = request.headers().get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let mut response = HttpResponse::build(if known { StatusCode::NOT_MODIFIED } else { StatusCode::OK });
    response
        .insert_header((ETAG, tag))
        .insert_header((CACHE_CONTROL, cache))
        // What one session has seen is not shown to the next one from the browser's cache.
        .insert_header((VARY, "cookie"))
        .insert_header((CONTENT_SECURITY_POLICY, IMAGE_POLICY));
    if known {
        return Ok(response.finish());
    }
    let rendered = member.visit.dashboard.renditions().fetch(&original, &recipe).await?;
    Ok(response
        .insert_header((CONTENT_TYPE, rendered.format.media_type()))
        .insert_header(("X-Rendition-Width", rendered.width))
        .insert_header(("X-Rendition-Height", rendered.height))
        .body(rendered.bytes.clone()))
}

/// A download under the image's own name (RFC 6266): plain characters for old clients, all of them for others.
fn disposition(image: &Image, extension: &str) -> String {
    let name =
        if image.filename.is_empty() { format!("{}.{extension}", image.id) } else { image.filename.clone() };
    let name = name.rsplit('/').next().unwrap_or_default();
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ' ') { c } else { '_' })
        .collect();
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{}", crate::words::encoded(name))
}
