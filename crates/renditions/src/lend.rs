//! Bytes that a visitor fetches from the bucket itself, where objects lie in one and the account wants it so.
//!
//! A bucket knows nothing of keys that are revoked or of images that become private: what is lent ends within minutes.

use domain::Timestamp;
use sha2::{Digest as _, Sha256};
use storage::{Lent, ObjectKey};

use crate::{Original, Rendered, Renditions};

/// The longest time for which anything is lent, in seconds: long enough to follow a redirect, and to resume.
const MAX_LENT_S: i64 = 300;

/// How something is lent.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'t> {
    /// Now.
    pub now: Timestamp,
    /// The second, in unix time, at which it must have ended; none where only the house's own limit counts.
    pub until_s: Option<i64>,
    /// What the answer says of its type.
    pub content_type: &'t str,
    /// What it says of how it is shown.
    pub content_disposition: &'t str,
    /// How long it may be kept.
    pub cache_control: &'t str,
}

impl Terms<'_> {
    /// The latest moment at which something lent now can be fetched. How long it may be kept counts from there, since the
    /// bucket says the same to whoever comes last.
    pub fn latest(now: Timestamp) -> Timestamp {
        Timestamp::from_seconds(now.as_seconds().saturating_add(MAX_LENT_S))
    }
}

impl Renditions {
    /// Whether objects lie where visitors can be sent: in a bucket.
    pub fn lends(&self) -> bool {
        !self.storage.is_near()
    }

    /// A URL by which whoever has it gets an original for a while; none where it has to be delivered here.
    pub async fn lend_original(&self, original: &Original, terms: &Terms<'_>) -> Option<String> {
        self.lend_object(&original.prefix.original(), terms).await
    }

    /// The same for a rendition. At rest it has a head of ours, so its bare bytes are put beside it, under the digest of
    /// a rendition of their own: they are counted, found and thrown away as any other.
    pub async fn lend(
        &self,
        original: &Original,
        digest: &[u8; 16],
        rendered: &Rendered,
        terms: &Terms<'_>,
    ) -> Option<String> {
        let bare = bare_digest(digest);
        let place = original.prefix.rendition(&bare);
        let url = self.lend_object(&place, terms).await?;
        let bytes = rendered.bytes.len() as u64;
        if self.catalog.is_at_rest(&original.object, &bare).await.unwrap_or(false) {
            self.note_found(&original.prefix, bare, bytes);
            return Some(url);
        }
        match self.storage.put_spare(&place, rendered.bytes.clone()).await {
            Ok(()) => self.note(&original.prefix, bare, bytes),
            Err(error) => {
                tracing::debug!(?error, "a rendition cannot be lent right now");
                return None;
            }
        }
        Some(url)
    }

    async fn lend_object(&self, place: &ObjectKey, terms: &Terms<'_>) -> Option<String> {
        let now_s = terms.now.as_seconds();
        let most_s = now_s.saturating_add(MAX_LENT_S);
        let lent = Lent {
            now_s,
            until_s: terms.until_s.map_or(most_s, |until_s| until_s.min(most_s)),
            content_type: terms.content_type,
            content_disposition: terms.content_disposition,
            cache_control: terms.cache_control,
        };
        let url = self.storage.presigned_get(place, &lent).await;
        url.inspect_err(|error| tracing::warn!(?error, "no URL of the bucket can be signed")).ok().flatten()
    }
}

/// The digest under which the bare bytes of a rendition lie.
fn bare_digest(digest: &[u8; 16]) -> [u8; 16] {
    let hash = Sha256::new().chain_update(b"bare").chain_update(digest).finalize();
    let mut bare = [0; 16];
    bare.copy_from_slice(&hash[..16]);
    bare
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_bytes_lie_where_no_rendition_with_a_head_does() {
        assert_ne!(bare_digest(&[1; 16]), [1; 16]);
        assert_ne!(bare_digest(&[1; 16]), bare_digest(&[2; 16]));
    }
}
