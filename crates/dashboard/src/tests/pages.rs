//! What pages carry and show: policy, roles, budgets, hostile names.

use super::*;

#[actix_web::test]
async fn every_page_carries_the_policy_and_no_inline_code() {
    let house = House::new().await;
    let mira = house.guest("mira@example.org", Some(Role::Owner)).await;
    house.put_images(1, |_| "a.jpg".into()).await;
    let account = house.account().await.id;
    let inside = [
        "images",
        "images?q=none",
        "images/upload",
        "variants",
        "variants/new",
        "variants/public",
        "keys",
        "keys/new",
        "check",
        "image?id=none",
        "nothing",
        "delivery",
        "delivery/schemes/edgeauth",
        "delivery/schemes/s3/keys/new",
        "audit",
        "audit/fetches?key=default",
    ];
    let mut paths: Vec<String> = inside.iter().map(|rest| format!("/dashboard/{account}/{rest}")).collect();
    paths.extend(["/dashboard/login".into(), "/dashboard/setup".into(), "/dashboard/nothing".into()]);
    paths.extend(
        ["rotate", "reveal", "revoke", "use"].map(|act| format!("/dashboard/{account}/keys/default/{act}")),
    );
    for path in paths {
        let page = house.get(&path, Some(&mira)).await;
        let policy = page.header("content-security-policy");
        assert!(
            policy.contains("default-src 'none'; script-src 'self'") && policy.ends_with("trusted-types app"),
            "{path}"
        );
        assert_eq!(page.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(page.header("cross-origin-opener-policy"), "same-origin", "{path}");
        assert!(!page.header("cache-control").is_empty(), "{path}");
        for inline in [" style=", " onclick=", " onload=", "<style", "<script>", "javascript:"] {
            assert!(!page.has(inline), "{path} has {inline}");
        }
    }
}

#[actix_web::test]
async fn a_role_sees_what_it_may_do_and_a_direct_hit_is_refused_in_words() {
    let house = House::new().await;
    let account = house.account().await;
    house.put_images(1, |_| "a.jpg".into()).await;
    let page = house
        .catalog()
        .page_images(&account.id, &Default::default(), Default::default(), None, 1)
        .await
        .unwrap();
    let at = |rest: &str| format!("/dashboard/{}/{rest}", account.id);
    let image = format!("?id={}", page.items[0].id);

    let jonas = house.guest("jonas@example.org", Some(Role::Viewer)).await;
    let gallery = house.get(&at("images"), Some(&jonas)).await;
    assert!(
        gallery.status == 200
            && !gallery.has("images/upload")
            && !gallery.has("/keys")
            && !gallery.has("/check")
    );
    let detail = house.get(&at(&format!("image{image}")), Some(&jonas)).await;
    assert!(
        detail.status == 200
            && !detail.has("image/delete")
            && !detail.has("Signing key")
            && !detail.has("sig=")
    );
    for path in ["keys", "images/upload", "check", &format!("image/delete{image}")] {
        let refused = house.get(&at(path), Some(&jonas)).await;
        let sentence = format!("Your role in {} is viewer. Ask an admin for access.", account.display_name);
        assert!(refused.status == 403 && refused.has(&sentence), "{path} {}", refused.status);
    }
    assert_eq!(house.post(&at(&format!("image/delete{image}")), Some(&jonas), &[]).await.status, 403);

    let ada = house.guest("ada@example.org", Some(Role::Editor)).await;
    let gallery = house.get(&at("images"), Some(&ada)).await;
    assert!(gallery.has("images/upload") && !gallery.has("/keys"));
    assert!(house.get(&at(&format!("image{image}")), Some(&ada)).await.has("image/delete"));
    assert_eq!(house.get(&at("keys"), Some(&ada)).await.status, 403);

    let stranger = house.guest("who@example.org", None).await;
    for path in ["images", "keys", &format!("image{image}")] {
        assert_eq!(house.get(&at(path), Some(&stranger)).await.status, 404, "{path}");
    }
    assert!(house.get("/dashboard", Some(&stranger)).await.has("not a member of any account"));
}

#[actix_web::test]
async fn sixty_images_fit_into_twelve_kilobytes() {
    let house = House::new().await;
    let mira = house.guest("mira@example.org", Some(Role::Owner)).await;
    house.put_images(61, |at| format!("summer-catalogue/{:x}-alpine-ridge-{at}.jpg", at * 7_919)).await;
    let path = format!("/dashboard/{}/images", house.account().await.id);
    let gallery =
        house.send(request(Method::GET, &path, Some(&mira)).insert_header(("accept-encoding", "gzip"))).await;
    assert_eq!(gallery.header("content-encoding"), "gzip");
    assert!(gallery.bytes <= 12_000, "{} bytes", gallery.bytes);
    let plain = house.get(&path, Some(&mira)).await;
    assert_eq!(plain.body.matches("class=\"tile\"").count(), 60);
    assert_eq!(plain.body.matches("loading=\"lazy\"").count(), 48);
    assert!(plain.has("rel=\"next\"") && !plain.has("rel=\"prev\"") && plain.has("61 images"));
}

#[actix_web::test]
async fn a_page_of_older_images_leads_back_and_a_foreign_cursor_to_the_beginning() {
    let house = House::new().await;
    let mira = house.guest("mira@example.org", Some(Role::Owner)).await;
    house.put_images(61, |at| format!("{at}.jpg")).await;
    let path = format!("/dashboard/{}/images", house.account().await.id);
    let first = house.get(&path, Some(&mira)).await;
    let older = first
        .body
        .split("rel=\"next\" href=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .replace("&amp;", "&");
    let second = house.get(&older, Some(&mira)).await;
    assert_eq!(second.body.matches("class=\"tile\"").count(), 1);
    assert!(second.has("rel=\"prev\""));
    assert_eq!(house.get(&format!("{path}?after=AAAA"), Some(&mira)).await.leads_to(), path);
}

#[actix_web::test]
async fn a_hostile_name_stays_a_text() {
    let house = House::new().await;
    let mira = house.guest("mira@example.org", Some(Role::Owner)).await;
    house.put_images(1, |_| "\"><script>alert(1)</script>' onerror=x.jpg".into()).await;
    let account = house.account().await.id;
    let gallery = house.get(&format!("/dashboard/{account}/images?q=%22%3E%3Cscript%3E"), Some(&mira)).await;
    let id = gallery.body.split("data-id=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    for path in ["image", "image/edit", "image/delete", "image/focus", "image/privacy"] {
        let page = house.get(&format!("/dashboard/{account}/{path}?id={id}"), Some(&mira)).await;
        assert!(page.status == 200 && !page.has("<script>"), "{path}");
    }
    assert!(!gallery.has("<script>") && gallery.has("&#60;script&#62;"));
}

#[actix_web::test]
async fn a_static_file_is_kept_for_ever_under_its_own_name_only() {
    let house = House::new().await;
    let url = crate::asset!("app.css");
    let css =
        house.send(request(Method::GET, url, None).insert_header(("accept-encoding", "br, gzip"))).await;
    assert_eq!((css.status, css.header("content-encoding")), (200, "gzip"));
    assert!(css.header("cache-control").contains("immutable"));
    assert_eq!(house.get("/static/app.css", None).await.status, 404);
    assert_eq!(house.get("/favicon.ico", None).await.status, 200);
}
