//! Images: their rows, one at a time. Lists of them stand in `image_pages.rs`.

use std::collections::HashSet;

use domain::{AccountId, ImageId, ObjectId, Timestamp, grouped};
use serde_json::{Map, Value};
use variant::{Facts, Glimpse};

use crate::catalog::Writing;
use crate::changes::Change;
use crate::database::{Connection, Lock, On, Row, is_orphan, is_taken, query, query_scalar};
use crate::doomed::{self, Doomed};
use crate::rights::is_custom;
use crate::rows::{account_id, bytes, json, json_text, maybe_json, object_id, parsed, time};
use crate::{Actor, Catalog, Error, Totals, audit, image_metadata};

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
    /// The colour that most of it has: red, green, blue. None where it came before that was looked at.
    pub dominant: Option<[u8; 3]>,
    /// Its perceptual hash; none as above.
    pub phash: Option<u64>,
    /// What is to stay in view, as parts of width and height from the left and the top, 0 to 1.
    pub focal_point: Option<(f32, f32)>,
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
    /// What the one small decode left of it; nothing where it has no pixels.
    pub glimpse: Glimpse,
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
    /// The focal point; `Some(None)` removes it.
    pub focal_point: Option<Option<(f32, f32)>>,
}

/// Characters of a file name that are kept.
const MAX_FILENAME_CHARS: usize = 255;

/// Bytes of a creator.
const MAX_CREATOR_BYTES: usize = 1_024;

/// Characters of an idempotency key.
const MAX_IDEMPOTENCY_KEY_CHARS: usize = 255;

impl Catalog {
    /// Inserts the row of an image whose original lies in storage. `Exists` where the id is taken.
    pub async fn insert_image(&self, new: NewImage, actor: &Actor) -> Result<Inserted, Error> {
        let idempotency = new.idempotency.clone();
        let mut writing = self.begin(Lock::Account(new.account)).await?;
        if let Some((key, digest)) = &idempotency {
            check_idempotency_key(key)?;
            let oldest = self.oldest_idempotency(writing.now);
            if let Some(image) = replayed(writing.db(), &new.account, key, digest, oldest).await? {
                return Ok(Inserted::Replayed(image));
            }
            forget_idempotency_key(writing.db(), &new.account, key).await?;
        }
        let image = self.fitting(new, writing.now)?;
        insert(writing.db(), &image, idempotency.as_ref()).await?;
        let totals = add_to_totals(writing.db(), &image.account, 1, image.bytes as i64).await?;
        self.check_room(totals)?;
        note_private_custom(&mut writing, &image).await?;
        writing.changes(Change::Image(image.account, image.id.to_string()));
        audit::note(&mut writing, Some(&image.account), actor, "image.upload", &target(&image.id)).await?;
        self.commit(writing).await?;
        Ok(Inserted::New(image))
    }

    /// Refuses what would not fit into an account, before anything is done for it; the insert decides all the same.
    pub async fn check_room_for(&self, account: &AccountId, bytes: u64) -> Result<(), Error> {
        let config = &self.inner.config;
        if config.max_account_images == 0 && config.max_account_bytes == 0 {
            return Ok(());
        }
        let Totals { images, bytes: held } = self.account(account).await?.totals;
        self.check_room(Totals { images: images + 1, bytes: held.saturating_add_unsigned(bytes) })
    }

    fn check_room(&self, totals: Totals) -> Result<(), Error> {
        let config = &self.inner.config;
        let passes = |count: i64, most: u64| most > 0 && count.unsigned_abs() > most;
        if passes(totals.images, config.max_account_images) {
            let told = format!("this account keeps at most {} images", config.max_account_images);
            return Err(Error::AccountFull { limit: "max_account_images", told });
        }
        if passes(totals.bytes, config.max_account_bytes) {
            let told = format!("this account keeps at most {} bytes of images", config.max_account_bytes);
            return Err(Error::AccountFull { limit: "max_account_bytes", told });
        }
        Ok(())
    }

    /// The image that an idempotency key made, if the request's digest is the same; `IdempotencyMismatch` else.
    pub async fn replayed(
        &self,
        account: &AccountId,
        key: &str,
        digest: &[u8; 32],
    ) -> Result<Option<Image>, Error> {
        check_idempotency_key(key)?;
        let mut reader = self.inner.database.acquire().await?;
        replayed(&mut reader, account, key, digest, self.oldest_idempotency(self.now())).await
    }

    /// The image with this id in this account, or `ImageMissing`.
    pub async fn image(&self, account: &AccountId, id: &ImageId) -> Result<Image, Error> {
        let mut reader = self.inner.database.acquire().await?;
        find(&mut reader, account, id).await
    }

    /// An image of the account with the same content, if there is one (for "already here").
    pub async fn image_by_digest(
        &self,
        account: &AccountId,
        sha256: &[u8; 32],
    ) -> Result<Option<Image>, Error> {
        let row =
            query("select * from images where account = $1 and sha256 = $2 and facts is not null limit 1")
                .bind(&account.as_bytes()[..])
                .bind(&sha256[..])
                .fetch_optional(&self.inner.database)
                .await?;
        row.as_ref().map(image).transpose()
    }

    /// Changes an image; returns it as it is then.
    pub async fn update_image(
        &self,
        account: &AccountId,
        id: &ImageId,
        change: ImageChange,
        actor: &Actor,
    ) -> Result<Image, Error> {
        let mut writing = self.begin(Lock::Account(*account)).await?;
        let before = find(writing.db(), account, id).await?;
        let image = self.changed(&before, change)?;
        update(writing.db(), &image).await?;
        note_private_custom(&mut writing, &image).await?;
        writing.changes(Change::Image(*account, id.to_string()));
        let act = if image.private == before.private { "image.update" } else { "image.privacy" };
        audit::note(&mut writing, Some(account), actor, act, &target(id)).await?;
        self.commit(writing).await?;
        Ok(image)
    }

    /// Removes the row and notes its place as doomed, in one transaction.
    pub async fn remove_image(
        &self,
        account: &AccountId,
        id: &ImageId,
        actor: &Actor,
    ) -> Result<Doomed, Error> {
        let mut writing = self.begin(Lock::Account(*account)).await?;
        let row = query("delete from images where account = $1 and id = $2 returning *")
            .bind(&account.as_bytes()[..])
            .bind(id.as_str())
            .fetch_optional(writing.db())
            .await?;
        let removed = row.as_ref().map(image).ok_or(Error::ImageMissing)??;
        if removed.facts.is_some() {
            add_to_totals(writing.db(), account, -1, -(removed.bytes as i64)).await?;
        }
        let doomed = doomed::insert(writing.db(), account, &removed.object, removed.day).await?;
        writing.changes(Change::Image(*account, id.to_string()));
        audit::note(&mut writing, Some(account), actor, "image.remove", &target(id)).await?;
        self.commit(writing).await?;
        Ok(doomed)
    }

    /// Whether a row owns this object: asked just before an orphan is deleted.
    pub async fn owns_object(&self, account: &AccountId, object: &ObjectId) -> Result<bool, Error> {
        let owns = query_scalar("select exists (select 1 from images where object = $2 and account = $1)")
            .bind(&account.as_bytes()[..])
            .bind(&object.as_bytes()[..]);
        Ok(owns.fetch_one(&self.inner.database).await?)
    }

    /// Those of some objects that a row owns.
    pub async fn owned_objects(&self, objects: &[ObjectId]) -> Result<HashSet<ObjectId>, Error> {
        if objects.is_empty() {
            return Ok(HashSet::new());
        }
        owned_objects(&self.inner.database, objects).await
    }

    /// Since when an idempotency key counts.
    pub(crate) fn oldest_idempotency(&self, now: Timestamp) -> Timestamp {
        now.minus(std::time::Duration::from_secs(self.inner.config.idempotency_ttl_s))
    }

    /// A new image as it is kept.
    fn fitting(&self, new: NewImage, uploaded_at: Timestamp) -> Result<Image, Error> {
        self.check_metadata(&new.metadata)?;
        let has_pixels = !new.glimpse.thumbhash.is_empty();
        Ok(Image {
            account: new.account,
            id: new.id,
            object: new.object,
            day: new.day,
            filename: cut(&new.filename),
            metadata: new.metadata,
            creator: fitting_creator(new.creator)?,
            private: new.private,
            facts: Some(new.facts),
            bytes: new.bytes,
            sha256: new.sha256,
            thumbhash: new.glimpse.thumbhash,
            dominant: has_pixels.then_some(new.glimpse.dominant),
            phash: has_pixels.then_some(new.glimpse.phash),
            focal_point: None,
            uploaded_at,
        })
    }

    fn changed(&self, before: &Image, change: ImageChange) -> Result<Image, Error> {
        let mut image = before.clone();
        if let Some(metadata) = change.metadata {
            self.check_metadata(&metadata)?;
            image.metadata = metadata;
        }
        if let Some(creator) = change.creator {
            image.creator = fitting_creator(creator)?;
        }
        if let Some(point) = change.focal_point {
            image.focal_point = point.map(fitting_point).transpose()?;
        }
        image.private = change.private.unwrap_or(image.private);
        image.filename = change.filename.map_or(image.filename, |filename| cut(&filename));
        Ok(image)
    }

    fn check_metadata(&self, metadata: &Map<String, Value>) -> Result<(), Error> {
        let limit = self.inner.config.max_metadata_bytes;
        let size = serde_json::to_string(metadata).map_or(usize::MAX, |text| text.len());
        if size <= limit {
            return Ok(());
        }
        Err(Error::Invalid(format!("metadata is {} bytes; the limit is {}", grouped(size), grouped(limit))))
    }
}

fn cut(filename: &str) -> String {
    filename.chars().take(MAX_FILENAME_CHARS).collect()
}

/// An empty creator is none: a list finds images without a creator by the empty text.
fn fitting_creator(creator: Option<String>) -> Result<Option<String>, Error> {
    let creator = creator.filter(|creator| !creator.is_empty());
    match creator.as_ref().map(String::len) {
        Some(size) if size > MAX_CREATOR_BYTES => {
            let (size, limit) = (grouped(size), grouped(MAX_CREATOR_BYTES));
            Err(Error::Invalid(format!("the creator is {size} bytes; the limit is {limit}")))
        }
        _ => Ok(creator),
    }
}

/// A point within the image, to a millionth: that much is kept.
fn fitting_point((x, y): (f32, f32)) -> Result<(f32, f32), Error> {
    let inside = |part: f32| (0.0..=1.0).contains(&part);
    if inside(x) && inside(y) {
        return Ok((from_millionths(millionths(x)), from_millionths(millionths(y))));
    }
    Err(Error::Invalid("a focal point lies within the image: each part is from 0 to 1".to_owned()))
}

fn millionths(part: f32) -> i64 {
    (f64::from(part) * 1e6).round() as i64
}

fn from_millionths(millionths: i64) -> f32 {
    (millionths as f64 / 1e6) as f32
}

fn check_idempotency_key(key: &str) -> Result<(), Error> {
    if (1..=MAX_IDEMPOTENCY_KEY_CHARS).contains(&key.chars().count()) {
        return Ok(());
    }
    Err(Error::Invalid(format!("an idempotency key has 1 to {MAX_IDEMPOTENCY_KEY_CHARS} characters")))
}

/// Those of some objects that a row owns.
pub(crate) async fn owned_objects<'c>(
    on: impl Into<On<'c>>,
    objects: &[ObjectId],
) -> Result<HashSet<ObjectId>, Error> {
    let mut asked = query("select object from images where object in ");
    asked.push_list(objects.iter().map(|object| &object.as_bytes()[..]));
    let rows = asked.fetch_all(on).await?;
    Ok(rows.iter().map(|row| object_id(row, "object")).collect::<Result<_, _>>()?)
}

fn target(id: &ImageId) -> String {
    format!("image:{id}")
}

async fn find(db: &mut Connection, account: &AccountId, id: &ImageId) -> Result<Image, Error> {
    let row = query("select * from images where account = $1 and id = $2")
        .bind(&account.as_bytes()[..])
        .bind(id.as_str())
        .fetch_optional(db)
        .await?;
    row.as_ref().map(image).ok_or(Error::ImageMissing)?
}

async fn replayed(
    db: &mut Connection,
    account: &AccountId,
    key: &str,
    digest: &[u8; 32],
    oldest: Timestamp,
) -> Result<Option<Image>, Error> {
    let row = query("select * from images where account = $1 and idempotency_key = $2 and uploaded_at >= $3")
        .bind(&account.as_bytes()[..])
        .bind(key)
        .bind(oldest.as_micros())
        .fetch_optional(db)
        .await?;
    let Some(row) = row else { return Ok(None) };
    if bytes::<32>(&row, "idempotency_digest")? != *digest {
        return Err(Error::IdempotencyMismatch);
    }
    image(&row).map(Some)
}

/// A key that is still there at this point is past its time.
async fn forget_idempotency_key(db: &mut Connection, account: &AccountId, key: &str) -> Result<(), Error> {
    query(
        "update images set idempotency_key = null, idempotency_digest = null
         where account = $1 and idempotency_key = $2",
    )
    .bind(&account.as_bytes()[..])
    .bind(key)
    .execute(db)
    .await?;
    Ok(())
}

async fn insert(
    db: &mut Connection,
    image: &Image,
    idempotency: Option<&(String, [u8; 32])>,
) -> Result<(), Error> {
    let inserted = query_scalar(
        "insert into images (account, id, object, day, filename, metadata, creator, private, facts, format, bytes,
             sha256, thumbhash, uploaded_at, idempotency_key, idempotency_digest, lower_id, lower_filename, dominant,
             phash)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
         returning number",
    )
    .bind(&image.account.as_bytes()[..])
    .bind(image.id.as_str())
    .bind(&image.object.as_bytes()[..])
    .bind(image.day)
    .bind(&image.filename)
    .bind(json_text(&image.metadata))
    .bind(&image.creator)
    .bind(image.private)
    .bind(image.facts.as_ref().map(json_text))
    .bind(image.facts.as_ref().map(|facts| facts.format.extension()))
    .bind(image.bytes as i64)
    .bind(&image.sha256[..])
    .bind(&image.thumbhash)
    .bind(image.uploaded_at.as_micros())
    .bind(idempotency.map(|(key, _)| key))
    .bind(idempotency.map(|(_, digest)| &digest[..]))
    .bind(image.id.as_str().to_ascii_lowercase())
    .bind(image.filename.to_ascii_lowercase())
    .bind(image.dominant.map(|[red, green, blue]| i64::from(u32::from_be_bytes([0, red, green, blue]))))
    .bind(image.phash.map(u64::cast_signed))
    .fetch_one(&mut *db)
    .await;
    let number: i64 = match inserted {
        Err(error) if is_taken(&error, "images.id") => return Err(Error::Exists),
        Err(error) if is_orphan(&error) => return Err(Error::AccountMissing),
        inserted => inserted?,
    };
    image_metadata::insert(db, number, &image.account, image.uploaded_at, &image.metadata).await
}

async fn update(db: &mut Connection, image: &Image) -> Result<(), Error> {
    let number: i64 = query_scalar(
        "update images set filename = $3, lower_filename = $4, metadata = $5, creator = $6, private = $7,
             focus_x = $8, focus_y = $9
         where account = $1 and id = $2 returning number",
    )
    .bind(&image.account.as_bytes()[..])
    .bind(image.id.as_str())
    .bind(&image.filename)
    .bind(image.filename.to_ascii_lowercase())
    .bind(json_text(&image.metadata))
    .bind(&image.creator)
    .bind(image.private)
    .bind(image.focal_point.map(|(x, _)| millionths(x)))
    .bind(image.focal_point.map(|(_, y)| millionths(y)))
    .fetch_one(&mut *db)
    .await?;
    image_metadata::remove(db, number).await?;
    image_metadata::insert(db, number, &image.account, image.uploaded_at, &image.metadata).await
}

/// What the account holds then.
async fn add_to_totals(
    db: &mut Connection,
    account: &AccountId,
    images: i64,
    size: i64,
) -> Result<Totals, Error> {
    let text =
        "update accounts set images = images + $2, bytes = bytes + $3 where id = $1 returning images, bytes";
    let row = query(text).bind(&account.as_bytes()[..]).bind(images).bind(size).fetch_optional(db).await?;
    let row = row.ok_or(Error::AccountMissing)?;
    Ok(Totals { images: row.try_get("images")?, bytes: row.try_get("bytes")? })
}

/// From an account's first private image with a custom id on, refusals may hide which custom ids there are.
async fn note_private_custom(writing: &mut Writing, image: &Image) -> Result<(), Error> {
    if !image.private || !is_custom(image.id.as_str()) {
        return Ok(());
    }
    let noted = query("update accounts set private_custom = true where id = $1 and not private_custom")
        .bind(&image.account.as_bytes()[..])
        .execute(writing.db())
        .await?;
    if noted > 0 {
        writing.changes(Change::Account(image.account));
    }
    Ok(())
}

/// The focal point in a row of an image.
pub(crate) fn focal_point(row: &Row) -> Result<Option<(f32, f32)>, Error> {
    let part = |column| Ok::<_, Error>(row.try_get::<Option<i64>>(column)?.map(from_millionths));
    Ok(part("focus_x")?.zip(part("focus_y")?))
}

/// The image in a row.
pub(crate) fn image(row: &Row) -> Result<Image, Error> {
    Ok(Image {
        account: account_id(row, "account")?,
        id: parsed(row, "id")?,
        object: object_id(row, "object")?,
        day: row.try_get("day")?,
        filename: row.try_get("filename")?,
        metadata: json(row, "metadata")?,
        creator: row.try_get("creator")?,
        private: row.try_get("private")?,
        facts: maybe_json(row, "facts")?,
        bytes: row.try_get::<i64>("bytes")?.unsigned_abs(),
        sha256: bytes(row, "sha256")?,
        thumbhash: row.try_get("thumbhash")?,
        dominant: row.try_get::<Option<i64>>("dominant")?.map(|colour| {
            let [_, red, green, blue] = (colour as u32).to_be_bytes();
            [red, green, blue]
        }),
        phash: row.try_get::<Option<i64>>("phash")?.map(i64::cast_unsigned),
        focal_point: focal_point(row)?,
        uploaded_at: time(row, "uploaded_at")?,
    })
}
