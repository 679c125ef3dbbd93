//! The names that parameters have: those of a native token (signing-schemes 1.1), and those of the generic form, which
//! is the same token with another table of names (signing-schemes 7).

use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::Error;
use crate::schemes::Scheme;
use crate::syntax::{base64_bytes, lower_hex};

/// A table of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::scheme) enum Dialect {
    /// `exp`, `sig` and `s-…`.
    Native,
    /// `Expires`, `KeyID`, `IP`, `Signature`.
    Generic,
}

/// What a parameter means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Signature,
    Expires,
    Key,
    NotBefore,
    IssuedAt,
    Prefix,
    Variants,
    Networks,
    Referers,
    Subject,
    Session,
    TokenId,
    Uses,
    Block,
    /// A constraint that nobody knows.
    Unknown,
    /// Signed like everything, and without meaning.
    Ordinary,
}

impl Dialect {
    /// What a raw name means.
    pub(super) fn meaning(self, name: &str) -> Meaning {
        match self {
            Dialect::Native => native(name),
            Dialect::Generic => generic(name),
        }
    }

    /// Its scheme.
    pub(super) fn scheme(self) -> Scheme {
        match self {
            Dialect::Native => Scheme::Native,
            Dialect::Generic => Scheme::Generic,
        }
    }

    /// Whether each URL must name its key.
    pub(super) fn names_key(self) -> bool {
        self == Dialect::Generic
    }

    /// The 32 bytes of a signature: 64 hex digits, in the generic form also base64url.
    pub(super) fn mac(self, text: &str) -> Result<[u8; 32], Error> {
        let mac = match self {
            Dialect::Generic if text.len() == 43 => base64_bytes(&URL_SAFE_NO_PAD, text),
            _ => lower_hex(text),
        };
        mac.ok_or(Error::MalformedSignature)
    }
}

fn native(name: &str) -> Meaning {
    match name {
        "exp" => Meaning::Expires,
        "sig" => Meaning::Signature,
        _ if !name.starts_with("s-") => Meaning::Ordinary,
        "s-kid" => Meaning::Key,
        "s-nbf" => Meaning::NotBefore,
        "s-iat" => Meaning::IssuedAt,
        "s-pfx" => Meaning::Prefix,
        "s-var" => Meaning::Variants,
        "s-ip" => Meaning::Networks,
        "s-ref" => Meaning::Referers,
        "s-sub" => Meaning::Subject,
        "s-cnf" => Meaning::Session,
        "s-jti" => Meaning::TokenId,
        "s-uses" => Meaning::Uses,
        "s-at" => Meaning::Block,
        _ => Meaning::Unknown,
    }
}

fn generic(name: &str) -> Meaning {
    match name {
        "Expires" => Meaning::Expires,
        "Signature" => Meaning::Signature,
        "KeyID" => Meaning::Key,
        "IP" => Meaning::Networks,
        // Policies are CloudFront's form.
        "Policy" => Meaning::Unknown,
        _ => Meaning::Ordinary,
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;

    use super::*;

    #[test]
    fn a_signature_has_one_spelling_in_each_form() {
        let (hex, base64) = ("0f".repeat(32), URL_SAFE_NO_PAD.encode([0x0f; 32]));
        assert_eq!(Dialect::Native.mac(&hex), Ok([0x0f; 32]));
        assert_eq!(Dialect::Generic.mac(&hex), Ok([0x0f; 32]));
        assert_eq!(Dialect::Generic.mac(&base64), Ok([0x0f; 32]));
        // The last digit holds four bits; a digit that says more would be a second spelling.
        let stray_bits = format!("{}9", &base64[..42]);
        for bad in [&base64[..42], &format!("{base64}="), &base64.replace('w', "/"), &stray_bits, ""] {
            assert_eq!(Dialect::Native.mac(bad), Err(Error::MalformedSignature), "{bad}");
            assert_eq!(Dialect::Generic.mac(bad), Err(Error::MalformedSignature), "{bad}");
        }
        assert_eq!(Dialect::Native.mac(&base64), Err(Error::MalformedSignature));
    }

    #[test]
    fn names_count_in_their_own_case_only() {
        for name in ["Exp", "SIG", "S-ip", "ip", "exp ", "expires", ""] {
            assert_eq!(Dialect::Native.meaning(name), Meaning::Ordinary, "{name}");
        }
        assert_eq!(Dialect::Native.meaning("s-"), Meaning::Unknown);
        for name in ["expires", "signature", "sig", "exp", "s-ip", "keyid"] {
            assert_eq!(Dialect::Generic.meaning(name), Meaning::Ordinary, "{name}");
        }
    }
}
