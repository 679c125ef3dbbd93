//! WebP by libwebp, read as a whole and written without or with loss. This file and
//! its folder are all that speaks to that library.
#![expect(unsafe_code, reason = "a C library")]

use std::ffi::{c_int, c_void};
use std::time::Instant;

use libwebp_sys as c;

use crate::animation::{FrameSink, Frames, Reel};
use crate::canvas::Canvas;
use crate::deadline::still_time;
use crate::decode::{Header, Order, Picture, Samples, Sink, give_rows};
use crate::{Effort, Error};

mod animation;
mod bare;
mod chunks;

pub(crate) use bare::bare;
use chunks::{Chunks, Frame};

/// Effort, 0 to 6: 4 would cost twice the time and save 2 to 4 % of the bytes at the same score (performance-findings 2).
const METHOD: c_int = 2;

/// Effort where time counts more than bytes.
const FAST_METHOD: c_int = 1;

/// Level of the lossless preset, 0 to 9; 6 is the library's default.
const LOSSLESS_LEVEL: c_int = 6;

/// The same where time counts more than bytes.
const FAST_LOSSLESS_LEVEL: c_int = 1;

/// Whether a file begins as a WebP.
pub(crate) fn begins(bytes: &[u8]) -> bool {
    bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP")
}

/// The header; frames are counted.
pub(crate) fn header(bytes: &[u8]) -> Result<Header<'_>, Error> {
    let chunks = Chunks::read(bytes)?;
    let features = features(chunks.first.data)?;
    let (width, height) = chunks.canvas.unwrap_or((features.width as u32, features.height as u32));
    let alpha = features.has_alpha != 0 || !chunks.first.covers(width, height);
    Ok(Header {
        frames: chunks.frames.max(1),
        alpha,
        exif: chunks.exif,
        // 1 is lossy, 2 lossless, 0 an animation of both.
        is_lossless: features.format == 2,
        ..Header::new(width, height)
    })
}

/// The EXIF, a TIFF structure.
pub(crate) fn exif(bytes: &[u8]) -> Option<&[u8]> {
    Chunks::read(bytes).ok()?.exif
}

/// Decodes the first frame; of an animation, onto a transparent canvas.
pub(crate) fn decode(order: &Order<'_>, sink: &mut dyn Sink) -> Result<(), Error> {
    let chunks = Chunks::read(order.bytes)?;
    let features = features(chunks.first.data)?;
    let (width, height) = chunks.canvas.unwrap_or((features.width as u32, features.height as u32));
    order.expect(width, height)?;
    let alpha = features.has_alpha != 0 || !chunks.first.covers(width, height);
    let channels = if alpha { 4 } else { 3 };
    let stride = width as usize * channels;
    let frame = pixels(&chunks.first, channels, order.size)?;
    still_time(order.deadline)?;
    sink.begin(&Picture {
        width,
        height,
        scale: 1.0,
        samples: if alpha { Samples::Rgba } else { Samples::Rgb },
        deep: false,
        icc: chunks.icc.filter(|icc| icc.len() <= order.limits.max_icc_bytes).map(<[u8]>::to_vec),
        gamma: None,
        cicp: None,
    })?;
    if chunks.first.covers(width, height) {
        give_rows(order, sink, &frame, stride)?;
    } else {
        give_rows(order, sink, &lay(&chunks.first, features.width as usize, &frame, width, height), stride)?;
    }
    if order.thorough { other_frames(order, &chunks) } else { Ok(()) }
}

/// Plays the whole animation for the sake of damage in it: what is taken can be played later.
fn other_frames(order: &Order<'_>, chunks: &Chunks<'_>) -> Result<(), Error> {
    if chunks.cut_off {
        return Err(Error::Damaged("it ends early".to_owned()));
    }
    if chunks.frames > 1 {
        let mut frames = animation::WebpFrames::new(order)?;
        while frames.next()?.is_some() {}
    }
    Ok(())
}

/// Plays the animation.
pub(crate) fn frames<'a>(order: &Order<'a>) -> Result<Box<dyn Frames + 'a>, Error> {
    Ok(Box::new(animation::WebpFrames::new(order)?))
}

/// Begins an animation at a quality of 1 to 100, or without loss.
pub(crate) fn animation(
    reel: Reel,
    quality: Option<u8>,
    effort: Effort,
    deadline: Instant,
) -> Result<Box<dyn FrameSink>, Error> {
    Ok(Box::new(animation::Writer::new(reel, quality.is_none(), config(quality, effort)?, deadline)?))
}

/// The smaller frame on its canvas, RGBA.
fn lay(frame: &Frame<'_>, frame_width: usize, pixels: &[u8], width: u32, height: u32) -> Vec<u8> {
    let (width, height) = (width as usize, height as usize);
    let (left, top) = (frame.left as usize, frame.top as usize);
    let mut canvas = vec![0; width * height * 4];
    let columns = frame_width.min(width.saturating_sub(left));
    let rows = pixels.chunks_exact(frame_width * 4).take(height.saturating_sub(top));
    for (row, to) in rows.zip(canvas.chunks_exact_mut(width * 4).skip(top)) {
        if columns > 0 {
            to[left * 4..][..columns * 4].copy_from_slice(&row[..columns * 4]);
        }
    }
    canvas
}

fn features(data: &[u8]) -> Result<c::WebPBitstreamFeatures, Error> {
    let mut features = std::mem::MaybeUninit::<c::WebPBitstreamFeatures>::zeroed();
    // SAFETY: the library reads no further than the length, and writes one struct of its version.
    let status = unsafe {
        let version = c::WEBP_DECODER_ABI_VERSION as c_int;
        c::WebPGetFeaturesInternal(data.as_ptr(), data.len(), features.as_mut_ptr(), version)
    };
    if status != c::VP8StatusCode::VP8_STATUS_OK {
        return Err(Error::Damaged(sentence(status).to_owned()));
    }
    // SAFETY: filled by the library; zero was a value before.
    let features = unsafe { features.assume_init() };
    if features.width < 1 || features.height < 1 {
        return Err(Error::Damaged("its width or height is zero".to_owned()));
    }
    Ok(features)
}

/// The pixels of a frame with 3 or 4 channels; it may not be larger than `most`.
fn pixels(frame: &Frame<'_>, channels: usize, most: (u32, u32)) -> Result<Vec<u8>, Error> {
    let features = features(frame.data)?;
    if features.width as u32 > most.0 || features.height as u32 > most.1 {
        return Err(Error::Damaged("a frame is larger than the picture".to_owned()));
    }
    let stride = features.width as usize * channels;
    let mut pixels = vec![0_u8; stride * features.height as usize];
    let mut config =
        c::WebPDecoderConfig::new().map_err(|()| Error::Damaged("the decoder did not start".to_owned()))?;
    config.output.colorspace =
        if channels == 4 { c::WEBP_CSP_MODE::MODE_RGBA } else { c::WEBP_CSP_MODE::MODE_RGB };
    config.output.is_external_memory = 1;
    config.output.u.RGBA =
        c::WebPRGBABuffer { rgba: pixels.as_mut_ptr(), stride: stride as c_int, size: pixels.len() };
    // SAFETY: the library writes into `pixels` no further than its size, which is that of the picture.
    let status = unsafe { c::WebPDecode(frame.data.as_ptr(), frame.data.len(), &mut config) };
    // SAFETY: a no-op for memory that is ours; asked for by the library's documentation.
    unsafe { c::WebPFreeDecBuffer(&mut config.output) };
    if status == c::VP8StatusCode::VP8_STATUS_OK {
        Ok(pixels)
    } else {
        Err(Error::Damaged(sentence(status).to_owned()))
    }
}

fn sentence(status: c::VP8StatusCode) -> &'static str {
    match status {
        c::VP8StatusCode::VP8_STATUS_SUSPENDED | c::VP8StatusCode::VP8_STATUS_NOT_ENOUGH_DATA => {
            "it ends early"
        }
        c::VP8StatusCode::VP8_STATUS_UNSUPPORTED_FEATURE => "it uses something that WebP does not have",
        c::VP8StatusCode::VP8_STATUS_OUT_OF_MEMORY => "there was not enough memory for it",
        _ => "its data cannot be decoded",
    }
}

/// Encodes a canvas at a quality of 1 to 100, or without loss.
pub(crate) fn encode(
    canvas: &Canvas,
    quality: Option<u8>,
    effort: Effort,
    deadline: Instant,
) -> Result<Vec<u8>, Error> {
    let config = config(quality, effort)?;
    let mut encoder = Encoder::new(canvas, quality.is_none(), deadline)?;
    // SAFETY: both structs are of this version; the writer and the deadline live as long as the encoder.
    let done = unsafe { c::WebPEncode(&config, &mut *encoder.picture) } != 0;
    if done {
        // SAFETY: the writer holds `size` bytes at `mem`.
        return Ok(unsafe { std::slice::from_raw_parts(encoder.writer.mem, encoder.writer.size) }.to_vec());
    }
    match encoder.picture.error_code {
        c::WebPEncodingError::VP8_ENC_ERROR_USER_ABORT => Err(Error::Timeout),
        code => Err(Error::Encode(format!("{code:?}"))),
    }
}

fn config(quality: Option<u8>, effort: Effort) -> Result<c::WebPConfig, Error> {
    let broken = || Error::Encode("libwebp has another version".to_owned());
    let mut config = c::WebPConfig::new().map_err(|()| broken())?;
    match quality {
        Some(quality) => {
            config.quality = f32::from(quality);
            config.method = if effort == Effort::Fast { FAST_METHOD } else { METHOD };
        }
        None => {
            let level = if effort == Effort::Fast { FAST_LOSSLESS_LEVEL } else { LOSSLESS_LEVEL };
            // SAFETY: a struct of this version.
            if unsafe { c::WebPConfigLosslessPreset(&mut config, level) } == 0 {
                return Err(broken());
            }
        }
    }
    Ok(config)
}

struct Encoder {
    picture: Box<c::WebPPicture>,
    writer: Box<c::WebPMemoryWriter>,
    _deadline: Box<Instant>,
}

impl Drop for Encoder {
    fn drop(&mut self) {
        // SAFETY: both were initialised by the library.
        unsafe {
            c::WebPPictureFree(&mut *self.picture);
            c::WebPMemoryWriterClear(&mut *self.writer);
        }
    }
}

impl Encoder {
    fn new(canvas: &Canvas, lossless: bool, deadline: Instant) -> Result<Encoder, Error> {
        let picture =
            c::WebPPicture::new().map_err(|()| Error::Encode("libwebp has another version".to_owned()))?;
        // SAFETY: a plain C struct, for which zero is a value; the library initialises it next.
        let writer: Box<c::WebPMemoryWriter> = unsafe { Box::new(std::mem::zeroed()) };
        let mut encoder = Encoder { picture: Box::new(picture), writer, _deadline: Box::new(deadline) };
        // SAFETY: as above.
        unsafe { c::WebPMemoryWriterInit(&mut *encoder.writer) };
        let picture = &mut *encoder.picture;
        picture.width = canvas.width as c_int;
        picture.height = canvas.height as c_int;
        picture.use_argb = c_int::from(lossless);
        picture.writer = Some(c::WebPMemoryWrite);
        picture.custom_ptr = (&raw mut *encoder.writer).cast();
        picture.progress_hook = Some(progress);
        picture.user_data = (&raw mut *encoder._deadline).cast::<c_void>();
        let import = if canvas.channels == 4 { c::WebPPictureImportRGBA } else { c::WebPPictureImportRGB };
        // SAFETY: the canvas has as many bytes as width, height and stride say.
        if unsafe { import(picture, canvas.pixels.as_ptr(), canvas.stride() as c_int) } == 0 {
            return Err(Error::Encode("there was not enough memory".to_owned()));
        }
        Ok(encoder)
    }
}

/// Tells the library to stop once the deadline has passed.
unsafe extern "C" fn progress(_percent: c_int, picture: *const c::WebPPicture) -> c_int {
    // SAFETY: the encoder keeps the deadline as long as the picture.
    let deadline = unsafe { *(*picture).user_data.cast::<Instant>() };
    c_int::from(Instant::now() < deadline)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_alike, at, decoded, file, quarters, rendered};

    fn chunk(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len()).unwrap().to_le_bytes();
        [kind, &length[..], body, &vec![0; body.len() % 2][..]].concat()
    }

    /// An animation of 40 x 40 pixels, whose frames lie at 10, 20 and are smaller.
    fn animation(frames: usize) -> Vec<u8> {
        let picture = file(&quarters(20, 10), crate::Format::Webp);
        let place = [5, 0, 0, 10, 0, 0, 19, 0, 0, 9, 0, 0, 50, 0, 0, 0];
        let frame = chunk(b"ANMF", &[&place[..], &picture[12..]].concat());
        let head = chunk(b"VP8X", &[0x12, 0, 0, 0, 39, 0, 0, 39, 0, 0]);
        let body = [&b"WEBP"[..], &head, &chunk(b"ANIM", &[0; 6]), &frame.repeat(frames)].concat();
        [b"RIFF", &u32::try_from(body.len()).unwrap().to_le_bytes()[..], &body].concat()
    }

    #[test]
    fn the_first_frame_of_an_animation_lies_where_it_belongs() {
        let bytes = animation(3);
        let facts = crate::probe(&bytes, &crate::Limits::default()).unwrap();
        assert_eq!((facts.width, facts.height, facts.frames, facts.alpha), (40, 40, 3, true));
        let picture = decoded(&rendered(&bytes, "f=png", false).unwrap().bytes);
        assert_eq!(at(&picture, 0.1, 0.1), [0; 4]);
        assert_alike(&at(&picture, 0.3, 0.55), &[220, 30, 30, 255], "its red quarter");
    }

    #[test]
    fn a_frame_that_is_larger_than_its_canvas_is_refused() {
        let mut bytes = animation(1);
        let canvas = bytes.windows(4).position(|kind| kind == b"VP8X").unwrap() + 12;
        bytes[canvas..canvas + 6].copy_from_slice(&[9, 0, 0, 9, 0, 0]);
        assert!(matches!(rendered(&bytes, "f=png", false), Err(Error::Damaged(_))));
    }
}
