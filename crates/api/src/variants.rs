//! Variants: options under a name, in the contract's words (3.8).

use actix_web::HttpResponse;
use actix_web::web::Payload;
use catalog::Variant;
use domain::{Timestamp, VariantName};
use serde_json::{Map, Value, json};
use variant::{Draw, MetadataPolicy, Options};

use crate::authenticated::Authenticated;
use crate::error::Failure;
use crate::{Api, body, envelope, words};

const FIELDS: [&str; 3] = ["id", "options", "neverRequireSignedURLs"];

/// The one option that is no wish for pixels.
const BROWSER_TTL: &str = "browser_ttl";

/// The most characters of an option's name or value.
const MAX_OPTION_CHARS: usize = 100;

/// The option whose value is longer.
const DRAW: &str = "draw";

/// The most characters of overlays as text.
const MAX_DRAW_CHARS: usize = 4_000;

/// `GET /v1/variants`: a map by id (contract R-41).
pub(crate) async fn list(api: &Api, caller: &Authenticated) -> Result<HttpResponse, Failure> {
    let variants = api.catalog.variants(caller.account()).await?;
    let map: Map<String, Value> =
        variants.iter().map(|variant| (variant.name.to_string(), words_of(variant))).collect();
    Ok(envelope::done(json!({"variants": map})))
}

/// `GET /v1/variants/{id}`
pub(crate) async fn get(api: &Api, caller: &Authenticated, name: &str) -> Result<HttpResponse, Failure> {
    let name: VariantName = words::named(name, catalog::Error::VariantMissing)?;
    Ok(answer(&api.catalog.variant(caller.account(), &name).await?))
}

/// `POST /v1/variants`
pub(crate) async fn create(
    api: &Api,
    caller: &Authenticated,
    payload: Payload,
) -> Result<HttpResponse, Failure> {
    let new = new_variant(&body::json(api, payload).await?, api.clock.now())?;
    Ok(answer(&api.catalog.insert_variant(caller.account(), new, &caller.actor).await?))
}

/// `PATCH /v1/variants/{id}`: options that are absent stay (contract R-43).
pub(crate) async fn update(
    api: &Api,
    caller: &Authenticated,
    name: &str,
    payload: Payload,
) -> Result<HttpResponse, Failure> {
    let name: VariantName = words::named(name, catalog::Error::VariantMissing)?;
    let fields = body::json(api, payload).await?;
    let mut variant = api.catalog.variant(caller.account(), &name).await?;
    change(&mut variant, &fields)?;
    Ok(answer(&api.catalog.update_variant(caller.account(), variant, &caller.actor).await?))
}

/// `DELETE /v1/variants/{id}`; `public` stays, and that is no error (contract R-44).
pub(crate) async fn remove(api: &Api, caller: &Authenticated, name: &str) -> Result<HttpResponse, Failure> {
    let name: VariantName = words::named(name, catalog::Error::VariantMissing)?;
    api.catalog.remove_variant(caller.account(), &name, &caller.actor).await?;
    Ok(envelope::done(json!({})))
}

/// The variant, and its fields beside it: one client loses them otherwise (contract R-42).
fn answer(variant: &Variant) -> HttpResponse {
    let mut result = words_of(variant);
    result["variant"] = result.clone();
    envelope::done(result)
}

fn new_variant(fields: &Map<String, Value>, now: Timestamp) -> Result<Variant, Failure> {
    let id =
        fields.get("id").and_then(Value::as_str).ok_or_else(|| Failure::bad_request("id must be a text"))?;
    let name = id.parse().map_err(|invalid: domain::Invalid| Failure::bad_request(invalid.0))?;
    if !fields.contains_key("options") {
        return Err(Failure::bad_request(
            "options are needed, such as {\"fit\":\"cover\",\"width\":400,\"height\":300}",
        ));
    }
    // What the owner did not ask for is not handed out: absent metadata is none.
    let options = Options { metadata: Some(MetadataPolicy::None), ..Options::default() };
    let mut variant = Variant { name, options, always_public: false, browser_ttl_s: None, created_at: now };
    change(&mut variant, fields)?;
    Ok(variant)
}

fn change(variant: &mut Variant, fields: &Map<String, Value>) -> Result<(), Failure> {
    words::check_names(fields.keys(), &FIELDS)?;
    if let Some(value) = fields.get("neverRequireSignedURLs") {
        variant.always_public = words::switch("neverRequireSignedURLs", value)?;
    }
    let Some(options) = fields.get("options") else { return Ok(()) };
    let options = options.as_object().ok_or_else(|| Failure::bad_request("options must be a JSON object"))?;
    for (name, value) in options {
        match word_of(name) {
            BROWSER_TTL if value.is_null() => variant.browser_ttl_s = None,
            BROWSER_TTL => variant.browser_ttl_s = Some(words::browser_ttl(value)?),
            word if value.is_null() => unset(&mut variant.options, word),
            word => set_option(&mut variant.options, word, value)?,
        }
    }
    // Options are kept as text: one that reads back as another would be a trap.
    let text = variant.options.to_string();
    if !text.is_empty() && Options::parse(&text).ok().as_ref() != Some(&variant.options) {
        return Err(Failure::bad_request("an option has a name or a value that cannot stand in a URL"));
    }
    Ok(())
}

/// Whether options stand below a name.
fn is_group(name: &str) -> bool {
    let is_below = |word: &&str| word.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
    Options::WORDS.iter().flat_map(|words| words.iter().copied()).any(|word| is_below(&word))
}

/// Takes an option back, with all its parts.
fn unset(options: &mut Options, name: &str) {
    let is_part =
        |word: &&str| *word == name || word.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
    for word in Options::WORDS.iter().flat_map(|words| words.iter().copied()).filter(is_part) {
        options.unset(word);
    }
    options.unset(name);
}

/// Sets one option; its value may be nested, as in `{"trim":{"top":5}}`, which is `trim.top`.
fn set_option(options: &mut Options, name: &str, value: &Value) -> Result<(), Failure> {
    match value {
        Value::Array(overlays) if name == DRAW => set_draw(options, overlays),
        Value::Object(point) if name == "gravity" => set_text(options, name, &point_of(point)?),
        Value::Object(parts) if is_group(name) => {
            parts.iter().try_for_each(|(part, value)| match (name, part.as_str()) {
                ("trim", "border") if value.is_boolean() => match value {
                    Value::Bool(true) => set_text(options, "trim", "border"),
                    _ => Ok(()),
                },
                _ => set_option(options, &format!("{name}.{part}"), value),
            })
        }
        _ => set_text(options, name, &text_of(name, value)?),
    }
}

fn text_of(name: &str, value: &Value) -> Result<String, Failure> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(on) => Ok(on.to_string()),
        _ => Err(Failure::bad_request(format!("the option '{}' must be a text or a number", shown(name)))),
    }
}

fn set_text(options: &mut Options, name: &str, text: &str) -> Result<(), Failure> {
    words::check_names([&name.to_owned()], &known_options())?;
    let limit = if name == DRAW { MAX_DRAW_CHARS } else { MAX_OPTION_CHARS };
    if name.is_empty() || text.is_empty() || name.len() > MAX_OPTION_CHARS || text.len() > limit {
        return Err(Failure::bad_request(format!(
            "an option has a name and a value of 1 to {MAX_OPTION_CHARS} characters"
        )));
    }
    options.set(name, text).map_err(|error| Failure::bad_request(error.to_string()))
}

/// Overlays as objects: `[{"image":"logo","opacity":0.5}]`.
fn set_draw(options: &mut Options, overlays: &[Value]) -> Result<(), Failure> {
    let mut all = Vec::new();
    for overlay in overlays {
        let words = overlay.as_object().ok_or_else(|| Failure::bad_request("draw takes objects"))?;
        let words: Result<Vec<(&String, String)>, Failure> =
            words.iter().map(|(name, value)| Ok((name, text_of(name, value)?))).collect();
        all.push(words?);
    }
    let words = all.iter().map(|words| words.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let draw = Draw::of_words(words).map_err(|error| Failure::bad_request(error.to_string()))?;
    options.draw = Some(draw);
    Ok(())
}

/// The word of an option that is written as JavaScript does, `slowConnectionQuality`; any other name as it is.
fn word_of(name: &str) -> &str {
    let is_it = |word: &&str| word.contains(['-', '_']) && camel(word) == name;
    Options::WORDS.iter().flat_map(|words| words.iter().copied()).find(is_it).unwrap_or(name)
}

fn camel(word: &str) -> String {
    let mut parts = word.split(['-', '_']);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |name, part| {
        let (head, tail) = part.split_at(part.len().min(1));
        name + &head.to_ascii_uppercase() + tail
    })
}

/// The object form of a point, `{"x":0.5,"y":0.25}`.
fn point_of(point: &Map<String, Value>) -> Result<String, Failure> {
    let part = |name| point.get(name).and_then(Value::as_f64);
    let (x, y) =
        part("x").zip(part("y")).ok_or_else(|| Failure::bad_request("gravity takes numbers x and y"))?;
    Ok(format!("{x}x{y}"))
}

fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(40).collect()
}

/// The longest word of each option that is built, and `browser_ttl`.
fn known_options() -> Vec<&'static str> {
    Options::WORDS.iter().filter_map(longest).chain([BROWSER_TTL]).collect()
}

fn words_of(variant: &Variant) -> Value {
    let mut options = Map::new();
    for (name, value) in printed(&variant.options) {
        put(&mut options, &name, value);
    }
    if let Some(draw) = &variant.options.draw {
        options.insert(DRAW.to_owned(), draw.0.iter().map(overlay_words).collect());
    }
    if let Some(ttl_s) = variant.browser_ttl_s {
        options.insert(BROWSER_TTL.to_owned(), ttl_s.into());
    }
    json!({
        "id": variant.name.as_str(),
        "options": options,
        "neverRequireSignedURLs": variant.always_public,
    })
}

fn overlay_words(overlay: &variant::Overlay) -> Value {
    let words = overlay.words().into_iter();
    Value::Object(words.map(|(name, value)| (name.to_owned(), value_of(&value))).collect())
}

/// Puts `trim.top` into the object `trim`; where that is a text, as in `trim=border`, it becomes its part of that name.
fn put(options: &mut Map<String, Value>, name: &str, value: Value) {
    let Some((group, part)) = name.split_once('.').filter(|_| is_known(name)) else {
        options.insert(name.to_owned(), value);
        return;
    };
    let held = options.entry(group).or_insert_with(|| json!({}));
    if !held.is_object() {
        *held = json!({ "border": {} });
    }
    if let Value::Object(parts) = held {
        put_part(parts, part, value);
    }
}

fn put_part(parts: &mut Map<String, Value>, part: &str, value: Value) {
    match part.split_once('.') {
        None => drop(parts.insert(part.to_owned(), value)),
        Some((group, part)) => {
            if let Value::Object(parts) = parts.entry(group).or_insert_with(|| json!({})) {
                parts.insert(part.to_owned(), value);
            }
        }
    }
}

fn is_known(name: &str) -> bool {
    Options::WORDS.iter().any(|words| words.contains(&name))
}

/// Options one by one, under their long names, numbers as numbers; overlays are none of them. A built option is printed
/// without commas.
fn printed(options: &Options) -> impl Iterator<Item = (String, Value)> {
    let built = Options { ignored: Vec::new(), draw: None, ..options.clone() }.to_string();
    let built: Vec<(String, Value)> =
        built.split(',').filter_map(|pair| pair.split_once('=')).map(long).collect();
    let later: Vec<_> = options.ignored.iter().map(|(name, value)| (name.clone(), value_of(value))).collect();
    built.into_iter().chain(later)
}

fn long((word, value): (&str, &str)) -> (String, Value) {
    let words = Options::WORDS.iter().find(|words| words.contains(&word));
    let name = words.and_then(longest).unwrap_or(word);
    (name.to_owned(), value_of(&value.replace("%23", "#")))
}

/// The longest word of an option, but never one that could be taken for the group of others.
fn longest(words: &&'static [&'static str]) -> Option<&'static str> {
    words.iter().copied().filter(|word| *word != "face-zoom").max_by_key(|word| word.len())
}

/// A number or a switch as such, where it is written as JSON would write it.
fn value_of(text: &str) -> Value {
    let Ok(value) = serde_json::from_str::<Value>(text) else { return text.into() };
    let printed = value.to_string();
    if (value.is_number() || value.is_boolean()) && printed == text { value } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn create(body: Value) -> Result<Variant, Failure> {
        new_variant(body.as_object().unwrap(), Timestamp::from_seconds(0))
    }

    #[test]
    fn a_variant_is_echoed_as_it_was_sent() {
        let sent = json!({
            "id": "hero",
            "options": {"fit": "scale-down", "width": 1366, "height": 768, "metadata": "none"},
            "neverRequireSignedURLs": true,
        });
        assert_eq!(words_of(&create(sent.clone()).unwrap()), sent);
        let sent = json!({
            "id": "a-b_c",
            "options": {"fit": "cover", "width": 1, "height": 1, "metadata": "keep", "browser_ttl": 86_400,
                "quality": 70, "format": "webp", "gravity": "0.5x0.25", "background": "#ff8800"},
            "neverRequireSignedURLs": false,
        });
        assert_eq!(words_of(&create(sent.clone()).unwrap()), sent);
    }

    #[test]
    fn r_47_every_option_is_kept_and_echoed_in_the_shape_it_was_sent_in() {
        let options = json!({
            "width": "auto", "wbreakpoints": "320;768", "dpr": 1.5, "fit": "aspect-crop", "gravity": "entropy",
            "trim": {"top": 5, "left": 0.25, "width": 100}, "flip": "hv", "rotate": 90, "brightness": 1.2, "saturation": 0,
            "blur": 20, "sharpen": 1, "border": {"color": "#ff0000", "width": 5, "left": 0}, "metadata": "none",
            "quality": "auto-high", "slow-connection-quality": 50, "max_bytes": 50_000, "format": "avif", "anim": false,
            "compression": "fast", "draw": [
                {"image": "brand/logo", "width": 0.25, "bottom": 10, "right": 10, "opacity": 0.5, "repeat": true},
                {"text": "50% (c); Fernhill", "size": 20, "color": "#ffffff"},
            ],
        });
        let variant = create(json!({"id": "rich", "options": options})).unwrap();
        assert!(variant.options.ignored.is_empty());
        assert_eq!(words_of(&variant)["options"], options);
        let border =
            json!({"trim": {"border": {"color": "#ffffff", "tolerance": 5, "keep": 2}}, "metadata": "none"});
        let variant = create(json!({"id": "cut", "options": border})).unwrap();
        assert_eq!(words_of(&variant)["options"], border);
        let variant = create(json!({"id": "cut", "options": {"trim": {"border": true}}})).unwrap();
        assert_eq!(words_of(&variant)["options"], json!({"trim": "border", "metadata": "none"}));
    }

    #[test]
    fn names_as_javascript_writes_them_are_the_same_options() {
        let options = json!({"slowConnectionQuality": 50, "maxBytes": 9_000, "gravity": {"x": 0.5, "y": 0.25}, "blur": null});
        let variant = create(json!({"id": "a", "options": options})).unwrap();
        let expected = json!({"slow-connection-quality": 50, "max_bytes": 9_000, "gravity": "0.5x0.25", "metadata": "none"});
        assert_eq!(words_of(&variant)["options"], expected);
    }

    #[test]
    fn r_47_an_option_that_is_not_known_is_kept_and_acts_on_nothing() {
        let variant =
            create(json!({"id": "soft", "options": {"width": 100, "later": 20, "x.y": "1"}})).unwrap();
        assert_eq!(variant.options.ignored.len(), 2);
        let expected = json!({"width": 100, "later": 20, "x.y": 1, "metadata": "none"});
        assert_eq!(words_of(&variant)["options"]["later"], expected["later"]);
    }

    #[test]
    fn r_43_options_that_are_absent_stay() {
        let mut variant =
            create(json!({"id": "a", "options": {"width": 100, "fit": "cover", "browser_ttl": 3600}}))
                .unwrap();
        let fields = json!({"options": {"width": 200, "browser_ttl": null}});
        change(&mut variant, fields.as_object().unwrap()).unwrap();
        let expected = json!({"width": 200, "fit": "cover", "metadata": "none"});
        assert_eq!(words_of(&variant)["options"], expected);
        assert!(!variant.always_public);
        let fields = json!({"options": {"width": null, "trim": null, "fit": null}});
        variant.options.set("trim.top", "5").unwrap();
        change(&mut variant, fields.as_object().unwrap()).unwrap();
        assert_eq!(words_of(&variant)["options"], json!({"metadata": "none"}), "null takes back");
    }

    #[test]
    fn a_variant_that_cannot_be_meant_is_refused() {
        for body in [
            json!({"options": {"width": 1}}),
            json!({"id": 7, "options": {"width": 1}}),
            json!({"id": "w=400", "options": {"width": 1}}),
            json!({"id": "a", "options": []}),
            json!({"id": "a"}),
            json!({"id": "a", "options": {"width": 0}}),
            json!({"id": "a", "options": {"width": -1}}),
            json!({"id": "a", "options": {"width": 1.5}}),
            json!({"id": "a", "options": {"width": [1]}}),
            json!({"id": "a", "options": {"fit": "stretch"}}),
            json!({"id": "a", "options": {"metadata": "all"}}),
            json!({"id": "a", "options": {"Width": 1}}),
            json!({"id": "a", "options": {"browserTtl": 3600}}),
            json!({"id": "a", "options": {"browser_ttl": 1}}),
            json!({"id": "a", "options": {"format": "tiff"}}),
            json!({"id": "a", "options": {"zoom": 0.5}}),
            json!({"id": "a", "options": {"segment": "foreground"}}),
            json!({"id": "a", "options": {"trim": {"Top": 5}}}),
            json!({"id": "a", "options": {"trim": {"top": 5, "border": true}}}),
            json!({"id": "a", "options": {"draw": {"image": "logo"}}}),
            json!({"id": "a", "options": {"draw": []}}),
            json!({"id": "a", "options": {"draw": [{"image": "logo", "url": "https://example.org/a.png"}]}}),
            json!({"id": "a", "options": {"draw": [{"image": "logo", "opacity": 2}]}}),
            json!({"id": "a", "options": {"gravity": {"x": 0.5}}}),
            json!({"id": "a", "options": {"other": "1,w=99"}}),
            json!({"id": "a", "options": {"o=ther": "1"}}),
            json!({"id": "a", "options": {"other": "1 2"}}),
            json!({"id": "a", "options": {"width": 1}, "neverRequireSignedUrls": true}),
            json!({"id": "a", "options": {"width": 1}, "neverRequireSignedURLs": "perhaps"}),
        ] {
            assert!(create(body.clone()).is_err(), "{body}");
        }
    }
}
