//! What lies in a bucket below our prefix: page after page, and whole prefixes removed.

use std::collections::VecDeque;
use std::sync::Arc;

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use md5::{Digest as _, Md5};

use super::store::{Store, at_put, base64};
use super::wire::Kind;
use crate::backend::Listed;
use crate::object_key::day_text;
use crate::{Error, Prefix};

/// Keys of a page, and of one request that deletes: S3 takes no more at once.
const PAGE_KEYS: i32 = 1000;

/// An object of a page.
struct Entry {
    key: String,
    bytes: u64,
    /// When it was written, in unix seconds.
    written_s: i64,
}

/// A run of keys in their order.
struct Page {
    keys: Vec<Entry>,
    /// The key after which the next page begins; none behind the last one.
    next: Option<String>,
}

/// A listing on its way.
struct Listing {
    store: Arc<Store>,
    /// The key after which the next page begins; none when all pages were read.
    next: Option<String>,
    /// Prefixes of which all objects were seen.
    whole: VecDeque<Listed>,
    /// The prefix whose objects come right now.
    current: Option<Listed>,
}

/// Every prefix of ours of that day or a later one, day by day: the order of keys is that of days.
pub(super) fn list(store: Arc<Store>, from_day: i64) -> BoxStream<'static, Result<Listed, Error>> {
    let first = if from_day > 0 { store.place(&day_text(from_day)) } else { String::new() };
    let listing = Listing { store, next: Some(first), whole: VecDeque::new(), current: None };
    stream::try_unfold(listing, |mut listing| async move {
        Ok(listing.next().await?.map(|listed| (listed, listing)))
    })
    .boxed()
}

/// Deletes everything below a prefix, a page at a time.
pub(super) async fn delete_below(store: &Store, prefix: &Prefix) -> Result<(), Error> {
    let below = format!("{}/", store.place(prefix.as_str()));
    let mut next = Some(String::new());
    while let Some(after) = next {
        let page = page(store, &below, after).await?;
        if !page.keys.is_empty() {
            delete(store, page.keys).await?;
        }
        next = page.next;
    }
    Ok(())
}

async fn page(store: &Store, below: &str, after: String) -> Result<Page, Error> {
    let request = |client: Client| {
        let request = client.list_objects_v2().bucket(store.bucket.name()).prefix(below).max_keys(PAGE_KEYS);
        request.set_start_after((!after.is_empty()).then(|| after.clone())).send()
    };
    let answer = store.wire.ask(Kind::List, 0, request).await.map_err(at_put)?;
    let more = answer.is_truncated().unwrap_or(false);
    let found = answer.contents.unwrap_or_default().into_iter();
    let keys: Vec<_> = found
        .filter_map(|object| {
            let bytes = object.size.and_then(|size| u64::try_from(size).ok()).unwrap_or(0);
            let written_s = object.last_modified.map_or(0, |time| time.secs());
            Some(Entry { key: object.key?, bytes, written_s })
        })
        .collect();
    // A page that is not the last one and has no keys would be asked for again and again.
    let next = if more { keys.last().map(|last| last.key.clone()) } else { None };
    Ok(Page { keys, next })
}

async fn delete(store: &Store, keys: Vec<Entry>) -> Result<(), Error> {
    let name = |entry: Entry| ObjectIdentifier::builder().key(entry.key).build();
    let keys = keys.into_iter().map(name).collect::<Result<Vec<_>, _>>();
    let keys = keys.map_err(|error| Error::Io(error.into()))?;
    let delete = Delete::builder().set_objects(Some(keys)).quiet(true).build();
    let delete = delete.map_err(|error| Error::Io(error.into()))?;
    let request = |client: Client| {
        let request = client.delete_objects().bucket(store.bucket.name()).delete(delete.clone());
        // S3 once demanded it, and older servers do still.
        let request = request.customize().mutate_request(|request| {
            let md5 = request.body().bytes().map(|body| base64(&Md5::digest(body)));
            if let Some(md5) = md5 {
                request.headers_mut().insert("content-md5", md5);
            }
        });
        request.send()
    };
    let answer = store.wire.ask(Kind::Delete, 0, request).await?;
    match answer.errors().first() {
        None => Ok(()),
        Some(error) => Err(super::failure::of_one(error.code().unwrap_or_default())),
    }
}

impl Listing {
    async fn next(&mut self) -> Result<Option<Listed>, Error> {
        loop {
            if let Some(listed) = self.whole.pop_front() {
                return Ok(Some(listed));
            }
            let Some(after) = self.next.take() else { return Ok(self.current.take()) };
            let below = self.store.place("");
            let page = page(&self.store, &below, after).await?;
            page.keys.iter().for_each(|entry| self.take(&entry.key[below.len()..], entry));
            self.next = page.next;
        }
    }

    /// Notes one object, whose key comes without what stands before all of ours.
    fn take(&mut self, key: &str, entry: &Entry) {
        let Some((prefix, name)) = key.rsplit_once('/') else { return };
        let Some(prefix) = Prefix::parse(prefix) else { return };
        if self.current.as_ref().is_none_or(|current| current.prefix != prefix) {
            self.whole.extend(self.current.replace(Listed::new(prefix)));
        }
        if let Some(current) = &mut self.current {
            current.note(name, entry.bytes, entry.written_s);
        }
    }
}
