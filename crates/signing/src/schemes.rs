//! The names of the schemes, and sets of them. How each one judges stands in `scheme.rs`.

/// A way to sign delivery URLs; what an account switches on or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Ours, which includes Cloudflare's form.
    Native,
    /// `Expires`, `KeyID`, `IP`, `Signature` under HMAC-SHA256.
    Generic,
    /// Cloudimage: signatures and seals.
    Cloudimage,
    /// CloudFront: signed URLs and signed cookies.
    CloudFront,
    /// S3: signature versions 4 and 2, and posted forms.
    S3,
    /// Google Cloud Storage: signature versions 4 and 2, and posted forms.
    Gcs,
    /// imgproxy.
    Imgproxy,
    /// thumbor.
    Thumbor,
    /// imgix.
    Imgix,
    /// Bunny.
    Bunny,
    /// The token of Fastly's documented template.
    Fastly,
    /// EdgeAuth of Akamai, also that of Uploadcare and Cloudinary.
    EdgeAuth,
    /// ImageKit.
    ImageKit,
    /// Cloudinary's signature in the path.
    Cloudinary,
}

impl Scheme {
    /// Every scheme.
    pub const ALL: &[Scheme] = &[
        Scheme::Native,
        Scheme::Generic,
        Scheme::Cloudimage,
        Scheme::CloudFront,
        Scheme::S3,
        Scheme::Gcs,
        Scheme::Imgproxy,
        Scheme::Thumbor,
        Scheme::Imgix,
        Scheme::Bunny,
        Scheme::Fastly,
        Scheme::EdgeAuth,
        Scheme::ImageKit,
        Scheme::Cloudinary,
    ];

    /// Those that a route of this server serves. Cloudinary's has none yet.
    pub const SERVED: SchemeSet =
        Scheme::NATIVE_ROUTES.with(Scheme::S3).with(Scheme::Gcs).with(Scheme::Imgproxy).with(Scheme::Thumbor);

    /// Those that native routes serve: all that sign such a URL or a cookie for it.
    pub const NATIVE_ROUTES: SchemeSet = SchemeSet::of(&[
        Scheme::Native,
        Scheme::Generic,
        Scheme::Cloudimage,
        Scheme::CloudFront,
        Scheme::Imgix,
        Scheme::Bunny,
        Scheme::Fastly,
        Scheme::EdgeAuth,
        Scheme::ImageKit,
    ]);

    /// Those that the storage routes serve.
    pub const STORAGE: SchemeSet = SchemeSet::of(&[Scheme::S3, Scheme::Gcs]);

    /// Its name, as settings and people write it.
    pub const fn name(self) -> &'static str {
        match self {
            Scheme::Native => "native",
            Scheme::Generic => "generic",
            Scheme::Cloudimage => "cloudimage",
            Scheme::CloudFront => "cloudfront",
            Scheme::S3 => "s3",
            Scheme::Gcs => "gcs",
            Scheme::Imgproxy => "imgproxy",
            Scheme::Thumbor => "thumbor",
            Scheme::Imgix => "imgix",
            Scheme::Bunny => "bunny",
            Scheme::Fastly => "fastly",
            Scheme::EdgeAuth => "edgeauth",
            Scheme::ImageKit => "imagekit",
            Scheme::Cloudinary => "cloudinary",
        }
    }

    /// The names that have a meaning in its URLs, and the beginnings of such names; the latter count in any case.
    const fn control_names(self) -> (&'static [&'static str], &'static [&'static str]) {
        match self {
            Scheme::Native => (&["exp", "sig"], &[]),
            Scheme::Generic => (&["Expires", "KeyID", "IP", "Signature", "Policy"], &[]),
            Scheme::Cloudimage => (&["ci_sign", "ci_seal", "ci_eqs"], &[]),
            Scheme::CloudFront => (&["Expires", "Policy", "Signature", "Key-Pair-Id", "Hash-Algorithm"], &[]),
            Scheme::S3 => (&["AWSAccessKeyId", "Expires", "Signature"], &["x-amz-"]),
            Scheme::Gcs => (&["GoogleAccessId", "Expires", "Signature"], &["x-goog-", "x-amz-"]),
            Scheme::Imgix => (&["s", "expires"], &[]),
            Scheme::Bunny => (&["token", "expires", "bcdn_token"], &["token_"]),
            Scheme::Fastly => (&["token"], &[]),
            Scheme::EdgeAuth => (&["__token__", "hdnts", "token", "__cld_token__"], &[]),
            Scheme::ImageKit => (&["ik-s", "ik-t"], &[]),
            Scheme::Imgproxy | Scheme::Thumbor | Scheme::Cloudinary => (&[], &[]),
        }
    }

    /// Whether a parameter of this raw name has a meaning in its URLs, so that no account can have it ignored.
    pub(crate) fn controls(self, name: &str) -> bool {
        let (names, beginnings) = self.control_names();
        let begins = |start: &&str| name.get(..start.len()).is_some_and(|n| n.eq_ignore_ascii_case(start));
        // The native names are of the hot path, and in their own case only.
        names.contains(&name)
            || beginnings.iter().any(begins)
            || self == Scheme::Native && name.starts_with("s-")
    }

    /// Whether ignoring a name, or every name with this beginning, would take a parameter from its URLs.
    pub(crate) fn is_touched_by(self, text: &str, is_prefix: bool) -> bool {
        let (names, beginnings) = self.control_names();
        let begins = |name: &&str| {
            let length = text.len().min(name.len());
            name.as_bytes()[..length].eq_ignore_ascii_case(&text.as_bytes()[..length])
        };
        self.controls(text)
            || is_prefix && (names.iter().any(|name| name.starts_with(text)) || beginnings.iter().any(begins))
    }

    /// The scheme of a name.
    pub fn from_name(name: &str) -> Option<Scheme> {
        Scheme::ALL.iter().copied().find(|scheme| scheme.name() == name)
    }
}

/// A set of schemes: those that an account has switched on, as far as a mount serves them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SchemeSet(u32);

impl SchemeSet {
    /// No scheme.
    pub const EMPTY: SchemeSet = SchemeSet(0);

    /// The native scheme alone.
    pub const NATIVE: SchemeSet = SchemeSet::of(&[Scheme::Native]);

    /// A set of these.
    pub const fn of(schemes: &[Scheme]) -> Self {
        let (mut bits, mut index) = (0, 0);
        while index < schemes.len() {
            bits |= 1 << schemes[index] as u32;
            index += 1;
        }
        SchemeSet(bits)
    }

    /// Whether a scheme is in it.
    pub const fn contains(self, scheme: Scheme) -> bool {
        self.0 & 1 << scheme as u32 != 0
    }

    /// It and one more.
    #[must_use]
    pub const fn with(self, scheme: Scheme) -> Self {
        SchemeSet(self.0 | 1 << scheme as u32)
    }

    /// What is in both.
    #[must_use]
    pub const fn and(self, other: SchemeSet) -> Self {
        SchemeSet(self.0 & other.0)
    }

    /// Its members.
    pub fn iter(self) -> impl Iterator<Item = Scheme> {
        Scheme::ALL.iter().copied().filter(move |&scheme| self.contains(scheme))
    }
}

impl Default for SchemeSet {
    fn default() -> Self {
        SchemeSet::NATIVE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scheme_is_found_by_its_name() {
        for &scheme in Scheme::ALL {
            assert_eq!(Scheme::from_name(scheme.name()), Some(scheme));
        }
        assert_eq!(Scheme::from_name("Native"), None);
    }

    #[test]
    fn a_set_holds_what_was_put_in() {
        let set = SchemeSet::of(&[Scheme::S3, Scheme::Native, Scheme::Cloudinary]);
        assert!(set.iter().eq([Scheme::Native, Scheme::S3, Scheme::Cloudinary]));
        assert!(set.and(SchemeSet::NATIVE).iter().eq([Scheme::Native]));
        assert!(SchemeSet::of(Scheme::ALL).iter().eq(Scheme::ALL.iter().copied()));
        assert_eq!(SchemeSet::EMPTY.with(Scheme::Native), SchemeSet::NATIVE);
        assert_eq!(set.with(Scheme::S3), set);
        assert_eq!(SchemeSet::EMPTY.iter().count(), 0);
    }

    #[test]
    fn every_scheme_but_cloudinary_s_is_served_by_a_route() {
        let unserved = Scheme::ALL.iter().filter(|&&scheme| !Scheme::SERVED.contains(scheme));
        assert!(unserved.eq(&[Scheme::Cloudinary]));
        let of_mounts = SchemeSet::of(&[Scheme::Imgproxy, Scheme::Thumbor]);
        for &scheme in Scheme::ALL {
            let routes = [Scheme::NATIVE_ROUTES, Scheme::STORAGE, of_mounts];
            let count = routes.iter().filter(|routes| routes.contains(scheme)).count();
            assert_eq!(count, usize::from(Scheme::SERVED.contains(scheme)), "{scheme:?}");
        }
    }
}
