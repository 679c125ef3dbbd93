//! The plan of the house is a test: what `docs/` draws and lists is compared with what Cargo and the code say.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{TestServer, repository};

/// The crates that may use an outside crate, for those that stand for a whole kind of knowledge.
const ONLY: [(&str, &[&str]); 12] = [
    ("sqlx", &["catalog"]),
    ("argon2", &["catalog"]),
    ("actix-web", &["delivery", "api", "dashboard", "server"]),
    ("askama", &["dashboard"]),
    ("multer", &["upload"]),
    ("mozjpeg-sys", &["variant"]),
    ("libwebp-sys", &["variant"]),
    ("libaom-sys", &["variant"]),
    ("rav1d", &["variant"]),
    ("jxl-oxide", &["variant"]),
    ("clap", &["server"]),
    ("reqwest", &[]),
];

/// Floors that do no input or output, so that they have no use for these.
const PURE: [&str; 3] = ["domain", "variant", "signing"];
const BUSY: [&str; 6] = ["tokio", "rustix", "sqlx", "actix-web", "futures-util", "tracing"];

/// Where `unsafe` may stand.
const UNSAFE: [&str; 4] = [
    "crates/variant/src/format/",
    "crates/variant/src/step/resize",
    "crates/variant/src/resize",
    "crates/workers/src/",
];

/// Licences that our dependencies may have.
const LICENCES: [&str; 16] = [
    "Apache-2.0",
    "MIT",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "IJG",
    "Unicode-3.0",
    "Unlicense",
    "CC0-1.0",
    "0BSD",
    "BSL-1.0",
    "MIT-0",
    "Apache-2.0 WITH LLVM-exception",
    "CDLA-Permissive-2.0",
    "MPL-2.0",
];

/// Licences of crates that bring the text alone, which we read.
const READ_LICENCES: [(&str, &str); 1] = [("quantizr", "MIT")];

/// The crates from the ground up.
type Plan = Vec<Planned>;

/// A crate as it is drawn.
#[derive(Debug, Clone)]
struct Planned {
    name: String,
    floor: String,
    uses: Uses,
}

/// What a crate may use of the house.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Uses {
    Any,
    These(BTreeSet<String>),
}

#[test]
fn the_plan_is_what_cargo_sees() {
    let plan = plan(&read("docs/ARCHITECTURE.md"));
    assert!(plan.len() >= 12, "docs/ARCHITECTURE.md has a table `| crate | floor | uses | … |`: {plan:?}");
    assert_eq!(complaints(&plan, &house(&metadata(&["--no-deps"]))), Vec::<String>::new());
}

#[test]
fn an_arrow_that_runs_up_is_noticed() {
    let drawn = "| crate | floor | uses |\n|---|---|---|\n| `domain` | ground | nothing |\n| `variant` | tools | domain |\n\
                 | `server` | roof | any |";
    let uses = |name: &str| json!([{ "name": name, "path": format!("/x/crates/{name}"), "kind": null }]);
    let package = |name: &str, uses: Value| json!({ "name": name, "manifest_path": format!("/x/crates/{name}/Cargo.toml"), "dependencies": uses });
    let check = |drawn: &str, domain: Value, variant: Value, wanted: &[&str]| {
        let packages =
            json!([package("domain", domain), package("variant", variant), package("server", json!([]))]);
        assert_eq!(complaints(&plan(drawn), &house(&json!({ "packages": packages }))), wanted);
    };
    check(drawn, json!([]), uses("domain"), &[]);
    check(drawn, json!([]), json!([]), &["variant does not use domain, which the plan draws"]);
    let upward =
        ["domain uses server, which the plan does not draw", "domain uses server: that arrow runs up"];
    check(drawn, uses("server"), uses("domain"), &upward);
    check(&drawn.replace("nothing", "server"), uses("server"), uses("domain"), &upward[1..]);
    let beside = drawn.replace("tools", "ground");
    check(&beside, json!([]), uses("domain"), &["variant uses domain: that arrow runs up"]);
}

#[test]
fn each_kind_of_outside_knowledge_has_one_home() {
    let outside = outside(&metadata(&["--no-deps"]));
    for (name, uses) in &outside {
        for (crate_name, homes) in ONLY {
            assert!(
                !uses.contains(crate_name) || homes.contains(&name.as_str()),
                "{name} must not use {crate_name}"
            );
        }
        let idle = PURE.contains(&name.as_str());
        assert!(
            !idle || BUSY.iter().all(|busy| !uses.contains(*busy)),
            "{name} does no input or output: {uses:?}"
        );
    }
    assert!(outside["catalog"].contains("sqlx"), "the list of outside crates is read");
}

#[test]
fn unsafe_stands_where_it_may() {
    for (path, text) in sources() {
        let found = product(&text).lines().any(|line| {
            let code = line.split("//").next().unwrap_or_default();
            ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern", "unsafe trait"]
                .iter()
                .any(|word| code.contains(word))
        });
        assert!(!found || UNSAFE.iter().any(|home| path.starts_with(home)), "{path} is no place for unsafe");
        let is_root =
            path.ends_with("src/lib.rs") && !path.contains("/variant/") && !path.contains("/workers/");
        assert!(!is_root || text.contains("#![forbid(unsafe_code)]"), "{path} forbids unsafe code");
    }
}

#[test]
fn only_the_server_reads_the_environment() {
    for (path, text) in sources() {
        let reads = ["env::var", "env::vars", "env::var_os", "env::args"]
            .iter()
            .any(|word| product(&text).contains(word));
        // Tests are told by it where their services are.
        let is_test =
            ["/tests/", "/tests.rs", "/testing/", "/testing.rs"].iter().any(|part| path.contains(part));
        // A worker knows itself by its command line.
        let is_worker = path.ends_with("crates/workers/src/enter.rs");
        let may = path.starts_with("crates/server/") || path.ends_with("/build.rs") || is_test || is_worker;
        assert!(!reads || may, "{path} reads the environment");
    }
}

#[test]
fn every_file_says_what_lives_in_it() {
    let tests = files().into_iter().filter(|path| path.starts_with("tests/") && path.ends_with(".rs"));
    let all = sources().into_iter().chain(tests.map(|path| (path.clone(), read(&path))));
    for (path, text) in all {
        assert!(text.starts_with("//! "), "{path} begins with a sentence that says what lives there");
    }
}

#[test]
fn every_dependency_has_its_reason() {
    let reasons = read("docs/dependencies.md");
    let manifest = read("Cargo.toml");
    let listed = manifest
        .split("[workspace.dependencies]")
        .nth(1)
        .expect("a list")
        .split("\n[")
        .next()
        .expect("its lines");
    for name in listed.lines().filter_map(|line| line.split_once(" = ")).map(|(name, _)| name.trim()) {
        let ours = repository().join("crates").join(name).is_dir();
        assert!(
            ours || reasons.contains(&format!("`{name}`")),
            "docs/dependencies.md says nothing of `{name}`"
        );
    }
}

#[test]
fn every_dependency_is_used() {
    for (name, dependencies) in dependencies(&metadata(&["--no-deps"]), |_| true) {
        let own = sources().into_iter().filter(|(path, _)| path.starts_with(&format!("crates/{name}/")));
        let text: String = own.map(|(_, text)| text).collect();
        for dependency in dependencies {
            let used =
                ["{}::", "use {};", "use {} as"].map(|form| form.replace("{}", &crate_name(&dependency)));
            assert!(used.iter().any(|used| text.contains(used)), "nothing in {name} uses {dependency}");
        }
    }
}

#[test]
fn every_dependency_has_a_licence_that_we_may_use() {
    let all = metadata(&["--locked"]);
    for package in all["packages"].as_array().expect("packages") {
        let name = package["name"].as_str().expect("a name");
        let read = READ_LICENCES.iter().find(|(read, _)| *read == name).map(|(_, licence)| *licence);
        let licence = package["license"].as_str().or(read).unwrap_or("none");
        assert!(may_use(licence), "{name} is under {licence}");
    }
    assert!(!may_use("AGPL-3.0"), "the check can fail");
}

#[test]
fn no_file_names_a_machine_or_a_registry() {
    // In pieces, so that this file does not name them either.
    let words = [
        ["/wo", "rk/"],
        ["/ro", "ot/"],
        ["../sha", "red"],
        ["npmjs", ".org"],
        ["pypi", ".org"],
        ["pythonhosted", ".org"],
        ["static.crates", ".io"],
        ["index.crates", ".io"],
        ["deb.debian", ".org"],
    ];
    for path in files() {
        let Ok(text) = std::fs::read_to_string(repository().join(&path)) else { continue };
        for word in words.map(|pieces| pieces.concat()) {
            let may = path == ".ci/run" && word.ends_with("shared");
            assert!(may || !text.contains(&word), "{path} names {word}");
        }
    }
}

#[test]
fn every_link_between_pages_leads_to_a_file() {
    let mut broken = Vec::new();
    for page in files().iter().filter(|path| path.ends_with(".md")) {
        let folder = Path::new(page).parent().unwrap();
        for link in read(page).split("](").skip(1).filter_map(|rest| rest.split([')', '#', ' ']).next()) {
            let is_here =
                link.is_empty() || link.contains("://") || repository().join(folder).join(link).exists();
            if !is_here {
                broken.push(format!("{page}: {link}"));
            }
        }
    }
    assert_eq!(broken, Vec::<String>::new());
}

#[test]
fn the_table_of_options_is_what_the_engine_knows() {
    let documented = words_in(&read("docs/delivery-urls.md"), "| option | other words |", 2);
    let known: BTreeSet<String> = variant::Options::WORDS
        .iter()
        .flat_map(|words| words.iter())
        .map(|word| (*word).to_owned())
        .collect();
    assert_eq!(documented, known);
}

#[tokio::test]
async fn the_table_of_variables_is_what_the_server_reads() {
    let server = TestServer::start().await;
    let printed: Value =
        serde_json::from_str(&server.cli(["config", "print", "--json"]).ok().await).expect("JSON");
    let read_by_server: BTreeSet<String> = names(&printed);
    let documented = words_in(&read("docs/configuration.md"), "| variable |", 1);
    assert!(read_by_server.len() > 10, "the names are there: {printed}");
    assert_eq!(documented, read_by_server);
}

/// What is wrong with a house beside its plan, sorted.
fn complaints(plan: &Plan, house: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let mut found = BTreeSet::new();
    for name in house.keys().filter(|name| plan.iter().all(|planned| planned.name != **name)) {
        found.insert(format!("{name} is not in the plan"));
    }
    for planned in plan {
        match house.get(&planned.name) {
            Some(used) => found.extend(wrong_arrows(planned, used, plan)),
            None => drop(found.insert(format!("{} is planned and not there", planned.name))),
        }
    }
    found.into_iter().collect()
}

/// The arrows of one crate that are not drawn, that are only drawn, or that do not run down.
fn wrong_arrows(planned: &Planned, used: &BTreeSet<String>, plan: &Plan) -> Vec<String> {
    let name = &planned.name;
    let floor = plan.iter().position(|other| other.floor == planned.floor).unwrap_or(0);
    let below: BTreeSet<&String> = plan[..floor].iter().map(|planned| &planned.name).collect();
    let up = used
        .iter()
        .filter(|used| !below.contains(used))
        .map(|used| format!("{name} uses {used}: that arrow runs up"));
    let mut wrong: Vec<String> = up.collect();
    if let Uses::These(drawn) = &planned.uses {
        wrong.extend(
            used.difference(drawn).map(|used| format!("{name} uses {used}, which the plan does not draw")),
        );
        wrong.extend(
            drawn.difference(used).map(|drawn| format!("{name} does not use {drawn}, which the plan draws")),
        );
    }
    wrong
}

/// The table of crates, from the ground up.
fn plan(text: &str) -> Plan {
    let planned = |row: Vec<String>| {
        let uses = match row[2].replace('`', "").trim() {
            "nothing" => Uses::These(BTreeSet::new()),
            "any" => Uses::Any,
            list => Uses::These(list.split(',').map(|name| name.trim().to_owned()).collect()),
        };
        Planned { name: row[0].trim_matches('`').to_owned(), floor: row[1].clone(), uses }
    };
    rows(text, "| crate | floor | uses").into_iter().map(planned).collect()
}

/// Which crates of the house each crate uses, its tests aside.
fn house(metadata: &Value) -> BTreeMap<String, BTreeSet<String>> {
    dependencies(metadata, |dependency| dependency["path"].is_string())
}

/// Which crates from outside each crate uses, its tests aside.
fn outside(metadata: &Value) -> BTreeMap<String, BTreeSet<String>> {
    dependencies(metadata, |dependency| !dependency["path"].is_string())
}

fn dependencies(metadata: &Value, wanted: impl Fn(&Value) -> bool) -> BTreeMap<String, BTreeSet<String>> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let packages = metadata["packages"].as_array().expect("packages");
    let crates = packages.iter().filter(|package| text(&package["manifest_path"]).contains("/crates/"));
    crates
        .map(|package| {
            let all = package["dependencies"].as_array().expect("dependencies").iter();
            let used = all.filter(|dependency| dependency["kind"].is_null() && wanted(dependency));
            (text(&package["name"]), used.map(|dependency| text(&dependency["name"])).collect())
        })
        .collect()
}

fn metadata(arguments: &[&str]) -> Value {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["metadata", "--format-version", "1", "--offline"])
        .args(arguments)
        .current_dir(repository());
    let output = command.output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Whether one of the licences of an expression is one that we may use.
fn may_use(expression: &str) -> bool {
    let plain = expression.replace(['(', ')'], "").replace('/', " OR ");
    plain.split(" OR ").any(|choice| choice.split(" AND ").all(|licence| LICENCES.contains(&licence.trim())))
}

/// The cells of each row of the tables that begin with this head.
fn rows(text: &str, head: &str) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        let is_rule = line.starts_with("|--") || line.starts_with("| --") || line.starts_with("|:-");
        inside = line.starts_with(head) || (inside && line.starts_with('|'));
        if inside && !is_rule && !line.starts_with(head) {
            rows.push(line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect());
        }
    }
    rows
}

/// The words in backticks in the first cells of each row.
fn words_in(text: &str, head: &str, cells: usize) -> BTreeSet<String> {
    let rows = rows(text, head);
    assert!(!rows.is_empty(), "there is a table that begins with {head}");
    let cells = rows.iter().flat_map(|row| row.iter().take(cells));
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2).map(str::to_owned)).collect()
}

/// The name by which code calls a package.
fn crate_name(package: &str) -> String {
    // The packages whose library has another name.
    match package {
        "kamadak-exif" => "exif".into(),
        "md-5" => "md5".into(),
        package => package.replace('-', "_"),
    }
}

/// Every `DARKROOM_…` that is a key or a `name` of printed configuration.
fn names(printed: &Value) -> BTreeSet<String> {
    let is_name = |text: &str| text.starts_with("DARKROOM_");
    match printed {
        Value::Object(map) => map
            .iter()
            .flat_map(|(key, value)| {
                let own = [Some(key.as_str()), value.as_str().filter(|_| key == "name" || key == "variable")];
                let own = own
                    .into_iter()
                    .flatten()
                    .filter(|text| is_name(text))
                    .map(str::to_owned)
                    .collect::<BTreeSet<_>>();
                own.into_iter().chain(names(value)).collect::<Vec<_>>()
            })
            .collect(),
        Value::Array(list) => list.iter().flat_map(names).collect(),
        _ => BTreeSet::new(),
    }
}

/// The product's sources: path from the root, text.
fn sources() -> Vec<(String, String)> {
    let ours = files().into_iter().filter(|path| path.starts_with("crates/") && path.ends_with(".rs"));
    let product = ours.filter(|path| {
        !path.contains("/tests/") && !path.contains("/examples/") && !path.ends_with("/tests.rs")
    });
    let all: Vec<_> = product.map(|path| (path.clone(), read(&path))).collect();
    assert!(all.len() > 50, "the sources are found");
    all
}

/// A source without its tests.
fn product(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod ").next().unwrap_or_default()
}

/// Every file of the repository, by its path from the root.
fn files() -> Vec<String> {
    let mut command = Command::new("git");
    let output = command.args(["ls-files", "--cached"]).current_dir(repository()).output().expect("git runs");
    let list = String::from_utf8(output.stdout).expect("UTF-8");
    list.lines().filter(|path| repository().join(path).is_file()).map(str::to_owned).collect()
}

fn read(path: &str) -> String {
    let path: PathBuf = repository().join(Path::new(path));
    std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}
