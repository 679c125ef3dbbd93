//! The way of every request to the store: one try after another, each with its limit, all of them counted.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::IdentityCache;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use parking_lot::RwLock;
use tokio::time::sleep;

use super::budget::{Budget, MAX_TRIES, pause};
use super::circuit::{Circuit, Patience};
use super::failure::{Again, Failure};
use crate::Error;

/// The slowest way to the store that a body is given time for.
const MIN_BYTES_PER_S: u64 = 250_000;

/// Bytes from which on a body is large: a slow line needs seconds for it.
const LARGE_BODY_BYTES: u64 = 1024 * 1024;

/// What kind of request it is, for the counters.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Put,
    Get,
    Head,
    Delete,
    List,
    /// Beginning, parts and end of an object that goes in pieces.
    Multipart,
}

/// The way to the store.
pub(super) struct Wire {
    client: RwLock<Client>,
    circuit: Circuit,
    budget: Budget,
    patience: Patience,
}

/// The tries of one request.
#[derive(Debug)]
pub(super) struct Tries {
    failed: u32,
    /// Whether the one correction of clock and of credentials was made.
    corrected: [bool; 2],
}

impl Wire {
    pub(super) fn new(client: Client, circuit: Circuit, patience: Patience) -> Self {
        Wire { client: RwLock::new(client), circuit, budget: Budget::new(), patience }
    }

    /// The client, for what is made without asking the store.
    pub(super) fn client(&self) -> Client {
        self.client.read().clone()
    }

    /// Sends a request until it is answered or trying again cannot help.
    pub(super) async fn ask<T, E, F>(
        &self,
        kind: Kind,
        body_bytes: u64,
        request: impl Fn(Client) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, SdkError<E>>>,
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        let mut tries = Tries::new();
        loop {
            match self.try_once(kind, body_bytes, &request).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => self.again(kind, &mut tries, failure).await?,
            }
        }
    }

    /// One try.
    pub(super) async fn try_once<T, E, F>(
        &self,
        kind: Kind,
        body_bytes: u64,
        request: impl Fn(Client) -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, SdkError<E>>>,
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        self.circuit.pass()?;
        metrics::counter!("darkroom_storage_tries_total", "kind" => kind.word()).increment(1);
        let limit =
            self.patience.answer + Duration::from_millis(body_bytes.saturating_mul(1000) / MIN_BYTES_PER_S);
        let client = self.client.read().clone();
        let _sending = (body_bytes >= LARGE_BODY_BYTES).then(|| self.circuit.sending());
        let answer = self.circuit.listen(limit, request(client)).await;
        let answer = answer.and_then(|answer| answer.map_err(Failure::of));
        match &answer {
            Ok(_) => {
                self.budget.earn();
                self.circuit.heard();
            }
            Err(failure) => self.note(failure),
        }
        answer
    }

    /// The next bytes of a body, for which the store has a moment.
    pub(super) async fn read<T>(&self, next: impl Future<Output = T>) -> Result<T, Failure> {
        let read = self.circuit.listen(self.patience.stall, next).await;
        match &read {
            Ok(_) => self.circuit.heard(),
            Err(failure) => self.note(failure),
        }
        read
    }

    /// Prepares another try after one that failed, or gives the failure back where none can help.
    pub(super) async fn again(&self, kind: Kind, tries: &mut Tries, failure: Failure) -> Result<(), Error> {
        if !tries.allow(failure.again) || !self.budget.spend() {
            return Err(failure.error);
        }
        tracing::debug!(kind = kind.word(), error = ?failure.error, "a request to the storage is made again");
        metrics::counter!("darkroom_storage_retries_total", "kind" => kind.word()).increment(1);
        match failure.again {
            Again::AfterCredentials => self.renew_credentials(),
            Again::AfterClock | Again::Never => {}
            Again::Later => sleep(pause(tries.failed)).await,
        }
        Ok(())
    }

    fn note(&self, failure: &Failure) {
        if failure.heard {
            self.circuit.heard();
        } else if failure.again != Again::Never {
            self.circuit.lost();
        }
    }

    /// The store calls credentials expired that the client takes for good: they are asked for anew. Connections stay.
    fn renew_credentials(&self) {
        let mut client = self.client.write();
        let fresh = client.config().to_builder().identity_cache(IdentityCache::lazy().build());
        *client = Client::from_conf(fresh.build());
    }
}

impl fmt::Debug for Wire {
    /// The client would print all that it is made of.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wire({:?}, {:?})", self.circuit, self.budget)
    }
}

impl Tries {
    pub(super) fn new() -> Self {
        Tries { failed: 0, corrected: [false; 2] }
    }

    fn allow(&mut self, again: Again) -> bool {
        self.failed += 1;
        let once = |done: &mut bool| !std::mem::replace(done, true);
        let helps = match again {
            Again::Never => false,
            Again::AfterClock => once(&mut self.corrected[0]),
            Again::AfterCredentials => once(&mut self.corrected[1]),
            Again::Later => true,
        };
        helps && self.failed < MAX_TRIES
    }
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Kind::Put => "put",
            Kind::Get => "get",
            Kind::Head => "head",
            Kind::Delete => "delete",
            Kind::List => "list",
            Kind::Multipart => "multipart",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_request_is_made_more_than_three_times() {
        for again in [Again::Later, Again::AfterClock, Again::AfterCredentials, Again::Never] {
            let mut tries = Tries::new();
            let allowed = (0..10).filter(|_| tries.allow(again)).count();
            let expected = match again {
                Again::Never => 0,
                Again::AfterClock | Again::AfterCredentials => 1,
                Again::Later => 2,
            };
            assert_eq!(allowed, expected, "{again:?}");
        }
    }
}
