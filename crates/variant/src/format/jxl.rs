//! JPEG XL, read only unless the build feature `jxl-out` is on: of an animation the first frame. The decoder holds the
//! whole picture as floating point numbers and cannot be stopped within it: the deadline is looked at around it.

use jxl_oxide::{
    AllocTracker, EnumColourEncoding, InitializeResult, JxlImage, JxlThreadPool, RenderingIntent,
};

use crate::deadline::still_time;
use crate::decode::{Header, Order, Picture, Samples, Sink};
use crate::{Error, Limits};

#[cfg(feature = "jxl-out")]
mod encoder;

#[cfg(feature = "jxl-out")]
pub(crate) use encoder::encode;

/// How a file in boxes begins.
const BOXED: &[u8] = b"\0\0\0\x0CJXL \r\n\x87\n";

/// Bytes that are read at a time until the header is whole.
const HEAD_BYTES: usize = 1 << 16;

/// What the decoder may need for a pixel at most, in bytes: four channels as numbers of four bytes, kept twice over
/// while filters run.
const BYTES_PER_PIXEL: u64 = 48;

/// What the decoder may need beside that.
const SPARE_BYTES: u64 = 64 << 20;

/// Whether a file begins as a JPEG XL.
pub(crate) fn begins(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xFF, 0x0A]) || bytes.starts_with(BOXED)
}

/// The header. Sizes are as shown: the decoder turns the picture itself.
pub(crate) fn header<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Header<'a>, Error> {
    let image = opened(bytes, limits, HEAD_BYTES)?;
    let bits = image.image_header().metadata.bit_depth.bits_per_sample();
    Ok(Header {
        orientation: Some(1),
        alpha: image.pixel_format().has_alpha(),
        bits: bits.clamp(8, 16) as u8,
        is_lossless: !image.image_header().metadata.xyb_encoded,
        ..Header::new(image.width(), image.height())
    })
}

/// Decodes the first frame.
pub(crate) fn decode(order: &Order<'_>, sink: &mut dyn Sink) -> Result<(), Error> {
    let mut image = opened(order.bytes, order.limits, order.bytes.len())?;
    order.expect(image.width(), image.height())?;
    if order.thorough && !image.is_loading_done() || image.num_loaded_keyframes() == 0 {
        return Err(Error::Damaged("it ends early".to_owned()));
    }
    let samples = samples(&image)?;
    let metadata = &image.image_header().metadata;
    let (lossy, deep) = (metadata.xyb_encoded, metadata.bit_depth.bits_per_sample() > 8);
    if lossy {
        // The decoder's own colours become sRGB by formula; any other way needs a profile.
        let intent = RenderingIntent::Relative;
        let grey = matches!(samples, Samples::Grey | Samples::GreyAlpha);
        image.request_color_encoding(if grey {
            EnumColourEncoding::gray_srgb(intent)
        } else {
            EnumColourEncoding::srgb(intent)
        });
    }
    let icc = (!lossy).then(|| image.rendered_icc()).filter(|icc| icc.len() <= order.limits.max_icc_bytes);
    still_time(order.deadline)?;
    let render = image.render_frame(0).map_err(|error| Error::Damaged(error.to_string()))?;
    still_time(order.deadline)?;
    sink.begin(&Picture { deep, icc, ..Picture::new(image.width(), image.height(), samples) })?;
    let mut stream = render.stream();
    if stream.channels() as usize != samples.count() {
        return Err(Error::Damaged("its number of channels is unknown".to_owned()));
    }
    let mut row = vec![0_u16; image.width() as usize * samples.count()];
    let mut bytes = Vec::new();
    for _ in 0..image.height() {
        still_time(order.deadline)?;
        stream.write_to_buffer(&mut row);
        bytes.clear();
        if deep {
            bytes.extend(row.iter().flat_map(|sample| sample.to_be_bytes()));
        } else {
            bytes.extend(row.iter().map(|sample| ((u32::from(*sample) + 128) / 257) as u8));
        }
        if sink.row(&bytes)?.is_break() {
            break;
        }
    }
    Ok(())
}

/// Feeds the decoder until it has a header, with at first so many bytes and each time twice as many. Only given all of
/// them at once does it have the frames too.
fn opened(bytes: &[u8], limits: &Limits, first: usize) -> Result<JxlImage, Error> {
    let damaged = |error: Box<dyn std::error::Error + Send + Sync>| Error::Damaged(error.to_string());
    let most = SPARE_BYTES + limits.max_pixels.saturating_mul(BYTES_PER_PIXEL);
    let mut waiting = JxlImage::builder()
        .pool(JxlThreadPool::none())
        .alloc_tracker(AllocTracker::with_limit(usize::try_from(most).unwrap_or(usize::MAX)))
        .build_uninit();
    let (mut taken, mut end) = (0, first.min(bytes.len()));
    loop {
        taken += waiting.feed_bytes(bytes.get(taken..end).unwrap_or_default()).map_err(damaged)?;
        match waiting.try_init().map_err(damaged)? {
            InitializeResult::Initialized(image) => return Ok(image),
            InitializeResult::NeedMoreData(_) if end == bytes.len() => {
                return Err(Error::Damaged("its header is cut off".to_owned()));
            }
            InitializeResult::NeedMoreData(more) => waiting = more,
        }
        end = end.saturating_mul(2).min(bytes.len());
    }
}

fn samples(image: &JxlImage) -> Result<Samples, Error> {
    use jxl_oxide::PixelFormat::{Cmyk, Cmyka, Gray, Graya, Rgb, Rgba};
    match image.pixel_format() {
        Gray => Ok(Samples::Grey),
        Graya => Ok(Samples::GreyAlpha),
        Rgb => Ok(Samples::Rgb),
        Rgba => Ok(Samples::Rgba),
        Cmyk | Cmyka => Err(Error::NotAnImage("CMYK JPEG XL".to_owned())),
    }
}
