//! S3: what `boto3`, the AWS SDKs and `curl --aws-sigv4` sign (signing-schemes 5). The walks are shared with Google and
//! stand in `v4`, `v2` and `post_policy`.

use domain::Timestamp;

use super::storage_advice::advised;
use super::{post_policy, v2, v4};
use crate::Error;
use crate::canonical::AMAZON;
use crate::request::{PostForm, Request};
use crate::verdict::{Verified, Witness};
use crate::verifier::Verifier;

/// Judges an `Authorization: AWS4-HMAC-SHA256` header.
pub(super) fn judge_header(
    request: &Request<'_>,
    verifier: &Verifier<'_>,
    now: Timestamp,
    witness: &mut impl Witness,
) -> Result<Verified, Error> {
    advised(v4::judge_header(&AMAZON, request, verifier, now, witness), witness)
}

/// Judges a URL with `X-Amz-Signature`.
pub(super) fn judge_presigned(
    request: &Request<'_>,
    verifier: &Verifier<'_>,
    now: Timestamp,
    witness: &mut impl Witness,
) -> Result<Verified, Error> {
    advised(v4::judge_query(&AMAZON, request, verifier, now, witness), witness)
}

/// Judges a URL with `AWSAccessKeyId` and `Signature`.
pub(super) fn judge_v2(
    request: &Request<'_>,
    verifier: &Verifier<'_>,
    now: Timestamp,
    witness: &mut impl Witness,
) -> Result<Verified, Error> {
    advised(v2::judge(&v2::AMAZON, request, verifier, now, witness), witness)
}

/// Judges a posted form with `x-amz-signature`.
pub(super) fn judge_post(
    form: &PostForm<'_>,
    verifier: &Verifier<'_>,
    now: Timestamp,
    witness: &mut impl Witness,
) -> Result<Verified, Error> {
    advised(post_policy::judge(&AMAZON, form, verifier, now, witness), witness)
}
