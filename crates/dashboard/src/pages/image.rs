//! One image: what its variants make of it, the URLs of that, its facts and metadata.

pub(crate) mod metadata;
mod urls;

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use catalog::{Image, KeyEntry, Role, Variant};
use signing::KeyState;
use variant::{Fit, Options};

use crate::error::Failure;
use crate::fields::Fields;
use crate::member::Member;
use crate::pages::images::display_name;
use crate::pages::pictures::{image_of, rendition};
use crate::reply::{self, Outcome};
use crate::shell::Shell;
use crate::words::{self, Moment};
use metadata::MetadataForm;
use urls::{Expiry, UrlBox, Wish};

#[derive(Template)]
#[template(path = "image.html")]
struct ImagePage {
    shell: Shell,
    id: String,
    name: String,
    private: bool,
    /// `6000 × 4000 · JPEG · 4.8 MB`.
    summary: String,
    uploaded: Moment,
    newer: Option<String>,
    older: Option<String>,
    /// Just uploaded, and the first of the account.
    first: bool,
    stage: Result<Stage, String>,
    choices: Vec<Choice>,
    builder: Builder,
    url: Result<UrlBox, String>,
    facts: Vec<(&'static str, String)>,
    metadata: MetadataForm,
    is_editor: bool,
}

/// The rendition of the chosen variant.
struct Stage {
    src: String,
    width: u32,
    height: u32,
    alt: String,
    thumbhash: String,
    format: &'static str,
    /// Whether `Accept` chose the format.
    auto: bool,
    bytes: String,
    /// `98% smaller`.
    saving: String,
}

/// A variant to choose.
struct Choice {
    name: String,
    /// `480 wide, cover`.
    words: String,
    chosen: bool,
    always_public: bool,
}

/// How the URL is to be signed, as the form shows it.
struct Builder {
    /// The role may sign.
    may_sign: bool,
    /// Signed whatever is chosen, since the image is private.
    forced: bool,
    signed: bool,
    /// Value, label, whether it is chosen.
    expiries: Vec<(String, String, bool)>,
    by_date: bool,
    until: String,
    until_error: String,
    /// Name, whether it is chosen, whether it signs by default.
    keys: Vec<(String, bool, bool)>,
}

/// `GET …/image?id&variant&signed&expires&until&key`.
pub(crate) async fn show(member: Member, request: HttpRequest) -> Outcome {
    let image = image_of(&member, &request).await?;
    let query = Fields::parse(request.query_string());
    let metadata = MetadataForm::of(&member, &image);
    render(&member, &image, &query, StatusCode::OK, metadata).await
}

/// The page, with a form of metadata as it was last sent.
pub(crate) async fn render(
    member: &Member,
    image: &Image,
    query: &Fields,
    status: StatusCode,
    metadata: MetadataForm,
) -> Outcome {
    let catalog = member.visit.dashboard.catalog();
    let variants = catalog.variants(&member.account.id).await?;
    let variant = chosen(&variants, query)?;
    let may_sign = member.role >= Role::Editor;
    let keys = if may_sign { catalog.signing_keys(&member.account.id).await? } else { Vec::new() };
    let wish =
        Wish::read(query, image, variant, member.account.policy.require_exp, member.visit.dashboard.now());
    let (newer, older) = catalog.neighbours(image).await?;
    let page = ImagePage {
        shell: Shell::inside(member, "image", display_name(image)),
        id: image.id.to_string(),
        name: display_name(image),
        private: image.private,
        summary: summary(image),
        uploaded: Moment::new(image.uploaded_at),
        newer: newer.map(|id| member.image_path("image", &id)),
        older: older.map(|id| member.image_path("image", &id)),
        first: !query.get("first").is_empty(),
        stage: stage(member, image, variant).await,
        choices: variants.iter().map(|each| Choice::of(each, each.name == variant.name)).collect(),
        builder: Builder::of(member, &wish, &keys, may_sign),
        url: urls::url_box(member, image, variant, &wish, &keys),
        facts: facts(image),
        metadata,
        is_editor: member.role >= Role::Editor,
    };
    reply::page(&member.visit, status, &page)
}

/// The variant that the address names, else `public`, which every account has.
fn chosen<'a>(variants: &'a [Variant], query: &Fields) -> Result<&'a Variant, Failure> {
    let wanted = variants.iter().find(|variant| variant.name.as_str() == query.get("variant"));
    wanted.or(variants.first()).ok_or_else(|| Failure::bug("an account without variants"))
}

async fn stage(member: &Member, image: &Image, variant: &Variant) -> Result<Stage, String> {
    let (recipe, rendered) = match rendition(member, image, &variant.options).await {
        Ok(made) => made,
        Err(failure @ Failure::Broken(_)) => {
            tracing::error!(error = ?failure, "a preview failed");
            return Err("The rendition could not be made. The server's log knows why.".into());
        }
        Err(failure) => return Err(failure.to_string()),
    };
    let bytes = rendered.bytes.len() as u64;
    Ok(Stage {
        src: format!("{}&variant={}", member.image_path("preview", &image.id), variant.name),
        width: rendered.width,
        height: rendered.height,
        alt: image
            .metadata
            .get("alt")
            .and_then(|alt| alt.as_str())
            .unwrap_or(&display_name(image))
            .to_owned(),
        thumbhash: STANDARD.encode(&image.thumbhash),
        format: rendered.format.label(),
        auto: recipe.negotiated,
        bytes: words::size(bytes),
        saving: saving(image.bytes, bytes),
    })
}

fn saving(original: u64, rendition: u64) -> String {
    if rendition >= original {
        return String::new();
    }
    format!("{}% smaller", (original - rendition) * 100 / original)
}

fn summary(image: &Image) -> String {
    let bytes = words::size(image.bytes);
    let facts = image.facts.as_ref();
    facts.map_or(bytes.clone(), |facts| {
        format!("{} × {} · {} · {bytes}", facts.width, facts.height, facts.format.label())
    })
}

fn facts(image: &Image) -> Vec<(&'static str, String)> {
    let mut facts = vec![("ID", image.id.to_string())];
    facts.extend(image.creator.clone().map(|creator| ("Creator", creator)));
    facts.push(("SHA-256", hex::encode(image.sha256)));
    if let Some(probed) = &image.facts {
        facts.extend((probed.frames > 1).then(|| ("Frames", words::number(probed.frames))));
        facts.push(("Transparency", if probed.alpha { "Possible" } else { "None" }.into()));
    }
    facts
}

impl Choice {
    fn of(variant: &Variant, chosen: bool) -> Choice {
        Choice {
            name: variant.name.to_string(),
            words: option_words(&variant.options),
            chosen,
            always_public: variant.always_public,
        }
    }
}

/// Options in words: `480 wide, cover`.
fn option_words(options: &Options) -> String {
    let size = match (options.width, options.height) {
        (Some(width), Some(height)) => format!("{width} × {height}"),
        (Some(width), None) => format!("{width} wide"),
        (None, Some(height)) => format!("{height} high"),
        (None, None) => return "original size".into(),
    };
    let fit = match options.fit.unwrap_or(Fit::ScaleDown) {
        Fit::ScaleDown => "scale down",
        Fit::Contain => "contain",
        Fit::Cover => "cover",
        Fit::Crop => "crop",
        Fit::Pad => "pad",
    };
    format!("{size}, {fit}")
}

impl Builder {
    fn of(member: &Member, wish: &Wish, keys: &[KeyEntry], may_sign: bool) -> Builder {
        let chosen = wish.expiry;
        let offered = Expiry::offered(member.account.policy.require_exp);
        let active = keys.iter().filter(|key| key.state == KeyState::Active);
        Builder {
            may_sign,
            forced: wish.forced,
            signed: wish.signed,
            expiries: offered.map(|each| (each.value(), each.label(), each == chosen)).collect(),
            by_date: chosen == Expiry::Date,
            until: wish.until_text.clone(),
            until_error: wish.until_error.clone(),
            keys: active
                .map(|key| (key.id.to_string(), wish.key.as_deref() == Some(key.id.as_str()), key.signs))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_said_in_words() {
        let check = |text, words| assert_eq!(option_words(&Options::parse(text).unwrap()), words);
        check("w=480,fit=cover", "480 wide, cover");
        check("w=1366,h=768,fit=scale-down", "1366 × 768, scale down");
        check("h=90", "90 high, scale down");
        check("q=80", "original size");
    }

    #[test]
    fn a_saving_is_never_boasted_where_there_is_none() {
        assert_eq!(saving(100, 2), "98% smaller");
        assert_eq!(saving(100, 100), "");
        assert_eq!(saving(0, 5), "");
    }
}
