//! Rights to originals in storage's form: requests and posted forms that are signed as for S3 or Google Cloud Storage.
//! Everything is judged here before a body is read; what an image is, is asked for by who got a leave.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use domain::{AccountId, Fault, ImageId, ObjectId, Timestamp};
use signing::{
    Explanation, PostForm, Refusal, Request, Scheme, SchemeSet, SchemeSettings, ShortText, Signer,
    StorageAddress, Target, Verified, Verifier,
};
use tokio::time::timeout;
use variant::Format;

use crate::database::overdue;
use crate::explanation::{Explained, Route};
use crate::rights::AccountRights;
use crate::{Answered, Catalog, Counted, Error, Fetched, Outcome};

/// What fetches of originals count under: no variant can have this name.
pub const ORIGINAL: &str = "@original";

/// What uploads by a signed request count under: no variant can have this name.
pub const UPLOADED: &str = "@upload";

/// The schemes whose requests may ask for originals.
const SCHEMES: SchemeSet = SchemeSet::of(&[Scheme::S3, Scheme::Gcs]);

/// How long a request waits for a database that does not answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// What decides about requests for the originals of one account. Where there is no such account it decides as for one
/// that has switched no scheme on.
#[derive(Debug, Clone)]
pub struct StorageRights {
    catalog: Catalog,
    account: Option<Arc<AccountRights>>,
    /// The account's, with its handle in the place of the buckets.
    settings: SchemeSettings,
}

/// The leave that a signed request has.
#[derive(Debug, Clone)]
pub struct StorageLeave {
    /// Whose originals.
    pub account: AccountId,
    /// What the signature proved. It is for the caller to hold a body against [`Verified::body_sha256`].
    pub signed: Verified,
    /// The pairs of the query that the signature covers, decoded: no other may have an effect.
    pub query: Vec<(String, String)>,
    /// Seconds for which a browser may keep an original, at most.
    pub ttl_s: u32,
    /// From how many bytes on an original is fetched from the bucket itself, where objects lie in one; none for never.
    pub redirect_bytes: Option<u64>,
}

/// What came of a request for an original or of an upload, for the counts and for the list of fetches.
#[derive(Debug)]
pub struct StorageFetch {
    /// The image and its original, where there is one and the request had a right to learn of it.
    pub image: Option<(ImageId, ObjectId)>,
    /// Its encoding.
    pub format: Option<Format>,
    /// Why it was refused, if it was.
    pub refused: Option<&'static str>,
    /// The client had the original already.
    pub not_modified: bool,
    /// Bytes of the body that were sent.
    pub sent_bytes: u64,
    /// Who asked.
    address: Option<IpAddr>,
    /// [`ORIGINAL`] or [`UPLOADED`].
    way: &'static str,
    /// What the signature proved.
    signed: Option<Verified>,
    /// Who signed what was refused.
    signer: Option<Signer>,
    /// The scheme that it was read by, where it bears a mark of one.
    scheme: Option<Scheme>,
}

impl StorageFetch {
    /// A request for an original, by somebody at this address.
    pub fn of_original(address: Option<IpAddr>) -> Self {
        StorageFetch {
            image: None,
            format: None,
            refused: None,
            not_modified: false,
            sent_bytes: 0,
            address,
            way: ORIGINAL,
            signed: None,
            signer: None,
            scheme: None,
        }
    }

    /// An upload, by somebody at this address.
    pub fn upload(address: Option<IpAddr>) -> Self {
        StorageFetch { way: UPLOADED, ..StorageFetch::of_original(address) }
    }

    fn outcome(&self) -> Outcome {
        match self.refused {
            Some(reason) => Outcome::Refused(reason),
            None if self.way == UPLOADED => Outcome::Stored,
            None if self.not_modified => Outcome::NotModified,
            None => Outcome::Miss,
        }
    }

    /// Keeps what a signature was found to be worth.
    fn keep(
        &mut self,
        verdict: Result<Verified, Refusal>,
        scheme: Option<Scheme>,
    ) -> Result<Verified, Error> {
        match verdict {
            Ok(signed) => {
                (self.scheme, self.signed) = (Some(signed.scheme), Some(signed.clone()));
                Ok(signed)
            }
            Err(refusal) => {
                (self.scheme, self.signer, self.signed) =
                    (scheme, refusal.signer.map(|signer| *signer), None);
                Err(refusal.error.into())
            }
        }
    }
}

impl Catalog {
    /// The rights to the originals of the account with this handle.
    pub async fn storage_rights(&self, handle: &str) -> Result<StorageRights, Error> {
        let account = timeout(PATIENCE, self.account_rights_by_handle(handle)).await;
        let account = account.unwrap_or_else(|_| Err(overdue().into())).map_err(|error| {
            tracing::debug!(?error, "rights cannot be read right now");
            Error::RightsUnavailable
        })?;
        let mut settings =
            account.as_ref().map_or_else(SchemeSettings::default, |account| account.settings.clone());
        // The address names the bucket, whatever a form says of it.
        settings.s3.bucket = Some(handle.to_owned());
        settings.s3.virtual_host_bucket = None;
        settings.gcs.bucket = Some(handle.to_owned());
        Ok(StorageRights { catalog: self.clone(), account, settings })
    }
}

impl StorageRights {
    /// Whose they are; none where there is no such account.
    pub fn account(&self) -> Option<AccountId> {
        self.account.as_ref().map(|account| account.id)
    }

    /// Whether a refusal says no more than that it is one.
    pub fn collapses(&self) -> bool {
        self.account.as_ref().is_some_and(|account| account.policy.collapse_refusals)
    }

    /// Decides about a request, and keeps what its signature proved. Some clients know the server by an address that ends
    /// in the mount, and sign the path behind it: both texts are tried.
    pub fn admit(
        &self,
        request: &Request<'_>,
        fetch: &mut StorageFetch,
        now: Timestamp,
    ) -> Result<StorageLeave, Error> {
        let judge = |schemes| self.judge(request, schemes, now);
        let verdict = judge(self.enforced());
        self.report(&verdict, judge, now);
        let signed = fetch.keep(verdict, self.verifier(self.enforced()).scheme_of(request).ok())?;
        let account = self.account.as_deref().ok_or(signing::Error::UnknownKey)?;
        let query = signing::signed_query(request, &account.verification, &signed)?;
        Ok(leave(account, signed, query))
    }

    /// Decides about a form that a browser posts to the account, and keeps what its signature proved.
    pub fn admit_form(
        &self,
        form: &PostForm<'_>,
        fetch: &mut StorageFetch,
        now: Timestamp,
    ) -> Result<StorageLeave, Error> {
        let judge = |schemes| signing::judge_posted(form, &self.verifier(schemes), now);
        let verdict = judge(self.enforced());
        self.report(&verdict, judge, now);
        let signed = fetch.keep(verdict, self.verifier(self.enforced()).scheme_of_form(form).ok())?;
        let account = self.account.as_deref().ok_or(signing::Error::UnknownKey)?;
        Ok(leave(account, signed, Vec::new()))
    }

    /// Notes what came of a request, where the account is there: under its signing key, and in the list of fetches.
    pub fn note(&self, fetch: &StorageFetch, now: Timestamp) {
        let Some(account) = &self.account else { return };
        let delivered = fetch.image.as_ref().filter(|_| fetch.way == ORIGINAL);
        let answer = Answered {
            of: Counted { account: account.id, variant: fetch.way },
            outcome: fetch.outcome(),
            format: fetch.format,
            sent_bytes: fetch.sent_bytes,
            object: delivered.map(|(_, object)| object),
            digest: None,
            signed: fetch.signed.as_ref(),
            address: fetch.address,
        };
        self.catalog.tally().count(&answer, now);
        let Some(scheme) = fetch.scheme else { return };
        let signer = fetch.signed.as_ref().map(Signer::from).or_else(|| fetch.signer.clone());
        let text = |of: fn(&Signer) -> &Option<ShortText>| {
            signer.as_ref().and_then(|signer| of(signer).as_ref()).map(ShortText::as_str)
        };
        let fetched = Fetched {
            account: account.id,
            image: fetch.image.as_ref().map_or("", |(image, _)| image.as_str()),
            variant: fetch.way,
            scheme,
            key: signer.as_ref().map(|signer| &*signer.key),
            subject: text(|signer| &signer.subject),
            token_id: text(|signer| &signer.token_id),
            verdict: fetch.refused.unwrap_or("ok"),
            address: fetch.address,
        };
        self.catalog.fetches().note(&fetched, now);
    }

    fn judge(&self, request: &Request<'_>, schemes: SchemeSet, now: Timestamp) -> Result<Verified, Refusal> {
        let verifier = self.verifier(schemes);
        let whole = signing::judge_request(request, &verifier, now);
        let is_wrong = whole.as_ref().is_err_and(|refusal| refusal.error == signing::Error::BadSignature);
        match behind_mount(request) {
            Some(inner) if is_wrong => signing::judge_request(&inner, &verifier, now),
            _ => whole,
        }
    }

    fn explain(&self, request: &Request<'_>, now: Timestamp) -> Explanation {
        let verifier = self.verifier(self.enforced());
        let whole = signing::explain_request(request, &verifier, now);
        match behind_mount(request) {
            Some(inner) if whole.verdict == Err(signing::Error::BadSignature) => {
                let inner = signing::explain_request(&inner, &verifier, now);
                if inner.verdict == Err(signing::Error::BadSignature) { whole } else { inner }
            }
            _ => whole,
        }
    }

    /// The schemes that count here.
    fn enforced(&self) -> SchemeSet {
        self.account.as_ref().map_or(SchemeSet::EMPTY, |account| account.schemes.and(SCHEMES))
    }

    fn verifier(&self, schemes: SchemeSet) -> Verifier<'_> {
        let Some(account) = &self.account else {
            return Verifier { schemes, settings: &self.settings, ..Verifier::native(&[], no_policy()) };
        };
        let (keys, foreign_keys, policy) = (&account.keys, &account.foreign_keys, &account.verification);
        Verifier { schemes, keys, foreign_keys, settings: &self.settings, policy, counts_uses: false }
    }

    /// Counts what enforcing a scheme would have said, where the account wants to know before it does.
    fn report(
        &self,
        decided: &Result<Verified, Refusal>,
        judge: impl Fn(SchemeSet) -> Result<Verified, Refusal>,
        now: Timestamp,
    ) {
        let Some(account) = &self.account else { return };
        let unread = |refusal: &Refusal| {
            matches!(refusal.error, signing::Error::SchemeDisabled | signing::Error::MissingSignature)
        };
        if !decided.as_ref().is_err_and(unread) {
            return;
        }
        for scheme in account.reported.and(SCHEMES).iter() {
            let verdict = judge(SchemeSet::of(&[scheme]));
            if !verdict.as_ref().is_err_and(unread) {
                let verdict =
                    verdict.map_or_else(|refusal| refusal.error.reason().unwrap_or("refused"), |_| "ok");
                self.catalog.reports().note(account.id, scheme, verdict, now);
            }
        }
    }
}

fn leave(account: &AccountRights, signed: Verified, query: Vec<(String, String)>) -> StorageLeave {
    let policy = &account.policy;
    let (ttl_s, redirect_bytes) = (policy.browser_ttl_s, policy.redirect_to_storage_bytes);
    StorageLeave { account: account.id, signed, query, ttl_s, redirect_bytes }
}

/// What a request for an original would be answered, for people.
pub(crate) async fn explain(
    catalog: &Catalog,
    target: &str,
    request: &Request<'_>,
    now: Timestamp,
) -> Result<Explained, Error> {
    let path = target.split_once('?').map_or(target, |(path, _)| path);
    let address = match StorageAddress::parse(path) {
        Ok(address) => address,
        Err(error) => return Ok(Explained::unread(Route::Storage, error)),
    };
    let rights = catalog.storage_rights(address.account()).await?;
    let found = match (rights.account(), address.image().map(str::parse::<ImageId>)) {
        (Some(account), Some(Ok(id))) => Some(catalog.image(&account, &id).await),
        _ => None,
    };
    let is_here = match found {
        Some(Ok(image)) => image.facts.is_some(),
        Some(Err(Error::ImageMissing)) | None => false,
        Some(Err(error)) => return Err(error),
    };
    let judged = rights.judge(request, rights.enforced(), now).map_err(|refusal| Error::from(refusal.error));
    let puts = request.method == "PUT";
    let outcome = judged.and_then(|signed| match is_here {
        true if puts => Err(Error::Exists),
        false if !puts => Err(Error::ImageMissing),
        _ => Ok(Some(signed)),
    });
    Ok(Explained {
        account: rights.account(),
        image: address.image().map(str::to_owned),
        is_here,
        explanation: rights.account.is_some().then(|| rights.explain(request, now)),
        outcome,
        ..Explained::at(Route::Storage)
    })
}

/// The request as a client signs it that leaves the mount out.
fn behind_mount<'r>(request: &Request<'r>) -> Option<Request<'r>> {
    let target = StorageAddress::without_mount(request.target())?;
    Some(Request { target: Target::Raw(target), ..*request })
}

/// The policy of an account that is not there.
fn no_policy() -> &'static signing::Policy {
    static POLICY: std::sync::LazyLock<signing::Policy> = std::sync::LazyLock::new(Default::default);
    &POLICY
}
