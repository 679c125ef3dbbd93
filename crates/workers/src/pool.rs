//! The threads: each takes one job after the other, and outlives a job that panics.
//! Knows nothing of images, nor of who waits.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};

/// One piece of work.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// Threads that end when the pool is dropped and their jobs are done.
#[derive(Debug)]
pub(crate) struct Pool {
    jobs: Sender<Job>,
}

impl Pool {
    /// Starts this many threads.
    pub(crate) fn start(threads: usize) -> std::io::Result<Pool> {
        let (jobs, queue) = mpsc::channel();
        let queue = Arc::new(Mutex::new(queue));
        for number in 0..threads {
            let queue = queue.clone();
            std::thread::Builder::new().name(format!("worker-{number}")).spawn(move || work(&queue))?;
        }
        Ok(Pool { jobs })
    }

    /// Leaves a job to the next free thread. Whoever holds a slot has one that is free.
    pub(crate) fn run(&self, job: Job) {
        // Fails only when every thread is gone, and then the job's answer is dropped, which its caller sees.
        let _ = self.jobs.send(job);
    }
}

/// How far the threads stand back where a core is short: whoever only fetches what is there is served first.
const NICENESS: i32 = 10;

fn work(queue: &Mutex<Receiver<Job>>) {
    // On Linux this is the thread's own priority, and that of the threads it starts.
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::debug!(%error, "a worker keeps the priority of the server");
    }
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        if catch_unwind(AssertUnwindSafe(job)).is_err() {
            tracing::error!("a job panicked in a worker");
        }
    }
}
