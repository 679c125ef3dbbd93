//! T9: bits that flip on the disk: no damaged rendition is served, and `doctor` names each damaged original.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::dice::Dice;
use super::gate::{count, figure};
use super::pictures;
use super::site::{Door, Site};
use crate::harness::{Objects, Setup};

/// Renditions of each image.
const WIDTHS: [usize; 10] = [8, 10, 12, 14, 16, 18, 20, 22, 24, 26];

/// A width that nobody asked for before the damage.
const COLD_WIDTH: usize = 30;

#[tokio::test]
async fn bits_flipped_on_the_disk_are_served_by_nobody_and_named_by_doctor() {
    flip_and_look("T9, disk", Site::on(Setup::Embedded).await, count(5, 200)).await;
}

#[tokio::test]
async fn bits_flipped_in_the_bucket_are_served_by_nobody_and_named_by_doctor() {
    // Each read that is damaged is tried again before it is given up, so fewer do.
    flip_and_look("T9, S3", Site::on(Setup::PostgresS3).await, count(4, 10)).await;
}

async fn flip_and_look(test: &str, mut site: Site, images: usize) {
    let mut dice = Dice::announced(test);
    site.set("DARKROOM_MEMORY_CACHE_BYTES", "0");
    site.cli(&["account", "set", "default", "flexible_variants=all"]).ok().await;
    let door = site.serve().await;
    let ids: Vec<String> = (0..images.max(4)).map(|number| format!("image-{number}")).collect();
    for id in &ids {
        let uploaded = door.api.upload(id, pictures::any_jpeg(&mut dice)).await.expect("an answer");
        assert_eq!(uploaded.status, 200, "{uploaded:?}");
    }
    let renditions = flip_renditions(&site, &door, &ids).await;
    let originals = flip_originals(&site, &door, &ids).await;
    figure(
        test,
        &format!(
            "0 of {renditions} damaged renditions served; doctor names {originals} of {originals} originals"
        ),
    );
}

/// Asks for every rendition, damages each at rest, asks again: each must be as it was. How many there were.
async fn flip_renditions(site: &Site, door: &Door, ids: &[String]) -> usize {
    let before = renditions(door, ids).await;
    let objects = site.objects();
    let all_kept = || async { at_rest(&objects).await.len() == before.len() };
    crate::harness::eventually("every rendition is kept at rest", Duration::from_secs(30), all_kept).await;
    for key in at_rest(&objects).await {
        objects.damage(&key).await;
    }
    let after = renditions(door, ids).await;
    let damaged = before.iter().filter(|(target, bytes)| after[*target] != **bytes).count();
    assert_eq!(damaged, 0, "damaged renditions are made again, and so are as they were");
    before.len()
}

async fn at_rest(objects: &Objects) -> Vec<String> {
    objects.keys().await.into_iter().filter(|key| !key.ends_with("/original")).collect()
}

/// Flips bits in every second original, cuts one short and removes one. None of them gives a whole answer, and
/// `doctor` names these and no others. How many there were.
async fn flip_originals(site: &Site, door: &Door, ids: &[String]) -> usize {
    let (objects, originals) = (site.objects(), originals_by_id(site, door, ids).await);
    let mut damaged: BTreeSet<&String> = ids.iter().step_by(2).collect();
    for id in &damaged {
        objects.damage(&originals[*id]).await;
    }
    let (cut_short, removed) = (&ids[1], &ids[3]);
    let whole = objects.read(&originals[cut_short]).await;
    objects.overwrite(&originals[cut_short], whole[..whole.len() - 1].to_vec()).await;
    objects.remove(&originals[removed]).await;
    damaged.extend([cut_short, removed]);
    for id in ids {
        let whole = door.api.blob(id).await.is_some_and(|blob| blob.status == 200);
        let cold = door.api.get(&door.api.options_path(id, &format!("w={COLD_WIDTH}"))).await;
        let rendered = cold.expect("an answer").status == 200;
        assert_eq!((whole, rendered), (!damaged.contains(id), !damaged.contains(id)), "{id}");
    }
    let quick = named(&site.doctor(&["--quick"]).await);
    assert_eq!(quick, [cut_short, removed].map(|id| format!("default/{id}")).into());
    let named = named(&site.doctor(&[]).await);
    assert_eq!(named, damaged.iter().map(|id| format!("default/{id}")).collect());
    damaged.len()
}

/// The originals that `doctor` names.
fn named(told: &serde_json::Value) -> BTreeSet<String> {
    let findings = told["findings"].as_array().expect("findings").iter();
    findings
        .map(|finding| {
            assert_eq!(finding["check"], "original", "{finding}");
            finding["subject"].as_str().expect("a name").to_owned()
        })
        .collect()
}

async fn renditions(door: &Door, ids: &[String]) -> BTreeMap<String, bytes::Bytes> {
    let mut all = BTreeMap::new();
    for id in ids {
        for width in WIDTHS.into_iter().take(count(2, 10).max(2)) {
            let target = door.api.options_path(id, &format!("w={width}"));
            let reply = door.api.get(&target).await.expect("an answer");
            assert_eq!(reply.status, 200, "{target}: {reply:?}");
            all.insert(target, reply.body);
        }
    }
    all
}

/// The object key of each original, found by its bytes.
async fn originals_by_id(site: &Site, door: &Door, ids: &[String]) -> BTreeMap<String, String> {
    let (objects, mut by_bytes) = (site.objects(), BTreeMap::new());
    for key in objects.keys().await.into_iter().filter(|key| key.ends_with("/original")) {
        by_bytes.insert(objects.read(&key).await, key);
    }
    let mut found = BTreeMap::new();
    for id in ids {
        let blob = door.api.blob(id).await.expect("an answer");
        found.insert(id.clone(), by_bytes.remove(&blob.body.to_vec()).expect("an original with these bytes"));
    }
    found
}
