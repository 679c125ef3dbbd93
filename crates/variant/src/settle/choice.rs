//! Which format goes out: by wish, `Accept` and size (contract and section 9).

use domain::Accepts;

use crate::step::format::{Compression, FormatWish};
use crate::{Facts, Format, Limits, Options};

/// What a format is chosen by.
pub(crate) struct Ask<'a> {
    /// The wish.
    pub(crate) options: &'a Options,
    /// What the original is.
    pub(crate) facts: &'a Facts,
    /// What the visitor's browser takes.
    pub(crate) accepts: Accepts,
    /// What a rendition may be at most.
    pub(crate) limits: &'a Limits,
    /// The longest side of the rendition, in pixels.
    pub(crate) side: u32,
    /// A WebP would be without loss.
    pub(crate) lossless: bool,
}

/// What was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Choice {
    /// What goes out.
    pub(crate) format: Format,
    /// All frames rather than the first.
    pub(crate) is_animated: bool,
    /// `Accept` had a say.
    pub(crate) negotiated: bool,
    /// What goes out until this AVIF, which nobody named, is made.
    pub(crate) meanwhile: Option<Format>,
    /// Why it is not what was named.
    pub(crate) warning: Option<String>,
}

impl Choice {
    fn of(format: Format) -> Choice {
        Choice { format, is_animated: false, negotiated: false, meanwhile: None, warning: None }
    }

    fn instead(format: Format, why: String) -> Choice {
        Choice { warning: Some(format!("{why}; {} was made instead", format.label())), ..Choice::of(format) }
    }
}

/// Chooses. An SVG and JSON are none of this.
pub(crate) fn choose(ask: &Ask<'_>) -> Choice {
    let wish = ask.options.format.unwrap_or(FormatWish::Auto);
    if ask.moves(wish) { ask.animated(wish) } else { ask.still(wish) }
}

impl Ask<'_> {
    /// Whether the rendition is an animation.
    fn moves(&self, wish: FormatWish) -> bool {
        let can =
            !matches!(wish, FormatWish::Jpeg | FormatWish::BaselineJpeg | FormatWish::Png | FormatWish::Jxl);
        self.facts.frames > 1 && self.options.anim != Some(false) && can
    }

    fn animated(&self, wish: FormatWish) -> Choice {
        let fits = self.webp_fits();
        let (choice, negotiated) = match wish {
            FormatWish::Gif => (Choice::of(Format::Gif), false),
            FormatWish::Webp if fits => (Choice::of(Format::Webp), false),
            FormatWish::Avif if fits => {
                (Choice::instead(Format::Webp, "an AVIF does not move here".to_owned()), false)
            }
            FormatWish::Webp | FormatWish::Avif => {
                (Choice::instead(Format::Gif, self.too_large("WebP")), false)
            }
            _ if fits && self.takes_webp() => (Choice::of(Format::Webp), true),
            _ => (Choice::of(Format::Gif), fits),
        };
        Choice { is_animated: true, negotiated, ..choice }
    }

    fn still(&self, wish: FormatWish) -> Choice {
        match wish {
            FormatWish::Jpeg | FormatWish::BaselineJpeg => Choice::of(Format::Jpeg),
            FormatWish::Png => Choice::of(Format::Png),
            FormatWish::Gif => Choice::of(Format::Gif),
            FormatWish::Jxl => Choice::of(Format::Jxl),
            FormatWish::Webp if self.webp_fits() => Choice::of(Format::Webp),
            FormatWish::Webp => Choice::instead(self.plain(), self.too_large("WebP")),
            FormatWish::Avif if self.side <= self.limits.max_named_avif_side_pixels => {
                Choice::of(Format::Avif)
            }
            // Who takes an AVIF takes a WebP.
            FormatWish::Avif if self.webp_fits() => Choice::instead(Format::Webp, self.too_large("AVIF")),
            FormatWish::Avif => Choice::instead(self.plain(), self.too_large("AVIF")),
            FormatWish::Auto | FormatWish::Svg | FormatWish::Json => self.negotiated(),
        }
    }

    /// The smallest of what the browser names; what takes long is left out where speed comes first.
    fn negotiated(&self) -> Choice {
        if self.options.compression == Some(Compression::Fast) {
            return Choice::of(self.plain());
        }
        let avif_fits = self.side <= self.limits.max_avif_side_pixels;
        let next = if self.webp_fits() && self.takes_webp() { Format::Webp } else { self.plain() };
        let negotiated = avif_fits || self.webp_fits();
        if avif_fits && self.accepts.avif {
            return Choice { negotiated, meanwhile: Some(next), ..Choice::of(Format::Avif) };
        }
        Choice { negotiated, ..Choice::of(next) }
    }

    /// `Accept` names WebP, or says nothing against an original that is one.
    fn takes_webp(&self) -> bool {
        self.accepts.webp || (self.facts.format == Format::Webp && !self.accepts.webp_refused)
    }

    fn webp_fits(&self) -> bool {
        self.side <= self.webp_side()
    }

    fn webp_side(&self) -> u32 {
        if self.lossless {
            self.limits.max_lossless_webp_side_pixels
        } else {
            self.limits.max_webp_side_pixels
        }
    }

    fn too_large(&self, label: &str) -> String {
        let side = if label == "AVIF" { self.limits.max_named_avif_side_pixels } else { self.webp_side() };
        let article = if label == "AVIF" { "an" } else { "a" };
        format!("{article} {label} has at most {side} pixels a side here")
    }

    /// The original's format where any browser can be trusted to know it, else the closest one.
    fn plain(&self) -> Format {
        match self.facts.format {
            Format::Jpeg => Format::Jpeg,
            Format::Png | Format::Gif => Format::Png,
            _ if self.facts.alpha => Format::Png,
            _ => Format::Jpeg,
        }
    }
}
