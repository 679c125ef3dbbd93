//! Jobs as a value: started and stopped with the server, or done once for a command.

use std::sync::Arc;
use std::time::{Duration, Instant};

use catalog::{Catalog, NewJob};
use domain::Clock;
use renditions::Renditions;
use serde_json::json;
use storage::Storage;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout_at;
use upload::Uploads;

use crate::loops;
use crate::stopping::{Stopper, Stopping};
use crate::work::Work;
use crate::{Error, Kind, Swept};

/// Jobs of the queue that one process does at a time.
const WORKERS: usize = 2;

/// How much longer than for the jobs a stop waits for what was counted to be written.
const LAST_WRITES: Duration = Duration::from_secs(2);

/// What is done beside the requests. Nothing runs before [`Jobs::start`].
pub struct Jobs {
    work: Work,
}

/// Jobs that run. Dropped, they are cut off where they are; [`Running::stop`] lets them end well.
#[must_use = "dropped, jobs are cut off"]
pub struct Running {
    work: Work,
    stopper: Stopper,
    tasks: Vec<JoinHandle<()>>,
}

impl Jobs {
    /// The work on this catalog and storage.
    pub fn new(
        catalog: Catalog,
        storage: Storage,
        uploads: Uploads,
        renditions: Renditions,
        clock: Clock,
    ) -> Jobs {
        Jobs { work: Work { catalog, storage, uploads, renditions, clock } }
    }

    /// Begins: workers that take jobs from the queue, and loops for what each process does for itself. What a crash
    /// left is due at once.
    pub async fn start(self) -> Result<Running, Error> {
        let Jobs { work } = self;
        for kind in Kind::ALL {
            let (key, due_at) = (Some(kind.word().to_owned()), work.clock.now());
            let new = NewJob { kind: kind.word(), key, account: None, payload: json!({}), due_at };
            work.catalog.enqueue(new).await?;
        }
        work.catalog.bring_forward(Kind::Removals.word()).await?;
        let stopper = Stopper::new();
        let due = Arc::new(Notify::new());
        let (once, again) = (|| work.clone(), || stopper.stopping());
        let mut tasks: Vec<_> =
            (0..WORKERS).map(|_| tokio::spawn(loops::take_jobs(once(), due.clone(), again()))).collect();
        tasks.push(tokio::spawn(loops::write_down(once(), due, again())));
        tasks.push(tokio::spawn(loops::seal(once(), again())));
        tasks.push(tokio::spawn(loops::make_room(once(), again())));
        tasks.push(tokio::spawn(loops::show_how_it_stands(once(), again())));
        Ok(Running { work, stopper, tasks })
    }

    /// Does one kind of work now, beside whoever else does it.
    pub async fn run_once(&self, kind: Kind) -> Result<(), Error> {
        self.work.run(kind, &json!({}), &Stopping::never()).await?;
        Ok(())
    }

    /// Does everything now: the objects of removed images, objects of at least that age without a row whatever their
    /// day, renditions that nobody knew of or that are too many, and what is past its time.
    pub async fn sweep(&self, min_age: Duration) -> Result<Swept, Error> {
        self.work.sweep(min_age, &Stopping::never()).await
    }
}

impl Running {
    /// From now on what runs is put down and nothing new is begun. [`Running::stop`] waits for it.
    pub fn ask_to_stop(&self) {
        self.stopper.stop();
    }

    /// Stops: what runs is put down until that moment, then what was counted is written, which takes a second more at
    /// most. A lease that is left ends by itself.
    pub async fn stop(mut self, until: Instant) {
        self.ask_to_stop();
        let ended = timeout_at(until.into(), async {
            for task in &mut self.tasks {
                let _ = task.await;
            }
        });
        if ended.await.is_err() {
            tracing::warn!("jobs could not be put down in time; their leases end by themselves");
        }
        let until = until.max(Instant::now()) + LAST_WRITES;
        if timeout_at(until.into(), self.write_last()).await.is_err() {
            tracing::warn!("what was counted last could not be written in time");
        }
    }

    async fn write_last(&self) {
        if let Err(error) = self.work.write_down().await {
            tracing::warn!(?error, "what was counted last is lost");
        }
        if let Err(error) = self.work.catalog.seal_audit().await {
            tracing::warn!(?error, "the end of the audit log is sealed at the next start");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{House, until};

    #[tokio::test]
    async fn jobs_that_are_asked_to_stop_end_while_nobody_waits_for_them() {
        let house = House::new().await;
        let running = house.jobs().start().await.unwrap();
        running.ask_to_stop();
        until("every job is put down", async || running.tasks.iter().all(JoinHandle::is_finished)).await;
    }

    #[tokio::test]
    async fn a_job_that_does_not_end_keeps_nothing_from_being_written() {
        let house = House::new().await;
        let mut running = house.jobs().start().await.unwrap();
        running.tasks.push(tokio::spawn(std::future::pending()));
        let image = house.upload().await;
        let lying = house.catalog.catalog.at_rest_total().await.unwrap().renditions;
        house.renditions(&image, 3).await;
        running.stop(Instant::now()).await;
        assert_eq!(house.catalog.catalog.at_rest_total().await.unwrap().renditions, lying + 3);
    }
}
