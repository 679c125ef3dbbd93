//! JPEG, read and written row by row: read by our own decoder where it can, else read and written by mozjpeg. This is the
//! only file that speaks to that library.
//!
//! The library leaves by its error handler, which here unwinds: the C code is built to be unwound through, and
//! [`caught`] turns what comes out into an error. Every struct whose address the library keeps is boxed.
#![expect(unsafe_code, reason = "a C library")]

use std::any::Any;
use std::ffi::{c_int, c_uint, c_ulong};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Instant;

use mozjpeg_sys as c;

use crate::canvas::{Canvas, Extras};
use crate::deadline::still_time;
use crate::decode::{Header, Order, Picture, Samples, Sink};
use crate::{Effort, Error, Limits};

mod bare;
mod bits;
mod codes;
mod coefficients;
mod colour;
mod frame;
mod inverse;
#[cfg(test)]
mod kinds;
mod markers;
mod own;
mod plane;
mod progressive;
mod raster;
mod sequential;
#[cfg(test)]
mod tests;

pub(crate) use bare::bare;
use markers::Markers;
use own::{End, Own, Resumable};

/// Rows that are read at a time.
const ROWS: usize = 16;

/// The scans of a progressive file: brightness and colours in coarse, the strokes of brightness, colours, the rest. The
/// library's own ten scans take 1 to 4 % fewer bytes and a third more time of the encoder.
static SCANS: [c::jpeg_scan_info; 5] = [
    scan(3, [0, 1, 2], 0, 0),
    scan(1, [0, 0, 0], 1, 5),
    scan(1, [2, 0, 0], 1, 63),
    scan(1, [1, 0, 0], 1, 63),
    scan(1, [0, 0, 0], 6, 63),
];

/// A scan of some components from one coefficient to another, all of their bits at once.
const fn scan(comps_in_scan: c_int, [a, b, c]: [c_int; 3], first: c_int, last: c_int) -> c::jpeg_scan_info {
    c::jpeg_scan_info { comps_in_scan, component_index: [a, b, c, 0], Ss: first, Se: last, Ah: 0, Al: 0 }
}

/// The most of a profile that fits into a segment beside its name and number, in bytes.
const MAX_ICC_PART_BYTES: usize = 65_533 - 14;

/// Whether a file begins as a JPEG.
pub(crate) fn begins(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xFF, 0xD8, 0xFF])
}

/// The header, and a count of the scans.
pub(crate) fn header<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Header<'a>, Error> {
    let markers = Markers::read(bytes, Some(limits.max_jpeg_scans));
    let frame = markers.frame.ok_or_else(|| Error::Damaged("it has no frame header".to_owned()))?;
    if frame.lossless {
        return Err(Error::NotAnImage("lossless JPEG".to_owned()));
    }
    if frame.bits != 8 {
        return Err(Error::NotAnImage(format!("{}-bit JPEG", frame.bits)));
    }
    if markers.scans > limits.max_jpeg_scans {
        let told = format!("it has more than {} scans", limits.max_jpeg_scans);
        return Err(Error::TooManyPieces { limit: "max_jpeg_scans", told });
    }
    Ok(Header {
        exif: markers.exif,
        // Where components come one after the other, they are all in memory at once too.
        is_progressive: frame.progressive || markers.scans > 1,
        ..Header::new(frame.width, frame.height)
    })
}

/// The EXIF, a TIFF structure.
pub(crate) fn exif(bytes: &[u8]) -> Option<&[u8]> {
    Markers::read(bytes, None).exif
}

/// Decodes, scaled down already where that costs no quality. What our own decoder does not take, or not to the end, the
/// library reads from the start; each row is given once.
pub(crate) fn decode(order: &Order<'_>, sink: &mut dyn Sink) -> Result<(), Error> {
    let eighths = if order.thorough { 1 } else { eighths(order.shrink) };
    let mut sink = Resumable::new(sink);
    if let Some(mut own) = Own::new(order, eighths) {
        sink.begin(&own.picture(profile(order)))?;
        if own.read(order.deadline, &mut sink)? == End::Done {
            return Ok(());
        }
        sink.restart();
    }
    read_by_library(order, eighths, &mut sink)
}

fn profile(order: &Order<'_>) -> Option<Vec<u8>> {
    Markers::read(order.bytes, None).icc(order.limits.max_icc_bytes)
}

fn read_by_library(order: &Order<'_>, eighths: c_uint, sink: &mut dyn Sink) -> Result<(), Error> {
    let markers = Markers::read(order.bytes, None);
    caught(|| {
        let mut decoder = Decoder::new(order, eighths)?;
        let picture = decoder.picture(eighths, markers.icc(order.limits.max_icc_bytes))?;
        sink.begin(&picture)?;
        let inverted = markers.adobe && picture.samples == Samples::Cmyk;
        decoder.read(order.deadline, &picture, inverted, sink)?;
        if order.thorough { decoder.whole() } else { Ok(()) }
    })
}

/// The fraction, in eighths, at which it is decoded: what is left to the resizer must be enough for a good filter. With 1.5
/// left at 4 a photograph lost 0.3 to 1.4 points of SSIMULACRA2, and one that comes of a working copy 3; at 3 fine lines lose
/// more than a point. At 6 colours of half the side keep as much of theirs, which wants a little more.
fn eighths(shrink: f64) -> c_uint {
    let choices: [(c_uint, f64); 4] = [(1, 8.0), (2, 4.0), (4, 1.85), (6, 2.0)];
    choices.into_iter().find(|(n, left)| shrink * f64::from(*n) / 8.0 >= *left).map_or(8, |(n, _)| n)
}

/// How the library left.
enum Left {
    Failed(String),
    Late,
}

/// Runs what calls the library; its way out becomes an error, any other panic goes on.
fn caught<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => done,
        Err(panic) => match Box::<dyn Any + Send>::downcast::<Left>(panic) {
            Ok(left) => Err(match *left {
                Left::Failed(sentence) => Error::Damaged(sentence),
                Left::Late => Error::Timeout,
            }),
            Err(other) => resume_unwind(other),
        },
    }
}

/// What the library's callbacks see.
struct Watch {
    deadline: Instant,
    /// The bytes came to their end before the end marker.
    ended: bool,
    /// Blocks were still missing then.
    starved: bool,
}

/// Callbacks that both directions share, boxed because the library keeps their addresses.
struct Callbacks {
    errors: Box<c::jpeg_error_mgr>,
    progress: Box<c::jpeg_progress_mgr>,
    watch: Box<Watch>,
}

impl Callbacks {
    fn new(deadline: Instant) -> Callbacks {
        // SAFETY: both are plain C structs, for which zero is a value; jpeg_std_error fills the first.
        let (mut errors, mut progress): (Box<c::jpeg_error_mgr>, Box<c::jpeg_progress_mgr>) =
            unsafe { (Box::new(std::mem::zeroed()), Box::new(std::mem::zeroed())) };
        // SAFETY: the struct is alive and as large as the library expects.
        unsafe { c::jpeg_std_error(&mut errors) };
        errors.error_exit = Some(error_exit);
        errors.emit_message = Some(emit_message);
        progress.progress_monitor = Some(progress_monitor);
        Callbacks { errors, progress, watch: Box::new(Watch { deadline, ended: false, starved: false }) }
    }

    /// To be called after the library has made its struct, which clears all but the error manager.
    fn watch(&mut self, common: &mut c::jpeg_common_struct) {
        common.progress = &mut *self.progress;
        common.client_data = (&raw mut *self.watch).cast();
    }
}

unsafe extern "C-unwind" fn error_exit(common: &mut c::jpeg_common_struct) {
    type Format = unsafe extern "C-unwind" fn(*mut c::jpeg_common_struct, *mut u8);
    // JMSG_LENGTH_MAX of the library.
    let mut text = [0_u8; 200];
    // SAFETY: the error manager outlives the struct, and format_message is C's (j_common_ptr, char *): the crate
    // declares its buffer as a shared reference to fewer bytes, so it is called by its true type.
    unsafe {
        if let Some(format) = (*common.err).format_message {
            std::mem::transmute::<*const (), Format>(format as *const ())(common, text.as_mut_ptr());
        }
    }
    let length = text.iter().position(|byte| *byte == 0).unwrap_or(0);
    resume_unwind(Box::new(Left::Failed(String::from_utf8_lossy(&text[..length]).into_owned())));
}

unsafe extern "C-unwind" fn emit_message(common: &mut c::jpeg_common_struct, level: c_int) {
    if level >= 0 {
        return;
    }
    // SAFETY: error manager and watch outlive the struct; both are set before any message can come.
    unsafe {
        (*common.err).num_warnings += 1;
        let watch = common.client_data.cast::<Watch>();
        if !watch.is_null() {
            let code = (*common.err).msg_code;
            (*watch).ended |= code == c::JWRN_JPEG_EOF as c_int;
            (*watch).starved |= (*watch).ended && code == c::JWRN_HIT_MARKER as c_int;
        }
    }
}

/// Called for each row of blocks, also while a progressive file is read before the first row comes out.
unsafe extern "C-unwind" fn progress_monitor(common: &mut c::jpeg_common_struct) {
    // SAFETY: the watch outlives the struct.
    let deadline = unsafe { (*common.client_data.cast::<Watch>()).deadline };
    if Instant::now() >= deadline {
        resume_unwind(Box::new(Left::Late));
    }
}

struct Decoder {
    info: Box<c::jpeg_decompress_struct>,
    callbacks: Callbacks,
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: the struct was made by jpeg_create_decompress, or is all zero but for the error manager.
        unsafe { c::jpeg_destroy_decompress(&mut self.info) };
    }
}

impl Decoder {
    /// Reads the header. The bytes must outlive the decoder, as they do in [`decode`].
    fn open(bytes: &[u8], deadline: Instant) -> Decoder {
        let mut callbacks = Callbacks::new(deadline);
        // SAFETY: a plain C struct, for which zero is a value.
        let mut info: Box<c::jpeg_decompress_struct> = unsafe { Box::new(std::mem::zeroed()) };
        info.common.err = &mut *callbacks.errors;
        let mut decoder = Decoder { info, callbacks };
        let info = &mut *decoder.info;
        // SAFETY: calls in the order that libjpeg.txt asks for, on a struct with an error manager; the source is
        // not copied, and outlives the decoder.
        unsafe {
            c::jpeg_create_decompress(info);
            decoder.callbacks.watch(&mut info.common);
            c::jpeg_mem_src(info, bytes.as_ptr(), bytes.len() as c_ulong);
            c::jpeg_read_header(info, 1);
        }
        decoder
    }

    /// Reads the header and starts; for the bytes of the order [`Decoder::open`] says what holds.
    fn new(order: &Order<'_>, eighths: c_uint) -> Result<Decoder, Error> {
        let mut decoder = Decoder::open(order.bytes, order.deadline);
        let info = &mut *decoder.info;
        order.expect(info.image_width, info.image_height)?;
        info.scale_num = eighths;
        info.scale_denom = 8;
        info.out_color_space = match info.jpeg_color_space {
            c::JCS_GRAYSCALE => c::JCS_GRAYSCALE,
            c::JCS_CMYK | c::JCS_YCCK => c::JCS_CMYK,
            _ => c::JCS_RGB,
        };
        // SAFETY: the header is read, and the struct is not copied.
        unsafe { c::jpeg_start_decompress(info) };
        Ok(decoder)
    }

    fn picture(&self, eighths: c_uint, icc: Option<Vec<u8>>) -> Result<Picture, Error> {
        let samples = match self.info.output_components {
            1 => Samples::Grey,
            3 => Samples::Rgb,
            4 => Samples::Cmyk,
            _ => return Err(Error::Damaged("its number of channels is unknown".to_owned())),
        };
        Ok(Picture {
            width: self.info.output_width,
            height: self.info.output_height,
            scale: f64::from(eighths) / 8.0,
            samples,
            deep: false,
            icc,
            gamma: None,
            cicp: None,
        })
    }

    fn read(
        &mut self,
        deadline: Instant,
        picture: &Picture,
        inverted: bool,
        sink: &mut dyn Sink,
    ) -> Result<(), Error> {
        let stride = picture.width as usize * picture.samples.count();
        let mut buffer = vec![0_u8; stride * ROWS];
        while self.info.output_scanline < self.info.output_height {
            still_time(deadline)?;
            let count = self.read_rows(&mut buffer, stride);
            let rows = buffer.get_mut(..count * stride).unwrap_or_default();
            if inverted {
                rows.iter_mut().for_each(|sample| *sample = 255 - *sample);
            }
            for row in rows.chunks_exact(stride) {
                if sink.row(row)?.is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn read_rows(&mut self, buffer: &mut [u8], stride: usize) -> usize {
        let mut rows: [*mut u8; ROWS] = [std::ptr::null_mut(); ROWS];
        for (row, pointer) in buffer.chunks_exact_mut(stride).zip(&mut rows) {
            *pointer = row.as_mut_ptr();
        }
        // SAFETY: each of the pointers leads to a row of its own, as long as the library says that a row is.
        unsafe { c::jpeg_read_scanlines(&mut self.info, rows.as_mut_ptr(), ROWS as c_uint) as usize }
    }

    /// Whether every block came: that some did not is to the library a mere warning. A missing end marker no one
    /// would see.
    fn whole(&mut self) -> Result<(), Error> {
        let watch = &self.callbacks.watch;
        if watch.ended && (watch.starved || !self.has_all_scans()) {
            return Err(Error::Damaged("it ends early".to_owned()));
        }
        Ok(())
    }

    /// Whether no scan can be missing: there is but one, or every coefficient has come to its last bit.
    fn has_all_scans(&mut self) -> bool {
        // SAFETY: the struct is alive; of a progressive file the library keeps the bits that each coefficient still
        // lacks, for each of its components.
        unsafe {
            if c::jpeg_has_multiple_scans(&self.info) == 0 {
                return true;
            }
            let components = usize::try_from(self.info.num_components).unwrap_or(0);
            !self.info.coef_bits.is_null()
                && std::slice::from_raw_parts(self.info.coef_bits.cast::<[c_int; 64]>(), components)
                    .iter()
                    .all(|bits| bits.iter().all(|left| *left == 0))
        }
    }
}

/// Encodes a canvas without alpha: table 5 without trellis, deringing, 4:2:0 (performance-findings 2). In haste it is
/// baseline with the codes of the standard: five times as fast, for 5 % more bytes.
pub(crate) fn encode(
    canvas: &Canvas,
    quality: u8,
    progressive: bool,
    effort: Effort,
    extras: Extras<'_>,
    deadline: Instant,
) -> Result<Vec<u8>, Error> {
    let written = caught(|| {
        let mut encoder = Encoder::new(deadline);
        encoder.set_up(canvas, quality, progressive && effort == Effort::Usual, effort);
        encoder.write(canvas, extras)
    });
    written.map_err(|error| match error {
        Error::Damaged(sentence) => Error::Encode(sentence),
        other => other,
    })
}

struct Encoder {
    info: Box<c::jpeg_compress_struct>,
    callbacks: Callbacks,
    output: Box<Output>,
}

/// Where the library writes. It knows only the first field, and finds the others behind it.
#[repr(C)]
struct Output {
    manager: c::jpeg_destination_mgr,
    bytes: Vec<u8>,
    buffer: [u8; 16_384],
}

impl Drop for Encoder {
    fn drop(&mut self) {
        // SAFETY: the struct was made by jpeg_create_compress, or is all zero but for the error manager.
        unsafe { c::jpeg_destroy_compress(&mut self.info) };
    }
}

impl Encoder {
    fn new(deadline: Instant) -> Encoder {
        let mut callbacks = Callbacks::new(deadline);
        // SAFETY: a plain C struct, for which zero is a value.
        let mut info: Box<c::jpeg_compress_struct> = unsafe { Box::new(std::mem::zeroed()) };
        info.common.err = &mut *callbacks.errors;
        let manager = c::jpeg_destination_mgr {
            next_output_byte: std::ptr::null_mut(),
            free_in_buffer: 0,
            init_destination: Some(init_destination),
            empty_output_buffer: Some(empty_output_buffer),
            term_destination: Some(term_destination),
        };
        let output = Box::new(Output { manager, bytes: Vec::new(), buffer: [0; 16_384] });
        let mut encoder = Encoder { info, callbacks, output };
        // SAFETY: the struct has an error manager; the output is boxed and lives as long as the encoder.
        unsafe { c::jpeg_create_compress(&mut *encoder.info) };
        encoder.callbacks.watch(&mut encoder.info.common);
        encoder.info.dest = (&raw mut *encoder.output).cast();
        encoder
    }

    fn set_up(&mut self, canvas: &Canvas, quality: u8, progressive: bool, effort: Effort) {
        let info = &mut *self.info;
        info.image_width = canvas.width;
        info.image_height = canvas.height;
        info.in_color_space = c::JCS_RGB;
        info.input_components = 3;
        // SAFETY: the struct is made and its input described. jpeg_set_defaults fills comp_info with three entries,
        // of which the first is luma. It also forgets the table, so that this is set after it and before the quality.
        unsafe {
            c::jpeg_c_set_int_param(info, c::JINT_COMPRESS_PROFILE, c::JCP_FASTEST as c_int);
            c::jpeg_set_defaults(info);
            c::jpeg_c_set_int_param(info, c::JINT_BASE_QUANT_TBL_IDX, 5);
            c::jpeg_set_quality(info, c_int::from(quality), 1);
            c::jpeg_c_set_bool_param(info, c::JBOOLEAN_TRELLIS_QUANT, 0);
            c::jpeg_c_set_bool_param(info, c::JBOOLEAN_TRELLIS_QUANT_DC, 0);
            c::jpeg_c_set_bool_param(info, c::JBOOLEAN_OPTIMIZE_SCANS, 0);
            c::jpeg_c_set_bool_param(info, c::JBOOLEAN_OVERSHOOT_DERINGING, 1);
            info.optimize_coding = c::boolean::from(effort == Effort::Usual);
            // The library reads the scans as long as it encodes.
            (info.num_scans, info.scan_info) =
                if progressive { (SCANS.len() as c_int, SCANS.as_ptr()) } else { (0, std::ptr::null()) };
            (*info.comp_info).h_samp_factor = 2;
            (*info.comp_info).v_samp_factor = 2;
        }
    }

    fn write(&mut self, canvas: &Canvas, extras: Extras<'_>) -> Result<Vec<u8>, Error> {
        // SAFETY: set up; markers come between start and the first row.
        unsafe { c::jpeg_start_compress(&mut self.info, 1) };
        if let Some(exif) = extras.exif {
            self.segment(0xE1, &[b"Exif\0\0", exif].concat());
        }
        self.profile(extras.icc.unwrap_or_default());
        for row in canvas.pixels.chunks_exact(canvas.stride()) {
            still_time(self.callbacks.watch.deadline)?;
            // SAFETY: the row is as long as the width in RGB.
            unsafe { c::jpeg_write_scanlines(&mut self.info, [row.as_ptr()].as_ptr(), 1) };
        }
        // SAFETY: all rows are written.
        unsafe { c::jpeg_finish_compress(&mut self.info) };
        Ok(std::mem::take(&mut self.output.bytes))
    }

    /// Writes a profile in as many numbered segments as it needs (ICC.1, B.4); no more than a byte can count.
    fn profile(&mut self, icc: &[u8]) {
        let parts: Vec<&[u8]> = icc.chunks(MAX_ICC_PART_BYTES).collect();
        let Ok(count) = u8::try_from(parts.len()) else { return };
        for (number, part) in (1..=count).zip(parts) {
            self.segment(0xE2, &[b"ICC_PROFILE\0", &[number, count][..], part].concat());
        }
    }

    fn segment(&mut self, marker: c_int, bytes: &[u8]) {
        // SAFETY: the bytes are as many as it says, and fit into a segment.
        unsafe { c::jpeg_write_marker(&mut self.info, marker, bytes.as_ptr(), bytes.len() as c_uint) };
    }
}

unsafe extern "C-unwind" fn init_destination(info: &mut c::jpeg_compress_struct) {
    // SAFETY: `dest` is the first field of an Output that lives as long as the encoder.
    let output = unsafe { &mut *info.dest.cast::<Output>() };
    output.manager.next_output_byte = output.buffer.as_mut_ptr();
    output.manager.free_in_buffer = output.buffer.len();
}

unsafe extern "C-unwind" fn empty_output_buffer(info: &mut c::jpeg_compress_struct) -> c::boolean {
    // SAFETY: as above. The library asks for this only when the buffer is full, whatever its counter says.
    let output = unsafe { &mut *info.dest.cast::<Output>() };
    output.bytes.extend_from_slice(&output.buffer);
    // SAFETY: as above.
    unsafe { init_destination(info) };
    1
}

unsafe extern "C-unwind" fn term_destination(info: &mut c::jpeg_compress_struct) {
    // SAFETY: as above.
    let output = unsafe { &mut *info.dest.cast::<Output>() };
    let used = output.buffer.len().saturating_sub(output.manager.free_in_buffer);
    output.bytes.extend_from_slice(&output.buffer[..used]);
}
