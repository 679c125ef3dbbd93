//! Accepting an original: probe, decode once, store, row last.

use std::sync::Arc;
use std::time::{Duration, Instant};

use catalog::{Actor, Catalog, Image, Inserted, NewImage};
use domain::{AccountId, Clock, ImageId, ObjectId, Rate, TooOften};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use storage::{Prefix, Sealed, Storage};
use variant::{Facts, Glimpse};
use workers::{Lane, Workers};

use crate::{Error, FormLimits};

/// Limits of this crate.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// Limits of a form.
    pub form: FormLimits,
    /// Uploads of an account within a minute; 0 is no limit.
    pub max_uploads_per_minute: u32,
}

/// What to accept.
#[derive(Debug)]
pub struct NewUpload {
    /// Into which account.
    pub account: AccountId,
    /// The wished id, which must be one that [`ImageId::custom`] takes; a new UUID where absent.
    pub id: Option<ImageId>,
    /// The bytes.
    pub file: Sealed,
    /// The file's name.
    pub filename: String,
    /// Metadata.
    pub metadata: Map<String, Value>,
    /// Creator.
    pub creator: Option<String>,
    /// Whether only a signed URL delivers it.
    pub private: bool,
    /// `Idempotency-Key`, 1 to 255 characters.
    pub idempotency_key: Option<String>,
}

/// An accepted original.
#[derive(Debug)]
pub struct Accepted {
    /// The image.
    pub image: Image,
    /// Whether an earlier request with the same idempotency key made it.
    pub replayed: bool,
}

/// Accepts and removes originals. Clones share everything.
#[derive(Clone)]
pub struct Uploads {
    pub(crate) config: Config,
    pub(crate) catalog: Catalog,
    pub(crate) storage: Storage,
    pub(crate) workers: Workers,
    pub(crate) clock: Clock,
    rate: Arc<Rate<AccountId>>,
}

impl Uploads {
    /// Uploads into this catalog and storage.
    pub fn new(config: Config, catalog: Catalog, storage: Storage, workers: Workers, clock: Clock) -> Self {
        let rate = Arc::new(Rate::new(config.max_uploads_per_minute, Duration::from_secs(60)));
        Uploads { config, catalog, storage, workers, clock, rate }
    }

    /// The limits, for texts that name them.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The storage, for [`crate::Incoming::read`].
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// Accepts an original: the answer comes when bytes and row are durable. Where anything fails nothing is left.
    pub async fn accept(&self, new: NewUpload, actor: &Actor) -> Result<Accepted, Error> {
        if let Some(id) = &new.id {
            ImageId::custom(id.as_str()).map_err(|invalid| Error::form(invalid.to_string()))?;
        }
        let idempotency = new.idempotency_key.clone().map(|key| (key, new.digest()));
        if let Some((key, digest)) = &idempotency
            && let Some(image) = self.catalog.replayed(&new.account, key, digest).await?
        {
            return Ok(Accepted { image, replayed: true });
        }
        self.count(&new.account)?;
        self.refuse_taken(&new).await?;
        self.catalog.check_room_for(&new.account, new.file.len()).await?;
        let (facts, glimpse) = self.examine(&new.account, &new.file).await?;
        let day = self.clock.now().as_days();
        let (bytes, sha256) = (new.file.len(), new.file.sha256());
        let object = ObjectId::random();
        let place = Prefix::new(day, &new.account, &object);
        self.storage.put_file(&place.original(), new.file).await?;
        let row = NewImage {
            account: new.account,
            id: new.id.unwrap_or_else(ImageId::random),
            object,
            day,
            filename: new.filename,
            metadata: new.metadata,
            creator: new.creator,
            private: new.private,
            facts,
            bytes,
            sha256,
            glimpse,
            idempotency,
        };
        self.insert(row, &place, actor).await
    }

    /// The row comes last. Where there will be none, the bytes go again.
    async fn insert(&self, row: NewImage, place: &Prefix, actor: &Actor) -> Result<Accepted, Error> {
        let result = self.catalog.insert_image(row, actor).await;
        match result {
            Ok(Inserted::New(image)) => Ok(Accepted { image, replayed: false }),
            Ok(Inserted::Replayed(image)) => {
                self.take_back(place).await;
                Ok(Accepted { image, replayed: true })
            }
            Err(error) => {
                if is_refusal(&error) {
                    self.take_back(place).await;
                } else {
                    tracing::warn!(
                        prefix = place.as_str(),
                        "an object may have no row and stays for the sweep"
                    );
                }
                Err(error.into())
            }
        }
    }

    /// Deletes what was put for a row that will not come. The database is not asked again: one that is gone would keep
    /// the client waiting for a refusal that it has already.
    async fn take_back(&self, place: &Prefix) {
        if let Err(error) = self.storage.delete_prefix(place).await {
            tracing::warn!(%error, prefix = place.as_str(), "an object without a row stays for the sweep");
        }
    }

    fn count(&self, account: &AccountId) -> Result<(), TooOften> {
        self.rate.count(*account, Instant::now()).map_err(|wait| {
            let told = format!("this account may upload {} images a minute", self.rate.most());
            TooOften::new("max_uploads_per_minute", wait, told)
        })
    }

    /// An id that is taken is refused before anything is decoded; the insert decides all the same.
    async fn refuse_taken(&self, new: &NewUpload) -> Result<(), Error> {
        let Some(id) = &new.id else { return Ok(()) };
        match self.catalog.image(&new.account, id).await {
            Ok(_) => Err(catalog::Error::Exists.into()),
            Err(catalog::Error::ImageMissing) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Facts and a glimpse. The bytes are read when a worker is free, and read anew for the decode: those who wait
    /// hold none.
    async fn examine(&self, account: &AccountId, file: &Sealed) -> Result<(Facts, Glimpse), Error> {
        let slot = self.workers.probe_slot().await?;
        let facts = slot.probe(file.bytes().await?).await?;
        let slot = self.workers.slot(Lane::Upload, account, &facts).await?;
        let glimpse = slot.examine(file.bytes().await?, facts.clone()).await?;
        Ok((facts, glimpse))
    }
}

/// Whether it is certain that there will be no row. Where that is not known there may be none now and one later all the
/// same: a commit whose flush failed is found again by the recovery after a crash, and one whose connection broke may be
/// under way.
fn is_refusal(error: &catalog::Error) -> bool {
    !matches!(error, catalog::Error::Unknown(_))
}

impl NewUpload {
    /// What makes two requests with one idempotency key the same.
    fn digest(&self) -> [u8; 32] {
        let said = json!([
            hex::encode(self.file.sha256()),
            self.id.as_ref().map(ImageId::as_str),
            self.filename,
            self.metadata,
            self.creator,
            self.private,
        ]);
        Sha256::digest(said.to_string()).into()
    }
}
