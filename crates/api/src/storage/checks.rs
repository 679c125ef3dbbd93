//! What a client says of the bytes that it sends: their digests and their length. Each is held against what came.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crc_fast::{CrcAlgorithm, Digest as Crc};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use super::refused::Refused;

/// What is still to be held against the bytes.
#[derive(Default)]
pub(super) struct Checks {
    running: Vec<Check>,
    /// Fewest and most bytes, where the signer bound them.
    bytes: Option<(u64, u64)>,
}

struct Check {
    name: String,
    expected: Vec<u8>,
    hash: Hash,
}

enum Hash {
    Md5(Box<Md5>),
    Sha1(Box<Sha1>),
    Sha256(Box<Sha256>),
    Crc { digest: Box<Crc>, bytes: usize },
}

impl Checks {
    /// Takes in a digest that a header or field tells, in base64.
    pub(super) fn digest(&mut self, name: &str, algorithm: &str, base64: &str) -> Result<(), Refused> {
        let hash = Hash::of(algorithm).ok_or_else(|| Refused::not_built(&format!("'{name}'")))?;
        let expected = STANDARD.decode(base64.trim()).ok().filter(|digest| digest.len() == hash.bytes());
        let expected = expected.ok_or_else(|| {
            Refused::new(
                400,
                "InvalidDigest",
                format!("The value of {name} is no digest of its kind in base64."),
            )
        })?;
        self.running.push(Check { name: name.to_owned(), expected, hash });
        Ok(())
    }

    /// Takes in a digest that stands in the query of a presigned URL. What the AWS SDK for JavaScript puts there is that
    /// of the empty body which it had when it signed: it says nothing of the one that comes.
    pub(super) fn presigned_digest(
        &mut self,
        name: &str,
        algorithm: &str,
        base64: &str,
    ) -> Result<(), Refused> {
        let of_nothing = Hash::of(algorithm).map(Hash::finish);
        if of_nothing.is_some() && STANDARD.decode(base64.trim()).ok() == of_nothing {
            return Ok(());
        }
        self.digest(name, algorithm, base64)
    }

    /// Takes in Google's list: `crc32c=…,md5=…`.
    pub(super) fn google(&mut self, name: &str, list: &str) -> Result<(), Refused> {
        for one in list.split(',') {
            let (algorithm, base64) = one.trim().split_once('=').unwrap_or((one, ""));
            self.digest(name, algorithm, base64)?;
        }
        Ok(())
    }

    /// Takes in Google's bounds of the length: `0,1000`.
    pub(super) fn bounds(&mut self, name: &str, text: &str) -> Result<(), Refused> {
        let bounds = text
            .split_once(',')
            .and_then(|(least, most)| Some((least.trim().parse().ok()?, most.trim().parse().ok()?)));
        self.bytes =
            Some(bounds.ok_or_else(|| Refused::invalid(format!("{name} takes two numbers of bytes.")))?);
        Ok(())
    }

    /// Refuses a length that is known before the bytes are.
    pub(super) fn check_length(&self, bytes: u64) -> Result<(), Refused> {
        match self.bytes {
            Some((least, most)) if !(least..=most).contains(&bytes) => {
                let code = if bytes > most { "EntityTooLarge" } else { "EntityTooSmall" };
                Err(Refused::new(400, code, format!("The signer lets in {least} to {most} bytes.")))
            }
            _ => Ok(()),
        }
    }

    /// Sees bytes on their way.
    pub(super) fn see(&mut self, piece: &[u8]) {
        for check in &mut self.running {
            check.hash.update(piece);
        }
    }

    /// Holds each digest against what came.
    pub(super) fn finish(self) -> Result<(), Refused> {
        for check in self.running {
            if check.hash.finish() != check.expected {
                let told = format!("The body is not the one whose {} was sent.", check.name);
                return Err(Refused::new(400, "BadDigest", told));
            }
        }
        Ok(())
    }
}

impl Hash {
    fn of(algorithm: &str) -> Option<Hash> {
        let crc = |algorithm, bytes| Hash::Crc { digest: Box::new(Crc::new(algorithm)), bytes };
        Some(match algorithm {
            "md5" => Hash::Md5(Box::default()),
            "sha1" => Hash::Sha1(Box::default()),
            "sha256" => Hash::Sha256(Box::default()),
            "crc32" => crc(CrcAlgorithm::Crc32IsoHdlc, 4),
            "crc32c" => crc(CrcAlgorithm::Crc32Iscsi, 4),
            "crc64nvme" => crc(CrcAlgorithm::Crc64Nvme, 8),
            _ => return None,
        })
    }

    fn bytes(&self) -> usize {
        match self {
            Hash::Md5(_) => 16,
            Hash::Sha1(_) => 20,
            Hash::Sha256(_) => 32,
            Hash::Crc { bytes, .. } => *bytes,
        }
    }

    fn update(&mut self, piece: &[u8]) {
        match self {
            Hash::Md5(hash) => hash.update(piece),
            Hash::Sha1(hash) => hash.update(piece),
            Hash::Sha256(hash) => hash.update(piece),
            Hash::Crc { digest, .. } => digest.update(piece),
        }
    }

    fn finish(self) -> Vec<u8> {
        match self {
            Hash::Md5(hash) => hash.finalize().to_vec(),
            Hash::Sha1(hash) => hash.finalize().to_vec(),
            Hash::Sha256(hash) => hash.finalize().to_vec(),
            Hash::Crc { digest, bytes } => digest.finalize().to_be_bytes()[8 - bytes..].to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Digests of `123456789`, as published with each algorithm.
    const KNOWN: [(&str, &str); 6] = [
        ("md5", "JfnnlDI7RTiF9RgfG2JNCw=="),
        ("sha1", "98O8HYCOBHMq32eZZczDTKeuNEE="),
        ("sha256", "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="),
        ("crc32", "y/Q5Jg=="),
        ("crc32c", "4waSgw=="),
        ("crc64nvme", "rosUhgp5mIg="),
    ];

    fn verdict(take: impl Fn(&mut Checks) -> Result<(), Refused>, body: &[u8]) -> bool {
        let mut checks = Checks::default();
        take(&mut checks).expect("it reads");
        checks.see(body);
        checks.finish().is_ok()
    }

    #[test]
    fn each_digest_is_held_against_the_bytes() {
        for (algorithm, base64) in KNOWN {
            let take = |checks: &mut Checks| checks.digest("h", algorithm, base64);
            assert!(verdict(take, b"123456789"), "{algorithm}");
            assert!(!verdict(take, b"123456780"), "{algorithm}");
        }
        assert!(verdict(
            |checks| checks.google("h", "crc32c=4waSgw==, md5=JfnnlDI7RTiF9RgfG2JNCw=="),
            b"123456789"
        ));
    }

    #[test]
    fn what_a_signer_said_of_no_body_binds_none() {
        let take = |checks: &mut Checks| checks.presigned_digest("h", "crc32", "AAAAAA==");
        assert!(verdict(take, b"123456789"));
        assert!(!verdict(|checks| checks.presigned_digest("h", "crc32", "y/Q5Jg=="), b"other"));
        assert!(!verdict(|checks| checks.digest("h", "crc32", "AAAAAA=="), b"123456789"));
    }

    #[test]
    fn a_digest_that_does_not_read_is_refused() {
        for (algorithm, base64) in
            [("md5", "JfnnlDI7RTiF9RgfG2JNCw"), ("md5", "AAAA"), ("crc32", ""), ("rot13", "AAAA")]
        {
            assert!(Checks::default().digest("h", algorithm, base64).is_err(), "{algorithm} {base64}");
        }
    }

    #[test]
    fn the_length_is_held_against_the_bounds() {
        let mut checks = Checks::default();
        checks.bounds("x-goog-content-length-range", "5, 10").expect("it reads");
        assert!(checks.check_length(5).is_ok() && checks.check_length(10).is_ok());
        assert!(checks.check_length(4).is_err() && checks.check_length(11).is_err());
        assert!(checks.bounds("x", "5").is_err() && checks.bounds("x", "a,b").is_err());
    }
}
