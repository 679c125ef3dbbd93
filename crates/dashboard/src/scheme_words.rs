//! What people are told about each signing scheme: its name, how its URLs look, what is weak about it. The longer story
//! stands in `docs/signed-urls.md`.

use signing::{KeyKind, Scheme};

/// A scheme in words.
pub(crate) struct About {
    /// Its name, as its makers write it.
    pub(crate) title: &'static str,
    /// How a URL of it is told from others.
    pub(crate) marks: &'static str,
    /// What it is, in a sentence or two.
    pub(crate) text: &'static str,
}

/// What is said about a scheme.
pub(crate) fn about(scheme: Scheme) -> About {
    let (title, marks, text) = match scheme {
        Scheme::Native => (
            "Native",
            "?exp=…&sig=…",
            "Our own scheme, and Cloudflare Images' as well: HMAC-SHA256 with the account's signing keys. The only one \
             that can be bound to variants, addresses, sites, sessions and a number of uses.",
        ),
        Scheme::Generic => (
            "Generic",
            "?Expires=…&KeyID=…&Signature=…",
            "HMAC-SHA256 with the account's signing keys, under names that other image servers use.",
        ),
        Scheme::Cloudimage => (
            "Cloudimage",
            "?ci_sign=… or ?ci_seal=…",
            "SHA-1 over a salt and the URL, or over some of its parameters. Its URLs never expire.",
        ),
        Scheme::CloudFront => (
            "CloudFront",
            "?Signature=…&Key-Pair-Id=… or CloudFront-… cookies",
            "Signed with a private key that only you have; Darkroom keeps the public one.",
        ),
        Scheme::S3 => (
            "Amazon S3",
            "?X-Amz-Signature=… on /storage/",
            "Presigned URLs, signed requests and form posts for originals, signature versions 4 and 2.",
        ),
        Scheme::Gcs => (
            "Google Cloud Storage",
            "?X-Goog-Signature=… on /storage/",
            "Signed URLs and form posts for originals, signature versions 4 and 2.",
        ),
        Scheme::Imgproxy => (
            "imgproxy",
            "/imgproxy/{signature}/…",
            "HMAC-SHA256 with a key and a salt over the rest of the path.",
        ),
        Scheme::Thumbor => (
            "thumbor",
            "/thumbor/{signature}/…",
            "HMAC-SHA1 over the rest of the path. Its URLs never expire.",
        ),
        Scheme::Imgix => ("imgix", "?s=…", "MD5 over a token and the URL."),
        Scheme::Bunny => {
            ("Bunny", "?token=HS256-…&expires=…", "HMAC-SHA256 over the path, its end and its parameters.")
        }
        Scheme::Fastly => {
            ("Fastly", "?token={expiry}_{signature}", "The token of Fastly's documented template: HMAC-SHA1.")
        }
        Scheme::EdgeAuth => (
            "EdgeAuth",
            "?__token__=exp=…~hmac=…",
            "The token of Akamai, also that of Uploadcare and Cloudinary: HMAC over patterns of paths and an end.",
        ),
        Scheme::ImageKit => {
            ("ImageKit", "?ik-s=…&ik-t=…", "HMAC-SHA1 with the private key of the account there.")
        }
        Scheme::Cloudinary => {
            ("Cloudinary", "/s--…--/", "SHA-1 in the path, cut to eight characters. Its URLs never expire.")
        }
    };
    About { title, marks, text }
}

/// What is weak about a scheme as an account has it; nothing for one that is not.
pub(crate) fn weakness(scheme: Scheme, settings: &[(&'static str, String)]) -> Option<&'static str> {
    let set = |name: &str| settings.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value);
    match scheme {
        Scheme::Imgix => Some(
            "MD5 over a secret and the URL is weak by the measure of today. Use it for URLs that are out there already, \
             and sign new ones another way.",
        ),
        Scheme::Cloudinary => Some(
            "Eight characters of a signature can be guessed by who asks often enough, and no URL ever expires.",
        ),
        Scheme::Bunny if set("allow_legacy") == "true" => Some(
            "The older tokens are a plain SHA-256, not an HMAC: whoever finds a way around one gets around all. Switch \
             them off once no page carries them any more.",
        ),
        Scheme::Cloudimage if set("min_signature_chars").parse().is_ok_and(|chars: u32| chars < 18) => Some(
            "Signatures of fewer than 18 characters are accepted: so short a one can be guessed by who asks often \
             enough.",
        ),
        Scheme::Imgproxy if set("signature_size").parse().is_ok_and(|bytes: u32| bytes < 16) => Some(
            "Signatures of fewer than 16 bytes are accepted: a short one can be guessed by who asks often enough.",
        ),
        _ => None,
    }
}

/// What its URLs call the id of a key.
pub(crate) fn id_label(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::CloudFront => "Key pair ID",
        Scheme::S3 => "Access key ID",
        Scheme::Gcs => "Access ID, or e-mail of the service account",
        _ => "ID",
    }
}

/// What its makers call the secret.
pub(crate) fn secret_label(scheme: Scheme) -> (&'static str, &'static str) {
    match scheme {
        Scheme::Cloudimage => ("Salt", "As the console shows it."),
        Scheme::S3 => ("Secret access key", ""),
        Scheme::Gcs => ("HMAC secret", "Leave it empty for a service account, and paste its public key."),
        Scheme::Thumbor => ("Security key", "The value of SECURITY_KEY."),
        Scheme::Imgix => ("Secure URL token", ""),
        Scheme::Bunny => ("Token authentication key", ""),
        Scheme::Fastly => ("Key", "Base64, as in your VCL."),
        Scheme::EdgeAuth => ("Key", "Hex digits."),
        Scheme::ImageKit => ("Private key", ""),
        _ => ("Secret", ""),
    }
}

/// A kind of key for a list of keys.
pub(crate) fn kind(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Secret => "Secret",
        KeyKind::SecretWithSession => "Secret with session token",
        KeyKind::KeyAndSalt => "Key and salt",
        KeyKind::PublicKey => "Public key",
    }
}

#[cfg(test)]
mod tests {
    use signing::SchemeSettings;

    use super::*;

    #[test]
    fn every_scheme_has_words_of_its_own() {
        let titles: std::collections::HashSet<_> =
            Scheme::ALL.iter().map(|&scheme| about(scheme).title).collect();
        assert_eq!(titles.len(), Scheme::ALL.len());
        for &scheme in Scheme::ALL {
            let About { marks, text, .. } = about(scheme);
            assert!(!marks.is_empty() && text.ends_with('.'), "{scheme:?}");
        }
    }

    #[test]
    fn what_is_weak_by_its_settings_is_told() {
        let of = |scheme, name: &str, value: &str| {
            let mut settings = SchemeSettings::default();
            settings.set(scheme, name, value).unwrap();
            weakness(scheme, &settings.of(scheme)).is_some()
        };
        assert!(!of(Scheme::Cloudimage, "min_signature_chars", "18"));
        assert!(of(Scheme::Cloudimage, "min_signature_chars", "17"));
        assert!(!of(Scheme::Bunny, "allow_legacy", "false") && of(Scheme::Bunny, "allow_legacy", "true"));
        assert!(of(Scheme::Imgproxy, "signature_size", "8") && !of(Scheme::Imgproxy, "signature_size", "32"));
        let plain = SchemeSettings::default();
        let weak = Scheme::ALL.iter().filter(|&&scheme| weakness(scheme, &plain.of(scheme)).is_some());
        assert!(weak.eq(&[Scheme::Imgix, Scheme::Cloudinary]));
    }
}
