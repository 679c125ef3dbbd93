//! A clock that a test sets: it runs with the system's until it is set or stopped.

use std::sync::Arc;
use std::time::Duration;

use domain::{Clock, Timestamp};
use parking_lot::Mutex;

/// The hand of a server's clock. Clones move the same clock.
#[derive(Debug, Clone)]
pub(crate) struct TestClock(Arc<Mutex<State>>);

#[derive(Debug, Clone, Copy)]
enum State {
    /// So many microseconds ahead of the system's clock.
    Ahead(i64),
    /// Stands still here.
    Stopped(Timestamp),
}

impl TestClock {
    /// A clock that shows the system's time.
    pub(crate) fn new() -> Self {
        TestClock(Arc::new(Mutex::new(State::Ahead(0))))
    }

    /// The clock as the server takes it.
    pub(crate) fn clock(&self) -> Clock {
        let state = self.0.clone();
        let system = Clock::system();
        Clock::new(move || match *state.lock() {
            State::Ahead(micros) => Timestamp::from_micros(system.now().as_micros() + micros),
            State::Stopped(at) => at,
        })
    }

    /// The time that it shows.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock().now()
    }

    /// Stops it at a moment.
    pub(crate) fn stop_at(&self, at: Timestamp) {
        *self.0.lock() = State::Stopped(at);
    }

    /// Moves it forward; a running one runs on.
    pub(crate) fn advance(&self, by: Duration) {
        let mut state = self.0.lock();
        *state = match *state {
            State::Ahead(micros) => State::Ahead(micros + by.as_micros() as i64),
            State::Stopped(at) => State::Stopped(at.plus(by)),
        };
    }
}
