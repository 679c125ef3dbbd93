//! Cloudimage: operations of the query. Its default is to fill a box and to enlarge.

use super::ours::{
    Translation, decoded, image, malformed, no_counterpart, ratio, set, set_background, set_box, set_factor,
    set_format, set_gravity, side,
};
use crate::{Error, Options};

/// The operations that are read.
pub(super) const WORDS: &[&str] = &[
    "w",
    "width",
    "h",
    "height",
    "dpr",
    "func",
    "org_if_sml",
    "fit_enlarge",
    "gravity",
    "q",
    "force_format",
    "bg_color",
    "bg_colour",
    "blur",
    "sharp",
    "grey",
    "bright",
    "contrast",
    "r",
    "flip",
    "trim",
];

/// How an image meets its box.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Func {
    Crop,
    Bound,
    Fit,
}

/// What the operations say of the box.
struct Frame {
    width: Option<u32>,
    height: Option<u32>,
    ratio: f64,
    func: Func,
    keeps_small: bool,
}

/// Reads a path without its first slash, and the operations.
pub(super) fn read(path: &str, query: Option<&str>) -> Result<Translation, Error> {
    let mut options = Options::default();
    let mut frame = Frame { width: None, height: None, ratio: 1.0, func: Func::Crop, keeps_small: false };
    for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let plain = |text: &str| decoded(&text.replace('+', " ")).ok_or_else(|| malformed(pair));
        let (name, value) = (plain(name)?, plain(value)?);
        if !frame.take(&name, &value)? {
            take(&mut options, &name, &value)?;
        }
    }
    frame.set(&mut options)?;
    Ok(Translation { image: image(path.strip_prefix("v7/").unwrap_or(path))?, options })
}

fn take(options: &mut Options, name: &str, value: &str) -> Result<(), Error> {
    match name {
        "q" => set(options, name, "quality", value),
        "force_format" => set_format(options, name, value),
        "bg_color" | "bg_colour" => set_background(options, name, value),
        "gravity" => gravity(options, value),
        "blur" | "sharp" | "grey" | "bright" | "contrast" => take_look(options, name, value),
        "r" => set(options, name, "rotate", value),
        "flip" if value == "both" => set(options, name, "flip", "hv"),
        "flip" => set(options, name, "flip", value),
        "trim" => trim(options, value),
        _ => Err(no_counterpart(name)),
    }
}

/// Operations on light and colour; 0 of each is nothing.
fn take_look(options: &mut Options, name: &str, value: &str) -> Result<(), Error> {
    match name {
        _ if value == "0" => Ok(()),
        "blur" => set(options, name, "blur", value),
        "sharp" if flag(name, value)? => set(options, name, "sharpen", "1"),
        "grey" if flag(name, value)? => set(options, name, "saturation", "0"),
        "bright" => set_factor(options, name, "brightness", value),
        "contrast" => set_factor(options, name, "contrast", value),
        _ => Ok(()),
    }
}

/// A border is cut where it is alike to so many per cent.
fn trim(options: &mut Options, value: &str) -> Result<(), Error> {
    let percent = side("trim", value)?.filter(|percent| *percent <= 100).ok_or_else(|| malformed("trim"))?;
    set(options, "trim", "trim", "border")?;
    let tolerance = (f64::from(percent) * 2.55).round().to_string();
    set(options, "trim", "trim.border.tolerance", &tolerance)
}

fn gravity(options: &mut Options, value: &str) -> Result<(), Error> {
    let (down, across) = match value {
        "center" | "centre" => (None, None),
        "auto" | "smart" => return set(options, "gravity", "gravity", "auto"),
        "face" => return set(options, "gravity", "gravity", "face"),
        _ => {
            let (down, rest) = match value {
                north if north.starts_with("north") => (Some(0.0), &north[5..]),
                south if south.starts_with("south") => (Some(1.0), &south[5..]),
                other => (None, other),
            };
            match rest {
                "west" => (down, Some(0.0)),
                "east" => (down, Some(1.0)),
                "" if down.is_some() => (down, None),
                _ => return Err(no_counterpart(&format!("gravity={value}"))),
            }
        }
    };
    set_gravity(options, "gravity", across, down)
}

impl Frame {
    /// Takes an operation in; says whether it is one of the box.
    fn take(&mut self, name: &str, value: &str) -> Result<bool, Error> {
        match name {
            "w" | "width" => self.width = side(name, value)?,
            "h" | "height" => self.height = side(name, value)?,
            "dpr" => self.ratio = ratio(name, value)?,
            "org_if_sml" => self.keeps_small = flag(name, value)?,
            // What `fit` pads is enlarged here in any case.
            "fit_enlarge" => drop(flag(name, value)?),
            "func" => {
                self.func = match value {
                    "crop" => Func::Crop,
                    "bound" => Func::Bound,
                    "fit" => Func::Fit,
                    _ => return Err(no_counterpart(&format!("func={value}"))),
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn set(&self, options: &mut Options) -> Result<(), Error> {
        let fit = match (self.func, self.width.zip(self.height), self.keeps_small) {
            _ if self.width.or(self.height).is_none() => return Ok(()),
            (Func::Fit, Some(_), _) => "pad",
            (Func::Crop, Some(_), false) => "cover",
            (Func::Crop, Some(_), true) => "crop",
            (_, _, false) => "contain",
            (_, _, true) => "scale-down",
        };
        set(options, "func", "fit", fit)?;
        set_box(options, [self.width, self.height], self.ratio)
    }
}

fn flag(name: &str, value: &str) -> Result<bool, Error> {
    match value {
        "1" => Ok(true),
        "0" => Ok(false),
        _ => Err(malformed(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: &str, expected: &str) {
        let found = read("v7/cats/1.jpg", Some(query)).unwrap();
        assert_eq!(
            (found.image.as_str(), found.options.to_string().as_str()),
            ("cats/1.jpg", expected),
            "{query}"
        );
    }

    const LOOK: &str = "brightness=1.3,contrast=0.5,saturation=0,blur=20,sharpen=1";

    #[test]
    fn operations_become_options() {
        check("", "");
        check("w=400", "w=400,fit=contain");
        check("height=300&org_if_sml=1", "h=300,fit=scale-down");
        check("w=400&h=300", "w=400,h=300,fit=cover");
        check("w=400&h=300&func=crop&org_if_sml=1&gravity=north", "w=400,h=300,fit=crop,gravity=top");
        check("w=400&h=300&func=bound&q=80", "w=400,h=300,fit=contain,quality=80");
        check("w=400&h=300&func=fit&bg_colour=ff8800", "w=400,h=300,fit=pad,background=%23ff8800");
        check(
            "w=400&h=300&gravity=southwest&force_format=jpg",
            "w=400,h=300,fit=cover,gravity=0x1,format=jpeg",
        );
        check("w=200&dpr=1.5&gravity=east", "w=300,fit=contain,gravity=right");
        check("w=400&w=100&bg_color=white", "w=100,fit=contain,background=%23ffffff");
        check("h=0&w=", "");
        check("blur=20&sharp=1&grey=1&bright=30&contrast=-50", LOOK);
        check("blur=0&sharp=0&grey=0&bright=0", "");
        check("r=90&flip=both&force_format=avif", "flip=hv,rotate=90,format=avif");
        check("trim=10", "trim=border,trim.border.tolerance=26");
        check("w=40&h=30&gravity=smart", "w=40,h=30,fit=cover,gravity=auto");
    }

    #[test]
    fn an_operation_without_a_counterpart_is_refused_by_its_name() {
        let check = |query, name: &str| {
            let Err(Error::Options(told)) = read("a", Some(query)) else { panic!("{query} is read") };
            assert!(told.contains(name), "{query}: {told}");
        };
        check("w=1&pixelate=1", "'pixelate' has no counterpart");
        check("sharp=2", "'sharp' is malformed");
        check("bright=101", "'bright' is malformed");
        check("r=45", "'r': rotate must");
        check("flip=d", "'flip': flip must");
        check("trim=", "'trim' is malformed");
        check("wat=1", "'wat'");
        check("ci_info=1", "'ci_info'");
        check("f=bright:10", "'f' has no");
        check("func=face", "func=face");
        check("gravity=10,20", "gravity=10,20");
        check("gravity=norther", "gravity=norther");
        check("gravity=face", "'gravity': gravity=face is not built");
        check("q=101", "'q': quality must");
        check("force_format=tiff", "format must");
        check("w=-1", "'w' is malformed");
        check("dpr=0", "'dpr'");
        check("org_if_sml=yes", "'org_if_sml'");
        check("bg_color=auto", "'bg_color'");
        check("w=12001", "width must be");
        check("%zz=1", "malformed");
        check("w%3D4=5", "'w=4' has no");
    }

    #[test]
    fn every_listed_operation_is_known_by_its_name() {
        for word in WORDS {
            let told = read("a", Some(&format!("{word}=~"))).unwrap_err().to_string();
            assert!(!told.starts_with(&format!("'{word}' has no")), "{told}");
        }
    }
}
