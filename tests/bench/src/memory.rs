//! Memory: of the idle server, and of it and its workers at the peak of eight large renders that are asked for at once.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use crate::cold::pictures;
use crate::darkroom::Darkroom;
use crate::process::{family_peak_mib, memory_mib, reset_family_peak};
use crate::verdict;

const RENDERS: usize = 8;

pub(crate) fn run(binary: &Path) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let darkroom = Darkroom::start(binary, folder.path())?;
    std::thread::sleep(Duration::from_secs(1));
    let idle = memory_mib(darkroom.pid(), "VmRSS")?;
    verdict("idle", idle, " MiB", idle < 40.0, "under 40 MiB");
    let account = darkroom.account()?;
    darkroom.variant(&account, "w640", 640)?;
    for picture in pictures()? {
        let ids: Result<Vec<_>> =
            (0..RENDERS).map(|_| darkroom.upload(&account, &picture.bytes, false)).collect();
        let targets: Vec<_> = ids?.iter().map(|id| format!("/{}/{id}/w640", account.hash)).collect();
        reset_family_peak(darkroom.pid())?;
        std::thread::scope(|scope| {
            let all: Vec<_> = targets.iter().map(|target| scope.spawn(|| darkroom.picture(target))).collect();
            all.into_iter().try_for_each(|one| one.join().expect("it fetched").map(drop))
        })?;
        let peak = family_peak_mib(darkroom.pid())?;
        let what = format!("peak of {RENDERS} renders at once, {}", picture.label);
        verdict(&what, peak, " MiB", peak < 600.0, "under 600 MiB");
    }
    Ok(())
}
