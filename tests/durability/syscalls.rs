//! T2: what the server asks of the kernel before it says 2xx, in which order, and what it says when a flush fails.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use super::dice::Dice;
use super::faults::{EIO, Fault, Faults};
use super::gate::{count, figure};
use super::pictures;
use super::site::{Door, Site};

/// One call of the server, as `strace` told it.
#[derive(Debug)]
struct Call {
    name: String,
    /// Its arguments with the paths behind file descriptors, as far as `strace` printed them.
    arguments: String,
    /// Lines of the trace at which it began and ended.
    began: usize,
    ended: usize,
    worked: bool,
}

#[tokio::test]
async fn an_upload_is_acknowledged_when_bytes_name_and_row_are_flushed_in_this_order() {
    let mut dice = Dice::announced("T2");
    let site = Site::embedded().await;
    let trace = site.data_dir().join("trace");
    let path = trace.to_str().expect("a path of plain letters").to_owned();
    let calls = "trace=write,writev,sendto,sendmsg,pwrite64,fsync,fdatasync,rename,renameat,renameat2";
    // -D: the server is our own child and strace the one beside it, so that whoever ends it ends the server.
    let words = ["strace", "-D", "-f", "-y", "-s", "64", "-e", calls, "-o", &path];
    let mut door = site.serve_by(site.cli(&["serve"]).under(&words)).await;
    let uploads = count(10, 100);
    for number in 0..uploads {
        let bytes = pictures::any_jpeg(&mut dice);
        let answer = door.api.upload(&format!("traced-{number}"), bytes).await.expect("an answer");
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    door.running.kill().await;
    let written = || std::fs::read_to_string(&trace).expect("strace wrote a trace: `make test` brings it");
    let ended = || async { written().contains("+++ killed by SIGKILL +++") };
    crate::harness::eventually("the trace is whole", Duration::from_secs(10), ended).await;
    let trace = written();
    let kept = in_order(&read(&trace), uploads, &site.data_dir().join("objects"));
    figure(
        "T2",
        &format!("{kept} of {uploads} uploads in order: write, flush, name, folders, database, 2xx"),
    );
    assert_eq!(kept, uploads);
}

#[tokio::test]
async fn an_upload_whose_flush_fails_is_refused_and_absent_and_the_next_one_is_well() {
    let mut dice = Dice::announced("T2");
    let (site, faults) = (Site::embedded().await, Faults::new());
    let mut door = site.serve_by(faults.load_into(site.cli(&["serve"]))).await;
    for (number, path) in ["/objects/.scratch/", "/objects/2", "/darkroom.db-wal"].into_iter().enumerate() {
        let fault = Fault { calls: "sync", error: EIO, times: 1, path };
        let refused = refused_upload(&door, &faults, &fault, &mut dice, number).await;
        for look in [door.api.image(&refused).await, door.api.blob(&refused).await] {
            assert_eq!(look.expect("an answer").status, 404, "{path}");
        }
        let next = format!("next-{number}");
        let answer = door.api.upload(&next, pictures::any_jpeg(&mut dice)).await.expect("an answer");
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
    }
    assert_eq!(door.running.terminate().await, 0);
    figure("T2", "3 flushes that failed (bytes, folder, database): 5xx each, absent each, next upload well");
    site.assert_whole().await;
}

/// Uploads until one meets the fault, and gives its id. The server's own work writes rows too, now and then, and may take
/// the one flush that fails for itself; a server that tried again after a flush that failed would never refuse.
async fn refused_upload(
    door: &Door,
    faults: &Faults,
    fault: &Fault<'_>,
    dice: &mut Dice,
    number: usize,
) -> String {
    for attempt in 0..5 {
        let id = format!("failing-{number}-{attempt}");
        faults.begin(fault);
        let answer = door.api.upload(&id, pictures::any_jpeg(dice)).await.expect("an answer");
        if answer.status >= 500 {
            return id;
        }
        assert_eq!(answer.status, 200, "{}: {answer:?}", fault.path);
    }
    panic!("no upload was refused while a flush of {} failed", fault.path);
}

/// A commit whose flush failed was refused, but its record may lie in the write-ahead log, and a crash right then lets
/// recovery find it: so its bytes must not have been thrown away.
#[tokio::test]
async fn a_row_that_a_crash_brings_back_after_its_flush_failed_has_its_bytes() {
    let mut dice = Dice::announced("T2");
    let (site, faults) = (Site::embedded().await, Faults::new());
    let mut door = site.serve_by(faults.load_into(site.cli(&["serve"]))).await;
    faults.begin(&Fault { calls: "sync", error: EIO, times: -1, path: "/darkroom.db-wal" });
    let bytes = pictures::any_jpeg(&mut dice);
    let answer = door.api.upload("refused", bytes).await.expect("an answer");
    assert!(answer.status >= 500, "{answer:?}");
    door.running.kill().await;
    faults.end();
    let door = site.serve().await;
    let look = [door.api.image("refused").await, door.api.blob("refused").await];
    let [image, blob] = look.map(|look| look.expect("an answer").status);
    assert_eq!(image, blob, "whole or not at all");
    drop(door);
    site.assert_whole().await;
}

/// How many of the uploads were acknowledged after everything that makes them durable, in order.
fn in_order(calls: &[Call], uploads: usize, objects: &Path) -> usize {
    let answers: Vec<&Call> = calls
        .iter()
        .filter(|call| call.arguments.contains("HTTP/1.1 200 OK") && !call.arguments.contains("readyz"))
        .collect();
    let names: Vec<&Call> = calls.iter().filter(|call| is_naming(call)).collect();
    assert_eq!(names.len(), uploads, "each upload gives one original its name");
    names.iter().filter(|name| is_durable_before_its_answer(calls, name, &answers, objects)).count()
}

fn is_naming(call: &Call) -> bool {
    // The probe of readiness is an object of the first day.
    let original = call.arguments.ends_with("/original\"") && !call.arguments.contains("/1970-01-01/");
    original && call.name.starts_with("rename") && call.worked
}

/// Whether the bytes were flushed before they got this name, and name, folders and row before the next answer.
fn is_durable_before_its_answer(calls: &[Call], name: &Call, answers: &[&Call], objects: &Path) -> bool {
    let paths: Vec<&str> = name.arguments.split('"').filter(|part| part.starts_with('/')).collect();
    let [scratch, target] = paths[..] else { panic!("two paths: {name:?}") };
    let on = |path: &str| {
        let shown = format!("<{path}>");
        move |call: &&Call| call.worked && call.arguments.contains(&shown)
    };
    let written =
        calls.iter().filter(on(scratch)).filter(|call| call.name.contains("write")).map(|c| c.ended);
    let written = written.max().unwrap_or(usize::MAX);
    let flushed = calls.iter().filter(on(scratch)).find(|c| is_flush(c) && c.began > written);
    let flushed = flushed.is_some_and(|flush| flush.ended < name.began);
    let Some(answer) = answers.iter().find(|answer| answer.began > name.ended) else { return false };
    let folders = Path::new(target).ancestors().skip(1).take_while(|folder| folder.starts_with(objects));
    let flushes: Vec<Option<usize>> = folders
        .map(|folder| {
            let here = on(folder.to_str().expect("a path of plain letters"));
            calls.iter().filter(here).find(|c| is_flush(c) && c.began > name.ended).map(|c| c.ended)
        })
        .collect();
    let Some(named) = flushes.iter().copied().collect::<Option<Vec<usize>>>() else { return false };
    let named = named.into_iter().max().unwrap_or(usize::MAX);
    let log = objects.with_file_name("darkroom.db-wal");
    let in_log = on(log.to_str().expect("a path of plain letters"));
    let rows = calls.iter().filter(&in_log).filter(|c| c.name == "pwrite64" && c.began > named);
    let Some(row) = rows.map(|c| c.ended).find(|ended| *ended < answer.began) else { return false };
    let committed = calls.iter().filter(&in_log).find(|c| is_flush(c) && c.began > row);
    flushed && committed.is_some_and(|commit| commit.ended < answer.began)
}

fn is_flush(call: &Call) -> bool {
    matches!(&*call.name, "fsync" | "fdatasync")
}

/// Reads a trace of `strace -f -y`: a call that another thread's interrupts has two lines.
fn read(trace: &str) -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    let mut open: HashMap<&str, usize> = HashMap::new();
    for (line, text) in trace.lines().enumerate() {
        let Some((thread, text)) = text.split_once(' ') else { continue };
        let text = text.trim_start();
        if text.starts_with("<...") {
            if let Some(index) = open.remove(thread) {
                calls[index].ended = line;
                calls[index].worked = !text.contains(" = -1 ");
            }
            continue;
        }
        let Some((name, rest)) = text.split_once('(') else { continue };
        let unfinished = rest.strip_suffix("<unfinished ...>");
        let arguments = unfinished.or_else(|| rest.rsplit_once(") ").map(|(arguments, _)| arguments));
        let (worked, ended) = (unfinished.is_none() && !rest.contains(" = -1 "), line);
        if unfinished.is_some() {
            open.insert(thread, calls.len());
        }
        let arguments = arguments.unwrap_or(rest).trim_end().to_owned();
        calls.push(Call { name: name.to_owned(), arguments, began: line, ended, worked });
    }
    calls
}
