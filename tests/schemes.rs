//! URLs of other services over HTTP: every scheme opens a private image by a key that its account registered, and nothing
//! else; what report mode finds; mounts with their operations; a number of uses, over processes.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use catalog::{Actor, FetchFilter, Mount, NewVerifyingKey, SchemeChange, SchemeMode, Shown};
use domain::Timestamp;
use futures_util::future::join_all;
use md5::Md5;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use ring::{digest, hmac};
use sha2::Digest as _;
use signing::{KeyMaterial, Scheme};

use crate::harness::{Place, Reply, Setup, TestAccount, TestImage, TestServer};

/// Hex digits, so that it is a key of every scheme.
const SECRET: &str = "74686973206973206e6f7420736563726574";
const SALT: &str = "70657070657221";

/// Every way in which others write a signature that a native route or a mount reads.
const FORMS: [Form; 16] = [
    Form::Generic,
    Form::CloudimageNative,
    Form::CloudFrontUrl,
    Form::CloudFrontCookies,
    Form::Imgix,
    Form::Bunny,
    Form::BunnyDirectory,
    Form::Fastly,
    Form::EdgeAuth,
    Form::EdgeAuthCookie,
    Form::EdgeAuthHeader,
    Form::ImageKit,
    Form::CloudimageSign,
    Form::CloudimageSeal,
    Form::Imgproxy,
    Form::Thumbor,
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Generic,
    CloudimageNative,
    CloudFrontUrl,
    CloudFrontCookies,
    Imgix,
    Bunny,
    BunnyDirectory,
    Fastly,
    EdgeAuth,
    EdgeAuthCookie,
    EdgeAuthHeader,
    ImageKit,
    CloudimageSign,
    CloudimageSeal,
    Imgproxy,
    Thumbor,
}

/// A signed request.
#[derive(Debug, Clone)]
struct Signed {
    target: String,
    headers: Vec<(&'static str, String)>,
}

impl Form {
    fn scheme(self) -> Scheme {
        match self {
            Form::Generic => Scheme::Generic,
            Form::CloudimageNative | Form::CloudimageSign | Form::CloudimageSeal => Scheme::Cloudimage,
            Form::CloudFrontUrl | Form::CloudFrontCookies => Scheme::CloudFront,
            Form::Imgix => Scheme::Imgix,
            Form::Bunny | Form::BunnyDirectory => Scheme::Bunny,
            Form::Fastly => Scheme::Fastly,
            Form::EdgeAuth | Form::EdgeAuthCookie | Form::EdgeAuthHeader => Scheme::EdgeAuth,
            Form::ImageKit => Scheme::ImageKit,
            Form::Imgproxy => Scheme::Imgproxy,
            Form::Thumbor => Scheme::Thumbor,
        }
    }

    fn mount(self) -> Option<Mount> {
        match self {
            Form::CloudimageSign | Form::CloudimageSeal => Some(Mount::Cloudimage),
            Form::Imgproxy => Some(Mount::Imgproxy),
            Form::Thumbor => Some(Mount::Thumbor),
            _ => None,
        }
    }

    /// Whether what it signs ends.
    fn ends(self) -> bool {
        !matches!(self, Form::CloudimageNative | Form::CloudimageSign | Form::CloudimageSeal | Form::Thumbor)
    }

    /// Where it asks for an image: at a variant of ours, or at the image's id below a mount.
    fn path(self, image: &TestImage<'_>) -> String {
        if self.mount().is_some() { format!("/{}", image.id) } else { image.path("public") }
    }

    /// Signs a path as the service's own library does.
    fn sign(self, path: &str, keys: &Keys, end_s: i64) -> Signed {
        let signed = |target: String| Signed { target, headers: Vec::new() };
        let secret = SECRET.as_bytes();
        let raw_key = hex::decode(SECRET).unwrap();
        match self {
            Form::Generic => {
                let text = format!("{path}?Expires={end_s}&KeyID=default");
                let mac = hex::encode(sha256_mac(keys.native.as_bytes(), &text));
                signed(format!("{text}&Signature={mac}"))
            }
            Form::CloudimageNative => {
                signed(format!("{path}?ci_sign={}", &sha1_hex(&format!("{SECRET}{path}"))[..18]))
            }
            Form::CloudimageSign => {
                let sig = &sha1_hex(&format!("{SECRET}{path}?w=40"))[..18];
                signed(format!("/v7{path}?ci_sign={sig}&w=40"))
            }
            Form::CloudimageSeal => {
                let eqs = URL_SAFE_NO_PAD.encode("w=40");
                let sig = &sha1_hex(&format!("{path}{eqs}{SECRET}"))[..18];
                signed(format!("/v7{path}?ci_eqs={eqs}&ci_seal={sig}&q=70"))
            }
            Form::CloudFrontUrl => {
                let policy = canned(&format!("{}{path}", keys.origin), end_s);
                let sig = keys.cloudfront_sign(&policy);
                signed(format!(
                    "{path}?Expires={end_s}&Signature={sig}&Key-Pair-Id=KPAIR&Hash-Algorithm=SHA256"
                ))
            }
            Form::CloudFrontCookies => {
                let folder = path.rsplit_once('/').unwrap().0;
                let policy = custom(&format!("{}{folder}/*", keys.origin), end_s);
                Signed { target: path.into(), headers: vec![("cookie", keys.cloudfront_cookies(&policy))] }
            }
            Form::Imgix => {
                let text = format!("{path}?expires={end_s}");
                let sig = hex::encode(Md5::digest(format!("{SECRET}{text}")));
                signed(format!("{text}&s={sig}"))
            }
            Form::Bunny => {
                let mac = sha256_mac(secret, &format!("{path}{end_s}"));
                signed(format!("{path}?token=HS256-{}&expires={end_s}", URL_SAFE_NO_PAD.encode(mac)))
            }
            Form::BunnyDirectory => {
                let folder = format!("{}/", path.rsplit_once('/').unwrap().0);
                let mac = sha256_mac(secret, &format!("{folder}{end_s}token_path={folder}"));
                let escaped = folder.replace('/', "%2F");
                let token = URL_SAFE_NO_PAD.encode(mac);
                signed(format!("/bcdn_token=HS256-{token}&expires={end_s}&token_path={escaped}{path}"))
            }
            Form::Fastly => {
                let key = STANDARD.decode(SECRET).unwrap();
                let mac = hex::encode(sha1_mac(&key, &format!("{path}{end_s}")));
                signed(format!("{path}?token={end_s}_{mac}"))
            }
            Form::EdgeAuth => {
                let mac = hex::encode(sha256_mac(&raw_key, &format!("exp={end_s}~url={path}")));
                signed(format!("{path}?__token__=exp={end_s}~hmac={mac}"))
            }
            Form::EdgeAuthCookie | Form::EdgeAuthHeader => {
                let folder = path.rsplit_once('/').unwrap().0;
                let text = format!("exp={end_s}~acl={folder}/*");
                let token = format!("{text}~hmac={}", hex::encode(sha256_mac(&raw_key, &text)));
                let header = match self {
                    Form::EdgeAuthCookie => ("cookie", format!("a=b; __token__={token}")),
                    _ => ("__token__", token),
                };
                Signed { target: path.into(), headers: vec![header] }
            }
            Form::ImageKit => {
                let mac = hex::encode(sha1_mac(secret, &format!("{}{end_s}", &path[1..])));
                signed(format!("{path}?ik-t={end_s}&ik-s={mac}"))
            }
            Form::Imgproxy => signed(imgproxy(&format!("/exp:{end_s}/rs:fit:40:40/plain{path}"))),
            Form::Thumbor => signed(thumbor(&format!("40x30{path}"))),
        }
    }
}

/// What the test signs with.
struct Keys {
    native: String,
    cloudfront: EcdsaKeyPair,
    /// Scheme and host of the server, as visitors see them.
    origin: String,
}

impl Keys {
    async fn of(account: &TestAccount<'_>) -> Keys {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let cloudfront = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap();
        Keys { native: account.secret("default").await, cloudfront, origin: account.server.url("") }
    }

    /// The key that an account registers for a scheme; none where its signing keys are used.
    fn material(&self, scheme: Scheme) -> Option<(&'static str, KeyMaterial)> {
        match scheme {
            Scheme::Generic => None,
            Scheme::CloudFront => Some(("KPAIR", KeyMaterial::public_key_pem(&self.public_pem()).unwrap())),
            Scheme::Imgproxy => Some(("", KeyMaterial::key_and_salt_hex(SECRET, SALT).unwrap())),
            _ => Some(("", KeyMaterial::text(SECRET))),
        }
    }

    /// The public key as PEM: what names P-256, and the point (RFC 5480).
    fn public_pem(&self) -> String {
        let kind = hex::decode("3059301306072a8648ce3d020106082a8648ce3d030107034200").unwrap();
        let der = [&kind[..], self.cloudfront.public_key().as_ref()].concat();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der))
    }

    fn cloudfront_sign(&self, policy: &str) -> String {
        let sig = self.cloudfront.sign(&SystemRandom::new(), policy.as_bytes()).unwrap();
        cloudfront_text(sig.as_ref())
    }

    fn cloudfront_cookies(&self, policy: &str) -> String {
        format!(
            "CloudFront-Policy={}; CloudFront-Signature={}; CloudFront-Key-Pair-Id=KPAIR; CloudFront-Hash-Algorithm=SHA256",
            cloudfront_text(policy.as_bytes()),
            self.cloudfront_sign(policy)
        )
    }
}

fn cloudfront_text(bytes: &[u8]) -> String {
    STANDARD.encode(bytes).replace('+', "-").replace('=', "_").replace('/', "~")
}

fn canned(resource: &str, end_s: i64) -> String {
    format!(
        r#"{{"Statement":[{{"Resource":"{resource}","Condition":{{"DateLessThan":{{"AWS:EpochTime":{end_s}}}}}}}]}}"#
    )
}

/// As [`canned`], which is signed as it stands: a custom policy may be written in any way.
fn custom(resource: &str, end_s: i64) -> String {
    canned(resource, end_s).replace(r#","Condition""#, r#", "Condition""#)
}

/// Signs what stands behind the signature, which begins with a slash.
fn imgproxy(rest: &str) -> String {
    let salted = [&hex::decode(SALT).unwrap()[..], rest.as_bytes()].concat();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &hex::decode(SECRET).unwrap());
    format!("/imgproxy/{}{rest}", URL_SAFE_NO_PAD.encode(hmac::sign(&key, &salted)))
}

/// Signs what stands behind the signature and its slash.
fn thumbor(rest: &str) -> String {
    format!("/thumbor/{}/{rest}", URL_SAFE.encode(sha1_mac(SECRET.as_bytes(), rest)))
}

fn sha1_hex(text: &str) -> String {
    hex::encode(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()))
}

fn sha1_mac(key: &[u8], text: &str) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
    hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
}

fn sha256_mac(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

/// An account that registers keys and switches schemes.
trait Schemes {
    async fn switch(&self, scheme: Scheme, mode: SchemeMode);
    async fn register(&self, scheme: Scheme, keys: &Keys);
    async fn give(&self, mount: Mount);
}

impl Schemes for TestAccount<'_> {
    async fn switch(&self, scheme: Scheme, mode: SchemeMode) {
        let change = SchemeChange { mode: Some(mode), settings: Vec::new() };
        let actor = Actor::command();
        let set = self.server.catalog().set_scheme(&self.account.id, scheme, change, &actor);
        set.await.expect("the scheme is set");
    }

    async fn register(&self, scheme: Scheme, keys: &Keys) {
        let Some((id, material)) = keys.material(scheme) else { return };
        let name = format!("{}-key", scheme.name()).parse().expect("a key's name");
        let new = NewVerifyingKey { name, scheme, id: id.into(), material, verify_from: None };
        let actor = Actor::command();
        let added = self.server.catalog().add_verifying_key(&self.account.id, new, &actor);
        added.await.expect("the key is registered");
    }

    async fn give(&self, mount: Mount) {
        let actor = Actor::command();
        let given = self.server.catalog().give_mount(mount, &self.account.id, &actor);
        given.await.expect("the mount is given");
    }
}

async fn ask(server: &TestServer, signed: &Signed) -> Reply {
    let headers: Vec<(&str, &str)> =
        signed.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    server.get_raw_with(&signed.target, &headers).await
}

#[track_caller]
fn check_opens(reply: &Reply, what: &str) {
    assert_eq!((reply.status, reply.header("x-image-auth")), (200, None), "{what}: {reply}");
    assert!(reply.picture().width() > 0, "{what}");
    assert!(reply.header("cache-control").is_some_and(|rule| rule.starts_with("private")), "{what}: {reply}");
}

#[track_caller]
fn check_refused(reply: &Reply, reason: &str, what: &str) {
    assert_eq!(reply.header("x-image-auth"), Some(reason), "{what}: {reply}");
    assert!(matches!(reply.status, 400 | 403), "{what}: {reply}");
    assert_eq!(reply.header("cache-control"), Some("no-store"), "{what}: {reply}");
}

#[tokio::test]
async fn each_scheme_opens_a_private_image_until_its_end_and_no_other_image() {
    for form in FORMS {
        let server = TestServer::start().await;
        let cat = server.account().with_image("cat.jpg").private().await;
        let dog = cat.account.with_image("dog.jpg").private().await;
        let keys = Keys::of(&cat.account).await;
        let now_s = server.clock.now().as_seconds();
        server.clock.stop_at(Timestamp::from_seconds(now_s));
        cat.account.register(form.scheme(), &keys).await;
        if let Some(mount) = form.mount() {
            cat.account.give(mount).await;
        }
        let what = format!("{form:?}");
        let signed = form.sign(&form.path(&cat), &keys, now_s + 60);

        let off = ask(&server, &signed).await;
        assert_eq!(off.status, 403, "{what} before it is switched on: {off}");
        cat.account.switch(form.scheme(), SchemeMode::Enforce).await;
        check_opens(&ask(&server, &signed).await, &what);
        check_opens(&ask(&server, &signed).await, &format!("{what} from memory"));

        let other = Signed { target: signed.target.replace(&cat.id, &dog.id), ..signed.clone() };
        let reply = ask(&server, &other).await;
        assert!(matches!(reply.status, 400 | 403), "{what} of another image: {reply}");
        let unsigned = Signed { target: form.path(&cat), headers: Vec::new() };
        if form.mount().is_none() {
            check_refused(&ask(&server, &unsigned).await, "missing_signature", &what);
        }
        if form.ends() {
            server.clock.stop_at(Timestamp::from_seconds(now_s + 60));
            check_refused(&ask(&server, &signed).await, "expired", &what);
        }
    }
}

#[tokio::test]
async fn a_key_opens_nothing_of_another_account_whatever_its_policy_says() {
    let server = TestServer::start().await;
    let cat = server.account().with_image("cat.jpg").private().await;
    let other = server.account_named("other").await;
    let theirs = other.with_image("theirs.jpg").private().await;
    let keys = Keys::of(&cat.account).await;
    for account in [&cat.account, &other] {
        for scheme in [Scheme::CloudFront, Scheme::EdgeAuth] {
            account.switch(scheme, SchemeMode::Enforce).await;
        }
    }
    cat.account.register(Scheme::CloudFront, &keys).await;
    cat.account.register(Scheme::EdgeAuth, &keys).await;
    let end_s = server.clock.now().as_seconds() + 60;
    let cookies = keys.cloudfront_cookies(&custom("*", end_s));
    let text = format!("exp={end_s}~acl=/*");
    let token = hex::encode(sha256_mac(&hex::decode(SECRET).unwrap(), &text));
    let shown = [("cookie", cookies), ("cookie", format!("__token__={text}~hmac={token}"))];
    for header in shown {
        let at =
            |image: &TestImage<'_>| Signed { target: image.path("public"), headers: vec![header.clone()] };
        check_opens(&ask(&server, &at(&cat)).await, &header.1);
        let refused = ask(&server, &at(&theirs)).await;
        assert_eq!(refused.status, 403, "{refused}");
    }
}

#[tokio::test]
async fn two_schemes_in_one_url_are_refused_and_one_that_is_off_is_no_scheme() {
    let server = TestServer::start().await;
    let cat = server.account().with_image("cat.jpg").private().await;
    let keys = Keys::of(&cat.account).await;
    cat.account.register(Scheme::Imgix, &keys).await;
    cat.account.switch(Scheme::Imgix, SchemeMode::Enforce).await;
    let end_s = server.clock.now().as_seconds() + 60;
    let imgix = Form::Imgix.sign(&cat.path("public"), &keys, end_s);
    let both = Signed { target: format!("{}&ik-s=0", imgix.target), ..imgix };
    check_refused(&ask(&server, &both).await, "bad_signature", "one scheme is on");
    cat.account.switch(Scheme::ImageKit, SchemeMode::Enforce).await;
    check_refused(&ask(&server, &both).await, "ambiguous_scheme", "both are on");
    assert_eq!(ask(&server, &both).await.status, 400);
    let cloudfront = Form::CloudFrontUrl.sign(&cat.path("public"), &keys, end_s);
    check_refused(&ask(&server, &cloudfront).await, "scheme_disabled", "another is off");
    check_opens(&server.get(&cat.signed("public").await).await, "the native one");
}

#[tokio::test]
async fn what_is_reported_neither_opens_nor_closes_anything() {
    let server = TestServer::start().await;
    let cat = server.account().with_image("cat.jpg").private().await;
    let open = cat.account.with_image("open.jpg").await;
    let keys = Keys::of(&cat.account).await;
    cat.account.register(Scheme::ImageKit, &keys).await;
    cat.account.switch(Scheme::ImageKit, SchemeMode::Report).await;
    let end_s = server.clock.now().as_seconds() + 60;
    let right = Form::ImageKit.sign(&cat.path("public"), &keys, end_s);
    let wrong = Signed { target: right.target.replace("ik-t=1", "ik-t=2"), ..right.clone() };
    let public = Form::ImageKit.sign(&open.path("public"), &keys, end_s);
    for signed in [&right, &right, &wrong] {
        check_refused(&ask(&server, signed).await, "scheme_disabled", "reported only");
    }
    ask(&server, &public).await.expect(200);
    check_opens(&server.get(&cat.signed("public").await).await, "the native one");

    let account = &cat.account.account.id;
    let found = server.catalog().scheme_report(account, Scheme::ImageKit, 1).await.unwrap();
    let counts: Vec<(&str, u64)> =
        found.iter().map(|found| (found.verdict.as_str(), found.requests)).collect();
    assert!(counts.contains(&("ok", 2)) && counts.contains(&("bad_signature", 1)), "{counts:?}");
    assert_eq!(counts.len(), 2, "nothing is counted where no signature was needed: {counts:?}");
}

#[tokio::test]
async fn a_key_that_is_revoked_opens_nothing_from_the_next_request_on() {
    let server = TestServer::start().await;
    let cat = server.account().with_image("cat.jpg").private().await;
    let keys = Keys::of(&cat.account).await;
    cat.account.register(Scheme::CloudFront, &keys).await;
    cat.account.switch(Scheme::CloudFront, SchemeMode::Enforce).await;
    let signed = Form::CloudFrontUrl.sign(&cat.path("public"), &keys, server.clock.now().as_seconds() + 60);
    check_opens(&ask(&server, &signed).await, "before");
    let name = "cloudfront-key".parse().unwrap();
    let account = &cat.account.account.id;
    server.catalog().revoke_verifying_key(account, &name, &Actor::command()).await.unwrap();
    check_refused(&ask(&server, &signed).await, "key_revoked", "after");
}

#[tokio::test]
async fn cookies_of_cloudfront_open_a_folder_also_where_existence_is_hidden() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let cat = account.with_image("cat.jpg").with_id("albums/2026/cat.jpg").private().await;
    let dog = account.with_image("dog.jpg").with_id("albums/2025/dog.jpg").private().await;
    let keys = Keys::of(&account).await;
    account.register(Scheme::CloudFront, &keys).await;
    account.switch(Scheme::CloudFront, SchemeMode::Enforce).await;
    let end_s = server.clock.now().as_seconds() + 60;
    let folder = format!("{}/{}/albums/2026/*", keys.origin, account.account.hash);
    let cookies = keys.cloudfront_cookies(&custom(&folder, end_s));
    let at = |path: String| Signed { target: path, headers: vec![("cookie", cookies.clone())] };
    check_opens(&ask(&server, &at(cat.path("public"))).await, "a variant");
    check_opens(&ask(&server, &at(cat.path("w=50"))).await, "options");
    check_opens(
        &ask(&server, &at(format!("{}?w=9999&utm=1", cat.path("w=50")))).await,
        "a query without effect",
    );
    check_refused(
        &ask(&server, &at(cat.path("w=50,metadata=keep"))).await,
        "variant_not_allowed",
        "metadata",
    );
    check_refused(&ask(&server, &at(dog.path("public"))).await, "path_not_allowed", "another folder");
    assert_eq!(ask(&server, &at(cat.path("public").replace("cat", "none"))).await.status, 404);
}

/// A server behind a proxy, which says what visitors see.
#[tokio::test]
async fn a_policy_names_host_and_scheme_as_visitors_see_them() {
    let server = TestServer::start_with(|config| {
        config.trusted_proxies = vec!["127.0.0.1".parse().expect("a network")];
    })
    .await;
    let cat = server.account().with_image("cat.jpg").private().await;
    let keys = Keys { origin: "https://img.example.org".into(), ..Keys::of(&cat.account).await };
    cat.account.register(Scheme::CloudFront, &keys).await;
    cat.account.switch(Scheme::CloudFront, SchemeMode::Enforce).await;
    let signed = Form::CloudFrontUrl.sign(&cat.path("public"), &keys, server.clock.now().as_seconds() + 60);
    let told = [("x-forwarded-host", "img.example.org"), ("x-forwarded-proto", "https")];
    check_opens(&server.get_raw_with(&signed.target, &told).await, "as the proxy says");
    let http = [told[0], ("x-forwarded-proto", "http")];
    check_refused(&server.get_raw_with(&signed.target, &http).await, "bad_signature", "by http");
    check_refused(&ask(&server, &signed).await, "bad_signature", "at the server's own host");
}

#[tokio::test]
async fn operations_below_a_mount_become_options_of_ours() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let cat = account.with_image("cat.jpg").with_id("cats/cat 1.jpg").private().await;
    let keys = Keys::of(&account).await;
    for mount in Mount::ALL {
        account.give(mount).await;
        account.register(mount.scheme(), &keys).await;
        account.switch(mount.scheme(), SchemeMode::Enforce).await;
    }
    let path = "/cats/cat%201.jpg";
    let cloudimage = |query: &str| {
        let sig = &sha1_hex(&format!("{SECRET}{path}?{query}"))[..18];
        format!("/v7{path}?{query}&ci_sign={sig}")
    };
    let size = async |target: String| {
        let reply = server.get_raw(&target).await;
        check_opens(&reply, &target);
        (reply.picture().width(), reply.picture().height(), reply.header("content-type").map(str::to_owned))
    };
    let of = |width, height, kind: &str| (width, height, Some(kind.to_owned()));
    assert_eq!(size(cloudimage("w=40&h=20&func=crop")).await, of(40, 20, "image/jpeg"));
    assert_eq!(size(cloudimage("w=30&h=30&force_format=png")).await, of(30, 30, "image/png"));
    assert_eq!(size(imgproxy("/rs:fill:40:20/plain/cats/cat%201.jpg@png")).await, of(40, 20, "image/png"));
    let encoded = URL_SAFE_NO_PAD.encode("cats/cat 1.jpg");
    assert_eq!(size(imgproxy(&format!("/rs:fill:20:40/{encoded}.jpg"))).await, of(20, 40, "image/jpeg"));
    assert_eq!(size(thumbor("40x20/cats/cat%201.jpg")).await, of(40, 20, "image/jpeg"));
    assert_eq!(size(thumbor("20x40/filters:format(webp)/cats/cat%201.jpg")).await, of(20, 40, "image/webp"));

    let eqs = URL_SAFE_NO_PAD.encode("w=40&h=20");
    let seal = &sha1_hex(&format!("{path}{eqs}{SECRET}"))[..18];
    let sealed = format!("/v7{path}?w=90&ci_eqs={eqs}&ci_seal={seal}&h=90");
    assert_eq!(size(sealed).await, of(40, 20, "image/jpeg"), "what is sealed wins");
    let free = format!("/v7{path}?ci_eqs={eqs}&ci_seal={seal}&force_format=png");
    assert_eq!(size(free).await, of(40, 20, "image/png"), "what is not sealed is free");
    drop(cat);
}

#[tokio::test]
async fn below_a_mount_unknown_words_and_what_lies_elsewhere_are_refused_by_name() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let cat = account.with_image("cat.jpg").with_id("cat.jpg").private().await;
    let keys = Keys::of(&account).await;
    for mount in Mount::ALL {
        account.give(mount).await;
        account.register(mount.scheme(), &keys).await;
        account.switch(mount.scheme(), SchemeMode::Enforce).await;
    }
    let coarse = &sha1_hex(&format!("{SECRET}/cat.jpg?pixelate=1"))[..18];
    let far = &sha1_hex(&format!("{SECRET}/https://origin.example.net/a.jpg"))[..18];
    for (target, word) in [
        (format!("/v7/cat.jpg?pixelate=1&ci_sign={coarse}"), "pixelate"),
        (format!("/v7/https://origin.example.net/a.jpg?ci_sign={far}"), "origin.example.net"),
        (imgproxy("/pixelate:3/plain/cat.jpg"), "pixelate:3"),
        (imgproxy("/w:1/plain/https://origin.example.net/a.jpg"), "origin.example.net"),
        (thumbor("1x1/filters:noise(7)/cat.jpg"), "noise"),
        (thumbor("1x1/https://origin.example.net/a.jpg"), "origin.example.net"),
    ] {
        let reply = server.get_raw(&target).await;
        assert_eq!((reply.status, reply.header("cf-images")), (400, Some("err=9401")), "{reply}");
        assert!(reply.text().contains(word), "{word}: {reply}");
    }
    check_refused(
        &server.get_raw("/imgproxy/AAAA/pixelate:3/plain/cat.jpg").await,
        "bad_signature",
        "by a stranger",
    );
    check_refused(&server.get_raw("/thumbor/unsafe/1x1/cat.jpg").await, "missing_signature", "unsafe");
    cat.set_private(false).await;
    account.set("flexible_variants", "all").await;
    server.get_raw("/thumbor/unsafe/10x10/cat.jpg").await.expect(200);
    server.get_raw("/imgproxy/insecure/w:10/plain/cat.jpg").await.expect(200);
    server.get_raw("/v7/cat.jpg?w=10").await.expect(200);
    account.set("flexible_variants", "off").await;
    for target in
        ["/thumbor/unsafe/10x10/cat.jpg", "/imgproxy/insecure/w:10/plain/cat.jpg", "/v7/cat.jpg?w=10"]
    {
        assert_eq!(
            server.get_raw(target).await.expect(403).header("cf-images"),
            Some("err=9429"),
            "{target}"
        );
    }
}

#[tokio::test]
async fn a_mount_that_is_given_to_nobody_is_no_address() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let cat = account.with_image("cat.jpg").await;
    account.set("flexible_variants", "all").await;
    let nothing = server.get("/nowhere/at/all").await.expect(404);
    for mount in Mount::ALL {
        let path = match mount {
            Mount::Cloudimage => format!("/v7/{}?w=10", cat.id),
            Mount::Imgproxy => format!("/imgproxy/x/w:10/plain/{}", cat.id),
            Mount::Thumbor => format!("/thumbor/unsafe/10x10/{}", cat.id),
        };
        // The first answer is asked of the database, the second of memory.
        for _ in 0..2 {
            let reply = server.get(&path).await.expect(404);
            assert_eq!(reply.body, nothing.body, "{path}");
            for name in
                ["content-type", "cache-control", "x-image-auth", "cf-images", "content-security-policy"]
            {
                assert_eq!(reply.header(name), nothing.header(name), "{name} of {path}");
            }
        }
        account.give(mount).await;
        assert_eq!(server.get(&path).await.expect(200).picture().width(), 10);
        assert_eq!(server.head(&path).await.status, 200);
        server.catalog().take_mount(mount, &Actor::command()).await.unwrap();
        server.get(&path).await.expect(404);
    }
}

#[tokio::test]
async fn below_a_mount_answers_are_as_everywhere() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let cat = account.with_image("cat.jpg").await;
    account.set("flexible_variants", "all").await;
    account.give(Mount::Thumbor).await;
    let path = format!("/thumbor/unsafe/40x30/{}", cat.id);
    let reply = server.get_with(&path, &[("accept", "image/webp")]).await.expect(200);
    assert_eq!((reply.header("content-type"), reply.header("vary")), (Some("image/webp"), Some("Accept")));
    assert!(reply.header("cache-control").is_some_and(|rule| rule.starts_with("public")), "{reply}");
    let tag = reply.header("etag").expect("an ETag").to_owned();
    let known = [("accept", "image/webp"), ("if-none-match", tag.as_str())];
    server.get_with(&path, &known).await.expect(304);
    let ours = server.get_with(&cat.path("w=40,h=30,fit=cover"), &[("accept", "image/webp")]).await;
    assert_eq!(ours.header("etag"), Some(tag.as_str()), "one rendition, whatever words asked for it");
    let long = format!("/thumbor/unsafe/{}/{}", "x".repeat(5_000), cat.id);
    assert_eq!(server.get_raw(&long).await.expect(414).header("x-image-auth"), Some("target_too_long"));
    assert_eq!(server.ask("PUT", &path, &[]).await.expect(405).header("allow"), Some("GET, HEAD"));
}

#[tokio::test]
async fn a_number_of_uses_is_served_by_two_processes_so_often_and_not_once_more() {
    let place = Arc::new(Place::on(Setup::PostgresS3).await);
    let first = TestServer::start_on(&place, |_| {}).await;
    let second = first.start_beside(|_| {}).await;
    let cat = first.account().with_image("cat.jpg").private().await;
    first.get(&cat.signed("public").await).await.expect(200);
    for (round, uses) in [1_usize, 3].into_iter().enumerate() {
        let path = format!("{}?s-jti=token-{round:04}&s-uses={uses}", cat.path("public"));
        let signed = cat.account.sign(&path).await;
        let asked: Vec<&TestServer> = [&first, &second].repeat(10);
        let answers = join_all(asked.iter().map(|server| server.get(&signed))).await;
        let served: Vec<&Reply> = answers.iter().filter(|answer| answer.status == 200).collect();
        assert_eq!(served.len(), uses);
        assert!(served.iter().all(|answer| answer.header("cache-control") == Some("no-store")));
        for refused in answers.iter().filter(|answer| answer.status != 200) {
            check_refused(refused, "already_used", "one too many");
        }
    }
}

#[tokio::test]
async fn only_a_get_that_is_answered_costs_a_use() {
    let server = TestServer::start().await;
    let cat = server.account().with_image("cat.jpg").private().await;
    let tag = server.get(&cat.signed("public").await).await.expect(200).header("etag").unwrap().to_owned();
    let path = format!("{}?s-jti=token-0001&s-uses=2", cat.path("public"));
    let signed = cat.account.sign(&path).await;
    for _ in 0..3 {
        let head = server.head(&signed).await.expect(200);
        assert_eq!(head.header("cache-control"), Some("no-store"));
        server.get(&format!("{signed}0")).await.expect(400);
    }
    server.get_with(&signed, &[("if-none-match", &tag)]).await.expect(304);
    server.get(&signed).await.expect(200);
    check_refused(&server.get(&signed).await, "already_used", "used up");
    let known = server.get_with(&signed, &[("if-none-match", &tag)]).await;
    check_refused(&known, "already_used", "used up, and asked whether it changed");
}

#[tokio::test]
async fn what_was_fetched_by_which_signature_is_written_down() {
    let server = TestServer::start().await;
    let cat = server.account().with_image("cat.jpg").private().await;
    let path = format!("{}?s-sub=user-4711&s-jti=token-0001", cat.path("public"));
    let signed = cat.account.sign(&path).await;
    server.get(&signed).await.expect(200);
    server.get(&signed).await.expect(200);
    server.get(&cat.path("public")).await.expect(403);
    server
        .get(&cat.path("nosuch").replace(&cat.id, "3bc4a77e-3ce5-4134-8747-cf4fc6258287"))
        .await
        .expect(404);
    let account = &cat.account.account.id;
    let filter = FetchFilter { limit: 100, ..FetchFilter::default() };
    let page = server.catalog().fetches_page(account, &filter).await.unwrap();
    let rows: Vec<(String, u64, Option<String>)> = page
        .items
        .iter()
        .map(|entry| (entry.verdict.clone(), entry.requests, entry.subject.clone()))
        .collect();
    assert!(rows.contains(&("ok".into(), 2, Some("user-4711".into()))), "{rows:?}");
    assert!(rows.contains(&("missing_signature".into(), 1, None)), "{rows:?}");
}

#[tokio::test]
async fn a_refusal_after_a_right_signature_is_written_down_with_its_names_and_no_other_is() {
    let server = TestServer::start().await;
    let cat = server.account().with_image("cat.jpg").private().await;
    let claims = |variant: &str, subject: &str| format!("{}?s-sub={subject}", cat.path(variant));
    let nobody = cat.path("public").replace(&cat.id, "3bc4a77e-3ce5-4134-8747-cf4fc6258287");
    for hides in ["off", "on"] {
        cat.account.set("hide_existence", hides).await;
        let signed = async |variant: &str| cat.account.sign(&claims(variant, hides)).await;
        server.get(&signed("nosuch").await).await.expect(403);
        let bound = cat.account.sign(&format!("{}&s-ip=203.0.113.9", claims("public", hides))).await;
        check_refused(&server.get(&bound).await, "ip_mismatch", hides);
        let ended = cat.account.sign_until(&claims("public", hides), 1_000_000_000).await;
        check_refused(&server.get(&ended).await, "expired", hides);
        let forged = format!("{}&exp=4000000000&sig={}", claims("public", "stranger"), "0".repeat(64));
        check_refused(&server.get(&forged).await, "bad_signature", hides);
    }
    server.get(&cat.account.sign(&format!("{nobody}?s-sub=on")).await).await.expect(404);
    let filter = FetchFilter { limit: 100, ..FetchFilter::default() };
    let page = server.catalog().fetches_page(&cat.account.account.id, &filter).await.unwrap();
    let of = |subject: Option<&str>| {
        let rows = page.items.iter().filter(|entry| entry.subject.as_deref() == subject);
        let mut rows: Vec<_> =
            rows.map(|entry| (entry.verdict.as_str(), entry.key.is_some(), entry.requests)).collect();
        rows.sort_unstable();
        rows
    };
    let proved = [("expired", true, 1), ("ip_mismatch", true, 1), ("variant_missing", true, 1)];
    assert_eq!(of(Some("off")), proved);
    let hidden = [("expired", true, 1), ("image_missing", true, 1), ("ip_mismatch", true, 1)];
    assert_eq!(of(Some("on")), [hidden.as_slice(), &proved[2..]].concat());
    assert_eq!(of(None).iter().map(|row| row.2).sum::<u64>(), 2, "{:?}", of(None));
    assert_eq!(of(Some("stranger")), [], "what nobody has proved is nobody's name");
}

#[tokio::test]
async fn an_account_may_have_refusals_say_nothing_and_pages_of_others_kept_out() {
    let server = TestServer::start().await;
    let cat = server.account().with_image("cat.jpg").private().await;
    cat.account.set("collapse_refusals", "true").await;
    cat.account.set("corp", "same-site").await;
    let signed = cat.signed("public").await;
    let reply = server.get(&signed).await.expect(200);
    assert_eq!(reply.header("cross-origin-resource-policy"), Some("same-site"));
    let mut bodies = Vec::new();
    for url in [
        cat.path("public"),
        signed.replace("exp=1", "exp=2"),
        format!("{}?s-kid=x&exp=1&sig={}", cat.path("public"), "0".repeat(64)),
    ] {
        let refused = server.get(&url).await.expect(403);
        assert_eq!(refused.header("x-image-auth"), Some("forbidden"), "{url}: {refused}");
        bodies.push(refused.body);
    }
    assert!(bodies.iter().all(|body| *body == bodies[0]));
    let json = server.get_with(&cat.path("public"), &[("accept", "application/json")]).await.expect(403);
    assert_eq!(json.json()["error"]["code"], "forbidden");
}

#[tokio::test]
async fn a_url_is_explained_by_what_would_answer_it() {
    let server = TestServer::start().await;
    let cat = server.account().with_image("cat.jpg").private().await;
    let keys = Keys::of(&cat.account).await;
    cat.account.give(Mount::Thumbor).await;
    let (now, end_s) = (server.clock.now(), server.clock.now().as_seconds() + 60);
    for form in [Form::CloudFrontUrl, Form::CloudFrontCookies, Form::Thumbor, Form::BunnyDirectory] {
        cat.account.switch(form.scheme(), SchemeMode::Enforce).await;
        let registered = server.catalog().verifying_keys(&cat.account.account.id).await.unwrap();
        if !registered.iter().any(|key| key.scheme == form.scheme()) {
            cat.account.register(form.scheme(), &keys).await;
        }
        let signed = form.sign(&form.path(&cat), &keys, end_s);
        check_opens(&ask(&server, &signed).await, &format!("{form:?}"));
        let headers = signed.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        let shown = Shown { headers: headers.collect(), ..Shown::default() };
        let url = server.url(&signed.target);
        let explained = server.catalog().explain(&url, &shown, now).await.unwrap();
        let explanation = explained.explanation.expect("it is judged");
        assert_eq!(explanation.scheme, form.scheme());
        assert!(explanation.verdict.is_ok() && explained.is_here, "{form:?}");
        assert_eq!(explained.account, Some(cat.account.account.id), "{form:?}");
        assert_eq!(explained.image.as_deref(), Some(cat.id.as_str()), "{form:?}");
        assert!(matches!(explained.outcome, Ok(Some(_))), "{form:?}");
    }
    let nothing = server.catalog().explain("/v7/cat?w=1", &Shown::default(), now).await.unwrap();
    assert!(nothing.account.is_none() && nothing.outcome.is_err());
}
