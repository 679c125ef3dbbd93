//! Names that people choose: variants and signing keys. A value of these types is a valid name.

use std::fmt;
use std::str::FromStr;

/// Why a text is not the name it was offered as. The text is safe to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid(pub String);

impl Invalid {
    pub(crate) fn because(text: impl Into<String>) -> Self {
        Invalid(text.into())
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Invalid {}

/// Defines a text type whose every value has passed `check`.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $check:path) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = $crate::names::Invalid;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $check(text)?;
                Ok($name(text.to_owned()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}
pub(crate) use name;

name! {
    /// A variant's name: 1 to 99 of `A-Z a-z 0-9 _ -` (contract R-48), so it never reads as options.
    VariantName, check_variant_name
}

name! {
    /// A signing key's name, which is its id in `s-kid`: 1 to 64 of `A-Z a-z 0-9 . _ -`.
    SigningKeyId, check_signing_key_id
}

impl VariantName {
    /// The variant that every account has from the start and cannot lose.
    pub fn public() -> Self {
        VariantName("public".into())
    }
}

impl SigningKeyId {
    /// The signing key that every account starts with.
    pub fn default_key() -> Self {
        SigningKeyId("default".into())
    }
}

fn check_variant_name(text: &str) -> Result<(), Invalid> {
    let fits = (1..=99).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if fits {
        return Ok(());
    }
    Err(Invalid::because("a variant's name has 1 to 99 letters, digits, '-' and '_'"))
}

fn check_signing_key_id(text: &str) -> Result<(), Invalid> {
    let fits = (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    if fits {
        return Ok(());
    }
    Err(Invalid::because("a signing key's name has 1 to 64 letters, digits, '.', '-' and '_'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variant_name_never_reads_as_options() {
        for good in ["public", "a", "card-2x", "A_b", &"x".repeat(99)] {
            assert!(good.parse::<VariantName>().is_ok(), "{good}");
        }
        for bad in ["", "w=400", "a,b", "a/b", "a b", "ä", ".", &"x".repeat(100)] {
            assert!(bad.parse::<VariantName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_signing_key_name_may_carry_dots() {
        for good in ["default", "web-2026.11", "k", &"k".repeat(64)] {
            assert!(good.parse::<SigningKeyId>().is_ok(), "{good}");
        }
        for bad in ["", "a b", "a/b", "ü", &"k".repeat(65)] {
            assert!(bad.parse::<SigningKeyId>().is_err(), "{bad}");
        }
    }
}
