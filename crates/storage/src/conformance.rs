//! The promises of [`crate::Backend`], as tests that every backend passes. Each takes a storage that may hold
//! other objects and leaves its own behind. The macro at the end lists them.

use std::collections::BTreeSet;
use std::io::{Read as _, Seek as _, Write as _};

use bytes::Bytes;
use domain::{AccountId, ObjectId};
use futures_util::{StreamExt as _, TryStreamExt as _, future};
use sha2::{Digest as _, Sha256};

use crate::{Error, Listed, Object, ObjectKey, Prefix, Sealed, Storage};

/// Bytes of an object that no backend sends in one piece.
const LARGE_BYTES: usize = 3 * 1024 * 1024 + 17;

/// Renditions by digest, with their bytes.
type Renditions = Vec<([u8; 16], u64)>;

/// A day on which nothing else is put: 2001-09-09.
const DAY: i64 = 11_574;

/// What was put is read back, and replaced by what is put later.
pub async fn an_object_reads_back_as_it_was_last_put(storage: &Storage) {
    let key = prefix().original();
    for bytes in [picture(1, 5), Bytes::new(), picture(2, 70_000), picture(3, LARGE_BYTES)] {
        storage.put(&key, bytes.clone()).await.expect("put");
        assert_eq!(storage.head(&key).await.expect("head"), bytes.len() as u64);
        assert!(
            read(storage, &key).await.expect("get") == bytes,
            "{} bytes came back otherwise",
            bytes.len()
        );
    }
}

/// What can be made again is read back as any object is, and goes with its prefix.
pub async fn a_spare_object_reads_back_and_goes_with_its_prefix(storage: &Storage) {
    let prefix = prefix();
    let key = prefix.rendition(&[7; 16]);
    for bytes in [picture(8, 70_000), picture(9, 3)] {
        storage.put_spare(&key, bytes.clone()).await.expect("put_spare");
        assert!(read(storage, &key).await.expect("get") == bytes);
    }
    storage.delete_prefix(&prefix).await.expect("delete_prefix");
    assert!(matches!(read(storage, &key).await, Err(Error::Missing)));
}

/// A scratch file tells length and digest, and becomes the object.
pub async fn a_sealed_scratch_file_becomes_an_object(storage: &Storage) {
    let key = prefix().original();
    let bytes = picture(4, LARGE_BYTES);
    let sealed = seal(storage, &bytes).await;
    assert_eq!((sealed.len(), sealed.is_empty()), (bytes.len() as u64, false));
    assert_eq!(sealed.sha256(), <[u8; 32]>::from(Sha256::digest(&bytes)));
    assert!(sealed.bytes().await.expect("bytes") == bytes);
    let path = sealed.path().to_owned();
    storage.put_file(&key, sealed).await.expect("put_file");
    assert!(read(storage, &key).await.expect("get") == bytes);
    assert!(!path.exists(), "the scratch file lies there still");
}

/// A scratch file leaves nothing behind when it is given up, before or after it is sealed.
pub async fn a_scratch_file_that_is_given_up_is_gone(storage: &Storage) {
    let sealed = seal(storage, b"nobody wants this").await;
    let path = sealed.path().to_owned();
    assert!(path.exists());
    drop(sealed);
    assert!(!path.exists());
    let empty = storage.scratch().await.expect("scratch");
    assert!(empty.is_empty());
    assert!(empty.seal().await.expect("seal").is_empty());
}

/// A large object comes in pieces, none of them empty, that make its length.
pub async fn a_large_object_streams_in_pieces(storage: &Storage) {
    let key = prefix().original();
    storage.put(&key, picture(5, LARGE_BYTES)).await.expect("put");
    let Object { len, body } = storage.get(&key).await.expect("get");
    let pieces: Vec<Bytes> = body.try_collect().await.expect("pieces");
    assert_eq!(len, LARGE_BYTES as u64);
    assert_eq!(pieces.iter().map(Bytes::len).sum::<usize>(), LARGE_BYTES);
    assert!(pieces.iter().all(|piece| !piece.is_empty()));
}

/// An object is written into a file behind what is there already; one that is not there is missing.
pub async fn an_object_is_copied_into_a_file(storage: &Storage) {
    let key = prefix().original();
    for bytes in [Bytes::new(), picture(19, 1000), picture(20, LARGE_BYTES)] {
        storage.put(&key, bytes.clone()).await.expect("put");
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(b"before").expect("write");
        let mut file = storage.copy(&key, file).await.expect("copy");
        file.rewind().expect("rewind");
        let mut copied = Vec::new();
        file.read_to_end(&mut copied).expect("read");
        assert!(copied.strip_prefix(b"before") == Some(&bytes), "{} bytes came otherwise", bytes.len());
    }
    let file = tempfile::tempfile().expect("a file");
    assert!(matches!(storage.copy(&prefix().original(), file).await, Err(Error::Missing)));
}

/// A range gives its own bytes, as far as the object has them.
pub async fn a_range_gives_its_own_bytes(storage: &Storage) {
    let key = prefix().original();
    let len = LARGE_BYTES as u64;
    for bytes in [Bytes::new(), picture(17, 1000), picture(18, LARGE_BYTES)] {
        storage.put(&key, bytes.clone()).await.expect("put");
        let ranges = [
            0..1,
            0..u64::MAX,
            7..7,
            5..900,
            999..1_001,
            1_048_575..1_048_577,
            2_000_000..len,
            len - 1..len + 9,
            len..len + 1,
        ];
        for range in ranges {
            let object = storage.get_range(&key, range.clone()).await.expect("get_range");
            let told = object.len;
            let read = object.into_bytes().await.expect("bytes");
            let end = range.end.min(bytes.len() as u64) as usize;
            let start = (range.start as usize).min(end);
            assert!(read == bytes[start..end], "{range:?} of {} bytes", bytes.len());
            assert_eq!(told, read.len() as u64);
        }
    }
    assert!(matches!(storage.get_range(&prefix().original(), 0..5).await, Err(Error::Missing)));
}

/// What is not there is missing, and deleting it is no error.
pub async fn what_is_not_there_is_missing(storage: &Storage) {
    let nothing = prefix();
    let key = nothing.original();
    assert!(matches!(storage.get(&key).await, Err(Error::Missing)));
    assert!(matches!(storage.head(&key).await, Err(Error::Missing)));
    storage.delete(&key).await.expect("delete");
    storage.delete_prefix(&nothing).await.expect("delete_prefix");
}

/// Deleting one object leaves its neighbours.
pub async fn a_deleted_object_is_missing_and_its_neighbours_are_not(storage: &Storage) {
    let below = prefix();
    let (original, rendition) = (below.original(), below.rendition(&[7; 16]));
    storage.put(&original, picture(6, 10)).await.expect("put");
    storage.put(&rendition, picture(7, 10)).await.expect("put");
    storage.delete(&rendition).await.expect("delete");
    assert!(matches!(storage.get(&rendition).await, Err(Error::Missing)));
    assert!(storage.get(&original).await.is_ok());
}

/// Deleting a prefix takes the original and its renditions and nothing else; the prefix may be put again.
pub async fn a_deleted_prefix_takes_all_below_it_and_nothing_else(storage: &Storage) {
    let account = AccountId::random();
    let [gone, kept] = [0, 1].map(|_| Prefix::new(DAY, &account, &ObjectId::random()));
    for key in [gone.original(), gone.rendition(&[1; 16]), gone.rendition(&[2; 16]), kept.original()] {
        storage.put(&key, picture(8, 100)).await.expect("put");
    }
    storage.delete_prefix(&gone).await.expect("delete_prefix");
    for key in [gone.original(), gone.rendition(&[1; 16]), gone.rendition(&[2; 16])] {
        assert!(matches!(storage.get(&key).await, Err(Error::Missing)), "{key:?}");
    }
    assert!(storage.get(&kept.original()).await.is_ok());
    storage.put(&gone.original(), picture(9, 100)).await.expect("put again");
}

/// A listing tells each prefix once, in order of days, with the time of its youngest object.
pub async fn a_listing_tells_every_prefix_once_day_by_day(storage: &Storage) {
    let account = AccountId::random();
    let expected: Vec<Prefix> =
        [DAY + 2, DAY, DAY + 1, DAY].map(|day| Prefix::new(day, &account, &ObjectId::random())).into();
    for below in &expected {
        storage.put(&below.original(), picture(10, 10)).await.expect("put");
        storage.put(&below.rendition(&[3; 16]), picture(11, 10)).await.expect("put");
    }
    let listed = list(storage).await;
    let mine: Vec<&Listed> = listed.iter().filter(|listed| listed.prefix.parts().1 == account).collect();
    let days: Vec<i64> = mine.iter().map(|listed| listed.prefix.parts().0).collect();
    assert_eq!(days, [DAY, DAY, DAY + 1, DAY + 2]);
    let told: BTreeSet<&Prefix> = mine.iter().map(|listed| &listed.prefix).collect();
    assert_eq!(told, expected.iter().collect());
    let now_s = domain::Clock::system().now().as_seconds();
    assert!(mine.iter().all(|listed| (now_s - listed.written_s).abs() < 3600), "{mine:?}");
}

/// A listing from a day on leaves out what is older, and tells the renditions below each prefix with their lengths.
pub async fn a_listing_from_a_day_on_tells_the_renditions_of_later_ones(storage: &Storage) {
    let account = AccountId::random();
    let [before, on, after] =
        [DAY - 1, DAY, DAY + 1].map(|day| Prefix::new(day, &account, &ObjectId::random()));
    for below in [&before, &on, &after] {
        storage.put(&below.original(), picture(10, 10)).await.expect("put");
        storage.put_spare(&below.rendition(&[3; 16]), picture(11, 300)).await.expect("put_spare");
        storage.put_spare(&below.rendition(&[0xfe; 16]), picture(12, 20)).await.expect("put_spare");
    }
    storage.delete_spare(&on.rendition(&[3; 16])).await.expect("delete_spare");
    let listing = storage.list_from(DAY).await.expect("list_from").map(|listed| listed.expect("listed"));
    let mine = listing.filter(|listed| future::ready(listed.prefix.parts().1 == account));
    let told = mine.map(|mut listed| {
        listed.renditions.sort_by_key(|rendition| rendition.digest);
        let renditions =
            listed.renditions.iter().map(|rendition| (rendition.digest, rendition.bytes)).collect();
        (listed.prefix, renditions)
    });
    let told: Vec<(Prefix, Renditions)> = told.collect().await;
    let both = vec![([3; 16], 300), ([0xfe; 16], 20)];
    assert_eq!(told, [(on, vec![([0xfe; 16], 20)]), (after, both)]);
}

/// A listing no longer tells what was deleted.
pub async fn a_listing_leaves_out_what_was_deleted(storage: &Storage) {
    let below = prefix();
    storage.put(&below.original(), picture(12, 10)).await.expect("put");
    storage.delete_prefix(&below).await.expect("delete_prefix");
    assert!(list(storage).await.iter().all(|listed| listed.prefix != below));
}

/// While an object is put again and again, a reader sees one of the versions, whole.
pub async fn a_reader_sees_all_of_an_object_or_nothing(storage: &Storage) {
    let key = prefix().original();
    let versions = [picture(13, 400_000), picture(14, 300_000), picture(15, 600_000)];
    let (writer, written, object) = (storage.clone(), versions.clone(), key.clone());
    let writing = tokio::spawn(async move {
        for round in 0..30 {
            writer.put(&object, written[round % 3].clone()).await.expect("put");
        }
    });
    while !writing.is_finished() {
        match read(storage, &key).await {
            Ok(bytes) => assert!(versions.contains(&bytes), "{} bytes of no version", bytes.len()),
            Err(error) => assert!(matches!(error, Error::Missing), "{error:?}"),
        }
        tokio::task::yield_now().await;
    }
    writing.await.expect("the writer");
    assert!(read(storage, &key).await.expect("get") == versions[2]);
}

/// Puts and removals of neighbours do not disturb each other.
pub async fn neighbours_come_and_go_at_the_same_time(storage: &Storage) {
    let account = AccountId::random();
    let lives = (0..24).map(|_| {
        let storage = storage.clone();
        tokio::spawn(async move {
            for _ in 0..8 {
                let below = Prefix::new(DAY, &account, &ObjectId::random());
                storage.put(&below.original(), picture(16, 1000)).await.expect("put");
                assert!(read(&storage, &below.original()).await.expect("get") == picture(16, 1000));
                storage.delete_prefix(&below).await.expect("delete_prefix");
            }
        })
    });
    for life in future::join_all(lives).await {
        life.expect("a neighbour");
    }
}

/// The check passes and leaves nothing behind.
pub async fn the_check_passes_and_leaves_nothing(storage: &Storage) {
    storage.check().await.expect("check");
    assert!(list(storage).await.iter().all(|listed| listed.prefix.parts().0 != 0));
}

fn prefix() -> Prefix {
    Prefix::new(DAY, &AccountId::random(), &ObjectId::random())
}

/// Bytes that are another for each seed and each place.
fn picture(seed: u64, len: usize) -> Bytes {
    let place = |at: usize| (at as u64).wrapping_add(seed << 40).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56;
    (0..len).map(|at| place(at) as u8).collect()
}

async fn read(storage: &Storage, key: &ObjectKey) -> Result<Bytes, Error> {
    storage.get(key).await?.into_bytes().await
}

async fn seal(storage: &Storage, bytes: &[u8]) -> Sealed {
    let mut scratch = storage.scratch().await.expect("scratch");
    for piece in bytes.chunks(50_000) {
        scratch.write(piece).await.expect("write");
    }
    assert_eq!(scratch.len(), bytes.len() as u64);
    scratch.seal().await.expect("seal")
}

async fn list(storage: &Storage) -> Vec<Listed> {
    storage.list().await.expect("list").map(|listed| listed.expect("listed")).collect().await
}

/// Makes one test of each promise. The expression opens what borrows as a [`Storage`], anew for each test.
#[macro_export]
macro_rules! conformance {
    ($open:expr) => {
        $crate::conformance! { $open =>
            an_object_reads_back_as_it_was_last_put
            a_spare_object_reads_back_and_goes_with_its_prefix
            a_sealed_scratch_file_becomes_an_object
            a_scratch_file_that_is_given_up_is_gone
            a_large_object_streams_in_pieces
            an_object_is_copied_into_a_file
            a_range_gives_its_own_bytes
            what_is_not_there_is_missing
            a_deleted_object_is_missing_and_its_neighbours_are_not
            a_deleted_prefix_takes_all_below_it_and_nothing_else
            a_listing_tells_every_prefix_once_day_by_day
            a_listing_from_a_day_on_tells_the_renditions_of_later_ones
            a_listing_leaves_out_what_was_deleted
            a_reader_sees_all_of_an_object_or_nothing
            neighbours_come_and_go_at_the_same_time
            the_check_passes_and_leaves_nothing
        }
    };
    ($open:expr => $($promise:ident)*) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $promise() {
            let opened = $open;
            $crate::conformance::$promise(std::borrow::Borrow::borrow(&opened)).await;
        })*
    };
}
