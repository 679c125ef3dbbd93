//! The contract's words: values of the house as the wire has them, and what JSON bodies may hold.

use catalog::{Account, Image, Variant};
use domain::{Fault as _, VariantName};
use serde::Serialize;
use serde_json::{Map, Value};
use signing::DeliveryUrl;

use crate::Api;
use crate::authenticated::Authenticated;
use crate::error::Failure;

/// An image as answers show it. `meta` is the contract's word, `metadata` that of older clients.
#[derive(Debug, Serialize)]
pub(crate) struct ImageWords {
    id: String,
    filename: String,
    meta: Map<String, Value>,
    metadata: Map<String, Value>,
    uploaded: String,
    #[serde(rename = "requireSignedURLs")]
    require_signed_urls: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    creator: Option<String>,
    variants: Vec<String>,
}

/// What images of one account have in common in answers: where their variants are delivered.
pub(crate) struct Addresses {
    delivery_url: String,
    account: Account,
    variants: Vec<VariantName>,
}

impl Addresses {
    /// The addresses of the caller's account.
    pub(crate) async fn of(api: &Api, caller: &Authenticated) -> Result<Self, Failure> {
        let account = api.catalog.account(caller.account()).await?;
        let variants = api.catalog.variants(caller.account()).await?;
        let names = variants.into_iter().map(|variant: Variant| variant.name).collect();
        Ok(Addresses { delivery_url: api.config.delivery_url.clone(), account, variants: names })
    }

    /// How many delivery URLs each image has.
    pub(crate) fn variants(&self) -> usize {
        self.variants.len()
    }

    /// An image in the contract's words.
    pub(crate) fn image(&self, image: Image) -> ImageWords {
        let url = |name: &VariantName| {
            format!(
                "{}{}",
                self.delivery_url,
                DeliveryUrl::path_of(&self.account.hash, &image.id, name.as_str())
            )
        };
        ImageWords {
            variants: self.variants.iter().map(url).collect(),
            id: image.id.to_string(),
            filename: image.filename,
            meta: image.metadata.clone(),
            metadata: image.metadata,
            uploaded: image.uploaded_at.to_rfc3339(),
            require_signed_urls: image.private,
            creator: image.creator,
        }
    }
}

/// Refuses a name that is a known one but for case, `-` or `_`, so that nothing is lost by a misspelling.
pub(crate) fn check_names<'n>(
    names: impl IntoIterator<Item = &'n String>,
    known: &[&'static str],
) -> Result<(), Failure> {
    for name in names {
        if let Some(meant) = upload::meant_name(name, known) {
            let name: String = name.chars().filter(|c| !c.is_control()).take(40).collect();
            return Err(Failure::bad_request(format!("the field '{name}' must be named '{meant}'")));
        }
    }
    Ok(())
}

/// A switch: true or false, also as text, as old clients send it.
pub(crate) fn switch(name: &str, value: &Value) -> Result<bool, Failure> {
    match value {
        Value::Bool(on) => Ok(*on),
        Value::String(text) if text == "true" => Ok(true),
        Value::String(text) if text == "false" => Ok(false),
        _ => Err(Failure::bad_request(format!("{name} must be true or false"))),
    }
}

/// Seconds for which browsers keep an answer (contract 3.8, 3.9).
pub(crate) fn browser_ttl(value: &Value) -> Result<u32, Failure> {
    value
        .as_u64()
        .and_then(|seconds| u32::try_from(seconds).ok())
        .filter(|seconds| (3_600..=31_536_000).contains(seconds))
        .ok_or_else(|| {
            Failure::bad_request("browser_ttl must be a whole number of seconds from 3600 to 31536000")
        })
}

/// A name in a path or body that cannot exist is answered as one that does not.
pub(crate) fn named<N: std::str::FromStr>(text: &str, missing: catalog::Error) -> Result<N, Failure> {
    text.parse().map_err(|_| {
        debug_assert_eq!(missing.problem().status(), 404);
        Failure::from(missing)
    })
}
