//! Google Cloud Storage: what `google-cloud-storage`, `gsutil` and `curl --aws-sigv4 goog` sign (signing-schemes 6). The
//! walks are shared with Amazon and stand in `v4`, `v2` and `post_policy`.

use domain::Timestamp;

use super::storage_advice::advised;
use super::{post_policy, v2, v4};
use crate::Error;
use crate::canonical::GOOGLE;
use crate::request::{PostForm, Request};
use crate::verdict::{Verified, Witness};
use crate::verifier::Verifier;

/// Judges an `Authorization: GOOG4-HMAC-SHA256` header.
pub(super) fn judge_header(
    request: &Request<'_>,
    verifier: &Verifier<'_>,
    now: Timestamp,
    witness: &mut impl Witness,
) -> Result<Verified, Error> {
    advised(v4::judge_header(&GOOGLE, request, verifier, now, witness), witness)
}

/// Judges a URL with `X-Goog-Signature`.
pub(super) fn judge_v4(
    request: &Request<'_>,
    verifier: &Verifier<'_>,
    now: Timestamp,
    witness: &mut impl Witness,
) -> Result<Verified, Error> {
    advised(v4::judge_query(&GOOGLE, request, verifier, now, witness), witness)
}

/// Judges a URL with `GoogleAccessId` and `Signature`.
pub(super) fn judge_v2(
    request: &Request<'_>,
    verifier: &Verifier<'_>,
    now: Timestamp,
    witness: &mut impl Witness,
) -> Result<Verified, Error> {
    advised(v2::judge(&v2::GOOGLE, request, verifier, now, witness), witness)
}

/// Judges a posted form with `x-goog-signature`.
pub(super) fn judge_post(
    form: &PostForm<'_>,
    verifier: &Verifier<'_>,
    now: Timestamp,
    witness: &mut impl Witness,
) -> Result<Verified, Error> {
    advised(post_policy::judge(&GOOGLE, form, verifier, now, witness), witness)
}
