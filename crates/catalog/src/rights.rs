//! Who may see what: rights in memory, and the one pure decision about them.

use std::sync::Arc;

use domain::{ObjectId, Timestamp};
use signing::DeliveryUrl;
use variant::{Facts, Options};

use crate::{Catalog, Error};

/// What decides one delivery: the image, its options, the account's keys and policy. Answers for unknown ids and
/// malformed options too, so that [`Rights::admit`] alone decides what a stranger learns.
#[derive(Debug, Clone)]
pub struct Rights {
    pub(crate) _todo: Arc<()>,
}

/// The leave to deliver one image under one set of options.
#[derive(Debug, Clone)]
pub struct Admission {
    /// Account of the image.
    pub account: domain::AccountId,
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
    pub signed: Option<signing::Verified>,
}

impl Rights {
    /// Decides (pure): the leave to deliver, or exactly what a stranger may learn. An unsigned `metadata=keep`
    /// counts as `copyright`.
    pub fn admit(&self, _url: &DeliveryUrl, _now: Timestamp) -> Result<Admission, Error> {
        todo!()
    }

    /// How the signature of a URL is judged, for people with the right to see it; none where the account is unknown.
    pub fn explain(&self, _url: &DeliveryUrl, _now: Timestamp) -> Option<signing::Explanation> {
        todo!()
    }
}

impl Catalog {
    /// The rights that concern a delivery URL, from memory where memory is fresh.
    pub async fn rights(&self, _url: &DeliveryUrl) -> Result<Rights, Error> {
        todo!()
    }

    /// The same without waiting: none where memory does not know them. For the path before the router.
    pub fn rights_in_memory(&self, _url: &DeliveryUrl) -> Option<Rights> {
        todo!()
    }
}
