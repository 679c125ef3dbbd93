//! The gallery: tiles, totals, search and two filters, sixty at a time.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use catalog::{Account, Image, ImageFilter, Order, Page, Role};
use variant::Format;

use crate::error::Failure;
use crate::fields::Fields;
use crate::member::Member;
use crate::pages::home;
use crate::reply::{self, Outcome};
use crate::shell::Shell;
use crate::words;

/// Images on a page.
const PAGE_IMAGES: u32 = 60;

/// Tiles that load at once; the others when they come near the view.
const EAGER_TILES: usize = 12;

/// The exact count of a filtered list ends here.
const MAX_COUNTED: u32 = 1_000;

/// Characters of a name under a tile.
const NAME_CHARS: usize = 22;

/// The longest search text, in characters.
const MAX_SEARCH_CHARS: usize = 255;

#[derive(Template)]
#[template(path = "images.html")]
struct ImagesPage {
    shell: Shell,
    totals: String,
    /// `10,482`.
    images: String,
    filters: Filters,
    /// `2 of 10,482 images`; empty where nothing is filtered.
    result: String,
    tiles: Vec<Tile>,
    newer: Option<String>,
    older: Option<String>,
    /// Nothing is kept here yet.
    empty: bool,
    may_upload: bool,
    /// How a program uploads.
    curl: Curl,
}

/// One image in the gallery.
#[derive(Template)]
#[template(path = "tile.html")]
pub(crate) struct Tile {
    pub(crate) id: String,
    pub(crate) href: String,
    pub(crate) src: String,
    /// Base64.
    pub(crate) thumbhash: String,
    /// Cut in the middle.
    pub(crate) name: String,
    pub(crate) full_name: String,
    pub(crate) alt: String,
    /// `6000 × 4000 · 4.8 MB`.
    pub(crate) facts: String,
    pub(crate) private: bool,
    /// `GIF` or `SVG`, which are no photographs.
    pub(crate) kind: Option<&'static str>,
    pub(crate) lazy: bool,
}

/// What the gallery is filtered by, as its form shows it.
#[derive(Default)]
struct Filters {
    search: String,
    /// Value, label, whether it is chosen.
    access: Vec<(&'static str, &'static str, bool)>,
    format: Vec<(&'static str, &'static str, bool)>,
    /// How many of the selects are set.
    set: usize,
    active: bool,
}

/// The parts of the call that uploads by the API.
struct Curl {
    url: String,
    account: String,
}

/// `GET /dashboard/{account}/images?q&access&format&after`.
pub(crate) async fn show(member: Member, request: HttpRequest) -> Outcome {
    let query = Fields::parse(request.query_string());
    let filter = filter(&query);
    let filters = filters(&query);
    let catalog = member.visit.dashboard.catalog();
    let after = query.find("after").filter(|after| !after.is_empty());
    let page = catalog.page_images(&member.account.id, &filter, Order::Newest, after, PAGE_IMAGES).await;
    let page = match page {
        // An old or foreign cursor leads to the beginning.
        Err(catalog::Error::Invalid(_)) if after.is_some() => {
            return Ok(reply::see_other(&address(&member, &query, None)));
        }
        page => page?,
    };
    let result = if filters.active { result(&member, &filter).await? } else { String::new() };
    let tiles = page
        .items
        .iter()
        .enumerate()
        .map(|(at, image)| Tile::of(&member, image, at >= EAGER_TILES))
        .collect();
    let shown = ImagesPage {
        shell: Shell::inside(&member, "images", "Images"),
        totals: totals(&member.account),
        images: words::number(member.account.totals.images),
        result,
        tiles,
        newer: page.previous.as_ref().map(|cursor| address(&member, &query, Some(cursor.as_str()))),
        older: page.next.as_ref().map(|cursor| address(&member, &query, Some(cursor.as_str()))),
        empty: is_empty(&member, &filters, &page),
        filters,
        may_upload: member.role >= Role::Editor,
        curl: Curl {
            url: member.visit.dashboard.config().public_url.clone(),
            account: member.account.id.to_string(),
        },
    };
    let mut response = reply::page(&member.visit, StatusCode::OK, &shown)?;
    if let Some(cookie) = home::remember(&member, &request) {
        response.add_cookie(&cookie).map_err(Failure::broken)?;
    }
    Ok(response)
}

/// `10,482 images · 38.4 GB`.
pub(crate) fn totals(account: &Account) -> String {
    if account.totals.images == 0 {
        return "No images yet".into();
    }
    format!("{} · {}", words::count(account.totals.images, "image"), words::size(account.totals.bytes))
}

impl Tile {
    pub(crate) fn of(member: &Member, image: &Image, lazy: bool) -> Tile {
        let full_name = display_name(image);
        Tile {
            id: image.id.to_string(),
            href: member.image_path("image", &image.id),
            // The object in the address: an id that is used again gets another picture.
            src: format!("{}&v={}", member.image_path("tile", &image.id), &image.object.to_string()[..8]),
            thumbhash: STANDARD.encode(&image.thumbhash),
            name: words::middle_cut(&full_name, NAME_CHARS),
            alt: image.metadata.get("alt").and_then(|alt| alt.as_str()).unwrap_or_default().to_owned(),
            facts: facts(image),
            private: image.private,
            kind: image.facts.as_ref().and_then(|facts| match facts.format {
                Format::Gif | Format::Svg => Some(facts.format.label()),
                _ => None,
            }),
            lazy,
            full_name,
        }
    }
}

/// The file name, or the id of an image that has none.
pub(crate) fn display_name(image: &Image) -> String {
    if image.filename.is_empty() { image.id.to_string() } else { image.filename.clone() }
}

fn facts(image: &Image) -> String {
    let bytes = words::size(image.bytes);
    image
        .facts
        .as_ref()
        .map_or(bytes.clone(), |facts| format!("{} × {} · {bytes}", facts.width, facts.height))
}

fn filter(query: &Fields) -> ImageFilter {
    let search: String = query.get("q").trim().chars().take(MAX_SEARCH_CHARS).collect();
    ImageFilter {
        private: match query.get("access") {
            "public" => Some(false),
            "signed" => Some(true),
            _ => None,
        },
        format: Format::ALL.into_iter().find(|format| word(*format) == query.get("format")),
        search: Some(search).filter(|search| !search.is_empty()),
        ..ImageFilter::default()
    }
}

fn filters(query: &Fields) -> Filters {
    let access = [("", "Any access"), ("public", "Public"), ("signed", "Signed only")];
    let formats =
        [("", "Any format")].into_iter().chain(Format::ALL.map(|format| (word(format), format.label())));
    let chosen = |name, value: &str| query.get(name) == value;
    let mut filters = Filters {
        search: query.get("q").trim().chars().take(MAX_SEARCH_CHARS).collect(),
        access: access.map(|(value, label)| (value, label, chosen("access", value))).to_vec(),
        format: formats.map(|(value, label)| (value, label, chosen("format", value))).collect(),
        ..Filters::default()
    };
    let is_set = |choices: &[(&str, &str, bool)]| {
        choices.iter().any(|(value, _, chosen)| *chosen && !value.is_empty())
    };
    filters.set = [&filters.access, &filters.format].iter().filter(|choices| is_set(choices)).count();
    filters.active = filters.set > 0 || !filters.search.is_empty();
    filters
}

/// The format's word in the address.
fn word(format: Format) -> &'static str {
    match format {
        Format::Jpeg => "jpeg",
        other => other.extension(),
    }
}

fn is_empty(member: &Member, filters: &Filters, page: &Page<Image>) -> bool {
    member.account.totals.images == 0 && page.items.is_empty() && !filters.active
}

async fn result(member: &Member, filter: &ImageFilter) -> Result<String, Failure> {
    let catalog = member.visit.dashboard.catalog();
    let found = catalog.count_images(&member.account.id, filter, MAX_COUNTED + 1).await?;
    let found =
        if found > MAX_COUNTED { format!("{}+", words::number(MAX_COUNTED)) } else { words::number(found) };
    Ok(format!("{found} of {}", words::count(member.account.totals.images, "image")))
}

/// The gallery's address with the same filters, from a cursor on.
fn address(member: &Member, query: &Fields, after: Option<&str>) -> String {
    let kept = ["q", "access", "format"].into_iter().map(|name| (name, query.get(name)));
    let pairs: Vec<String> = kept
        .chain(after.map(|after| ("after", after)))
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name}={}", words::encoded(value)))
        .collect();
    let path = member.path("images");
    if pairs.is_empty() { path } else { format!("{path}?{}", pairs.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_says_what_is_filtered() {
        let filter = filter(&Fields::parse("q=+alp+&access=signed&format=jpeg"));
        assert_eq!(
            (filter.search.as_deref(), filter.private, filter.format),
            (Some("alp"), Some(true), Some(Format::Jpeg))
        );
        let filters = filters(&Fields::parse("q=+alp+&access=signed"));
        assert!(filters.active && filters.set == 1 && filters.search == "alp");
        assert_eq!(filters.access.iter().find(|choice| choice.2), Some(&("signed", "Signed only", true)));
    }

    #[test]
    fn an_unknown_filter_filters_nothing() {
        let unknown = Fields::parse("access=all&format=bmp&q=+");
        let filter = filter(&unknown);
        assert_eq!((filter.search, filter.private, filter.format), (None, None, None));
        assert!(!filters(&unknown).active);
    }
}
