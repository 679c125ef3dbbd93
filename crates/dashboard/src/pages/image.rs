//! One image: what its variants make of it, the URLs of that, its facts and metadata.

pub(crate) mod metadata;
mod pick;
mod urls;

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use catalog::{Image, KeyEntry, Role, Variant};
use signing::KeyState;
use variant::Format;

use crate::error::Failure;
use crate::fields::Fields;
use crate::member::Member;
use crate::option_words::option_words;
use crate::options_form::OptionsForm;
use crate::pages::image_focus;
use crate::pages::images::display_name;
use crate::pages::pictures::{image_of, rendition};
use crate::reply::{self, Outcome};
use crate::shell::Shell;
use crate::words::{self, Moment};
use metadata::MetadataForm;
use pick::{OPTIONS, Pick};
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
    /// The options that are typed, where no variant was picked.
    options: Option<OptionsForm>,
    /// What the account's rules say of options in URLs.
    rule: &'static str,
    /// Where what was picked can be saved as a variant.
    save_as: String,
    builder: Builder,
    url: Result<UrlBox, String>,
    facts: Vec<(&'static str, String)>,
    /// Where the focal point is, in words; empty where there is none.
    focus: String,
    /// Whether there are pixels in which something can be in focus.
    may_focus: bool,
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
    /// What was not done as wished.
    warnings: Vec<String>,
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
    let pick = Pick::of(member, image, &variants, query)?;
    let may_sign = member.role >= Role::Editor;
    let keys = if may_sign { catalog.signing_keys(&member.account.id).await? } else { Vec::new() };
    let wish = Wish::read(
        query,
        pick.needs_signature,
        member.account.policy.require_exp,
        member.visit.dashboard.now(),
    );
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
        stage: stage(member, image, &pick).await,
        choices: variants.iter().map(|each| Choice::of(each, each.name.as_str() == pick.variant)).collect(),
        rule: pick.rule,
        save_as: save_as(member, &pick),
        builder: Builder::of(member, &wish, &keys, may_sign),
        url: urls::url_box(member, image, &pick, &wish, &keys),
        options: pick.form,
        facts: facts(image),
        focus: image_focus::words(image).unwrap_or_default(),
        may_focus: image.facts.as_ref().is_some_and(|facts| facts.format != Format::Svg),
        metadata,
        is_editor: member.role >= Role::Editor,
    };
    reply::page(&member.visit, status, &page)
}

/// Where what was picked is saved as a variant; empty for who may not, and for what is wrong.
fn save_as(member: &Member, pick: &Pick) -> String {
    match (&pick.options, &pick.form) {
        (Some(_), Some(_)) if member.role >= Role::Admin => {
            member.path(&format!("variants/new?options={}", words::encoded(&pick.last)))
        }
        _ => String::new(),
    }
}

async fn stage(member: &Member, image: &Image, pick: &Pick) -> Result<Stage, String> {
    let options = pick.options.as_ref().ok_or("Fix the options to see what they make.")?;
    let (recipe, rendered) = match rendition(member, image, options).await {
        Ok(made) => made,
        Err(failure @ Failure::Broken(_)) => {
            tracing::error!(error = ?failure, "a preview failed");
            return Err("The rendition could not be made. The server's log knows why.".into());
        }
        Err(failure) => return Err(failure.to_string()),
    };
    if rendered.format == Format::Json {
        return Err(format!("No picture, but {}", String::from_utf8_lossy(&rendered.bytes)));
    }
    let bytes = rendered.bytes.len() as u64;
    Ok(Stage {
        src: format!("{}&{}", member.image_path("preview", &image.id), pick.preview()),
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
        auto: recipe.is_negotiated(),
        bytes: words::size(bytes),
        saving: saving(image.bytes, bytes),
        warnings: recipe.warnings.iter().map(|warning| domain::sentence(warning)).collect(),
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
    facts.extend(
        image.dominant.map(|[red, green, blue]| ("Main colour", format!("#{red:02x}{green:02x}{blue:02x}"))),
    );
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
    fn a_saving_is_never_boasted_where_there_is_none() {
        assert_eq!(saving(100, 2), "98% smaller");
        assert_eq!(saving(100, 100), "");
        assert_eq!(saving(0, 5), "");
    }
}
