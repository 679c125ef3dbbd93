//! `flip` and `rotate`: how a picture is turned on wish, after its EXIF orientation.

use crate::Orientation;
use crate::step::orient;

/// Which way a picture is mirrored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flip {
    /// Left becomes right.
    Horizontal,
    /// Top becomes bottom.
    Vertical,
    /// Both.
    Both,
}

/// How far a picture is turned, clockwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotate {
    /// Not at all.
    None,
    /// 90 degrees.
    Right,
    /// 180 degrees.
    Half,
    /// 270 degrees.
    Left,
}

/// The turn that a wish adds, as an EXIF orientation would have it: first the flip, then the rotation.
pub(crate) fn wished(flip: Option<Flip>, rotate: Option<Rotate>) -> Orientation {
    let across = matches!(flip, Some(Flip::Horizontal | Flip::Both));
    let down = matches!(flip, Some(Flip::Vertical | Flip::Both));
    let degrees = match rotate {
        None | Some(Rotate::None) => 0,
        Some(Rotate::Right) => 90,
        Some(Rotate::Half) => 180,
        Some(Rotate::Left) => 270,
    };
    Orientation(orient::then(orient::flipped(across, down), orient::rotated(degrees)))
}

pub(crate) mod flip {
    //! The words of `flip`.

    use super::Flip;

    const NAMES: [(&str, Flip); 4] =
        [("h", Flip::Horizontal), ("v", Flip::Vertical), ("hv", Flip::Both), ("vh", Flip::Both)];

    /// Reads a flip. The error says what is expected.
    pub(crate) fn parse(value: &str) -> Result<Flip, String> {
        NAMES
            .iter()
            .find_map(|(name, flip)| (*name == value).then_some(*flip))
            .ok_or_else(|| "must be h, v or hv".to_owned())
    }

    /// Prints a flip.
    pub(crate) fn print(flip: &Flip) -> String {
        NAMES.iter().find(|(_, known)| known == flip).map_or_else(String::new, |(name, _)| (*name).to_owned())
    }
}

pub(crate) mod rotate {
    //! The words of `rotate`.

    use super::Rotate;

    const NAMES: [(&str, Rotate); 5] = [
        ("0", Rotate::None),
        ("90", Rotate::Right),
        ("180", Rotate::Half),
        ("270", Rotate::Left),
        ("360", Rotate::None),
    ];

    /// Reads a rotation. The error says what is expected.
    pub(crate) fn parse(value: &str) -> Result<Rotate, String> {
        NAMES
            .iter()
            .find_map(|(name, rotate)| (*name == value).then_some(*rotate))
            .ok_or_else(|| "must be 90, 180 or 270 degrees".to_owned())
    }

    /// Prints a rotation.
    pub(crate) fn print(rotate: &Rotate) -> String {
        NAMES
            .iter()
            .find(|(_, known)| known == rotate)
            .map_or_else(String::new, |(name, _)| (*name).to_owned())
    }
}
