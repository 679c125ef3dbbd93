//! Signing in: checking a password, with waits after wrong ones. All waits lie in the database, so that they hold
//! over a restart, and the command line can end them beside the server.

use std::net::IpAddr;
use std::time::Duration;

use domain::{Secret, Timestamp, TooOften, source};
use sha2::{Digest as _, Sha256};

use crate::database::{Connection, Lock, query, query_scalar};
use crate::people::{Person, person, target};
use crate::{Actor, Catalog, Error, audit};

/// What came of a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignInVerdict {
    /// It is right.
    Right(Person),
    /// E-mail or password is wrong; nobody learns which.
    Wrong,
    /// Too many wrong ones; it names the limit, and how long to wait.
    Wait(TooOften),
}

/// Within this time so many wrong passwords begin the waits.
const WINDOW: Duration = Duration::from_secs(15 * 60);

/// The first wait; each further one is twice as long, up to the longest.
const FIRST_WAIT: Duration = Duration::from_secs(60);
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

/// After so long without a wrong password all is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// Whose wrong passwords are counted together.
struct Counter {
    /// SHA-256 of the e-mail in lower case: what was typed here by mistake is kept by nobody. Empty for an address
    /// alone.
    email: Vec<u8>,
    /// What the address counts as.
    address: String,
    limit: u32,
    /// The limit's setting.
    limit_name: &'static str,
}

/// What a counter stands at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Count {
    failures: i64,
    first_at: Timestamp,
    waits: i64,
    wait_until: Timestamp,
}

impl Count {
    /// The next count after one more wrong password.
    fn next(before: Option<Count>, limit: u32, now: Timestamp) -> Count {
        let fresh = Count { failures: 0, first_at: now, waits: 0, wait_until: Timestamp::from_micros(0) };
        let over = |count: &Count| count.waits == 0 && now.since(count.first_at) >= WINDOW;
        let mut count = before.filter(|count| !over(count)).unwrap_or(fresh);
        count.failures += 1;
        if count.failures >= limit.into() {
            let doubled = FIRST_WAIT.saturating_mul(1 << count.waits.clamp(0, 16));
            count.wait_until = now.plus(doubled.min(LONGEST_WAIT));
            count.waits += 1;
        }
        count
    }
}

impl Catalog {
    /// Checks a password with the waits of security-and-reliability 4.6; an unknown e-mail takes the same time and
    /// counts alike. `count_address` is false where the address says nothing (behind an unknown proxy).
    pub async fn check_password(
        &self,
        email: &str,
        password: &Secret,
        address: Option<IpAddr>,
        count_address: bool,
    ) -> Result<SignInVerdict, Error> {
        let counters = self.counters(email, address, count_address);
        let turn = self.hashing_turn().await?;
        let mut reader = self.inner.database.acquire().await?;
        if let Some(too_often) = longest_wait(&mut reader, &counters, self.now()).await? {
            return Ok(SignInVerdict::Wait(too_often));
        }
        let row = query("select * from people where lower_email = $1").bind(email.to_lowercase());
        let row = row.fetch_optional(&mut reader).await?;
        drop(reader);
        let hash = row.as_ref().map(|row| row.try_get("password")).transpose()?;
        let (_turn, is_right) = self.verify_password(turn, password, hash).await?;
        let known = row.as_ref().filter(|_| is_right).map(person).transpose()?;
        self.settle_sign_in(&counters, known).await
    }

    /// Counts, or forgets, in one transaction. What others have counted meanwhile holds here too: whoever tries many
    /// passwords at once learns no more than one after the other.
    async fn settle_sign_in(
        &self,
        counters: &[Counter],
        known: Option<Person>,
    ) -> Result<SignInVerdict, Error> {
        let mut writing = self.begin(Lock::People).await?;
        let now = writing.now;
        if let Some(too_often) = longest_wait(writing.db(), counters, now).await? {
            return Ok(SignInVerdict::Wait(too_often));
        }
        let verdict = match known {
            Some(person) => {
                // Not those of the address alone: one known password must not open the way to guess others.
                forget(writing.db(), &counters[0]).await?;
                SignInVerdict::Right(person)
            }
            None => {
                for counter in counters {
                    count_failure(writing.db(), counter, now).await?;
                }
                SignInVerdict::Wrong
            }
        };
        self.commit(writing).await?;
        Ok(verdict)
    }

    /// Gives a person another password; ends all sessions and waits.
    pub async fn set_password(&self, email: &str, password: &Secret, actor: &Actor) -> Result<(), Error> {
        let hash = self.hash_new_password(email, password).await?;
        let mut writing = self.begin(Lock::People).await?;
        let id: Option<i64> =
            query_scalar("update people set password = $2 where lower_email = $1 returning id")
                .bind(email.to_lowercase())
                .bind(hash)
                .fetch_optional(writing.db())
                .await?;
        let id = id.ok_or(Error::Missing)?;
        query("delete from sessions where person = $1").bind(id).execute(writing.db()).await?;
        end_waits(writing.db(), email).await?;
        audit::note(&mut writing, None, actor, "person.password", &target(email)).await?;
        self.commit(writing).await
    }

    /// Ends the wait after wrong passwords, also of the addresses that they came from. `Missing` for an unknown
    /// e-mail.
    pub async fn unlock(&self, email: &str, actor: &Actor) -> Result<(), Error> {
        self.person_by_email(email).await?;
        let mut writing = self.begin(Lock::People).await?;
        end_waits(writing.db(), email).await?;
        audit::note(&mut writing, None, actor, "person.unlock", &target(email)).await?;
        self.commit(writing).await
    }

    /// The counter of the e-mail from this address, then the one of the address alone where it counts. A whole network
    /// of IPv6 is one address: whoever has one has all of its 2^64.
    fn counters(&self, email: &str, address: Option<IpAddr>, count_address: bool) -> Vec<Counter> {
        let config = &self.inner.config;
        let text = address.map(|address| source(address).to_string()).unwrap_or_default();
        let of_email = Counter {
            email: email_digest(email),
            address: text.clone(),
            limit: config.max_sign_in_failures,
            limit_name: "max_sign_in_failures",
        };
        let of_address = Counter {
            email: Vec::new(),
            address: text,
            limit: config.max_address_sign_in_failures,
            limit_name: "max_address_sign_in_failures",
        };
        let counted = count_address && address.is_some();
        std::iter::once(of_email).chain(counted.then_some(of_address)).collect()
    }
}

fn email_digest(email: &str) -> Vec<u8> {
    Sha256::digest(email.to_lowercase().as_bytes()).to_vec()
}

/// The longest wait that holds now, if one does.
async fn longest_wait(
    db: &mut Connection,
    counters: &[Counter],
    now: Timestamp,
) -> Result<Option<TooOften>, Error> {
    let mut longest = None;
    for counter in counters {
        let wait_until = read(db, counter, now).await?.map(|count| count.wait_until);
        let wait = wait_until.filter(|until| *until > now).map(|until| until.since(now));
        longest = longest.max(wait.map(|wait| (wait, counter.limit_name)));
    }
    Ok(longest.map(|(wait, name)| {
        let told = format!("too many wrong tries, try again in {} s", wait.as_secs().max(1));
        TooOften::new(name, wait, told)
    }))
}

async fn read(db: &mut Connection, counter: &Counter, now: Timestamp) -> Result<Option<Count>, Error> {
    let row = query("select * from sign_in_failures where email = $1 and address = $2 and last_at > $3")
        .bind(&counter.email)
        .bind(&counter.address)
        .bind(now.minus(FORGOTTEN_AFTER).as_micros())
        .fetch_optional(db)
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Count {
        failures: row.try_get("failures")?,
        first_at: Timestamp::from_micros(row.try_get("first_at")?),
        waits: row.try_get("waits")?,
        wait_until: Timestamp::from_micros(row.try_get("wait_until")?),
    }))
}

async fn count_failure(db: &mut Connection, counter: &Counter, now: Timestamp) -> Result<(), Error> {
    if counter.limit == 0 {
        return Ok(());
    }
    let count = Count::next(read(db, counter, now).await?, counter.limit, now);
    query(
        "insert into sign_in_failures (email, address, failures, first_at, waits, wait_until, last_at)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (email, address) do update set failures = excluded.failures, first_at = excluded.first_at,
             waits = excluded.waits, wait_until = excluded.wait_until, last_at = excluded.last_at",
    )
    .bind(&counter.email)
    .bind(&counter.address)
    .bind(count.failures)
    .bind(count.first_at.as_micros())
    .bind(count.waits)
    .bind(count.wait_until.as_micros())
    .bind(now.as_micros())
    .execute(db)
    .await?;
    Ok(())
}

async fn forget(db: &mut Connection, counter: &Counter) -> Result<(), Error> {
    query("delete from sign_in_failures where email = $1 and address = $2")
        .bind(&counter.email)
        .bind(&counter.address)
        .execute(db)
        .await?;
    Ok(())
}

async fn end_waits(db: &mut Connection, email: &str) -> Result<(), Error> {
    query(
        "delete from sign_in_failures where email = $1
             or (email = $2 and address in (select address from sign_in_failures where email = $1))",
    )
    .bind(email_digest(email))
    .bind(Vec::<u8>::new())
    .execute(db)
    .await?;
    Ok(())
}

/// Forgets the wrong passwords that count no more; returns how many counts went.
pub(crate) async fn forget_expired(db: &mut Connection, now: Timestamp) -> Result<u64, Error> {
    let old = query("delete from sign_in_failures where last_at <= $1");
    Ok(old.bind(now.minus(FORGOTTEN_AFTER).as_micros()).execute(db).await?)
}
