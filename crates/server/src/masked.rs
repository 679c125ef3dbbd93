//! What may be written down of a request's target: everything but what gives a right. The one place for it.

use std::borrow::Cow;

/// Characters of a signature that stay: enough to find one again, too few to use it.
const SHOWN_CHARS: usize = 8;

/// Hex digits in a row that are taken for a signature: an HMAC-SHA256 has 64, of which a stray `%` before it makes an
/// escape of two.
const SIGNATURE_DIGITS: usize = 62;

/// How an API token begins, wherever someone put it.
const TOKEN_START: &str = "drk_";

/// Parameters whose value is a signature, or what holds one, by whatever scheme; the names count in any case.
const SIGNED: [&str; 18] = [
    "sig",
    "signature",
    "policy",
    "ci_sign",
    "ci_seal",
    "ik-s",
    "s",
    "token",
    "bcdn_token",
    "__token__",
    "hdnts",
    "__cld_token__",
    "x-amz-signature",
    "x-amz-security-token",
    "x-goog-signature",
    "x-goog-security-token",
    "ticket",
    "url",
];

/// What stands before the signature within a token of EdgeAuth, whatever parameter carries it.
const MAC_STARTS: [&str; 2] = ["hmac=", "hmac%3D"];

/// A target with every value that gives a right cut to its first 8 characters, or to a half where it is not twice as
/// long; of a setup code, which is short, nothing stays. Signatures and API tokens are found wherever someone put them:
/// within another URL, or in a path by mistake.
pub(crate) fn masked(target: &str) -> String {
    let target = without_rights(target);
    let (path, query) = target.split_once('?').map_or((&*target, None), |(path, query)| (path, Some(query)));
    let path = without_path_signature(path);
    match query {
        Some(query) => {
            let pairs: Vec<Cow<'_, str>> = query.split('&').map(without_value).collect();
            format!("{path}?{}", pairs.join("&"))
        }
        None => path.into_owned(),
    }
}

/// Cuts the signature of schemes that write it into the path: behind a mount, behind `/invite/`, before the path of
/// Bunny, and Cloudinary's `s--…--`.
fn without_path_signature(path: &str) -> Cow<'_, str> {
    for start in ["/imgproxy/", "/thumbor/", "/dashboard/invite/", "/invite/", "/bcdn_token="] {
        if let Some(rest) = path.strip_prefix(start) {
            let end = rest.find(['/', '&']).unwrap_or(rest.len());
            return format!("{start}{}{}", cut(&rest[..end]), &rest[end..]).into();
        }
    }
    let found = path.find("/s--").and_then(|at| {
        let (before, rest) = path.split_at(at + "/s--".len());
        rest.split_once("--").map(|(sig, after)| (before, sig, after))
    });
    match found {
        Some((before, sig, after)) if !sig.contains('/') => format!("{before}{}--{after}", cut(sig)).into(),
        _ => path.into(),
    }
}

/// Cuts the value of a parameter that gives a right by its name. A name that does not decode is taken for such.
fn without_value(pair: &str) -> Cow<'_, str> {
    let Some((name, value)) = pair.split_once('=') else { return pair.into() };
    if let Some(mac) = MAC_STARTS.iter().find_map(|start| Some(pair.find(start)? + start.len())) {
        return format!("{}{}", &pair[..mac], cut(&pair[mac..])).into();
    }
    match decoded(name).as_deref() {
        Some("code") if value.is_empty() => pair.into(),
        Some("code") => format!("{name}=…").into(),
        Some(name) if !SIGNED.iter().any(|known| known.eq_ignore_ascii_case(name)) => pair.into(),
        _ => format!("{name}={}", cut(value)).into(),
    }
}

/// The beginning of a signature: enough to find one again, too little to use it, also where it is a short one.
fn cut(value: &str) -> Cow<'_, str> {
    if value.ends_with('…') {
        return value.into();
    }
    let shown_chars = SHOWN_CHARS.min(value.chars().count().div_ceil(2));
    match value.char_indices().nth(shown_chars) {
        Some((end, _)) => format!("{}…", &value[..end]).into(),
        None => value.into(),
    }
}

fn decoded(name: &str) -> Option<Cow<'_, str>> {
    percent_encoding::percent_decode_str(name).decode_utf8().ok()
}

/// Cuts each word that holds as many hex digits in a row as a signature has, and each that holds an API token.
fn without_rights(target: &str) -> String {
    let mut out = String::with_capacity(target.len());
    let mut rest = target;
    while let Some(first) = rest.chars().next() {
        let gap = escape_bytes(rest).unwrap_or(if is_word(first) { 0 } else { first.len_utf8() });
        let (between, after) = rest.split_at(gap);
        let (word, after) = after.split_at(after.find(|c| !is_word(c)).unwrap_or(after.len()));
        let shown = shown_bytes(word);
        out.push_str(between);
        out.push_str(&word[..shown]);
        if shown < word.len() {
            out.push('…');
        }
        rest = after;
    }
    out
}

/// An escape such as `%3D` ends a word and is none: its digits are not those of a signature behind it.
fn escape_bytes(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let escape = bytes.len() >= 3 && bytes[0] == b'%' && bytes[1..3].iter().all(u8::is_ascii_hexdigit);
    escape.then_some(3)
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

fn shown_bytes(word: &str) -> usize {
    let token = word.find(TOKEN_START).map(|at| at + TOKEN_START.len());
    let signature = signature_at(word).map(|at| at + SHOWN_CHARS);
    token.into_iter().chain(signature).min().unwrap_or(word.len())
}

/// Where as many hex digits in a row begin as a signature has.
fn signature_at(word: &str) -> Option<usize> {
    let mut digits = 0;
    word.bytes().enumerate().find_map(|(at, byte)| {
        digits = if byte.is_ascii_hexdigit() { digits + 1 } else { 0 };
        (digits == SIGNATURE_DIGITS).then(|| at + 1 - SIGNATURE_DIGITS)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(target: &str, expected: &str) {
        assert_eq!(masked(target), expected, "{target}");
    }

    #[test]
    fn the_log_never_holds_a_whole_signature_or_code() {
        check("/a?exp=1&sig=0123456789abcdef", "/a?exp=1&sig=01234567…");
        check("/a?%73ig=0123456789abcdef", "/a?%73ig=01234567…");
        check("/a?%ff=0123456789abcdef", "/a?%ff=01234567…");
        check("/a?sig=01234567&sig", "/a?sig=0123…&sig");
        check("/a?sig=éééééééééé", "/a?sig=ééééé…");
        check("/dashboard/setup?code=K7QM-2RFD", "/dashboard/setup?code=…");
        check("/plain", "/plain");
    }

    #[test]
    fn a_signature_is_found_within_another_url_and_a_token_in_a_path() {
        let sig = "0123456789abcdef".repeat(4);
        let within = format!("/dashboard/login?next=%2Fa%3Fexp%3D1%26sig%3D{sig}&x=1");
        check(&within, "/dashboard/login?next=%2Fa%3Fexp%3D1%26sig%3D01234567…&x=1");
        check(&format!("/?X-Goog-Signature={}", sig.repeat(8)), "/?X-Goog-Signature=01234567…");
        let token = "drk_1SV8vc2L2gjXe4XdsEc5UQrv_2S3zbttgCDOnr4iW4EJS_1ot";
        check(&format!("/accounts?token={token}&page=2"), "/accounts?token=drk_…&page=2");
        check(&format!("/{token}/x%2F{token}"), "/drk_…/x%2Fdrk_…");
    }

    #[test]
    fn the_signature_of_every_scheme_is_cut_where_it_stands() {
        let long = "HS256-V3LxyLVd28QBzam3THiMSPdY9E_zzO37DiilQwXzibU";
        for name in SIGNED {
            check(&format!("/a/b/c?x=1&{name}={long}&w=2"), &format!("/a/b/c?x=1&{name}=HS256-V3…&w=2"));
        }
        check("/a?X-AMZ-Signature=0123456789abcdef0123", "/a?X-AMZ-Signature=01234567…");
        check("/v7/cat?ci_sign=79cfbc458b&w=200", "/v7/cat?ci_sign=79cfb…&w=200");
        check(&format!("/imgproxy/{long}/rs:fit:1:1/plain/cat"), "/imgproxy/HS256-V3…/rs:fit:1:1/plain/cat");
        check("/imgproxy/oWaL7QoW5Ts/asd", "/imgproxy/oWaL7Q…/asd");
        check("/thumbor/03sJk_aP1VJxs18a4ngqdbBTcWI=/1x1/cat", "/thumbor/03sJk_aP…/1x1/cat");
        check(&format!("/bcdn_token={long}&expires=1/a/b/c"), "/bcdn_token=HS256-V3…&expires=1/a/b/c");
        check("/cloud/image/upload/s--AbCdEfGh--/w_1/cat", "/cloud/image/upload/s--AbCd…--/w_1/cat");
        let mac = "0123456789abcdef0123456789abcdef01234567";
        check(&format!("/a?own=exp=1~acl=/*~hmac={mac}"), "/a?own=exp=1~acl=/*~hmac=01234567…");
        check(&format!("/a?own=exp%3D1~hmac%3D{mac}"), "/a?own=exp%3D1~hmac%3D01234567…");
        check("/invite/0123456789abcdef0123", "/invite/01234567…");
    }

    #[test]
    fn ids_stay_readable() {
        let id = "/dashboard/38a54450866babd4682e63e88ca5e185/image?id=3bc4a77e-3ce5-4134-8747-cf4fc6258287";
        check(id, id);
    }

    proptest! {
        #[test]
        fn no_target_keeps_a_whole_signature(before in "\\PC{0,20}", after in "[^0-9a-f]\\PC{0,20}|") {
            let sig = "c0ffee42".repeat(8);
            let shown = masked(&format!("{before}{sig}{after}"));
            prop_assert!(!shown.contains(&sig), "{}", shown);
            let shown = masked(&format!("/x?sig={sig}{after}"));
            prop_assert!(!shown.contains(&sig[..9]), "{}", shown);
            let own = "Zq7_".repeat(8);
            for place in [format!("/imgproxy/{own}/{after}"), format!("/a/b/c?{before}&Signature={own}&{after}")] {
                prop_assert!(!masked(&place).contains(&own), "{}", place);
            }
        }
    }
}
