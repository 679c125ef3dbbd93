//! Delivery as a browser sees it: headers, cache rules, negotiation, refusals, and what a hit costs.

use futures_util::future::join_all;

use crate::harness::{Reply, TestImage, TestServer, drawn};

const WEBP: (&str, &str) = ("accept", "image/webp,image/*,*/*;q=0.8");

#[tokio::test]
async fn a_picture_comes_with_every_header_of_the_contract() {
    let server = TestServer::start().await;
    let cat = server.account().with_image("cat.jpg").await;
    let reply = cat.get("public").await.expect(200);
    let wanted = [
        ("content-type", "image/jpeg"),
        ("cache-control", "public, max-age=172800, stale-while-revalidate=7200"),
        ("vary", "Accept"),
        ("access-control-allow-origin", "*"),
        ("cross-origin-resource-policy", "cross-origin"),
        ("x-content-type-options", "nosniff"),
        (
            "content-security-policy",
            "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; sandbox",
        ),
    ];
    for (name, value) in wanted {
        assert_eq!(reply.header(name), Some(value), "{name}");
    }
    let etag = reply.header("etag").expect("an ETag");
    assert!(etag.starts_with('"') && etag.ends_with('"') && etag.len() > 10, "{etag} is a strong tag");
    assert_eq!(reply.header("content-length"), Some(reply.body.len().to_string().as_str()));
    assert_eq!(reply.header("set-cookie"), None);
}

#[tokio::test]
async fn the_format_follows_what_the_browser_names() {
    let server = TestServer::start().await;
    let account = server.account().await;
    account.set("flexible_variants", "all").await;
    let (cat, logo) = (account.with_image("cat.jpg").await, account.with_image("logo.png").await);
    let (sky, mark) = (account.with_image("sky.webp").await, account.with_image("mark.gif").await);
    let check = async |image: &TestImage<'_>, last: &str, accept: &str, wanted: &str| {
        let reply = server.get_with(&image.path(last), &[("accept", accept)]).await.expect(200);
        assert_eq!(reply.header("content-type"), Some(wanted), "{last} for {accept}");
        assert!(
            !last.contains("f=auto") && last.contains("f=") || reply.header("vary") == Some("Accept"),
            "{reply}"
        );
    };
    for (image, own) in [(&cat, "image/jpeg"), (&logo, "image/png"), (&mark, "image/png")] {
        check(image, "public", WEBP.1, "image/webp").await;
        for accept in ["*/*", "image/*", "image/webp;q=0", "image/avif;q=0", "text/html"] {
            check(image, "public", accept, own).await;
        }
    }
    check(&sky, "public", "*/*", "image/webp").await;
    check(&cat, "f=auto", WEBP.1, "image/webp").await;
    check(&cat, "f=png", WEBP.1, "image/png").await;
    check(&cat, "f=jpeg", WEBP.1, "image/jpeg").await;
    check(&cat, "f=webp", "*/*", "image/webp").await;
}

#[tokio::test]
async fn each_format_has_its_own_tag_and_one_rendition_keeps_its_own() {
    let server = TestServer::start().await;
    let cat = server.account().with_image("cat.jpg").await;
    let jpeg = cat.get("public").await.expect(200);
    let webp = server.get_with(&cat.path("public"), &[WEBP]).await.expect(200);
    assert_ne!(jpeg.header("etag"), webp.header("etag"));
    let again = cat.get("public").await.expect(200);
    assert_eq!((jpeg.header("etag"), &jpeg.body), (again.header("etag"), &again.body));
}

#[tokio::test]
async fn who_has_it_already_is_told_so_once_admitted() {
    let server = TestServer::start().await;
    let cat = server.account().with_image("cat.jpg").await;
    let path = cat.path("public");
    let tag = cat.get("public").await.expect(200).header("etag").expect("an ETag").to_owned();
    let ask = async |tag: &str| server.get_with(&path, &[("if-none-match", tag)]).await;
    for known in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".into()] {
        let reply = ask(&known).await.expect(304);
        assert!(reply.body.is_empty());
        assert_eq!(reply.header("etag"), Some(tag.as_str()));
        assert_eq!(reply.header("vary"), Some("Accept"));
        assert!(reply.header("cache-control").expect("a rule").starts_with("public, max-age="), "{reply}");
    }
    ask("\"other\"").await.expect(200);
    cat.set_private(true).await;
    ask(&tag).await.expect(403);
    ask("*").await.expect(403);
    let signed = cat.signed("public").await;
    server.get_with(&signed, &[("if-none-match", &tag)]).await.expect(304);
}

#[tokio::test]
async fn a_head_says_what_a_get_would() {
    let server = TestServer::start().await;
    let cat = server.account().with_image("cat.jpg").await;
    let head = server.head(&cat.path("public")).await.expect(200);
    assert_eq!(server.renders(), 1, "a cold HEAD renders for its Content-Length");
    let get = cat.get("public").await.expect(200);
    assert_eq!(server.renders(), 1);
    assert!(head.body.is_empty());
    for name in ["content-length", "content-type", "etag", "cache-control", "vary", "x-content-type-options"]
    {
        assert_eq!(head.header(name), get.header(name), "{name}");
    }
    let refused = server.head(&cat.path("nosuch")).await.expect(403);
    assert!(refused.body.is_empty());
}

#[tokio::test]
async fn a_hit_leaves_storage_alone() {
    let server = TestServer::start().await;
    let cat = server.account().with_image("cat.jpg").private().await;
    let signed = cat.signed("public").await;
    let tag = server.get(&signed).await.expect(200).header("etag").expect("an ETag").to_owned();
    server.until_idle().await;
    let before = server.storage_counts();
    for _ in 0..5 {
        server.get(&signed).await.expect(200);
        server.head(&signed).await.expect(200);
        server.get_with(&signed, &[("if-none-match", &tag)]).await.expect(304);
    }
    assert_eq!(server.storage_counts(), before);
    assert_eq!(server.renders(), 1);
}

#[tokio::test]
async fn a_tag_of_what_was_never_rendered_leaves_storage_alone_too() {
    let server = TestServer::start().await;
    let cat = server.account().with_image("cat.jpg").await;
    let tag = cat.get("public").await.expect(200).header("etag").expect("an ETag").to_owned();
    server.until_idle().await;
    let (before, renders) = (server.storage_counts(), server.renders());
    let other = server.get_with(&cat.path("public"), &[WEBP, ("if-none-match", "*")]).await.expect(304);
    assert_ne!(other.header("etag"), Some(tag.as_str()));
    assert_eq!((server.storage_counts(), server.renders()), (before, renders));
}

#[tokio::test]
async fn a_thousand_clients_on_one_cold_rendition_cause_one_render() {
    let server = TestServer::start().await;
    let cat = server.account().with_image("cat.jpg").with_bytes(drawn::photograph(2400, 1600, 85)).await;
    let path = cat.path("public");
    let replies = join_all((0..1000).map(|_| server.get(&path))).await;
    assert!(replies.iter().all(|reply| reply.status == 200), "everyone is served");
    assert!(replies.iter().all(|reply| reply.body == replies[0].body));
    assert_eq!(server.renders(), 1);
}

#[tokio::test]
async fn a_private_answer_never_outlives_its_url() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let cat = account.with_image("cat.jpg").private().await;
    server.clock.stop_at(domain::Timestamp::from_seconds(1_800_000_000));
    let rule = async |seconds: i64| {
        let path = account.sign_until(&cat.path("public"), 1_800_000_000 + seconds).await;
        server.get(&path).await.expect(200).header("cache-control").expect("a rule").to_owned()
    };
    assert_eq!(rule(100).await, "private, max-age=100");
    assert_eq!(rule(1).await, "private, max-age=1");
    assert_eq!(rule(1_000_000).await, "private, max-age=172800");

    let path = account.sign_until(&cat.path("public"), 1_800_000_100).await;
    let reply = server.get(&path).await.expect(200);
    let tag = reply.header("etag").expect("an ETag").to_owned();
    server.clock.stop_at(domain::Timestamp::from_seconds(1_800_000_099));
    let late = server.get_with(&path, &[("if-none-match", &tag)]).await.expect(304);
    assert_eq!(late.header("cache-control"), Some("private, max-age=1"));
    server.clock.stop_at(domain::Timestamp::from_seconds(1_800_000_100));
    let over = server.get(&path).await.expect(403);
    assert_eq!((over.header("x-image-auth"), err(&over)), (Some("expired"), 9425));
}

#[tokio::test]
async fn a_lifetime_is_the_variants_before_the_accounts() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let cat = account.with_image("cat.jpg").await;
    let rule = async |last: &str| {
        cat.get(last).await.expect(200).header("cache-control").expect("a rule").to_owned()
    };
    account.set("browser_ttl", "7200").await;
    assert_eq!(rule("public").await, "public, max-age=7200, stale-while-revalidate=7200");
    let body = serde_json::json!({ "id": "avatar", "options": { "width": 100, "browser_ttl": 86400 } });
    account.api_json("POST", "/v1/variants", &body).await.expect(200);
    assert_eq!(rule("avatar").await, "public, max-age=86400, stale-while-revalidate=7200");
}

#[tokio::test]
async fn a_moved_url_is_delivered_below_its_old_prefix() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let cat = account.with_image("cat.jpg").with_id("albums/rome 1/cat%é.jpg").await;
    let path = cat.path("public");
    assert!(path.ends_with("/albums/rome%201/cat%25%C3%A9.jpg/public"), "{path}");
    server.get(&path).await.expect(200);
    let moved = format!("/cdn-cgi/imagedelivery{path}");
    assert_eq!(server.get(&moved).await.expect(200).body, server.get(&path).await.body);
    cat.set_private(true).await;
    server.get(&account.sign(&moved).await).await.expect(200);
    let elsewhere = account.sign(&path).await;
    server.get(&format!("/cdn-cgi/imagedelivery{elsewhere}")).await.expect(403);
    account.set("moved_urls", "true").await;
    server.get(&format!("/cdn-cgi/imagedelivery{elsewhere}")).await.expect(200);
}

#[tokio::test]
async fn each_refusal_has_its_status_code_and_text() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let public = account.with_image("cat.jpg").await;
    let private = account.with_image("cat.jpg").private().await;
    let (hash, foreign) = (account.account.hash.as_str(), "AAAAAAAAAAAAAAAAAAAAAA");
    let unknown = "00000000-0000-4000-8000-000000000000";
    let signed = private.signed("public").await;
    let rows = [
        (format!("/{hash}/{unknown}/public"), 404, 9404, None),
        (public.path("nosuch"), 403, 9425, None),
        (private.path("public"), 403, 9425, Some("missing_signature")),
        (format!("{signed}0"), 400, 9432, Some("malformed_signature")),
        (signed.replace("exp=", "exp=x"), 400, 9432, Some("malformed_param")),
        (format!("{signed}&utm_source=x"), 403, 9425, Some("bad_signature")),
        (format!("{signed}&sig={}", "0".repeat(64)), 400, 9432, Some("duplicate_param")),
        (account.sign_until(&private.path("public"), 1_600_000_000).await, 403, 9425, Some("expired")),
        (account.sign(&public.path("f=tiff")).await, 400, 9401, None),
        (account.sign(&public.path("w=0")).await, 400, 9401, None),
        (account.sign(&public.path("fit=stretch")).await, 400, 9401, None),
        (public.path("w=40"), 403, 9429, None),
        (private.path("w=40"), 403, 9425, None),
        (format!("/{hash}//public"), 400, 9432, Some("bad_path")),
        (format!("/{hash}/a/../public"), 400, 9432, Some("bad_path")),
        (format!("/{hash}/a%2Fb/public"), 400, 9432, Some("bad_path")),
        (format!("/{hash}/{}/public/", public.id), 400, 9432, Some("bad_path")),
        (format!("/{hash}/{}/public", "x".repeat(5000)), 414, 9432, Some("target_too_long")),
        (format!("/cdn-cgi/imagedelivery/{foreign}/{unknown}/public"), 403, 9427, None),
    ];
    println!("{} refusals", rows.len());
    for (target, status, code, reason) in rows {
        let reply = server.get_raw(&target).await;
        assert_eq!((reply.status, err(&reply)), (status, code), "{target}: {reply}");
        assert!(reply.text().starts_with(&format!("ERROR {code}: ")), "{target}: {reply}");
        assert_eq!(reply.header("cf-images"), Some(format!("err={code}").as_str()), "{target}: {reply}");
        assert!(
            reply.header("content-type").is_some_and(|of| of.starts_with("text/plain")),
            "{target}: {reply}"
        );
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{target}: {reply}");
        assert!(
            reply.header("cache-control").is_some_and(|rule| rule.contains("no-store")),
            "{target}: {reply}"
        );
        assert!(reason.is_none() || reply.header("x-image-auth") == reason, "{target}: {reply}");
    }
    let missing = public.get("nosuch").await.text();
    assert!(
        missing.contains("Image access denied: This account doesn't have variant with this name"),
        "{missing}"
    );
    assert!(server.get(&account.sign(&public.path("f=tiff")).await).await.text().contains("Format must"));
    assert_eq!(server.renders(), 0, "a refusal renders nothing");
}

#[tokio::test]
async fn options_in_the_url_work_as_far_as_the_account_lets_them() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let public = account.with_image("cat.jpg").await;
    let private = account.with_image("cat.jpg").private().await;
    // Setting, then what an unsigned public, a signed public, an unsigned private and a signed private URL get.
    let table = [
        ("off", [403, 403, 403, 403], [9429, 9429, 9429, 9429]),
        ("signed", [403, 200, 403, 200], [9429, 0, 9425, 0]),
        ("all", [200, 200, 403, 200], [0, 0, 9425, 0]),
    ];
    for (setting, statuses, codes) in table {
        account.set("flexible_variants", setting).await;
        let paths = [
            public.path("w=40,h=30,fit=cover"),
            public.signed("w=40,h=30,fit=cover").await,
            private.path("w=40,h=30,fit=cover"),
            private.signed("w=40,h=30,fit=cover").await,
        ];
        for (at, path) in paths.iter().enumerate() {
            let reply = server.get(path).await;
            assert_eq!((reply.status, err(&reply)), (statuses[at], codes[at]), "{setting} {path}");
            if reply.status == 200 {
                assert_eq!((reply.picture().width(), reply.picture().height()), (40, 30));
            }
        }
    }
}

#[tokio::test]
async fn a_refusal_hides_what_it_must() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let private = account.with_image("cat.jpg").private().await;
    let path = |id: &str| format!("/{}/{id}/public", account.account.hash);
    let unknown = path("00000000-0000-4000-8000-000000000000");
    let ask = async |path: &str| {
        let reply = server.get(path).await;
        (reply.status, err(&reply))
    };
    account.set("hide_existence", "off").await;
    assert_eq!((ask(&unknown).await, ask(&path("cats/1")).await), ((404, 9404), (404, 9404)));
    account.set("hide_existence", "auto").await;
    assert_eq!((ask(&unknown).await, ask(&path("cats/1")).await), ((404, 9404), (404, 9404)));
    account.with_image("cat.jpg").with_id("cats/1").private().await;
    assert_eq!((ask(&unknown).await, ask(&path("cats/2")).await), ((404, 9404), (403, 9425)));
    account.set("hide_existence", "on").await;
    assert_eq!((ask(&unknown).await, ask(&path("cats/2")).await), ((403, 9425), (403, 9425)));
    // To the byte the same, so that nothing tells them apart.
    let (hidden, real) = (server.get(&unknown).await, private.get("public").await);
    assert_eq!((hidden.text(), hidden.header("x-image-auth")), (real.text(), real.header("x-image-auth")));
    assert_eq!(ask(&account.sign(&unknown).await).await, (404, 9404), "whoever may sign may know");
}

#[tokio::test]
async fn an_option_without_effect_is_named_in_a_warning() {
    let server = TestServer::start().await;
    let account = server.account().await;
    account.set("flexible_variants", "all").await;
    let cat = account.with_image("cat.jpg").await;
    let plain = cat.get("w=100").await.expect(200);
    assert_eq!(plain.header("warning"), None);
    let one_side = cat.get("w=90,fit=cover").await.expect(200);
    let wanted = "cf-images 299 \"cover fit mode needs both width and height\"";
    assert_eq!(one_side.header("warning"), Some(wanted));
    assert_eq!((one_side.picture().width(), one_side.picture().height()), (90, 60));
    for ignored in ["later=20", "sepia=1"] {
        let reply = cat.get(&format!("w=100,{ignored}")).await.expect(200);
        let name = ignored.split('=').next().expect("a name");
        assert!(reply.header("warning").is_some_and(|warning| warning.contains(name)), "{ignored}: {reply}");
    }
}

#[tokio::test]
async fn a_refusal_is_json_for_who_names_it() {
    let server = TestServer::start().await;
    let cat = server.account().with_image("cat.jpg").private().await;
    let reply = server.get_with(&cat.path("public"), &[("accept", "application/json")]).await.expect(403);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.header("x-image-auth"), Some("missing_signature"));
    assert_eq!(reply.json()["error"]["code"], "missing_signature");
}

/// The number in `cf-images: err=…`; 0 where there is none.
fn err(reply: &Reply) -> u32 {
    reply
        .header("cf-images")
        .and_then(|value| value.strip_prefix("err="))
        .and_then(|code| code.parse().ok())
        .unwrap_or(0)
}
