//! What lies in a bucket below our prefix: page after page, and whole prefixes removed.

use std::collections::VecDeque;
use std::sync::Arc;

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use futures_util::stream::{self, BoxStream};
use futures_util::StreamExt as _;
use md5::{Digest as _, Md5};

use super::Store;
use super::wire::Kind;
use crate::backend::Listed;
use crate::{Error, Prefix};

/// Keys of a page, and of one request that deletes: S3 takes no more at once.
const PAGE_KEYS: i32 = 1000;

/// A run of keys in their order.
struct Page {
    /// Each with the time it was written, in unix seconds.
    keys: Vec<(String, i64)>,
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

/// Every prefix of ours with the time of its youngest object, day by day: the order of keys is that of days.
pub(super) fn list(store: Arc<Store>) -> BoxStream<'static, Result<Listed, Error>> {
    let listing = Listing { store, next: Some(String::new()), whole: VecDeque::new(), current: None };
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
    let answer = store.wire.ask(Kind::List, 0, request).await.map_err(super::at_put)?;
    let more = answer.is_truncated().unwrap_or(false);
    let found = answer.contents.unwrap_or_default().into_iter();
    let keys: Vec<_> = found
        .filter_map(|object| Some((object.key?, object.last_modified.map_or(0, |time| time.secs()))))
        .collect();
    // A page that is not the last one and has no keys would be asked for again and again.
    let next = if more { keys.last().map(|(key, _)| key.clone()) } else { None };
    Ok(Page { keys, next })
}

async fn delete(store: &Store, keys: Vec<(String, i64)>) -> Result<(), Error> {
    let name = |(key, _)| ObjectIdentifier::builder().key(key).build();
    let keys = keys.into_iter().map(name).collect::<Result<Vec<_>, _>>();
    let keys = keys.map_err(|error| Error::Io(error.into()))?;
    let delete = Delete::builder().set_objects(Some(keys)).quiet(true).build();
    let delete = delete.map_err(|error| Error::Io(error.into()))?;
    let request = |client: Client| {
        let request = client.delete_objects().bucket(store.bucket.name()).delete(delete.clone());
        // S3 once demanded it, and older servers do still.
        let request = request.customize().mutate_request(|request| {
            let md5 = request.body().bytes().map(|body| super::base64(&Md5::digest(body)));
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
            page.keys.iter().for_each(|(key, written_s)| self.take(&key[below.len()..], *written_s));
            self.next = page.next;
        }
    }

    /// Notes one object, whose key comes without what stands before all of ours.
    fn take(&mut self, key: &str, written_s: i64) {
        let Some(prefix) = key.rsplit_once('/').and_then(|(prefix, _)| Prefix::parse(prefix)) else { return };
        match &mut self.current {
            Some(current) if current.prefix == prefix => current.written_s = current.written_s.max(written_s),
            current => self.whole.extend(current.replace(Listed { prefix, written_s })),
        }
    }
}
