//! Which form of which scheme a request is written in, by its marks (signing-schemes 9). Two marks are refused, and
//! nothing is ever tried.

use crate::Error;
use crate::pairs::Pair;
use crate::request::{PostForm, Request};
use crate::schemes::{Scheme, SchemeSet};
use crate::verifier::Verifier;

/// A form of a scheme, as its marks tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Form {
    Native,
    NativeCookie,
    Generic,
    CloudimageSign,
    CloudimageSeal,
    CloudFront,
    CloudFrontCookie,
    S3Header,
    S3Presigned,
    S3V2,
    GcsHeader,
    GcsV4,
    GcsV2,
    Imgproxy,
    Thumbor,
    Imgix,
    Bunny,
    Fastly,
    EdgeAuth,
    ImageKit,
    Cloudinary,
}

/// A form of a scheme that is posted by a browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PostedForm {
    S3,
    Gcs,
}

/// A set of forms, a bit for each.
#[derive(Debug, Clone, Copy, Default)]
struct Forms(u32);

/// The names of a query that are marks, alone or in pairs.
#[derive(Default)]
struct Marks {
    sig: bool,
    ci_sign: bool,
    ci_seal: bool,
    signature: bool,
    key_pair_id: bool,
    key_id: bool,
    aws_access_key_id: bool,
    google_access_id: bool,
    x_amz: bool,
    x_goog: bool,
    ik: bool,
    imgix: bool,
    token: bool,
    edge_auth: bool,
}

impl Form {
    /// The form of a request, among those of the schemes that are switched on.
    pub(super) fn of(request: &Request<'_>, verifier: &Verifier<'_>) -> Result<Form, Error> {
        if let Some(form) = Form::alone(request, verifier.schemes) {
            return Ok(form);
        }
        let by_name = Marks::of(verifier.pairs(request), &verifier.settings.edge_auth.parameter).forms();
        let mut marked = by_name;
        add_by_path(&mut marked, request, verifier);
        if verifier.schemes.and(Scheme::STORAGE) != SchemeSet::EMPTY {
            add_by_header(&mut marked, request);
        }
        let is_on = |form: &Form| form.is_on(verifier.schemes);
        if let Some(form) = the_only(marked.iter().filter(is_on))? {
            return Ok(form);
        }
        if let Some(form) = the_only(by_cookie(request, verifier).iter().filter(is_on))? {
            return Ok(form);
        }
        // `s` and `token` are everyday names: that they stand there marks nothing where their schemes are off.
        let everyday = |form| matches!(form, Form::Imgix | Form::Bunny | Form::Fastly | Form::EdgeAuth);
        let mut foreign = Forms::default();
        by_name.iter().for_each(|form| foreign.add(form, !everyday(form)));
        add_by_header(&mut foreign, request);
        Err(if foreign.iter().next().is_some() { Error::SchemeDisabled } else { Error::MissingSignature })
    }

    /// The form of a request where a single scheme is switched on, and nothing else that stands there can be a mark: on a
    /// mount, and where the mark of the native scheme stands where its signers put it, at the end.
    fn alone(request: &Request<'_>, schemes: SchemeSet) -> Option<Form> {
        const NATIVE: SchemeSet = SchemeSet::NATIVE;
        const IMGPROXY: SchemeSet = SchemeSet::of(&[Scheme::Imgproxy]);
        const THUMBOR: SchemeSet = SchemeSet::of(&[Scheme::Thumbor]);
        const CLOUDINARY: SchemeSet = SchemeSet::of(&[Scheme::Cloudinary]);
        match schemes {
            NATIVE => last_pair(request.query()?).starts_with("sig=").then_some(Form::Native),
            IMGPROXY => Some(Form::Imgproxy),
            THUMBOR => Some(Form::Thumbor),
            CLOUDINARY => Some(Form::Cloudinary),
            _ => None,
        }
    }

    const ALL: [Form; 21] = [
        Form::Native,
        Form::NativeCookie,
        Form::Generic,
        Form::CloudimageSign,
        Form::CloudimageSeal,
        Form::CloudFront,
        Form::CloudFrontCookie,
        Form::S3Header,
        Form::S3Presigned,
        Form::S3V2,
        Form::GcsHeader,
        Form::GcsV4,
        Form::GcsV2,
        Form::Imgproxy,
        Form::Thumbor,
        Form::Imgix,
        Form::Bunny,
        Form::Fastly,
        Form::EdgeAuth,
        Form::ImageKit,
        Form::Cloudinary,
    ];

    /// Whether it is read where these schemes are switched on. Keys of Google's sign in the form of S3 too, for those who
    /// come from there (signing-schemes 6.2).
    const fn is_on(self, schemes: SchemeSet) -> bool {
        let as_s3 = matches!(self, Form::S3Header | Form::S3Presigned) && schemes.contains(Scheme::Gcs);
        as_s3 || schemes.contains(self.scheme())
    }

    /// Its scheme.
    pub(super) const fn scheme(self) -> Scheme {
        match self {
            Form::Native | Form::NativeCookie => Scheme::Native,
            Form::Generic => Scheme::Generic,
            Form::CloudimageSign | Form::CloudimageSeal => Scheme::Cloudimage,
            Form::CloudFront | Form::CloudFrontCookie => Scheme::CloudFront,
            Form::S3Header | Form::S3Presigned | Form::S3V2 => Scheme::S3,
            Form::GcsHeader | Form::GcsV4 | Form::GcsV2 => Scheme::Gcs,
            Form::Imgproxy => Scheme::Imgproxy,
            Form::Thumbor => Scheme::Thumbor,
            Form::Imgix => Scheme::Imgix,
            Form::Bunny => Scheme::Bunny,
            Form::Fastly => Scheme::Fastly,
            Form::EdgeAuth => Scheme::EdgeAuth,
            Form::ImageKit => Scheme::ImageKit,
            Form::Cloudinary => Scheme::Cloudinary,
        }
    }
}

impl PostedForm {
    /// The form of posted fields, whose names count in any case.
    pub(super) fn of(form: &PostForm<'_>, schemes: SchemeSet) -> Result<PostedForm, Error> {
        let named = |name: &str| form.fields.iter().any(|(field, _)| field.eq_ignore_ascii_case(name));
        let marked =
            [(named("x-amz-signature"), PostedForm::S3), (named("x-goog-signature"), PostedForm::Gcs)];
        let marked = marked.into_iter().filter(|&(is_there, _)| is_there).map(|(_, form)| form);
        let enabled = marked.clone().filter(|form| schemes.contains(form.scheme()));
        match the_only(enabled)? {
            Some(form) => Ok(form),
            None if marked.count() > 0 => Err(Error::SchemeDisabled),
            None => Err(Error::MissingSignature),
        }
    }

    /// Its scheme.
    pub(super) const fn scheme(self) -> Scheme {
        match self {
            PostedForm::S3 => Scheme::S3,
            PostedForm::Gcs => Scheme::Gcs,
        }
    }
}

impl Marks {
    fn of<'r>(pairs: impl Iterator<Item = Pair<'r>>, edge_auth: &str) -> Self {
        let mut marks = Marks::default();
        for pair in pairs {
            marks.take_in(pair.name);
            marks.edge_auth |= pair.name == edge_auth;
        }
        marks
    }

    fn take_in(&mut self, name: &str) {
        match name {
            "sig" => self.sig = true,
            "ci_sign" => self.ci_sign = true,
            "ci_seal" => self.ci_seal = true,
            "Signature" => self.signature = true,
            "Key-Pair-Id" => self.key_pair_id = true,
            "KeyID" => self.key_id = true,
            "AWSAccessKeyId" => self.aws_access_key_id = true,
            "GoogleAccessId" => self.google_access_id = true,
            "X-Amz-Signature" => self.x_amz = true,
            "ik-s" => self.ik = true,
            "s" => self.imgix = true,
            "token" => self.token = true,
            _ => self.x_goog |= name.eq_ignore_ascii_case("x-goog-signature"),
        }
    }

    /// Whether a name stands there that tells whose `Signature` it is.
    fn names_key(&self) -> bool {
        self.key_pair_id || self.aws_access_key_id || self.google_access_id
    }

    fn forms(&self) -> Forms {
        let mut forms = Forms::default();
        forms.add(Form::Native, self.sig);
        forms.add(Form::CloudimageSign, self.ci_sign);
        forms.add(Form::CloudimageSeal, self.ci_seal);
        forms.add(Form::CloudFront, self.signature && self.key_pair_id);
        forms.add(Form::Generic, self.signature && (self.key_id || !self.names_key()));
        forms.add(Form::S3V2, self.signature && self.aws_access_key_id);
        forms.add(Form::GcsV2, self.signature && self.google_access_id);
        forms.add(Form::S3Presigned, self.x_amz);
        forms.add(Form::GcsV4, self.x_goog);
        forms.add(Form::ImageKit, self.ik);
        forms.add(Form::Imgix, self.imgix);
        forms.add(Form::Bunny, self.token);
        forms.add(Form::Fastly, self.token);
        forms.add(Form::EdgeAuth, self.edge_auth);
        forms
    }
}

impl Forms {
    fn add(&mut self, form: Form, is_there: bool) {
        self.0 |= u32::from(is_there) << form as u8;
    }

    fn iter(self) -> impl Iterator<Item = Form> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let form = *Form::ALL.get(left.trailing_zeros() as usize)?;
            left &= left - 1;
            Some(form)
        })
    }
}

fn last_pair(query: &str) -> &str {
    memchr::memrchr(b'&', query.as_bytes()).map_or(query, |joint| &query[joint + 1..])
}

fn add_by_header(forms: &mut Forms, request: &Request<'_>) {
    let Some(authorization) = request.headers.get("authorization") else { return };
    forms.add(Form::S3Header, authorization.starts_with("AWS4-"));
    forms.add(Form::GcsHeader, authorization.starts_with("GOOG4-"));
}

/// The forms that are written in the path. They stand on mounts of their own, where no other scheme is switched on.
fn add_by_path(forms: &mut Forms, request: &Request<'_>, verifier: &Verifier<'_>) {
    forms.add(Form::Bunny, request.target().starts_with("/bcdn_token="));
    forms.add(Form::Imgproxy, verifier.schemes.contains(Scheme::Imgproxy));
    forms.add(Form::Thumbor, verifier.schemes.contains(Scheme::Thumbor));
    forms.add(Form::Cloudinary, verifier.schemes.contains(Scheme::Cloudinary));
}

fn by_cookie(request: &Request<'_>, verifier: &Verifier<'_>) -> Forms {
    let edge_auth = &verifier.settings.edge_auth;
    let mut forms = Forms::default();
    for (name, _) in request.cookies().iter() {
        match name {
            name if verifier.policy.is_token_cookie(name) => forms.add(Form::NativeCookie, true),
            "CloudFront-Signature" => forms.add(Form::CloudFrontCookie, true),
            name => forms.add(Form::EdgeAuth, name == edge_auth.parameter),
        }
    }
    if verifier.schemes.contains(Scheme::EdgeAuth) {
        forms.add(Form::EdgeAuth, request.headers.get(&edge_auth.header()).is_some());
    }
    forms
}

/// The form that all marks tell; two that differ are refused.
fn the_only<T: PartialEq>(mut forms: impl Iterator<Item = T>) -> Result<Option<T>, Error> {
    let Some(first) = forms.next() else { return Ok(None) };
    if forms.all(|form| form == first) { Ok(Some(first)) } else { Err(Error::AmbiguousScheme) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::Policy;
    use crate::request::Target;

    const MARKED: &[(&str, Form)] = &[
        ("sig=1", Form::Native),
        ("ci_sign=1", Form::CloudimageSign),
        ("ci_seal=1", Form::CloudimageSeal),
        ("Signature=1&Key-Pair-Id=k", Form::CloudFront),
        ("Signature=1&KeyID=k", Form::Generic),
        ("Signature=1&AWSAccessKeyId=k", Form::S3V2),
        ("Signature=1&GoogleAccessId=k", Form::GcsV2),
        ("X-Amz-Signature=1", Form::S3Presigned),
        ("x-goog-signature=1", Form::GcsV4),
        ("ik-s=1", Form::ImageKit),
        ("s=1", Form::Imgix),
        ("token=1", Form::Bunny),
        ("__token__=1", Form::EdgeAuth),
    ];

    fn form(query: &str, headers: &[(&str, &str)], schemes: &[Scheme]) -> Result<Form, Error> {
        let headers: BTreeMap<String, String> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let target = format!("/a/b/c?{query}");
        let request = Request { headers: &headers, ..Request::get(Target::Raw(&target)) };
        let policy = Policy { ignore_params: vec!["s".into()], ..Policy::default() };
        let verifier = Verifier { schemes: SchemeSet::of(schemes), ..Verifier::native(&[], &policy) };
        Form::of(&request, &verifier)
    }

    #[test]
    fn a_scheme_is_told_by_its_mark_where_it_is_switched_on() {
        for &(query, expected) in MARKED {
            assert_eq!(form(query, &[], &[expected.scheme()]), Ok(expected), "{query}");
            let others: Vec<Scheme> =
                Scheme::ALL.iter().copied().filter(|&scheme| scheme == Scheme::Cloudimage).collect();
            let off = form(
                query,
                &[],
                if expected.scheme() == Scheme::Cloudimage { &[Scheme::Native] } else { &others },
            );
            let everyday = matches!(expected, Form::Imgix | Form::Bunny | Form::EdgeAuth);
            let reason = if everyday { Error::MissingSignature } else { Error::SchemeDisabled };
            assert_eq!(off, Err(reason), "{query}");
        }
    }

    #[test]
    fn two_marks_are_refused_and_one_of_a_scheme_that_is_off_is_none() {
        for &(one, first) in MARKED {
            for &(other, second) in MARKED.iter().filter(|(_, form)| *form != first) {
                if one.starts_with("Signature") && other.starts_with("Signature") {
                    continue;
                }
                let both = format!("{one}&{other}");
                let ambiguous = form(&both, &[], &[first.scheme(), second.scheme()]);
                assert_eq!(ambiguous, Err(Error::AmbiguousScheme), "{both}");
                if !second.is_on(SchemeSet::of(&[first.scheme()])) {
                    assert_eq!(form(&both, &[], &[first.scheme()]), Ok(first), "{both}");
                }
            }
        }
        let pairs = "Signature=1&KeyID=k&Key-Pair-Id=k";
        assert_eq!(form(pairs, &[], &[Scheme::Generic, Scheme::CloudFront]), Err(Error::AmbiguousScheme));
    }

    #[test]
    fn headers_and_cookies_are_marks_too_and_a_url_goes_before_a_cookie() {
        let (aws, goog) = (("authorization", "AWS4-HMAC-SHA256 x"), ("authorization", "GOOG4-HMAC-SHA256 x"));
        assert_eq!(form("", &[aws], &[Scheme::S3]), Ok(Form::S3Header));
        assert_eq!(form("", &[aws], &[Scheme::Gcs]), Ok(Form::S3Header));
        assert_eq!(form("", &[goog], &[Scheme::Gcs]), Ok(Form::GcsHeader));
        assert_eq!(form("", &[goog], &[Scheme::S3]), Err(Error::SchemeDisabled));
        assert_eq!(form("sig=1", &[aws], &[Scheme::S3, Scheme::Native]), Err(Error::AmbiguousScheme));

        let cookies = ("cookie", "a=b; imgtoken-x=1; CloudFront-Signature=2");
        assert_eq!(form("", &[cookies], &[Scheme::Native]), Ok(Form::NativeCookie));
        assert_eq!(form("", &[cookies], &[Scheme::CloudFront]), Ok(Form::CloudFrontCookie));
        let both = [Scheme::Native, Scheme::CloudFront];
        assert_eq!(form("", &[cookies], &both), Err(Error::AmbiguousScheme));
        assert_eq!(form("sig=1", &[cookies], &both), Ok(Form::Native));
        assert_eq!(form("", &[("cookie", "imgtokens=1")], &both), Err(Error::MissingSignature));
    }

    #[test]
    fn schemes_in_the_path_stand_alone() {
        for (scheme, expected) in [
            (Scheme::Imgproxy, Form::Imgproxy),
            (Scheme::Thumbor, Form::Thumbor),
            (Scheme::Cloudinary, Form::Cloudinary),
        ] {
            assert_eq!(form("", &[], &[scheme]), Ok(expected));
            assert_eq!(form("sig=1", &[], &[scheme]), Ok(expected));
        }
    }
}
