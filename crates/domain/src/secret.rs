//! A text that does not print and is wiped when it goes.

use std::fmt;

use zeroize::Zeroizing;

/// A secret text: `Debug` shows dots, the memory is wiped on drop.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a text into custody.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(Zeroizing::new(text.into()))
    }

    /// The text itself. Each call is a place where a secret may leak: keep them few.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The last four characters, which lists show to tell secrets apart; dots for short ones.
    pub fn tail(&self) -> String {
        let chars: Vec<char> = self.0.chars().collect();
        if chars.len() < 12 { "····".into() } else { chars[chars.len() - 4..].iter().collect() }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print() {
        let secret = Secret::new("M13Vx6CblSfpyxTdAZ9I");
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        assert_eq!(secret.tail(), "AZ9I");
        assert_eq!(Secret::new("short").tail(), "····");
    }
}
