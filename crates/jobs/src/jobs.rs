//! Jobs as a value: started and stopped with the server, or done once for a command.

use std::sync::Arc;
use std::time::Duration;

use catalog::{Catalog, NewJob};
use domain::Clock;
use renditions::Renditions;
use serde_json::json;
use storage::Storage;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use upload::Uploads;

use crate::loops;
use crate::stopping::{Stopper, Stopping};
use crate::work::Work;
use crate::{Error, Kind, Swept};

/// Jobs of the queue that one process does at a time.
const WORKERS: usize = 2;

/// How long a stop waits for jobs to be put down; a lease ends by itself.
const DRAIN: Duration = Duration::from_secs(10);

/// What is done beside the requests. Nothing runs before [`Jobs::start`].
pub struct Jobs {
    work: Work,
}

/// Jobs that run. Dropped, they are cut off where they are; [`Running::stop`] lets them end well.
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
        kind.run(&self.work, &json!({}), &Stopping::never()).await?;
        Ok(())
    }

    /// Does everything now: the objects of removed images, objects of at least that age without a row whatever their
    /// day, renditions that nobody knew of or that are too many, and what is past its time.
    pub async fn sweep(&self, min_age: Duration) -> Result<Swept, Error> {
        self.work.sweep(min_age, &Stopping::never()).await
    }
}

impl Running {
    /// Stops: what runs is put down, what was counted is written.
    pub async fn stop(mut self) {
        self.stopper.stop();
        let ended = timeout(DRAIN, async {
            for task in &mut self.tasks {
                let _ = task.await;
            }
        });
        if ended.await.is_err() {
            tracing::warn!("jobs could not be put down in time; their leases end by themselves");
        }
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
