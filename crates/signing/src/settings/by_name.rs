//! The settings of the schemes by name, as an account writes them. Buckets have no name here: the route that serves them
//! sets them.

use domain::Invalid;

use crate::schemes::Scheme;
use crate::settings::{EdgeAuthHash, SchemeSettings};

/// Longest text that a setting takes, in bytes.
const MAX_TEXT_BYTES: usize = 128;

impl SchemeSettings {
    /// The names of a scheme's settings, and what each takes.
    pub const fn takes(scheme: Scheme) -> &'static [(&'static str, &'static str)] {
        match scheme {
            Scheme::Cloudimage => {
                &[("min_signature_chars", "the fewest characters of a signature that are accepted, 6 to 40")]
            }
            Scheme::S3 => {
                &[("region", "the region that signatures must name, as eu-central-1; without it any will do")]
            }
            Scheme::Imgproxy => &[("signature_size", "the bytes of a signature, 1 to 32")],
            Scheme::Bunny => &[
                ("allow_legacy", "true or false: the older tokens, a plain SHA-256, are accepted too"),
                ("ip_validation", "true or false: the older tokens hold the visitor's address"),
            ],
            Scheme::EdgeAuth => &[
                (
                    "parameter",
                    "the name of the parameter, cookie or header that carries the token: 1 to 64 letters, digits, - and _, and no name of ours",
                ),
                ("hash", "sha256 or sha1"),
                ("escape_early", "true or false: the path is quoted before it is signed"),
                ("escape_acl", "true or false: the patterns of paths are percent-encoded in the token"),
                ("salt", "a text that is signed too and not sent, at most 128 bytes; without it none is"),
            ],
            Scheme::ImageKit => &[(
                "endpoint_path",
                "the path of the endpoint, which is not signed: begins and ends with /, at most 128 bytes",
            )],
            Scheme::Native
            | Scheme::Generic
            | Scheme::CloudFront
            | Scheme::Gcs
            | Scheme::Thumbor
            | Scheme::Imgix
            | Scheme::Fastly
            | Scheme::Cloudinary => &[],
        }
    }

    /// Whether the value of a setting is a secret, which pages and logs do not show.
    pub const fn is_secret(scheme: Scheme, name: &str) -> bool {
        matches!((scheme, name.as_bytes()), (Scheme::EdgeAuth, b"salt"))
    }

    /// Sets what a scheme has under a name; an empty value takes back what was set. Says what is wrong with a value, or
    /// which names there are.
    pub fn set(&mut self, scheme: Scheme, name: &str, value: &str) -> Result<(), Invalid> {
        let known = Self::takes(scheme).iter().find(|(known, _)| *known == name);
        let Some((name, takes)) = known else { return Err(Invalid(no_such_name(scheme))) };
        let default;
        let value = if value.is_empty() {
            default = Self::defaults().value(scheme, name);
            &default
        } else {
            value
        };
        self.put(scheme, name, value).ok_or_else(|| Invalid(format!("{name} takes {takes}")))
    }

    /// What a scheme has under each of its names; empty where nothing is set and nothing is the default.
    pub fn of(&self, scheme: Scheme) -> Vec<(&'static str, String)> {
        let value = |&(name, _): &(&'static str, &str)| (name, self.value(scheme, name));
        Self::takes(scheme).iter().map(value).collect()
    }

    fn value(&self, scheme: Scheme, name: &str) -> String {
        let edge_auth = &self.edge_auth;
        match (scheme, name) {
            (Scheme::Cloudimage, "min_signature_chars") => self.cloudimage.min_signature_chars.to_string(),
            (Scheme::S3, "region") => self.s3.region.clone().unwrap_or_default(),
            (Scheme::Imgproxy, "signature_size") => self.imgproxy.signature_size_bytes.to_string(),
            (Scheme::Bunny, "allow_legacy") => self.bunny.allow_legacy.to_string(),
            (Scheme::Bunny, "ip_validation") => self.bunny.ip_validation.to_string(),
            (Scheme::EdgeAuth, "parameter") => edge_auth.parameter.clone(),
            (Scheme::EdgeAuth, "hash") => edge_auth.hash.name().to_owned(),
            (Scheme::EdgeAuth, "escape_early") => edge_auth.escape_early.to_string(),
            (Scheme::EdgeAuth, "escape_acl") => edge_auth.escape_acl.to_string(),
            (Scheme::EdgeAuth, "salt") => edge_auth.salt.clone().unwrap_or_default(),
            (Scheme::ImageKit, "endpoint_path") => self.image_kit.endpoint_path.clone(),
            _ => String::new(),
        }
    }

    /// Takes a value in; none where it does not fit.
    fn put(&mut self, scheme: Scheme, name: &str, value: &str) -> Option<()> {
        let edge_auth = &mut self.edge_auth;
        match (scheme, name) {
            (Scheme::Cloudimage, "min_signature_chars") => {
                self.cloudimage.min_signature_chars = number(value, 6, 40)?;
            }
            (Scheme::S3, "region") => self.s3.region = optional(value, is_region)?,
            (Scheme::Imgproxy, "signature_size") => {
                self.imgproxy.signature_size_bytes = number(value, 1, 32)?;
            }
            (Scheme::Bunny, "allow_legacy") => self.bunny.allow_legacy = value.parse().ok()?,
            (Scheme::Bunny, "ip_validation") => self.bunny.ip_validation = value.parse().ok()?,
            (Scheme::EdgeAuth, "parameter") => {
                edge_auth.parameter = Some(value).filter(|value| is_parameter(value))?.to_owned();
            }
            (Scheme::EdgeAuth, "hash") => edge_auth.hash = EdgeAuthHash::from_name(value)?,
            (Scheme::EdgeAuth, "escape_early") => edge_auth.escape_early = value.parse().ok()?,
            (Scheme::EdgeAuth, "escape_acl") => edge_auth.escape_acl = value.parse().ok()?,
            (Scheme::EdgeAuth, "salt") => edge_auth.salt = optional(value, is_text)?,
            (Scheme::ImageKit, "endpoint_path") => {
                self.image_kit.endpoint_path = Some(value).filter(|value| is_folder(value))?.to_owned();
            }
            _ => return None,
        }
        Some(())
    }
}

impl EdgeAuthHash {
    fn name(self) -> &'static str {
        match self {
            EdgeAuthHash::Sha256 => "sha256",
            EdgeAuthHash::Sha1 => "sha1",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [EdgeAuthHash::Sha256, EdgeAuthHash::Sha1].into_iter().find(|hash| hash.name() == name)
    }
}

fn no_such_name(scheme: Scheme) -> String {
    let names: Vec<_> = SchemeSettings::takes(scheme).iter().map(|&(name, _)| name).collect();
    match names.is_empty() {
        true => format!("the scheme {} has no settings", scheme.name()),
        false => format!("the scheme {} has the settings {} and no others", scheme.name(), names.join(", ")),
    }
}

/// A whole number between two, in its usual spelling.
fn number(text: &str, least: usize, most: usize) -> Option<usize> {
    text.parse().ok().filter(|number| (least..=most).contains(number) && number.to_string() == text)
}

/// A text that fits, or none where it is empty.
fn optional(text: &str, fits: impl Fn(&str) -> bool) -> Option<Option<String>> {
    match text {
        "" => Some(None),
        text => fits(text).then(|| Some(text.to_owned())),
    }
}

fn is_region(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    text.len() <= 64 && text.bytes().all(fits)
}

/// Whether a parameter of this name can carry a token: native URLs go on working beside it.
fn is_parameter(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=64).contains(&text.len()) && text.bytes().all(fits) && !Scheme::Native.controls(text)
}

fn is_text(text: &str) -> bool {
    text.len() <= MAX_TEXT_BYTES && !text.chars().any(char::is_control)
}

fn is_folder(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#' | b'\\');
    text.len() <= MAX_TEXT_BYTES && text.starts_with('/') && text.ends_with('/') && text.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A value of each setting that is not the default one.
    const OTHERS: [(Scheme, &str, &str); 11] = [
        (Scheme::Cloudimage, "min_signature_chars", "40"),
        (Scheme::S3, "region", "eu-central-1"),
        (Scheme::Imgproxy, "signature_size", "8"),
        (Scheme::Bunny, "allow_legacy", "true"),
        (Scheme::Bunny, "ip_validation", "true"),
        (Scheme::EdgeAuth, "parameter", "hdnts"),
        (Scheme::EdgeAuth, "hash", "sha1"),
        (Scheme::EdgeAuth, "escape_early", "true"),
        (Scheme::EdgeAuth, "escape_acl", "true"),
        (Scheme::EdgeAuth, "salt", "a pinch"),
        (Scheme::ImageKit, "endpoint_path", "/demo/"),
    ];

    #[test]
    fn what_is_set_is_there_and_an_empty_value_takes_it_back() {
        let names = Scheme::ALL
            .iter()
            .flat_map(|&scheme| SchemeSettings::takes(scheme).iter().map(move |&(name, _)| (scheme, name)));
        assert!(names.eq(OTHERS.iter().map(|&(scheme, name, _)| (scheme, name))));
        for (scheme, name, value) in OTHERS {
            let mut settings = SchemeSettings::default();
            settings.set(scheme, name, value).unwrap();
            assert_ne!(&settings, SchemeSettings::defaults(), "{name}");
            assert!(settings.of(scheme).contains(&(name, value.to_owned())), "{name}");
            settings.set(scheme, name, "").unwrap();
            assert_eq!(&settings, SchemeSettings::defaults(), "{name}");
        }
    }

    #[test]
    fn what_is_listed_can_be_set_again() {
        let mut all = SchemeSettings::default();
        for (scheme, name, value) in OTHERS {
            all.set(scheme, name, value).unwrap();
        }
        for settings in [all, SchemeSettings::default()] {
            let mut again = SchemeSettings::default();
            for &scheme in Scheme::ALL {
                for (name, value) in settings.of(scheme) {
                    again.set(scheme, name, &value).unwrap();
                }
            }
            assert_eq!(again, settings);
        }
    }

    #[test]
    fn a_value_that_does_not_fit_is_refused_and_changes_nothing() {
        let long = "x".repeat(129);
        for (scheme, name, value) in [
            (Scheme::Cloudimage, "min_signature_chars", "5"),
            (Scheme::Cloudimage, "min_signature_chars", "41"),
            (Scheme::Cloudimage, "min_signature_chars", "+18"),
            (Scheme::S3, "region", "EU central"),
            (Scheme::Imgproxy, "signature_size", "0"),
            (Scheme::Imgproxy, "signature_size", "33"),
            (Scheme::Bunny, "allow_legacy", "yes"),
            (Scheme::EdgeAuth, "parameter", "a b"),
            (Scheme::EdgeAuth, "parameter", "sig"),
            (Scheme::EdgeAuth, "parameter", "s-token"),
            (Scheme::EdgeAuth, "hash", "md5"),
            (Scheme::EdgeAuth, "salt", "a\nb"),
            (Scheme::EdgeAuth, "salt", &long),
            (Scheme::ImageKit, "endpoint_path", "demo/"),
            (Scheme::ImageKit, "endpoint_path", "/demo"),
            (Scheme::ImageKit, "endpoint_path", "/a?b/"),
            (Scheme::Native, "parameter", "x"),
            (Scheme::S3, "bucket", "x"),
            (Scheme::EdgeAuth, "", "x"),
        ] {
            let mut settings = SchemeSettings::default();
            let refused = settings.set(scheme, name, value).unwrap_err().to_string();
            assert!(!refused.ends_with('.') && !refused.contains(value), "{refused}");
            assert_eq!(&settings, SchemeSettings::defaults(), "{name} {value}");
        }
    }

    #[test]
    fn only_a_salt_is_secret() {
        for (scheme, name, _) in OTHERS {
            assert_eq!(SchemeSettings::is_secret(scheme, name), name == "salt", "{name}");
        }
    }
}
