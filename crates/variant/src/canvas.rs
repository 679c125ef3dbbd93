//! A decoded picture as steps and encoders see it: 8-bit sRGB, straight alpha, rows without gaps.

/// What a file carries beside its pixels.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Extras<'a> {
    /// The EXIF, a TIFF structure.
    pub(crate) exif: Option<&'a [u8]>,
    /// The ICC profile of the pixels, where they are not sRGB.
    pub(crate) icc: Option<&'a [u8]>,
}

/// A picture in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Canvas {
    /// Width in pixels, at least 1.
    pub(crate) width: u32,
    /// Height in pixels, at least 1.
    pub(crate) height: u32,
    /// 3 (red, green, blue) or 4 (and alpha).
    pub(crate) channels: usize,
    /// `width` × `height` × `channels` bytes, from the top.
    pub(crate) pixels: Vec<u8>,
}

impl Canvas {
    /// Bytes from one row to the next.
    pub(crate) fn stride(&self) -> usize {
        self.width as usize * self.channels
    }

    /// The same picture on a larger canvas of one colour, so far from left and top; what hangs over is cut. It has an
    /// alpha where either has.
    pub(crate) fn within(
        self,
        (width, height): (u32, u32),
        (left, top): (u32, u32),
        colour: [u8; 4],
    ) -> Canvas {
        if (self.width, self.height) == (width, height) && (left, top) == (0, 0) {
            return self;
        }
        let canvas = if colour[3] == 255 { self } else { self.with_alpha() };
        let channels = canvas.channels;
        let stride = width as usize * channels;
        let mut pixels = colour[..channels].repeat(width as usize * height as usize);
        let start = (left as usize * channels).min(stride);
        let rows = pixels.chunks_exact_mut(stride).skip(top as usize);
        for (to, from) in rows.zip(canvas.pixels.chunks_exact(canvas.stride())) {
            let length = from.len().min(stride - start);
            to[start..start + length].copy_from_slice(&from[..length]);
        }
        Canvas { width, height, channels, pixels }
    }

    /// The same picture without its alpha.
    pub(crate) fn without_alpha(self) -> Canvas {
        if self.channels == 3 {
            return self;
        }
        let pixels = self.pixels.chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).collect();
        Canvas { channels: 3, pixels, ..self }
    }

    /// The same picture with an alpha.
    pub(crate) fn with_alpha(self) -> Canvas {
        if self.channels == 4 {
            return self;
        }
        let pixels = self.pixels.chunks_exact(3).flat_map(|p| [p[0], p[1], p[2], 255]).collect();
        Canvas { channels: 4, pixels, ..self }
    }

    /// The same picture, without its alpha when nothing shows through.
    pub(crate) fn without_full_alpha(self) -> Canvas {
        let full = self.channels == 4 && self.pixels.iter().skip(3).step_by(4).all(|alpha| *alpha == 255);
        if full { self.without_alpha() } else { self }
    }
}
