//! HEIC, read by the system's libheif (1.15 or newer) in builds with the feature `heic`. The header is read by our own
//! boxes. This is the only file that speaks to that library; what it calls is declared here as its header
//! `libheif/heif.h` has it.
#![expect(unsafe_code, reason = "a C library")]

use std::ffi::{CStr, c_char, c_int, c_void};

use crate::deadline::still_time;
use crate::decode::{Header, Order, Picture, Samples, Sink};
use crate::step::orient;
use crate::{Error, Limits};

use super::heif::{self, Brand, Heif};

/// `heif_error`.
#[repr(C)]
struct Answer {
    code: c_int,
    subcode: c_int,
    message: *const c_char,
}

type Handle = *mut c_void;

#[link(name = "heif")]
unsafe extern "C" {
    fn heif_context_alloc() -> Handle;
    fn heif_context_free(context: Handle);
    fn heif_context_read_from_memory_without_copy(
        context: Handle,
        bytes: *const c_void,
        length: usize,
        options: *const c_void,
    ) -> Answer;
    fn heif_context_get_primary_image_handle(context: Handle, picture: *mut Handle) -> Answer;
    fn heif_image_handle_release(picture: Handle);
    fn heif_image_handle_get_width(picture: Handle) -> c_int;
    fn heif_image_handle_get_height(picture: Handle) -> c_int;
    fn heif_image_handle_has_alpha_channel(picture: Handle) -> c_int;
    fn heif_image_handle_get_raw_color_profile_size(picture: Handle) -> usize;
    fn heif_image_handle_get_raw_color_profile(picture: Handle, room: *mut c_void) -> Answer;
    fn heif_decode_image(
        picture: Handle,
        image: *mut Handle,
        space: c_int,
        chroma: c_int,
        options: *const c_void,
    ) -> Answer;
    fn heif_image_release(image: Handle);
    fn heif_image_get_width(image: Handle, channel: c_int) -> c_int;
    fn heif_image_get_height(image: Handle, channel: c_int) -> c_int;
    fn heif_image_get_plane_readonly(image: Handle, channel: c_int, stride: *mut c_int) -> *const u8;
}

/// `heif_colorspace_RGB`.
const RGB: c_int = 1;

/// `heif_channel_interleaved`, and the same number as `heif_chroma_interleaved_RGB`; with alpha it is one more.
const INTERLEAVED: c_int = 10;

/// Whether a file begins as a HEIC.
pub(crate) fn begins(bytes: &[u8]) -> bool {
    heif::brand(bytes) == Some(Brand::Heic)
}

/// The header. Sizes are as shown: the library turns the picture itself.
pub(crate) fn header<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Header<'a>, Error> {
    let heif = Heif::read(bytes)?;
    let primary = heif.primary()?;
    let tiles = heif.referred(primary.id, b"dimg").len().max(1);
    if tiles > limits.max_avif_tiles as usize {
        let told = format!("it has {tiles} tiles; the limit is {}", limits.max_avif_tiles);
        return Err(Error::TooManyPieces { limit: "max_avif_tiles", told });
    }
    let (width, height) = orient::swapped(heif.orientation(primary), heif.size(primary)?);
    let alpha = heif.referring(primary.id, b"auxl").any(|item| {
        let kind = heif.property(item, b"auxC").and_then(|body| body.get(4..)).unwrap_or_default();
        kind.starts_with(b"urn:mpeg:hevc:2015:auxid:1\0")
            || kind.starts_with(b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0")
    });
    Ok(Header { orientation: Some(1), alpha, tiles: tiles as u32, ..Header::new(width, height) })
}

/// A thing of the library, and how it is given back.
struct Owned(Handle, unsafe extern "C" fn(Handle));

impl Drop for Owned {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: the handle is the library's, and given back once.
            unsafe { (self.1)(self.0) };
        }
    }
}

/// Decodes the picture, as 8 bits. The library cannot be stopped within it.
pub(crate) fn decode(order: &Order<'_>, sink: &mut dyn Sink) -> Result<(), Error> {
    let header = header(order.bytes, order.limits)?;
    order.expect(header.width, header.height)?;
    // SAFETY: no argument.
    let context = Owned(unsafe { heif_context_alloc() }, heif_context_free);
    let (bytes, length) = (order.bytes.as_ptr().cast(), order.bytes.len());
    // SAFETY: the bytes outlive the context.
    done(unsafe { heif_context_read_from_memory_without_copy(context.0, bytes, length, std::ptr::null()) })?;
    let mut picture = Owned(std::ptr::null_mut(), heif_image_handle_release);
    // SAFETY: the context is alive.
    done(unsafe { heif_context_get_primary_image_handle(context.0, &mut picture.0) })?;
    // SAFETY: the handle is alive.
    let (width, height, alpha) = unsafe {
        let size = (heif_image_handle_get_width(picture.0), heif_image_handle_get_height(picture.0));
        (size.0, size.1, heif_image_handle_has_alpha_channel(picture.0) != 0)
    };
    order.expect(width.max(0) as u32, height.max(0) as u32)?;
    still_time(order.deadline)?;
    let mut image = Owned(std::ptr::null_mut(), heif_image_release);
    let chroma = INTERLEAVED + c_int::from(alpha);
    // SAFETY: the handle is alive; the library's own options.
    done(unsafe { heif_decode_image(picture.0, &mut image.0, RGB, chroma, std::ptr::null()) })?;
    still_time(order.deadline)?;
    let samples = if alpha { Samples::Rgba } else { Samples::Rgb };
    let icc = profile(&picture, order.limits.max_icc_bytes);
    sink.begin(&Picture { icc, ..Picture::new(order.size.0, order.size.1, samples) })?;
    give(order, &image, samples.count(), sink)
}

/// Gives the rows of a decoded image.
fn give(order: &Order<'_>, image: &Owned, channels: usize, sink: &mut dyn Sink) -> Result<(), Error> {
    // What the stream held may be smaller than what the file said of it.
    // SAFETY: the image is alive.
    let (width, height) =
        unsafe { (heif_image_get_width(image.0, INTERLEAVED), heif_image_get_height(image.0, INTERLEAVED)) };
    order.expect(width.max(0) as u32, height.max(0) as u32)?;
    let mut stride: c_int = 0;
    // SAFETY: the image is alive.
    let start = unsafe { heif_image_get_plane_readonly(image.0, INTERLEAVED, &mut stride) };
    let (row, stride) = (order.size.0 as usize * channels, usize::try_from(stride).unwrap_or(0));
    if start.is_null() || stride < row {
        return Err(Error::Damaged("its data cannot be decoded".to_owned()));
    }
    for y in 0..order.size.1 as usize {
        still_time(order.deadline)?;
        // SAFETY: the plane has as many rows as the picture is high, `stride` bytes apart, each at least `row` long.
        let row = unsafe { std::slice::from_raw_parts(start.add(y * stride), row) };
        if sink.row(row)?.is_break() {
            break;
        }
    }
    Ok(())
}

fn profile(picture: &Owned, max_bytes: usize) -> Option<Vec<u8>> {
    // SAFETY: the handle is alive; there is as much room as the library asked for.
    unsafe {
        let length = heif_image_handle_get_raw_color_profile_size(picture.0);
        if length == 0 || length > max_bytes {
            return None;
        }
        let mut profile = vec![0_u8; length];
        let answer = heif_image_handle_get_raw_color_profile(picture.0, profile.as_mut_ptr().cast());
        (answer.code == 0).then_some(profile)
    }
}

fn done(answer: Answer) -> Result<(), Error> {
    if answer.code == 0 {
        return Ok(());
    }
    if answer.message.is_null() {
        return Err(Error::Damaged("its data cannot be decoded".to_owned()));
    }
    // SAFETY: the library's sentences are constants of C.
    let sentence = unsafe { CStr::from_ptr(answer.message) };
    Err(Error::Damaged(sentence.to_string_lossy().into_owned()))
}
