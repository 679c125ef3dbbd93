//! What an account is called: its id in the API, its hash in delivery URLs, its handle for people.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::names::{Invalid, name};

/// An account's id: 16 bytes, written as 32 lower-case hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId([u8; 16]);

impl AccountId {
    /// A new id from the operating system's randomness.
    pub fn random() -> Self {
        AccountId(rand::random())
    }

    /// The id with these bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        AccountId(bytes)
    }

    /// The 16 bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl FromStr for AccountId {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let mut bytes = [0; 16];
        let lower = !text.bytes().any(|b| b.is_ascii_uppercase());
        if lower && hex::decode_to_slice(text, &mut bytes).is_ok() {
            return Ok(AccountId(bytes));
        }
        Err(Invalid::because("an account's id has 32 digits of 0-9 and a-f"))
    }
}

name! {
    /// An account's short public name in delivery URLs: 22 characters of base64url.
    AccountHash, check_hash
}

impl AccountHash {
    /// A new hash from the operating system's randomness.
    pub fn random() -> Self {
        AccountHash(URL_SAFE_NO_PAD.encode(rand::random::<[u8; 16]>()))
    }
}

name! {
    /// An account's handle: 3 to 63 of `a-z 0-9 -`; it never changes.
    Handle, check_handle
}

fn check_hash(text: &str) -> Result<(), Invalid> {
    if text.len() == 22 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
        return Ok(());
    }
    Err(Invalid::because("an account's hash has 22 characters of A-Z, a-z, 0-9, '-' and '_'"))
}

fn check_handle(text: &str) -> Result<(), Invalid> {
    let fits = (3..=63).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if fits {
        return Ok(());
    }
    Err(Invalid::because("an account's handle has 3 to 63 of a-z, 0-9 and '-'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_id_prints_as_it_parses() {
        let id = AccountId::random();
        assert_eq!(id.to_string().parse::<AccountId>().unwrap(), id);
        assert!("023e105f4ecef8ad9ca31a8372d0c353".parse::<AccountId>().is_ok());
        for bad in ["", "023E105f4ecef8ad9ca31a8372d0c353", "023e105f4ecef8ad9ca31a8372d0c35", "login"] {
            assert!(bad.parse::<AccountId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_hash_has_22_characters_that_a_path_carries_as_they_are() {
        assert_eq!(AccountHash::random().as_str().len(), 22);
        assert!("cheeW4oKsx5ljh8e8BoL2A".parse::<AccountHash>().is_ok());
        assert!("cheeW4oKsx5ljh8e8BoL2+".parse::<AccountHash>().is_err());
    }

    #[test]
    fn a_handle_is_short_and_plain() {
        assert!("my-shop-2".parse::<Handle>().is_ok());
        for bad in ["ab", "Shop", "a b c", &"a".repeat(64)] {
            assert!(bad.parse::<Handle>().is_err(), "{bad}");
        }
    }
}
