//! Variants: options under a name, in the contract's words (3.8).

use actix_web::HttpResponse;
use actix_web::web::Payload;
use catalog::Variant;
use domain::{Timestamp, VariantName};
use serde_json::{Map, Value, json};
use variant::{MetadataPolicy, Options};

use crate::authenticated::Authenticated;
use crate::error::Failure;
use crate::{Api, body, envelope, words};

const FIELDS: [&str; 3] = ["id", "options", "neverRequireSignedURLs"];

/// The one option that is no wish for pixels.
const BROWSER_TTL: &str = "browser_ttl";

/// The most characters of an option's name or value.
const MAX_OPTION_CHARS: usize = 100;

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
    words::check_names(options.keys(), &known_options())?;
    for (name, value) in options {
        match name.as_str() {
            BROWSER_TTL if value.is_null() => variant.browser_ttl_s = None,
            BROWSER_TTL => variant.browser_ttl_s = Some(words::browser_ttl(value)?),
            _ => set_option(&mut variant.options, name, value)?,
        }
    }
    // Options are kept as text: one that reads back as another would be a trap.
    let text = variant.options.to_string();
    if !text.is_empty() && Options::parse(&text).ok().as_ref() != Some(&variant.options) {
        return Err(Failure::bad_request("an option has a name or a value that cannot stand in a URL"));
    }
    Ok(())
}

fn set_option(options: &mut Options, name: &str, value: &Value) -> Result<(), Failure> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(on) => on.to_string(),
        Value::Object(point) if name == "gravity" => point_of(point)?,
        _ => {
            return Err(Failure::bad_request(format!(
                "the option '{}' must be a text or a number",
                shown(name)
            )));
        }
    };
    if name.is_empty() || text.is_empty() || name.len().max(text.len()) > MAX_OPTION_CHARS {
        let limit = MAX_OPTION_CHARS;
        return Err(Failure::bad_request(format!(
            "an option has a name and a value of 1 to {limit} characters"
        )));
    }
    options.set(name, &text).map_err(|error| Failure::bad_request(error.to_string()))
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
    let mut options: Map<String, Value> = printed(&variant.options).collect();
    if let Some(ttl_s) = variant.browser_ttl_s {
        options.insert(BROWSER_TTL.to_owned(), ttl_s.into());
    }
    json!({
        "id": variant.name.as_str(),
        "options": options,
        "neverRequireSignedURLs": variant.always_public,
    })
}

/// Options one by one, under their long names, numbers as numbers. A built option is printed without commas.
fn printed(options: &Options) -> impl Iterator<Item = (String, Value)> {
    let built = Options { ignored: Vec::new(), ..options.clone() }.to_string();
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

fn longest(words: &&'static [&'static str]) -> Option<&'static str> {
    words.iter().copied().max_by_key(|word| word.len())
}

fn value_of(text: &str) -> Value {
    match text.parse::<u32>() {
        Ok(number) if number.to_string() == text => number.into(),
        _ => text.into(),
    }
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
    fn r_47_an_option_of_a_later_build_is_kept_and_acts_on_nothing() {
        let variant =
            create(json!({"id": "soft", "options": {"width": 100, "blur": 20, "trim": "1;2;3;4"}})).unwrap();
        assert_eq!(variant.options.ignored.len(), 2);
        let expected = json!({"width": 100, "blur": 20, "trim": "1;2;3;4", "metadata": "none"});
        assert_eq!(words_of(&variant)["options"], expected);
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
            json!({"id": "a", "options": {"format": "avif"}}),
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
