//! Every setting, a line each: its name, what it is, how it is read and shown.

use std::fmt::Display;
use std::str::FromStr;

use catalog::DatabaseUrl;
use domain::Secret;
use storage::StorageUrl;

use super::{Config, LogFormat};

/// One setting. `max_pixels` in the file is `DARKROOM_MAX_PIXELS` in the environment.
pub struct Setting {
    /// Its name in the file.
    pub name: &'static str,
    /// What it is, for `config print` and the documentation.
    pub about: &'static str,
    /// Whether its value is masked, and may come from a file named by `NAME_FILE`.
    pub secret: bool,
    /// Reads a value; the error says what would be right.
    pub set: fn(&mut Config, &str) -> Result<(), String>,
    /// The effective value as text; empty where there is none.
    pub show: fn(&Config) -> String,
}

impl Setting {
    /// Its name in the environment.
    pub fn variable(&self) -> String {
        format!("DARKROOM_{}", self.name.to_uppercase())
    }
}

/// A setting whose value is read and shown by its type.
macro_rules! plain {
    ($name:literal, $($field:ident).+, $about:literal) => {
        Setting {
            name: $name,
            about: $about,
            secret: false,
            set: |config, text| read(text).map(|value| config.$($field).+ = value),
            show: |config| config.$($field).+.to_string(),
        }
    };
}

/// A limit: a whole number of at least so much.
macro_rules! limit {
    ($name:literal, $($field:ident).+, $least:literal, $about:literal) => {
        Setting {
            name: $name,
            about: $about,
            secret: false,
            set: |config, text| at_least(text, $least).map(|value| config.$($field).+ = value),
            show: |config| config.$($field).+.to_string(),
        }
    };
}

/// Every setting that this build has, in the order of the documentation.
pub static SETTINGS: &[Setting] = &[
    plain!("bind", bind, "address of the server; port 0 picks a free one, printed at start"),
    Setting {
        name: "metrics_bind",
        about: "separate address for /metrics and probes; without it nothing is counted",
        secret: false,
        set: |config, text| read(text).map(|address| config.metrics_bind = Some(address)),
        show: |config| config.metrics_bind.map_or_else(String::new, |address| address.to_string()),
    },
    Setting {
        name: "data_dir",
        about: "folder of database, objects and secrets",
        secret: false,
        set: |config, text| non_empty(text).map(|text| config.data_dir = text.into()),
        show: |config| config.data_dir.display().to_string(),
    },
    Setting {
        name: "database_url",
        about: "where the rows are: sqlite://PATH, or postgres://USER:PASSWORD@HOST:PORT/DATABASE; \
                sqlite://<data_dir>/darkroom.db where it is not set",
        secret: true,
        // A wrong one is not repeated: it may hold a password.
        set: |config, text| {
            text.trim().parse().map(|url| config.database_url = Some(url)).map_err(|error| error.to_string())
        },
        show: |config| config.database_url.as_ref().map(DatabaseUrl::to_string).unwrap_or_default(),
    },
    Setting {
        name: "storage_url",
        about: "where the objects are: file:///FOLDER or s3://BUCKET/PREFIX; file://<data_dir>/objects where it is not set",
        secret: false,
        set: |config, text| text.parse().map(|url| config.storage_url = Some(url)),
        show: |config| config.storage_url.as_ref().map(StorageUrl::to_string).unwrap_or_default(),
    },
    Setting {
        name: "public_url",
        about: "where people and programs reach API and dashboard; http://<bind> where it is not set",
        secret: false,
        set: |config, text| base_url(text).map(|url| config.public_url = Some(url)),
        show: |config| config.public_url.clone().unwrap_or_default(),
    },
    Setting {
        name: "delivery_url",
        about: "where delivery URLs point; the public URL where it is not set",
        secret: false,
        set: |config, text| base_url(text).map(|url| config.delivery_url = Some(url)),
        show: |config| config.delivery_url.clone().unwrap_or_default(),
    },
    Setting {
        name: "trusted_proxies",
        about: "networks (CIDR, comma between them) whose X-Forwarded-For counts",
        secret: false,
        set: |config, text| list(text).map(|networks| config.trusted_proxies = networks),
        show: |config| join(&config.trusted_proxies),
    },
    Setting {
        name: "master_key",
        about: "seals secrets at rest: 43 characters of base64url; made in the data directory at first start",
        secret: true,
        set: |config, text| master_key(text).map(|key| config.master_key = Some(key)),
        show: |config| config.master_key.as_ref().map_or_else(String::new, |_| "set".into()),
    },
    plain!("migrate", migrate, "whether serve brings the database up to date"),
    plain!("log", log, "what is logged: error, warn, info, debug, trace, or a filter such as info,api=debug"),
    Setting {
        name: "log_format",
        about: "pretty or json; pretty on a terminal, else json, where it is not set",
        secret: false,
        set: |config, text| log_format(text).map(|format| config.log_format = Some(format)),
        show: |config| match config.log_format {
            None => String::new(),
            Some(LogFormat::Pretty) => "pretty".into(),
            Some(LogFormat::Json) => "json".into(),
        },
    },
    Setting {
        name: "admin_email",
        about: "with admin_password: makes the first administrator without the setup page",
        secret: false,
        set: |config, text| non_empty(text).map(|text| config.admin_email = Some(text.into())),
        show: |config| config.admin_email.clone().unwrap_or_default(),
    },
    Setting {
        name: "admin_password",
        about: "the first administrator's password, 12 to 128 characters",
        secret: true,
        set: |config, text| non_empty(text).map(|text| config.admin_password = Some(Secret::new(text))),
        show: |config| config.admin_password.as_ref().map_or_else(String::new, |_| "set".into()),
    },
    plain!(
        "serve_stale_public",
        serve_stale_public,
        "go on serving public images when changes of rights cannot be seen"
    ),
    limit!("max_upload_bytes", form.max_upload_bytes, 1, "bytes of one file"),
    limit!("max_side_pixels", workers.limits.max_side_pixels, 1, "longest side of an original"),
    limit!("max_pixels", workers.limits.max_pixels, 1, "area of an original"),
    limit!(
        "max_animation_pixels",
        workers.limits.max_animation_pixels,
        1,
        "area times frames of an animation"
    ),
    limit!("max_frames", workers.limits.max_frames, 1, "frames of an animation"),
    limit!("max_jpeg_scans", workers.limits.max_jpeg_scans, 1, "scans of a progressive JPEG"),
    limit!("max_png_chunks", workers.limits.max_png_chunks, 3, "chunks of a PNG"),
    limit!("max_avif_tiles", workers.limits.max_avif_tiles, 1, "tiles that an AVIF is put together from"),
    limit!(
        "max_icc_bytes",
        workers.limits.max_icc_bytes,
        0,
        "bytes of a colour profile; a larger one is dropped"
    ),
    limit!("max_svg_bytes", workers.limits.max_svg_bytes, 1, "bytes of an SVG"),
    limit!("max_svg_depth", workers.limits.max_svg_depth, 1, "elements of an SVG that lie in each other"),
    limit!("max_svg_elements", workers.limits.max_svg_elements, 1, "elements of an SVG"),
    limit!("max_svg_attributes", workers.limits.max_svg_attributes, 1, "attributes of an element of an SVG"),
    limit!("max_svg_namespaces", workers.limits.max_svg_namespaces, 1, "namespaces that an SVG declares"),
    limit!("svg_timeout_s", workers.limits.svg_timeout_s, 1, "seconds to read and clean an SVG"),
    limit!(
        "max_resized_animation_pixels",
        workers.limits.max_resized_animation_pixels,
        1,
        "area times frames of an animation that is resized; a larger one is delivered as it is"
    ),
    limit!("max_metadata_bytes", max_metadata_bytes, 2, "bytes of an image's metadata as JSON"),
    limit!(
        "max_avif_side_pixels",
        workers.limits.max_avif_side_pixels,
        1,
        "longest side of an AVIF rendition that nobody named"
    ),
    limit!(
        "max_explicit_avif_side_pixels",
        workers.limits.max_named_avif_side_pixels,
        1,
        "longest side of an AVIF rendition by format=avif"
    ),
    limit!(
        "max_webp_side_pixels",
        workers.limits.max_webp_side_pixels,
        1,
        "longest side of a lossy WebP rendition"
    ),
    limit!(
        "max_lossless_webp_side_pixels",
        workers.limits.max_lossless_webp_side_pixels,
        1,
        "longest side of a lossless WebP rendition"
    ),
    limit!("workers", workers.workers, 1, "renders at once; half as many more where nobody waits for them"),
    limit!("max_worker_jobs", workers.max_worker_jobs, 1, "pieces of work after which a worker is replaced"),
    limit!(
        "max_queued_renders",
        workers.max_queued,
        0,
        "renders that wait for a worker; the next one is told to come back"
    ),
    limit!("render_wait_s", workers.wait_s, 1, "seconds that a render waits for a worker"),
    limit!("render_timeout_s", workers.render_timeout_s, 1, "seconds that one render may take"),
    limit!(
        "avif_timeout_s",
        workers.avif_timeout_s,
        1,
        "seconds that one render may take that makes an AVIF"
    ),
    limit!(
        "decode_budget_bytes",
        workers.decode_budget_bytes,
        1_000_000,
        "bytes of memory that all decoding together may take, as estimated"
    ),
    limit!(
        "max_worker_bytes",
        workers.max_worker_bytes,
        536_870_912,
        "bytes of memory that one worker may have; never more than the budget of all"
    ),
    limit!("memory_cache_bytes", memory_cache_bytes, 0, "bytes of renditions that memory keeps"),
    limit!(
        "renditions_bytes",
        renditions_bytes,
        0,
        "bytes of renditions that lie at rest; past it those go that nobody asked for longest"
    ),
    Setting {
        name: "renditions_idle_days",
        about: "days after which a rendition at rest goes that nobody asked for; 0 or not set keeps it",
        secret: false,
        set: |config, text| {
            at_least(text, 0).map(|days| config.renditions_idle_days = Some(days).filter(|days| *days > 0))
        },
        show: |config| config.renditions_idle_days.map_or_else(String::new, |days| days.to_string()),
    },
    limit!(
        "max_background_renders",
        max_background_renders,
        1,
        "renders in the background that wait or are under way; what comes beyond is asked for again later"
    ),
    limit!("max_cached_rights", max_cached_rights, 1, "images whose rights memory keeps"),
    limit!("min_free_disk_bytes", min_free_disk_bytes, 0, "bytes of disk that stay free for the database"),
    limit!(
        "max_stale_rights_s",
        max_stale_rights_s,
        1,
        "seconds without sight of changes after which images are refused"
    ),
    limit!("max_head_bytes", max_head_bytes, 1024, "bytes of a request's head"),
    limit!("max_headers", max_headers, 1, "header lines of a request"),
    limit!("max_target_bytes", target.max_target_bytes, 64, "bytes of a request's target"),
    limit!("max_path_bytes", target.max_path_bytes, 64, "bytes of a request's path"),
    Setting {
        name: "max_query_pairs",
        about: "pairs of a request's query, at most 64",
        secret: false,
        set: |config, text| query_pairs(text).map(|pairs| config.target.max_query_pairs = pairs),
        show: |config| config.target.max_query_pairs.to_string(),
    },
    limit!("max_parts", form.max_parts, 1, "parts of a form"),
    limit!("max_part_head_bytes", form.max_part_head_bytes, 64, "bytes of a part's head"),
    limit!("max_field_bytes", form.max_field_bytes, 64, "bytes of a text field in a form"),
    limit!(
        "head_timeout_s",
        head_timeout_s,
        1,
        "seconds within which the first head of a connection has to come; a later one has `DARKROOM_KEEP_ALIVE_S` more, from the last answer on"
    ),
    limit!("body_grace_s", body_grace_s, 1, "seconds after which a slow body is measured"),
    limit!("min_body_bytes_per_s", min_body_bytes_per_s, 0, "the slowest body, in bytes a second"),
    limit!("reader_stall_s", reader_stall_s, 1, "seconds after which a reader that takes nothing is cut off"),
    limit!("keep_alive_s", keep_alive_s, 1, "seconds that an idle connection is kept"),
    limit!(
        "max_connections",
        max_connections,
        1,
        "connections at once; requests on further ones are told to come back"
    ),
    limit!(
        "max_address_connections",
        max_address_connections,
        0,
        "connections of one address at once; 0 is no limit"
    ),
    limit!(
        "shutdown_timeout_s",
        shutdown_timeout_s,
        0,
        "seconds that a stop takes at most, and about two more to write what was counted last"
    ),
    limit!("max_api_requests_per_s", max_api_requests_per_s, 1, "requests a second of one API token"),
    limit!(
        "max_uploads_per_minute",
        max_uploads_per_minute,
        0,
        "uploads of one account within a minute; 0 is no limit"
    ),
    limit!(
        "max_previews_per_minute",
        max_previews_per_minute,
        0,
        "previews of one person within a minute; 0 is no limit"
    ),
    limit!(
        "max_refusals_per_minute",
        max_refusals_per_minute,
        0,
        "answers of 401, 403 or 404 to one address within a minute; 0 is no limit"
    ),
    limit!(
        "max_sign_in_failures",
        max_sign_in_failures,
        1,
        "wrong passwords for an e-mail from one address before waits begin"
    ),
    limit!(
        "max_address_sign_in_failures",
        max_address_sign_in_failures,
        1,
        "wrong passwords from one address before waits begin"
    ),
    limit!(
        "fetch_log_days",
        fetch_log_days,
        0,
        "days for which it is kept which key, subject and token id fetched what; 0 keeps no such log"
    ),
    limit!(
        "max_fetch_log_rows",
        max_fetch_log_rows,
        0,
        "rows of that log of all accounts, the oldest going first, looked at each hour; 0 is no limit"
    ),
    limit!("idempotency_ttl_s", idempotency_ttl_s, 1, "seconds for which an idempotency key is remembered"),
    limit!("max_signing_keys", max_signing_keys, 1, "signing keys of an account, active and retiring"),
    limit!(
        "max_verifying_keys",
        max_verifying_keys,
        1,
        "keys of other signing schemes that an account verifies with, active and retiring"
    ),
    limit!("max_variants", max_variants, 1, "variants of an account"),
    limit!("max_tokens", max_tokens, 1, "API tokens of an account"),
    limit!("max_account_images", max_account_images, 0, "images of an account; 0 is no limit"),
    limit!("max_account_bytes", max_account_bytes, 0, "bytes of an account's originals; 0 is no limit"),
];

fn read<T: FromStr>(text: &str) -> Result<T, String>
where
    T::Err: Display,
{
    text.trim().parse().map_err(|error| format!("'{text}' is not usable here: {error}"))
}

fn at_least<T: FromStr + PartialOrd + Display>(text: &str, least: T) -> Result<T, String> {
    match text.trim().parse::<T>() {
        Ok(value) if value >= least => Ok(value),
        _ => Err(format!("'{text}' is not usable here: it takes a whole number of at least {least}")),
    }
}

fn query_pairs(text: &str) -> Result<usize, String> {
    let most = signing::TargetLimits::MOST_QUERY_PAIRS;
    let pairs = at_least(text, 1)?;
    if pairs <= most { Ok(pairs) } else { Err(format!("'{text}' is not usable here: it is at most {most}")) }
}

fn non_empty(text: &str) -> Result<&str, String> {
    let text = text.trim();
    if text.is_empty() { Err("it must not be empty".into()) } else { Ok(text) }
}

/// A scheme and host without path; a trailing slash is cut.
fn base_url(text: &str) -> Result<String, String> {
    let url = text.trim().trim_end_matches('/');
    let host = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://")).unwrap_or_default();
    let plain = !host.is_empty()
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']'));
    if plain {
        Ok(url.to_owned())
    } else {
        Err(format!("'{text}' is no address: write it as https://images.example.org"))
    }
}

fn list<T: FromStr<Err = String>>(text: &str) -> Result<Vec<T>, String> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::parse).collect()
}

fn join<T: Display>(items: &[T]) -> String {
    items.iter().map(T::to_string).collect::<Vec<_>>().join(",")
}

fn master_key(text: &str) -> Result<Secret, String> {
    let text = text.trim();
    let fits =
        text.len() == 43 && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if fits {
        Ok(Secret::new(text))
    } else {
        Err("it takes 43 characters of base64url: 32 random bytes".into())
    }
}

fn log_format(text: &str) -> Result<LogFormat, String> {
    match text.trim() {
        "pretty" => Ok(LogFormat::Pretty),
        "json" => Ok(LogFormat::Json),
        other => Err(format!("'{other}' is not usable here: it takes pretty or json")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(name: &str, text: &str) -> Result<String, String> {
        let mut config = Config::new("data".into());
        let setting = SETTINGS.iter().find(|setting| setting.name == name).unwrap();
        (setting.set)(&mut config, text).map(|()| (setting.show)(&config))
    }

    #[test]
    fn every_setting_reads_what_it_shows() {
        let mut config = Config::new("data".into());
        for setting in SETTINGS.iter().filter(|setting| !setting.secret) {
            let shown = (setting.show)(&config);
            if !shown.is_empty() {
                (setting.set)(&mut config, &shown).unwrap();
                assert_eq!((setting.show)(&config), shown, "{}", setting.name);
            }
        }
    }

    #[test]
    fn names_are_unique_and_say_what_they_are() {
        let mut names: Vec<_> = SETTINGS.iter().map(|setting| setting.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), SETTINGS.len());
        assert!(SETTINGS.iter().all(|setting| !setting.about.is_empty()));
    }

    #[test]
    fn a_wrong_value_says_what_would_be_right() {
        assert!(set("max_pixels", "many").unwrap_err().contains("at least 1"));
        assert!(set("public_url", "images.example.org").unwrap_err().contains("https://"));
        assert!(set("public_url", "https://images.example.org/path").is_err());
        assert!(set("trusted_proxies", "10.0.0.0/99").unwrap_err().contains("10.0.0.0/8"));
        assert!(set("log_format", "xml").unwrap_err().contains("json"));
        assert_eq!(set("public_url", "https://images.example.org/").unwrap(), "https://images.example.org");
    }

    #[test]
    fn a_secret_never_shows() {
        assert_eq!(set("admin_password", "correct horse battery").unwrap(), "set");
        assert_eq!(set("master_key", &"k".repeat(43)).unwrap(), "set");
        let shown = set("database_url", "postgres://app:hush@db:5432/app").unwrap();
        assert_eq!(shown, "postgres://app@db:5432/app");
    }
}
