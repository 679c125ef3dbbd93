//! What of a query a signature of S3 or Google Cloud Storage covers: the rest was added by whoever passed the URL on, and
//! must have no effect (signing-schemes 5.4 and 6.3).

use super::v2::is_sub_resource;
use crate::escape::decoded;
use crate::pairs::pairs;
use crate::policy::Policy;
use crate::request::Request;
use crate::verdict::{Carrier, Verified};
use crate::{Error, Scheme};

/// The pairs of a verified request's query that its signature covers, decoded, in their order; a missing value is an empty
/// one. [`Error::MalformedParam`] where one does not decode.
pub fn signed_query(
    request: &Request<'_>,
    policy: &Policy,
    verified: &Verified,
) -> Result<Vec<(String, String)>, Error> {
    let names_v2_key = |name: &str| matches!(name, "AWSAccessKeyId" | "GoogleAccessId");
    let is_v2 =
        verified.carrier == Carrier::Url && pairs(request.query()).any(|pair| names_v2_key(pair.name));
    let covers = |name: &str| match (is_v2, verified.scheme) {
        (false, _) => true,
        (true, Scheme::S3) => is_sub_resource(name),
        (true, _) => false,
    };
    pairs(request.query())
        .filter(|pair| !pair.name.is_empty() && covers(pair.name) && !policy.ignores(pair.name))
        .map(|pair| {
            let (name, value) = (decoded(pair.name), decoded(pair.value.unwrap_or_default()));
            name.zip(value).map(|(name, value)| (name.into_owned(), value.into_owned()))
        })
        .collect::<Option<_>>()
        .ok_or(Error::MalformedParam)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Target;

    #[test]
    fn only_what_is_signed_has_an_effect() {
        let policy = Policy { ignore_params: vec!["utm_*".into()], ..Policy::default() };
        let check = |scheme, carrier, query: &str, expected: &[(&str, &str)]| {
            let verified =
                Verified { carrier, ..Verified::of(scheme, std::sync::Arc::new("k".parse().unwrap())) };
            let target = format!("/a/b?{query}");
            let found = signed_query(&Request::get(Target::Raw(&target)), &policy, &verified).unwrap();
            let found: Vec<_> = found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            assert_eq!(found, expected, "{query}");
        };
        let both = [("acl", ""), ("response-expires", "a b"), ("x", "1")];
        let query = "acl&response-expires=a%20b&x=1&utm_source=mail";
        check(Scheme::S3, Carrier::Url, query, &both);
        check(Scheme::Gcs, Carrier::Url, query, &both);
        check(Scheme::S3, Carrier::Header, &format!("{query}&&"), &both);
        check(Scheme::S3, Carrier::Url, &format!("AWSAccessKeyId=1&{query}"), &both[..2]);
        check(Scheme::Gcs, Carrier::Url, &format!("GoogleAccessId=1&{query}"), &[]);
        check(Scheme::Gcs, Carrier::Url, &format!("GoogleAccessId=1&AWSAccessKeyId=2&{query}"), &[]);
    }

    #[test]
    fn what_does_not_decode_is_refused() {
        let verified = Verified::of(Scheme::S3, std::sync::Arc::new("k".parse().unwrap()));
        let request = Request::get(Target::Raw("/a/b?x=%zz"));
        assert_eq!(signed_query(&request, &Policy::default(), &verified), Err(Error::MalformedParam));
    }
}
