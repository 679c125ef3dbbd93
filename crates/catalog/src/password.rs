//! Passwords: which are good enough, and their hashes, a few at a time. No table.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use domain::Secret;
use tokio::sync::OwnedSemaphorePermit;

use crate::Error;
use crate::catalog::Catalog;

/// Characters of a password.
const CHARS: std::ops::RangeInclusive<usize> = 12..=128;

/// Argon2id with 19 MiB and two passes (security-and-reliability 4.6).
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// The hash that an unknown e-mail's password is held against: as costly as any, and right for nothing.
const NOBODYS_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IHNpZ25zIGlu$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// A place among those who hash. Given back when it is dropped.
pub(crate) struct Turn {
    _admitted: OwnedSemaphorePermit,
    _running: OwnedSemaphorePermit,
}

impl Catalog {
    /// Checks the new password of whoever has this e-mail, and hashes it.
    pub(crate) async fn hash_new_password(&self, email: &str, password: &Secret) -> Result<String, Error> {
        check(password, email)?;
        let turn = self.hashing_turn().await?;
        let password = password.clone();
        off_the_reactor(turn, move || hash(&password)).await?.1
    }

    /// Waits for a turn to hash; `Busy` where too many wait already.
    pub(crate) async fn hashing_turn(&self) -> Result<Turn, Error> {
        let hashing = &self.inner.hashing;
        let admitted = hashing.admitted.clone().try_acquire_owned().map_err(|_| Error::Busy)?;
        let running = hashing.running.clone().acquire_owned().await.map_err(|_| Error::Busy)?;
        Ok(Turn { _admitted: admitted, _running: running })
    }

    /// Whether a password is the one of a hash; without a hash it takes as long and is wrong.
    pub(crate) async fn verify_password(
        &self,
        turn: Turn,
        password: &Secret,
        hash: Option<String>,
    ) -> Result<(Turn, bool), Error> {
        let password = password.clone();
        off_the_reactor(turn, move || verify(&password, hash.as_deref())).await
    }
}

/// Refuses a password that is short, long, among the commonest, or the e-mail.
pub(crate) fn check(password: &Secret, email: &str) -> Result<(), Error> {
    let text = password.reveal();
    let count = text.chars().count();
    if !CHARS.contains(&count) {
        let (least, most) = (CHARS.start(), CHARS.end());
        return Err(Error::Invalid(format!(
            "a password has {least} to {most} characters, this one has {count}"
        )));
    }
    let lower = text.to_lowercase();
    let is_common = |text: &str| passwords::analyzer::is_common_password(text);
    if is_common(text) || is_common(&lower) || lower == email.to_lowercase() {
        return Err(Error::Invalid(
            "this password is too easy to guess: choose one that nobody else has".into(),
        ));
    }
    Ok(())
}

/// Runs what takes a core for a while where no request waits behind it. The turn lasts as long as the work, also
/// where the one who asked has gone.
async fn off_the_reactor<T: Send + 'static>(
    turn: Turn,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<(Turn, T), Error> {
    tokio::task::spawn_blocking(move || (turn, work())).await.map_err(|_| Error::Busy)
}

fn hasher() -> Argon2<'static> {
    let params =
        Params::new(MEMORY_KIB, PASSES, LANES, None).expect("these parameters are within argon2's ranges");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hash(password: &Secret) -> Result<String, Error> {
    let salt: [u8; 16] = rand::random();
    let hash = hasher().hash_password_with_salt(password.reveal().as_bytes(), &salt);
    hash.map(|hash| hash.to_string()).map_err(|_| Error::Invalid("this password cannot be hashed".into()))
}

fn verify(password: &Secret, stored: Option<&str>) -> bool {
    let Ok(hash) = PasswordHash::new(stored.unwrap_or(NOBODYS_HASH)) else { return false };
    let matches = hasher().verify_password(password.reveal().as_bytes(), &hash).is_ok();
    matches && stored.is_some()
}
