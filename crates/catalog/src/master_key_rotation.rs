//! Rotating the master key beside a running server.

use domain::Secret;

use crate::changes::Change;
use crate::database::Lock;
use crate::key_names::Keys;
use crate::sealing::Sealer;
use crate::{Actor, Catalog, Error, audit, schemes, sealed_keys};

impl Catalog {
    /// Seals every stored secret anew under another master key, in one transaction, beside running servers. Returns
    /// the number of secrets.
    ///
    /// The caller keeps the key: it writes the new one to `FILE.next` (of `Config::master_key_file`) and flushes it,
    /// calls this, then renames `FILE.next` to `FILE`, one rotation at a time. So a crash at any point leaves the key
    /// that fits in one of the two; whoever opens the database, or has it open, reads both.
    pub async fn rotate_master_key(&self, new: &Secret) -> Result<u64, Error> {
        let sealer = Sealer::new(new)?;
        let mut writing = self.begin(Lock::House).await?;
        let old = self.sealer(writing.db()).await?;
        let mut count = sealed_keys::reseal(&mut writing, Keys::Signing, &old, &sealer).await?;
        count += sealed_keys::reseal(&mut writing, Keys::Verifying, &old, &sealer).await?;
        count += schemes::reseal(&mut writing, &old, &sealer).await?;
        self.reseal_canary(&mut writing, &sealer).await?;
        audit::note(&mut writing, None, &Actor::command(), "master_key.rotate", &format!("{count} secrets"))
            .await?;
        writing.changes(Change::MasterKey);
        self.commit(writing).await?;
        *self.inner.sealer.write() = sealer;
        Ok(count)
    }
}
