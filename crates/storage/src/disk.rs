//! The disk and what stays free on it. Before an upload is refused for want of room, whoever looks after what can be
//! made again is asked to make some; nothing here knows who that is or what goes.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use crate::Error;
use crate::blocking::blocking;

/// How long somebody who needs room waits for it.
const PATIENCE: Duration = Duration::from_secs(3);

/// Rounds that somebody waits for: one may have been under way, and seen less than is needed.
const ROUNDS: usize = 2;

/// A disk, of which so many bytes stay free. Clones are the same disk.
#[derive(Debug, Clone)]
pub struct Disk {
    path: PathBuf,
    min_free_bytes: u64,
    asking: Arc<Asking>,
}

/// Where those who need room and the one who makes it meet.
#[derive(Debug)]
struct Asking {
    asked: Notify,
    /// Rounds of making room that have ended; watched by those who wait. None before anybody makes any.
    rounds: watch::Sender<Option<u64>>,
}

impl Disk {
    /// The disk on which this folder lies.
    pub(crate) fn new(path: PathBuf, min_free_bytes: u64) -> Disk {
        let asking = Asking { asked: Notify::new(), rounds: watch::Sender::new(None) };
        Disk { path, min_free_bytes, asking: Arc::new(asking) }
    }

    /// Waits until somebody needs room. Whoever calls this is expected to make some, and to say so with
    /// [`Disk::made_room`] whatever came of it.
    pub async fn asked(&self) {
        self.asking.rounds.send_if_modified(|rounds| rounds.is_none().then(|| *rounds = Some(0)).is_some());
        self.asking.asked.notified().await;
    }

    /// Ends a round of making room: those who wait look again.
    pub fn made_room(&self) {
        self.asking.rounds.send_modify(|rounds| *rounds = Some(rounds.unwrap_or(0) + 1));
    }

    /// How many bytes are missing until there is comfortable room; 0 where there is. Below that nothing is kept that can
    /// be made again, so caches shrink before uploads are refused.
    pub async fn missing_bytes(&self) -> Result<u64, Error> {
        let this = self.clone();
        let free = blocking(move || this.free_bytes()).await?;
        let reserve = self.reserve_bytes();
        if free >= self.min_free_bytes.saturating_add(reserve) {
            return Ok(0);
        }
        Ok(self.min_free_bytes.saturating_add(reserve.saturating_mul(2)) - free)
    }

    /// Fails as full where so many bytes more would leave less free than must stay free, and nobody makes room in time.
    pub(crate) async fn room_for(&self, bytes: u64) -> Result<(), Error> {
        let look = || {
            let this = self.clone();
            blocking(move || this.leaves(this.min_free_bytes, bytes))
        };
        let mut rounds = self.asking.rounds.subscribe();
        for _ in 0..ROUNDS {
            match look().await {
                Err(Error::Full(_)) if rounds.borrow_and_update().is_some() => {}
                answer => return answer,
            }
            self.asking.asked.notify_one();
            if timeout(PATIENCE, rounds.changed()).await.is_err() {
                break;
            }
        }
        look().await
    }

    /// Fails as full where what can be made again has no room: it leaves a reserve for what cannot.
    pub(crate) fn has_spare_room_for(&self, bytes: u64) -> Result<(), Error> {
        self.leaves(self.min_free_bytes.saturating_add(self.reserve_bytes()), bytes)
    }

    fn leaves(&self, min_free_bytes: u64, bytes: u64) -> Result<(), Error> {
        if self.free_bytes()? < min_free_bytes.saturating_add(bytes) {
            return Err(Error::Full(None));
        }
        Ok(())
    }

    fn free_bytes(&self) -> Result<u64, Error> {
        let disk = rustix::fs::statvfs(&self.path).map_err(io::Error::from)?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    /// A quarter more than must stay free.
    fn reserve_bytes(&self) -> u64 {
        self.min_free_bytes / 4
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    fn full() -> Disk {
        Disk::new(std::env::temp_dir(), u64::MAX)
    }

    #[tokio::test]
    async fn where_nobody_makes_room_full_is_told_at_once() {
        assert!(matches!(full().room_for(0).await, Err(Error::Full(_))));
        assert!(Disk::new(std::env::temp_dir(), 0).room_for(0).await.is_ok());
    }

    #[tokio::test]
    async fn whoever_needs_room_waits_for_a_round_and_is_told_when_nothing_came_of_it() {
        let disk = full();
        let rounds = Arc::new(AtomicU64::new(0));
        let (maker, counted) = (disk.clone(), rounds.clone());
        let making = tokio::spawn(async move {
            loop {
                maker.asked().await;
                counted.fetch_add(1, Ordering::SeqCst);
                maker.made_room();
            }
        });
        while disk.asking.rounds.borrow().is_none() {
            tokio::task::yield_now().await;
        }
        assert!(matches!(disk.room_for(0).await, Err(Error::Full(_))));
        assert_eq!(rounds.load(Ordering::SeqCst), ROUNDS as u64);
        making.abort();
    }

    #[tokio::test]
    async fn what_can_be_made_again_leaves_a_reserve() {
        let free = full().free_bytes().unwrap();
        let disk = Disk::new(std::env::temp_dir(), free / 10 * 9);
        assert!(disk.room_for(0).await.is_ok(), "an upload has room");
        assert!(matches!(disk.has_spare_room_for(0), Err(Error::Full(_))));
        assert!(disk.missing_bytes().await.unwrap() > 0);
        let roomy = Disk::new(std::env::temp_dir(), free / 2);
        assert!(roomy.has_spare_room_for(1).is_ok());
        assert_eq!(roomy.missing_bytes().await.unwrap(), 0);
    }
}
