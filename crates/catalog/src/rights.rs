//! Rights, and the one pure decision about them. Loading them stands in `delivery_rights.rs`, keeping them in
//! `memory.rs`.

use std::collections::HashMap;
use std::sync::Arc;

use domain::{AccountHash, AccountId, Handle, ObjectId, Timestamp, VariantName};
use signing::{
    Covers, DeliveryUrl, Request, SchemeSet, SchemeSettings, SigningKey, Target, Verified, Verifier,
    VerifyingKey,
};
use variant::{Facts, MetadataPolicy, Options};

use crate::Error;
use crate::policy::{AccountPolicy, Flexible, HideExistence};
use crate::tally::{Counted, FLEXIBLE, UNKNOWN};

/// What decides one delivery: the image, its options, the account's keys and policy. Answers for unknown ids and
/// malformed options too, so that [`Rights::admit`] alone decides what a stranger learns.
#[derive(Debug, Clone)]
pub struct Rights {
    /// None where no account has this hash.
    pub(crate) account: Option<Arc<AccountRights>>,
    /// None where the account has no such image, or a draft only.
    pub(crate) image: Option<Arc<ImageRights>>,
    /// Older than what is obeyed: good for public images only.
    pub(crate) stale: bool,
}

/// What an account contributes.
#[derive(Debug)]
pub(crate) struct AccountRights {
    pub(crate) id: AccountId,
    pub(crate) hash: AccountHash,
    /// Its name in the addresses of storage.
    pub(crate) handle: Handle,
    pub(crate) policy: AccountPolicy,
    /// The part of the policy that verification needs.
    pub(crate) verification: signing::Policy,
    pub(crate) keys: Vec<SigningKey>,
    /// The schemes that its URLs may be signed by.
    pub(crate) schemes: SchemeSet,
    /// The schemes that are judged and counted only.
    pub(crate) reported: SchemeSet,
    /// The keys of foreign schemes.
    pub(crate) foreign_keys: Vec<VerifyingKey>,
    /// The settings of the schemes.
    pub(crate) settings: SchemeSettings,
    pub(crate) variants: HashMap<VariantName, NamedOptions>,
    /// Whether it has ever kept a private image with a custom id.
    pub(crate) private_custom: bool,
}

/// What a variant contributes.
#[derive(Debug)]
pub(crate) struct NamedOptions {
    pub(crate) options: Arc<Options>,
    pub(crate) always_public: bool,
    /// The account's already put in where the variant has none.
    pub(crate) ttl_s: u32,
}

/// What an image contributes.
#[derive(Debug)]
pub(crate) struct ImageRights {
    pub(crate) private: bool,
    pub(crate) object: ObjectId,
    pub(crate) day: i64,
    pub(crate) sha256: [u8; 32],
    pub(crate) bytes: u64,
    pub(crate) facts: Arc<Facts>,
}

/// The leave to deliver one image under one set of options.
#[derive(Debug, Clone)]
pub struct Admission {
    /// Account of the image.
    pub account: AccountId,
    /// The original.
    pub object: ObjectId,
    /// The day in its object key.
    pub day: i64,
    /// SHA-256 of the original.
    pub sha256: [u8; 32],
    /// Length of the original in bytes.
    pub bytes: u64,
    /// Facts of the original.
    pub facts: Arc<Facts>,
    /// The wish.
    pub options: Arc<Options>,
    /// Seconds for which a browser may keep the answer.
    pub ttl_s: u32,
    /// What the signature proved, where one was needed; then the answer is private and ends with the URL.
    pub signed: Option<Verified>,
}

impl Rights {
    /// Decides (pure): the leave to deliver, or exactly what a stranger may learn. An unsigned `metadata=keep`
    /// counts as `copyright`. Of the request nothing is known but its URL: one that is bound to an address, a page or a
    /// session is refused.
    pub fn admit(&self, url: &DeliveryUrl, now: Timestamp) -> Result<Admission, Error> {
        self.admit_request(url, &Request::get(Target::Delivery(url)), now)
    }

    /// Decides about a request for a URL: [`Rights::admit`] by someone who knows who asks.
    pub fn admit_request(
        &self,
        url: &DeliveryUrl,
        request: &Request<'_>,
        now: Timestamp,
    ) -> Result<Admission, Error> {
        // An account that is not there has no images, and no settings to hide that (contract R-62 for moved URLs).
        let unknown = || if url.is_moved() { Error::AccountHashWrong } else { Error::ImageMissing };
        let account = self.account.as_deref().ok_or_else(unknown)?;
        let request = Request { target: Target::Delivery(url), ..*request };
        let asked = Asked { account, image: self.image.as_deref(), url, request, now };
        if self.stale && asked.image.is_none_or(|image| image.private) {
            return Err(Error::RightsUnavailable);
        }
        if url.is_flexible() { asked.admit_flexible() } else { asked.admit_named() }
    }

    /// For whom an answer to a URL counts; none where the account is unknown.
    pub fn counted<'u>(&self, url: &'u DeliveryUrl) -> Option<Counted<'u>> {
        let account = self.account.as_deref()?;
        let variant = match url.last() {
            _ if url.is_flexible() => FLEXIBLE,
            name if account.variants.contains_key(name) => name,
            _ => UNKNOWN,
        };
        Some(Counted { account: account.id, variant })
    }

    /// How the signature of a URL is judged, for people with the right to see it; none where the account is unknown.
    pub fn explain(&self, url: &DeliveryUrl, now: Timestamp) -> Option<signing::Explanation> {
        self.explain_request(url, &Request::get(Target::Delivery(url)), now)
    }

    /// The same of a request for it.
    pub fn explain_request(
        &self,
        url: &DeliveryUrl,
        request: &Request<'_>,
        now: Timestamp,
    ) -> Option<signing::Explanation> {
        let account = self.account.as_deref()?;
        let request = Request { target: Target::Delivery(url), ..*request };
        Some(signing::explain_request(&request, &account.verifier(), now))
    }
}

impl AccountRights {
    /// What its signatures are verified with.
    fn verifier(&self) -> Verifier<'_> {
        Verifier {
            schemes: self.schemes.and(SchemeSet::NATIVE),
            foreign_keys: &self.foreign_keys,
            settings: &self.settings,
            ..Verifier::native(&self.keys, &self.verification)
        }
    }

    /// Whether there is a variant of this name that delivers private images too.
    pub(crate) fn is_always_public(&self, name: &str) -> bool {
        self.variants.get(name).is_some_and(|named| named.always_public)
    }

    /// Whether a refusal hides that there is an image of this id (contract R-83).
    pub(crate) fn hides(&self, image: &str) -> bool {
        match self.policy.hide_existence {
            HideExistence::On => true,
            HideExistence::Off => false,
            HideExistence::Auto => self.private_custom && is_custom(image),
        }
    }
}

/// Whether an id is one that an account chose; a UUID was made by us, and nobody guesses it.
pub(crate) fn is_custom(image: &str) -> bool {
    image.len() != 36 || uuid::Uuid::try_parse(image).is_err()
}

/// One request for an image of an account.
struct Asked<'a> {
    account: &'a AccountRights,
    image: Option<&'a ImageRights>,
    url: &'a DeliveryUrl,
    request: Request<'a>,
    now: Timestamp,
}

impl Asked<'_> {
    /// A named variant: open on public images, and on private ones where it is always public or the URL is signed.
    fn admit_named(&self) -> Result<Admission, Error> {
        let named = self.account.variants.get(self.url.last());
        let always_public = named.is_some_and(|named| named.always_public);
        let image = self.image_or_refusal(always_public)?;
        // On what is public no signature is looked at: a broken one breaks nothing.
        let signed = if image.private && !always_public { Some(self.verify()?) } else { None };
        // That a name is unknown is told only to who may see the image.
        let named = named.ok_or(Error::VariantDenied)?;
        Ok(self.admission(image, Arc::clone(&named.options), named.ttl_s, signed))
    }

    /// Options in the URL, by the table of contract 6.2.
    fn admit_flexible(&self) -> Result<Admission, Error> {
        let flexible = self.account.policy.flexible_variants;
        if flexible == Flexible::Off {
            return Err(Error::FlexibleOff);
        }
        let image = self.image_or_refusal(false)?;
        let signed = match flexible {
            _ if image.private => Some(self.verify()?),
            Flexible::Signed if !self.request.carries_token(&self.account.verification) => {
                return Err(Error::FlexibleOff);
            }
            Flexible::Signed => Some(self.verify()?),
            Flexible::All | Flexible::Off => None,
        };
        let options = self.options_in_url(signed.as_ref())?;
        Ok(self.admission(image, Arc::new(options), self.account.policy.browser_ttl_s, signed))
    }

    /// The image. One that is not there is refused as a private one would be where existence is hidden, so only a
    /// right signature learns that it is missing.
    fn image_or_refusal(&self, always_public: bool) -> Result<&ImageRights, Error> {
        if let Some(image) = self.image {
            return Ok(image);
        }
        if self.account.hides(self.url.image()) && !always_public {
            self.verify()?;
        }
        Err(Error::ImageMissing)
    }

    fn verify(&self) -> Result<Verified, Error> {
        Ok(signing::verify_request(&self.request, &self.account.verifier(), self.now)?)
    }

    /// The options in the URL. What tells more than the picture needs a signature over the whole path: the holder of a
    /// key who signed a prefix never saw it (signing-schemes 1.2).
    fn options_in_url(&self, signed: Option<&Verified>) -> Result<Options, Error> {
        let mut options =
            Options::parse(self.url.last()).map_err(|error| Error::Options(error.to_string()))?;
        if options.metadata == Some(MetadataPolicy::Keep) {
            match signed {
                None => options.metadata = Some(MetadataPolicy::Copyright),
                Some(verified) if verified.covers == Covers::Path => {}
                Some(_) => return Err(signing::Error::VariantNotAllowed.into()),
            }
        }
        Ok(options)
    }

    fn admission(
        &self,
        image: &ImageRights,
        options: Arc<Options>,
        ttl_s: u32,
        signed: Option<Verified>,
    ) -> Admission {
        Admission {
            account: self.account.id,
            object: image.object,
            day: image.day,
            sha256: image.sha256,
            bytes: image.bytes,
            facts: Arc::clone(&image.facts),
            options,
            ttl_s,
            signed,
        }
    }
}
