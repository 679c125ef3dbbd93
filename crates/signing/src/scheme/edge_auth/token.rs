//! The fields of an EdgeAuth token, as text.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::Error;
use crate::escape::form_decoded;
use crate::pairs::{pieces, split_at};
use crate::syntax::integer;

/// What a token says beside its HMAC.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Token<'t> {
    /// All that stands before the HMAC, as it is signed.
    pub(super) signed: &'t str,
    /// The client's address.
    pub(super) address: Option<IpAddr>,
    /// Not before, in unix seconds.
    pub(super) begins_s: Option<i64>,
    /// The end, in unix seconds.
    pub(super) expires_s: Option<i64>,
    /// Patterns of paths, joined by `!`.
    pub(super) acl: Option<Cow<'t, str>>,
    /// The session that it was issued to, which nothing here can check.
    pub(super) session: Option<&'t str>,
}

/// The HMAC of a token: there, and once.
pub(super) fn hmac(text: &str) -> Result<&str, Error> {
    let mut all = fields(text).filter_map(|field| field.strip_prefix("hmac="));
    match (all.next(), all.next()) {
        (None, _) => Err(Error::MissingSignature),
        (Some(hmac), None) => Ok(hmac),
        (Some(_), Some(_)) => Err(Error::DuplicateParam),
    }
}

/// The fields of a token.
fn fields(text: &str) -> impl Iterator<Item = &str> {
    pieces(b'~', text)
}

/// The names of fields.
const NAMES: [&str; 7] = ["ip", "st", "exp", "acl", "id", "data", "hmac"];
/// The place of the HMAC among them.
const HMAC: usize = 6;

impl<'t> Token<'t> {
    /// Reads a token whose HMAC comes last. Unknown fields are never ignored.
    pub(super) fn parse(text: &'t str, is_escaped: bool) -> Result<Token<'t>, Error> {
        let (signed, _) = text.rsplit_once('~').unwrap_or(("", text));
        let mut token = Token { signed, ..Token::default() };
        let mut seen = [false; NAMES.len()];
        for field in fields(text) {
            let (name, value) = split_at(b'=', field).ok_or(Error::MalformedParam)?;
            let place = NAMES.iter().position(|known| *known == name);
            if place.is_some_and(|place| seen[place]) {
                return Err(Error::DuplicateParam);
            }
            if seen[HMAC] {
                return Err(Error::MalformedParam);
            }
            seen[place.ok_or(Error::UnknownConstraint)?] = true;
            token.take(name, value, is_escaped)?;
        }
        Ok(token)
    }

    fn take(&mut self, name: &str, value: &'t str, is_escaped: bool) -> Result<(), Error> {
        let plain = || if is_escaped { form_decoded(value) } else { Some(Cow::Borrowed(value)) };
        match name {
            "ip" => {
                let address = plain().and_then(|text| text.parse::<IpAddr>().ok());
                self.address = Some(address.ok_or(Error::MalformedParam)?.to_canonical());
            }
            "st" => self.begins_s = Some(integer(value).ok_or(Error::MalformedParam)?),
            "exp" => self.expires_s = Some(integer(value).ok_or(Error::MalformedParam)?),
            "acl" => self.acl = Some(plain().ok_or(Error::MalformedParam)?),
            "id" => self.session = Some(value),
            "data" | "hmac" => {}
            _ => return Err(Error::UnknownConstraint),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fields_are_known_and_there_once() {
        let check = |text, expected: Option<Error>| {
            assert_eq!(Token::parse(text, false).err(), expected, "{text}");
        };
        check("ip=::ffff:1.2.3.4~st=1~exp=2~acl=/a/*~id=x~data=user=7~hmac=00", None);
        check("exp=2~exp=3~hmac=00", Some(Error::DuplicateParam));
        check("exp=2~url=/a~hmac=00", Some(Error::UnknownConstraint));
        check("exp=2~Acl=/a~hmac=00", Some(Error::UnknownConstraint));
        for bad in [
            "exp=02~hmac=0",
            "exp~hmac=0",
            "exp=1~hmac=0~data=x",
            "ip=1.2.3~hmac=0",
            "exp=1~~hmac=0",
            "st=-1",
        ] {
            check(bad, Some(Error::MalformedParam));
        }
    }

    #[test]
    fn a_token_is_signed_up_to_its_hmac() {
        let token = Token::parse("ip=::ffff:1.2.3.4~exp=2~hmac=00", false).unwrap();
        assert_eq!(token.signed, "ip=::ffff:1.2.3.4~exp=2");
        assert_eq!(token.address, Some("1.2.3.4".parse().unwrap()));
        let check = |text, expected| assert_eq!(hmac(text), expected, "{text}");
        check("exp=2~hmac=00", Ok("00"));
        check("exp=2~hmac=", Ok(""));
        check("exp=2", Err(Error::MissingSignature));
        check("", Err(Error::MissingSignature));
        check("hmac=1~hmac=2", Err(Error::DuplicateParam));
    }

    #[test]
    fn an_escaped_list_of_patterns_is_decoded() {
        let acl =
            |text, is_escaped| Token::parse(text, is_escaped).map(|token| token.acl.map(Cow::into_owned));
        assert_eq!(acl("exp=1~acl=%2fa%2f*%21%2fb+c~hmac=0", true), Ok(Some("/a/*!/b c".into())));
        assert_eq!(acl("exp=1~acl=%2fa~hmac=0", false), Ok(Some("%2fa".into())));
        assert_eq!(acl("exp=1~acl=%zz~hmac=0", true), Err(Error::MalformedParam));
    }

    proptest! {
        #[test]
        fn any_text_is_a_token_or_none(text in "((ip|st|exp|acl|id|data|hmac|url)?(=|~|1790000600|1.2.3.4|/a/\\*|%2f|[0-9a-f]{0,64}|\\PC)){0,12}", is_escaped: bool) {
            if let Ok(token) = Token::parse(&text, is_escaped) {
                prop_assert!(text.starts_with(token.signed));
                let _ = hmac(&text);
            }
        }
    }
}
