//! `darkroom scheme`: which signing schemes an account has switched on, and what report mode found.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use catalog::{Actor, SchemeChange, SchemeEntry, SchemeMode};
use clap::Subcommand;
use domain::Timestamp;
use server::Config;
use signing::{Scheme, SchemeSettings};

use super::{Of, print_rows};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Lists the schemes with their modes, settings and keys
    List {
        #[command(flatten)]
        of: Of,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Switches a scheme: enforce obeys its signatures, report judges and counts them only, off does not look at them
    Set {
        /// The scheme, such as cloudfront
        #[arg(value_parser = scheme)]
        scheme: Scheme,
        /// enforce, report or off, and settings of the scheme such as min_signature_chars=18; an empty value is the
        /// default one, and a secret one comes from a file: salt=@FILE
        #[arg(required = true, value_name = "MODE|SETTING=VALUE")]
        changes: Vec<String>,
        #[command(flatten)]
        of: Of,
    },
    /// Tells what report mode found: how many requests enforcing the scheme would let in or refuse, and why
    Report {
        /// The scheme
        #[arg(value_parser = scheme)]
        scheme: Scheme,
        /// Of so many days until now
        #[arg(long, default_value = "7", value_parser = clap::value_parser!(u32).range(1..=366))]
        days: u32,
        #[command(flatten)]
        of: Of,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

/// Runs one of the commands on the catalog.
pub(super) async fn run(command: Command, config: &Config) -> anyhow::Result<ExitCode> {
    let catalog = super::catalog(config).await?;
    match command {
        Command::List { of, json } => print(json, &catalog.schemes(&of.id(&catalog).await?).await?),
        Command::Set { scheme, changes, of } => {
            let change = change(scheme, &changes)?;
            let account = of.id(&catalog).await?;
            let entry = catalog.set_scheme(&account, scheme, change, &Actor::command()).await?;
            say!("{}={}", scheme.name(), entry.mode.word());
            settings(&entry).iter().for_each(|(name, value)| say!("{name}={value}"));
        }
        Command::Report { scheme, days, of, json } => {
            let found = catalog.scheme_report(&of.id(&catalog).await?, scheme, days).await?;
            let row = |found: &catalog::ReportedVerdict| {
                vec![found.verdict.clone(), found.requests.to_string(), found.last_at.to_rfc3339()]
            };
            let rows: Vec<_> = found.iter().map(row).collect();
            print_rows(json, &["verdict", "requests", "last_at"], &rows);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The scheme of a name on the command line.
pub(super) fn scheme(name: &str) -> Result<Scheme, String> {
    let known = || Scheme::SERVED.iter().map(Scheme::name).collect::<Vec<_>>().join(", ");
    Scheme::from_name(name).ok_or_else(|| format!("there are the schemes {}", known()))
}

fn change(scheme: Scheme, texts: &[String]) -> anyhow::Result<SchemeChange> {
    let mut change = SchemeChange::default();
    for text in texts {
        if let Some((name, value)) = text.split_once('=') {
            change.settings.push((name.to_owned(), value_of(scheme, name, value)?));
            continue;
        }
        let mode = SchemeMode::from_word(text)
            .with_context(|| format!("'{text}' is no mode: there are enforce, report and off"))?;
        if change.mode.replace(mode).is_some() {
            bail!("give one mode: enforce, report or off");
        }
    }
    Ok(change)
}

/// A setting's value. A secret one is read from a file, since arguments are seen by everybody on the machine.
fn value_of(scheme: Scheme, name: &str, value: &str) -> anyhow::Result<String> {
    if !SchemeSettings::is_secret(scheme, name) || value.is_empty() {
        return Ok(value.to_owned());
    }
    let file = value
        .strip_prefix('@')
        .with_context(|| format!("{name} is a secret: write it into a file and give {name}=@FILE"))?;
    Ok(super::secret(Some(file.as_ref()), "")?.reveal().to_owned())
}

/// Settings as they are shown: of a secret one only that it is set.
fn settings(entry: &SchemeEntry) -> Vec<(&'static str, String)> {
    let shown = |(name, value): &(&'static str, String)| match value.as_str() {
        "" => (*name, String::new()),
        _ if SchemeSettings::is_secret(entry.scheme, name) => (*name, "…".to_owned()),
        value => (*name, value.to_owned()),
    };
    entry.settings.iter().map(shown).collect()
}

fn print(json: bool, schemes: &[SchemeEntry]) {
    let row = |entry: &SchemeEntry| {
        let settings: Vec<String> =
            settings(entry).iter().map(|(name, value)| format!("{name}={value}")).collect();
        let changed = entry.changed_at.map(Timestamp::to_rfc3339).unwrap_or_default();
        let (scheme, mode) = (entry.scheme.name().to_owned(), entry.mode.word().to_owned());
        vec![scheme, mode, entry.keys.to_string(), changed, settings.join(" ")]
    };
    let rows: Vec<_> = schemes.iter().map(row).collect();
    print_rows(json, &["scheme", "mode", "keys", "changed_at", "settings"], &rows);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(scheme: Scheme, texts: &[&str]) -> anyhow::Result<SchemeChange> {
        change(scheme, &texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn a_change_is_a_mode_and_settings_in_any_order() {
        let found = read(Scheme::Cloudimage, &["min_signature_chars=40", "report"]).unwrap();
        let settings = vec![("min_signature_chars".to_owned(), "40".to_owned())];
        assert_eq!(found, SchemeChange { mode: Some(SchemeMode::Report), settings });
        assert_eq!(read(Scheme::S3, &["region="]).unwrap().settings[0].1, "");
        for wrong in [&["on"][..], &["off", "report"], &["Enforce"]] {
            assert!(read(Scheme::S3, wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_secret_setting_is_no_argument() {
        let told = read(Scheme::EdgeAuth, &["salt=pinch"]).unwrap_err().to_string();
        assert!(told.contains("salt=@FILE") && !told.contains("pinch"), "{told}");
        assert!(read(Scheme::EdgeAuth, &["salt=@/nowhere/at/all"]).is_err());
        assert!(read(Scheme::EdgeAuth, &["salt="]).is_ok());
    }
}
