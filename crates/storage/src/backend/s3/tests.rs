//! The suite on two servers of S3 that share no code, and what a store in trouble must not do to us.

use std::borrow::Borrow;
use std::env;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::Client;
use bytes::Bytes;
use domain::{AccountId, ObjectId, Secret};
use futures_util::{StreamExt as _, future, stream};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::RwLock;
use tokio::task::{AbortHandle, JoinSet};

use super::{Patience, S3, connect};
use crate::scratch::ScratchFolder;
use crate::{Access, Error, ObjectKey, Prefix, Sealed, Storage, StorageUrl};

mod faults;
mod lent;
mod servers;

mod in_process {
    crate::conformance!(super::InProcess::start().await.storage().await);
}

mod on_ceph {
    crate::conformance!(super::ceph().await);
}

/// A server of S3 in this process, which checks signatures; its files lie in a folder of their own.
struct InProcess {
    address: SocketAddr,
    access: Access,
    _files: TempDir,
    accepting: AbortHandle,
}

/// A storage with what it stands on.
struct Lent<T> {
    storage: Storage,
    _server: T,
}

impl<T> Borrow<Storage> for Lent<T> {
    fn borrow(&self) -> &Storage {
        &self.storage
    }
}

impl InProcess {
    async fn start() -> InProcess {
        let files = tempfile::tempdir().unwrap();
        std::fs::create_dir(files.path().join("images")).unwrap();
        let mut service = s3s::service::S3ServiceBuilder::new(s3s_fs::FileSystem::new(files.path()).unwrap());
        service.set_auth(s3s::auth::SimpleAuth::from_single("key", "secret"));
        let service = service.build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        // It writes an object and its metadata in two steps, as no server does that is meant for more than tests: so
        // whatever writes has it alone.
        let turn = Arc::new(RwLock::new(()));
        let service = service_fn(move |request: Request<Incoming>| {
            let (service, turn) = (service.clone(), turn.clone());
            async move {
                let reads = matches!(*request.method(), Method::GET | Method::HEAD);
                let (_reading, _writing) =
                    if reads { (Some(turn.read().await), None) } else { (None, Some(turn.write().await)) };
                service.call(request.map(s3s::Body::from)).await
            }
        });
        let accepting = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let _ = socket.set_nodelay(true);
                let http = hyper::server::conn::http1::Builder::new();
                connections.spawn(http.serve_connection(TokioIo::new(socket), service.clone()));
            }
        })
        .abort_handle();
        let access = Access {
            endpoint: format!("http://{address}"),
            region: "us-east-1".into(),
            access_key: "key".into(),
            secret_key: Secret::new("secret"),
        };
        InProcess { address, access, _files: files, accepting }
    }

    async fn storage(self) -> Lent<InProcess> {
        let storage = open("s3://images/under/a-prefix", &self.access).await.unwrap();
        Lent { storage, _server: self }
    }
}

impl Drop for InProcess {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Endpoint and keys of the Ceph that runs beside the tests.
fn ceph_access() -> Access {
    let name = |name: &str| {
        env::var(name).unwrap_or_else(|_| panic!("{name} names no S3 server: `make test` brings one"))
    };
    Access {
        endpoint: name("TEST_S3_ENDPOINT"),
        region: "us-east-1".into(),
        access_key: name("TEST_S3_ACCESS_KEY"),
        secret_key: Secret::new(name("TEST_S3_SECRET_KEY")),
    }
}

/// A bucket of the test's own, which goes with it.
struct CephBucket {
    name: String,
    access: Access,
}

impl CephBucket {
    async fn make() -> CephBucket {
        let name = format!("test-{}", &ObjectId::random().to_string()[..20]);
        let bucket = CephBucket { name, access: ceph_access() };
        let made = bucket.client().await.create_bucket().bucket(&bucket.name).send().await;
        made.unwrap_or_else(|error| panic!("no bucket could be made: {error:?}"));
        bucket
    }

    fn url(&self) -> String {
        format!("s3://{}", self.name)
    }

    async fn client(&self) -> Client {
        let StorageUrl::S3(bucket) = self.url().parse().unwrap() else { panic!("a bucket's URL") };
        let chain = connect::chain(Some(&self.access));
        connect::connect(&bucket, chain, &Patience::default()).await.unwrap().0
    }
}

impl Drop for CephBucket {
    fn drop(&mut self) {
        let (name, url, access) = (self.name.clone(), self.url(), self.access.clone());
        // The test's own runtime is busy with dropping this.
        let emptying = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.map(|runtime| runtime.block_on(remove_bucket(&name, &url, &access)))
        });
        let _ = emptying.join();
    }
}

/// Empties a bucket and removes it. What cannot be removed stays: the server goes with the run.
async fn remove_bucket(name: &str, url: &str, access: &Access) {
    let Ok(StorageUrl::S3(bucket)) = url.parse() else { return };
    let connected = connect::connect(&bucket, connect::chain(Some(access)), &Patience::default()).await;
    let Ok((client, _, _)) = connected else { return };
    while let Ok(page) = client.list_objects_v2().bucket(name).send().await
        && !page.contents().is_empty()
    {
        let keys = page.contents().iter().filter_map(|object| object.key());
        let deletes = keys.map(|key| client.delete_object().bucket(name).key(key).send());
        let deleted = stream::iter(deletes).buffer_unordered(16).filter(|done| future::ready(done.is_ok()));
        if deleted.count().await == 0 {
            return;
        }
    }
    let _ = client.delete_bucket().bucket(name).send().await;
}

async fn ceph() -> Lent<CephBucket> {
    let bucket = CephBucket::make().await;
    Lent { storage: open(&bucket.url(), &bucket.access).await.unwrap(), _server: bucket }
}

async fn open(url: &str, access: &Access) -> Result<Storage, Error> {
    // The servers of tests share the machine with all other tests; how long anybody waits is what `faults` is about.
    let long = Duration::from_secs(60);
    let patience =
        Patience { answer: long, silence: long, question: long, busy_question: long, ..Patience::default() };
    open_patiently(url, connect::chain(Some(access)), patience).await
}

/// Opens and checks a bucket, as [`Storage::open`] does, with scratch files in the system's folder.
async fn open_patiently(
    url: &str,
    chain: aws_config::ConfigLoader,
    patience: Patience,
) -> Result<Storage, Error> {
    let StorageUrl::S3(bucket) = url.parse().unwrap() else { panic!("{url} names no bucket") };
    let backend = S3::open_by(bucket, chain, patience).await?;
    let storage = Storage::with(Box::new(backend), ScratchFolder::system());
    storage.check().await?;
    Ok(storage)
}

fn prefix() -> Prefix {
    Prefix::new(20_783, &AccountId::random(), &ObjectId::random())
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
    let mut scratch = storage.scratch().await.unwrap();
    scratch.write(bytes).await.unwrap();
    scratch.seal().await.unwrap()
}
