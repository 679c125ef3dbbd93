//! A body that is a file and nothing else, as it streams in.

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use storage::Sealed;

use crate::incoming::FileWriter;
use crate::{Error, Uploads};

impl Uploads {
    /// Refuses a file that says before it comes that it is too large.
    pub fn check_length(&self, content_length: Option<u64>) -> Result<(), Error> {
        let limit_bytes = self.config().form.max_upload_bytes;
        match content_length.filter(|length| *length > limit_bytes) {
            Some(size_bytes) => Err(Error::TooLarge { size_bytes, limit_bytes }),
            None => Ok(()),
        }
    }

    /// Writes a body to a scratch file. `see` is shown each piece on its way. The body's errors are those of
    /// [`crate::Incoming::new`]; one that is too large is given up where it passes the limit, and one that ends before
    /// `content_length` is the work of a client that went away.
    pub async fn receive(
        &self,
        content_length: Option<u64>,
        mut body: impl Stream<Item = std::io::Result<Bytes>> + Unpin,
        mut see: impl FnMut(&[u8]),
    ) -> Result<Sealed, Error> {
        self.check_length(content_length)?;
        let limit_bytes = self.config().form.max_upload_bytes;
        let mut file = FileWriter::new(self.storage(), limit_bytes).await?;
        let mut size_bytes = 0;
        while let Some(piece) = body.next().await {
            let piece = piece.map_err(|error| Error::of_body(&error))?;
            size_bytes += piece.len() as u64;
            if size_bytes > limit_bytes {
                return Err(Error::TooLarge { size_bytes, limit_bytes });
            }
            see(&piece);
            file.write(&piece).await?;
        }
        if content_length.is_some_and(|length| length != size_bytes) {
            return Err(Error::Aborted);
        }
        file.seal().await
    }
}
