//! When the credentials end that requests are signed with: noted as they are handed out, asked by who lends for as long.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, SharedCredentialsProvider};
use parking_lot::Mutex;

/// When the credentials end that requests are signed with; none for those that do not.
#[derive(Debug, Clone, Default)]
pub(super) struct CredentialsEnd(Arc<Mutex<Option<SystemTime>>>);

impl CredentialsEnd {
    /// The unix second; none where they do not end, or none were asked for yet.
    pub(super) fn seconds(&self) -> Option<i64> {
        let end = (*self.0.lock())?.duration_since(UNIX_EPOCH).ok()?;
        i64::try_from(end.as_secs()).ok()
    }
}

/// A provider of credentials that notes when those end which it gave last.
#[derive(Debug)]
pub(super) struct Watched {
    inner: SharedCredentialsProvider,
    end: CredentialsEnd,
}

impl Watched {
    /// Watches a provider.
    pub(super) fn new(inner: SharedCredentialsProvider, end: CredentialsEnd) -> Self {
        Watched { inner, end }
    }

    async fn provide(&self) -> Result<Credentials, CredentialsError> {
        let credentials = self.inner.provide_credentials().await?;
        *self.end.0.lock() = credentials.expiry();
        Ok(credentials)
    }
}

impl ProvideCredentials for Watched {
    fn provide_credentials<'a>(&'a self) -> provider::future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        provider::future::ProvideCredentials::new(self.provide())
    }
}
