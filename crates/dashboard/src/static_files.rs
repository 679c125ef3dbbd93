//! The files of `static/`, compiled in. Their names carry a digest, so they may be kept for ever.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;

use crate::gzip::accepts_gzip;

/// One static file.
struct Asset {
    name: &'static str,
    url: &'static str,
    media_type: &'static str,
    bytes: &'static [u8],
    gzip: Option<&'static [u8]>,
}

/// All of them; `build.rs` writes the table.
const ASSETS: &[Asset] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// The address of a static file, checked by the compiler.
macro_rules! asset {
    ($name:literal) => {
        const { $crate::static_files::url($name) }
    };
}
pub(crate) use asset;

/// The address of a static file. For `asset!`, where an unknown name does not compile.
pub(crate) const fn url(name: &str) -> &'static str {
    let mut index = 0;
    while index < ASSETS.len() {
        if equal(ASSETS[index].name, name) {
            return ASSETS[index].url;
        }
        index += 1;
    }
    panic!("there is no such file in static/")
}

const fn equal(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut index = 0;
    while index < a.len() {
        if a[index] != b[index] {
            return false;
        }
        index += 1;
    }
    true
}

/// `GET /static/…`: only the very name with its digest.
pub(crate) async fn serve(request: HttpRequest) -> HttpResponse {
    match ASSETS.iter().find(|asset| asset.url == request.path()) {
        Some(asset) => send(asset, &request),
        None => HttpResponse::NotFound()
            .content_type("text/plain; charset=utf-8")
            .body("There is no such file.\n"),
    }
}

/// `GET /favicon.ico`, for browsers that ask for it whatever a page says.
pub(crate) async fn favicon(request: HttpRequest) -> HttpResponse {
    let icon = ASSETS.iter().find(|asset| asset.name == "favicon.svg");
    icon.map_or_else(
        || HttpResponse::NotFound().finish(),
        |asset| {
            let mut response = send(asset, &request);
            let day = actix_web::http::header::HeaderValue::from_static("public, max-age=86400");
            response.headers_mut().insert(CACHE_CONTROL, day);
            response
        },
    )
}

fn send(asset: &'static Asset, request: &HttpRequest) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response
        .insert_header((CONTENT_TYPE, asset.media_type))
        .insert_header((CACHE_CONTROL, "public, max-age=31536000, immutable"))
        .insert_header(("X-Content-Type-Options", "nosniff"))
        .insert_header(("Cross-Origin-Resource-Policy", "same-origin"))
        .insert_header(("Content-Security-Policy", "default-src 'none'; sandbox"));
    match asset.gzip {
        Some(packed) if accepts_gzip(request.headers()) => response
            .insert_header((CONTENT_ENCODING, "gzip"))
            .insert_header((VARY, "accept-encoding"))
            .body(Bytes::from_static(packed)),
        Some(_) => response.insert_header((VARY, "accept-encoding")).body(Bytes::from_static(asset.bytes)),
        None => response.body(Bytes::from_static(asset.bytes)),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn every_file_has_its_digest_in_its_address_and_unpacks_to_itself() {
        assert!(ASSETS.iter().any(|asset| asset.name == "app.css"));
        for asset in ASSETS {
            let (stem, extension) = asset.name.rsplit_once('.').unwrap();
            let digest = asset.url.strip_prefix(&format!("/static/{stem}.")).unwrap();
            assert_eq!(digest.strip_suffix(&format!(".{extension}")).unwrap().len(), 16, "{}", asset.url);
            if let Some(packed) = asset.gzip {
                let mut plain = Vec::new();
                flate2::read::GzDecoder::new(packed).read_to_end(&mut plain).unwrap();
                assert_eq!(plain, asset.bytes, "{}", asset.name);
            }
        }
    }

    #[test]
    fn scripts_import_each_other_by_their_digest_names() {
        for asset in ASSETS.iter().filter(|asset| asset.name.ends_with(".js")) {
            let text = std::str::from_utf8(asset.bytes).unwrap();
            assert!(!text.contains("from \"./"), "{} imports a name that is not served", asset.name);
        }
    }

    #[test]
    fn the_files_fit_their_budgets_in_bytes_on_the_wire() {
        let wire = |wanted: &dyn Fn(&str) -> bool| -> usize {
            ASSETS.iter().filter(|a| wanted(a.name)).map(|a| a.gzip.map_or(a.bytes.len(), <[u8]>::len)).sum()
        };
        assert!(wire(&|name| name == "app.css") <= 12_000);
        assert!(wire(&|name| name == "vendor/icons.svg") <= 4_000);
        assert!(wire(&|name| name.ends_with(".js") && !name.starts_with("vendor/")) <= 16_000);
        assert!(wire(&|name| name.starts_with("vendor/") && name.ends_with(".js")) <= 2_000);
    }
}
