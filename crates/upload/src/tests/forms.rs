//! Reading forms: order, limits, odd spellings, ends that are missing.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::{Fault as _, Problem};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::Source;

fn problem<T>(result: Result<T, Error>) -> Problem {
    result.err().expect("this must be refused").problem()
}

/// Refused as a bad request, with a text that holds these words.
async fn refused(parts: &[Vec<u8>], words: &str) {
    let error = read(parts).await.expect_err(words);
    assert_eq!(error.problem(), Problem::BadRequest);
    assert!(error.to_string().contains(words), "{error} should say {words}");
}

#[tokio::test]
async fn r_18_parts_come_in_any_order() {
    let fields = [
        text("id", "a/b c"),
        text("creator", "u1"),
        text("requireSignedURLs", "true"),
        text("metadata[k]", "v"),
    ];
    for place in 0..=fields.len() {
        let mut parts = fields.to_vec();
        parts.insert(place, file(b"picture"));
        let form = read(&parts).await.unwrap();
        assert_eq!(form.file.unwrap().bytes().await.unwrap(), "picture");
        assert_eq!(form.filename, "cat.png");
        assert_eq!(form.id.unwrap().as_str(), "a/b c");
        assert_eq!(form.creator.as_deref(), Some("u1"));
        assert_eq!(form.require_signed_urls, Some(true));
        assert_eq!(serde_json::Value::Object(form.metadata.unwrap()), json!({"k": "v"}));
    }
}

#[tokio::test]
async fn r_20_a_form_without_parts_is_a_form_without_image() {
    let mut form = read(&[]).await.unwrap();
    assert!(form.single_source().unwrap_err().to_string().contains("'file'"));
}

#[tokio::test]
async fn r_23_file_and_url_are_one_too_many() {
    let mut form = read(&[file(b"x"), text("url", "https://example.org/a.png")]).await.unwrap();
    assert_eq!(problem(form.single_source()), Problem::BadRequest);
    let mut form = read(&[text("url", "https://example.org/a.png")]).await.unwrap();
    assert!(matches!(form.single_source(), Ok(Source::Url(_))));
    refused(&[file(b"x"), file(b"y")], "two").await;
}

#[tokio::test]
async fn r_24_a_file_may_come_as_base64_text() {
    let picture = png(1);
    for text in [STANDARD.encode(&picture), format!("data:image/png;base64,{}", STANDARD.encode(&picture))] {
        let form = read(&[part("name=\"file\"", text.as_bytes())]).await.unwrap();
        assert_eq!(form.file.unwrap().bytes().await.unwrap(), picture);
    }
    let result = read(&[part("name=\"file\"", b"b'abc'")]).await;
    assert_eq!(problem(result), Problem::NotAnImage);
}

#[tokio::test]
async fn r_58_a_misspelt_part_is_refused_with_the_right_name() {
    refused(&[text("requireSignedUrls", "true")], "requireSignedURLs").await;
    refused(&[text("Metadata[k]", "v")], "metadata").await;
    let form = read(&[text("expiry", "x"), text("csrf", "y")]).await.unwrap();
    assert_eq!(form.other, [("expiry".to_owned(), "x".to_owned()), ("csrf".to_owned(), "y".to_owned())]);
}

#[tokio::test]
async fn a_value_that_is_wrong_is_named() {
    refused(&[text("requireSignedURLs", "yes")], "true or false").await;
    refused(&[text("id", "../x")], "id").await;
    refused(&[text("id", "a"), text("id", "b")], "twice").await;
    refused(&[text("creator", &"c".repeat(1_025))], "1,024").await;
    refused(&[text("metadata", "[1]")], "object").await;
    refused(&[part("name=\"id\"", b"\xff\xfe")], "UTF-8").await;
    refused(&[part("name=\"picture\"; filename=\"a.png\"", b"x")], "'file'").await;
    refused(&[part("filename=\"a.png\"", b"x")], "name").await;
}

#[tokio::test]
async fn a_file_name_beyond_ascii_is_read_in_both_spellings() {
    for head in
        ["name=\"file\"; filename=\"Kätzchen.png\"", "name=\"file\"; filename*=UTF-8''K%C3%A4tzchen.png"]
    {
        assert_eq!(read(&[part(head, b"x")]).await.unwrap().filename, "Kätzchen.png");
    }
}

#[tokio::test]
async fn the_limit_is_the_files_and_its_envelope_comes_on_top() {
    let limits = FormLimits { max_upload_bytes: 100_000, ..FormLimits::default() };
    let form = |len| {
        [text("metadata", &json!({"k": "v".repeat(900)}).to_string()), file(&vec![7; len]), end()].concat()
    };
    let exact = read_pieces(&form(100_000), 4_096, limits.clone()).await.unwrap();
    assert_eq!(exact.file.unwrap().len(), 100_000);
    let error = read_pieces(&form(100_001), 4_096, limits.clone()).await.unwrap_err();
    assert_eq!(error.to_string(), "this file is 100,001 bytes; the limit is 100,000 bytes");
    assert_eq!(problem(read_pieces(&form(300_000), 4_096, limits).await), Problem::TooLarge);
}

#[tokio::test]
async fn a_body_that_says_it_is_too_large_is_not_read() {
    let untouched =
        stream::poll_fn(|_| -> std::task::Poll<Option<io::Result<Bytes>>> { panic!("it was read") });
    let result = Incoming::new(
        Some("multipart/form-data; boundary=x"),
        Some(24_100_000),
        untouched,
        FormLimits::default(),
    );
    assert_eq!(result.err().unwrap().to_string(), "this file is 24.1 MB; the limit is 10 MB");
}

#[tokio::test]
async fn r_17_only_a_form_is_a_form() {
    for content_type in [
        None,
        Some("application/json"),
        Some("image/png"),
        Some("multipart/form-data"),
        Some("multipart/mixed; boundary=x"),
    ] {
        let result = Incoming::new(content_type, None, stream::empty(), FormLimits::default());
        assert_eq!(problem(result), Problem::NotAForm, "{content_type:?}");
    }
    let long = format!("multipart/form-data; boundary={}", "b".repeat(71));
    assert_eq!(
        problem(Incoming::new(Some(&long), None, stream::empty(), FormLimits::default())),
        Problem::BadRequest
    );
}

#[tokio::test]
async fn a_form_that_does_not_end_is_refused() {
    let whole = [text("id", "a"), file(b"picture"), end()].concat();
    for cut in 0..whole.len() - 4 {
        let result = read_pieces(&whole[..cut], 16, FormLimits::default()).await;
        assert_eq!(problem(result), Problem::BadRequest, "cut at {cut}");
    }
}

#[tokio::test]
async fn parts_heads_and_fields_have_bounds() {
    refused(&vec![text("x", "y"); 33], "32 parts").await;
    assert!(read(&vec![text("x", "y"); 32]).await.is_ok());
    refused(&[text("x", &"y".repeat(16_385))], "16,384 bytes").await;
    refused(&[part(&format!("name=\"x\"\r\nX-Long: {}", "h".repeat(9_000)), b"")], "head").await;
    refused(&[part(&format!("name=\"x\"\r\nX-Long: {}", "h".repeat(2_000_000)), b"")], "head").await;
    let preamble = [vec![b'p'; 1_000_000], text("x", "y"), end()].concat();
    assert_eq!(problem(read_pieces(&preamble, 4_096, FormLimits::default()).await), Problem::BadRequest);
}

#[tokio::test]
async fn a_slow_client_and_a_lost_one_are_told_apart() {
    for (kind, expected) in
        [(io::ErrorKind::TimedOut, Problem::TooSlow), (io::ErrorKind::ConnectionReset, Problem::Aborted)]
    {
        let begun = Bytes::from([text("id", "a"), file(b"pic")].concat());
        let body = stream::iter([Ok(begun), Err(io::Error::from(kind))]);
        let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
        let incoming = Incoming::new(Some(&content_type), None, body, FormLimits::default()).unwrap();
        assert_eq!(problem(incoming.read(&Storage::memory()).await), expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_body_is_read_or_refused_without_panic(
        noise in proptest::collection::vec(any::<u8>(), 0..200),
        begins: bool,
        piece in 1usize..64,
    ) {
        let start = if begins { text("metadata[a]", "b") } else { Vec::new() };
        let body = [start, noise, end()].concat();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _ = runtime.block_on(read_pieces(&body, piece, FormLimits::default()));
    }

    #[test]
    fn a_file_comes_through_whatever_it_holds(bytes in proptest::collection::vec(any::<u8>(), 0..2_000), piece in 1usize..700) {
        let body = [file(&bytes), text("id", "a"), end()].concat();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let found = runtime.block_on(async {
            let form = read_pieces(&body, piece, FormLimits::default()).await.unwrap();
            form.file.unwrap().bytes().await.unwrap()
        });
        prop_assert_eq!(found, bytes);
    }
}

#[tokio::test]
async fn of_several_files_each_has_its_own_outcome() {
    let named = |name: &str, bytes: &[u8]| part(&format!("name=\"file\"; filename=\"{name}\""), bytes);
    let body = [
        text("csrf", "token"),
        named("small.png", b"12345"),
        named("large.png", &[0; 200]),
        named("", b""),
        named("last.png", b"1"),
        end(),
    ]
    .concat();
    let limits = FormLimits { max_upload_bytes: 100, ..FormLimits::default() };
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    let body = stream::iter([Ok(Bytes::from(body))]);
    let incoming = Incoming::of_many(Some(&content_type), None, body, limits).unwrap();
    let form = incoming.read_many(&Storage::memory()).await.unwrap();
    let names: Vec<_> = form.files.iter().map(|(name, file)| (name.as_str(), file.is_ok())).collect();
    assert_eq!(names, [("small.png", true), ("large.png", false), ("last.png", true)]);
    assert_eq!(form.other, [("csrf".to_owned(), "token".to_owned())]);
}
