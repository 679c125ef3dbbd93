//! A PostgreSQL that is cut off, silent, full or not there: what is promised holds, and all is well again without a hand.

use std::net::SocketAddr;

use domain::{Fault as _, Problem};

use self::proxy::{Mode, Proxy};
use super::*;
use crate::database::{Database, Lock};
use crate::testing::PostgresDatabase;
use crate::{Config, Error, ImageChange};

#[path = "../../../../tests/harness/proxy.rs"]
mod proxy;

/// A catalog whose line to the database can be spoiled, and another process on the same database.
struct Lost {
    proxy: Proxy,
    catalog: Catalog,
    /// Has a line of its own.
    other: TestCatalog,
    account: AccountId,
}

impl Lost {
    async fn new(change: impl FnOnce(&mut Config)) -> Lost {
        let other = fresh_with(Clock::system(), change).await;
        let DatabaseUrl::Postgres(url) = &other.config.database else { panic!("no PostgreSQL") };
        let (host, proxy) = (host_of(url), Proxy::to(address_of(url)).await);
        let url = url.reveal().replace(&host, &proxy.address().to_string());
        let config = Config { database: DatabaseUrl::Postgres(Secret::new(url)), ..other.config.clone() };
        let catalog = Catalog::open(config, Clock::system()).await.unwrap();
        let account = account_of(&catalog).await;
        Lost { proxy, catalog, other, account }
    }

    async fn url_of(&self, image: &str) -> DeliveryUrl {
        let hash = self.other.catalog.account(&self.account).await.unwrap().hash;
        url(&format!("/{hash}/{image}/public"))
    }

    async fn make_private(&self, image: &str) {
        let change = ImageChange { private: Some(true), ..ImageChange::default() };
        self.other.catalog.update_image(&self.account, &id(image), change, &actor()).await.unwrap();
    }
}

#[tokio::test]
async fn a_migration_that_is_cut_off_runs_clean_again() {
    let database = PostgresDatabase::empty().await;
    let proxy = Proxy::to(address_of(&database.url)).await;
    let spoiled = database.url.reveal().replace(&host_of(&database.url), &proxy.address().to_string());
    let master_key = crate::testing::master_key();
    let open = async |url: &str| {
        let url = DatabaseUrl::Postgres(Secret::new(url));
        Catalog::open(Config::new(url, master_key.clone()), Clock::system()).await
    };
    let mut cut_off = 0;
    for bytes in (800..6_000).step_by(400) {
        proxy.cut_after(bytes);
        cut_off += usize::from(open(&spoiled).await.is_err());
    }
    assert!(cut_off > 3, "{cut_off}");
    let catalog = open(database.url.reveal()).await.unwrap();
    assert_eq!(catalog.accounts().await.unwrap().len(), 1);
    put_image(&catalog, new_image(account_of(&catalog).await, "cat")).await;
}

/// Host and port as a URL writes them.
fn host_of(url: &Secret) -> String {
    let (_, host) = url.reveal().rsplit_once('@').unwrap();
    host.split('/').next().unwrap().to_owned()
}

fn address_of(url: &Secret) -> SocketAddr {
    host_of(url).parse().unwrap()
}

async fn opens(catalog: &Catalog, url: &DeliveryUrl) -> Result<bool, Error> {
    Ok(catalog.rights(url).await?.admit(url, Timestamp::from_seconds(0)).is_ok())
}

fn is_unavailable(error: &Error) -> bool {
    error.problem() == Problem::Unavailable
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_waits_for_a_lock_in_vain_leaves_a_connection_that_is_as_good_as_before() {
    let test = fresh().await;
    let other = Catalog::open(test.config.clone(), Clock::system()).await.unwrap();
    let Database::Postgres { pool, .. } = &other.inner.database else { panic!("no PostgreSQL") };
    let held = test.catalog.begin(Lock::House).await.unwrap();
    let locks = [Lock::Rows, Lock::People, Lock::Renditions, Lock::House];
    let tasks = locks.map(|lock| {
        let other = other.clone();
        tokio::spawn(async move { other.begin(lock).await.map(drop) })
    });
    for task in tasks {
        // After two seconds PostgreSQL ends the wait.
        let refused = task.await.unwrap().unwrap_err();
        assert!(is_unavailable(&refused), "{refused:?}");
    }
    drop(held);
    until("every connection is back", || async { pool.size().0 as usize == pool.size().1 }).await;
    let mut connections = Vec::new();
    for _ in 0..pool.size().0 {
        let mut connection = other.inner.database.acquire().await.unwrap();
        assert_eq!(query_scalar::<i64>("select 1::bigint").fetch_one(&mut connection).await.unwrap(), 1);
        connections.push(connection);
    }
    assert!(connections.len() >= locks.len(), "each of those who waited had one");
    drop(connections);
    put_image(&other, new_image(account_of(&other).await, "cat")).await;
}

#[tokio::test]
async fn a_change_that_was_not_heard_is_obeyed_once_the_line_is_back() {
    let lost = Lost::new(|_| {}).await;
    put_image(&lost.catalog, new_image(lost.account, "cat")).await;
    let cat = lost.url_of("cat").await;
    assert!(opens(&lost.catalog, &cat).await.unwrap());
    lost.proxy.take_away();
    lost.make_private("cat").await;
    assert!(lost.catalog.rights_in_memory(&cat).is_some(), "for a while the last rights are obeyed");
    lost.proxy.bring_back();
    until("the change is obeyed", || async { matches!(opens(&lost.catalog, &cat).await, Ok(false)) }).await;
}

#[tokio::test]
async fn a_line_that_is_cut_again_and_again_loses_no_change() {
    let lost = Lost::new(|_| {}).await;
    for round in 0..5 {
        let name = format!("image-{round}");
        put_image(&lost.other.catalog, new_image(lost.account, &name)).await;
        let url = lost.url_of(&name).await;
        until("it is seen", || async { matches!(opens(&lost.catalog, &url).await, Ok(true)) }).await;
        lost.proxy.cut();
        lost.make_private(&name).await;
        until("it is private", || async { matches!(opens(&lost.catalog, &url).await, Ok(false)) }).await;
    }
}

#[tokio::test]
async fn a_database_that_says_nothing_is_noticed_and_no_right_is_obeyed_for_long() {
    let lost = Lost::new(|config| config.max_stale_rights_s = 3).await;
    put_image(&lost.catalog, new_image(lost.account, "cat")).await;
    let cat = lost.url_of("cat").await;
    assert!(opens(&lost.catalog, &cat).await.unwrap());
    lost.proxy.set(Mode::Blackhole);
    lost.make_private("cat").await;
    until("rights are too old", || async {
        matches!(opens(&lost.catalog, &cat).await, Err(Error::RightsUnavailable))
    })
    .await;
    assert!(lost.catalog.rights_in_memory(&cat).is_none());
    lost.proxy.set(Mode::Forward);
    until("all is well again", || async { matches!(opens(&lost.catalog, &cat).await, Ok(false)) }).await;
    put_image(&lost.catalog, new_image(lost.account, "dog")).await;
}

#[tokio::test]
async fn without_the_database_all_is_refused_for_now_and_well_again_after_it() {
    let lost = Lost::new(|_| {}).await;
    put_image(&lost.catalog, new_image(lost.account, "cat")).await;
    lost.proxy.take_away();
    let refused = lost.catalog.insert_image(new_image(lost.account, "dog"), &actor()).await.unwrap_err();
    assert!(is_unavailable(&refused), "{refused:?}");
    assert_eq!(refused.to_string(), "the database cannot be reached right now");
    let refused = lost.catalog.image(&lost.account, &id("cat")).await.unwrap_err();
    assert!(is_unavailable(&refused), "{refused:?}");
    assert!(lost.catalog.check().await.is_err());
    lost.proxy.bring_back();
    until("rows are written", || async {
        lost.catalog.insert_image(new_image(lost.account, "dog"), &actor()).await.is_ok()
    })
    .await;
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_no_success_and_no_certain_failure() {
    let lost = Lost::new(|_| {}).await;
    put_image(&lost.catalog, new_image(lost.account, "cat")).await;
    let cat = lost.url_of("cat").await;
    assert!(opens(&lost.catalog, &cat).await.unwrap());
    let mut writing = lost.catalog.begin(Lock::Account(lost.account)).await.unwrap();
    let hide = query("update images set private = true where id = 'cat'");
    hide.execute(writing.db()).await.unwrap();
    lost.proxy.cut_after(0);
    let error = lost.catalog.commit(writing).await.unwrap_err();
    assert!(is_unavailable(&error) && matches!(error, Error::Unknown(_)), "{error:?}");
    until("what the database says is obeyed", || async {
        let image = lost.other.catalog.image(&lost.account, &id("cat")).await.unwrap();
        opens(&lost.catalog, &cat).await.is_ok_and(|opens| opens != image.private)
    })
    .await;
}

#[tokio::test]
async fn a_use_whose_answer_is_lost_is_never_let_through_twice() {
    let lost = Lost::new(|_| {}).await;
    let mut cut_off = 0;
    for bytes in (0..1_200).step_by(50) {
        let once = signing::Uses { counter: rand::random(), most: 1, until_s: None };
        lost.proxy.cut_after(bytes);
        let first = lost.catalog.consume_uses(&lost.account, &[once]).await;
        let second = lost.other.catalog.consume_uses(&lost.account, &[once]).await;
        assert!(first.is_err() || second.is_err(), "{bytes}");
        for refused in [&first, &second].into_iter().filter_map(|consumed| consumed.as_ref().err()) {
            let Error::Signature(reason) = refused else { panic!("{bytes}: {refused:?}") };
            assert!(
                matches!(reason, signing::Error::AlreadyUsed | signing::Error::ReplayStoreUnavailable),
                "{bytes}: {reason:?}"
            );
        }
        cut_off += usize::from(first.is_err());
        let third = lost.other.catalog.consume_uses(&lost.account, &[once]).await;
        assert!(matches!(third, Err(Error::Signature(signing::Error::AlreadyUsed))), "{bytes}: {third:?}");
    }
    assert!(cut_off > 3, "{cut_off}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn with_few_connections_some_wait_or_are_refused_and_nothing_breaks() {
    let database = PostgresDatabase::empty().await;
    let role = format!("few_{}", hex::encode(rand::random::<[u8; 6]>()));
    let name = database.url.reveal().rsplit_once('/').unwrap().1;
    let make = format!(
        "create role {role} login password 'few' connection limit 3; alter database {name} owner to {role}"
    );
    database.run(&make).await;
    let url = format!("postgres://{role}:few@{}/{name}", host_of(&database.url));
    let config = Config::new(DatabaseUrl::Postgres(Secret::new(url)), crate::testing::master_key());
    let catalog = Catalog::open(config, Clock::system()).await.unwrap();
    let account = account_of(&catalog).await;
    let tasks: Vec<_> = (0..20)
        .map(|number| {
            let catalog = catalog.clone();
            tokio::spawn(async move {
                catalog.insert_image(new_image(account, &format!("image-{number}")), &actor()).await
            })
        })
        .collect();
    let mut done = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => done += 1,
            Err(error) => assert!(is_unavailable(&error), "{error:?}"),
        }
    }
    assert!(done > 0);
    assert_eq!(catalog.account(&account).await.unwrap().totals.images, done);
    database.run(&format!("alter role {role} connection limit 0")).await;
    drop(catalog);
}

#[tokio::test]
async fn a_start_without_its_database_says_what_is_wrong() {
    let database = PostgresDatabase::empty().await;
    let open = async |url: String| {
        let config = Config::new(DatabaseUrl::Postgres(Secret::new(url)), crate::testing::master_key());
        Catalog::open(config, Clock::system()).await.unwrap_err().to_string()
    };
    let (good, host) = (database.url.reveal().to_owned(), host_of(&database.url));
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = silent.local_addr().unwrap().to_string();
    drop(silent);
    let refused = open(good.replace(&host, &gone)).await;
    assert_eq!(refused, format!("no PostgreSQL answers at {gone}: is it running?"));
    let (before, after) = good.split_once('@').unwrap();
    let (scheme, user) = before.split_once("//").unwrap();
    let user = user.split(':').next().unwrap();
    let refused = open(format!("{scheme}//{user}:not-the-password@{after}")).await;
    assert_eq!(refused, format!("PostgreSQL refuses the user {user} or the password"));
    let refused = open(format!("{}/nowhere", good.rsplit_once('/').unwrap().0)).await;
    assert_eq!(refused, "there is no database nowhere on this server: make it with createdb nowhere");
    let latin = format!("latin_{}", hex::encode(rand::random::<[u8; 6]>()));
    database.run(&format!("create database {latin} encoding 'SQL_ASCII' template template0")).await;
    let refused = open(format!("{}/{latin}", good.rsplit_once('/').unwrap().0)).await;
    database.run(&format!("drop database {latin} with (force)")).await;
    assert!(refused.contains("SQL_ASCII") && refused.contains("UTF8"), "{refused}");
}
