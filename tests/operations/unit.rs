//! What `docs/operations.md` has people type beside the service: it runs with all that the unit gives the server.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::harness::repository;

fn read(path: &str) -> String {
    std::fs::read_to_string(repository().join(path)).expect("a file of the repository")
}

/// The shell function as it is printed there.
fn as_darkroom(docs: &str) -> String {
    let (_, begun) = docs.split_once("\nas_darkroom() {").expect("the page has the function");
    let (body, _) = begun.split_once("\n}\n").expect("it ends");
    format!("as_darkroom() {{{body}\n}}\n")
}

/// The value of a setting of the unit.
fn setting<'u>(unit: &'u str, name: &str) -> &'u str {
    let value = unit.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    value.unwrap_or_else(|| panic!("the unit sets {name}"))
}

/// What `systemd-run` would be given.
fn words_of(function: &str, command: &str) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let stand_in = folder.path().join("systemd-run");
    std::fs::write(&stand_in, "#!/bin/sh\nprintf '%s\\n' \"$@\"\n").expect("a stand-in");
    std::fs::set_permissions(&stand_in, std::fs::Permissions::from_mode(0o755)).expect("it can be run");
    let path = format!("{}:/usr/bin:/bin", folder.path().display());
    let script = format!("{function}as_darkroom {command}");
    let said =
        Command::new("/bin/sh").args(["-eu", "-c", &script]).env("PATH", path).output().expect("a shell");
    assert!(said.status.success(), "{said:?}");
    String::from_utf8(said.stdout).expect("text").lines().map(str::to_owned).collect()
}

#[test]
fn a_command_beside_the_service_gets_what_the_unit_gives_the_server() {
    let (docs, unit) = (read("docs/operations.md"), read("deploy/darkroom.service"));
    let words = words_of(&as_darkroom(&docs), "backup '/a folder'");
    let has = |word: &str| assert!(words.iter().any(|given| given == word), "{word}: {words:?}");
    for name in ["DynamicUser", "StateDirectoryMode", "UMask", "EnvironmentFile"] {
        has(&format!("--property={name}={}", setting(&unit, name)));
    }
    // Without `User=` the made-up user has the unit's name.
    has("--property=User=darkroom");
    let folders = words.iter().find_map(|word| word.strip_prefix("--property=StateDirectory="));
    let folders: Vec<_> = folders.expect("folders of its own").split(' ').collect();
    assert!(folders.contains(&setting(&unit, "StateDirectory")), "{folders:?}");
    let data_dir =
        setting(&unit, "Environment").split(' ').find(|pair| pair.starts_with("DARKROOM_DATA_DIR="));
    has(&format!("--setenv={}", data_dir.expect("the unit names the folder")));
    let program = setting(&unit, "ExecStart").strip_suffix(" serve").expect("the unit serves");
    assert!(words.ends_with(&[program.to_owned(), "backup".to_owned(), "/a folder".to_owned()]), "{words:?}");
}

#[test]
fn no_core_is_written_in_a_container_or_by_the_unit() {
    assert_eq!(setting(&read("deploy/darkroom.service"), "LimitCORE"), "0");
    let compose = read("docker-compose.yml");
    let (_, ours) = compose.split_once("x-darkroom: &darkroom\n").expect("what all of ours share");
    let (ours, _) = ours.split_once("\n\n").expect("it ends");
    assert!(ours.lines().any(|line| line.trim() == "ulimits: { core: 0 }"), "{ours}");
}
