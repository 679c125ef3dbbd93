//! AVIF out: luma and colour by libaom, alpha as a second picture, both put into one file. This is the only file that
//! speaks to that library.
#![expect(unsafe_code, reason = "a C library")]

use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::time::Instant;

use avif_serialize::Aviffy;
use avif_serialize::constants::MatrixCoefficients;
use libaom_sys as c;

use super::yuv::Planes;
use crate::Error;
use crate::canvas::Canvas;
use crate::deadline::still_time;

/// With quantisation matrices the fastest speed is as good as the next at a quarter of its time
/// (performance-findings 2).
const SPEED: c_int = 9;

/// The quantiser at every tenth public quality from 0 on, where the picture has the score that our JPEG has there:
/// measured on photographs at 640 and 1280 pixels, docs/benchmarks.md.
const QUANTISERS: [u8; 11] = [56, 50, 40, 34, 30, 27, 24, 19, 13, 6, 0];

/// Encodes a canvas. The library cannot be stopped within a picture: the deadline is looked at before each.
pub(super) fn encode(canvas: &Canvas, quality: u8, deadline: Instant) -> Result<Vec<u8>, Error> {
    let (width, height) = (canvas.width as usize, canvas.height as usize);
    let planes = Planes::new(&canvas.pixels, canvas.channels, width);
    let quantiser = quantiser(quality);
    still_time(deadline)?;
    let picture = Source { width, height, luma: &planes.luma, colour: Some((&planes.blue, &planes.red)) };
    let colour = picture.encode(quantiser)?;
    let alpha = if canvas.channels == 4 {
        still_time(deadline)?;
        let luma: Vec<u8> = canvas.pixels.iter().skip(3).step_by(4).copied().collect();
        // An edge that is not sharp shows more than a colour that is not right.
        Some(Source { width, height, luma: &luma, colour: None }.encode(quantiser / 2)?)
    } else {
        None
    };
    let mut file = Vec::new();
    Aviffy::new()
        .set_width(canvas.width)
        .set_height(canvas.height)
        .set_bit_depth(8)
        .set_seq_profile(0)
        .set_chroma_subsampling((true, true))
        .set_matrix_coefficients(MatrixCoefficients::Bt601)
        .set_full_color_range(true)
        .write_slice(&mut file, &colour, alpha.as_deref())
        .map_err(|error| Error::Encode(error.to_string()))?;
    Ok(file)
}

/// The quantiser of libaom, 0 to 63, for a public quality: between its points a straight line.
fn quantiser(quality: u8) -> u32 {
    let quality = usize::from(quality.min(100));
    let (index, tenths) = (quality / 10, (quality % 10) as u32);
    let low = u32::from(QUANTISERS[index]);
    let high = u32::from(QUANTISERS[(index + 1).min(10)]);
    (low * (10 - tenths) + high * tenths + 5) / 10
}

/// One picture for the library; without colour it is grey.
struct Source<'a> {
    width: usize,
    height: usize,
    luma: &'a [u8],
    colour: Option<(&'a [u8], &'a [u8])>,
}

impl Source<'_> {
    fn encode(&self, quantiser: u32) -> Result<Vec<u8>, Error> {
        let mut encoder = Encoder::new(self, quantiser)?;
        // The library reads planes of colour even where the picture is grey.
        let neutral = vec![128; self.width.div_ceil(2) * self.height.div_ceil(2)];
        let (blue, red) = self.colour.unwrap_or((&neutral, &neutral));
        let image = self.image(blue, red);
        encoder.send(Some(&image))?;
        let mut bytes = encoder.taken();
        encoder.send(None)?;
        bytes.extend(encoder.taken());
        if bytes.is_empty() { Err(Error::Encode("libaom gave nothing".to_owned())) } else { Ok(bytes) }
    }

    fn image(&self, blue: &[u8], red: &[u8]) -> c::aom_image_t {
        // SAFETY: a plain C struct, for which zero is a value.
        let mut image: c::aom_image_t = unsafe { MaybeUninit::zeroed().assume_init() };
        let (width, half) = (self.width as u32, self.width.div_ceil(2) as c_int);
        image.fmt = c::AOM_IMG_FMT_I420;
        image.bit_depth = 8;
        (image.w, image.h) = (width, self.height as u32);
        (image.d_w, image.d_h) = (width, self.height as u32);
        (image.x_chroma_shift, image.y_chroma_shift) = (1, 1);
        image.bps = 12;
        image.range = c::AOM_CR_FULL_RANGE;
        image.monochrome = c_int::from(self.colour.is_none());
        // The library only reads, whatever its type says.
        image.planes = [self.luma, blue, red].map(|plane| plane.as_ptr().cast_mut());
        image.stride = [self.width as c_int, half, half];
        image
    }
}

struct Encoder(Box<c::aom_codec_ctx_t>);

impl Drop for Encoder {
    fn drop(&mut self) {
        // SAFETY: the context was made by aom_codec_enc_init_ver.
        unsafe { c::aom_codec_destroy(&mut *self.0) };
    }
}

impl Encoder {
    fn new(source: &Source<'_>, quantiser: u32) -> Result<Encoder, Error> {
        // SAFETY: plain C structs, for which zero is a value; the library fills both.
        let (mut config, context): (c::aom_codec_enc_cfg_t, c::aom_codec_ctx_t) =
            unsafe { (MaybeUninit::zeroed().assume_init(), MaybeUninit::zeroed().assume_init()) };
        let mut context = Box::new(context);
        // SAFETY: the interface is a static of the library, the struct is of its version.
        let interface = unsafe { c::aom_codec_av1_cx() };
        // SAFETY: as above.
        done(unsafe { c::aom_codec_enc_config_default(interface, &mut config, c::AOM_USAGE_ALL_INTRA) })?;
        (config.g_w, config.g_h) = (source.width as u32, source.height as u32);
        (config.g_threads, config.g_limit, config.g_lag_in_frames) = (1, 1, 0);
        config.rc_end_usage = c::AOM_Q;
        (config.rc_min_quantizer, config.rc_max_quantizer) = (quantiser, quantiser);
        config.monochrome = u32::from(source.colour.is_none());
        let version = c::AOM_ENCODER_ABI_VERSION as c_int;
        // SAFETY: the configuration is filled; the context is boxed and stays where it is.
        done(unsafe { c::aom_codec_enc_init_ver(&mut *context, interface, &config, 0, version) })?;
        let mut encoder = Encoder(context);
        let settings = [
            (c::AOME_SET_CPUUSED, SPEED),
            (c::AOME_SET_CQ_LEVEL, quantiser as c_int),
            (c::AV1E_SET_COLOR_RANGE, 1),
            (c::AV1E_SET_COLOR_PRIMARIES, 1),
            (c::AV1E_SET_TRANSFER_CHARACTERISTICS, 13),
            (c::AV1E_SET_MATRIX_COEFFICIENTS, 6),
            (c::AV1E_SET_DELTAQ_MODE, 0),
            (c::AV1E_SET_ENABLE_QM, 1),
        ];
        for (name, value) in settings {
            // SAFETY: each of these takes one int.
            done(unsafe { c::aom_codec_control(&mut *encoder.0, name as c_int, value) })?;
        }
        Ok(encoder)
    }

    /// Gives the library its picture, or the word that there is none any more.
    fn send(&mut self, image: Option<&c::aom_image_t>) -> Result<(), Error> {
        let image = image.map_or(std::ptr::null(), std::ptr::from_ref);
        // SAFETY: the planes of the image live through the call, after which the library has its own copy.
        done(unsafe { c::aom_codec_encode(&mut *self.0, image, 0, 1, 0) })
    }

    /// The bytes that the library has ready.
    fn taken(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut place: c::aom_codec_iter_t = std::ptr::null();
        loop {
            // SAFETY: the context is open; what it gives lives until the next call.
            let packet = unsafe { c::aom_codec_get_cx_data(&mut *self.0, &mut place).as_ref() };
            let Some(packet) = packet else { return bytes };
            if packet.kind == c::AOM_CODEC_CX_FRAME_PKT {
                // SAFETY: for this kind of packet the union holds a frame of so many bytes.
                let frame = unsafe {
                    let frame = packet.data.frame;
                    std::slice::from_raw_parts(frame.buf.cast::<u8>(), frame.sz)
                };
                bytes.extend_from_slice(frame);
            }
        }
    }
}

fn done(code: c::aom_codec_err_t) -> Result<(), Error> {
    if code == c::AOM_CODEC_OK { Ok(()) } else { Err(Error::Encode(format!("libaom answered {code}"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_better_quality_never_has_a_coarser_quantiser() {
        let all: Vec<u32> = (0..=100).map(quantiser).collect();
        assert!(all.is_sorted_by(|a, b| a >= b), "{all:?}");
        assert_eq!((all[0], all[80], all[85], all[100]), (56, 13, 10, 0));
    }
}
