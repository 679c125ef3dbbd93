//! The requests of `schemes.json`, one of each form of each scheme, each with who verifies it: for tests, benches and fuzz
//! targets, which change them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use domain::{Secret, SigningKeyId, Timestamp};
use serde_json::Value;
use signing::{
    Error, Explanation, KeyMaterial, KeyState, Payload, Policy, PostForm, Request, Scheme, SchemeSet,
    SchemeSettings, SigningKey, Target, Verified, Verifier, VerifyingKey, explain_form, explain_request,
    verify_form, verify_request,
};

/// A request that is accepted, and who verifies it.
pub(crate) struct Signed {
    /// Its name in the file.
    pub(crate) id: String,
    pub(crate) scheme: Scheme,
    pub(crate) asked: Asked,
    pub(crate) keys: Vec<SigningKey>,
    pub(crate) foreign_keys: Vec<VerifyingKey>,
    pub(crate) settings: SchemeSettings,
    pub(crate) policy: Policy,
    /// When it is shown.
    pub(crate) now: Timestamp,
}

/// What is asked for: a target, or a form.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) host: String,
    pub(crate) target: String,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) client_ip: Option<IpAddr>,
    pub(crate) country: Option<String>,
    /// The fields, where it is a form.
    pub(crate) fields: Option<Vec<(String, String)>>,
    pub(crate) file_name: Option<String>,
    pub(crate) file_bytes: u64,
}

impl Signed {
    /// Every request of the file.
    pub(crate) fn all() -> Vec<Signed> {
        let file: Value = serde_json::from_str(include_str!("schemes.json")).expect("schemes.json is JSON");
        let now = Timestamp::from_seconds(file["now"].as_i64().expect("a time"));
        let cases = file["cases"].as_array().expect("cases");
        cases.iter().map(|case| Signed::read(case, now)).collect()
    }

    fn read(case: &Value, now: Timestamp) -> Signed {
        let scheme = Scheme::from_name(text(&case["scheme"])).expect("a scheme");
        let signing = list(&case["signing_keys"]).map(|key| {
            let name: SigningKeyId = text(&key["name"]).parse().expect("a name");
            SigningKey::new(name, Secret::new(text(&key["secret"])), KeyState::Active)
        });
        let mut settings = SchemeSettings::default();
        for (name, value) in case["settings"].as_object().into_iter().flatten() {
            settings.set(scheme, name, text(value)).expect("a setting");
        }
        settings.s3.bucket = case["bucket"].as_str().map(str::to_owned);
        settings.gcs.bucket.clone_from(&settings.s3.bucket);
        Signed {
            id: text(&case["id"]).to_owned(),
            scheme,
            asked: Asked::read(case),
            keys: signing.collect(),
            foreign_keys: list(&case["keys"]).map(|key| verifying_key(scheme, key)).collect(),
            settings,
            policy: Policy::default(),
            now,
        }
    }

    /// Who verifies it, with its own scheme switched on.
    pub(crate) fn verifier(&self) -> Verifier<'_> {
        Verifier {
            schemes: SchemeSet::of(&[self.scheme]),
            keys: &self.keys,
            foreign_keys: &self.foreign_keys,
            settings: &self.settings,
            policy: &self.policy,
            counts_uses: true,
        }
    }

    /// The verdict on what is asked, having made sure that the explanation says the same.
    pub(crate) fn verdict(&self, asked: &Asked) -> Result<Verified, Error> {
        self.verdict_by(asked, &self.verifier(), self.now)
    }

    pub(crate) fn verdict_by(
        &self,
        asked: &Asked,
        verifier: &Verifier<'_>,
        now: Timestamp,
    ) -> Result<Verified, Error> {
        let verdict = match asked.form() {
            Some(form) => verify_form(&form, verifier, now),
            None => verify_request(&asked.request(), verifier, now),
        };
        let explanation = asked.explained(verifier, now);
        assert_eq!(explanation.verdict, verdict, "{}: {asked:?}", self.id);
        assert_eq!(explanation.advice.is_none(), verdict.is_ok(), "{}: {asked:?}", self.id);
        verdict
    }
}

impl Asked {
    fn read(case: &Value) -> Asked {
        let request = &case["request"];
        let own = |value: &Value| value.as_str().map(str::to_owned);
        let headers = request["headers"].as_object().into_iter().flatten();
        let fields = case["form"].as_array().map(|fields| {
            fields.iter().map(|field| (text(&field[0]).to_owned(), text(&field[1]).to_owned())).collect()
        });
        Asked {
            method: own(&request["method"]).unwrap_or_default(),
            host: own(&request["host"]).unwrap_or_default(),
            target: own(&request["target"]).unwrap_or_default(),
            headers: headers.map(|(name, value)| (name.clone(), text(value).to_owned())).collect(),
            client_ip: request["client_ip"].as_str().map(|address| address.parse().expect("an address")),
            country: own(&request["country"]),
            fields,
            file_name: own(&case["file_name"]),
            file_bytes: case["file_bytes"].as_u64().unwrap_or_default(),
        }
    }

    /// The same with another target.
    pub(crate) fn at(&self, target: impl Into<String>) -> Asked {
        Asked { target: target.into(), ..self.clone() }
    }

    pub(crate) fn request(&self) -> Request<'_> {
        Request {
            method: &self.method,
            host: &self.host,
            headers: &self.headers,
            client_ip: self.client_ip,
            country: self.country.as_deref(),
            payload: Payload::EMPTY,
            ..Request::get(Target::Raw(&self.target))
        }
    }

    pub(crate) fn form(&self) -> Option<PostForm<'_>> {
        let fields = self.fields.as_deref()?;
        Some(PostForm { fields, file_name: self.file_name.as_deref(), file_bytes: self.file_bytes })
    }

    pub(crate) fn explained(&self, verifier: &Verifier<'_>, now: Timestamp) -> Explanation {
        match self.form() {
            Some(form) => explain_form(&form, verifier, now),
            None => explain_request(&self.request(), verifier, now),
        }
    }
}

fn verifying_key(scheme: Scheme, key: &Value) -> VerifyingKey {
    let field = |name: &str| key[name].as_str();
    let material = match (field("secret"), field("session_token"), field("public_key_pem")) {
        (Some(secret), Some(token), _) => KeyMaterial::with_session(secret, token),
        (Some(secret), None, _) => KeyMaterial::text(secret),
        (None, _, Some(pem)) => KeyMaterial::public_key_pem(pem).expect("a public key"),
        _ => KeyMaterial::key_and_salt_hex(text(&key["key_hex"]), text(&key["salt_hex"])).expect("hex"),
    };
    material.check(scheme).expect("a key of the scheme");
    let id = field("id").unwrap_or_default();
    VerifyingKey::new(scheme, SigningKeyId::default_key(), id, KeyState::Active, material)
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("a text is due where {value} stands"))
}
