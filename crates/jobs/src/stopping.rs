//! Whether the process is about to stop: asked between two pieces of work, waited for by loops.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

/// The side that says so.
#[derive(Debug)]
pub(crate) struct Stopper(watch::Sender<bool>);

/// The side that asks; none where nobody will ever say so.
#[derive(Debug, Clone)]
pub(crate) struct Stopping(Option<watch::Receiver<bool>>);

impl Stopper {
    pub(crate) fn new() -> Stopper {
        Stopper(watch::Sender::new(false))
    }

    /// From now on everyone puts down what they do.
    pub(crate) fn stop(&self) {
        self.0.send_replace(true);
    }

    pub(crate) fn stopping(&self) -> Stopping {
        Stopping(Some(self.0.subscribe()))
    }
}

impl Stopping {
    /// Of work that nobody stops.
    pub(crate) fn never() -> Stopping {
        Stopping(None)
    }

    /// Whether to put the work down.
    pub(crate) fn is_so(&self) -> bool {
        self.0.as_ref().is_some_and(|stopping| *stopping.borrow())
    }

    /// Waits until it is so.
    async fn so(&mut self) {
        match &mut self.0 {
            // A stopper that is gone counts.
            Some(stopping) => drop(stopping.wait_for(|stopping| *stopping).await),
            None => std::future::pending().await,
        }
    }

    /// Waits so long, or until it is so.
    pub(crate) async fn wait(&mut self, length: Duration) {
        let _ = timeout(length, self.so()).await;
    }
}
