//! From the start of the program to "ready", on a data directory that is there.

use std::path::Path;

use anyhow::Result;

use crate::darkroom::Darkroom;
use crate::{drawn, median, verdict};

const STARTS: usize = 11;

pub(crate) fn run(binary: &Path) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let darkroom = Darkroom::start(binary, folder.path())?;
    let account = darkroom.account()?;
    darkroom.upload(&account, &drawn::file("cat.jpg"), false)?;
    drop(darkroom);
    let times: Result<Vec<f64>> =
        (0..STARTS).map(|_| Ok(Darkroom::start(binary, folder.path())?.ready_ms)).collect();
    let middle = median(times?);
    verdict("start to ready, median of 11", middle, " ms", middle < 200.0, "under 200 ms");
    Ok(())
}
