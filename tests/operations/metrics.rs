//! The page of metrics: every metric is in the table of the documentation and the other way round, and no label names
//! anything of a user.

use std::collections::{BTreeMap, BTreeSet};

use server::recorder::{Kind, METRICS, Metric};

use super::house::House;
use crate::harness::{drawn, repository};

const ON: (&str, &str) = ("DARKROOM_METRICS_BIND", "127.0.0.1:0");

/// A house that has had one request of each kind.
async fn busy() -> House {
    let mut house = House::start(&[ON, ("DARKROOM_MAX_UPLOAD_BYTES", "100000")]).await;
    house.get("/dashboard/login").await.expect(200);
    house.get("/nowhere").await.expect(404);
    for _ in 0..3 {
        house.get(&house.public).await.expect(200);
    }
    house.upload("large.jpg", drawn::jpeg(&drawn::photo(2000, 1500), 95)).await.expect(413);
    house.hide().await;
    house.get(&house.public).await.expect(403);
    house.scrape().await;
    house
}

/// The metrics of a page with their kinds and the names of their labels.
fn told(page: &str) -> BTreeMap<String, (String, BTreeSet<String>)> {
    let mut told = BTreeMap::new();
    for line in page.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        told.insert(name.to_owned(), (kind.to_owned(), BTreeSet::new()));
    }
    for line in page.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let name = line.split(['{', ' ']).next().unwrap();
        let of_histogram = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        let name = if told.contains_key(name) { name } else { of_histogram.unwrap_or(name) };
        let (_, labels) = told.get_mut(name).unwrap_or_else(|| panic!("a kind for {line}"));
        let inside =
            line.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map_or("", |(in_it, _)| in_it);
        let names =
            inside.split(',').filter_map(|pair| pair.split_once('=')).map(|(name, _)| name.to_owned());
        labels.extend(names.filter(|name| name != "le"));
    }
    told
}

/// The value of a sample.
fn value(page: &str, sample: &str) -> f64 {
    let line = page.lines().find_map(|line| line.strip_prefix(sample));
    line.unwrap_or_else(|| panic!("{sample} in {page}")).trim().parse().unwrap()
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    }
}

/// The kinds and labels of the list.
fn listed() -> BTreeMap<String, (String, BTreeSet<String>)> {
    let entry = |metric: &Metric| {
        let labels = metric.labels.iter().map(|label| (*label).to_owned()).collect();
        (metric.name.to_owned(), (word(metric.kind).to_owned(), labels))
    };
    METRICS.iter().map(entry).collect()
}

/// Names of metrics that stand in our code, but for the list itself.
fn in_code() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut folders = vec![repository().join("crates")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|end| end == "rs") && !entry.ends_with("src/recorder.rs")
            {
                let text = std::fs::read_to_string(entry).unwrap();
                let told = text.split("!(").filter_map(|inside| inside.trim_start().strip_prefix('"'));
                let names_told = told.filter_map(|rest| rest.split('"').next()).filter(|word| is_name(word));
                names.extend(names_told.map(str::to_owned));
            }
        }
    }
    names
}

fn is_name(word: &str) -> bool {
    word.strip_prefix("darkroom_")
        .is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
}

#[test]
fn every_metric_in_the_code_is_in_the_list_and_the_other_way_round() {
    assert_eq!(in_code(), listed().into_keys().collect());
}

#[tokio::test]
async fn what_a_busy_server_tells_is_as_the_list_says() {
    let page = busy().await.scrape().await;
    let (told, listed) = (told(&page), listed());
    for (name, shape) in &told {
        assert_eq!(Some(shape), listed.get(name), "{name}");
    }
    // The rest is of S3, or of jobs, removals and failures that a minute does not see.
    let seldom = [
        "darkroom_storage_",
        "darkroom_job",
        "darkroom_renditions_",
        "darkroom_removals_",
        "darkroom_worker_ends_",
        "darkroom_background_put_off_",
    ];
    for (name, _) in listed.iter().filter(|(name, _)| !seldom.iter().any(|of| name.starts_with(of))) {
        assert!(told.contains_key(name), "{name} in {page}");
    }
    for metric in METRICS.iter().filter(|metric| told.contains_key(metric.name)) {
        assert!(page.contains(&format!("# HELP {} {}", metric.name, metric.about)), "{}", metric.name);
    }
}

#[test]
fn the_table_of_metrics_is_the_list_of_metrics() {
    let page = std::fs::read_to_string(repository().join("docs/metrics.md")).unwrap();
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `darkroom_")).collect();
    let listed = METRICS.iter().map(|metric| {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let labels = if labels.is_empty() { "none".to_owned() } else { labels.join(", ") };
        format!("| `{}` | {} | {labels} | {} |", metric.name, word(metric.kind), metric.about)
    });
    assert_eq!(rows, listed.collect::<Vec<_>>());
}

#[tokio::test]
async fn what_happened_is_counted_once_where_it_belongs() {
    let page = busy().await.scrape().await;
    for (sample, expected) in [
        ("darkroom_requests_total{door=\"delivery\",status=\"200\"}", 3.0),
        ("darkroom_requests_total{door=\"delivery\",status=\"403\"}", 1.0),
        ("darkroom_requests_total{door=\"api\",status=\"413\"}", 1.0),
        ("darkroom_requests_total{door=\"dashboard\",status=\"200\"}", 1.0),
        ("darkroom_requests_total{door=\"other\",status=\"404\"}", 1.0),
        ("darkroom_request_seconds_count{door=\"delivery\",status=\"200\"}", 3.0),
        ("darkroom_renders_total{format=\"jpeg\"}", 1.0),
        ("darkroom_cache_hits_total{cache=\"memory\"}", 2.0),
        ("darkroom_cache_misses_total{cache=\"memory\"}", 1.0),
        ("darkroom_cache_misses_total{cache=\"rest\"}", 1.0),
        ("darkroom_signature_refusals_total{reason=\"missing_signature\"}", 1.0),
        ("darkroom_limit_refusals_total{limit=\"max_upload_bytes\"}", 1.0),
    ] {
        assert_eq!(value(&page, sample), expected, "{sample} in {page}");
    }
    assert!(value(&page, "darkroom_process_resident_memory_bytes") > 1e6);
    assert!(value(&page, "darkroom_storage_requests_total{kind=\"get\"}") >= 1.0);
}

#[tokio::test]
async fn no_label_names_an_image_an_account_or_a_path() {
    let mut house = busy().await;
    let page = house.scrape().await;
    let hash = house.public.split('/').nth(1).unwrap().to_owned();
    for secret in [&house.image, &house.account, &house.token, &hash, "login", "127.0.0.1"] {
        assert!(!page.contains(secret), "{secret} in {page}");
    }
}

#[tokio::test]
async fn metrics_are_on_their_own_address_and_nothing_else_is() {
    let mut house = House::start(&[ON]).await;
    house.get("/metrics").await.expect(404);
    let operators = house.operators().await;
    let ask = async |method: &str, path: &str| {
        let request = house.client.request(method.parse().unwrap(), format!("{operators}{path}"));
        request.send().await.unwrap().status().as_u16()
    };
    for path in ["/metrics", "/healthz", "/health", "/readyz"] {
        assert_eq!(ask("GET", path).await, 200, "{path}");
        assert!([404, 405].contains(&ask("POST", path).await), "{path}");
    }
    for path in ["/", "/dashboard/login", "/client/v4/accounts", &house.public] {
        assert_eq!(ask("GET", path).await, 404, "{path}");
    }
}

#[tokio::test]
async fn without_an_address_for_them_there_are_no_metrics() {
    let mut house = House::start(&[]).await;
    house.get("/metrics").await.expect(404);
    assert!(!house.running.log().iter().any(|line| line.starts_with("Metrics")));
}
