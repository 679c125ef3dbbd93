//! The options of a variant or a URL as fields of a form: which there are, what they say, and what is wrong with them.

use variant::Options;

use crate::fields::Fields;

/// The fields, in their groups.
pub(crate) struct OptionsForm {
    /// What most wishes are made of.
    pub(crate) main: Vec<Control>,
    /// All else, folded away until it says something.
    pub(crate) groups: Vec<Group>,
}

/// Fields of one subject.
pub(crate) struct Group {
    pub(crate) title: &'static str,
    pub(crate) controls: Vec<Control>,
    /// One of them says something, or is wrong.
    pub(crate) is_open: bool,
}

/// One field.
pub(crate) struct Control {
    /// The option's word; the field's name and id.
    pub(crate) name: &'static str,
    pub(crate) label: &'static str,
    pub(crate) hint: &'static str,
    pub(crate) value: String,
    /// What is wrong with it, in the engine's words.
    pub(crate) error: String,
    /// What is there while it is empty.
    pub(crate) placeholder: &'static str,
    /// Value, label, whether it is chosen; empty where a text is typed.
    pub(crate) choices: Vec<(&'static str, &'static str, bool)>,
}

/// How a field is built: name, label, hint, what stands in it while it is empty, and what there is to choose.
type Built =
    (&'static str, &'static str, &'static str, &'static str, &'static [(&'static str, &'static str)]);

/// The field for options that have none of their own.
const OTHER: &str = "other";

const MAIN: [Built; 6] = [
    ("width", "Width", "", "As the original", &[]),
    ("height", "Height", "", "As the original", &[]),
    (
        "fit",
        "Fit",
        "",
        "",
        &[
            ("", "Scale down"),
            ("contain", "Contain: within the box"),
            ("cover", "Cover: fill the box, cut the rest"),
            ("crop", "Crop: as cover, never enlarged"),
            ("aspect-crop", "Crop to the ratio of the box"),
            ("pad", "Pad: within the box, filled up"),
            ("squeeze", "Squeeze: exactly the box, distorted"),
            ("scale-up", "Scale up: at least the box"),
        ],
    ),
    (
        "gravity",
        "Keep in view",
        "",
        "",
        &[
            ("", "The focal point, else the middle"),
            ("center", "The middle"),
            ("auto", "The focal point, else what stands out"),
            ("entropy", "Where most happens"),
            ("top", "Top"),
            ("right", "Right"),
            ("bottom", "Bottom"),
            ("left", "Left"),
        ],
    ),
    ("quality", "Quality", "1 to 100, high, low, auto", "80", &[]),
    (
        "format",
        "Format",
        "",
        "",
        &[
            ("", "Automatic"),
            ("avif", "AVIF"),
            ("webp", "WebP"),
            ("jpeg", "JPEG"),
            ("baseline-jpeg", "JPEG, not progressive"),
            ("png", "PNG"),
            ("gif", "GIF"),
            ("json", "JSON: sizes, no picture"),
        ],
    ),
];

const GROUPS: [(&str, &[Built]); 5] = [
    (
        "Turn and trim",
        &[
            (
                "rotate",
                "Rotate",
                "",
                "",
                &[("", "No"), ("90", "90° clockwise"), ("180", "180°"), ("270", "270°")],
            ),
            (
                "flip",
                "Flip",
                "",
                "",
                &[("", "No"), ("h", "Left and right"), ("v", "Top and bottom"), ("hv", "Both")],
            ),
            ("trim", "Trim", "border, or top;right;bottom;left in pixels or shares", "10;0;10;0", &[]),
            ("dpr", "Pixel ratio", "Multiplies sizes, up to 8", "1", &[]),
        ],
    ),
    (
        "Light and colour",
        &[
            ("brightness", "Brightness", "", "1", &[]),
            ("contrast", "Contrast", "", "1", &[]),
            ("saturation", "Saturation", "0 is greyscale", "1", &[]),
            ("gamma", "Gamma", "Above 1 is darker", "1", &[]),
            ("blur", "Blur", "1 to 250", "None", &[]),
            ("sharpen", "Sharpen", "0 to 10", "0", &[]),
        ],
    ),
    (
        "Background and border",
        &[
            ("background", "Background", "A CSS colour", "white", &[]),
            ("border.width", "Border width", "In pixels", "0", &[]),
            ("border.color", "Border colour", "A CSS colour", "black", &[]),
        ],
    ),
    (
        "File",
        &[
            (
                "metadata",
                "Metadata of a JPEG",
                "",
                "",
                &[
                    ("", "As by default"),
                    ("none", "None"),
                    ("copyright", "Copyright only"),
                    ("keep", "Keep all"),
                ],
            ),
            ("anim", "Animations", "", "", &[("", "Stay animated"), ("false", "First frame only")]),
            ("max_bytes", "At most, in bytes", "Quality gives way", "No limit", &[]),
            ("slow-connection-quality", "Quality on slow connections", "", "The same", &[]),
            ("compression", "Compression", "", "", &[("", "Smallest file"), ("fast", "Fastest answer")]),
        ],
    ),
    (
        "Overlays and more",
        &[
            (
                "draw",
                "Overlays",
                "Images of this account and text, each in parentheses. Needs a signed URL or a named variant.",
                "(image=logo;width=0.2;bottom=10;right=10)(text=Hello;size=32;color=white)",
                &[],
            ),
            (OTHER, "Other options", "As in a URL, with commas between", "wbreakpoints=320;768", &[]),
        ],
    ),
];

impl OptionsForm {
    /// The form of options that are there.
    pub(crate) fn of(options: &Options) -> OptionsForm {
        let own: Vec<&str> = controls().map(|built| built.0).collect();
        let mut values: Vec<(String, String)> = Vec::new();
        let mut other = Vec::new();
        for (name, value) in pairs(options) {
            if own.contains(&name.as_str()) {
                values.push((name, value));
            } else {
                other.push(format!("{name}={value}"));
            }
        }
        values.push((OTHER.to_owned(), other.join(",")));
        let value =
            |name: &str| values.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        OptionsForm::built(|name| (value(name).unwrap_or_default(), String::new()))
    }

    /// Reads a sent form: the options, or the form with what is wrong in it.
    pub(crate) fn read(fields: &Fields) -> Result<(Options, OptionsForm), OptionsForm> {
        let mut options = Options::default();
        let mut errors: Vec<(&str, String)> = Vec::new();
        for &(name, ..) in controls() {
            let value = fields.get(name).trim();
            let taken = match name {
                _ if value.is_empty() => Ok(()),
                OTHER => set_all(&mut options, value),
                _ => options.set(name, &one_line(value)),
            };
            errors.extend(taken.err().map(|why| (name, domain::sentence(&why.to_string()))));
        }
        if let Err(why) = options.check() {
            errors.push(("trim", domain::sentence(&why.to_string())));
        }
        let error = |name: &str| errors.iter().find(|(known, _)| *known == name).map(|(_, why)| why.clone());
        let form =
            OptionsForm::built(|name| (fields.get(name).trim().to_owned(), error(name).unwrap_or_default()));
        if errors.is_empty() { Ok((options, form)) } else { Err(form) }
    }

    /// Every field that is wrong: its name, and what is wrong with it.
    pub(crate) fn errors(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all = self.main.iter().chain(self.groups.iter().flat_map(|group| &group.controls));
        all.filter(|control| !control.error.is_empty()).map(|control| (control.name, control.error.as_str()))
    }

    fn built(said: impl Fn(&str) -> (String, String)) -> OptionsForm {
        let control = |built: &Built| {
            let (name, label, hint, placeholder, choices) = *built;
            let (value, error) = said(name);
            let choices = choices.iter().map(|(word, label)| (*word, *label, *word == value)).collect();
            Control { name, label, hint, value, error, placeholder, choices }
        };
        let group = |(title, builts): &(&'static str, &[Built])| {
            let controls: Vec<Control> = builts.iter().map(control).collect();
            let is_open =
                controls.iter().any(|control| !control.value.is_empty() || !control.error.is_empty());
            Group { title, controls, is_open }
        };
        OptionsForm { main: MAIN.iter().map(control).collect(), groups: GROUPS.iter().map(group).collect() }
    }
}

impl Control {
    /// Whether what is set is none of the choices: it is shown as one more.
    pub(crate) fn is_own(&self) -> bool {
        !self.choices.is_empty() && !self.choices.iter().any(|(.., chosen)| *chosen) && !self.value.is_empty()
    }
}

fn controls() -> impl Iterator<Item = &'static Built> {
    MAIN.iter().chain(GROUPS.iter().flat_map(|(_, builts)| builts.iter()))
}

/// Options one by one, under their long names, as people write them.
fn pairs(options: &Options) -> Vec<(String, String)> {
    let text = options.to_string();
    let long = |word: &str| {
        let words = Options::WORDS.iter().find(|words| words.contains(&word));
        words.and_then(|words| words.iter().max_by_key(|word| word.len())).copied().unwrap_or(word).to_owned()
    };
    let plain =
        |word: &str, value: &str| if word == "draw" { value.to_owned() } else { value.replace("%23", "#") };
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    pairs.map(|(word, value)| (long(word), plain(word, value))).collect()
}

/// Sets all options of a comma list.
fn set_all(options: &mut Options, text: &str) -> Result<(), variant::Error> {
    let more = Options::parse(&one_line(text))?;
    for (name, value) in pairs(&more) {
        options.set(&name, &value)?;
    }
    Ok(())
}

/// A text as it stands in a URL, where there are no spaces.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join("%20")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<String, Vec<(&'static str, String)>> {
        match OptionsForm::read(&Fields::parse(query)) {
            Ok((options, _)) => Ok(options.to_string()),
            Err(form) => Err(form.errors().map(|(name, why)| (name, why.to_owned())).collect()),
        }
    }

    #[test]
    fn a_form_is_read_into_options_and_shown_again_as_it_was() {
        let query = "width=600&height=600&fit=cover&gravity=auto&quality=60&format=&rotate=90&border.width=5&\
                     border.color=%23ff0000&draw=(text%3DHello+you%3Bsize%3D20)&other=wbreakpoints%3D320%3B768,trim.top%3D5";
        let text = read(query).unwrap();
        let options = Options::parse(&text).unwrap();
        let shown = OptionsForm::of(&options);
        assert_eq!(
            shown.main.iter().map(|c| c.value.as_str()).collect::<Vec<_>>(),
            ["600", "600", "cover", "auto", "60", ""]
        );
        let value = |name: &str| {
            let all = shown.groups.iter().flat_map(|group| &group.controls);
            all.filter(|control| control.name == name).map(|control| control.value.clone()).next().unwrap()
        };
        assert_eq!(value("border.color"), "#ff0000");
        assert_eq!(value("other"), "wbreakpoints=320;768,trim.top=5");
        assert_eq!(value("draw"), "(text=Hello%20you;size=20;color=%23000000)");
        let open: Vec<&str> =
            shown.groups.iter().filter(|group| group.is_open).map(|group| group.title).collect();
        assert_eq!(open, ["Turn and trim", "Background and border", "Overlays and more"]);
    }

    #[test]
    fn every_wrong_field_is_told_at_its_place() {
        let errors = read("width=0&quality=101&blur=x&other=zoom%3D1&format=png").unwrap_err();
        let names: Vec<&str> = errors.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["width", "quality", "blur", "other"]);
        assert!(errors[0].1.starts_with("Width must be"), "{}", errors[0].1);
        assert_eq!(read("trim=border&other=trim.top%3D5").unwrap_err()[0].0, "trim");
        assert_eq!(read("").unwrap(), "");
    }

    #[test]
    fn a_value_that_no_choice_has_is_shown_all_the_same() {
        let form = OptionsForm::of(&Options::parse("gravity=0.5x0.25,fit=pad").unwrap());
        let own: Vec<&str> =
            form.main.iter().filter(|control| control.is_own()).map(|control| control.name).collect();
        assert_eq!(own, ["gravity"]);
    }

    #[test]
    fn every_option_has_a_field_or_goes_among_the_others() {
        for words in Options::WORDS {
            let is_seam = ["zoom", "segment"].iter().any(|seam| words.contains(seam));
            let known = controls().any(|built| words.contains(&built.0));
            assert!(
                known
                    || is_seam
                    || read(&format!("other={}%3D1", words[0])).is_ok_and(|text| !text.is_empty())
                    || read(&format!("other={}%3Dred", words[0])).is_ok()
                    || read(&format!("other={}%3Dredirect", words[0])).is_ok()
                    || read(&format!("other={}%3Dinterpolate", words[0])).is_ok(),
                "{words:?}"
            );
        }
    }
}
