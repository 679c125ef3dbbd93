//! A custom policy (signing-schemes 4): what it opens, from when, until when, and for which addresses. Everything that is
//! not known is refused, since it would be a condition that nobody checks.

use super::resource::Resource;
use crate::Error;
use crate::json::{Json, Object};
use crate::network::Network;

/// Longest policy, in bytes: as long as base64 in a whole request target can be.
const MAX_POLICY_BYTES: usize = 6_144;
/// The latest time that a policy names: twelve digits, as everywhere (signing-schemes 0).
const LATEST_S: i64 = 999_999_999_999;

/// What a policy says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CustomPolicy {
    /// None where the policy names no resource.
    pub(super) resource: Option<Resource>,
    /// Begin of validity, in unix seconds.
    pub(super) begins_s: Option<i64>,
    /// End of validity, in unix seconds.
    pub(super) expires_s: i64,
    /// Which addresses may ask.
    pub(super) network: Option<Network>,
}

impl CustomPolicy {
    /// Reads a policy that was signed.
    pub(super) fn parse(text: &[u8]) -> Result<Self, Error> {
        Json::parse(text, MAX_POLICY_BYTES).and_then(policy).ok_or(Error::MalformedPolicy)
    }
}

/// Takes out what is known; then nothing may be left. `Effect` may say what is the case anyhow, and names and versions say
/// nothing.
fn policy(document: Json) -> Option<CustomPolicy> {
    let mut document = document.object()?;
    let mut statement = match document.remove("Statement")? {
        Json::List(mut statements) if statements.len() == 1 => statements.pop()?.object()?,
        other => other.object()?,
    };
    let mut conditions = statement.remove("Condition")?.object()?;
    let policy = CustomPolicy {
        resource: taken(&mut statement, "Resource", |value| value.text().map(Resource::new))?,
        begins_s: taken(&mut conditions, "DateGreaterThan", time)?,
        expires_s: taken(&mut conditions, "DateLessThan", time)??,
        network: taken(&mut conditions, "IpAddress", network)?,
    };
    taken(&mut statement, "Effect", |value| value.text().filter(|effect| effect == "Allow"))?;
    taken(&mut statement, "Sid", Json::text)?;
    taken(&mut document, "Version", Json::text)?;
    taken(&mut document, "Id", Json::text)?;
    [document, statement, conditions].iter().all(Object::is_empty).then_some(policy)
}

/// Takes a member out: some where it is there and well formed or not there, none where it is malformed.
fn taken<T>(object: &mut Object, name: &str, read: impl Fn(Json) -> Option<T>) -> Option<Option<T>> {
    match object.remove(name) {
        Some(value) => read(value).map(Some),
        None => Some(None),
    }
}

fn time(condition: Json) -> Option<i64> {
    match the_only(condition, "AWS:EpochTime")? {
        Json::Integer(time_s) if (0..=LATEST_S).contains(&time_s) => Some(time_s),
        _ => None,
    }
}

fn network(condition: Json) -> Option<Network> {
    Network::parse(&the_only(condition, "AWS:SourceIp")?.text()?)
}

/// The value of an object's only member, which has this name.
fn the_only(condition: Json, name: &str) -> Option<Json> {
    let mut object = condition.object()?;
    let value = object.remove(name);
    value.filter(|_| object.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const UNTIL: &str = r#""DateLessThan":{"AWS:EpochTime":1790003600}"#;

    fn parse(text: &str) -> Result<CustomPolicy, Error> {
        CustomPolicy::parse(text.as_bytes())
    }

    #[test]
    fn a_policy_says_what_it_opens_and_for_whom() {
        let network = r#""IpAddress":{"AWS:SourceIp":"198.51.100.0/24"}"#;
        let read = parse(&format!(
            r#"{{ "Statement": [{{ "Resource": "https://h/*", "Condition": {{ {UNTIL}, {network},
                "DateGreaterThan": {{"AWS:EpochTime": 0}} }} }}] }}"#
        ));
        let expected = CustomPolicy {
            resource: Some(Resource::new("https://h/*".into())),
            begins_s: Some(0),
            expires_s: 1_790_003_600,
            network: Network::parse("198.51.100.0/24"),
        };
        assert_eq!(read, Ok(expected));
    }

    #[test]
    fn what_has_no_meaning_is_let_stand() {
        let bare = parse(&format!(r#"{{"Statement":{{"Condition":{{{UNTIL}}}}}}}"#)).unwrap();
        assert_eq!((bare.resource, bare.begins_s, bare.network), (None, None, None));
        let decorated = format!(
            r#"{{"Version":"2012-10-17","Id":"x","Statement":[{{"Sid":"y","Effect":"Allow","Condition":{{{UNTIL}}}}}]}}"#
        );
        assert!(parse(&decorated).is_ok());
    }

    #[test]
    fn everything_else_is_refused() {
        let statement = format!(r#"{{"Resource":"*","Condition":{{{UNTIL}}}}}"#);
        let good = format!(r#"{{"Statement":[{statement}]}}"#);
        assert!(parse(&good).is_ok());
        let changed = |from: &str, to: &str| {
            assert!(good.contains(from), "{from}");
            good.replacen(from, to, 1)
        };
        for bad in [
            String::new(),
            "[]".into(),
            "{}".into(),
            format!("{good}x"),
            statement.clone(),
            r#"{"Statement":[]}"#.into(),
            format!(r#"{{"Statement":[{statement},{statement}]}}"#),
            format!(r#"{{"Statement":[[{statement}]]}}"#),
            format!(r#"{{"Statement":[["*",{{{UNTIL}}}]]}}"#),
            format!(r#"{{"Statement":{statement},"Statement":{statement}}}"#),
            changed("\"Statement\"", "\"statement\""),
            changed("{\"Statement\"", "{\"Extra\":\"x\",\"Statement\""),
            changed("{\"Statement\"", "{\"Version\":1,\"Statement\""),
            changed("{\"Resource\"", "{\"Effect\":\"Deny\",\"Resource\""),
            changed("{\"Resource\"", "{\"NotResource\":\"*\",\"Resource\""),
            changed("\"*\"", "[\"*\"]"),
            changed("\"*\"", "null"),
            changed("1790003600", "\"1790003600\""),
            changed("1790003600", "1790003600.0"),
            changed("1790003600", "-1"),
            changed("1790003600", "1000000000000"),
            changed("1790003600", "null"),
            changed("{\"AWS:EpochTime\":1790003600}", "1790003600"),
            changed(":1790003600", ":1790003600,\"AWS:SourceIp\":\"::/0\""),
            changed("AWS:EpochTime", "aws:EpochTime"),
            changed("DateLessThan", "DateLessThanEquals"),
            changed(UNTIL, r#""DateGreaterThan":{"AWS:EpochTime":1}"#),
            changed(UNTIL, &format!("{UNTIL},{UNTIL}")),
            changed(UNTIL, &format!(r#"{UNTIL},"StringEquals":{{"AWS:Referer":"x"}}"#)),
            changed(UNTIL, &format!(r#"{UNTIL},"IpAddress":{{"AWS:SourceIp":["10.0.0.1"]}}"#)),
            changed(UNTIL, &format!(r#"{UNTIL},"IpAddress":{{"AWS:SourceIp":"10.0.0.1/33"}}"#)),
            changed(UNTIL, &format!(r#"{UNTIL},"IpAddress":{{"AWS:SourceIp":"*"}}"#)),
            changed(UNTIL, &format!(r#"{UNTIL},"IpAddress":{{}}"#)),
            changed("\"*\"", &format!("\"{}\"", "x".repeat(1_000_000))),
        ] {
            assert_eq!(parse(&bad), Err(Error::MalformedPolicy), "{}", &bad[..bad.len().min(200)]);
        }
    }

    #[test]
    fn the_longest_policy_is_read_and_no_longer_one() {
        let of_length = |bytes: usize| {
            let frame = format!(r#"{{"Statement":{{"Resource":"","Condition":{{{UNTIL}}}}}}}"#);
            frame.replace("\"\"", &format!("\"{}\"", "x".repeat(bytes - frame.len())))
        };
        assert!(parse(&of_length(MAX_POLICY_BYTES)).is_ok());
        assert_eq!(parse(&of_length(MAX_POLICY_BYTES + 1)), Err(Error::MalformedPolicy));
    }

    /// Policies that are right, or nearly.
    fn nearly() -> impl Strategy<Value = String> {
        let value = "\"(\\*|https://h/[a*?]{0,3}|10\\.0\\.0\\.0/[0-9]{1,2}|Allow)\"|[0-9]{1,13}|-1|1\\.5|null|\\[\\]|\\{\\}";
        let name = "Resource|Condition|Effect|Sid|DateLessThan|DateGreaterThan|IpAddress|AWS:EpochTime|AWS:SourceIp|X";
        let pair = (name, value).prop_map(|(name, value)| format!("\"{name}\":{value}"));
        let pairs = prop::collection::vec(pair, 0..3).prop_map(|pairs| pairs.join(","));
        (pairs.clone(), pairs.clone(), pairs).prop_map(|(in_statement, in_conditions, in_time)| {
            format!(
                r#"{{"Statement":[{{{in_statement},"Condition":{{{in_conditions},"DateLessThan":{{{in_time}}}}}}}]}}"#
            )
            .replace("{,", "{")
        })
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_policy_or_malformed(bytes: Vec<u8>) {
            prop_assert_eq!(CustomPolicy::parse(&bytes), Err(Error::MalformedPolicy));
        }

        #[test]
        fn what_is_nearly_a_policy_has_an_end_or_is_malformed(text in nearly(), place in any::<prop::sample::Index>()) {
            match parse(&text) {
                Ok(policy) => prop_assert!((0..=LATEST_S).contains(&policy.expires_s)),
                Err(error) => prop_assert_eq!(error, Error::MalformedPolicy),
            }
            prop_assert_eq!(parse(&text[..place.index(text.len())]), Err(Error::MalformedPolicy));
        }
    }
}
