//! Forms: where they may come from, what they do, and that nothing typed is lost.

use std::time::Duration;

use catalog::AuditFilter;

use super::*;

const BOUNDARY: &str = "----form";

/// A form with files, as a browser sends it.
fn multipart(fields: &[(&str, &str)], files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in fields {
        body.extend(
            format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
                .bytes(),
        );
    }
    for (filename, bytes) in files {
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{filename}\"\r\n\r\n"
        );
        body.extend([head.as_bytes(), bytes, b"\r\n"].concat());
    }
    body.extend(format!("--{BOUNDARY}--\r\n").bytes());
    body
}

fn upload(path: &str, guest: &Guest, body: Vec<u8>) -> TestRequest {
    request(Method::POST, path, Some(guest))
        .insert_header(("sec-fetch-site", "same-origin"))
        .insert_header(("content-type", format!("multipart/form-data; boundary={BOUNDARY}")))
        .set_payload(body)
}

#[actix_web::test]
async fn a_form_of_another_site_or_without_its_token_changes_nothing() {
    let house = House::new().await;
    let mira = house.guest("mira@example.org", Some(Role::Owner)).await;
    let path = format!("/dashboard/{}/keys/new", house.account().await.id);
    let send = |site: &'static str, token: &str| {
        let form = [("name", "web"), ("csrf", token)];
        request(Method::POST, &path, Some(&mira)).insert_header(("sec-fetch-site", site)).set_form(form)
    };
    let old = csrf::token(&Secret::new("another session"));
    for form in [send("cross-site", &mira.token), send("same-origin", ""), send("same-origin", &old)] {
        let refused = house.send(form).await;
        assert!(refused.status == 403 && refused.has("This form is too old. Reload the page and try again."));
    }
    let account = house.account().await.id;
    assert_eq!(house.catalog().signing_keys(&account).await.unwrap().len(), 1);
    assert_eq!(house.send(send("same-origin", &mira.token)).await.status, 303);
    assert_eq!(house.catalog().signing_keys(&account).await.unwrap().len(), 2);
}

#[actix_web::test]
async fn the_plain_form_takes_several_files_and_says_what_became_of_each() {
    let house = House::new().await;
    let ada = house.guest("ada@example.org", Some(Role::Editor)).await;
    let path = format!("/dashboard/{}/images/upload", house.account().await.id);
    let picture = png();
    let files: [(&str, &[u8]); 3] = [("one.png", &picture), ("note.txt", b"words"), ("two.png", &picture)];
    let body = multipart(&[("csrf", &ada.token)], &files);
    let result = house.send(upload(&path, &ada, body)).await;
    assert_eq!(result.status, 422);
    assert!(
        result.has("2 of 3 uploaded") && result.has("Use JPEG, PNG, WebP, AVIF, GIF, JPEG XL or SVG."),
        "{}",
        result.body
    );
    assert_eq!(house.account().await.totals.images, 2);

    let body = multipart(&[("csrf", &ada.token), ("private", "1")], &[("three.png", &picture)]);
    let result = house.send(upload(&path, &ada, body)).await;
    assert!(result.status == 200 && result.has("1 of 1 uploaded"));
    let none = house.send(upload(&path, &ada, multipart(&[("csrf", &ada.token)], &[("", b"")]))).await;
    assert!(none.status == 422 && none.has("Choose at least one file."));
    let forged =
        house.send(upload(&path, &ada, multipart(&[("csrf", "x")], &[("four.png", &picture)]))).await;
    assert_eq!(forged.status, 403);
    assert_eq!(house.account().await.totals.images, 3);
}

#[actix_web::test]
async fn the_tray_gets_a_tile_or_a_reason_and_never_two_images_for_one_key() {
    let house = House::new().await;
    let ada = house.guest("ada@example.org", Some(Role::Editor)).await;
    let path = format!("/dashboard/{}/images/upload", house.account().await.id);
    let picture = png();
    let send = |name, bytes: &[u8]| {
        upload(&path, &ada, multipart(&[], &[(name, bytes)]))
            .insert_header(("accept", "application/json"))
            .insert_header(("x-csrf-token", ada.token.clone()))
            .insert_header(("idempotency-key", format!("key of {name}")))
    };
    let first = house.send(send("one.png", &picture)).await;
    assert!(
        first.status == 200 && first.has("\"first\":true") && first.has("\"replayed\":false"),
        "{}",
        first.body
    );
    assert!(first.has("class=\\\"tile\\\"") && first.has("1 image · "));
    let again = house.send(send("one.png", &picture)).await;
    assert!(again.has("\"replayed\":true") && again.has("\"images\":1"));
    for (name, bytes, status, code) in
        [("empty.jpg", &b""[..], 422, "damaged"), ("a.tif", b"II*\0aaaaaaaaaaaa", 415, "type")]
    {
        let refused = house.send(send(name, bytes)).await;
        assert_eq!(refused.status, status, "{}", refused.body);
        assert!(
            refused.has(&format!("\"code\":\"{code}\"")) && refused.has("\"retry\":false"),
            "{}",
            refused.body
        );
    }
}

#[actix_web::test]
async fn metadata_past_its_limit_is_refused_and_nothing_typed_is_lost() {
    let house = House::new().await;
    let ada = house.guest("ada@example.org", Some(Role::Editor)).await;
    house.put_images(1, |_| "a.jpg".into()).await;
    let account = house.account().await.id;
    let page = house
        .catalog()
        .page_images(&account, &Default::default(), Default::default(), None, 1)
        .await
        .unwrap();
    let path = format!("/dashboard/{account}/image/metadata?id={}", page.items[0].id);
    let long = "x".repeat(1_100);
    let form = [
        ("meta_key", "product"),
        ("meta_value", "SKU-1"),
        ("meta_key", "long"),
        ("meta_value", &long),
        ("act", "save"),
    ];
    let refused = house.post(&path, Some(&ada), &form).await;
    assert!(
        refused.status == 422 && refused.has(&long) && refused.has("SKU-1") && refused.has("aria-invalid")
    );
    assert!(refused.has("this is 105 too many"));
    let added = house
        .post(&path, Some(&ada), &[("meta_key", "product"), ("meta_value", "SKU-1"), ("act", "add")])
        .await;
    assert_eq!(added.body.matches("name=\"meta_key\" id=").count(), 2);
    assert!(house.catalog().image(&account, &page.items[0].id).await.unwrap().metadata.is_empty());
    let saved = house
        .post(&path, Some(&ada), &[("meta_key", "product"), ("meta_value", "SKU-1"), ("act", "save")])
        .await;
    assert!(saved.leads_to().contains("/image?id="));
    assert_eq!(
        house.catalog().image(&account, &page.items[0].id).await.unwrap().metadata["product"],
        "SKU-1"
    );
}

#[actix_web::test]
async fn a_signing_key_is_shown_after_a_fresh_password_only_and_the_log_knows() {
    let house = House::new().await;
    let mira = house.guest("mira@example.org", Some(Role::Owner)).await;
    let account = house.account().await.id;
    let secret = house.catalog().signing_keys(&account).await.unwrap()[0].secret.reveal().to_owned();
    let path = format!("/dashboard/{account}/keys/default/reveal");
    assert!(!house.get(&format!("/dashboard/{account}/keys"), Some(&mira)).await.has(&secret));
    let fresh = house.post(&path, Some(&mira), &[]).await;
    assert!(fresh.has(&secret) && fresh.header("cache-control") == "no-store");
    assert!(fresh.header("refresh").starts_with("30; url=/dashboard/"));

    house.pass(Duration::from_secs(11 * 60));
    let stale = house.post(&path, Some(&mira), &[]).await;
    assert!(!stale.has(&secret) && stale.has("Your password"));
    let wrong = house.post(&path, Some(&mira), &[("password", "not her password")]).await;
    assert!(wrong.status == 422 && !wrong.has(&secret) && wrong.has("This password is wrong."));
    assert!(house.post(&path, Some(&mira), &[("password", PASSWORD), ("copy", "1")]).await.has(&secret));
    let filter = |act: &str| AuditFilter {
        account: Some(account),
        act: Some(act.into()),
        limit: 10,
        ..Default::default()
    };
    assert_eq!(house.catalog().audit(&filter("key.reveal")).await.unwrap().len(), 1);
    let copies = house.catalog().audit(&filter("key.copy")).await.unwrap();
    assert_eq!((copies.len(), copies[0].actor.name.as_str()), (1, "person:mira@example.org"));
}

#[actix_web::test]
async fn revoking_a_key_in_use_tells_the_damage_and_needs_the_typed_name() {
    let house = House::new().await;
    let mira = house.guest("mira@example.org", Some(Role::Owner)).await;
    let account = house.account().await.id;
    let path = format!("/dashboard/{account}/keys/default/revoke");
    house.deliver_signed("default", 12).await;
    let asked = house.get(&path, Some(&mira)).await;
    assert!(asked.has("A new signing key named default is made at the same time"));
    assert!(asked.has("<dd>12</dd>") && asked.has("about 12 requests a day will fail"));
    assert!(asked.has("Rotate instead") && asked.has("<dd>18 May 2033</dd>"));
    for typed in [&[("confirm", "defualt")][..], &[]] {
        let wrong = house.post(&path, Some(&mira), typed).await;
        assert!(wrong.status == 422 && wrong.has("Type default to confirm."));
    }
    assert!(house.post(&path, Some(&mira), &[("confirm", "defualt")]).await.has("value=\"defualt\""));
    assert!(house.post(&path, Some(&mira), &[("confirm", "default")]).await.leads_to().ends_with("/keys"));
    let keys = house.catalog().signing_keys(&account).await.unwrap();
    assert!(keys.iter().any(|key| key.signs && key.id.as_str() == "default"));
}

#[actix_web::test]
async fn a_key_that_nobody_uses_is_revoked_without_typing() {
    let house = House::new().await;
    let account = house.account().await.id;
    let path = format!("/dashboard/{account}/keys/default/revoke");
    house.deliver_signed("default", 1).await;
    house.pass(Duration::from_secs(25 * 3_600));
    let mira = house.guest("mira@example.org", Some(Role::Owner)).await;
    let asked = house.get(&path, Some(&mira)).await;
    assert!(asked.has("No requests in the last 24 hours") && !asked.has("to confirm"));
    assert!(house.post(&path, Some(&mira), &[]).await.leads_to().ends_with("/keys"));
}

#[actix_web::test]
async fn the_list_of_keys_tells_how_each_is_used() {
    let house = House::new().await;
    let mira = house.guest("mira@example.org", Some(Role::Owner)).await;
    let path = format!("/dashboard/{}/keys", house.account().await.id);
    let before = house.get(&path, Some(&mira)).await;
    assert!(before.has("Never") && before.has("Counted up to 1 minute ago."));
    house.deliver_signed("default", 1_204).await;
    let after = house.get(&path, Some(&mira)).await;
    assert!(after.has("card · 203.0.113.24") && after.has("1,204<") && !after.has("Never"));
    assert!(after.has("0; 0; 0; 0; 0; 0; 1,204"), "the line has its words");
}
