//! AVIF out: luma and colour by libaom, alpha as a second picture, both put into one file. This is the only file that
//! speaks to that library.
#![expect(unsafe_code, reason = "a C library")]

use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::time::Instant;

use avif_serialize::Aviffy;
use avif_serialize::constants::MatrixCoefficients;
use libaom_sys as c;

use super::yuv::{Chroma, Planes};
use crate::canvas::Canvas;
use crate::deadline::still_time;
use crate::{Effort, Error};

/// Up to so many pixels a picture is encoded with care, and up to so many more with some of it: above, nobody could wait.
const CAREFUL_PIXELS: u64 = 1_400_000;
const SOME_CARE_PIXELS: u64 = 4_200_000;

/// How the library is set. Measured on photographs, docs/benchmarks.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Way {
    /// 0 to 9.
    speed: c_int,
    /// Whether what the eye weighs is what the encoder weighs: bits go where they are seen (SSIM), and what the matrices
    /// of the quantiser make coarser counts for less. Without the second, matrices are worse than none at these speeds.
    weighs_looks: bool,
    /// The flattest and steepest matrices are 15 and 0. A fixed one where there is care, else what the library takes.
    matrix: Option<c_int>,
    /// Colour at every pixel is fewer bytes at an equal score than at a quarter of them, for a quarter more time.
    chroma: Chroma,
    /// Public qualities, and the quantiser at which the picture has the score that our JPEG has there.
    quantisers: &'static [(u8, u8)],
}

const CAREFUL: Way = Way {
    speed: 6,
    weighs_looks: true,
    matrix: Some(7),
    chroma: Chroma::Full,
    quantisers: &[
        (0, 60),
        (10, 54),
        (20, 44),
        (30, 38),
        (40, 34),
        (50, 31),
        (60, 29),
        (70, 25),
        (80, 21),
        (90, 14),
        (95, 10),
        (100, 0),
    ],
};

const SOME_CARE: Way = Way { speed: 7, ..CAREFUL };

/// With quantisation matrices the fastest speed is as good as the next at a quarter of its time
/// (performance-findings 2).
const QUICK: Way = Way {
    speed: 9,
    weighs_looks: false,
    matrix: None,
    chroma: Chroma::Quarter,
    quantisers: &[
        (0, 56),
        (10, 50),
        (20, 40),
        (30, 34),
        (40, 30),
        (50, 27),
        (60, 24),
        (70, 19),
        (80, 13),
        (90, 6),
        (100, 0),
    ],
};

impl Way {
    fn of(pixels: u64, effort: Effort) -> Way {
        match effort {
            Effort::Usual if pixels <= CAREFUL_PIXELS => CAREFUL,
            Effort::Usual if pixels <= SOME_CARE_PIXELS => SOME_CARE,
            _ => QUICK,
        }
    }

    /// The quantiser of libaom, 0 to 63, for a public quality: between its points a straight line.
    fn quantiser(&self, quality: u8) -> u32 {
        let quality = quality.min(100);
        let next = self.quantisers.partition_point(|(number, _)| *number < quality);
        let (above, high) = self.quantisers[next];
        let (below, low) = self.quantisers[next.saturating_sub(1)];
        let [width, place] = [above - below, quality - below].map(u32::from);
        if width == 0 {
            return u32::from(high);
        }
        (u32::from(low) * (width - place) + u32::from(high) * place + width / 2) / width
    }
}

/// Encodes a canvas. The library cannot be stopped within a picture: the deadline is looked at before each.
pub(super) fn encode(
    canvas: &Canvas,
    quality: u8,
    effort: Effort,
    deadline: Instant,
) -> Result<Vec<u8>, Error> {
    let (width, height) = (canvas.width as usize, canvas.height as usize);
    let way = Way::of(u64::from(canvas.width) * u64::from(canvas.height), effort);
    let planes = Planes::new(&canvas.pixels, canvas.channels, width, way.chroma);
    let quantiser = way.quantiser(quality);
    still_time(deadline)?;
    let colours = Some((&planes.blue[..], &planes.red[..]));
    let colour = Source { width, height, luma: &planes.luma, colours, way }.encode(quantiser)?;
    let alpha = if canvas.channels == 4 {
        still_time(deadline)?;
        let luma: Vec<u8> = canvas.pixels.iter().skip(3).step_by(4).copied().collect();
        let way = Way { chroma: Chroma::None, ..way };
        // An edge that is not sharp shows more than a colour that is not right.
        Some(Source { width, height, luma: &luma, colours: None, way }.encode(quantiser / 2)?)
    } else {
        None
    };
    let is_full = way.chroma == Chroma::Full;
    let mut file = Vec::new();
    Aviffy::new()
        .set_width(canvas.width)
        .set_height(canvas.height)
        .set_bit_depth(8)
        .set_seq_profile(u8::from(is_full))
        .set_chroma_subsampling((!is_full, !is_full))
        .set_matrix_coefficients(MatrixCoefficients::Bt601)
        .set_full_color_range(true)
        .write_slice(&mut file, &colour, alpha.as_deref())
        .map_err(|error| Error::Encode(error.to_string()))?;
    Ok(file)
}

/// One picture for the library; without colours it is grey.
struct Source<'a> {
    width: usize,
    height: usize,
    luma: &'a [u8],
    colours: Option<(&'a [u8], &'a [u8])>,
    way: Way,
}

impl Source<'_> {
    fn encode(&self, quantiser: u32) -> Result<Vec<u8>, Error> {
        let mut encoder = Encoder::new(self, quantiser)?;
        // The library reads planes of colour even where the picture is grey.
        let neutral = vec![128; self.width.div_ceil(2) * self.height.div_ceil(2)];
        let (blue, red) = self.colours.unwrap_or((&neutral, &neutral));
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
        let is_full = self.way.chroma == Chroma::Full;
        let shift = u32::from(!is_full);
        image.fmt = if is_full { c::AOM_IMG_FMT_I444 } else { c::AOM_IMG_FMT_I420 };
        image.bit_depth = 8;
        (image.w, image.h) = (self.width as u32, self.height as u32);
        (image.d_w, image.d_h) = (self.width as u32, self.height as u32);
        (image.x_chroma_shift, image.y_chroma_shift) = (shift, shift);
        image.bps = if is_full { 24 } else { 12 };
        image.range = c::AOM_CR_FULL_RANGE;
        image.monochrome = c_int::from(self.colours.is_none());
        // The library only reads, whatever its type says.
        image.planes = [self.luma, blue, red].map(|plane| plane.as_ptr().cast_mut());
        let colours = (if is_full { self.width } else { self.width.div_ceil(2) }) as c_int;
        image.stride = [self.width as c_int, colours, colours];
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
        config.monochrome = u32::from(source.colours.is_none());
        config.g_profile = u32::from(source.way.chroma == Chroma::Full);
        let version = c::AOM_ENCODER_ABI_VERSION as c_int;
        // SAFETY: the configuration is filled; the context is boxed and stays where it is.
        done(unsafe { c::aom_codec_enc_init_ver(&mut *context, interface, &config, 0, version) })?;
        let mut encoder = Encoder(context);
        encoder.set_up(source.way, quantiser)?;
        Ok(encoder)
    }

    fn set_up(&mut self, way: Way, quantiser: u32) -> Result<(), Error> {
        let metric = if way.weighs_looks { c::AOM_TUNE_SSIM } else { c::AOM_TUNE_PSNR };
        let settings = [
            (c::AOME_SET_CPUUSED, way.speed),
            (c::AOME_SET_CQ_LEVEL, quantiser as c_int),
            (c::AV1E_SET_COLOR_RANGE, 1),
            (c::AV1E_SET_COLOR_PRIMARIES, 1),
            (c::AV1E_SET_TRANSFER_CHARACTERISTICS, 13),
            (c::AV1E_SET_MATRIX_COEFFICIENTS, 6),
            (c::AV1E_SET_DELTAQ_MODE, 0),
            (c::AV1E_SET_ENABLE_QM, 1),
            (c::AOME_SET_TUNING, metric as c_int),
            // At 0 there is no loss, unless colour has an offset: what comes out then is broken.
            (c::AV1E_SET_ENABLE_CHROMA_DELTAQ, c_int::from(way.chroma == Chroma::Full && quantiser > 0)),
        ];
        let matrix = way.matrix.map(|level| [(c::AV1E_SET_QM_MIN, level), (c::AV1E_SET_QM_MAX, level)]);
        for (name, value) in settings.into_iter().chain(matrix.into_iter().flatten()) {
            // SAFETY: each of these takes one int.
            done(unsafe { c::aom_codec_control(&mut *self.0, name as c_int, value) })?;
        }
        if way.weighs_looks {
            // SAFETY: both are texts that end with a zero, which the library reads and does not keep.
            done(unsafe {
                c::aom_codec_set_option(&mut *self.0, c"dist-metric".as_ptr(), c"qm-psnr".as_ptr())
            })?;
        }
        Ok(())
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
        for way in [CAREFUL, SOME_CARE, QUICK] {
            let all: Vec<u32> = (0..=100).map(|quality| way.quantiser(quality)).collect();
            assert!(all.is_sorted_by(|a, b| a >= b), "{all:?}");
            assert_eq!((all[100], all.len()), (0, 101));
        }
        assert_eq!([0, 80, 85].map(|quality| QUICK.quantiser(quality)), [56, 13, 10]);
        assert_eq!([0, 80, 85, 95].map(|quality| CAREFUL.quantiser(quality)), [60, 21, 18, 10]);
    }

    #[test]
    fn care_is_for_pictures_that_somebody_can_wait_for() {
        let speed = |pixels, effort| Way::of(pixels, effort).speed;
        let (usual, fast) = (Effort::Usual, Effort::Fast);
        assert_eq!([1280 * 960, 1920 * 1440, 12_000_000].map(|pixels| speed(pixels, usual)), [6, 7, 9]);
        assert_eq!(speed(100, fast), 9);
    }
}
