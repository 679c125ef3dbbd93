//! Originals in storage's form: `/storage/{account}/{image id}` as a client of S3 sees it. What the official clients sign is
//! in `clients/storage.rs`.

mod signer;

use std::sync::Arc;

use catalog::{Actor, AuditFilter, FetchFilter, NewVerifyingKey, SchemeChange, SchemeMode, Shown};
use reqwest::multipart::{Form, Part};
use signing::{KeyMaterial, Scheme};

use self::signer::{ID, SECRET, ToSign, digest, form};
use crate::harness::{Place, Reply, Setup, TestAccount, TestServer, drawn};

/// A server whose account takes requests that are signed as for S3.
async fn house() -> TestServer {
    let server = TestServer::start().await;
    let account = server.account().await;
    register(&account, "door", ID, SECRET).await;
    set_mode(&account, SchemeMode::Enforce).await;
    server
}

async fn register(account: &TestAccount<'_>, name: &str, id: &str, secret: &str) {
    let key = NewVerifyingKey {
        name: name.parse().unwrap(),
        scheme: Scheme::S3,
        id: id.into(),
        material: KeyMaterial::text(secret),
        verify_from: None,
    };
    account.server.catalog().add_verifying_key(&account.account.id, key, &Actor::command()).await.unwrap();
}

async fn set_mode(account: &TestAccount<'_>, mode: SchemeMode) {
    let change = SchemeChange { mode: Some(mode), ..SchemeChange::default() };
    let catalog = account.server.catalog();
    catalog.set_scheme(&account.account.id, Scheme::S3, change, &Actor::command()).await.unwrap();
}

/// A request that is signed for this server.
struct Request<'s> {
    server: &'s TestServer,
    host: String,
    method: &'s str,
    path: String,
    pairs: Vec<(&'s str, &'s str)>,
    headers: Vec<(&'s str, &'s str)>,
}

impl<'s> Request<'s> {
    fn new(server: &'s TestServer, method: &'s str, path: &str) -> Self {
        let (host, path) = (server.address().to_string(), format!("/storage/default/{path}"));
        Request { server, host, method, path, pairs: Vec::new(), headers: Vec::new() }
    }

    fn to_sign(&self) -> ToSign<'_> {
        let Request { server, host, method, path, pairs, headers } = self;
        let (pairs, headers, now) = (pairs.clone(), headers.clone(), server.clock.now());
        ToSign { method, host, path, pairs, headers, now }
    }

    /// As a presigned URL that lives for ten minutes.
    async fn presigned(&self) -> Reply {
        self.server.ask(self.method, &self.to_sign().presigned(600), &self.headers).await
    }

    /// With signed headers and a body; the payload hash is that of the body where none is given.
    async fn sent(&self, payload: Option<&str>, body: Vec<u8>) -> Reply {
        self.sent_with(payload, body, &[]).await
    }

    /// The same with further headers that nobody signs.
    async fn sent_with(&self, payload: Option<&str>, body: Vec<u8>, more: &[(&str, &str)]) -> Reply {
        let payload = payload.map_or_else(|| digest(&body), str::to_owned);
        let query =
            self.pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
        let target = if query.is_empty() { self.path.clone() } else { format!("{}?{query}", self.path) };
        let mut request = self.server.request(self.method, &target).body(body);
        for (name, value) in self.to_sign().with_headers(&payload) {
            request = request.header(name, value);
        }
        for (name, value) in more {
            request = request.header(*name, *value);
        }
        Reply::of(request.send().await.expect("the server answers")).await
    }
}

/// That a refusal has S3's code, and for a signature its reason.
#[track_caller]
fn check_refusal(reply: &Reply, status: u16, code: &str, reason: Option<&str>) {
    assert_eq!(reply.status, status, "{reply}");
    assert!(reply.text().contains(&format!("<Code>{code}</Code>")), "{code}: {reply}");
    assert_eq!(reply.header("x-image-auth"), reason, "{reply}");
    assert_eq!(reply.header("content-type"), Some("application/xml"), "{reply}");
    assert_eq!(reply.header("cache-control"), Some("no-store"), "{reply}");
    assert_eq!(reply.header("x-amz-request-id"), reply.header("x-request-id"), "{reply}");
    assert!(!reply.text().contains("Signature="), "{reply}");
}

#[tokio::test]
async fn an_original_is_read_whole_in_part_or_not_again() {
    let server = house().await;
    let cat = server.account().with_image("cat.jpg").with_id("albums/cat 1.jpg").private().await;
    // What is left of a signature is told in seconds: none must pass between signing and the answer.
    server.clock.stop_at(server.clock.now());
    let get = |headers| Request { headers, ..Request::new(&server, "GET", "albums/cat%201.jpg") };
    let whole = get(vec![]).presigned().await.expect(200);
    assert_eq!(whole.body, cat.bytes);
    let tag = format!("\"{}\"", digest(&cat.bytes));
    for (name, value) in [
        ("content-type", "image/jpeg"),
        ("content-disposition", "attachment; filename*=UTF-8''cat.jpg"),
        ("etag", &tag),
        ("accept-ranges", "bytes"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "private, max-age=600"),
        ("access-control-allow-origin", "*"),
    ] {
        assert_eq!(whole.header(name), Some(value), "{name}: {whole}");
    }
    assert!(
        whole.header("content-security-policy").is_some_and(|policy| policy.contains("sandbox")),
        "{whole}"
    );
    let modified = whole.header("last-modified").expect("a time").to_owned();

    let part = get(vec![("range", "bytes=10-19")]).presigned().await.expect(206);
    assert_eq!(part.body, cat.bytes[10..20]);
    let range = format!("bytes 10-19/{}", cat.bytes.len());
    assert_eq!(part.header("content-range"), Some(range.as_str()));
    let tail = get(vec![("range", "bytes=-5"), ("if-range", &tag)]).presigned().await.expect(206);
    assert_eq!(tail.body, cat.bytes[cat.bytes.len() - 5..]);
    let other = get(vec![("range", "bytes=-5"), ("if-range", "\"other\"")]).presigned().await.expect(200);
    assert_eq!(other.body, cat.bytes);
    let beyond = get(vec![("range", "bytes=99999999-")]).presigned().await;
    check_refusal(&beyond, 416, "InvalidRange", None);
    assert_eq!(beyond.header("content-range"), Some(format!("bytes */{}", cat.bytes.len()).as_str()));

    let same = get(vec![("if-none-match", &tag)]).presigned().await.expect(304);
    assert!(same.body.is_empty() && same.header("etag") == Some(tag.as_str()), "{same}");
    get(vec![("if-modified-since", &modified)]).presigned().await.expect(304);
    let gone = get(vec![("if-match", "\"other\"")]).presigned().await;
    check_refusal(&gone, 412, "PreconditionFailed", None);

    let head = Request::new(&server, "HEAD", "albums/cat%201.jpg").presigned().await.expect(200);
    assert!(head.body.is_empty());
    assert_eq!(head.header("content-length"), Some(cat.bytes.len().to_string().as_str()), "{head}");
    assert_eq!(head.header("etag"), Some(tag.as_str()));
}

#[tokio::test]
async fn a_request_by_headers_is_good_for_a_quarter_of_an_hour_on_either_side() {
    let server = house().await;
    let cat = server.account().with_image("cat.jpg").await;
    let get = Request::new(&server, "GET", &cat.id);
    let headers = get.to_sign().with_headers(&digest(b""));
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (&**name, &**value)).collect();
    let ask = async || server.ask("GET", &get.path, &headers).await;
    assert_eq!(ask().await.expect(200).body, cat.bytes);
    server.clock.advance(std::time::Duration::from_secs(895));
    ask().await.expect(200);
    server.clock.advance(std::time::Duration::from_secs(10));
    check_refusal(&ask().await, 403, "RequestTimeTooSkewed", Some("request_time_skewed"));
}

#[tokio::test]
async fn a_public_image_s_original_needs_a_signature_too() {
    let server = house().await;
    let cat = server.account().with_image("cat.jpg").await;
    let get = Request::new(&server, "GET", &cat.id);
    check_refusal(&server.get(&get.path).await, 403, "AccessDenied", Some("missing_signature"));
    let url = get.to_sign().presigned(600);
    server.get(&url).await.expect(200);
    let touched = server.get(&url.replace("X-Amz-Expires=600", "X-Amz-Expires=601")).await;
    check_refusal(&touched, 403, "SignatureDoesNotMatch", Some("bad_signature"));
    let head = server.head(&url).await.expect(403);
    assert_eq!((head.header("x-image-auth"), head.body.len()), (Some("bad_signature"), 0), "GET was signed");
    server.clock.advance(std::time::Duration::from_secs(600));
    check_refusal(&server.get(&url).await, 403, "AccessDenied", Some("expired"));
}

#[tokio::test]
async fn nobody_without_a_signature_learns_what_there_is() {
    let server = house().await;
    let cat = server.account().with_image("cat.jpg").with_id("secret").private().await;
    let told = async |path: &str, query: &str| {
        let reply = server.get(&format!("/storage/{path}?{query}")).await;
        let kept =
            |(name, _): &&(String, String)| !matches!(&**name, "date" | "x-request-id" | "x-amz-request-id");
        let headers: Vec<_> = reply.headers.iter().filter(kept).cloned().collect();
        let text = reply.text().replace(path, "…");
        (reply.status, headers.len(), text.split("<RequestId>").next().unwrap_or_default().to_owned())
    };
    let there = Request::new(&server, "GET", &cat.id).to_sign().presigned(600);
    let (_, query) = there.split_once('?').unwrap();
    for query in ["", "x=1", &query.replace(ID, "AKIDOTHER"), &query.replace("Expires=600", "Expires=700")] {
        assert_eq!(told("default/secret", query).await, told("default/nobody", query).await, "{query}");
    }
    server.account_named("quiet").await;
    for query in ["", query] {
        assert_eq!(told("quiet/secret", query).await, told("no-such/secret", query).await, "{query}");
    }
    let missing = Request::new(&server, "GET", "nobody").presigned().await;
    check_refusal(&missing, 404, "NoSuchKey", None);
}

#[tokio::test]
async fn a_key_opens_its_own_account_only() {
    let server = house().await;
    let other = server.account_named("other").await;
    other.with_image("cat.jpg").with_id("cat").await;
    set_mode(&other, SchemeMode::Enforce).await;
    let mut get = Request::new(&server, "GET", "cat");
    get.path = "/storage/other/cat".into();
    check_refusal(&get.presigned().await, 403, "InvalidAccessKeyId", Some("unknown_key"));
    register(&other, "door", ID, "another secret").await;
    check_refusal(&get.presigned().await, 403, "SignatureDoesNotMatch", Some("bad_signature"));
}

#[tokio::test]
async fn a_put_makes_an_image_once() {
    let server = house().await;
    let bytes = drawn::file("cat.jpg");
    let headers = vec![("x-amz-meta-album", "summer"), ("content-type", "text/html")];
    let put = Request { headers, ..Request::new(&server, "PUT", "albums/new%20cat") };
    let stored = put.sent(None, bytes.clone()).await.expect(200);
    assert_eq!(stored.header("etag"), Some(format!("\"{}\"", digest(&bytes)).as_str()));
    let account = server.account().await;
    let image = account.api("GET", "/v1/albums%2Fnew%20cat").await.expect(200).json()["result"].clone();
    assert_eq!(image["requireSignedURLs"], true, "an object is private where nothing is said: {image}");
    assert_eq!(image["meta"], serde_json::json!({ "album": "summer" }));
    let read = Request::new(&server, "GET", "albums/new%20cat").presigned().await.expect(200);
    assert_eq!(
        (read.body, read.headers.iter().any(|(_, value)| value == "image/jpeg")),
        (bytes.clone().into(), true)
    );
    check_refusal(&put.sent(None, bytes.clone()).await, 409, "ObjectAlreadyExists", None);
    check_refusal(&put.presigned().await, 409, "ObjectAlreadyExists", None);

    let public =
        Request { headers: vec![("x-amz-acl", "public-read")], ..Request::new(&server, "PUT", "open") };
    public.sent(Some("UNSIGNED-PAYLOAD"), bytes).await.expect(200);
    assert_eq!(account.api("GET", "/v1/open").await.expect(200).json()["result"]["requireSignedURLs"], false);

    let filter = AuditFilter { account: Some(account.account.id), limit: 10, ..AuditFilter::default() };
    let lines = server.catalog().audit(&filter).await.unwrap();
    let by_key = lines.iter().filter(|line| line.actor.name == "key:door s3").count();
    assert_eq!(by_key, 2, "each upload is noted with its key: {lines:?}");
    let counted = [("ok", "@original", 1), ("ok", "@upload", 2), ("refused", "@upload", 2)];
    check_counted(&server, &counted).await;
}

#[tokio::test]
async fn a_put_that_is_not_as_it_was_signed_leaves_nothing() {
    let server = house().await;
    let bytes = drawn::file("logo.png");
    let put = |headers| Request { headers, ..Request::new(&server, "PUT", "logo") };
    let md5 = "1B2M2Y8AsgTpgAmY7PhCfg==";
    let check = async |reply: Reply, status, code, reason| {
        check_refusal(&reply, status, code, reason);
        check_refusal(&Request::new(&server, "GET", "logo").presigned().await, 404, "NoSuchKey", None);
        assert_eq!(server.scratch_files(), 0, "{reply}");
        assert_eq!(server.place().objects().keys().await.len(), 0, "{reply}");
    };
    let other = digest(b"other bytes");
    let reply = put(vec![]).sent(Some(&other), bytes.clone()).await;
    check(reply, 403, "XAmzContentSHA256Mismatch", Some("payload_mismatch")).await;
    let reply = put(vec![]).sent(Some("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), bytes.clone()).await;
    check(reply, 403, "NotImplemented", Some("unsupported_payload")).await;
    check(put(vec![("content-md5", md5)]).sent(None, bytes.clone()).await, 400, "BadDigest", None).await;
    check(put(vec![("content-md5", "x")]).sent(None, bytes.clone()).await, 400, "InvalidDigest", None).await;
    let crc = vec![("x-amz-checksum-crc32", "AAAAAA==")];
    check(put(crc).sent(None, bytes.clone()).await, 400, "BadDigest", None).await;
    let encrypted = vec![("x-amz-server-side-encryption", "AES256")];
    check(put(encrypted).sent(None, bytes.clone()).await, 501, "NotImplemented", None).await;
    // Nobody signed these, the other service's least of all.
    for loose in [("x-amz-acl", "public-read"), ("x-goog-acl", "public-read"), ("x-goog-meta-a", "1")] {
        let reply = put(vec![]).sent_with(None, bytes.clone(), &[loose]).await;
        check(reply, 403, "AccessDenied", Some("unsigned_header")).await;
    }
    let reply = put(vec![]).sent_with(None, bytes.clone(), &[("if-match", "\"a\"")]).await;
    check(reply, 412, "PreconditionFailed", None).await;
    check(put(vec![]).sent(None, b"this is a text".to_vec()).await, 415, "InvalidRequest", None).await;
    check(put(vec![]).sent(None, Vec::new()).await, 422, "InvalidRequest", None).await;
    check(put(vec![]).sent(None, vec![0; 10_000_001]).await, 413, "EntityTooLarge", None).await;
    check(put(vec![]).sent(None, bytes[..bytes.len() / 2].to_vec()).await, 422, "InvalidRequest", None).await;
    let named = Request::new(&server, "PUT", "2cdc28f0-017a-49c4-9ed7-87056c83901f");
    check(named.sent(None, bytes.clone()).await, 400, "InvalidArgument", None).await;
    let taken = server.account().with_image("cat.jpg").with_id("taken").await;
    let reply = Request::new(&server, "PUT", &taken.id).sent(None, bytes).await;
    check_refusal(&reply, 409, "ObjectAlreadyExists", None);
}

#[tokio::test]
async fn an_answer_s_head_is_what_was_signed_and_never_a_page() {
    let server = house().await;
    let cat = server.account().with_image("cat.jpg").await;
    let get = |pairs| Request { pairs, ..Request::new(&server, "GET", &cat.id) };
    let file = "attachment; filename=\"a b.jpg\"";
    let pairs = vec![("response-content-disposition", file), ("response-content-type", "image/png")];
    let reply = get(pairs).presigned().await.expect(200);
    assert_eq!(reply.header("content-disposition"), Some(file));
    assert_eq!(reply.header("content-type"), Some("image/png"));
    assert!(reply.header("content-security-policy").is_some_and(|policy| policy.contains("sandbox")));
    for (name, value) in [
        ("response-content-type", "text/html"),
        ("response-content-type", "image/svg+xml"),
        ("response-content-disposition", "inline\r\nset-cookie: a=b"),
        ("response-content-encoding", "gzip"),
    ] {
        let reply = get(vec![(name, value)]).presigned().await;
        check_refusal(&reply, 400, "InvalidArgument", None);
        assert_eq!(reply.header("set-cookie"), None);
    }
    let unsigned = format!("{}&response-content-type=image%2Fpng", get(vec![]).to_sign().presigned(600));
    check_refusal(&server.get(&unsigned).await, 403, "SignatureDoesNotMatch", Some("bad_signature"));
}

#[tokio::test]
async fn what_this_house_has_not_is_refused_by_its_name() {
    let server = house().await;
    let cat = server.account().with_image("cat.jpg").with_id("cat").await;
    for name in ["acl", "tagging", "versionId", "uploadId"] {
        let reply =
            Request { pairs: vec![(name, "")], ..Request::new(&server, "GET", &cat.id) }.presigned().await;
        check_refusal(&reply, 501, "NotImplemented", None);
        assert!(reply.text().contains(name), "{reply}");
    }
    let delete = Request::new(&server, "DELETE", "cat").presigned().await;
    check_refusal(&delete, 405, "MethodNotAllowed", None);
    assert_eq!(delete.header("allow"), Some("GET, HEAD, PUT, OPTIONS"));
    for (method, path, status, code) in [
        ("GET", "/storage/default", 501, "NotImplemented"),
        ("GET", "/storage/default/?list-type=2", 501, "NotImplemented"),
        ("POST", "/storage/default/cat?uploads", 501, "NotImplemented"),
        ("PUT", "/storage/default", 405, "MethodNotAllowed"),
        ("DELETE", "/storage/default", 405, "MethodNotAllowed"),
    ] {
        check_refusal(&server.ask(method, path, &[]).await, status, code, None);
    }
    for path in
        ["/storage", "/storage/", "/storage/default//cat", "/storage/default/a%2Fb", "/storage/default/../x"]
    {
        check_refusal(&server.get_raw(path).await, 400, "InvalidURI", Some("bad_path"));
    }
    assert!(cat.get("public").await.status == 200);
}

#[tokio::test]
async fn a_browser_s_form_brings_an_image_as_its_policy_says() {
    let server = house().await;
    let bytes = drawn::file("cat.jpg");
    let limits = r#"{"bucket":"default"},["starts-with","$key","up/"],["content-length-range",1,1000000]"#;
    let post = async |fields: &[(&str, &str)], bytes: Vec<u8>| {
        let mut body = Form::new();
        // The policy lets in what the page sends beside the key, but for what a test names.
        let free = fields.iter().filter(|(name, _)| !matches!(*name, "key" | "acl" | "bucket"));
        let free: String = free.map(|(name, _)| format!(r#",["starts-with","${name}",""]"#)).collect();
        for (name, value) in form(server.clock.now(), &format!("{limits}{free}"), fields) {
            body = body.text(name, value);
        }
        let body =
            body.part("file", Part::bytes(bytes).file_name("C:\\pictures\\cat.jpg")).text("submit", "Upload");
        let request = server.request("POST", "/storage/default").multipart(body);
        Reply::of(request.send().await.expect("the server answers")).await
    };
    let by = ("x-amz-meta-by", "browser");
    let plain = post(&[("key", "up/${filename}"), by], bytes.clone()).await.expect(204);
    assert_eq!(plain.header("location"), Some(server.url("/storage/default/up/cat.jpg").as_str()));
    assert_eq!(plain.header("access-control-allow-origin"), Some("*"));
    let account = server.account().await;
    let image = account.api("GET", "/v1/up%2Fcat.jpg").await.expect(200).json()["result"].clone();
    assert_eq!((&image["filename"], &image["meta"]["by"]), (&"cat.jpg".into(), &"browser".into()), "{image}");

    let created = post(&[("key", "up/2"), ("success_action_status", "201")], bytes.clone()).await.expect(201);
    assert!(created.text().contains("<Bucket>default</Bucket><Key>up/2</Key>"), "{created}");
    let page = "https://pages.example/done?x=1#top";
    let sent_on =
        post(&[("key", "up/3"), ("success_action_redirect", page)], bytes.clone()).await.expect(303);
    let tag = format!("%22{}%22", digest(&bytes));
    let location = format!("https://pages.example/done?x=1&bucket=default&key=up%2F3&etag={tag}#top");
    assert_eq!(sent_on.header("location"), Some(location.as_str()));
    let script = [("key", "up/4"), ("success_action_redirect", "javascript:alert(1)")];
    assert_eq!(
        post(&script, bytes.clone())
            .await
            .expect(204)
            .header("location")
            .map(|url| url.starts_with("http://")),
        Some(true)
    );

    check_refusal(&post(&[("key", "up/2")], bytes.clone()).await, 409, "ObjectAlreadyExists", None);
    let refused = Some("policy_condition_failed");
    check_refusal(&post(&[("key", "elsewhere/2")], bytes.clone()).await, 403, "AccessDenied", refused);
    account.with_image("cat.jpg").with_id("taken").await;
    check_refusal(&post(&[("key", "taken")], bytes.clone()).await, 403, "AccessDenied", refused);
    check_refusal(
        &post(&[("key", "up/5"), ("acl", "public-read")], bytes.clone()).await,
        403,
        "AccessDenied",
        refused,
    );
    check_refusal(
        &post(&[("key", "up/5"), ("bucket", "other")], bytes.clone()).await,
        403,
        "AccessDenied",
        refused,
    );
    check_refusal(&post(&[("key", "up/5")], Vec::new()).await, 403, "AccessDenied", refused);
    check_refusal(&post(&[("key", "up//5")], bytes.clone()).await, 400, "InvalidArgument", None);
    check_refusal(&post(&[("key", "up/../5")], bytes.clone()).await, 400, "InvalidArgument", None);
    check_refusal(&Request::new(&server, "GET", "up/5").presigned().await, 404, "NoSuchKey", None);
    let unsigned = Form::new().text("key", "up/6").part("file", Part::bytes(bytes).file_name("cat.jpg"));
    let request = server.request("POST", "/storage/default").multipart(unsigned);
    let reply = Reply::of(request.send().await.expect("the server answers")).await;
    check_refusal(&reply, 403, "AccessDenied", Some("missing_signature"));
    assert_eq!(server.scratch_files(), 0);
    check_counted(&server, &[("image_missing", "@original", 1), ("ok", "@upload", 4)]).await;
}

#[tokio::test]
async fn a_page_of_another_host_may_ask_first() {
    let server = house().await;
    let wished = "authorization,content-type,x-amz-content-sha256,x-amz-date";
    let headers = [
        ("origin", "https://pages.example"),
        ("access-control-request-method", "PUT"),
        ("access-control-request-headers", wished),
    ];
    for path in ["/storage/default/cat", "/storage/default", "/storage/no-such"] {
        let reply = server.ask("OPTIONS", path, &headers).await.expect(204);
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
        assert_eq!(reply.header("access-control-allow-headers"), Some(wished));
        assert!(reply.header("access-control-allow-methods").is_some_and(|methods| methods.contains("PUT")));
    }
}

#[tokio::test]
async fn a_scheme_that_is_off_opens_nothing_and_one_that_reports_counts() {
    let server = house().await;
    let cat = server.account().with_image("cat.jpg").await;
    let get = Request::new(&server, "GET", &cat.id);
    set_mode(&cat.account, SchemeMode::Off).await;
    check_refusal(&get.presigned().await, 403, "AccessDenied", Some("scheme_disabled"));
    set_mode(&cat.account, SchemeMode::Report).await;
    check_refusal(&get.presigned().await, 403, "AccessDenied", Some("scheme_disabled"));
    let touched = get.to_sign().presigned(600).replace("Expires=600", "Expires=601");
    check_refusal(&server.get(&touched).await, 403, "AccessDenied", Some("scheme_disabled"));
    let found = server.catalog().scheme_report(&cat.account.account.id, Scheme::S3, 7).await.unwrap();
    let mut found: Vec<_> = found.iter().map(|found| (found.verdict.as_str(), found.requests)).collect();
    found.sort_unstable();
    assert_eq!(found, [("bad_signature", 1), ("ok", 1)]);
}

/// Holds what is noted of the key `door` against verdicts and ways, and the requests of the key against their sum.
async fn check_counted(server: &TestServer, expected: &[(&str, &str, u64)]) {
    let account = server.account().await.account.id;
    let filter = FetchFilter { key: Some("door".into()), limit: 100, ..FetchFilter::default() };
    let page = server.catalog().fetches_page(&account, &filter).await.unwrap();
    let (mut seen, mut requests) = (std::collections::BTreeMap::new(), 0);
    for entry in &page.items {
        *seen.entry((entry.verdict.as_str(), entry.variant.as_str())).or_insert(0) += entry.requests;
    }
    for (verdict, way, times) in expected {
        assert_eq!(seen.get(&(*verdict, *way)), Some(times), "{verdict} {way}: {seen:?}");
        requests += times;
    }
    let uses = server.catalog().signing_key_usage(&account).await.unwrap();
    assert!(uses["door"].requests_24h() >= requests, "{uses:?}");
    assert!(uses["door"].last.is_some());
}

#[tokio::test]
async fn who_fetched_an_original_is_noted_with_the_key() {
    let server = house().await;
    let cat = server.account().with_image("cat.jpg").with_id("cat").await;
    let get = Request::new(&server, "GET", "cat");
    get.presigned().await.expect(200);
    server.get(&format!("{}0", get.to_sign().presigned(600))).await.expect(400);
    let account = cat.account.account.id;
    let filter = FetchFilter { limit: 10, ..FetchFilter::default() };
    let page = server.catalog().fetches_page(&account, &filter).await.unwrap();
    let mut seen: Vec<_> = page
        .items
        .iter()
        .map(|entry| {
            (entry.verdict.as_str(), entry.image.as_deref(), entry.key.as_ref().map(ToString::to_string))
        })
        .collect();
    seen.sort();
    assert_eq!(seen, [("malformed_signature", None, None), ("ok", Some("cat"), Some("door".to_owned()))]);
    let uses = server.catalog().signing_key_usage(&account).await.unwrap();
    let door = &uses["door"];
    assert_eq!(door.days.iter().sum::<u64>(), 1, "{door:?}");
}

/// What is at the end of a redirect to the bucket, and for how many seconds.
async fn lent(reply: Reply, server: &TestServer) -> (Reply, i64) {
    let reply = reply.expect(302);
    assert_eq!(reply.header("cache-control"), Some("private, no-store"), "{reply}");
    let url = reply.header("location").expect("a place").to_owned();
    let bucket = server.place().storage_address().expect("a bucket");
    assert!(url.starts_with(&format!("http://{bucket}/")), "{url}");
    let lifetime =
        url.split("X-Amz-Expires=").nth(1).and_then(|rest| rest.split('&').next()).expect("an end");
    let got = reqwest::get(&url).await.expect("the bucket answers");
    (Reply::of(got).await.expect(200), lifetime.parse().expect("seconds"))
}

#[tokio::test]
async fn a_large_original_comes_from_the_bucket_itself_and_never_for_longer_than_its_url() {
    let server = TestServer::start_on(&Arc::new(Place::on(Setup::PostgresS3).await), |_| {}).await;
    let account = server.account().await;
    register(&account, "door", ID, SECRET).await;
    set_mode(&account, SchemeMode::Enforce).await;
    let cat = account.with_image("cat.jpg").with_id("cat").private().await;
    let get = || Request::new(&server, "GET", "cat");
    assert_eq!(get().presigned().await.expect(200).body, cat.bytes, "off unless it is set");
    account.set("redirect_to_storage", "1000").await;
    let (whole, lifetime_s) = lent(get().presigned().await, &server).await;
    assert_eq!((whole.body, lifetime_s), (cat.bytes.clone().into(), 299));
    let name =
        whole.headers.iter().find(|(name, _)| name == "content-disposition").map(|(_, value)| value.as_str());
    assert_eq!(name, Some("attachment; filename*=UTF-8''cat.jpg"));
    server.clock.stop_at(domain::Timestamp::from_seconds(server.clock.now().as_seconds()));
    let short = server.get(&get().to_sign().presigned(60)).await;
    assert_eq!(lent(short, &server).await.1, 59);
    let over = server.get(&get().to_sign().presigned(1)).await.expect(200);
    assert_eq!(over.body, cat.bytes, "what ends at once is delivered here");

    Request::new(&server, "HEAD", "cat").presigned().await.expect(200);
    get().sent(None, Vec::new()).await.expect(200);
    let tag = format!("\"{}\"", digest(&cat.bytes));
    Request { headers: vec![("if-none-match", &tag)], ..get() }.presigned().await.expect(304);
    Request { pairs: vec![("response-content-type", "image/png")], ..get() }.presigned().await.expect(200);
    account.set("redirect_to_storage", "99999999").await;
    get().presigned().await.expect(200);
}

#[tokio::test]
async fn a_large_rendition_comes_from_the_bucket_itself_where_a_url_demands_no_more_than_a_path() {
    let server = TestServer::start_on(&Arc::new(Place::on(Setup::PostgresS3).await), |_| {}).await;
    let cat = server.account().with_image("cat.jpg").with_id("cat").private().await;
    let account = &cat.account;
    let path = cat.path("public");
    let direct = server.get(&account.sign(&path).await).await.expect(200);
    account.set("redirect_to_storage", "0").await;
    for what in ["made", "kept in memory"] {
        let (got, lifetime_s) = lent(server.get(&account.sign(&path).await).await, &server).await;
        assert_eq!((got.body, lifetime_s), (direct.body.clone(), 299), "{what}");
        assert!(got.headers.iter().any(|(_, value)| value == "image/jpeg"), "{what}");
    }
    server.clock.stop_at(domain::Timestamp::from_seconds(server.clock.now().as_seconds()));
    let short = account.sign_until(&path, server.clock.now().as_seconds() + 20).await;
    assert_eq!(lent(server.get(&short).await, &server).await.1, 19);

    server.head(&account.sign(&path).await).await.expect(200);
    for demand in ["s-ip=127.0.0.1", "s-ref=-", "s-jti=abcdefgh&s-uses=9"] {
        let url = account.sign(&format!("{path}?{demand}")).await;
        assert_eq!(server.get(&url).await.expect(200).body, direct.body, "{demand}");
    }
    let tag = direct.header("etag").expect("a tag").to_owned();
    server.get_with(&account.sign(&path).await, &[("if-none-match", &tag)]).await.expect(304);
    account.set("redirect_to_storage", "99999999").await;
    server.get(&account.sign(&path).await).await.expect(200);
}

#[tokio::test]
async fn on_a_disk_nothing_is_lent() {
    let server = TestServer::start_on(&Arc::new(Place::on(Setup::Embedded).await), |_| {}).await;
    let cat = server.account().with_image("cat.jpg").await;
    cat.account.set("redirect_to_storage", "0").await;
    cat.get("public").await.expect(200);
}

#[tokio::test]
async fn who_owns_the_account_is_told_what_a_request_would_be_answered() {
    let server = house().await;
    let cat = server.account().with_image("cat.jpg").with_id("cat").await;
    let shown = |method: &str| Shown {
        method: Some(method.into()),
        host: Some(server.address().to_string()),
        is_https: Some(false),
        ..Shown::default()
    };
    let explain = async |url: String, method: &str| {
        let now = server.clock.now();
        server.catalog().explain(&url, &shown(method), now).await.expect("rights can be read")
    };
    let get = Request::new(&server, "GET", "cat");
    let url = server.url(&get.to_sign().presigned(600));
    let open = explain(url.clone(), "GET").await;
    assert_eq!(
        (open.route.word(), open.account, open.is_here),
        ("storage", Some(cat.account.account.id), true)
    );
    assert_eq!(open.image.as_deref(), Some("cat"));
    assert!(matches!(open.outcome, Ok(Some(_))), "{open:?}");
    let texts = open.explanation.expect("how it was judged").signed_texts;
    assert!(texts.iter().any(|text| text.contains("/storage/default/cat")), "{texts:?}");

    let outcome =
        |explained: catalog::Explained| explained.outcome.map(|_| ()).map_err(|error| error.to_string());
    let bad = outcome(explain(url.replace("Expires=600", "Expires=700"), "GET").await);
    assert_eq!(bad, Err("the signature does not match".into()));
    assert_eq!(outcome(explain(url.clone(), "PUT").await), Err("the signature does not match".into()));
    let put = server.url(&Request::new(&server, "PUT", "cat").to_sign().presigned(600));
    assert_eq!(outcome(explain(put, "PUT").await), Err("resource already exists".into()));
    let missing = server.url(&Request::new(&server, "GET", "nobody").to_sign().presigned(600));
    assert_eq!(outcome(explain(missing, "GET").await), Err("image not found".into()));
    let nowhere = explain(server.url("/storage/no-such/cat"), "GET").await;
    assert!(
        nowhere.account.is_none() && nowhere.explanation.is_none() && nowhere.outcome.is_err(),
        "{nowhere:?}"
    );
    assert!(explain(server.url("/storage/default//cat"), "GET").await.outcome.is_err());
}
