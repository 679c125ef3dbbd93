//! URLs by which somebody gets one object from the bucket itself, for a while. Making one asks nothing of the store.

use std::time::{Duration, UNIX_EPOCH};

use aws_sdk_s3::presigning::PresigningConfig;

use super::failure::Failure;
use super::store::Store;
use crate::{Error, Lent, ObjectKey};

/// The longest life that S3 gives such a URL.
const MAX_LIFETIME: Duration = Duration::from_secs(604_800);

/// A URL of an object that ends at `lent.until_s` at the latest; none where it would live for less than a second.
pub(super) async fn presigned_get(
    store: &Store,
    key: &ObjectKey,
    lent: &Lent<'_>,
) -> Result<Option<String>, Error> {
    let Some(url) = presign(store, key, lent, lent.until_s).await? else { return Ok(None) };
    // Signing has brought the credentials, if nothing had before.
    match store.credentials_end.seconds() {
        Some(end_s) if end_s < lent.until_s => presign(store, key, lent, end_s).await,
        _ => Ok(Some(url)),
    }
}

async fn presign(
    store: &Store,
    key: &ObjectKey,
    lent: &Lent<'_>,
    until_s: i64,
) -> Result<Option<String>, Error> {
    // Stores let such a URL live through the second in which it ends.
    let Ok(lifetime_s) = u64::try_from(until_s.saturating_sub(lent.now_s).saturating_sub(1)) else {
        return Ok(None);
    };
    let lifetime = Duration::from_secs(lifetime_s).min(MAX_LIFETIME);
    if lifetime.is_zero() {
        return Ok(None);
    }
    let start = UNIX_EPOCH + Duration::from_secs(u64::try_from(lent.now_s).unwrap_or_default());
    let config = PresigningConfig::builder().start_time(start).expires_in(lifetime).build();
    let config = config.map_err(|error| Error::Io(Box::new(error)))?;
    let request = store.wire.client().get_object().bucket(store.bucket.name()).key(store.key(key));
    let request = request
        .response_content_type(lent.content_type)
        .response_content_disposition(lent.content_disposition)
        .response_cache_control(lent.cache_control);
    let presigned = request.presigned(config).await.map_err(|error| Failure::of(error).error)?;
    Ok(Some(presigned.uri().to_owned()))
}
