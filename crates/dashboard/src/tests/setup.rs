//! The first administrator, and signing in.

use std::time::Duration;

use super::*;

fn code_of(address: &str) -> String {
    address.rsplit_once("code=").unwrap().1.to_owned()
}

const FORM: [(&str, &str); 4] =
    [("name", "Mira"), ("email", "mira@example.org"), ("password", PASSWORD), ("account", "Fernhill")];

#[actix_web::test]
async fn the_first_admin_needs_the_printed_code_and_ends_the_setup() {
    let house = House::new().await;
    house.dashboard.announce_setup().await.unwrap();
    let address = house.announced.lock()[0].clone();
    assert!(address.starts_with("http://127.0.0.1:8080/dashboard/setup?code="));
    assert_eq!(house.get("/dashboard", None).await.leads_to(), "/dashboard/setup");

    let bare = house.get("/dashboard/setup", None).await;
    assert!(bare.status == 200 && bare.has("Setup code") && !bare.has("Create admin"));
    let open = house.get(&address["http://127.0.0.1:8080".len()..], None).await;
    assert!(open.status == 200 && open.has("Create admin and continue") && open.has("My images"));

    let code = code_of(&address);
    let mut form = FORM.to_vec();
    form.push(("code", &code));
    let poor = house.post("/dashboard/setup", None, &[("password", "short"), ("code", &code)]).await;
    assert!(poor.status == 422 && poor.has("Enter your name.") && poor.has("aria-invalid"));
    let done = house.post("/dashboard/setup", None, &form).await;
    assert_eq!(done.leads_to(), "/dashboard");
    assert!(done.header("set-cookie").contains("HttpOnly; SameSite=Lax"));
    assert_eq!(house.account().await.display_name, "Fernhill");
    assert_eq!(house.get("/dashboard/setup", None).await.status, 404);
    assert_eq!(house.post("/dashboard/setup", None, &form).await.status, 404);
}

#[actix_web::test]
async fn setup_cannot_be_taken_over() {
    let house = House::new().await;
    house.dashboard.announce_setup().await.unwrap();
    let old = code_of(&house.announced.lock()[0].clone());
    for _ in 0..5 {
        let wrong = [FORM.as_slice(), &[("code", "AAAA-AAAA")]].concat();
        assert_eq!(house.post("/dashboard/setup", None, &wrong).await.status, 422);
    }
    let waits = house.get(&format!("/dashboard/setup?code={old}"), None).await;
    assert!(waits.status == 422 && waits.has("Try again in 5 s."), "{}", waits.body);
    assert!(!house.catalog().has_people().await.unwrap());

    house.pass(Duration::from_secs(31 * 60));
    let late = house.get(&format!("/dashboard/setup?code={old}"), None).await;
    assert!(late.status == 422 && late.has("older than 30 minutes"));
    let new = code_of(&house.announced.lock()[1].clone());
    assert_ne!(new, old);
    assert_eq!(house.get(&format!("/dashboard/setup?code={new}"), None).await.status, 200);
}

#[actix_web::test]
async fn signing_in_tells_nothing_and_slows_down_guessing() {
    let house = House::new().await;
    house.guest("ada@example.org", Some(Role::Editor)).await;
    let try_in = |email, password| {
        let house = &house;
        async move { house.post("/dashboard/login", None, &[("email", email), ("password", password)]).await }
    };
    let wrong = try_in("ada@example.org", "not her password").await;
    let unknown = try_in("who@example.org", "not her password").await;
    for answer in [&wrong, &unknown] {
        assert_eq!(answer.status, 422);
        assert!(answer.has("E-mail or password is wrong.") && answer.has("tabindex=\"-1\" autofocus"));
    }
    assert!(wrong.has("value=\"ada@example.org\""));
    let filter = catalog::AuditFilter {
        account: None,
        act: Some("session.start".into()),
        limit: 10,
        ..Default::default()
    };
    let noted = house.catalog().audit(&filter).await.unwrap();
    let refused: Vec<_> =
        noted.iter().filter(|line| line.result == "refused").map(|line| &*line.target).collect();
    assert_eq!(refused, ["person:who@example.org", "person:ada@example.org"]);
    let right = try_in(" Ada@Example.org ", PASSWORD).await;
    assert_eq!(right.leads_to(), "/dashboard");
    for _ in 0..5 {
        try_in("ada@example.org", "not her password").await;
    }
    let waits = try_in("ada@example.org", PASSWORD).await;
    assert!(waits.status == 429 && waits.has("data-wait-s="), "{}", waits.body);
    assert_eq!(waits.header("retry-after"), "60");
}

#[actix_web::test]
async fn a_password_that_is_asked_for_again_is_guessed_no_faster() {
    let house = House::new().await;
    let mira = house.guest("mira@example.org", Some(Role::Owner)).await;
    house.pass(Duration::from_secs(3_600));
    let path = format!("/dashboard/{}/keys/default/reveal", house.account().await.id);
    for _ in 0..5 {
        assert_eq!(house.post(&path, Some(&mira), &[("password", "not her password")]).await.status, 422);
    }
    let waits = house.post(&path, Some(&mira), &[("password", PASSWORD)]).await;
    assert!(waits.status == 429 && waits.has("try again in 60 s"), "{}", waits.body);
    assert_eq!(waits.header("retry-after"), "60");
}

#[actix_web::test]
async fn a_session_that_ended_leads_to_sign_in_and_tells_scripts() {
    let house = House::new().await;
    let ada = house.guest("ada@example.org", Some(Role::Editor)).await;
    let path = format!("/dashboard/{}/images?q=a", house.account().await.id);
    assert_eq!(house.get(&path, Some(&ada)).await.status, 200);
    house.catalog().end_sessions(&ada.person, &Actor::command()).await.unwrap();
    let page = house.get(&path, Some(&ada)).await;
    assert!(page.leads_to().starts_with("/dashboard/login?next=/dashboard/"));
    let script = house.send(request(Method::GET, &path, Some(&ada)).insert_header(("x-swap", "1"))).await;
    assert!(script.status == 401 && script.has("\"code\":\"signed_out\""));

    let form = [("email", "ada@example.org"), ("password", PASSWORD)];
    let again = request(Method::POST, "/dashboard/login", None)
        .insert_header(("sec-fetch-site", "same-origin"))
        .insert_header(("accept", "application/json"))
        .set_form(form);
    let again = house.send(again).await;
    assert!(again.status == 200 && again.has("\"csrf\":\"") && again.header("cache-control") == "no-store");
}
