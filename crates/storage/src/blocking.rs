//! The one way from the async runtime to calls of the operating system that wait for the disk.

use crate::Error;

/// Runs work that blocks on a thread made for it. Work that panics is a failure of the storage.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(panicked) => Err(Error::Io(panicked.into())),
    }
}
