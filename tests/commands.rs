//! The command line, as operators and scripts use it: on its own and beside a running server.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{Cli, Place, Setup, TestServer, drawn};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> String {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_fresh_folder_becomes_a_house_by_any_command() {
    let place = Place::new().await;
    let listed = json(&place.cli(&["account", "list", "--json"]).ok().await);
    assert_eq!(listed[0]["handle"], "default");
    assert_eq!(listed[0]["settings"]["require_exp"], "true");
    assert_eq!(listed[0]["hash"].as_str().unwrap().len(), 22);
    let keys = json(&place.cli(&["key", "list", "--json"]).ok().await);
    assert_eq!((&keys[0]["name"], &keys[0]["signs"]), (&Value::from("default"), &Value::from("yes")));
    let secrets: &[&str] = match Setup::of_this_run() {
        Setup::Embedded => &["master.key", "darkroom.db"],
        Setup::PostgresS3 => &["master.key"],
    };
    for secret in secrets {
        let mode = std::fs::metadata(place.folder().join(secret)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{secret}");
    }
}

#[tokio::test]
async fn what_works_on_a_house_makes_none_in_a_wrong_folder() {
    let folder = tempfile::tempdir().unwrap();
    let url = "/AAAAAAAAAAAAAAAAAAAAAA/cat/public";
    let wrong: [&[&str]; 6] = [
        &["backup", "copy"],
        &["sweep"],
        &["doctor"],
        &["sign", url],
        &["verify", url],
        &["key", "rotate-master"],
    ];
    for arguments in wrong {
        let said = Cli::new(folder.path(), arguments).run().await;
        assert_eq!(said.code, 1, "{arguments:?}: {said:?}");
        let told = format!("{}{}", said.out, said.err);
        assert!(
            told.contains("darkroom.db") && told.contains("DARKROOM_DATA_DIR"),
            "{arguments:?}: {said:?}"
        );
        let made: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
        assert!(made.is_empty(), "{arguments:?} made {made:?}");
    }
}

#[tokio::test]
async fn an_account_moved_with_its_hash_keeps_urls_without_expiry() {
    let place = Place::new().await;
    let (id, hash) = ("023e105f4ecef8ad9ca31a8372d0c353", "Vi7wi5KSItxGFsWRG2Us6Q");
    let create =
        ["account", "create", "moved", "--id", id, "--hash", hash, "--json", "flexible_variants=all"];
    let made = json(&place.cli(&create).ok().await);
    assert_eq!((&made[0]["id"], &made[0]["hash"]), (&Value::from(id), &Value::from(hash)));
    assert_eq!(made[0]["settings"]["require_exp"], "false");
    assert_eq!(made[0]["settings"]["flexible_variants"], "all");
    let set = place.cli(&["account", "set", "moved", "require_exp=true"]).ok().await;
    assert!(set.contains("require_exp=true"), "{set}");
    let again = place.cli(&["account", "create", "moved"]).run().await;
    assert_eq!(again.code, 1, "{again:?}");
    let unknown = place.cli(&["account", "set", "moved", "colour=red"]).run().await;
    assert!(unknown.code == 1 && unknown.err.contains("browser_ttl"), "{unknown:?}");
}

#[tokio::test]
async fn a_file_uploaded_beside_the_server_is_delivered_by_it() {
    let server = TestServer::start().await;
    let file = write(server.data_dir(), "beach.jpg", &drawn::file("beach.jpg"));
    let text = write(server.data_dir(), "notes.jpg", b"no picture at all");
    let said = server.cli(["upload", &file, &text, "--json"]).run().await;
    assert_eq!(said.code, 1, "one of the two is refused: {said:?}");
    assert!(said.err.contains("notes.jpg") && said.err.contains("is not accepted"), "{said:?}");
    let uploaded = json(said.out.trim());
    let url = uploaded["variants"][0].as_str().unwrap();
    let path = &url[url.find("/").and_then(|_| url.match_indices('/').nth(2)).unwrap().0..];
    server.get(path).await.expect(200).picture();
}

#[tokio::test]
async fn a_token_is_printed_alone_and_listed_without_its_value() {
    let place = Place::new().await;
    let token = place.cli(&["token", "issue", "--label", "ci", "--permission", "write"]).ok().await;
    assert!(token.starts_with("drk_") && token.lines().count() == 1, "{token}");
    let said = place.cli(&["token", "list", "--json"]).ok().await;
    assert!(!said.contains(&token));
    let listed = json(&said);
    assert!(listed[0]["scopes"].as_str().unwrap().contains("images:write"));
    assert!(!listed[0]["scopes"].as_str().unwrap().contains("account:admin"));
    let id = listed[0]["id"].as_str().unwrap();
    place.cli(&["token", "revoke", id]).ok().await;
    let listed = json(&place.cli(&["token", "list", "--json"]).ok().await);
    assert_ne!(listed[0]["revoked_at"], "");
    for wrong in [&["token", "issue", "--scopes", "images:eat"][..], &["token", "issue", "--expires", "soon"]]
    {
        let said = place.cli(wrong).run().await;
        assert!(said.code == 1 && !said.err.is_empty() && said.out.is_empty(), "{said:?}");
    }
}

#[tokio::test]
async fn a_url_signed_by_the_command_is_accepted_and_explained() {
    let server = TestServer::start().await;
    let cat = server.account().with_image("cat.jpg").private().await;
    // The command reads the system's clock, which the server's begins with.
    let signed = server.cli(["sign", &cat.path("public"), "--expires", "2h"]).ok().await;
    server.get(&signed).await.expect(200);
    let said = server.cli(["verify", &signed, "--explain"]).ok().await;
    assert!(said.contains("accepted, until ") && said.contains("signed text: /"), "{said}");
    let other = signed.replace("/public?", "/card?");
    let refused = server.cli(["verify", &other, "--explain"]).run().await;
    assert!(refused.code == 1 && refused.out.contains("bad_signature") && refused.out.contains("first: "));
    let never = server.cli(["sign", &cat.path("public"), "--expires", "never"]).run().await;
    assert!(never.code == 1 && never.err.contains("requires an expiry"), "{never:?}");
    let foreign = server.cli(["sign", "/AAAAAAAAAAAAAAAAAAAAAA/cat/public"]).run().await;
    assert!(foreign.code == 1 && foreign.err.contains("no account has the hash"), "{foreign:?}");
}

#[tokio::test]
async fn the_command_signs_an_album_narrows_it_and_makes_a_cookie() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let cat = account.with_image("cat.jpg").with_id("albums/cat.jpg").private().await;
    let folder = format!("/{}/albums/", account.account.hash);
    let album =
        server.cli(["sign", &folder, "--prefix", "2", "--variants", "public", "--window", "1h"]).ok().await;
    let below = album.trim().replacen(&folder, &cat.path("public"), 1);
    server.get(&below).await.expect(200);

    let narrowed = server.cli(["sign", "--narrow", &below, "--ip", "203.0.113.7"]).ok().await;
    let refused = server.get(narrowed.trim()).await.expect(403);
    assert_eq!(refused.header("x-image-auth"), Some("ip_mismatch"));
    let said = server.cli(["verify", narrowed.trim(), "--ip", "203.0.113.7", "--explain"]).ok().await;
    assert!(said.contains("passed address: ") && said.contains("accepted, until "), "{said}");

    let cookie = server.cli(["sign", &folder, "--prefix", "2", "--expires", "1h", "--cookie"]).ok().await;
    let cookie = cookie.trim().strip_prefix("Set-Cookie: ").expect("a cookie");
    let (pair, rest) = cookie.split_once("; ").expect("attributes");
    assert_eq!(rest, format!("Path={folder}; Max-Age=3600; Secure; HttpOnly; SameSite=Lax"));
    server.get_with(&cat.path("public"), &[("cookie", pair)]).await.expect(200);
}

#[tokio::test]
async fn an_imported_key_keeps_urls_that_were_signed_elsewhere() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let secret = write(server.data_dir(), "secret", b"M13Vx6CblSfpyxTdAZ9IaoSqi-orUdyUaOjhNraUO38\n");
    server.cli(["key", "import", "elsewhere", "--secret-file", &secret]).ok().await;
    let listed = json(&server.cli(["key", "list", "--values", "--json"]).ok().await);
    let found = listed.as_array().unwrap().iter().find(|key| key["name"] == "elsewhere").unwrap();
    assert_eq!(found["value"], "M13Vx6CblSfpyxTdAZ9IaoSqi-orUdyUaOjhNraUO38");
    assert_eq!(found["signs"], "");
    let again = server.cli(["key", "import", "elsewhere", "--secret-file", &secret]).run().await;
    assert!(again.code == 1 && again.err.contains("exists"), "{again:?}");
    server.cli(["key", "use", "elsewhere"]).ok().await;
    let cat = account.with_image("cat.jpg").private().await;
    let signed = server.cli(["sign", &cat.path("public"), "--expires", "2h"]).ok().await;
    server.get(&signed).await.expect(200);
}

#[tokio::test]
async fn every_secret_is_sealed_anew_beside_the_server_which_goes_on() {
    let place = Place::new().await;
    let mut running = place.cli(&["serve"]).serve().await;
    let token = place.cli(&["token", "issue", "--permission", "admin"]).ok().await;
    let before = std::fs::read_to_string(place.folder().join("master.key")).unwrap();
    let said = place.cli(&["key", "rotate-master"]).ok().await;
    assert!(said.contains("sealed under a new master key"), "{said}");
    let after = std::fs::read_to_string(place.folder().join("master.key")).unwrap();
    assert_ne!(before, after);
    assert!(!place.folder().join("master.key.next").exists());
    let account = json(&place.cli(&["account", "list", "--json"]).ok().await);
    let keys =
        format!("{}/client/v4/accounts/{}/images/v1/keys", running.url, account[0]["id"].as_str().unwrap());
    let answer = reqwest::Client::new().get(keys).bearer_auth(token).send().await.unwrap();
    assert_eq!(answer.status(), 200, "the running server opens what the command has sealed");
    assert_eq!(running.terminate().await, 0);
    place.cli(&["key", "list", "--values"]).ok().await;
}

#[tokio::test]
async fn a_person_made_by_the_command_signs_in_with_a_password_that_was_no_argument() {
    let place = Place::new().await;
    let password = write(place.folder(), "password", b"a long enough sentence\n");
    let create = ["user", "create", "ada@example.org", "--account", "default", "--role", "editor"];
    let short = write(place.folder(), "short", b"hunter2\n");
    let said = place.cli(&[&create[..], &["--password-file", &short]].concat()).run().await;
    assert!(said.code == 1 && said.err.contains("12"), "{said:?}");
    place.cli(&[&create[..], &["--password-file", &password]].concat()).ok().await;
    let twice = place.cli(&[&create[..], &["--password-file", &password]].concat()).run().await;
    assert_eq!(twice.code, 1, "{twice:?}");
    place.cli(&["user", "reset-password", "ada@example.org", "--password-file", &password]).ok().await;
    place.cli(&["user", "unlock", "ada@example.org"]).ok().await;
    let nobody = place.cli(&["user", "unlock", "bob@example.org"]).run().await;
    assert_eq!(nobody.code, 1, "{nobody:?}");
    let usage = place.cli(&["user", "create", "x@example.org", "--account", "default"]).run().await;
    assert_eq!(usage.code, 2, "a role is needed: {usage:?}");
}

#[tokio::test]
async fn health_tells_a_server_that_lives_from_one_that_does_not() {
    let place = Place::new().await;
    let mut running = place.cli(&["serve"]).serve().await;
    let bind = running.url.trim_start_matches("http://").to_owned();
    place.cli(&["health", "--bind", &bind]).ok().await;
    place.cli(&["health", "--ready", "--bind", &bind]).ok().await;
    assert_eq!(running.terminate().await, 0);
    let gone = place.cli(&["health", "--bind", &bind]).run().await;
    assert!(gone.code == 1 && gone.err.contains("does not answer"), "{gone:?}");
}

#[tokio::test]
async fn a_token_in_a_path_by_mistake_is_in_no_line_of_the_log() {
    let place = Place::new().await;
    let token = place.cli(&["token", "issue"]).ok().await;
    let mut running = place.cli(&["serve"]).env("DARKROOM_LOG", "trace").serve().await;
    let address = format!("{}/client/v4/accounts/{token}/images/v1", running.url);
    assert_eq!(reqwest::Client::new().get(address).bearer_auth(&token).send().await.unwrap().status(), 404);
    assert_eq!(running.terminate().await, 0);
    let log = running.log().join("\n");
    assert!(log.contains("/client/v4/accounts/drk_…") && log.contains("\"refused\""), "{log}");
    assert!(!log.contains(&token), "{log}");
}

#[tokio::test]
async fn a_wrong_configuration_names_each_variable_and_the_nearest_known_name() {
    let place = Place::new().await;
    let check = |name: &'static str, value: &'static str| {
        let cli = place.cli(&["config", "check"]).env(name, value);
        async move { cli.run().await }
    };
    let wrong = check("DARKROOM_MAX_PIXELS", "many").await;
    assert!(wrong.code == 1 && wrong.err.starts_with("DARKROOM_MAX_PIXELS:"), "{wrong:?}");
    let unknown = check("DARKROOM_MAX_PIXEL", "5").await;
    assert!(unknown.code == 1 && unknown.err.contains("DARKROOM_MAX_PIXELS"), "{unknown:?}");
    let fine = place.cli(&["config", "check"]).ok().await;
    assert_eq!(fine, "The configuration is fine.");
    let elsewhere = check("DARKROOM_DATABASE_URL", "postgres://nobody@127.0.0.1:1/none").await;
    assert!(elsewhere.code == 1 && elsewhere.err.contains("DARKROOM_DATABASE_URL: "), "{elsewhere:?}");
    assert!(!place.folder().join("master.key").exists(), "a check makes nothing");
    place.cli(&["account", "list"]).ok().await;
    place.cli(&["config", "check"]).ok().await;
    let other_key = check("DARKROOM_MASTER_KEY", "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk").await;
    assert!(other_key.code == 1 && other_key.err.contains("DARKROOM_MASTER_KEY"), "{other_key:?}");
    let masked =
        place.cli(&["config", "print", "--json"]).env("DARKROOM_MASTER_KEY", &"k".repeat(43)).ok().await;
    assert!(!masked.contains("kkkk") && masked.contains("environment DARKROOM_MASTER_KEY"), "{masked}");
}

#[tokio::test]
async fn sweep_takes_what_belongs_to_no_row_and_nothing_else() {
    let server = TestServer::start().await;
    let cat = server.account().with_image("cat.jpg").await;
    let account = server.account().await.account;
    let stray = storage::Prefix::new(server.clock.now().as_days(), &account.id, &domain::ObjectId::random());
    server.storage().put(&stray.original(), drawn::file("stray.jpg").into()).await.unwrap();
    let young = server.cli(["sweep"]).ok().await;
    assert!(young.contains("0 objects without a row"), "{young}");
    let counted = async || server.cli(["sweep", "--min-age", "1s"]).ok().await;
    crate::harness::eventually("the stray is old enough and swept", Duration::from_secs(5), || async {
        counted().await.contains("1 objects without a row")
    })
    .await;
    cat.get("public").await.expect(200);
}

#[tokio::test]
async fn a_stop_finishes_what_runs() {
    let place = Place::new().await;
    let file = write(place.folder(), "large.jpg", &drawn::jpeg(&drawn::photo(3000, 2000), 90));
    let uploaded = json(&place.cli(&["upload", &file, "--json"]).ok().await);
    let mut running = place.cli(&["serve"]).serve().await;
    let url = uploaded["variants"][0].as_str().unwrap().replace("http://127.0.0.1:8080", &running.url);
    let client = reqwest::Client::new();
    let cold = tokio::spawn(client.get(&url).send());
    // The request has reached the server once a render or its answer is on its way; a stop now must not cut it.
    tokio::task::yield_now().await;
    let answer = async { cold.await.unwrap() };
    let (answer, code) = tokio::join!(answer, async {
        client.get(format!("{}/healthz", running.url)).send().await.unwrap();
        running.terminate().await
    });
    let answer = answer.unwrap();
    assert_eq!((answer.status().as_u16(), code), (200, 0));
    assert!(!answer.bytes().await.unwrap().is_empty());
}

#[tokio::test]
async fn many_urls_are_signed_from_a_file_or_none() {
    let server = TestServer::start().await;
    let cat = server.account().with_image("cat.jpg").with_id("cat").private().await;
    let url = cat.path("public");
    let list = write(server.data_dir(), "urls", format!("{url}\n\n  {url}?a=b \n").as_bytes());
    let signed = server.cli(["sign", &url, "--from", &list, "--expires", "1h"]).ok().await;
    let signed: Vec<&str> = signed.lines().collect();
    assert_eq!(signed.len(), 3, "{signed:?}");
    for url in &signed {
        server.get(url).await.expect(200);
    }
    let piped = server.cli(["sign", "--from", "-", "--uses", "1", "--json"]).run_with_input(&url).await;
    let piped = json(&piped.out);
    assert_eq!(
        (&piped[0]["key"], piped[0]["token_id"].as_str().unwrap().len()),
        (&Value::from("default"), 32)
    );
    let once = piped[0]["url"].as_str().unwrap();
    server.get(once).await.expect(200);
    let twice = server.get(once).await.expect(403);
    assert_eq!(twice.header("x-image-auth"), Some("already_used"));

    let wrong = write(server.data_dir(), "wrong", format!("{url}\n/nobody/cat/public\n").as_bytes());
    let said = server.cli(["sign", "--from", &wrong]).run().await;
    assert!(said.code == 1 && said.out.is_empty() && said.err.contains("/nobody/cat/public"), "{said:?}");
    server.account().await.set("max_lifetime", "3600").await;
    let long = server.cli(["sign", &url, "--expires", "2h"]).run().await;
    assert!(long.code == 1 && long.err.contains("lives longer than the account allows"), "{long:?}");
    server.get(server.cli(["sign", &url]).ok().await.trim()).await.expect(200);
    let nothing = server.cli(["sign"]).run().await;
    assert_eq!(nothing.code, 2, "{nothing:?}");
}

#[tokio::test]
async fn a_scheme_is_switched_on_with_a_mount_and_a_key_and_its_urls_are_explained() {
    let server = TestServer::start().await;
    let cat = server.account().with_image("cat.jpg").with_id("cat").private().await;
    let (key, salt) =
        (write(server.data_dir(), "key", b"6b6579\n"), write(server.data_dir(), "salt", b"73616c74"));
    let add = ["key", "add", "old", "--scheme", "imgproxy", "--key-file", &key];
    let half = server.cli(add).run().await;
    assert_eq!(half.code, 2, "a key without its salt: {half:?}");
    server
        .cli(["key", "add", "old", "--scheme", "imgproxy", "--key-file", &key, "--salt-file", &salt])
        .ok()
        .await;
    let twice = server.cli(["key", "add", "old", "--scheme", "bunny", "--secret-file", &key]).run().await;
    assert!(twice.code == 1 && twice.err.contains("exists"), "{twice:?}");
    server.cli(["mount", "give", "imgproxy", "--account", "default"]).ok().await;
    server.cli(["account", "create", "other"]).ok().await;
    let taken = server.cli(["mount", "give", "imgproxy", "--account", "other"]).run().await;
    assert!(taken.code == 1 && taken.err.contains("another account has imgproxy"), "{taken:?}");
    let mounts = json(&server.cli(["mount", "list", "--json"]).ok().await);
    let given = mounts.as_array().unwrap().iter().find(|mount| mount["mount"] == "imgproxy").unwrap();
    assert_eq!((&given["path"], &given["account"]), (&Value::from("/imgproxy/"), &Value::from("default")));

    let set = server.cli(["scheme", "set", "imgproxy", "enforce", "signature_size=16"]).ok().await;
    assert!(set.contains("imgproxy=enforce") && set.contains("signature_size=16"), "{set}");
    let listed = json(&server.cli(["scheme", "list", "--json"]).ok().await);
    let listed = listed.as_array().unwrap().iter().find(|scheme| scheme["scheme"] == "imgproxy").unwrap();
    assert_eq!((&listed["mode"], &listed["keys"]), (&Value::from("enforce"), &Value::from("1")));
    let keys = json(&server.cli(["key", "list", "--json"]).ok().await);
    let old = keys.as_array().unwrap().iter().find(|key| key["name"] == "old").unwrap();
    assert_eq!((&old["scheme"], &old["value"]), (&Value::from("imgproxy"), &Value::from("key_and_salt")));

    let url = "/imgproxy/AAAAAAAAAAAAAAAAAAAAAA/w:40/plain/cat";
    let said = server.cli(["verify", url, "--explain"]).run().await;
    assert!(
        said.code == 1 && said.out.contains("scheme: imgproxy") && said.out.contains("bad_signature"),
        "{said:?}"
    );
    assert!(said.out.contains("image: cat") && said.out.contains("first: "), "{said:?}");
    let open = server.cli(["verify", &cat.path("public"), "--explain", "--header", "X-Odd: 1"]).run().await;
    assert!(open.code == 1 && open.out.contains("missing_signature"), "{open:?}");

    let retired = server.cli(["key", "retire", "default"]).run().await;
    assert!(retired.code == 1 && retired.err.contains("key rotate default"), "{retired:?}");
    server.cli(["key", "retire", "old", "--overlap", "1h"]).ok().await;
    server.cli(["key", "revoke", "old"]).ok().await;
    server.cli(["mount", "take", "imgproxy"]).ok().await;
    let gone = server.cli(["mount", "take", "imgproxy"]).run().await;
    assert!(gone.code == 1 && gone.err.contains("no account has imgproxy"), "{gone:?}");
    let unknown = server.cli(["scheme", "set", "imgproxy", "colour=red"]).run().await;
    assert!(unknown.code == 1 && unknown.err.contains("signature_size"), "{unknown:?}");
    let unknown = server.cli(["scheme", "set", "nosuch", "off"]).run().await;
    assert!(unknown.code == 2 && unknown.err.contains("cloudfront"), "{unknown:?}");
    let report = server.cli(["scheme", "report", "imgproxy", "--json"]).ok().await;
    assert_eq!(report, "[]");
}

#[tokio::test]
async fn the_document_of_the_api_is_printed_without_a_house_and_served_to_everybody() {
    let folder = tempfile::tempdir().unwrap();
    let printed = Cli::new(folder.path(), &["openapi"]).ok().await;
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    let server = TestServer::start().await;
    let served = server.get("/api/openapi.json").await.expect(200);
    assert_eq!(json(&printed), served.json());
    assert_eq!(served.header("content-type"), Some("application/json"));
    let page = server.get("/api/docs").await.expect(200);
    assert!(
        page.header("content-security-policy").is_some_and(|policy| policy.contains("script-src 'self'"))
    );
    let text = page.text();
    let paths = served.json()["paths"].as_object().unwrap().clone();
    for path in paths.keys() {
        assert!(text.contains(&format!(">{path}<")), "{path} is on the page");
    }
    server.get("/api/docs/more").await.expect(404);
}
