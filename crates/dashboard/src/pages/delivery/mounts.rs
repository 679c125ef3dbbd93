//! The mounts of the server as rows: an address for URLs of another system, and the one account that it leads to.

use catalog::Mount;

use crate::error::Failure;
use crate::member::Member;
use crate::scheme_words::about;

/// A mount as the list shows it.
pub(crate) struct MountRow {
    /// `/v7`.
    pub(crate) path: &'static str,
    /// Whose URLs it takes.
    pub(crate) title: &'static str,
    /// Who has it.
    pub(crate) holder: String,
    pub(crate) is_ours: bool,
    pub(crate) is_taken: bool,
    /// The page that gives or takes it; empty where that is not this person's to do.
    pub(crate) change: String,
}

/// Every mount. Who holds one is told to the operator alone, unless it is this account.
pub(crate) async fn rows(member: &Member) -> Result<Vec<MountRow>, Failure> {
    let catalog = member.visit.dashboard.catalog();
    let is_operator = member.is_operator();
    let mut rows = Vec::new();
    for (mount, holder) in catalog.mounts().await? {
        let is_taken = holder.is_some();
        let is_ours = holder == Some(member.account.id);
        let holder = match &holder {
            None => "No account".to_owned(),
            Some(_) if is_ours => member.account.display_name.clone(),
            Some(other) if is_operator => catalog.account(other).await?.display_name,
            Some(_) => "Another account".to_owned(),
        };
        let change = match is_operator {
            true => path(member, mount),
            false => String::new(),
        };
        rows.push(MountRow {
            path: mount.path(),
            title: about(mount.scheme()).title,
            holder,
            is_ours,
            is_taken,
            change,
        });
    }
    Ok(rows)
}

/// The page of a mount.
pub(crate) fn path(member: &Member, mount: Mount) -> String {
    member.path(&format!("delivery/mounts/{}", mount.word()))
}
