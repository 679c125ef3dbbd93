//! imgproxy: options as segments, each `name:argument:argument`, then the source. Its default is to fit into a box
//! and never to enlarge.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::ours::{
    Translation, colour_of, image, malformed, named_image, no_counterpart, ratio, set, set_background,
    set_box, set_format, set_gravity, side,
};
use crate::{Error, Options};

/// The options that are read, each with its short word.
pub(super) const WORDS: &[&str] = &[
    "resize",
    "rs",
    "size",
    "s",
    "resizing_type",
    "rt",
    "width",
    "w",
    "height",
    "h",
    "dpr",
    "enlarge",
    "el",
    "extend",
    "ex",
    "gravity",
    "g",
    "quality",
    "q",
    "format",
    "f",
    "ext",
    "background",
    "bg",
    "strip_metadata",
    "sm",
    "keep_copyright",
    "kcr",
    "expires",
    "exp",
    "cachebuster",
    "cb",
    "auto_rotate",
    "ar",
    "strip_color_profile",
    "scp",
    "blur",
    "bl",
    "sharpen",
    "sh",
    "rotate",
    "rot",
    "trim",
    "t",
    "max_bytes",
    "mb",
];

/// Options that do nothing when they are off, as they are here always.
const OFF: &[&str] = &["pixelate", "pix", "raw", "return_attachment", "att"];

/// How the image meets its box.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Meets {
    Fit,
    Fill,
    FillDown,
    Force,
}

/// What the options say, each as it stands last.
struct Wishes {
    meets: Meets,
    sides: [Option<u32>; 2],
    ratio: f64,
    enlarges: bool,
    extends: bool,
    strips_metadata: bool,
    keeps_copyright: bool,
    options: Options,
}

/// Reads a path without its first slash.
pub(super) fn read(path: &str) -> Result<Translation, Error> {
    let mut wishes = Wishes::default();
    let mut rest = path;
    loop {
        let (segment, after) = rest.split_once('/').unwrap_or((rest, ""));
        // Some proxies escape the colons.
        let option = segment.replace("%3A", ":");
        let Some((name, arguments)) = option.split_once(':') else { break };
        wishes.take(&option, name, &arguments.split(':').collect::<Vec<_>>())?;
        rest = after;
    }
    let (image, extension) = match rest.split_once('/') {
        Some(("plain", source)) => plain(source)?,
        Some(("enc", _)) => return Err(no_counterpart("enc")),
        _ => encoded(rest)?,
    };
    if let Some(extension) = extension {
        set_format(&mut wishes.options, extension, extension)?;
    }
    Ok(Translation { image, options: wishes.settled()? })
}

/// A source as it is, with `@` before an extension.
fn plain(source: &str) -> Result<(domain::ImageId, Option<&str>), Error> {
    let (source, extension) = match source.split_once('@') {
        Some((_, extension)) if extension.contains('@') => return Err(malformed(source)),
        Some((source, extension)) => (source, Some(extension).filter(|extension| !extension.is_empty())),
        None => (source, None),
    };
    Ok((image(source)?, extension))
}

/// A source in base64url, perhaps cut into segments, with a dot before an extension.
fn encoded(source: &str) -> Result<(domain::ImageId, Option<&str>), Error> {
    let (source, extension) = match source.split_once('.') {
        Some((source, extension)) => (source, Some(extension)),
        None => (source, None),
    };
    let digits = source.replace('/', "");
    let bytes = URL_SAFE_NO_PAD.decode(digits.trim_end_matches('='));
    let text = bytes.ok().and_then(|bytes| String::from_utf8(bytes).ok());
    Ok((named_image(&text.ok_or_else(|| malformed(source))?)?, extension))
}

impl Default for Wishes {
    fn default() -> Self {
        Wishes {
            meets: Meets::Fit,
            sides: [None, None],
            ratio: 1.0,
            enlarges: false,
            extends: false,
            strips_metadata: true,
            keeps_copyright: true,
            options: Options::default(),
        }
    }
}

impl Wishes {
    /// Takes an option in. Arguments that are left out or empty say nothing.
    fn take(&mut self, word: &str, name: &str, arguments: &[&str]) -> Result<(), Error> {
        let first = arguments[0];
        match name {
            "resize" | "rs" => self.each(word, &["rt", "w", "h", "el", "ex"], arguments)?,
            "size" | "s" => self.each(word, &["w", "h", "el", "ex"], arguments)?,
            _ if is_given(name, arguments) => self.take_more(word, name, arguments)?,
            _ if MORE.contains(&name) => {}
            _ => self.take_one(word, name, first, arguments.len())?,
        }
        Ok(())
    }

    /// Takes the arguments of an option that stands for several.
    fn each(&mut self, word: &str, names: &[&str], arguments: &[&str]) -> Result<(), Error> {
        if arguments.len() > names.len() {
            return Err(no_counterpart(word));
        }
        let given = names.iter().zip(arguments).filter(|(_, argument)| !argument.is_empty());
        given.into_iter().try_for_each(|(name, argument)| self.take_one(word, name, argument, 1))
    }

    /// Takes an option of one argument in.
    fn take_one(&mut self, word: &str, name: &str, value: &str, count: usize) -> Result<(), Error> {
        if count != 1 {
            return Err(no_counterpart(word));
        }
        match name {
            "resizing_type" | "rt" => match value {
                "fit" => self.meets = Meets::Fit,
                "fill" => self.meets = Meets::Fill,
                "fill-down" => self.meets = Meets::FillDown,
                "force" => self.meets = Meets::Force,
                _ => return Err(no_counterpart(word)),
            },
            "width" | "w" => self.sides[0] = side(word, value)?,
            "height" | "h" => self.sides[1] = side(word, value)?,
            "dpr" => self.ratio = ratio(word, value)?,
            "enlarge" | "el" => self.enlarges = flag(word, value)?,
            "extend" | "ex" => self.extends = flag(word, value)?,
            "strip_metadata" | "sm" => self.strips_metadata = flag(word, value)?,
            "keep_copyright" | "kcr" => self.keeps_copyright = flag(word, value)?,
            // Judged with the signature, or of no effect.
            "expires" | "exp" | "cachebuster" | "cb" => {}
            // Done in any case.
            "auto_rotate" | "ar" | "strip_color_profile" | "scp" if flag(word, value)? => {}
            _ if OFF.contains(&name) && matches!(value, "0" | "f" | "false" | "") => {}
            _ => return Err(no_counterpart(word)),
        }
        Ok(())
    }

    /// Takes an option in that has words of its own among ours.
    fn take_more(&mut self, word: &str, name: &str, arguments: &[&str]) -> Result<(), Error> {
        let options = &mut self.options;
        match (name, arguments) {
            ("quality" | "q", [value]) => set(options, word, "quality", value),
            ("format" | "f" | "ext", [value]) => set_format(options, word, value),
            ("background" | "bg", [colour]) => set_background(options, word, colour),
            ("background" | "bg", [red, green, blue]) => {
                set(options, word, "background", &format!("rgb({red},{green},{blue})"))
            }
            ("gravity" | "g", _) => gravity(options, word, arguments),
            ("blur" | "bl", [sigma]) => set(options, word, "blur", sigma),
            ("sharpen" | "sh", [sigma]) => set(options, word, "sharpen", sigma),
            ("rotate" | "rot", [degrees]) => set(options, word, "rotate", degrees),
            ("max_bytes" | "mb", [bytes]) => set(options, word, "max_bytes", bytes),
            ("trim" | "t", _) => trim(options, word, arguments),
            _ => Err(no_counterpart(word)),
        }
    }

    fn settled(mut self) -> Result<Options, Error> {
        if self.sides != [None, None] {
            let fit = match (self.meets, self.enlarges, self.extends) {
                (Meets::Fit, false, false) => "scale-down",
                (Meets::Fit, true, false) => "contain",
                (Meets::Fit, _, true) => "pad",
                (Meets::Fill, false, false) => "crop",
                (Meets::Fill, true, _) => "cover",
                (Meets::FillDown, _, false) => "aspect-crop",
                (Meets::Force, _, false) => "squeeze",
                (_, _, true) => {
                    return Err(Error::Options("'extend' has no counterpart here but with fit".into()));
                }
            };
            set(&mut self.options, "resizing_type", "fit", fit)?;
            set_box(&mut self.options, self.sides, self.ratio)?;
        }
        match (self.strips_metadata, self.keeps_copyright) {
            (false, _) => set(&mut self.options, "strip_metadata", "metadata", "keep")?,
            (true, false) => set(&mut self.options, "keep_copyright", "metadata", "none")?,
            (true, true) => {}
        }
        Ok(self.options)
    }
}

/// Options with words among ours that say nothing where they are empty, and some of them where they are 0.
const MORE: &[&str] = &[
    "quality",
    "q",
    "format",
    "f",
    "ext",
    "background",
    "bg",
    "blur",
    "bl",
    "sharpen",
    "sh",
    "rotate",
    "rot",
    "max_bytes",
    "mb",
    "trim",
    "t",
];

/// Whether an option with words among ours says anything.
fn is_given(name: &str, arguments: &[&str]) -> bool {
    match name {
        "gravity" | "g" => true,
        "trim" | "t" => MORE.contains(&name) && arguments != [""],
        _ => MORE.contains(&name) && !matches!(arguments, [""] | ["0"]),
    }
}

/// A border of a colour, that of the corners where none is given, and how far another may lie from it.
fn trim(options: &mut Options, word: &str, arguments: &[&str]) -> Result<(), Error> {
    let (tolerance, colour) = match arguments {
        [tolerance] | [tolerance, ""] => (tolerance, None),
        [tolerance, colour] => (tolerance, Some(colour)),
        _ => return Err(no_counterpart(word)),
    };
    set(options, word, "trim", "border")?;
    set(options, word, "trim.border.tolerance", tolerance.split('.').next().unwrap_or_default())?;
    colour.map_or(Ok(()), |colour| set(options, word, "trim.border.color", &colour_of(colour)))
}

/// A gravity without offsets, or a focus point.
fn gravity(options: &mut Options, word: &str, arguments: &[&str]) -> Result<(), Error> {
    let (across, down) = match arguments {
        ["fp", x, y] => return set(options, word, "gravity", &format!("{x}x{y}")),
        ["sm"] => return set(options, word, "gravity", "auto"),
        [place, offsets @ ..]
            if offsets.len() <= 2 && offsets.iter().all(|offset| matches!(*offset, "" | "0")) =>
        {
            match *place {
                "ce" => (None, None),
                "no" => (None, Some(0.0)),
                "so" => (None, Some(1.0)),
                "we" => (Some(0.0), None),
                "ea" => (Some(1.0), None),
                "nowe" => (Some(0.0), Some(0.0)),
                "noea" => (Some(1.0), Some(0.0)),
                "sowe" => (Some(0.0), Some(1.0)),
                "soea" => (Some(1.0), Some(1.0)),
                _ => return Err(no_counterpart(word)),
            }
        }
        _ => return Err(no_counterpart(word)),
    };
    set_gravity(options, word, across, down)
}

fn flag(word: &str, value: &str) -> Result<bool, Error> {
    match value {
        "1" | "t" | "true" => Ok(true),
        "0" | "f" | "false" => Ok(false),
        _ => Err(malformed(word)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, image: &str, expected: &str) {
        let found = read(path).unwrap();
        assert_eq!((found.image.as_str(), found.options.to_string().as_str()), (image, expected), "{path}");
    }

    #[test]
    fn options_become_options_of_ours() {
        let read = |options: &str, expected| check(&format!("{options}/plain/cat.png"), "cat.png", expected);
        read("rs:fit:400:300", "w=400,h=300,fit=scale-down");
        read("rs:fill:400:300:1/g:no", "w=400,h=300,fit=cover,gravity=top");
        read("rs:fill:400:300/g:noea:0:0", "w=400,h=300,fit=crop,gravity=1x0");
        read("resize:fit:400:300:0:1/bg:255:136:0", "w=400,h=300,fit=pad,background=%23ff8800");
        read("s:400/el:t/q:80/f:jpg", "w=400,fit=contain,quality=80,format=jpeg");
        read("rs::400:0/dpr:2", "w=800,fit=scale-down");
        read("w:400/h:/exp:1790000500/cb:v1/ar:1/blur:0", "w=400,fit=scale-down");
        read("g:fp:0.25:1/q:0/bg:/sm:0", "gravity=0.25x1,metadata=keep");
        read("w%3A400/bg:fff/kcr:0", "w=400,fit=scale-down,background=%23ffffff,metadata=none");
        read("w:100/w:200/q:1/q:", "w=200,fit=scale-down,quality=1");
        read("bl:3/sh:0.5/rot:90/mb:50000", "rotate=90,blur=3,sharpen=0.5,max_bytes=50000");
        read("bl:0/sh:0/rot:0/mb:0/t:", "");
        read("t:10.5:ff00ff", "trim=border,trim.border.color=%23ff00ff,trim.border.tolerance=10");
        read("rs:force:40:30/f:avif", "w=40,h=30,fit=squeeze,format=avif");
        read("rs:fill-down:40:30/g:sm", "w=40,h=30,fit=aspect-crop,gravity=auto");
    }

    #[test]
    fn a_source_is_plain_or_base64_with_an_extension() {
        check("plain/cats/my%20cat%40home.png@webp", "cats/my cat@home.png", "format=webp");
        check("plain/cat@", "cat", "");
        // `Y2F0cy8xLmpwZw` is `cats/1.jpg`.
        check("w:4/Y2F0cy8xLmpwZw", "cats/1.jpg", "w=4,fit=scale-down");
        check("Y2F0/cy8x/LmpwZw==.png", "cats/1.jpg", "format=png");
        let check = |path, word: &str| {
            let told = read(path).unwrap_err().to_string();
            assert!(told.contains(word), "{path}: {told}");
        };
        check("plain/https://origin.example.net/a.jpg", "'https://origin.example.net/a.jpg' lies elsewhere");
        // The same in base64.
        check("w:1/aHR0cHM6Ly9vcmlnaW4uZXhhbXBsZS5uZXQvYS5qcGc", "'https://origin.example.net/a.jpg' lies");
        check("enc/abcd/x", "'enc'");
        check("plain/a@png@webp", "malformed");
        check("plain/", "no id");
        check("a*b", "'a*b' is malformed");
        check("", "no id");
        check("plain/a@tiff", "'tiff': format must");
    }

    #[test]
    fn an_option_without_a_counterpart_is_refused_by_its_name() {
        let check = |option: &str, word: &str| {
            let told = read(&format!("{option}/plain/a")).unwrap_err().to_string();
            assert!(told.contains(word), "{option}: {told}");
        };
        for option in [
            "pr:sharp",
            "wm:0.5",
            "rs:auto:1:1",
            "t:1:fff:1:1",
            "ar:0",
            "raw:1",
            "g:no:5:0",
            "g:obj:face",
            "rs:fit:1:1:0:0:ce",
            "ex:1:ce",
            "scp:0",
            "fn:x",
            "w:1:2",
            "z:2",
            "nonsense:1",
            ":1",
        ] {
            check(option, &format!("'{option}' has no counterpart"));
        }
        check("rs:fill:1:1:0:1", "'extend' has no");
        check("rs:force:1:1:0:1", "'extend' has no");
        check("rot:45", "'rot:45': rotate must");
        check("bl:0.2", "'bl:0.2': blur must");
        check("q:101", "'q:101': quality must");
        check("f:tiff", "'f:tiff': format must");
        check("w:x", "'w:x' is malformed");
        check("el:yes", "'el:yes' is malformed");
        check("dpr:9", "'dpr:9'");
        check("g:fp:2:0", "'g:fp:2:0': gravity must");
    }

    #[test]
    fn every_listed_option_is_known_by_its_name() {
        for word in WORDS {
            let known = [":1", ":fit", ":ce", ":png", ":red", ":90", ":5000"]
                .iter()
                .any(|value| read(&format!("{word}{value}/plain/a")).is_ok());
            assert!(known, "{word}");
        }
    }
}
