//! The pages Delivery and Audit over HTTP: who sees and changes what, what is asked before it is done, what is written
//! into files.

use catalog::{Fetched, Flexible, Mount, SchemeMode};

use super::*;

const PEM: &str = include_str!("../../../signing/src/public_key/p256.pem");

/// A path of the account.
async fn at(house: &House, rest: &str) -> String {
    format!("/dashboard/{}/{rest}", house.account().await.id)
}

#[actix_web::test]
async fn only_an_admin_sees_delivery_and_audit() {
    let house = House::new().await;
    let ada = house.guest("ada@example.org", Some(Role::Editor)).await;
    let mira = house.guest("mira@example.org", Some(Role::Admin)).await;
    for rest in [
        "delivery",
        "delivery/schemes/cloudfront",
        "delivery/schemes/cloudfront/keys/new",
        "audit",
        "audit.csv",
        "audit/fetches",
        "audit/fetches.csv",
    ] {
        let path = at(&house, rest).await;
        assert_eq!(house.get(&path, Some(&mira)).await.status, 200, "{rest}");
        let refused = house.get(&path, Some(&ada)).await;
        assert!(refused.status == 403 && refused.has("Your role in"), "{rest}");
    }
    for rest in [
        "delivery",
        "delivery/flexible",
        "delivery/revoked",
        "delivery/schemes/s3",
        "delivery/schemes/s3/mode",
        "delivery/schemes/s3/keys/new",
    ] {
        let path = at(&house, rest).await;
        assert_eq!(
            house.post(&path, Some(&ada), &[("mode", "enforce"), ("to", "all")]).await.status,
            403,
            "{rest}"
        );
    }
    let gallery = house.get(&at(&house, "images").await, Some(&ada)).await;
    assert!(!gallery.has("/delivery") && !gallery.has("/audit"));
    assert_eq!(house.account().await.policy, catalog::AccountPolicy::default());
}

#[actix_web::test]
async fn a_wrong_rule_keeps_all_as_it_was_and_what_was_typed() {
    let house = House::new().await;
    let mira = house.guest("mira@example.org", Some(Role::Owner)).await;
    let path = at(&house, "delivery").await;
    let form = |ttl: &'static str, ignored: &'static str| {
        [
            ("browser_ttl", ttl),
            ("browser_ttl_unit", "3600"),
            ("corp", "same-site"),
            ("require_exp", "1"),
            ("max_lifetime", "7"),
            ("max_lifetime_unit", "86400"),
            ("min_prefix_depth", "2"),
            ("leeway", "10"),
            ("ignore_params", ignored),
            ("hide_existence", "on"),
            ("collapse_refusals", "1"),
        ]
    };
    let refused = house.post(&path, Some(&mira), &form("0", "sig")).await;
    assert!(refused.status == 422 && refused.has("Type a time from 1 hour to 365 days."), "{}", refused.body);
    assert!(
        refused.has("href=\"#ignore_params\"")
            && refused.has("name=\"leeway\" inputmode=\"numeric\" autocomplete=\"off\" value=\"10\"")
    );
    assert_eq!(house.account().await.policy, catalog::AccountPolicy::default());

    assert_eq!(house.post(&path, Some(&mira), &form("48", "utm_*")).await.leads_to(), path);
    let policy = house.account().await.policy;
    assert_eq!((policy.max_lifetime_s, policy.leeway_s, policy.min_prefix_depth), (Some(604_800), 10, 2));
    assert!(policy.collapse_refusals && policy.browser_ttl_s == 172_800 && policy.ignore_params == ["utm_*"]);
    let audit = house.get(&at(&house, "audit?act=account.set").await, Some(&mira)).await;
    assert!(!audit.has("browser_ttl=") && audit.has("max_lifetime=604800"), "what stayed is not noted");
}

#[actix_web::test]
async fn what_only_a_bucket_can_do_is_off_with_its_reason_and_stays_as_it_was_set() {
    let house = House::new().await;
    let mira = house.guest("mira@example.org", Some(Role::Owner)).await;
    let account = house.account().await;
    let set = [("redirect_to_storage".to_owned(), "9000".to_owned())];
    house.catalog().update_account(&account.id, &set, &Actor::command()).await.unwrap();
    let path = at(&house, "delivery").await;
    let page = house.get(&path, Some(&mira)).await;
    assert!(page.has("name=\"redirect_to_storage\"") && page.has("value=\"9\" disabled"), "{}", page.body);
    assert!(page.has("only a bucket can hand them out itself"));
    let form = [
        ("browser_ttl", "2"),
        ("browser_ttl_unit", "86400"),
        ("corp", "cross-origin"),
        ("min_prefix_depth", "1"),
        ("leeway", "7"),
        ("hide_existence", "auto"),
    ];
    house.post(&path, Some(&mira), &form).await.leads_to();
    let policy = house.account().await.policy;
    assert_eq!((policy.leeway_s, policy.redirect_to_storage_bytes), (7, Some(9_000)));
}

#[actix_web::test]
async fn the_page_about_the_api_is_for_everybody_and_escapes_what_it_tells() {
    let house = House::new().await;
    let stranger = house.get("/api/docs", None).await;
    assert!(stranger.status == 200 && stranger.has("Tells &#60;of&#62; it") && !stranger.has("Sign out"));
    let ada = house.guest("ada@example.org", Some(Role::Viewer)).await;
    assert!(house.get("/api/docs", Some(&ada)).await.has("Sign out"));
    assert!(house.get(&at(&house, "images").await, Some(&ada)).await.has("href=\"/api/docs\""));
    assert_eq!(house.post("/api/docs", Some(&ada), &[]).await.status, 405);
}

#[actix_web::test]
async fn flexible_variants_change_after_their_question_only() {
    let house = House::new().await;
    let mira = house.guest("mira@example.org", Some(Role::Owner)).await;
    let path = at(&house, "delivery/flexible").await;
    let asked = house.post(&path, Some(&mira), &[("to", "all")]).await;
    assert!(asked.status == 200 && asked.has("Open flexible variants to everyone?"));
    assert_eq!(house.account().await.policy.flexible_variants, Flexible::Signed);
    house.post(&path, Some(&mira), &[("to", "all"), ("sure", "1")]).await.leads_to();
    assert_eq!(house.account().await.policy.flexible_variants, Flexible::All);
    assert!(house.post(&path, Some(&mira), &[("to", "off")]).await.has("No requests in the last 24 hours"));
    assert_eq!(house.post(&path, Some(&mira), &[("to", "some")]).await.status, 422);
}

#[actix_web::test]
async fn a_scheme_is_switched_on_with_a_key_and_off_by_its_name() {
    let house = House::new().await;
    let mira = house.guest("mira@example.org", Some(Role::Owner)).await;
    let account = house.account().await.id;
    let scheme = at(&house, "delivery/schemes/cloudfront").await;
    let key = [("name", "old-cdn"), ("id", "K2JCJMDEHXQW5F"), ("public_key", PEM)];
    assert_eq!(house.post(&format!("{scheme}/keys/new"), Some(&mira), &key).await.leads_to(), scheme);
    let again = house.post(&format!("{scheme}/keys/new"), Some(&mira), &key).await;
    assert!(again.status == 422 && again.has("There is a key of this name."));

    house.post(&format!("{scheme}/mode"), Some(&mira), &[("mode", "report")]).await.leads_to();
    house.catalog().reports().note(account, Scheme::CloudFront, "ok", Timestamp::from_seconds(1_795_000_000));
    house.catalog().reports().note(
        account,
        Scheme::CloudFront,
        "expired",
        Timestamp::from_seconds(1_795_000_000),
    );
    let asked = house.post(&format!("{scheme}/mode"), Some(&mira), &[("mode", "enforce")]).await;
    assert!(
        asked.has("Let CloudFront open private images?") && asked.has("The URL has expired."),
        "{}",
        asked.body
    );
    assert!(house.get(&at(&house, "delivery").await, Some(&mira)).await.has("2 seen, 1 would be refused"));
    house
        .post(&format!("{scheme}/mode"), Some(&mira), &[("mode", "enforce"), ("sure", "1")])
        .await
        .leads_to();

    house.deliver_signed("old-cdn", 30).await;
    let revoke = at(&house, "delivery/keys/old-cdn/revoke").await;
    let asked = house.get(&revoke, Some(&mira)).await;
    assert!(asked.has("about 1 request an hour will fail") && asked.has("Retire instead"));
    let off = [("mode", "off"), ("sure", "1")];
    let refused = house.post(&format!("{scheme}/mode"), Some(&mira), &off).await;
    assert!(
        refused.status == 422
            && refused.has("30 requests in the last 24 hours")
            && refused.has("Type cloudfront to confirm.")
    );
    house
        .post(&format!("{scheme}/mode"), Some(&mira), &[off[0], off[1], ("confirm", "cloudfront")])
        .await
        .leads_to();
    let entry = house.catalog().schemes(&account).await.unwrap();
    assert!(entry.iter().any(|entry| entry.scheme == Scheme::CloudFront && entry.mode == SchemeMode::Off));

    assert_eq!(house.post(&revoke, Some(&mira), &[("confirm", "old")]).await.status, 422);
    house.post(&revoke, Some(&mira), &[("confirm", "old-cdn")]).await.leads_to();
    assert_eq!(house.get(&revoke, Some(&mira)).await.status, 404, "it is gone");
    assert!(house.get(&at(&house, "keys").await, Some(&mira)).await.has("Keys of other services"));
}

#[actix_web::test]
async fn a_secret_of_another_service_is_taken_and_never_shown() {
    let house = House::new().await;
    let mira = house.guest("mira@example.org", Some(Role::Owner)).await;
    let scheme = at(&house, "delivery/schemes/edgeauth").await;
    let wrong = [("name", "akamai"), ("secret", "5ec2e7-is-not-hex")];
    let refused = house.post(&format!("{scheme}/keys/new"), Some(&mira), &wrong).await;
    assert!(refused.status == 422 && refused.has("hex digits") && !refused.has("5ec2e7"));
    let key = [("name", "akamai"), ("secret", "5ec2e75ec2e7")];
    house.post(&format!("{scheme}/keys/new"), Some(&mira), &key).await.leads_to();
    let salt = [("parameter", "hdnts"), ("hash", "sha256"), ("salt", "a pinch of it")];
    house.post(&scheme, Some(&mira), &salt).await.leads_to();
    for rest in ["delivery", "delivery/schemes/edgeauth", "keys", "audit", "delivery/keys/akamai/revoke"] {
        let page = house.get(&at(&house, rest).await, Some(&mira)).await;
        assert!(page.status == 200 && !page.has("5ec2e7") && !page.has("a pinch"), "{rest}");
    }
    assert!(house.get(&scheme, Some(&mira)).await.has("Set; type to replace it"));
}

#[actix_web::test]
async fn a_mount_is_given_by_who_runs_the_server_alone() {
    let house = House::new().await;
    let mira = house.guest("mira@example.org", Some(Role::Owner)).await;
    let account = house.account().await.id;
    let mount = at(&house, "delivery/mounts/imgproxy").await;
    assert!(!house.get(&at(&house, "delivery").await, Some(&mira)).await.has("delivery/mounts/"));
    assert_eq!(house.get(&mount, Some(&mira)).await.status, 403);
    assert_eq!(house.post(&mount, Some(&mira), &[("act", "give")]).await.status, 403);

    let new = NewPerson {
        email: "root@example.org".into(),
        name: "Root".into(),
        password: Secret::new(PASSWORD),
        place: Some((account, Role::Admin)),
        operator: true,
    };
    let person = house.catalog().insert_person(new, &Actor::command()).await.unwrap();
    let started = house.catalog().start_session(&person, &Actor::command()).await.unwrap();
    let cookie = format!("darkroom_session={}", started.value.reveal());
    let root = Guest { person, cookie, token: csrf::token(&started.session.csrf) };
    assert!(house.get(&mount, Some(&root)).await.has("Give /imgproxy to"));
    house.post(&mount, Some(&root), &[("act", "give")]).await.leads_to();
    let holders = house.catalog().mounts().await.unwrap();
    assert!(holders.contains(&(Mount::Imgproxy, Some(account))));
    assert!(house.get(&mount, Some(&root)).await.has("Take /imgproxy from"));
    house.post(&mount, Some(&root), &[("act", "take")]).await.leads_to();
    assert!(house.catalog().mounts().await.unwrap().contains(&(Mount::Imgproxy, None)));
}

#[actix_web::test]
async fn the_audit_log_is_filtered_paged_and_written_into_a_file_without_formulas() {
    let house = House::new().await;
    let mira = house.guest("mira@example.org", Some(Role::Owner)).await;
    let account = house.account().await.id;
    let actor = Actor { name: "=cmd()".into(), ..Actor::default() };
    for at in 0..65 {
        house
            .catalog()
            .record(Some(&account), &actor, "key.copy", &format!("+key:{at}"), "done")
            .await
            .unwrap();
    }
    let path = at(&house, "audit?act=key.copy").await;
    let first = house.get(&path, Some(&mira)).await;
    assert_eq!(first.body.matches("Signing key copied</").count() - 1, 0, "the select");
    assert_eq!(first.body.matches("+key:").count(), 60);
    let older = first.body.split("rel=\"next\" href=\"").nth(1).unwrap().split('"').next().unwrap();
    let second = house.get(&older.replace("&amp;", "&").replace("&#38;", "&"), Some(&mira)).await;
    assert_eq!(second.body.matches("+key:").count(), 5);
    assert_eq!(house.get(&format!("{path}&after=AAAA"), Some(&mira)).await.leads_to(), path);

    let file = house.get(&at(&house, "audit.csv?act=key.copy").await, Some(&mira)).await;
    assert!(
        file.header("content-type").starts_with("text/csv")
            && file.header("content-disposition").contains("audit.csv")
    );
    let lines: Vec<&str> = file.body.trim_end().split("\r\n").collect();
    assert_eq!((lines.len(), lines[0]), (66, "time,actor,act,object,result,address,request"));
    assert!(lines[1..].iter().all(|line| line.contains(",'=cmd(),key.copy,'+key:")), "{}", lines[1]);
    let none = house.get(&at(&house, "audit?from=2031-01-01").await, Some(&mira)).await;
    assert!(none.has("Nothing recorded in this period.") && none.has("Clear filters"));
}

#[actix_web::test]
async fn fetches_say_who_had_what_with_which_token() {
    let house = House::new().await;
    let mira = house.guest("mira@example.org", Some(Role::Owner)).await;
    let account = house.account().await.id;
    let empty = house.get(&at(&house, "audit/fetches").await, Some(&mira)).await;
    assert!(empty.has("Nothing recorded in this period."));
    let (key, now) = ("default".parse().unwrap(), Timestamp::from_seconds(1_795_000_000));
    let fetched = Fetched {
        account,
        image: "<b>cat</b>",
        variant: "public",
        scheme: Scheme::Native,
        key: Some(&key),
        subject: Some("ada@shop.example"),
        token_id: Some("album-token"),
        verdict: "ok",
        address: Some([203, 0, 113, 24].into()),
    };
    (0..3).for_each(|_| house.catalog().fetches().note(&fetched, now));
    let late = Fetched { verdict: "expired", token_id: Some("other-token"), ..fetched };
    house.catalog().fetches().note(&late, now);
    let all = house.get(&at(&house, "audit/fetches").await, Some(&mira)).await;
    assert!(
        all.has("album-token")
            && all.has("203.0.113.24")
            && all.has("The URL has expired.")
            && !all.has("<b>cat")
    );
    let refused = house.get(&at(&house, "audit/fetches?verdict=refused").await, Some(&mira)).await;
    assert!(refused.has("The URL has expired.") && refused.has("other-token") && !refused.has("album-token"));
    let file = house.get(&at(&house, "audit/fetches.csv?token_id=album-token").await, Some(&mira)).await;
    let lines: Vec<&str> = file.body.trim_end().split("\r\n").collect();
    assert_eq!(lines.len(), 2);
    assert!(
        lines[1]
            .ends_with(",<b>cat</b>,public,native,default,ada@shop.example,album-token,ok,3,203.0.113.24"),
        "{}",
        lines[1]
    );
}

#[actix_web::test]
async fn the_check_tells_nothing_of_another_account() {
    let house = House::new().await;
    let ada = house.guest("ada@example.org", Some(Role::Editor)).await;
    let check = at(&house, "check").await;
    let new = catalog::NewAccount {
        handle: "other".parse().unwrap(),
        display_name: None,
        given: None,
        settings: Vec::new(),
    };
    let other = house.catalog().insert_account(new, &Actor::command()).await.unwrap();
    let url = format!("/{}/cat/public?exp=2000000000&sig={}", other.hash, "0".repeat(64));
    let told = house.post(&check, Some(&ada), &[("url", &url)]).await;
    assert!(
        told.has("This URL is of another account")
            && !told.has("signature does not match")
            && !told.has("Signed text")
    );
    assert_eq!(told.header("cache-control"), "no-store");
    let wrong = house.post(&check, Some(&ada), &[("url", &url), ("address", "here")]).await;
    assert!(wrong.status == 422 && wrong.has("<details class=\"more\" open>") && wrong.has("value=\"here\""));
}

#[actix_web::test]
async fn a_url_that_a_page_signs_is_one_that_the_rules_let_in() {
    let house = House::new().await;
    let ada = house.guest("ada@example.org", Some(Role::Editor)).await;
    house.put_images(1, |_| "a.jpg".into()).await;
    let account = house.account().await.id;
    let page = house
        .catalog()
        .page_images(&account, &Default::default(), Default::default(), None, 1)
        .await
        .unwrap();
    let path = at(&house, &format!("image?id={}&expires=604800", page.items[0].id)).await;
    assert!(house.get(&path, Some(&ada)).await.has("sig="));
    let set = |name: &str, value: &str| [(name.to_owned(), value.to_owned())];
    let settings = set("revoked_before", "1794999000");
    house.catalog().update_account(&account, &settings, &Actor::command()).await.unwrap();
    assert!(house.get(&path, Some(&ada)).await.has("s-iat=1795000000"), "it says that it is a later one");
    house.catalog().update_account(&account, &set("max_lifetime", "3600"), &Actor::command()).await.unwrap();
    let told = house.get(&path, Some(&ada)).await;
    assert!(told.has("The URL lives longer than the account allows.") && !told.has("sig="));
}
