//! Animated WebP, in and out, by libwebp's own players and writers of animations.

use std::ffi::c_int;
use std::time::Instant;

use libwebp_sys as c;

use super::chunks::Chunks;
use crate::Error;
use crate::animation::{Frame, FrameSink, Frames, Reel, played};
use crate::canvas::Canvas;
use crate::deadline::still_time;
use crate::decode::{Order, Picture, Samples};

/// Pixels of all frames up to which each is tried with and without loss: drawings are smaller and finer without.
const MAX_MIXED_PIXELS: u64 = 4_000_000;

/// Effort by the pixels of all frames together, so that an encoder at 10 to 40 megapixels a second keeps its time.
const METHODS: [(u64, c_int); 3] = [(15_000_000, 4), (30_000_000, 2), (u64::MAX, 1)];
const LOSSLESS_LEVELS: [(u64, c_int); 3] = [(2_000_000, 6), (8_000_000, 3), (u64::MAX, 0)];

/// A WebP being played.
pub(super) struct WebpFrames<'a> {
    order: Order<'a>,
    /// Never null; deleted when this is dropped.
    decoder: *mut c::WebPAnimDecoder,
    info: c::WebPAnimInfo,
    icc: Option<&'a [u8]>,
    left: u32,
    /// When the last frame ended, in milliseconds.
    ended_ms: c_int,
}

impl<'a> WebpFrames<'a> {
    /// Opens a WebP; no frame is decoded yet.
    pub(super) fn new(order: &Order<'a>) -> Result<WebpFrames<'a>, Error> {
        let chunks = Chunks::read(order.bytes)?;
        let broken = || Error::Damaged("its animation cannot be read".to_owned());
        // The library allocates two canvases as soon as it is opened.
        let (width, height) = chunks.canvas.ok_or_else(broken)?;
        order.expect(width, height)?;
        let icc = chunks.icc.filter(|icc| icc.len() <= order.limits.max_icc_bytes);
        let data = c::WebPData { bytes: order.bytes.as_ptr(), size: order.bytes.len() };
        // SAFETY: a plain C struct, for which zero is a value; the library fills it next.
        let mut options: c::WebPAnimDecoderOptions = unsafe { std::mem::zeroed() };
        // SAFETY: the structs are of this version. The library keeps the address of the bytes, not of `data`; they
        // live as long as the order.
        let decoder = unsafe {
            if c::WebPAnimDecoderOptionsInit(&mut options) == 0 {
                return Err(broken());
            }
            options.color_mode = c::WEBP_CSP_MODE::MODE_RGBA;
            c::WebPAnimDecoderNew(&data, &options)
        };
        if decoder.is_null() {
            return Err(broken());
        }
        let left = order.limits.max_frames;
        let mut frames =
            WebpFrames { order: *order, decoder, info: c::WebPAnimInfo::default(), icc, left, ended_ms: 0 };
        // SAFETY: the decoder is alive.
        let known = unsafe { c::WebPAnimDecoderGetInfo(decoder, &mut frames.info) } != 0;
        if !known {
            return Err(broken());
        }
        order.expect(frames.info.canvas_width, frames.info.canvas_height)?;
        Ok(frames)
    }
}

impl Drop for WebpFrames<'_> {
    fn drop(&mut self) {
        // SAFETY: made by the library, and deleted only here.
        unsafe { c::WebPAnimDecoderDelete(self.decoder) };
    }
}

impl Frames for WebpFrames<'_> {
    fn picture(&self) -> Picture {
        Picture {
            width: self.info.canvas_width,
            height: self.info.canvas_height,
            scale: 1.0,
            samples: Samples::Rgba,
            deep: false,
            icc: self.icc.map(<[u8]>::to_vec),
            gamma: None,
            cicp: None,
        }
    }

    fn plays(&self) -> u32 {
        self.info.loop_count
    }

    fn next(&mut self) -> Result<Option<Frame<'_>>, Error> {
        still_time(self.order.deadline)?;
        // SAFETY: the decoder is alive.
        let more = unsafe { c::WebPAnimDecoderHasMoreFrames(self.decoder) } != 0;
        if !more || self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let mut pixels = std::ptr::null_mut();
        let mut ends_ms = 0;
        // SAFETY: the decoder is alive and writes two values.
        let decoded = unsafe { c::WebPAnimDecoderGetNext(self.decoder, &mut pixels, &mut ends_ms) } != 0;
        if !decoded || pixels.is_null() {
            return Err(Error::Damaged("one of its frames cannot be decoded".to_owned()));
        }
        let length = self.info.canvas_width as usize * self.info.canvas_height as usize * 4;
        // SAFETY: the library's canvas is as large as it said; nothing writes to it while the frame is borrowed.
        let pixels = unsafe { std::slice::from_raw_parts(pixels, length) };
        let delay_ms = u32::try_from(ends_ms.saturating_sub(self.ended_ms)).unwrap_or(0);
        self.ended_ms = ends_ms;
        Ok(Some(Frame { pixels, delay_ms: played(delay_ms) }))
    }
}

/// A WebP being written.
pub(super) struct Writer {
    deadline: Instant,
    reel: Reel,
    /// Never null; deleted when this is dropped.
    encoder: *mut c::WebPAnimEncoder,
    config: c::WebPConfig,
    /// When the next frame begins, in milliseconds.
    begins_ms: c_int,
}

impl Writer {
    /// Begins a file with a configuration of the still encoder.
    pub(super) fn new(
        reel: Reel,
        is_lossless: bool,
        mut config: c::WebPConfig,
        deadline: Instant,
    ) -> Result<Writer, Error> {
        let failed = || Error::Encode("libwebp did not begin an animation".to_owned());
        config.method = config.method.min(step(&METHODS, reel.pixels()));
        if is_lossless {
            let level = step(&LOSSLESS_LEVELS, reel.pixels());
            // SAFETY: a struct of this version.
            if unsafe { c::WebPConfigLosslessPreset(&mut config, level) } == 0 {
                return Err(failed());
            }
        }
        // SAFETY: a plain C struct, for which zero is a value; the library fills it next.
        let mut options: c::WebPAnimEncoderOptions = unsafe { std::mem::zeroed() };
        let version = c::WEBP_MUX_ABI_VERSION as c_int;
        // SAFETY: a struct of this version.
        if unsafe { c::WebPAnimEncoderOptionsInitInternal(&mut options, version) } == 0 {
            return Err(failed());
        }
        options.anim_params.loop_count = reel.plays.min(u32::from(u16::MAX)) as c_int;
        options.anim_params.bgcolor = 0;
        options.allow_mixed = c_int::from(!is_lossless && reel.pixels() <= MAX_MIXED_PIXELS);
        let (width, height) = (reel.width as c_int, reel.height as c_int);
        // SAFETY: the options are of this version and are copied.
        let encoder = unsafe { c::WebPAnimEncoderNewInternal(width, height, &options, version) };
        if encoder.is_null() {
            return Err(failed());
        }
        Ok(Writer { deadline, reel, encoder, config, begins_ms: 0 })
    }

    /// What the library says went wrong.
    fn failed(&self) -> Error {
        // SAFETY: the encoder is alive and gives a text of its own, which is copied at once.
        let told = unsafe { std::ffi::CStr::from_ptr(c::WebPAnimEncoderGetError(self.encoder)) };
        Error::Encode(told.to_string_lossy().into_owned())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // SAFETY: made by the library, and deleted only here.
        unsafe { c::WebPAnimEncoderDelete(self.encoder) };
    }
}

impl FrameSink for Writer {
    fn push(&mut self, canvas: Canvas, delay_ms: u32) -> Result<(), Error> {
        still_time(self.deadline)?;
        if (canvas.width, canvas.height) != (self.reel.width, self.reel.height) {
            return Err(Error::Encode("a frame has another size than the animation".to_owned()));
        }
        let mut picture = Argb::new(&canvas)?;
        // SAFETY: all three are alive and of this version; the library copies the pixels.
        let added =
            unsafe { c::WebPAnimEncoderAdd(self.encoder, &mut picture.0, self.begins_ms, &self.config) } != 0;
        if !added {
            return Err(self.failed());
        }
        let delay_ms = c_int::try_from(played(delay_ms)).unwrap_or(c_int::MAX);
        self.begins_ms = self.begins_ms.saturating_add(delay_ms);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Vec<u8>, Error> {
        let mut data = c::WebPData::default();
        // SAFETY: the encoder is alive; a frame of null says when the last one ends. The library allocates the data.
        let done = unsafe {
            let ended =
                c::WebPAnimEncoderAdd(self.encoder, std::ptr::null_mut(), self.begins_ms, std::ptr::null());
            ended != 0 && c::WebPAnimEncoderAssemble(self.encoder, &mut data) != 0
        };
        if !done || data.bytes.is_null() {
            return Err(self.failed());
        }
        // SAFETY: as many bytes as the library said; copied, and freed by it.
        let bytes = unsafe { std::slice::from_raw_parts(data.bytes, data.size) }.to_vec();
        // SAFETY: allocated by the library, and not used again.
        unsafe { c::WebPDataClear(&mut data) };
        Ok(bytes)
    }
}

/// A picture as the writer of animations wants it; freed when dropped.
struct Argb(c::WebPPicture);

impl Argb {
    fn new(canvas: &Canvas) -> Result<Argb, Error> {
        let picture =
            c::WebPPicture::new().map_err(|()| Error::Encode("libwebp has another version".to_owned()))?;
        let mut picture = Argb(picture);
        picture.0.width = canvas.width as c_int;
        picture.0.height = canvas.height as c_int;
        picture.0.use_argb = 1;
        let import = if canvas.channels == 4 { c::WebPPictureImportRGBA } else { c::WebPPictureImportRGB };
        // SAFETY: the canvas has as many bytes as width, height and stride say.
        if unsafe { import(&mut picture.0, canvas.pixels.as_ptr(), canvas.stride() as c_int) } == 0 {
            return Err(Error::Encode("there was not enough memory".to_owned()));
        }
        Ok(picture)
    }
}

impl Drop for Argb {
    fn drop(&mut self) {
        // SAFETY: initialised by the library.
        unsafe { c::WebPPictureFree(&mut self.0) };
    }
}

/// The entry of the first bound that is not passed.
fn step(steps: &[(u64, c_int)], pixels: u64) -> c_int {
    steps.iter().find(|(most, _)| pixels <= *most).map_or(0, |(_, value)| *value)
}
