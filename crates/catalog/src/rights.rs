//! Rights, and the one pure decision about them. Loading them stands in `delivery_rights.rs`, keeping them in
//! `memory.rs`.

use std::sync::{Arc, OnceLock};

use domain::{AccountHash, AccountId, Fault as _, Handle, ObjectId, Timestamp, VariantName};
use hashbrown::HashMap;
use signing::{
    Covers, Refusal, Request, Scheme, SchemeSet, SchemeSettings, Signer, SigningKey, Verified, Verifier,
    VerifyingKey,
};
use variant::{Facts, MetadataPolicy, Options};

use crate::Error;
use crate::policy::{AccountPolicy, Corp, Flexible, HideExistence};
use crate::tally::{Counted, FLEXIBLE, UNKNOWN};
use crate::wanted::{Wanted, Wish};

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
    /// By names that nobody but the account chooses, so that the hash need not be one that strangers cannot foresee: each
    /// delivery looks here more than once.
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
    pub(crate) focal_point: Option<(f32, f32)>,
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
    /// What is to stay in view, as parts of width and height from the left and the top, 0 to 1.
    pub focal_point: Option<(f32, f32)>,
    /// The wish.
    pub options: Arc<Options>,
    /// Seconds for which a browser may keep the answer.
    pub ttl_s: u32,
    /// Which pages may load it.
    pub corp: Corp,
    /// From how many bytes on it is fetched from the bucket itself, where objects lie in one; none for never.
    pub redirect_bytes: Option<u64>,
    /// What the signature proved, where one was needed; then the answer is private and ends with the URL.
    pub signed: Option<Verified>,
}

/// What the signature of one request is worth: judged when that is first asked, and once, however often rights are loaded
/// and decided about it. Good for that one request alone.
#[derive(Debug, Default)]
pub struct Judgement(OnceLock<Judged>);

#[derive(Debug)]
struct Judged {
    /// By whose keys: rights that were loaded anew have a verdict of their own.
    account: Arc<AccountRights>,
    /// In which second: links and keys end with one.
    at_s: i64,
    verdict: Result<Verified, Refusal>,
}

impl Judgement {
    /// Who signed, whatever is wrong with the request otherwise; none where that is not proved, or nobody asked.
    pub fn signer(&self) -> Option<Signer> {
        match &self.0.get()?.verdict {
            Ok(verified) => Some(verified.into()),
            Err(refusal) => refusal.signer.as_deref().cloned(),
        }
    }

    /// The verdict on the request, by the keys of an account.
    pub(crate) fn verdict(
        &self,
        account: &Arc<AccountRights>,
        wanted: Wanted<'_>,
        request: &Request<'_>,
        now: Timestamp,
    ) -> Result<Verified, signing::Error> {
        let (judge, at_s) = (|| account.judge(wanted, request, now), now.as_seconds());
        let known = self.0.get_or_init(|| Judged { account: Arc::clone(account), at_s, verdict: judge() });
        // Time goes on while rights are loaded: what was right may be so no more.
        let still_holds = known.verdict.is_err() || known.at_s == at_s;
        let verdict =
            if still_holds && Arc::ptr_eq(&known.account, account) { known.verdict.clone() } else { judge() };
        verdict.map_err(|refusal| refusal.error)
    }
}

impl Rights {
    /// Decides (pure): the leave to deliver, or exactly what a stranger may learn. An unsigned `metadata=keep`
    /// counts as `copyright`. Of the request nothing is known but its URL: one that is bound to an address, a page or a
    /// session is refused.
    pub fn admit<'u>(&self, wanted: impl Into<Wanted<'u>>, now: Timestamp) -> Result<Admission, Error> {
        let wanted = wanted.into();
        self.admit_request(wanted, &Request::get(wanted.target), &Judgement::default(), now)
    }

    /// Decides about a request for what is wanted, whatever target the request names: [`Rights::admit`] by someone who
    /// knows who asks, and keeps what its signature was found to be worth. A signature with uses is right as long as it
    /// is; whoever delivers consumes one, by [`Catalog::consume_uses`](crate::Catalog::consume_uses).
    pub fn admit_request<'u>(
        &self,
        wanted: impl Into<Wanted<'u>>,
        request: &Request<'_>,
        judgement: &Judgement,
        now: Timestamp,
    ) -> Result<Admission, Error> {
        let wanted = wanted.into();
        // An account that is not there has no images, and no settings to hide that (contract R-62 for moved URLs).
        let unknown = || if wanted.is_moved { Error::AccountHashWrong } else { Error::ImageMissing };
        let account = self.account.as_ref().ok_or_else(unknown)?;
        let asked = Asked { account, image: self.image.as_deref(), wanted, request, judgement, now };
        if self.stale && asked.image.is_none_or(|image| image.private) {
            return Err(Error::RightsUnavailable);
        }
        match wanted.wish {
            Wish::Named(name) => asked.admit_named(name),
            Wish::Options(_) | Wish::Foreign(_) => asked.admit_flexible(),
        }
    }

    /// Whether what is decided may depend on more than the URL's path: then the request has to be shown whole.
    pub fn depend_on_request<'u>(&self, wanted: impl Into<Wanted<'u>>) -> bool {
        let (Some(account), wanted) = (self.account.as_deref(), wanted.into()) else { return false };
        match (self.image.as_deref(), wanted.variant()) {
            (Some(image), Some(name)) => image.private && !account.is_always_public(name),
            (Some(image), None) => {
                image.private || account.policy.flexible_variants == Flexible::Signed || wanted.draws()
            }
            (None, _) => true,
        }
    }

    /// The scheme that a request is read by; native where it bears no mark, or two.
    pub fn scheme_of<'u>(&self, wanted: impl Into<Wanted<'u>>, request: &Request<'_>) -> Scheme {
        let (Some(account), wanted) = (self.account.as_deref(), wanted.into()) else { return Scheme::Native };
        let request = Request { target: wanted.target, ..*request };
        account.verifier(account.schemes.and(wanted.schemes)).scheme_of(&request).unwrap_or(Scheme::Native)
    }

    /// What each scheme that is in report mode would say to a request for which a signature was needed, as its outcome
    /// shows: `ok`, or a reason. Those of which it bears no mark say nothing. None of it opens or closes anything.
    pub fn report<'u>(
        &self,
        wanted: impl Into<Wanted<'u>>,
        request: &Request<'_>,
        outcome: Result<&Admission, &Error>,
        now: Timestamp,
    ) -> Vec<(Scheme, &'static str)> {
        let (Some(account), wanted) = (self.account.as_deref(), wanted.into()) else { return Vec::new() };
        let reported = account.reported.and(wanted.schemes);
        let needs = match outcome {
            Ok(admission) => admission.signed.is_some(),
            Err(Error::Signature(_)) => true,
            Err(Error::FlexibleOff) => account.policy.flexible_variants == Flexible::Signed,
            Err(_) => false,
        };
        if reported == SchemeSet::EMPTY || !needs {
            return Vec::new();
        }
        let request = Request { target: wanted.target, ..*request };
        let enforced = account.schemes.and(wanted.schemes);
        let said = |scheme| Some((scheme, account.would_say(scheme, enforced, &request, now)?));
        reported.iter().filter_map(said).collect()
    }

    /// For whom an answer counts; none where the account is unknown.
    pub fn counted<'u>(&self, wanted: impl Into<Wanted<'u>>) -> Option<Counted<'u>> {
        let account = self.account.as_deref()?;
        let variant = match wanted.into().variant() {
            None => FLEXIBLE,
            Some(name) if account.variants.contains_key(name) => name,
            Some(_) => UNKNOWN,
        };
        Some(Counted { account: account.id, variant })
    }

    /// Whether the account keeps the image that is asked for.
    pub fn has_image(&self) -> bool {
        self.image.is_some()
    }

    /// Whether a refused signature is told without its reason.
    pub fn collapse_refusals(&self) -> bool {
        self.account.as_deref().is_some_and(|account| account.policy.collapse_refusals)
    }

    /// How the signature of a URL is judged, for people with the right to see it; none where the account is unknown.
    pub fn explain<'u>(&self, wanted: impl Into<Wanted<'u>>, now: Timestamp) -> Option<signing::Explanation> {
        let wanted = wanted.into();
        self.explain_request(wanted, &Request::get(wanted.target), now)
    }

    /// The same of a request for it.
    pub fn explain_request<'u>(
        &self,
        wanted: impl Into<Wanted<'u>>,
        request: &Request<'_>,
        now: Timestamp,
    ) -> Option<signing::Explanation> {
        let (account, wanted) = (self.account.as_deref()?, wanted.into());
        let request = Request { target: wanted.target, ..*request };
        let verifier = account.verifier(account.schemes.and(wanted.schemes));
        Some(signing::explain_request(&request, &verifier, now))
    }
}

impl AccountRights {
    /// What signatures of these schemes are verified with. Only its own keys are: whatever the policy of a URL says, it
    /// opens no image of another account.
    pub(crate) fn verifier(&self, schemes: SchemeSet) -> Verifier<'_> {
        Verifier {
            schemes,
            foreign_keys: &self.foreign_keys,
            settings: &self.settings,
            counts_uses: true,
            ..Verifier::native(&self.keys, &self.verification)
        }
    }

    /// What a scheme would say if it were enforced beside others; nothing where it would not be read.
    fn would_say(
        &self,
        scheme: Scheme,
        beside: SchemeSet,
        request: &Request<'_>,
        now: Timestamp,
    ) -> Option<&'static str> {
        let alone = self.verifier(SchemeSet::of(&[scheme]));
        let verdict = match self.verifier(beside.with(scheme)).scheme_of(request) {
            Ok(read) if read == scheme => signing::verify_request(request, &alone, now).map(drop),
            Err(error) if alone.scheme_of(request).is_ok() => Err(error),
            _ => return None,
        };
        match verdict {
            Ok(()) => Some("ok"),
            Err(signing::Error::MissingSignature) => None,
            Err(error) => error.reason(),
        }
    }

    /// What the signature of a request for what is wanted is worth, whatever it opens.
    fn judge(&self, wanted: Wanted<'_>, request: &Request<'_>, now: Timestamp) -> Result<Verified, Refusal> {
        let request = Request { target: wanted.target, ..*request };
        signing::judge_request(&request, &self.verifier(self.schemes.and(wanted.schemes)), now)
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
    account: &'a Arc<AccountRights>,
    image: Option<&'a ImageRights>,
    wanted: Wanted<'a>,
    request: &'a Request<'a>,
    judgement: &'a Judgement,
    now: Timestamp,
}

impl Asked<'_> {
    /// A named variant: open on public images, and on private ones where it is always public or the URL is signed.
    fn admit_named(&self, name: &str) -> Result<Admission, Error> {
        let named = self.account.variants.get(name);
        let always_public = named.is_some_and(|named| named.always_public);
        let image = self.image_or_refusal(always_public)?;
        // On what is public no signature is looked at: a broken one breaks nothing.
        let signed = if image.private && !always_public { Some(self.verify()?) } else { None };
        // That a name is unknown is told only to who may see the image.
        let named = named.ok_or(Error::VariantDenied)?;
        Ok(self.admission(image, Arc::clone(&named.options), named.ttl_s, signed))
    }

    /// Options in the URL, in our words or in another service's, by the table of contract 6.2.
    fn admit_flexible(&self) -> Result<Admission, Error> {
        let flexible = self.account.policy.flexible_variants;
        if flexible == Flexible::Off {
            return Err(Error::FlexibleOff);
        }
        if let Some(why) = self.unread() {
            // Which image it names is not known: it is told to whoever may ask for any.
            if flexible == Flexible::Signed {
                self.verify()?;
            }
            return Err(Error::Options(why.to_owned()));
        }
        let image = self.image_or_refusal(false)?;
        let signed = match flexible {
            _ if image.private => Some(self.verify()?),
            Flexible::Signed => match self.verify() {
                Err(Error::Signature(signing::Error::MissingSignature | signing::Error::SchemeDisabled)) => {
                    return Err(Error::FlexibleOff);
                }
                verified => Some(verified?),
            },
            // What lies over a picture needs a signature everywhere; whether there is one is asked for that alone.
            Flexible::All if self.wanted.draws() => match self.verify() {
                Err(Error::Signature(signing::Error::MissingSignature | signing::Error::SchemeDisabled)) => {
                    None
                }
                verified => Some(verified?),
            },
            Flexible::All | Flexible::Off => None,
        };
        let options = self.options(signed.as_ref())?;
        Ok(self.admission(image, Arc::new(options), self.account.policy.browser_ttl_s, signed))
    }

    /// Why the URL of another service cannot be read, where it cannot.
    fn unread(&self) -> Option<&str> {
        match self.wanted.wish {
            Wish::Foreign(url) => url.unread(),
            Wish::Named(_) | Wish::Options(_) => None,
        }
    }

    /// The image. One that is not there is refused as a private one would be where existence is hidden, so only a
    /// right signature learns that it is missing.
    fn image_or_refusal(&self, always_public: bool) -> Result<&ImageRights, Error> {
        if let Some(image) = self.image {
            return Ok(image);
        }
        if self.account.hides(self.wanted.image) && !always_public {
            self.verify()?;
        }
        Err(Error::ImageMissing)
    }

    fn verify(&self) -> Result<Verified, Error> {
        Ok(self.judgement.verdict(self.account, self.wanted, self.request, self.now)?)
    }

    /// The options that count. What tells more than the picture needs a signature over the whole path: the holder of a
    /// key who signed a prefix never saw it (signing-schemes 1.2).
    fn options(&self, signed: Option<&Verified>) -> Result<Options, Error> {
        let mut options = match self.wanted.wish {
            Wish::Named(text) | Wish::Options(text) => {
                Options::parse(text).map_err(|error| Error::Options(error.to_string()))?
            }
            Wish::Foreign(url) => url.options(signed.and_then(|signed| signed.operations.as_deref()))?,
        };
        let (keeps, draws) = (options.metadata == Some(MetadataPolicy::Keep), options.draw.is_some());
        match signed {
            None if draws => {
                return Err(Error::Options("draw needs a signed URL or a named variant".to_owned()));
            }
            None if keeps => options.metadata = Some(MetadataPolicy::Copyright),
            Some(verified) if (keeps || draws) && verified.covers != Covers::Path => {
                return Err(signing::Error::VariantNotAllowed.into());
            }
            None | Some(_) => {}
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
            focal_point: image.focal_point,
            options,
            ttl_s,
            corp: self.account.policy.corp,
            redirect_bytes: self.account.policy.redirect_to_storage_bytes,
            signed,
        }
    }
}
