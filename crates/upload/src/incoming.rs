//! A multipart form as it streams in, within its limits. The file goes to a scratch file on the way; memory holds
//! a piece of it at a time.

use bytes::Bytes;
use domain::grouped;
use futures_util::Stream;
use multer::{Field, Multipart};
use percent_encoding::percent_decode_str;
use storage::{Scratch, Sealed, Storage};

use crate::base64_text::Base64Text;
use crate::gate::{Gate, GateLimits};
use crate::{Error, Form, FormLimits, ManyFiles, fields};

/// The longest boundary, in characters (RFC 2046, 5.1.1).
const MAX_BOUNDARY_CHARS: usize = 70;

/// A form that is still on its way: bytes with the boundary that parts them.
pub struct Incoming {
    pub(crate) gate: Gate,
    pub(crate) boundary: String,
    pub(crate) limits: FormLimits,
}

impl Incoming {
    /// A form from its `Content-Type` header and its body. The body's errors: `TimedOut` is a slow client, any other
    /// is a client that went away. `content_length` lets a body that is too large be refused before it is read.
    pub fn new(
        content_type: Option<&str>,
        content_length: Option<u64>,
        body: impl Stream<Item = std::io::Result<Bytes>> + Send + 'static,
        limits: FormLimits,
    ) -> Result<Incoming, Error> {
        let max_body_bytes = limits.max_body_bytes();
        Incoming::bounded(content_type, content_length, body, limits, max_body_bytes)
    }

    /// A form of several files, each of which may have the limit's bytes.
    pub fn of_many(
        content_type: Option<&str>,
        content_length: Option<u64>,
        body: impl Stream<Item = std::io::Result<Bytes>> + Send + 'static,
        limits: FormLimits,
    ) -> Result<Incoming, Error> {
        let max_body_bytes = limits.max_body_bytes().saturating_mul(limits.max_parts.into());
        Incoming::bounded(content_type, content_length, body, limits, max_body_bytes)
    }

    fn bounded(
        content_type: Option<&str>,
        content_length: Option<u64>,
        body: impl Stream<Item = std::io::Result<Bytes>> + Send + 'static,
        limits: FormLimits,
        max_body_bytes: u64,
    ) -> Result<Incoming, Error> {
        let boundary =
            content_type.and_then(|text| multer::parse_boundary(text).ok()).ok_or(Error::NotAForm)?;
        if boundary.is_empty() || boundary.len() > MAX_BOUNDARY_CHARS {
            return Err(Error::form(format!(
                "the boundary of a form has 1 to {MAX_BOUNDARY_CHARS} characters"
            )));
        }
        if let Some(size_bytes) = content_length.filter(|length| *length > max_body_bytes) {
            return Err(Error::TooLarge { size_bytes, limit_bytes: limits.max_upload_bytes });
        }
        let gate_limits = GateLimits {
            max_total_bytes: max_body_bytes,
            max_silent_bytes: limits.max_part_head_bytes,
            max_upload_bytes: limits.max_upload_bytes,
            content_length,
        };
        Ok(Incoming { gate: Gate::new(body, gate_limits), boundary, limits })
    }

    /// Reads the whole form of several files. Each file has its own outcome, so that one that is too large leaves
    /// the others alone; a part without a file name, as browsers send it for an empty field, is no file.
    pub async fn read_many(mut self, storage: &Storage) -> Result<ManyFiles, Error> {
        let mut parts = Multipart::new(self.gate.clone(), self.boundary.clone());
        let mut form = ManyFiles::default();
        let mut count = 0;
        while let Some(field) = parts.next_field().await.map_err(of_parser)? {
            self.gate.progress();
            count += 1;
            let name = self.check_part(&field, count)?;
            match filename_of(&field) {
                Some(filename) if name == "file" && !filename.is_empty() => {
                    let file = self.receive(field, None, storage).await?;
                    form.files.push((fields::filename(&filename), file.seal().await));
                }
                Some(filename) if filename.is_empty() => {}
                Some(_) => return Err(file_elsewhere(&name)),
                None => {
                    let text = self.read_text(&name, field).await?;
                    form.other.push((name, text));
                }
            }
        }
        self.gate.drain().await;
        Ok(form)
    }

    /// Reads the whole form; the file goes to a scratch file as it streams.
    pub async fn read(mut self, storage: &Storage) -> Result<Form, Error> {
        let mut parts = Multipart::new(self.gate.clone(), self.boundary.clone());
        let mut form = Form::default();
        let mut count = 0;
        while let Some(field) = parts.next_field().await.map_err(of_parser)? {
            self.gate.progress();
            count += 1;
            self.read_part(&mut form, field, count, storage).await?;
        }
        self.gate.drain().await;
        Ok(form)
    }

    /// Holds a part's number, head and name against the limits; returns the name.
    fn check_part(&self, field: &Field<'static>, count: u32) -> Result<String, Error> {
        let name = self.check_head(field, count)?;
        fields::check_name(&name)?;
        Ok(name)
    }

    /// Holds a part's number and head against the limits; returns its name, whatever that is.
    pub(crate) fn check_head(&self, field: &Field<'static>, count: u32) -> Result<String, Error> {
        if count > self.limits.max_parts {
            let told = format!("a form has at most {} parts", self.limits.max_parts);
            return Err(Error::FormLimit { limit: "max_parts", told });
        }
        let head_bytes: usize =
            field.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        if head_bytes > self.limits.max_part_head_bytes {
            let most = grouped(self.limits.max_part_head_bytes);
            let told = format!("the head of a part has at most {most} bytes");
            return Err(Error::FormLimit { limit: "max_part_head_bytes", told });
        }
        Ok(field.name().ok_or_else(|| Error::form("each part of a form needs a name in UTF-8"))?.to_owned())
    }

    async fn read_part(
        &self,
        form: &mut Form,
        field: Field<'static>,
        count: u32,
        storage: &Storage,
    ) -> Result<(), Error> {
        let name = self.check_part(&field, count)?;
        if name == "file" {
            return self.read_file(form, field, storage).await;
        }
        if filename_of(&field).is_some() {
            return Err(file_elsewhere(&name));
        }
        let text = self.read_text(&name, field).await?;
        fields::take(form, name, text)
    }

    pub(crate) async fn read_text(&self, name: &str, mut field: Field<'static>) -> Result<String, Error> {
        let mut text = Vec::new();
        while let Some(piece) = self.next_piece(&mut field).await? {
            if text.len() + piece.len() > self.limits.max_field_bytes {
                let (name, most) = (fields::shown(name), grouped(self.limits.max_field_bytes));
                let told = format!("the part '{name}' has at most {most} bytes");
                return Err(Error::FormLimit { limit: "max_field_bytes", told });
            }
            text.extend_from_slice(&piece);
        }
        String::from_utf8(text)
            .map_err(|_| Error::form(format!("the part '{}' is no UTF-8", fields::shown(name))))
    }

    async fn read_file(
        &self,
        form: &mut Form,
        field: Field<'static>,
        storage: &Storage,
    ) -> Result<(), Error> {
        if form.file.is_some() {
            return Err(Error::form("a form holds one file; this one holds two"));
        }
        let filename = filename_of(&field);
        let text = (filename.is_none() && is_text(&field)).then(Base64Text::default);
        form.file = Some(self.receive(field, text, storage).await?.seal().await?);
        form.filename = fields::filename(&filename.unwrap_or_default());
        Ok(())
    }

    /// Writes a part's bytes, or those that its base64 text stands for, to a scratch file.
    async fn receive(
        &self,
        mut field: Field<'static>,
        mut text: Option<Base64Text>,
        storage: &Storage,
    ) -> Result<FileWriter, Error> {
        let mut file = FileWriter::new(storage, self.limits.max_upload_bytes).await?;
        while let Some(piece) = self.next_piece(&mut field).await? {
            match &mut text {
                None => file.write(&piece).await?,
                Some(text) => file.write(&text.push(&piece).map_err(|_| no_image_text())?).await?,
            }
        }
        if let Some(text) = text {
            file.write(&text.finish().map_err(|_| no_image_text())?).await?;
        }
        Ok(file)
    }

    pub(crate) async fn next_piece(&self, field: &mut Field<'static>) -> Result<Option<Bytes>, Error> {
        let piece = field.chunk().await.map_err(of_parser)?;
        self.gate.progress();
        Ok(piece)
    }
}

/// Writes a file up to its limit and counts what would follow, so that the refusal can name the size.
pub(crate) struct FileWriter {
    scratch: Scratch,
    len: u64,
    max_bytes: u64,
}

impl FileWriter {
    /// A new file of at most so many bytes.
    pub(crate) async fn new(storage: &Storage, max_bytes: u64) -> Result<FileWriter, Error> {
        Ok(FileWriter { scratch: storage.scratch().await?, len: 0, max_bytes })
    }

    pub(crate) async fn write(&mut self, piece: &[u8]) -> Result<(), Error> {
        self.len += piece.len() as u64;
        if self.len <= self.max_bytes {
            self.scratch.write(piece).await?;
        }
        Ok(())
    }

    pub(crate) async fn seal(self) -> Result<Sealed, Error> {
        if self.len > self.max_bytes {
            return Err(Error::TooLarge { size_bytes: self.len, limit_bytes: self.max_bytes });
        }
        Ok(self.scratch.seal().await?)
    }
}

/// The file name of a part, also in the form of RFC 5987 that some clients send for names beyond ASCII.
pub(crate) fn filename_of(field: &Field<'_>) -> Option<String> {
    if let Some(name) = field.file_name() {
        return Some(name.to_owned());
    }
    let disposition = field.headers().get("content-disposition")?.to_str().ok()?;
    let encoded = disposition.split(';').find_map(|pair| pair.trim().strip_prefix("filename*="))?;
    let (charset, rest) = encoded.split_once('\'')?;
    let name = rest.split_once('\'')?.1;
    charset.eq_ignore_ascii_case("utf-8").then(|| percent_decode_str(name).decode_utf8_lossy().into_owned())
}

fn is_text(field: &Field<'_>) -> bool {
    field.content_type().is_none_or(|media_type| media_type.type_() == "text")
}

fn file_elsewhere(name: &str) -> Error {
    let name = fields::shown(name);
    Error::form(format!("a file came in the part '{name}'; the image's part is named 'file'"))
}

fn no_image_text() -> Error {
    let what = "a text that is no base64 of an image".to_owned();
    workers::Error::Render(variant::Error::NotAnImage(what)).into()
}

/// What the parser's error means. Errors of the body come through it unchanged.
pub(crate) fn of_parser(error: multer::Error) -> Error {
    match error {
        multer::Error::StreamReadFailed(inner) => {
            inner.downcast::<Error>().map_or(Error::Aborted, |error| *error)
        }
        multer::Error::ReadHeaderFailed(_)
        | multer::Error::DecodeHeaderName { .. }
        | multer::Error::DecodeHeaderValue { .. } => Error::form("the head of a part is malformed"),
        _ => Error::form("the form is damaged, or ends before its closing boundary"),
    }
}
