//! The snippets of `docs/snippets`, each run where its language is on this machine: they sign what the committed vectors
//! say and what the house itself signs, byte for byte. So do the recipes of `docs/signed-urls.md`, as they stand there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use domain::{Secret, SigningKeyId, Timestamp};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;
use signing::{Constraints, KeyState, Policy, Request, SigningKey, Target, Verifier};
use tokio::process::Command;

use crate::harness::{TestServer, repository};

#[expect(dead_code, reason = "its command line is called where it is copied to")]
#[path = "../docs/snippets/sign_urls.rs"]
mod sign_urls;

const KEY: &str = "t3stSigningKey0123456789-ключ";
const NOW_S: i64 = 1_790_000_000;

/// A language, the programs that run its snippet, and whether `make test` brings them.
struct Language {
    name: &'static str,
    programs: &'static [&'static str],
    is_brought: bool,
    /// The commands; the last one takes the words. The folder is for what a compiler writes.
    commands: fn(&Path) -> Vec<Vec<String>>,
}

const LANGUAGES: [Language; 7] = [
    Language {
        name: "JavaScript",
        programs: &["node"],
        is_brought: true,
        commands: |_| vec![vec![node(), snippet("sign_urls.mjs")]],
    },
    Language {
        name: "Python",
        programs: &["python3"],
        is_brought: true,
        commands: |_| vec![vec!["python3".into(), snippet("sign_urls.py")]],
    },
    Language {
        name: "PHP",
        programs: &["php"],
        is_brought: false,
        commands: |_| vec![vec!["php".into(), snippet("sign_urls.php")]],
    },
    Language {
        name: "Go",
        programs: &["go"],
        is_brought: false,
        commands: |_| vec![vec!["go".into(), "run".into(), snippet("sign_urls.go")]],
    },
    Language {
        name: "Ruby",
        programs: &["ruby"],
        is_brought: false,
        commands: |_| vec![vec!["ruby".into(), snippet("sign_urls.rb")]],
    },
    Language {
        name: "Java",
        programs: &["java", "javac"],
        is_brought: false,
        commands: |_| vec![vec!["java".into(), snippet("SignUrls.java")]],
    },
    Language {
        name: "C#",
        programs: &["mcs", "mono"],
        is_brought: false,
        commands: |folder| {
            let program = folder.join("SignUrls.exe").to_string_lossy().into_owned();
            let compile = vec!["mcs".into(), format!("-out:{program}"), snippet("SignUrls.cs")];
            vec![compile, vec!["mono".into(), program]]
        },
    },
];

#[tokio::test]
async fn every_snippet_signs_as_the_house_does() {
    let cases: Vec<Case> = vector_cases().into_iter().chain(own_cases()).collect();
    let folder = tempfile::tempdir().unwrap();
    let words: Vec<String> = cases.iter().flat_map(|case| case.words.clone()).chain(day()).collect();
    check("Rust", &cases, &sign_urls::run(words.clone().into_iter()).collect::<Vec<_>>());

    let (run, absent): (Vec<&Language>, Vec<&Language>) =
        LANGUAGES.iter().partition(|language| language.is_brought || language.is_here());
    let answers = run.iter().map(|language| language.answer(folder.path(), &words));
    for (language, lines) in run.iter().zip(futures_util::future::join_all(answers).await) {
        check(language.name, &cases, &lines);
    }
    let names = |list: &[&Language]| list.iter().map(|language| language.name).collect::<Vec<_>>().join(", ");
    println!("{} cases each: Rust, {}; not on this machine: {}", cases.len(), names(&run), names(&absent));
}

#[tokio::test]
async fn every_recipe_of_the_page_signs_what_is_let_in() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let secret = account.secret("default").await;
    let page = PAGE.replace("HASH", account.account.hash.as_str());
    let recipes: Vec<Vec<&str>> = blocks(&page, "").filter_map(recipe).collect();
    assert!(recipes.len() >= 8, "{} recipes", recipes.len());

    let python: String =
        blocks(&page, "python").map(|block| format!("{}\n", block.replace("print(", "str("))).collect();
    let calls = recipes.iter().flatten().filter(|line| line.starts_with("sign("));
    let prints: String = calls.map(|call| format!("print({call})\n")).collect();
    let narrowed =
        format!("print(narrow(sign('/{}/a/public', KEY), 's-ip=203.0.113.0/24'))\n", account.account.hash);
    let code = format!("KEY = {secret:?}\nvalue = {SESSION:?}\n{python}{prints}{narrowed}");
    let printed = run("python3", &["-c".into(), code], &[]).await;
    assert_eq!(printed.lines().count(), prints.lines().count() + 1, "{printed}");
    printed.lines().for_each(|url| check_let_in(url, &secret));

    for line in recipes.iter().flatten().filter(|line| line.starts_with("darkroom ")) {
        let words = words(line);
        let words: Vec<&str> = words[1..].iter().map(String::as_str).collect();
        let said = server.place().cli(&words).ok().await;
        let token = said.strip_prefix("Set-Cookie: imgtoken=").and_then(|cookie| cookie.split(';').next());
        let url = token.map(|token| format!("/{}/albums/2026/?{token}", account.account.hash));
        check_let_in(&url.unwrap_or(said), &secret);
    }
}

const PAGE: &str = include_str!("../docs/signed-urls.md");
const SESSION: &str = "VALUE OF THE COOKIE";

/// The blocks of code in a language.
fn blocks<'p>(page: &'p str, language: &str) -> impl Iterator<Item = &'p str> {
    let fences = page.split("\n```").skip(1).step_by(2);
    fences
        .filter_map(move |fence| fence.split_once('\n').filter(|(first, _)| *first == language))
        .map(|(_, rest)| rest)
}

/// The lines of a block that begins with a signing command.
fn recipe(block: &str) -> Option<Vec<&str>> {
    let is_call = |line: &&str| line.starts_with("darkroom sign ") || line.starts_with("sign(");
    let lines: Vec<&str> = block.lines().filter(is_call).collect();
    lines.first()?.starts_with("darkroom").then_some(lines)
}

/// The words of a command, quotes being taken off.
fn words(line: &str) -> Vec<String> {
    let parts = line.split('"').enumerate();
    let split = parts.flat_map(|(number, part)| match number % 2 {
        0 => part.split_whitespace().map(str::to_owned).collect(),
        _ => vec![part.to_owned()],
    });
    split.collect()
}

/// That a URL, or one below a folder, is let in from where the page says.
#[track_caller]
fn check_let_in(url: &str, secret: &str) {
    let url = url.trim().replacen("/?", "/beach/thumb?", 1);
    let headers = BTreeMap::from([
        ("cookie".to_owned(), format!("imgsess={SESSION}")),
        ("referer".to_owned(), "https://www.shop.example/".to_owned()),
    ]);
    let target = signing::DeliveryUrl::parse_url(&url).unwrap_or_else(|why| panic!("{why}: {url}"));
    let client_ip = Some("203.0.113.7".parse().unwrap());
    let request = Request { client_ip, headers: &headers, ..Request::get(Target::Delivery(&target)) };
    let keys = [SigningKey::new(SigningKeyId::default_key(), Secret::new(secret), KeyState::Active)];
    let policy = Policy::default();
    let verifier = Verifier { counts_uses: true, ..Verifier::native(&keys, &policy) };
    let verdict = signing::verify_request(&request, &verifier, domain::Clock::system().now());
    assert!(verdict.is_ok(), "{url}: {verdict:?}");
}

/// What a snippet is asked, and its answer.
struct Case {
    words: Vec<String>,
    expected: String,
}

impl Case {
    fn of<const N: usize>(words: [&str; N], expected: impl Into<String>) -> Case {
        Case { words: words.map(str::to_owned).to_vec(), expected: expected.into() }
    }
}

/// A URL signed for a day from now.
fn day() -> Vec<String> {
    ["day", KEY, "https://images.example.org/acct/image/public"].map(str::to_owned).to_vec()
}

#[track_caller]
fn check(language: &str, cases: &[Case], lines: &[String]) {
    assert_eq!(lines.len(), cases.len() + 1, "{language}: an answer to each: {lines:?}");
    for (case, line) in cases.iter().zip(lines) {
        assert_eq!(*line, case.expected, "{language}: {:?}", case.words);
    }
    let now = domain::Clock::system().now();
    let signed = signing::DeliveryUrl::parse_url(&lines[cases.len()]).unwrap();
    let verified = signing::verify(&signed, &[key()], &Policy::default(), now).expect(language);
    let life_s = verified.expires_s.unwrap() - now.as_seconds();
    assert!((86_000..=86_400).contains(&life_s), "{language}: a day is {life_s} s");
}

/// What `signing` itself makes, and its verifier accepts.
fn own_cases() -> Vec<Case> {
    let (image, folder) = ("/acct/albums/2026/beach/public", "/acct/albums/2026/");
    let expires_s = NOW_S + 3_600;
    let expires = expires_s.to_string();
    let ends = Constraints::until(Some(expires_s));
    let album = Constraints { prefix_segments: Some(3), ..ends.clone() };
    let mut cases = Vec::new();
    for url in ["", "?download=1", "?s-var=public,thumb&s-sub=user-7", "?page=http://shop.example/"] {
        for origin in ["", "https://images.example.org", "http://127.0.0.1:8080"] {
            let url = format!("{origin}{image}{url}");
            let signed = signing::sign_with(&url, &key(), &ends).unwrap();
            check_accepted(&signed);
            cases.push(Case::of(["sign", KEY, &url, &expires], signed));
        }
    }
    for folder in [folder.to_owned(), format!("https://images.example.org{folder}?s-var=public,thumb")] {
        let signed = signing::sign_with(&folder, &key(), &album).unwrap();
        let token = signed.split_once('?').unwrap().1;
        cases.push(Case::of(["album", KEY, &folder, &expires], token));
        let cookie =
            format!("imgtoken={token}; Path=/acct/albums/2026/; Max-Age=900; Secure; HttpOnly; SameSite=Lax");
        cases.push(Case::of(["cookie", &folder, token, "900"], cookie));
        cases.extend(narrowed(&format!("https://images.example.org{image}?{token}")));
    }
    cases.extend(narrowed(&signing::sign_with(image, &key(), &ends).unwrap()));
    cases
}

/// A signed URL, narrowed four times.
fn narrowed(url: &str) -> Vec<Case> {
    let blocks = [
        Constraints { networks: vec!["203.0.113.0/24".into()], ..Constraints::until(Some(NOW_S + 900)) },
        Constraints::default(),
        Constraints::until(Some(NOW_S + 60)),
        Constraints { referers: vec!["*.shop.example".into(), "-".into()], ..Constraints::default() },
    ];
    let demands = [
        format!("s-ip=203.0.113.0/24&exp={}", NOW_S + 900),
        String::new(),
        format!("exp={}", NOW_S + 60),
        "s-ref=*.shop.example,-".into(),
    ];
    let mut url = url.to_owned();
    let mut cases = Vec::new();
    for (block, demands) in blocks.iter().zip(&demands) {
        let narrower = signing::narrow(&url, block).unwrap();
        check_accepted(&narrower);
        cases.push(Case::of(["narrow", &url, demands], narrower.clone()));
        url = narrower;
    }
    cases
}

#[track_caller]
fn check_accepted(url: &str) {
    let url = signing::DeliveryUrl::parse_url(url).unwrap();
    let client_ip = Some("203.0.113.7".parse().unwrap());
    let request = Request { client_ip, ..Request::get(Target::Delivery(&url)) };
    let (keys, policy) = ([key()], Policy::default());
    let verdict =
        signing::verify_request(&request, &Verifier::native(&keys, &policy), Timestamp::from_seconds(NOW_S));
    assert!(verdict.is_ok(), "{url:?}: {verdict:?}");
}

fn key() -> SigningKey {
    SigningKey::new(SigningKeyId::default_key(), Secret::new(KEY), KeyState::Active)
}

/// Every accepted case of the committed vectors whose expiry and signature stand last, as a signer leaves them.
fn vector_cases() -> Vec<Case> {
    let files = [
        include_str!("vectors/cloudflare_images.json"),
        include_str!("vectors/native_stock.json"),
        include_str!("vectors/native.json"),
    ];
    let mut cases = Vec::new();
    for vectors in files.map(|file| serde_json::from_str::<Value>(file).unwrap()) {
        let accepted = |case: &&Value| case["verdict"] == "accept" && case["policy"].is_null();
        for case in vectors["cases"].as_array().unwrap().iter().filter(accepted) {
            let target = case["request"]["target"].as_str().unwrap();
            let [name] = case["verifier_keys"].as_array().unwrap().as_slice() else { continue };
            let secret = vectors["keys"][name.as_str().unwrap()]["secret"].as_str().unwrap();
            cases.extend(chain(target, secret).unwrap_or_default());
        }
    }
    assert!(cases.len() > 60, "only {} cases of the vectors can be signed", cases.len());
    cases
}

/// The steps that lead to a target: signed, then narrowed. None where its parts stand otherwise.
fn chain(target: &str, secret: &str) -> Option<Vec<Case>> {
    let (text, sig) = target.rsplit_once("&sig=")?;
    let (path, query) = text.split_once('?')?;
    let mut blocks = query.split("&s-at=");
    let block = blocks.next()?;
    let (demands, expires) = block.rsplit_once("exp=")?;
    let signed_path = path_of(path, block);
    let unsigned = format!("{signed_path}?{demands}");
    let unsigned = unsigned.trim_end_matches(['&', '?']);
    expires.parse::<u64>().ok()?;

    let mut mac = hmac(secret.as_bytes(), &format!("{signed_path}?{block}"));
    let mut url = format!("?{block}&sig={}", hex::encode(&mac));
    let mut cases = vec![Case::of(["sign", secret, unsigned, expires], format!("{signed_path}{url}"))];
    for block in blocks {
        let (number, demands) = block.split_once('&').unwrap_or((block, ""));
        let signed_path = path_of(path, demands);
        let before = format!("{signed_path}{url}");
        mac = hmac(&mac, &format!("{signed_path}?s-at={block}"));
        url = format!("{}&s-at={block}&sig={}", url.rsplit_once("&sig=")?.0, hex::encode(&mac));
        assert_eq!(number, (cases.len()).to_string());
        cases.push(Case::of(["narrow", &before, demands], format!("{signed_path}{url}")));
    }
    assert_eq!(hex::encode(&mac), sig, "{target}");
    Some(cases)
}

/// The part of a path that a block signs.
fn path_of(path: &str, block: &str) -> String {
    let segments = block.split('&').find_map(|pair| pair.strip_prefix("s-pfx="));
    let Some(segments) = segments.and_then(|count| count.parse::<usize>().ok()) else {
        return path.to_owned();
    };
    let parts: Vec<&str> = path.split('/').take(segments + 1).collect();
    format!("{}/", parts.join("/"))
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

impl Language {
    /// Whether its programs can be found.
    fn is_here(&self) -> bool {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let is_found =
            |program: &&str| std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
        self.programs.iter().all(is_found)
    }

    /// The lines that its snippet answers with.
    async fn answer(&self, folder: &Path, words: &[String]) -> Vec<String> {
        let commands = (self.commands)(folder);
        let mut lines = String::new();
        for (number, command) in commands.iter().enumerate() {
            let words = if number + 1 == commands.len() { words } else { &[] };
            lines = run(&command[0], &command[1..], words).await;
        }
        lines.lines().map(str::to_owned).collect()
    }
}

async fn run(program: &str, arguments: &[String], words: &[String]) -> String {
    let mut command = Command::new(program);
    command.args(arguments).args(words).env("LC_ALL", "C.UTF-8").stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.unwrap_or_else(|why| panic!("{program}: {why}"));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?} failed: {error}");
    String::from_utf8(output.stdout).unwrap()
}

fn node() -> String {
    std::env::var("TEST_NODE").unwrap_or_else(|_| "node".into())
}

fn snippet(name: &str) -> String {
    let path: PathBuf = repository().join("docs/snippets").join(name);
    path.to_string_lossy().into_owned()
}
