//! The list of images by continuation token (contract 3.11).

use actix_web::HttpResponse;
use catalog::{ImageFilter, Order};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::authenticated::Authenticated;
use crate::error::Failure;
use crate::words::Addresses;
use crate::{Api, envelope, metadata_filters};

/// Images on a page, where nothing is asked for.
const PER_PAGE: u32 = 1_000;

/// The largest page; more is cut to it (contract R-25).
const MAX_PER_PAGE: u32 = 10_000;

/// The most delivery URLs on a page, so that an answer stays bounded however many variants an account has.
const MAX_URLS: usize = 100_000;

/// What is asked for.
#[derive(Debug, Default)]
struct Wish {
    filter: ImageFilter,
    order: Order,
    after: Option<String>,
    per_page: Option<u32>,
}

/// `GET /v2`
pub(crate) async fn list(api: &Api, caller: &Authenticated, query: &str) -> Result<HttpResponse, Failure> {
    let wish = Wish::parse(query)?;
    let addresses = Addresses::of(api, caller).await?;
    let limit = bounded(wish.per_page.unwrap_or(PER_PAGE), addresses.variants());
    let after = wish.after.as_deref();
    let page = api.catalog.page_images(caller.account(), &wish.filter, wish.order, after, limit).await?;
    let images: Vec<_> = page.items.into_iter().map(|image| addresses.image(image)).collect();
    let next = page.next.as_ref().map_or(Value::Null, |cursor| cursor.as_str().into());
    Ok(envelope::done(json!({"images": images, "continuation_token": next})))
}

/// The pairs of a query, decoded as a form's. At most 64 (`max_query_pairs`).
pub(crate) fn pairs(query: &str) -> impl Iterator<Item = (String, String)> {
    query.split('&').filter(|pair| !pair.is_empty()).take(64).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name), decoded(value))
    })
}

fn decoded(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

impl Wish {
    fn parse(query: &str) -> Result<Self, Failure> {
        let mut wish = Wish::default();
        let mut metadata = Vec::new();
        for (name, value) in pairs(query) {
            match name.as_str() {
                "continuation_token" => wish.after = Some(value).filter(|token| !token.is_empty()),
                "per_page" => wish.per_page = Some(per_page(&value)?),
                "sort_order" => wish.order = order(&value)?,
                "creator" => wish.filter.creator = Some(Some(value).filter(|creator| !creator.is_empty())),
                _ => metadata.extend(name.strip_prefix("meta.").map(|field| (field.to_owned(), value))),
            }
        }
        wish.filter.metadata = metadata_filters::parse(&metadata)?;
        Ok(wish)
    }
}

fn per_page(text: &str) -> Result<u32, Failure> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Failure::bad_request("per_page must be a whole number"));
    }
    let wished = if text.starts_with('-') { 1 } else { digits.parse().unwrap_or(MAX_PER_PAGE) };
    Ok(wished.clamp(1, MAX_PER_PAGE))
}

/// The page that so many variants for each image leave room for.
fn bounded(per_page: u32, variants: usize) -> u32 {
    per_page.min(u32::try_from(MAX_URLS / variants.max(1)).unwrap_or(u32::MAX).max(1))
}

fn order(text: &str) -> Result<Order, Failure> {
    match text {
        "desc" | "" => Ok(Order::Newest),
        "asc" => Ok(Order::Oldest),
        _ => Err(Failure::bad_request("sort_order must be asc or desc")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn r_25_a_page_is_cut_to_what_is_possible() {
        for (text, expected) in [
            ("1", 1),
            ("0", 1),
            ("-5", 1),
            ("10000", 10_000),
            ("10001", 10_000),
            ("99999999999999999999", 10_000),
        ] {
            assert_eq!(per_page(text).unwrap(), expected, "{text}");
        }
        for bad in ["", "ten", "1.5", "+1", "-"] {
            assert!(per_page(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_page_holds_a_bounded_number_of_urls() {
        assert_eq!(bounded(10_000, 10), 10_000);
        assert_eq!(bounded(10_000, 100), 1_000);
        assert_eq!(bounded(5, 100), 5);
        assert_eq!(bounded(10_000, usize::MAX), 1);
    }

    #[test]
    fn an_empty_creator_asks_for_images_without_one() {
        assert_eq!(Wish::parse("creator=").unwrap().filter.creator, Some(None));
        assert_eq!(Wish::parse("creator=u+1").unwrap().filter.creator, Some(Some("u 1".into())));
        assert_eq!(Wish::parse("").unwrap().filter.creator, None);
    }

    #[test]
    fn r_16_what_nobody_knows_does_not_fail() {
        let wish = Wish::parse("a=b&&c&per_page=10&sort_order=asc&continuation_token=").unwrap();
        assert_eq!((wish.per_page, wish.order, wish.after), (Some(10), Order::Oldest, None));
        assert!(Wish::parse("sort_order=upwards").is_err());
    }

    proptest! {
        #[test]
        fn any_query_is_read_or_refused_without_panic(query in "[ -~]{0,80}") {
            let _ = Wish::parse(&query);
        }
    }
}
