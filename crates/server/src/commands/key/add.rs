//! `darkroom key add`: a key of another system, from files.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use catalog::{Actor, Catalog, NewVerifyingKey};
use clap::{ArgGroup, Args};
use domain::{SigningKeyId, Timestamp};
use signing::{KeyMaterial, Scheme};

use super::super::{Of, scheme::scheme, secret};

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("made of").required(true).args(["secret_file", "public_key_file", "key_file"])))]
pub(in crate::commands) struct Add {
    /// Its name in this account: 1 to 64 letters, digits, '.', '-' and '_'
    name: SigningKeyId,
    /// The scheme that signs with it, such as cloudfront
    #[arg(long, value_parser = scheme)]
    scheme: Scheme,
    /// How URLs name it: a key pair id, an access key id, an e-mail address of a service account
    #[arg(long)]
    id: Option<String>,
    /// A file that holds the secret
    #[arg(long, value_name = "F")]
    secret_file: Option<PathBuf>,
    /// A file that holds the session token of a temporary secret
    #[arg(long, value_name = "F", requires = "secret_file")]
    session_token_file: Option<PathBuf>,
    /// A file that holds the public key, as PEM
    #[arg(long, value_name = "F")]
    public_key_file: Option<PathBuf>,
    /// A file that holds the key in hex digits, as imgproxy has it
    #[arg(long, value_name = "F", requires = "salt_file")]
    key_file: Option<PathBuf>,
    /// A file that holds the salt in hex digits
    #[arg(long, value_name = "F", requires = "key_file")]
    salt_file: Option<PathBuf>,
    /// It verifies from then on only
    #[arg(long, value_name = "UNIX SECONDS")]
    verify_from: Option<i64>,
    #[command(flatten)]
    of: Of,
}

/// Registers the key.
pub(super) async fn run(add: Add, catalog: &Catalog) -> anyhow::Result<()> {
    let account = add.of.id(catalog).await?;
    let new = NewVerifyingKey {
        material: add.material()?,
        name: add.name,
        scheme: add.scheme,
        id: add.id.unwrap_or_default(),
        verify_from: add.verify_from.map(Timestamp::from_seconds),
    };
    let entry = catalog.add_verifying_key(&account, new, &Actor::command()).await?;
    say!("Key {} verifies URLs of the scheme {}.", entry.name, entry.scheme.name());
    Ok(())
}

impl Add {
    fn material(&self) -> anyhow::Result<KeyMaterial> {
        let text = |file: &Path| secret(Some(file), "");
        let files = (&self.secret_file, &self.session_token_file, &self.key_file, &self.salt_file);
        Ok(match files {
            (Some(file), None, ..) => KeyMaterial::text(text(file)?.reveal()),
            (Some(file), Some(token), ..) => {
                KeyMaterial::with_session(text(file)?.reveal(), text(token)?.reveal())
            }
            (_, _, Some(key), Some(salt)) => {
                KeyMaterial::key_and_salt_hex(text(key)?.reveal(), text(salt)?.reveal())?
            }
            _ => {
                let file = self.public_key_file.as_deref().context("a key is made of something")?;
                KeyMaterial::public_key_pem(text(file)?.reveal())
                    .with_context(|| format!("{} holds no public key", file.display()))?
            }
        })
    }
}
