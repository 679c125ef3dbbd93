//! The steps of a rendering, a file each: its words in options, how they are read and printed, what it does.
//! This list knows its members; a member knows only the canvas.

pub(crate) mod adjust;
pub(crate) mod background;
pub(crate) mod blur;
pub(crate) mod border;
pub(crate) mod fit;
pub(crate) mod format;
pub(crate) mod gravity;
pub(crate) mod metadata;
pub(crate) mod number;
pub(crate) mod orient;
pub(crate) mod overlay;
pub(crate) mod quality;
pub(crate) mod resize;
pub(crate) mod seam;
pub(crate) mod sharpen;
pub(crate) mod side;
pub(crate) mod trim;
pub(crate) mod turn;
