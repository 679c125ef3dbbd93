//! JPEG XL out by the system's libjxl (0.7 or newer), in builds with the feature `jxl-out`. This is the only file that
//! speaks to that library; what it calls is declared here as its header `jxl/encode.h` has it.
#![expect(unsafe_code, reason = "a C library")]

use std::ffi::{c_int, c_void};
use std::time::Instant;

use crate::canvas::Canvas;
use crate::deadline::still_time;
use crate::{Effort, Error};

/// `JxlBasicInfo`.
#[repr(C)]
struct BasicInfo {
    have_container: c_int,
    xsize: u32,
    ysize: u32,
    bits_per_sample: u32,
    exponent_bits_per_sample: u32,
    intensity_target: f32,
    min_nits: f32,
    relative_to_max_display: c_int,
    linear_below: f32,
    uses_original_profile: c_int,
    have_preview: c_int,
    have_animation: c_int,
    orientation: c_int,
    num_color_channels: u32,
    num_extra_channels: u32,
    alpha_bits: u32,
    alpha_exponent_bits: u32,
    alpha_premultiplied: c_int,
    /// Preview, animation, the intrinsic size, and what the library keeps for later, with room to spare.
    rest: [u32; 64],
}

/// `JxlPixelFormat`.
#[repr(C)]
struct PixelFormat {
    num_channels: u32,
    /// 2 is 8 bits.
    data_type: c_int,
    endianness: c_int,
    align: usize,
}

/// `JxlColorEncoding`, which the library fills: larger than it is, and aligned as it is.
#[repr(C, align(8))]
struct ColorEncoding([u64; 32]);

type Handle = *mut c_void;

#[link(name = "jxl")]
unsafe extern "C" {
    fn JxlEncoderCreate(memory: *const c_void) -> Handle;
    fn JxlEncoderDestroy(encoder: Handle);
    fn JxlEncoderInitBasicInfo(info: *mut BasicInfo);
    fn JxlEncoderSetBasicInfo(encoder: Handle, info: *const BasicInfo) -> c_int;
    fn JxlColorEncodingSetToSRGB(encoding: *mut ColorEncoding, is_gray: c_int);
    fn JxlEncoderSetColorEncoding(encoder: Handle, encoding: *const ColorEncoding) -> c_int;
    fn JxlEncoderFrameSettingsCreate(encoder: Handle, source: *const c_void) -> Handle;
    fn JxlEncoderSetFrameDistance(settings: Handle, distance: f32) -> c_int;
    fn JxlEncoderFrameSettingsSetOption(settings: Handle, option: c_int, value: i64) -> c_int;
    fn JxlEncoderAddImageFrame(
        settings: Handle,
        format: *const PixelFormat,
        buffer: *const c_void,
        bytes: usize,
    ) -> c_int;
    fn JxlEncoderCloseInput(encoder: Handle);
    fn JxlEncoderProcessOutput(encoder: Handle, next: *mut *mut u8, left: *mut usize) -> c_int;
}

/// `JXL_ENC_FRAME_SETTING_EFFORT`.
const EFFORT: c_int = 0;

/// What `JxlEncoderProcessOutput` answers while there is more.
const MORE: c_int = 2;

/// Bytes that come out at a time.
const ROOM: usize = 1 << 16;

struct Encoder(Handle);

impl Drop for Encoder {
    fn drop(&mut self) {
        // SAFETY: the handle came from JxlEncoderCreate, or is null, which the library takes.
        unsafe { JxlEncoderDestroy(self.0) };
    }
}

/// Encodes a canvas at the public quality, 1 to 100.
pub(crate) fn encode(
    canvas: &Canvas,
    quality: u8,
    effort: Effort,
    deadline: Instant,
) -> Result<Vec<u8>, Error> {
    // SAFETY: without a memory manager the library takes its own.
    let encoder = Encoder(unsafe { JxlEncoderCreate(std::ptr::null()) });
    if encoder.0.is_null() {
        return Err(Error::Encode("libjxl did not start".to_owned()));
    }
    describe(&encoder, canvas)?;
    let format = PixelFormat { num_channels: canvas.channels as u32, data_type: 2, endianness: 0, align: 0 };
    // SAFETY: the settings belong to the encoder; the pixels are as many as width, height and channels say.
    unsafe {
        let settings = JxlEncoderFrameSettingsCreate(encoder.0, std::ptr::null());
        done(JxlEncoderSetFrameDistance(settings, distance(quality)))?;
        let level = if effort == Effort::Fast { 3 } else { 5 };
        done(JxlEncoderFrameSettingsSetOption(settings, EFFORT, level))?;
        let pixels = &canvas.pixels;
        done(JxlEncoderAddImageFrame(settings, &format, pixels.as_ptr().cast(), pixels.len()))?;
        JxlEncoderCloseInput(encoder.0);
    }
    written(&encoder, deadline)
}

fn describe(encoder: &Encoder, canvas: &Canvas) -> Result<(), Error> {
    // SAFETY: plain C structs, for which zero is a value; the library fills both, and neither is smaller than its own.
    unsafe {
        let mut info: BasicInfo = std::mem::zeroed();
        JxlEncoderInitBasicInfo(&mut info);
        (info.xsize, info.ysize) = (canvas.width, canvas.height);
        info.bits_per_sample = 8;
        if canvas.channels == 4 {
            (info.num_extra_channels, info.alpha_bits) = (1, 8);
        }
        done(JxlEncoderSetBasicInfo(encoder.0, &info))?;
        let mut encoding = ColorEncoding([0; 32]);
        JxlColorEncodingSetToSRGB(&mut encoding, 0);
        done(JxlEncoderSetColorEncoding(encoder.0, &encoding))
    }
}

/// Takes the bytes, a piece at a time.
fn written(encoder: &Encoder, deadline: Instant) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    loop {
        still_time(deadline)?;
        let start = bytes.len();
        bytes.resize(start + ROOM, 0);
        let (mut next, mut left) = (bytes[start..].as_mut_ptr(), ROOM);
        // SAFETY: there is as much room as it says.
        let answer = unsafe { JxlEncoderProcessOutput(encoder.0, &mut next, &mut left) };
        bytes.truncate(start + ROOM - left.min(ROOM));
        match answer {
            0 => return Ok(bytes),
            MORE => {}
            other => return done(other).map(|()| bytes),
        }
    }
}

fn done(code: c_int) -> Result<(), Error> {
    if code == 0 { Ok(()) } else { Err(Error::Encode(format!("libjxl answered {code}"))) }
}

/// The distance in which libjxl counts, as its own tools take it from a quality.
fn distance(quality: u8) -> f32 {
    let quality = f32::from(quality.min(99));
    if quality >= 30.0 {
        0.1 + (100.0 - quality) * 0.09
    } else {
        53.0 / 3000.0 * quality * quality - 23.0 / 20.0 * quality + 25.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{decoded, distance, half_clear, later, quarters, texture};

    #[test]
    fn pictures_go_there_and_come_back() {
        for picture in [quarters(64, 48), texture(33, 21)] {
            let seen = decoded(&encode(&picture, 90, Effort::Usual, later()).unwrap());
            assert!(distance(&seen, &picture) < 8.0, "{}", distance(&seen, &picture));
        }
        // What the colour of a clear pixel is, no one sees.
        let clear = half_clear(quarters(64, 48));
        let seen = decoded(&encode(&clear, 90, Effort::Usual, later()).unwrap());
        for (seen, wanted) in seen.pixels.chunks_exact(4).zip(clear.pixels.chunks_exact(4)) {
            assert!(seen[3].abs_diff(wanted[3]) <= 4, "{seen:?}, not {wanted:?}");
        }
    }
}
