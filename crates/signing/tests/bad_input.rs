//! What strangers send, for every form of every scheme: each byte of a signed request flipped, dropped and doubled, too
//! much of everything, base64 in every broken form, clocks that jump, two schemes in one URL, and a scheme that is off.

#![expect(clippy::unwrap_used, reason = "a request that is not accepted is a failed test")]

#[path = "../../../tests/vectors/signed.rs"]
mod signed;

use domain::Timestamp;
use signing::{Covers, Error, Scheme, SchemeSet, Verifier};

use self::signed::{Asked, Signed};

const MEGABYTE: usize = 1 << 20;

#[test]
fn every_form_of_every_scheme_is_there_and_accepted() {
    let all = Signed::all();
    for signed in &all {
        let verified = signed.verdict(&signed.asked);
        assert_eq!(verified.map(|verified| verified.scheme), Ok(signed.scheme), "{}", signed.id);
    }
    for &scheme in Scheme::ALL {
        assert!(all.iter().any(|signed| signed.scheme == scheme), "{scheme:?}");
    }
    assert_eq!(all.len(), 34);
}

/// A text with each byte changed by its last bit and by the bit of its letter case, left out, and written twice.
fn changes(text: &str) -> impl Iterator<Item = String> {
    (0..text.len()).flat_map(move |place| {
        let (before, after) = (&text[..place], &text[place + 1..]);
        let byte = text.as_bytes()[place];
        let whole = char::from(byte);
        let flipped = |bit: u8| format!("{before}{}{after}", char::from(byte ^ bit));
        let changed =
            [flipped(1), flipped(0x20), format!("{before}{after}"), format!("{before}{whole}{whole}{after}")];
        changed.into_iter().filter(move |changed| changed != text)
    })
}

#[test]
fn a_url_with_any_byte_flipped_dropped_or_doubled_is_refused() {
    let mut tried = 0;
    let all = Signed::all();
    let in_target = all.iter().filter(|signed| signed.asked.target.contains(marks(signed.scheme)));
    // One on the curve is changed in its cookies below: each takes a while.
    for signed in in_target.filter(|signed| !signed.id.starts_with("cloudfront_ec")) {
        let target = &signed.asked.target;
        let (free, bound) = target.split_at(bound_from(signed));
        let (bound, rest) = bound.split_at(bound.len() - free_behind(signed));
        for changed in changes(bound) {
            let asked = signed.asked.at(format!("{free}{changed}{rest}"));
            let verdict = signed.verdict(&asked);
            assert_eq!(verdict.is_ok(), is_same(signed, bound, &changed), "{target} became {}", asked.target);
            tried += 1;
        }
    }
    println!("{tried} changes");
    assert!(tried > 20_000);
}

/// What tells a URL that carries its signature from one whose signature stands in a header.
fn marks(scheme: Scheme) -> &'static [char] {
    match scheme {
        Scheme::Imgproxy | Scheme::Thumbor | Scheme::Cloudinary | Scheme::Bunny => &['/'],
        _ => &['?'],
    }
}

/// Where what is signed begins: a policy that opens many paths does not say which; the first segments of Cloudinary are
/// nobody's; and free operations stand before sealed ones.
fn bound_from(signed: &Signed) -> usize {
    let target = &signed.asked.target;
    let behind = |mark: &str| target.find(mark).unwrap() + mark.len();
    match signed.id.as_str() {
        "cloudfront_custom" => behind("?"),
        "cloudinary" | "cloudinary_long" => behind("upload/"),
        _ => 0,
    }
}

/// How many bytes at the end are not signed.
fn free_behind(signed: &Signed) -> usize {
    let target = &signed.asked.target;
    if signed.id == "bunny_directory" { target.len() - target[1..].find('/').unwrap() - 1 } else { 0 }
}

/// Whether a change leaves what was signed as it was, by the scheme's own rules.
fn is_same(signed: &Signed, bound: &str, changed: &str) -> bool {
    if !changed.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
        return false;
    }
    let pairs_alike = changed.replace("&&", "&") == bound;
    match (signed.scheme, signed.id.as_str()) {
        // Most of the query is not signed by version 2, and a pair of nothing least of all.
        (_, "s3_v2" | "gcs_v2") => pairs_alike || escapes_alike(bound, changed),
        (Scheme::S3, _) => escapes_alike(bound, changed),
        // Google's parameters count in any letter case, but the text holds all names but that of the signature.
        (Scheme::Gcs, _) => {
            let mark = bound.find("X-Goog-Signature").unwrap();
            escapes_alike(bound, changed)
                || changed[..mark] == bound[..mark]
                    && changed.eq_ignore_ascii_case(bound)
                    && changed[mark + 16..] == bound[mark + 16..]
        }
        (Scheme::Bunny, _) => pairs_alike && signed.id != "bunny_directory" || escapes_alike(bound, changed),
        (Scheme::CloudFront, "cloudfront_custom") => pairs_alike,
        (Scheme::Cloudimage, "cloudimage_seal") => sealed(bound) == sealed(changed),
        (Scheme::Cloudinary, _) => without_version(bound) == without_version(changed),
        _ => false,
    }
}

/// Whether two texts differ in the letter case of their escapes only.
fn escapes_alike(one: &str, other: &str) -> bool {
    let upper = |text: &str| {
        let mut parts = text.split('%').map(|part| match part.split_at_checked(2) {
            Some((digits, rest)) => digits.to_ascii_uppercase() + rest,
            None => part.to_owned(),
        });
        // What stands before the first escape is none.
        let _ = parts.next();
        (text.split('%').next().map(str::to_owned), parts.collect::<Vec<_>>())
    };
    upper(one) == upper(other)
}

/// Path, sealed operations and seal.
fn sealed(target: &str) -> (Option<&str>, Vec<&str>) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    (Some(path), query.split('&').filter(|pair| pair.starts_with("ci_")).collect())
}

fn without_version(bound: &str) -> Option<(&str, &str)> {
    let (signed, rest) = bound.split_once("/v")?;
    let (digits, rest) = rest.split_once('/')?;
    (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some((signed, rest))
}

#[test]
fn a_header_or_cookie_with_any_byte_of_its_signature_changed_is_refused() {
    let mut tried = 0;
    for signed in Signed::all() {
        for (name, value) in &signed.asked.headers {
            if !matches!(name.as_str(), "cookie" | "authorization") {
                continue;
            }
            let (kept, token) = value.split_at(value.find("a=b; ").map_or(0, |at| at + 5));
            for changed in changes(token) {
                let mut asked = signed.asked.clone();
                asked.headers.insert(name.clone(), format!("{kept}{changed}"));
                // White space between the parts of a header means nothing.
                let is_same =
                    changed.replace(' ', "") == token.replace(' ', "") || changed.replace(";;", ";") == token;
                let is_ok = signed.verdict(&asked).is_ok();
                assert!(!is_ok || is_same, "{}: {changed}", signed.id);
                tried += 1;
            }
        }
    }
    println!("{tried} changes");
    assert!(tried > 4_000);
}

#[test]
fn a_form_with_any_byte_of_its_signature_changed_is_refused() {
    let mut tried = 0;
    for signed in Signed::all() {
        let fields = signed.asked.fields.clone().unwrap_or_default();
        for (index, (name, value)) in fields.iter().enumerate().filter(|(_, (name, _))| name != "key") {
            for changed in changes(value) {
                let mut asked = signed.asked.clone();
                asked.fields.as_mut().unwrap()[index].1.clone_from(&changed);
                assert!(signed.verdict(&asked).is_err(), "{}: {name} became {changed}", signed.id);
                tried += 1;
            }
        }
    }
    println!("{tried} changes");
    assert!(tried > 2_000);
}

/// The target with one more pair, so often.
fn with_pairs(target: &str, pair: &str, count: usize) -> String {
    let joint = if target.contains('?') { '&' } else { '?' };
    if count == 0 { target.to_owned() } else { format!("{target}{joint}{}", vec![pair; count].join("&")) }
}

/// The requests that come as a target.
fn asked_by_target() -> Vec<Signed> {
    Signed::all().into_iter().filter(|signed| signed.asked.fields.is_none()).collect()
}

#[test]
fn a_target_may_have_8192_bytes_and_64_pairs_and_not_one_more() {
    for signed in asked_by_target() {
        let target = &signed.asked.target;
        let reason = |target: String| signed.verdict(&signed.asked.at(target)).err();
        let room = 8_192 - target.len() - 1;
        let padded = |bytes: usize| with_pairs(target, &"x".repeat(bytes), 1);
        assert_ne!(reason(padded(room)), Some(Error::TargetTooLong), "{}", signed.id);
        assert_eq!(reason(padded(room + 1)), Some(Error::TargetTooLong), "{}", signed.id);
        assert_eq!(reason(padded(MEGABYTE)), Some(Error::TargetTooLong), "{}", signed.id);
        let (path, query) =
            target.split_once('?').map_or((target.as_str(), None), |(path, query)| (path, Some(query)));
        let long = format!("{path}{}{}", "x".repeat(4_097 - path.len()), &target[path.len()..]);
        assert_eq!(reason(long), Some(Error::TargetTooLong), "{}", signed.id);
        let there = query.map_or(0, |query| query.split('&').count());
        assert_ne!(
            reason(with_pairs(target, "x=1", 64 - there)),
            Some(Error::MalformedParam),
            "{}",
            signed.id
        );
        assert_eq!(
            reason(with_pairs(target, "x=1", 65 - there)),
            Some(Error::MalformedParam),
            "{}",
            signed.id
        );
    }
}

#[test]
fn a_policy_of_a_megabyte_is_refused() {
    for signed in Signed::all() {
        let grow = |text: &str, mark: &str| {
            let place = text.find(mark)? + mark.len();
            Some(format!("{}{}{}", &text[..place], "e30A".repeat(MEGABYTE / 4), &text[place..]))
        };
        let mut asked = signed.asked.clone();
        for value in asked.headers.values_mut() {
            *value = ["CloudFront-Policy=", "imgtoken=", "hdnts=", "Credential="]
                .iter()
                .find_map(|mark| grow(value, mark))
                .unwrap_or_else(|| value.clone());
        }
        for (_, value) in asked.fields.iter_mut().flatten().filter(|(name, _)| name == "policy") {
            *value = "e30A".repeat(MEGABYTE / 4);
        }
        let is_grown = asked.headers != signed.asked.headers || asked.fields != signed.asked.fields;
        assert_eq!(signed.verdict(&asked).is_err(), is_grown, "{}", signed.id);
    }
}

/// The base64 of a signature: where it stands, and how it is written.
fn base64_of(signed: &Signed) -> Option<(usize, usize)> {
    let (mark, end) = match signed.scheme {
        Scheme::Imgproxy | Scheme::Thumbor => ("/", '/'),
        Scheme::Bunny if signed.id == "bunny_legacy" => ("token=", '&'),
        Scheme::Bunny => ("HS256-", '&'),
        Scheme::Cloudinary => ("s--", '-'),
        Scheme::CloudFront | Scheme::S3 | Scheme::Gcs => ("Signature=", '&'),
        _ => return None,
    };
    // An Amz or Goog signature is hex digits.
    if signed.asked.target.contains("-Signature=") {
        return None;
    }
    let start = signed.asked.target.find(mark)? + mark.len();
    let length = signed.asked.target[start..].find(end).unwrap_or(signed.asked.target.len() - start);
    Some((start, start + length))
}

#[test]
fn base64_in_every_broken_form_is_no_signature() {
    let mut tried = 0;
    for signed in Signed::all() {
        let Some((start, end)) = base64_of(&signed) else { continue };
        let target = &signed.asked.target;
        let text = &target[start..end];
        let (head, tail) = text.split_at(5);
        let bare = text.trim_end_matches("%3D").trim_end_matches(['=', '_']);
        let mut broken: Vec<String> =
            ["=", "==", "%3D", "%3D%3D", "%3D%3D%3D%3D", "A", "AAAA", "%00", "%0A", "%20", "+", "!"]
                .iter()
                .map(|added| format!("{text}{added}"))
                .collect();
        broken.extend(
            ["=", "%3D", "%0A", "%20", "%", "%zz", "%C3%A9", "*", "."]
                .iter()
                .map(|s| format!("{head}{s}{tail}")),
        );
        broken.extend(["", "=", "A", "AA", "AAA", "AAAA", "%3D%3D%3D%3D"].map(str::to_owned));
        broken.extend((1..4).map(|left| bare[..bare.len() - left].to_owned()));
        for changed in broken.iter().filter(|changed| *changed != text) {
            let asked = signed.asked.at(format!("{}{changed}{}", &target[..start], &target[end..]));
            let reason = signed.verdict(&asked).unwrap_err();
            // Of what length a signature is, CloudFront's key says, and imgproxy's account.
            let any_length = matches!(signed.scheme, Scheme::CloudFront | Scheme::Imgproxy);
            let fits =
                matches!(reason, Error::MalformedSignature | Error::MissingSignature | Error::MalformedParam)
                    || any_length && reason == Error::BadSignature;
            assert!(fits, "{}: {changed}: {reason:?}", signed.id);
            tried += 1;
        }
    }
    println!("{tried} broken signatures");
    assert!(tried > 300);
}

#[test]
fn a_clock_that_jumps_opens_nothing_before_or_after() {
    for signed in Signed::all() {
        let at = |now| signed.verdict_by(&signed.asked, &signed.verifier(), now);
        let Some(expires_s) = at(signed.now).unwrap().expires_s else { continue };
        let seconds = Timestamp::from_seconds;
        assert!(at(seconds(expires_s - 1)).is_ok(), "{}", signed.id);
        for now in [
            seconds(expires_s),
            seconds(expires_s + 1),
            seconds(i64::from(u32::MAX)),
            Timestamp::from_micros(i64::MAX),
        ] {
            assert!(
                matches!(at(now), Err(Error::Expired | Error::RequestTimeSkewed)),
                "{} {now:?}",
                signed.id
            );
        }
        // Most say only when they end: a clock that is behind lets them live longer, and never breaks.
        for now in [seconds(0), seconds(-1), Timestamp::from_micros(i64::MIN)] {
            let verdict = at(now);
            let begins = matches!(verdict, Err(Error::NotYetValid | Error::RequestTimeSkewed));
            assert!(begins || verdict.is_ok(), "{} {now:?}", signed.id);
        }
    }
}

/// The schemes that are told by a mark in the query of a native or storage route.
fn marked_in_query() -> Vec<Signed> {
    let by_path = [Scheme::Imgproxy, Scheme::Thumbor, Scheme::Cloudinary];
    let marked = |signed: &Signed| {
        signed.asked.target.contains('?')
            && !by_path.contains(&signed.scheme)
            && signed.id != "bunny_directory"
    };
    Signed::all().into_iter().filter(marked).collect()
}

#[test]
fn two_schemes_in_one_url_are_refused_and_one_that_is_off_is_no_scheme() {
    let all = marked_in_query();
    for first in &all {
        for second in all.iter().filter(|second| second.scheme != first.scheme) {
            let added = second.asked.target.split_once('?').unwrap().1;
            let asked = first.asked.at(format!("{}&{added}", first.asked.target));
            let judged = |schemes: &[Scheme]| {
                let verifier = Verifier { schemes: SchemeSet::of(schemes), ..first.verifier() };
                first.verdict_by(&asked, &verifier, first.now).err()
            };
            let both = judged(&[first.scheme, second.scheme]);
            assert_eq!(both, Some(Error::AmbiguousScheme), "{} {}", first.id, second.id);
            // A foreign mark is a parameter like any other where its scheme is off: signed by most, so that it is
            // refused as added, and of no effect to the rest.
            let alone = judged(&[first.scheme]);
            assert!(
                !matches!(alone, Some(Error::SchemeDisabled | Error::MissingSignature)),
                "{} {}",
                first.id,
                second.id
            );
        }
    }
}

#[test]
fn a_scheme_that_is_off_opens_nothing() {
    for signed in Signed::all() {
        let others: Vec<Scheme> = Scheme::ALL
            .iter()
            .copied()
            .filter(|&scheme| scheme != signed.scheme && Scheme::NATIVE_ROUTES.contains(scheme))
            .filter(|scheme| {
                !matches!(
                    (signed.scheme, scheme),
                    (Scheme::Bunny, Scheme::Fastly) | (Scheme::Fastly, Scheme::Bunny)
                )
            })
            .collect();
        for schemes in [SchemeSet::EMPTY, SchemeSet::of(&others)] {
            let verifier = Verifier { schemes, ..signed.verifier() };
            let reason = signed.verdict_by(&signed.asked, &verifier, signed.now).unwrap_err();
            let fits = matches!(reason, Error::SchemeDisabled | Error::MissingSignature);
            assert!(fits, "{}: {reason:?}", signed.id);
        }
    }
}

#[test]
fn what_covers_more_than_its_path_says_so() {
    for signed in Signed::all() {
        let verified = signed.verdict(&signed.asked).unwrap();
        let is_wide = matches!(
            signed.id.as_str(),
            "native_cookie"
                | "cloudfront_custom"
                | "cloudfront_cookie"
                | "bunny_directory"
                | "edgeauth_cookie"
        );
        assert_eq!(verified.covers != Covers::Path, is_wide, "{}", signed.id);
    }
}

/// A request is read from the file as it stands there.
#[test]
fn a_request_is_asked_as_it_was_written() {
    let signed = Signed::all().into_iter().find(|signed| signed.id == "s3_header").unwrap();
    let Asked { method, host, headers, .. } = &signed.asked;
    assert_eq!((method.as_str(), host.as_str(), headers.len()), ("GET", "img.example", 4));
}
