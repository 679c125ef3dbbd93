//! What an account sets for each scheme, beside its keys. Each scheme has a struct of its own here.

mod by_name;

use std::borrow::Cow;
use std::sync::LazyLock;

/// The settings of every scheme.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SchemeSettings {
    /// Cloudimage.
    pub cloudimage: CloudimageSettings,
    /// S3.
    pub s3: S3Settings,
    /// Google Cloud Storage.
    pub gcs: GcsSettings,
    /// imgproxy.
    pub imgproxy: ImgproxySettings,
    /// Bunny.
    pub bunny: BunnySettings,
    /// EdgeAuth, also of Uploadcare and Cloudinary.
    pub edge_auth: EdgeAuthSettings,
    /// ImageKit.
    pub image_kit: ImageKitSettings,
}

/// Settings of Cloudimage's signatures and seals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudimageSettings {
    /// Fewest characters of a signature: 6 to 40.
    pub min_signature_chars: usize,
}

/// Settings of S3's signatures.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct S3Settings {
    /// The region that signatures must name; none takes any.
    pub region: Option<String>,
    /// The bucket that forms post to.
    pub bucket: Option<String>,
    /// The bucket that the host name stands for, where it does.
    pub virtual_host_bucket: Option<String>,
}

/// Settings of Google Cloud Storage's signatures.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GcsSettings {
    /// The bucket that forms post to.
    pub bucket: Option<String>,
}

/// Settings of imgproxy's signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImgproxySettings {
    /// Bytes of a signature: 1 to 32.
    pub signature_size_bytes: usize,
}

/// Settings of Bunny's tokens.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BunnySettings {
    /// The old form, a plain SHA-256, is accepted too.
    pub allow_legacy: bool,
    /// Old tokens hold the client's address.
    pub ip_validation: bool,
}

/// The hash of an EdgeAuth token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EdgeAuthHash {
    /// HMAC-SHA256.
    #[default]
    Sha256,
    /// HMAC-SHA1.
    Sha1,
}

/// Settings of EdgeAuth tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeAuthSettings {
    /// The name of the parameter, cookie or header that carries the token.
    pub parameter: String,
    /// The hash.
    pub hash: EdgeAuthHash,
    /// The path is quoted before it is signed.
    pub escape_early: bool,
    /// The pattern of paths is percent-encoded in the token.
    pub escape_acl: bool,
    /// A text that is signed too and not sent.
    pub salt: Option<String>,
}

/// Settings of ImageKit's signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageKitSettings {
    /// The path of the endpoint, which is not signed; begins and ends with `/`.
    pub endpoint_path: String,
}

impl EdgeAuthSettings {
    /// The name of the header that may carry the token: that of the parameter in lower case.
    pub(crate) fn header(&self) -> Cow<'_, str> {
        if self.parameter.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return self.parameter.to_ascii_lowercase().into();
        }
        self.parameter.as_str().into()
    }
}

impl SchemeSettings {
    /// What counts where an account has set nothing.
    pub fn defaults() -> &'static SchemeSettings {
        static DEFAULTS: LazyLock<SchemeSettings> = LazyLock::new(SchemeSettings::default);
        &DEFAULTS
    }
}

impl Default for CloudimageSettings {
    fn default() -> Self {
        CloudimageSettings { min_signature_chars: 18 }
    }
}

impl Default for ImgproxySettings {
    fn default() -> Self {
        ImgproxySettings { signature_size_bytes: 32 }
    }
}

impl Default for EdgeAuthSettings {
    fn default() -> Self {
        EdgeAuthSettings {
            parameter: "__token__".into(),
            hash: EdgeAuthHash::Sha256,
            escape_early: false,
            escape_acl: false,
            salt: None,
        }
    }
}

impl Default for ImageKitSettings {
    fn default() -> Self {
        ImageKitSettings { endpoint_path: "/".into() }
    }
}
