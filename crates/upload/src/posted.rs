//! A form whose file comes last, as browsers post it to storage: its fields are there before the file is read, so that
//! nobody's file is read who has no leave to send it.

use multer::{Field, Multipart};
use storage::{Sealed, Storage};

use crate::incoming::{FileWriter, Incoming, filename_of, of_parser};
use crate::{Error, fields};

/// A form whose fields have come, and whose file has not.
pub struct Posted {
    /// The fields before the file, in their order. Names are as they came: they count in any case.
    pub fields: Vec<(String, String)>,
    /// The file's name as it was sent.
    pub filename: Option<String>,
    /// The parser must live as long as the field that it gave.
    _parts: Multipart<'static>,
    file: Field<'static>,
    incoming: Incoming,
}

impl Incoming {
    /// Reads the fields up to the part `file`. What follows the file is never looked at.
    pub async fn read_fields(self) -> Result<Posted, Error> {
        let mut parts = Multipart::new(self.gate.clone(), self.boundary.clone());
        let (mut fields, mut count) = (Vec::new(), 0);
        while let Some(field) = parts.next_field().await.map_err(of_parser)? {
            self.gate.progress();
            count += 1;
            let name = self.check_head(&field, count)?;
            if name.eq_ignore_ascii_case("file") {
                let filename = filename_of(&field);
                return Ok(Posted { fields, filename, _parts: parts, file: field, incoming: self });
            }
            let text = self.read_text(&name, field).await?;
            fields.push((name, text));
        }
        Err(Error::form("the form holds no image: a part named 'file' is needed, behind all others"))
    }
}

impl Posted {
    /// The file's name as it is kept.
    pub fn kept_filename(&self) -> String {
        fields::filename(self.filename.as_deref().unwrap_or_default())
    }

    /// Writes the file to a scratch file. `see` is shown each piece on its way.
    pub async fn read_file(mut self, storage: &Storage, mut see: impl FnMut(&[u8])) -> Result<Sealed, Error> {
        let mut file = FileWriter::new(storage, self.incoming.limits.max_upload_bytes).await?;
        while let Some(piece) = self.incoming.next_piece(&mut self.file).await? {
            see(&piece);
            file.write(&piece).await?;
        }
        drop(self.file);
        self.incoming.gate.drain().await;
        file.seal().await
    }
}
