//! AV1 frames by rav1d. This is the only file that speaks to that library.
#![expect(unsafe_code, reason = "a library with C's face")]

use std::mem::MaybeUninit;
use std::ptr::NonNull;

use rav1d::include::dav1d::data::Dav1dData;
use rav1d::include::dav1d::dav1d::{Dav1dContext, Dav1dLogger, Dav1dSettings};
use rav1d::include::dav1d::headers::{
    DAV1D_PIXEL_LAYOUT_I400, DAV1D_PIXEL_LAYOUT_I420, DAV1D_PIXEL_LAYOUT_I422, DAV1D_PIXEL_LAYOUT_I444,
};
use rav1d::include::dav1d::picture::Dav1dPicture;
use rav1d::src::lib as av1;

use super::yuv::{Chroma, Description, Row};
use crate::Error;

/// A decoded frame.
pub(super) struct Frame {
    picture: Box<Dav1dPicture>,
    /// Width in pixels.
    pub(super) width: u32,
    /// Height in pixels.
    pub(super) height: u32,
    /// Bits of a sample: 8, 10 or 12.
    pub(super) bits: u32,
    /// How its colours are stored.
    pub(super) chroma: Chroma,
    /// What the numbers mean, as the frame itself says.
    pub(super) description: Description,
}

impl Drop for Frame {
    fn drop(&mut self) {
        // SAFETY: the picture is the library's, or empty, which it takes too.
        unsafe { av1::dav1d_picture_unref(Some(NonNull::from(&mut *self.picture))) };
    }
}

impl Frame {
    /// Decodes the first frame of an item. One that is larger than `size` is refused before it is allocated, one
    /// that is smaller after it.
    pub(super) fn decode(data: &[u8], size: (u32, u32), operating_point: u8) -> Result<Frame, Error> {
        let area = u64::from(size.0) * u64::from(size.1);
        let mut decoder = Decoder::open(u32::try_from(area).unwrap_or(u32::MAX), operating_point)?;
        decoder.send(data)?;
        let frame = decoder.picture()?;
        if (frame.width, frame.height) != size {
            return Err(Error::Damaged("its size is not the one that its header has".to_owned()));
        }
        Ok(frame)
    }

    fn new(picture: Box<Dav1dPicture>) -> Result<Frame, Error> {
        let mut frame = Frame {
            width: picture.p.w.max(0) as u32,
            height: picture.p.h.max(0) as u32,
            bits: picture.p.bpc.max(0) as u32,
            chroma: Chroma::None,
            description: Description::default(),
            picture,
        };
        frame.chroma = match frame.picture.p.layout {
            DAV1D_PIXEL_LAYOUT_I400 => Chroma::None,
            DAV1D_PIXEL_LAYOUT_I420 => Chroma::Quarter,
            DAV1D_PIXEL_LAYOUT_I422 => Chroma::Half,
            DAV1D_PIXEL_LAYOUT_I444 => Chroma::Full,
            _ => return Err(broken()),
        };
        let header = frame.picture.seq_hdr.ok_or_else(broken)?;
        // SAFETY: the header lives as long as the picture.
        let header = unsafe { header.as_ref() };
        let code = |code: u32| u8::try_from(code).unwrap_or(2);
        frame.description = Description {
            primaries: code(header.pri),
            transfer: code(header.trc),
            matrix: code(header.mtrx),
            full_range: header.color_range != 0,
        };
        Ok(frame)
    }

    /// A row of a plane: 0 is luma, 1 and 2 are colour. Beyond the last row it is the last one.
    pub(super) fn row(&self, plane: usize, y: usize) -> Result<Row<'_>, Error> {
        let (width, height) = self.chroma.plane(plane, self.width as usize, self.height as usize);
        let start = self.picture.data.get(plane).copied().flatten().ok_or_else(broken)?;
        let stride = self.picture.stride[usize::from(plane > 0)];
        let offset = stride.checked_mul(y.min(height.saturating_sub(1)) as isize).ok_or_else(broken)?;
        // SAFETY: the library keeps as many rows as the plane is high, `stride` bytes apart, as long as the picture
        // lives; each has as many samples as the plane is wide, of 8 bits or of 16 in place.
        unsafe {
            let row = start.as_ptr().cast::<u8>().offset(offset);
            Ok(if self.bits == 8 {
                Row::Eight(std::slice::from_raw_parts(row, width))
            } else {
                Row::Sixteen(std::slice::from_raw_parts(row.cast::<u16>(), width))
            })
        }
    }
}

struct Decoder(Option<Dav1dContext>);

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: the context came from dav1d_open, and nobody else has it.
        unsafe { av1::dav1d_close(Some(NonNull::from(&mut self.0))) };
    }
}

impl Decoder {
    /// Silent, and with two frames under way, each on a thread of its own, of which one is idle: with a single one the
    /// library (1.1.0) takes the header of a broken frame away before its own clean-up looks at it, and panics.
    fn open(max_pixels: u32, operating_point: u8) -> Result<Decoder, Error> {
        let mut settings = MaybeUninit::<Dav1dSettings>::uninit();
        // SAFETY: the library fills the whole struct.
        let mut settings = unsafe {
            av1::dav1d_default_settings(NonNull::from(&mut settings).cast());
            settings.assume_init()
        };
        settings.n_threads = 2;
        settings.max_frame_delay = 2;
        settings.all_layers = 0;
        settings.operating_point = i32::from(operating_point);
        settings.frame_size_limit = max_pixels;
        // SAFETY: there is no callback that could be called.
        settings.logger = unsafe { Dav1dLogger::new(None, None) };
        let mut decoder = Decoder(None);
        // SAFETY: both live through the call.
        let opened = unsafe {
            av1::dav1d_open(Some(NonNull::from(&mut decoder.0)), Some(NonNull::from(&mut settings)))
        };
        if opened.0 == 0 { Ok(decoder) } else { Err(Error::Damaged("the decoder did not start".to_owned())) }
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let mut data = Dav1dData::default();
        // SAFETY: the library allocates as many bytes as asked for, or none; they are filled before it reads them.
        let sent = unsafe {
            let room = av1::dav1d_data_create(Some(NonNull::from(&mut data)), bytes.len());
            if room.is_null() {
                return Err(Error::Damaged("there was not enough memory for it".to_owned()));
            }
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), room, bytes.len());
            av1::dav1d_send_data(self.0, Some(NonNull::from(&mut data)))
        };
        if sent.0 == 0 {
            return Ok(());
        }
        // SAFETY: what was not taken is still ours to give back.
        unsafe { av1::dav1d_data_unref(Some(NonNull::from(&mut data))) };
        Err(broken())
    }

    fn picture(&mut self) -> Result<Frame, Error> {
        let mut picture = Box::new(Dav1dPicture::default());
        // The first call may have nothing to give yet, and asks for what is left with the second.
        for _ in 0..2 {
            // SAFETY: the context is open; the picture is written as a whole.
            let got = unsafe { av1::dav1d_get_picture(self.0, Some(NonNull::from(&mut *picture))) };
            if got.0 == 0 {
                return Frame::new(picture);
            }
        }
        Err(broken())
    }
}

fn broken() -> Error {
    Error::Damaged("its data cannot be decoded".to_owned())
}
