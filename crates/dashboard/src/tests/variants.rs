//! Variants and options in forms: made, changed, tried on an image, deleted; nothing typed is lost.

use domain::VariantName;

use super::*;

#[actix_web::test]
async fn a_variant_is_made_changed_and_deleted() {
    let house = House::new().await;
    let mira = house.guest("mira@example.org", Some(Role::Owner)).await;
    let account = house.account().await.id;
    let at = |rest: &str| format!("/dashboard/{account}/variants{rest}");
    let fields: &[(&str, &str)] = &[
        ("name", "hero"),
        ("width", "1600"),
        ("height", "900"),
        ("fit", "crop"),
        ("border.width", "4"),
        ("border.color", "#ff0000"),
        ("draw", "(text=Hello you)"),
    ];
    let done = house.post(&at("/new"), Some(&mira), fields).await;
    assert_eq!(done.status, 303, "{}", done.body);
    let hero: VariantName = "hero".parse().unwrap();
    let found = house.catalog().variant(&account, &hero).await.unwrap();
    assert_eq!(
        found.options.to_string(),
        "w=1600,h=900,fit=crop,border.color=%23ff0000,border.width=4,draw=(text=Hello%20you;size=12;color=%23000000),\
         metadata=none"
    );
    let list = house.get(&at(""), Some(&mira)).await;
    assert!(
        list.has("1600 × 900, crop") && list.has(&at("/hero/delete")) && !list.has(&at("/public/delete"))
    );
    let form = house.get(&at("/hero"), Some(&mira)).await;
    assert!(form.has("value=\"1600\"") && form.has("value=\"#ff0000\"") && form.has("Hello%20you"));
    let fields: &[(&str, &str)] = &[
        ("width", "auto"),
        ("other", "wbreakpoints=320;768"),
        ("always_public", "1"),
        ("browser_ttl", "3600"),
    ];
    assert_eq!(house.post(&at("/hero"), Some(&mira), fields).await.status, 303);
    let found = house.catalog().variant(&account, &hero).await.unwrap();
    assert_eq!(found.options.to_string(), "w=auto,wbreakpoints=320;768");
    assert_eq!((found.always_public, found.browser_ttl_s), (true, Some(3600)));
    assert_eq!(house.post(&at("/hero/delete"), Some(&mira), &[]).await.status, 303);
    assert!(house.catalog().variant(&account, &hero).await.is_err());
    assert_eq!(house.post(&at("/public/delete"), Some(&mira), &[]).await.status, 403);
    assert_eq!(house.get(&at("/hero"), Some(&mira)).await.status, 404);
}

#[actix_web::test]
async fn a_wrong_form_comes_back_with_what_was_typed_and_what_is_wrong() {
    let house = House::new().await;
    let mira = house.guest("mira@example.org", Some(Role::Owner)).await;
    let account = house.account().await.id;
    let new = format!("/dashboard/{account}/variants/new");
    let page = house
        .post(
            &new,
            Some(&mira),
            &[("name", "a=b"), ("width", "0"), ("blur", "soft"), ("quality", "80"), ("browser_ttl", "never")],
        )
        .await;
    assert_eq!(page.status, 422);
    for text in [
        "value=\"a=b\"",
        "value=\"soft\"",
        "value=\"80\"",
        "Width must be",
        "Blur must be",
        "whole number of seconds",
    ] {
        assert!(page.has(text), "{text}");
    }
    assert_eq!(house.post(&new, Some(&mira), &[("name", "hero"), ("width", "5")]).await.status, 303);
    let twice = house.post(&new, Some(&mira), &[("name", "hero"), ("width", "6")]).await;
    assert!(twice.status == 422 && twice.has("There is a variant of this name.") && twice.has("value=\"6\""));
}

#[actix_web::test]
async fn a_variant_that_is_in_use_is_deleted_by_its_name_only() {
    let house = House::new().await;
    let mira = house.guest("mira@example.org", Some(Role::Owner)).await;
    let account = house.account().await.id;
    let at = |rest: &str| format!("/dashboard/{account}/variants{rest}");
    assert_eq!(house.post(&at("/new"), Some(&mira), &[("name", "hero"), ("width", "5")]).await.status, 303);
    house.deliver("hero", 5).await;
    assert!(house.get(&at("/hero/delete"), Some(&mira)).await.has("5 requests in the last 30 days"));
    let asked = house.post(&at("/hero/delete"), Some(&mira), &[("confirm", "her")]).await;
    assert!(asked.status == 422 && asked.has("Type hero to confirm."));
    assert_eq!(house.post(&at("/hero/delete"), Some(&mira), &[("confirm", "hero")]).await.status, 303);
}

#[actix_web::test]
async fn options_are_tried_on_an_image_and_lead_to_a_url_and_a_variant() {
    let house = House::new().await;
    let mira = house.guest("mira@example.org", Some(Role::Owner)).await;
    let account = house.account().await.id;
    house.put_images(1, |_| "a.jpg".into()).await;
    let found = house
        .catalog()
        .page_images(&account, &Default::default(), Default::default(), None, 1)
        .await
        .unwrap();
    let image = format!("/dashboard/{account}/image?id={}&variant=%3D", found.items[0].id);
    let page = house.get(&format!("{image}&width=600&fit=cover&quality=60"), Some(&mira)).await;
    assert_eq!(page.status, 200);
    for text in [
        "Options in the URL need a signature in this account.",
        "w=600,fit=cover,quality=60",
        "?exp=",
        "variants/new?options=w%3D600",
        "value=\"600\"",
    ] {
        assert!(page.has(text), "{text}");
    }
    let wrong = house.get(&format!("{image}&width=wide"), Some(&mira)).await;
    assert!(
        wrong.has("Fix the options to get a URL.")
            && wrong.has("Width must be")
            && !wrong.has("variants/new?options")
    );
    let seeded =
        house.get(&format!("/dashboard/{account}/variants/new?options=w%3D600,blur%3D5"), Some(&mira)).await;
    assert!(seeded.has("value=\"600\"") && seeded.has("value=\"5\""));
}
