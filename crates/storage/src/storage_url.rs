//! Where objects lie, as an operator writes it: `file:///path` or `s3://bucket/prefix?option=value`.
//! Nothing is opened here.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::str::FromStr;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, percent_encode};

/// What a path may not hold unescaped in a URL.
const ESCAPED: &AsciiSet = &CONTROLS.add(b' ').add(b'%').add(b'?').add(b'#').add(b'"');

/// Bytes of a prefix in a bucket; S3's keys end at 1,024, and an object's own key takes 111 of them.
const MAX_PREFIX_BYTES: usize = 512;

/// Bytes of the name of a KMS key; an ARN is shorter.
const MAX_KMS_KEY_BYTES: usize = 2048;

/// Where objects lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StorageUrl {
    /// Below a folder of this machine, an absolute path: `file:///srv/darkroom/objects`.
    File(PathBuf),
    /// In a bucket of an S3 server: `s3://bucket/prefix`.
    S3(Bucket),
}

/// A bucket and how it is spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    name: String,
    prefix: String,
    path_style: Option<bool>,
    encryption: Option<Encryption>,
}

/// How the server encrypts objects at rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encryption {
    /// With keys of the S3 server's own: `encryption=AES256`.
    Aes256,
    /// With a key of the key service, by its id or the bucket's default one: `encryption=aws:kms`.
    Kms(Option<String>),
}

impl Bucket {
    /// The bucket's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What stands before every key, without slashes at its ends; empty where the bucket is ours alone.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Whether the bucket stands in the path of a request (`true`) or in the host's name; none where nobody said it.
    pub fn path_style(&self) -> Option<bool> {
        self.path_style
    }

    /// How the server is asked to encrypt; none where it is not asked.
    pub fn encryption(&self) -> Option<&Encryption> {
        self.encryption.as_ref()
    }
}

impl FromStr for StorageUrl {
    /// A sentence that says what would be right. It repeats no more than a word of the text: keys have been
    /// written into such URLs before.
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(without_scheme(text));
        };
        match scheme {
            "file" => file(rest).map(StorageUrl::File),
            "s3" => bucket(rest).map(StorageUrl::S3),
            "http" | "https" => Err(
                "this is the address of a server: write s3://bucket/prefix here and the server's address in AWS_ENDPOINT_URL"
                    .into(),
            ),
            _ => Err("it takes file:///folder or s3://bucket/prefix (any S3 server, with its address in AWS_ENDPOINT_URL)".into()),
        }
    }
}

impl fmt::Display for StorageUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StorageUrl::File(path) => {
                write!(f, "file://{}", percent_encode(path.as_os_str().as_bytes(), ESCAPED))
            }
            StorageUrl::S3(bucket) => bucket.fmt(f),
        }
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}", self.name)?;
        if !self.prefix.is_empty() {
            write!(f, "/{}", self.prefix)?;
        }
        let mut options = Vec::new();
        options.extend(self.path_style.map(|on| format!("path-style={on}")));
        match &self.encryption {
            None => {}
            Some(Encryption::Aes256) => options.push("encryption=AES256".into()),
            Some(Encryption::Kms(key)) => {
                options.push("encryption=aws:kms".into());
                options.extend(key.as_ref().map(|key| format!("kms-key-id={key}")));
            }
        }
        if options.is_empty() { Ok(()) } else { write!(f, "?{}", options.join("&")) }
    }
}

fn without_scheme(text: &str) -> String {
    if text.starts_with('/') {
        "a folder is written with three slashes: file:///folder".into()
    } else {
        "it takes file:///folder or s3://bucket/prefix".into()
    }
}

fn file(rest: &str) -> Result<PathBuf, String> {
    if rest.contains(['?', '#']) {
        return Err("a folder takes no options; a ? or # in its name is written %3F or %23".into());
    }
    let path: Vec<u8> = percent_decode_str(rest).collect();
    if !path.starts_with(b"/") {
        return Err("a folder is written with three slashes and its whole path: file:///folder".into());
    }
    if path.contains(&0) {
        return Err("no folder has a name with a zero byte".into());
    }
    Ok(PathBuf::from(OsStr::from_bytes(&path)))
}

fn bucket(rest: &str) -> Result<Bucket, String> {
    let (place, options) = rest.split_once('?').unwrap_or((rest, ""));
    let (name, prefix) = place.split_once('/').unwrap_or((place, ""));
    if place.contains('@') {
        return Err(
            "keys do not belong here: give them as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY".into()
        );
    }
    if name.contains(':') {
        return Err("a bucket has no port: write s3://bucket/prefix here and the server's address in AWS_ENDPOINT_URL".into());
    }
    let mut bucket = Bucket {
        name: bucket_name(name)?.to_owned(),
        prefix: key_prefix(prefix)?.to_owned(),
        path_style: None,
        encryption: None,
    };
    read_options(options, &mut bucket)?;
    Ok(bucket)
}

/// The names that every S3 server takes and that can stand in a host's name: 3 to 63 of `a-z 0-9 . -`.
fn bucket_name(name: &str) -> Result<&str, String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let (first, last) = (name.bytes().next(), name.bytes().next_back());
    if name.is_empty() {
        Err("the bucket is missing: s3://bucket/prefix".into())
    } else if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Err("a bucket's name is written in lower case".into())
    } else if !(3..=63).contains(&name.len()) {
        Err("a bucket's name has 3 to 63 characters".into())
    } else if !name.bytes().all(|byte| plain(byte) || matches!(byte, b'.' | b'-')) {
        Err("a bucket's name is made of a-z, 0-9, dots and hyphens".into())
    } else if !first.is_some_and(plain) || !last.is_some_and(plain) {
        Err("a bucket's name begins and ends with a letter or digit".into())
    } else if name.contains("..") || name.parse::<std::net::Ipv4Addr>().is_ok() {
        Err("a bucket's name is no address and has no two dots in a row".into())
    } else {
        Ok(name)
    }
}

/// Segments that every S3 server keeps as they are; a slash at the end is cut.
fn key_prefix(prefix: &str) -> Result<&str, String> {
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!*'()".contains(&byte);
    if prefix.len() > MAX_PREFIX_BYTES {
        return Err(format!("a prefix has at most {MAX_PREFIX_BYTES} characters"));
    }
    if !prefix.bytes().all(|byte| plain(byte) || byte == b'/') {
        return Err("a prefix is made of letters, digits, - _ . ! * ' ( ) and slashes".into());
    }
    let odd = |segment: &str| matches!(segment, "" | "." | "..");
    if !prefix.is_empty() && prefix.split('/').any(odd) {
        return Err("a prefix has no empty segment and none of dots alone".into());
    }
    Ok(prefix)
}

fn read_options(options: &str, bucket: &mut Bucket) -> Result<(), String> {
    let (mut encryption, mut kms_key) = (None, None);
    for option in options.split('&').filter(|option| !option.is_empty()) {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        match name {
            "path-style" => once(&mut bucket.path_style, name, path_style(value)?)?,
            "encryption" => once(&mut encryption, name, value)?,
            "kms-key-id" => once(&mut kms_key, name, kms_key_id(value)?)?,
            _ => {
                return Err(
                    "an option is unknown here: it takes path-style, encryption and kms-key-id".into()
                );
            }
        }
    }
    bucket.encryption = match (encryption, kms_key) {
        (None, None) => None,
        (Some("AES256"), None) => Some(Encryption::Aes256),
        (Some("aws:kms"), key) => Some(Encryption::Kms(key.map(str::to_owned))),
        (None | Some("AES256"), Some(_)) => return Err("kms-key-id goes with encryption=aws:kms".into()),
        _ => return Err("encryption is AES256 or aws:kms".into()),
    };
    Ok(())
}

fn once<T>(place: &mut Option<T>, name: &str, value: T) -> Result<(), String> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(format!("{name} is given twice")),
    }
}

fn path_style(value: &str) -> Result<bool, String> {
    value.parse().map_err(|_| "path-style is true or false".into())
}

fn kms_key_id(value: &str) -> Result<&str, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_/:".contains(&byte);
    let fits = (1..=MAX_KMS_KEY_BYTES).contains(&value.len()) && value.bytes().all(plain);
    if fits { Ok(value) } else { Err("kms-key-id is the id, alias or ARN of a key".into()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<StorageUrl, String> {
        text.parse()
    }

    fn s3(text: &str) -> Bucket {
        match parse(text) {
            Ok(StorageUrl::S3(bucket)) => bucket,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn a_folder_is_an_absolute_path() {
        let path = |text: &str| match parse(text) {
            Ok(StorageUrl::File(path)) => path,
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(path("file:///srv/objects"), PathBuf::from("/srv/objects"));
        assert_eq!(path("file:///srv/my%20objects%3F"), PathBuf::from("/srv/my objects?"));
        assert_eq!(parse("file:///srv/my%20objects%3F").unwrap().to_string(), "file:///srv/my%20objects%3F");
    }

    #[test]
    fn a_bucket_has_a_prefix_and_options_or_not() {
        let plain = s3("s3://darkroom");
        assert_eq!((plain.name(), plain.prefix()), ("darkroom", ""));
        assert_eq!((plain.path_style(), plain.encryption()), (None, None));
        let full = s3("s3://our.images-1/a/b_c/?path-style=false&encryption=aws:kms&kms-key-id=alias/k");
        assert_eq!((full.name(), full.prefix()), ("our.images-1", "a/b_c"));
        assert_eq!(full.path_style(), Some(false));
        assert_eq!(full.encryption(), Some(&Encryption::Kms(Some("alias/k".into()))));
        assert_eq!(s3("s3://abc?encryption=AES256").encryption(), Some(&Encryption::Aes256));
        assert_eq!(s3("s3://abc?encryption=aws:kms").encryption(), Some(&Encryption::Kms(None)));
    }

    #[test]
    fn a_mistake_is_told_what_would_be_right() {
        let check = |text: &str, word: &str| {
            let told = parse(text).expect_err(text);
            assert!(told.contains(word), "{text}: {told}");
        };
        check("", "s3://bucket/prefix");
        check("/srv/objects", "file:///");
        check("file://srv/objects", "file:///");
        check("file:///srv?path-style=true", "%3F");
        check("https://minio.example.org/images", "AWS_ENDPOINT_URL");
        check("http://127.0.0.1:9000/images", "AWS_ENDPOINT_URL");
        check("minio://images", "s3://bucket/prefix");
        check("s3://minio:9000/images", "AWS_ENDPOINT_URL");
        check("s3://AKIA:secret@images", "AWS_SECRET_ACCESS_KEY");
        check("s3://", "missing");
        check("s3://Images", "lower case");
        check("s3://ab", "3 to 63");
        check("s3://my_images", "a-z, 0-9");
        check("s3://-images", "begins and ends");
        check("s3://192.168.0.1", "no address");
        check("s3://my..images", "two dots");
        check("s3://images//a", "empty segment");
        check("s3://images/a/../b", "dots alone");
        check("s3://images/a b", "letters");
        check("s3://images?pathstyle=true", "path-style");
        check("s3://images?path-style=yes", "true or false");
        check("s3://images?path-style=true&path-style=true", "twice");
        check("s3://images?encryption=aes", "AES256 or aws:kms");
        check("s3://images?kms-key-id=k", "encryption=aws:kms");
        check("s3://images?encryption=aws:kms&kms-key-id=", "ARN");
    }

    #[test]
    fn no_refusal_repeats_a_secret() {
        for text in
            ["s3://AKIAKEY:wJalrXUtn@images", "https://AKIAKEY:wJalrXUtn@s3/x", "s3://images?x=wJalrXUtn"]
        {
            assert!(!parse(text).unwrap_err().contains("wJal"), "{text}");
        }
    }

    fn urls() -> impl Strategy<Value = String> {
        let options = prop_oneof![
            Just(String::new()),
            Just("?path-style=true".into()),
            Just("?encryption=AES256".into()),
            "[a-z0-9/:-]{1,20}".prop_map(|key| format!("?encryption=aws:kms&kms-key-id={key}")),
        ];
        ("[a-z0-9][a-z0-9-]{1,40}[a-z0-9]", "(/[A-Za-z0-9_-]{1,9}){0,4}", options)
            .prop_map(|(bucket, prefix, options)| format!("s3://{bucket}{prefix}{options}"))
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(text in urls()) {
            let url = parse(&text).unwrap();
            prop_assert_eq!(url.to_string(), text);
        }

        #[test]
        fn every_path_is_read_back(path in "/[^\0]{0,40}") {
            let url = StorageUrl::File(path.into());
            prop_assert_eq!(parse(&url.to_string()), Ok(url));
        }

        #[test]
        fn any_text_is_read_back_or_refused(text in "(s3|file)?(://)?[a-zA-Z0-9./?&=%:@ -]{0,40}") {
            if let Ok(url) = parse(&text) {
                prop_assert_eq!(parse(&url.to_string()), Ok(url));
            }
        }
    }
}
