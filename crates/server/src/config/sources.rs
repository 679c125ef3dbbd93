//! Where values come from: command line over environment over file over default, each value with its source.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::settings::SETTINGS;
use super::{Config, Setting};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Nobody said anything.
    Default,
    /// The configuration file.
    File(PathBuf),
    /// A variable of the environment.
    Environment(String),
    /// The command line.
    CommandLine,
}

/// A configuration with the source of each setting.
#[derive(Debug)]
pub struct Effective {
    /// The values.
    pub config: Config,
    /// The source of each setting, in the order of [`SETTINGS`].
    pub sources: Vec<Source>,
    /// What is odd but no reason to stop: unknown names in the environment.
    pub warnings: Vec<String>,
}

/// Everything that is wrong with a configuration, a sentence each with the name of its variable.
#[derive(Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<String>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for Problems {}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Default => f.write_str("default"),
            Source::File(path) => write!(f, "file {}", path.display()),
            Source::Environment(name) => write!(f, "environment {name}"),
            Source::CommandLine => f.write_str("command line"),
        }
    }
}

/// Names that the program itself gives a meaning besides the settings.
const OTHER_NAMES: [&str; 1] = ["DARKROOM_CONFIG"];

/// Reads the configuration. `file` is the one that `--config` named; without it `darkroom.toml` counts if it is
/// there. `command_line` holds settings by name.
pub fn load(
    file: Option<&Path>,
    environment: &BTreeMap<String, String>,
    command_line: &[(&str, String)],
) -> Result<Effective, Problems> {
    let mut problems = Vec::new();
    let from_file = read_file(file, &mut problems);
    let mut config = Config::new("data".into());
    let mut sources = Vec::with_capacity(SETTINGS.len());
    for setting in SETTINGS {
        let found = find(setting, &from_file, environment, command_line);
        let (value, source) = match found {
            Ok(found) => found,
            Err(problem) => {
                problems.push(problem);
                (None, Source::Default)
            }
        };
        if let Some(Err(error)) = value.map(|value| (setting.set)(&mut config, &value)) {
            problems.push(format!("{}: {error}", name_for(setting, &source)));
        }
        sources.push(source);
    }
    if config.admin_email.is_some() != config.admin_password.is_some() {
        problems
            .push("DARKROOM_ADMIN_EMAIL and DARKROOM_ADMIN_PASSWORD are given together or not at all".into());
    }
    let warnings = unknown_variables(environment);
    if problems.is_empty() { Ok(Effective { config, sources, warnings }) } else { Err(Problems(problems)) }
}

type FromFile = Option<(PathBuf, toml::Table)>;

fn find(
    setting: &Setting,
    file: &FromFile,
    environment: &BTreeMap<String, String>,
    command_line: &[(&str, String)],
) -> Result<(Option<String>, Source), String> {
    if let Some((_, value)) = command_line.iter().find(|(name, _)| *name == setting.name) {
        return Ok((Some(value.clone()), Source::CommandLine));
    }
    let variable = setting.variable();
    if let Some(value) = environment.get(&variable) {
        return Ok((Some(value.clone()), Source::Environment(variable)));
    }
    let file_variable = format!("{variable}_FILE");
    if let (true, Some(path)) = (setting.secret, environment.get(&file_variable)) {
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("{file_variable}: {path} cannot be read: {error}"))?;
        return Ok((Some(text.trim().to_owned()), Source::Environment(file_variable)));
    }
    match file.as_ref().and_then(|(path, table)| Some((path, table.get(setting.name)?))) {
        Some((path, value)) => Ok((Some(plain(value)), Source::File(path.clone()))),
        None => Ok((None, Source::Default)),
    }
}

fn read_file(named: Option<&Path>, problems: &mut Vec<String>) -> FromFile {
    let path = named.unwrap_or(Path::new("darkroom.toml"));
    if named.is_none() && !path.exists() {
        return None;
    }
    let table = std::fs::read_to_string(path)
        .map_err(|error| error.to_string())
        .and_then(|text| text.parse::<toml::Table>().map_err(|error| error.to_string()));
    match table {
        Ok(table) => {
            let unknown = table.keys().filter(|key| !SETTINGS.iter().any(|setting| setting.name == **key));
            problems.extend(
                unknown.map(|key| format!("{}: {}", path.display(), unknown_name(key, |s| s.name.into()))),
            );
            Some((path.to_owned(), table))
        }
        Err(error) => {
            problems.push(format!("{}: {error}", path.display()));
            None
        }
    }
}

fn plain(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

fn name_for(setting: &Setting, source: &Source) -> String {
    match source {
        Source::File(path) => format!("{}: {}", path.display(), setting.name),
        Source::Environment(name) => name.clone(),
        Source::CommandLine => format!("--{}", setting.name.replace('_', "-")),
        Source::Default => setting.variable(),
    }
}

/// Orchestrators inject names of their own, so an unknown one is a warning; `config check` makes it an error.
fn unknown_variables(environment: &BTreeMap<String, String>) -> Vec<String> {
    let known = |name: &str| {
        OTHER_NAMES.contains(&name)
            || SETTINGS.iter().any(|setting| {
                let variable = setting.variable();
                variable == name || (setting.secret && name.strip_suffix("_FILE") == Some(variable.as_str()))
            })
    };
    let ours = environment.keys().filter(|name| name.starts_with("DARKROOM_") && !known(name));
    ours.map(|name| unknown_name(name, Setting::variable)).collect()
}

fn unknown_name(name: &str, spell: impl Fn(&Setting) -> String) -> String {
    let nearest = SETTINGS.iter().map(spell).min_by_key(|known| distance(known, name));
    format!("{name} is no setting of this build; the nearest one is {}", nearest.unwrap_or_default())
}

/// How many letters two names differ by (Levenshtein).
fn distance(one: &str, two: &str) -> usize {
    let mut row: Vec<usize> = (0..=two.len()).collect();
    for (i, a) in one.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in two.bytes().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[two.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    fn source_of(effective: &Effective, name: &str) -> Source {
        effective.sources[SETTINGS.iter().position(|setting| setting.name == name).unwrap()].clone()
    }

    #[test]
    fn the_command_line_wins_over_environment_over_file() {
        let file = file("max_pixels = 5\nworkers = 3\nkeep_alive_s = 9\n");
        let environment = environment(&[("DARKROOM_MAX_PIXELS", "6"), ("DARKROOM_WORKERS", "4")]);
        let command_line = [("workers", "7".to_owned())];
        let effective = load(Some(file.path()), &environment, &command_line).unwrap();
        assert_eq!(effective.config.workers.workers, 7);
        assert_eq!(effective.config.workers.limits.max_pixels, 6);
        assert_eq!(effective.config.keep_alive_s, 9);
        assert_eq!(source_of(&effective, "workers"), Source::CommandLine);
        assert_eq!(source_of(&effective, "bind"), Source::Default);
    }

    #[test]
    fn an_unknown_name_is_an_error_in_the_file_and_a_warning_in_the_environment() {
        let wrong = file("max_pixel = 5\n");
        let problems = load(Some(wrong.path()), &environment(&[]), &[]).unwrap_err();
        assert!(problems.0[0].contains("the nearest one is max_pixels"), "{problems}");
        let effective =
            load(Some(file("").path()), &environment(&[("DARKROOM_MAX_PIXEL", "5")]), &[]).unwrap();
        assert!(effective.warnings[0].contains("DARKROOM_MAX_PIXELS"), "{:?}", effective.warnings);
    }

    #[test]
    fn every_problem_is_told_at_once_with_its_name() {
        let environment = environment(&[("DARKROOM_WORKERS", "0"), ("DARKROOM_PUBLIC_URL", "x")]);
        let problems = load(Some(file("log_format = 'xml'").path()), &environment, &[]).unwrap_err();
        assert_eq!(problems.0.len(), 3, "{problems}");
        assert!(problems.0.iter().any(|p| p.starts_with("DARKROOM_WORKERS:")));
    }

    #[test]
    fn a_secret_may_come_from_a_file() {
        let key = file(&format!("{}\n", "k".repeat(43)));
        let path = key.path().to_str().unwrap().to_owned();
        let effective = load(None, &environment(&[("DARKROOM_MASTER_KEY_FILE", &path)]), &[]).unwrap();
        assert!(effective.config.master_key.is_some());
        assert!(effective.warnings.is_empty(), "{:?}", effective.warnings);
        let missing = load(None, &environment(&[("DARKROOM_MASTER_KEY_FILE", "/none/there")]), &[]);
        assert!(missing.unwrap_err().0[0].contains("cannot be read"));
    }

    #[test]
    fn a_database_that_is_not_built_is_no_start_on_another() {
        for (name, value) in
            [("DARKROOM_DATABASE_URL", "mysql://app@db/app"), ("DARKROOM_STORAGE_URL", "https://store/b")]
        {
            let problems = load(None, &environment(&[(name, value)]), &[]).unwrap_err();
            assert!(problems.0[0].starts_with(name), "{problems}");
        }
    }

    #[test]
    fn half_an_administrator_is_refused() {
        assert!(load(None, &environment(&[("DARKROOM_ADMIN_EMAIL", "a@example.org")]), &[]).is_err());
    }
}
