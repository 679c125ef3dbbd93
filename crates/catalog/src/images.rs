//! Images: rows with facts, metadata and privacy; pages of them; what a removed one leaves to sweep.

use domain::{AccountId, ImageId, ObjectId, Timestamp};
use serde_json::{Map, Value};
use variant::Facts;

use crate::{Actor, Catalog, Error};

/// What an account keeps.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    /// Its account.
    pub account: AccountId,
    /// Its id.
    pub id: ImageId,
    /// The original's random name in storage.
    pub object: ObjectId,
    /// The day on which the original came (days since 1970): part of its object key.
    pub day: i64,
    /// File name, at most 255 characters; may be empty.
    pub filename: String,
    /// The account's own key-values.
    pub metadata: Map<String, Value>,
    /// The account's label for who made it.
    pub creator: Option<String>,
    /// Whether only a signed URL delivers it.
    pub private: bool,
    /// What probing told; none for a draft.
    pub facts: Option<Facts>,
    /// Length of the original in bytes.
    pub bytes: u64,
    /// SHA-256 of the original.
    pub sha256: [u8; 32],
    /// ThumbHash; empty for a draft.
    pub thumbhash: Vec<u8>,
    /// When the original came.
    pub uploaded_at: Timestamp,
}

/// A new image whose original lies in storage already: the row comes last.
#[derive(Debug, Clone)]
pub struct NewImage {
    /// Its account.
    pub account: AccountId,
    /// Its id.
    pub id: ImageId,
    /// See [`Image::object`].
    pub object: ObjectId,
    /// See [`Image::day`].
    pub day: i64,
    /// File name, cut to 255 characters.
    pub filename: String,
    /// Metadata, at most `max_metadata_bytes` as JSON.
    pub metadata: Map<String, Value>,
    /// Creator, at most 1,024 bytes.
    pub creator: Option<String>,
    /// Whether only a signed URL delivers it.
    pub private: bool,
    /// Facts of the original.
    pub facts: Facts,
    /// Bytes of the original.
    pub bytes: u64,
    /// SHA-256 of the original.
    pub sha256: [u8; 32],
    /// ThumbHash.
    pub thumbhash: Vec<u8>,
    /// An idempotency key with the digest of the request that carries it.
    pub idempotency: Option<(String, [u8; 32])>,
}

/// What an insert came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Inserted {
    /// The row is new.
    New(Image),
    /// The idempotency key was used before by the same request; this is what it made.
    Replayed(Image),
}

/// What to change; absent is unchanged.
#[derive(Debug, Clone, Default)]
pub struct ImageChange {
    /// Replaces the whole metadata (contract R-27).
    pub metadata: Option<Map<String, Value>>,
    /// Privacy.
    pub private: Option<bool>,
    /// Creator; `Some(None)` removes it.
    pub creator: Option<Option<String>>,
    /// File name.
    pub filename: Option<String>,
}

/// Which images; all conditions hold at once.
#[derive(Debug, Clone, Default)]
pub struct ImageFilter {
    /// Creator; `Some(None)` finds images without one.
    pub creator: Option<Option<String>>,
    /// Only private or only public ones.
    pub private: Option<bool>,
    /// Only of this format of the original.
    pub format: Option<variant::Format>,
    /// Text at the beginning of the file name or the id, case ignored for ASCII letters.
    pub search: Option<String>,
    /// Metadata conditions (contract 3.11), at most 5.
    pub metadata: Vec<MetaFilter>,
}

/// One condition on metadata.
#[derive(Debug, Clone, PartialEq)]
pub struct MetaFilter {
    /// Dotted path, at most 5 levels, segments of letters, digits and `_`, at most 100 characters.
    pub field: String,
    /// How to compare.
    pub operator: MetaOperator,
    /// With what: one value, or up to 10 for `In`.
    pub values: Vec<MetaValue>,
}

/// How a metadata value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the contract")]
pub enum MetaOperator {
    Eq,
    Gt,
    Gte,
    Lt,
    Lte,
    In,
}

/// A value to compare metadata with. `Any` is untyped: text that also matches a number or boolean of that spelling.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum MetaValue {
    Any(String),
    Text(String),
    Number(f64),
    Boolean(bool),
}

/// By time of upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Newest first.
    #[default]
    Newest,
    /// Oldest first.
    Oldest,
}

/// A place between two images of a list. As text it carries a MAC over account and place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(pub(crate) String);

impl Cursor {
    /// The cursor as text for a URL: base64url.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A piece of a list, with the places to go on from.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The items, in order.
    pub items: Vec<T>,
    /// Where the next page begins; none on the last.
    pub next: Option<Cursor>,
    /// Where the previous page begins (reading backwards); none on the first.
    pub previous: Option<Cursor>,
}

/// The place of a removed image's objects, noted in the transaction that removed the row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doomed {
    /// The row's id in the table of doomed places.
    pub id: i64,
    /// Its account.
    pub account: AccountId,
    /// Its object.
    pub object: ObjectId,
    /// Its day.
    pub day: i64,
}

impl Catalog {
    /// Inserts the row of an image whose original lies in storage. `Exists` where the id is taken.
    pub async fn insert_image(&self, _new: NewImage, _actor: &Actor) -> Result<Inserted, Error> {
        todo!()
    }

    /// The image that an idempotency key made, if the request's digest is the same; `IdempotencyMismatch` else.
    pub async fn replayed(
        &self,
        _account: &AccountId,
        _key: &str,
        _digest: &[u8; 32],
    ) -> Result<Option<Image>, Error> {
        todo!()
    }

    /// The image with this id in this account, or `ImageMissing`.
    pub async fn image(&self, _account: &AccountId, _id: &ImageId) -> Result<Image, Error> {
        todo!()
    }

    /// An image of the account with the same content, if there is one (for "already here").
    pub async fn image_by_digest(
        &self,
        _account: &AccountId,
        _sha256: &[u8; 32],
    ) -> Result<Option<Image>, Error> {
        todo!()
    }

    /// A page of images by upload time. `after` comes from an earlier page's `next` or `previous` as text; a foreign
    /// or altered one is `Invalid`. Drafts are not listed.
    pub async fn page_images(
        &self,
        _account: &AccountId,
        _filter: &ImageFilter,
        _order: Order,
        _after: Option<&str>,
        _limit: u32,
    ) -> Result<Page<Image>, Error> {
        todo!()
    }

    /// How many images match, counted up to `at_most`.
    pub async fn count_images(
        &self,
        _account: &AccountId,
        _filter: &ImageFilter,
        _at_most: u32,
    ) -> Result<u32, Error> {
        todo!()
    }

    /// The neighbours of an image by upload time: the newer and the older one.
    pub async fn neighbours(&self, _image: &Image) -> Result<(Option<ImageId>, Option<ImageId>), Error> {
        todo!()
    }

    /// Changes an image; returns it as it is then.
    pub async fn update_image(
        &self,
        _account: &AccountId,
        _id: &ImageId,
        _change: ImageChange,
        _actor: &Actor,
    ) -> Result<Image, Error> {
        todo!()
    }

    /// Removes the row and notes its place as doomed, in one transaction.
    pub async fn remove_image(
        &self,
        _account: &AccountId,
        _id: &ImageId,
        _actor: &Actor,
    ) -> Result<Doomed, Error> {
        todo!()
    }

    /// Doomed places whose objects may still lie in storage, oldest first.
    pub async fn doomed(&self, _limit: u32) -> Result<Vec<Doomed>, Error> {
        todo!()
    }

    /// Forgets a doomed place once its objects are gone.
    pub async fn forget_doomed(&self, _id: i64) -> Result<(), Error> {
        todo!()
    }

    /// Whether a row owns this object: asked just before an orphan is deleted.
    pub async fn owns_object(&self, _account: &AccountId, _object: &ObjectId) -> Result<bool, Error> {
        todo!()
    }
}
