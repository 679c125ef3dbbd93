//! `darkroom render`: the engine on two files, by the real binary.

use std::io::Cursor;
use std::path::Path;

use image::ImageReader;
use serde_json::Value;

use crate::harness::{Cli, drawn};

/// A folder with an original in it.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("cat.jpg"), drawn::photograph(640, 480, 85)).expect("an original");
    folder
}

fn render(folder: &Path, arguments: &[&str]) -> Cli {
    Cli::new(folder, &[&["render"], arguments].concat())
}

fn size(file: &Path) -> (u32, u32) {
    let bytes = std::fs::read(file).expect("a rendition");
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().expect("memory reads");
    reader.into_dimensions().expect("a picture")
}

#[tokio::test]
async fn a_file_is_rendered_as_its_options_and_its_name_say() {
    let folder = folder();
    let said = render(folder.path(), &["cat.jpg", "small.webp", "--options", "w=160"]).ok().await;
    assert!(said.starts_with("small.webp: 160 × 120, WebP, ") && said.contains(" bytes, "), "{said}");
    assert_eq!(size(&folder.path().join("small.webp")), (160, 120));
    let said = render(folder.path(), &["cat.jpg", "square.bin", "-o", "w=50,h=50,fit=cover,f=png", "--json"]);
    let said: Value = serde_json::from_str(&said.ok().await).expect("JSON");
    assert_eq!((&said["format"], &said["width"], &said["height"]), (&"PNG".into(), &50.into(), &50.into()));
    let bytes = std::fs::metadata(folder.path().join("square.bin")).expect("a rendition").len();
    assert_eq!(said["bytes"], bytes);
    let made = std::fs::read_dir(folder.path()).expect("the folder").count();
    assert_eq!(made, 3, "neither database nor key was made, nor was anything left");
}

#[tokio::test]
async fn nothing_is_replaced_unless_it_may_be() {
    let folder = folder();
    let out = folder.path().join("out.jpg");
    std::fs::write(&out, "precious").expect("a file");
    let said = render(folder.path(), &["cat.jpg", "out.jpg"]).run().await;
    assert_eq!(said.code, 1);
    assert!(said.err.contains("out.jpg is there already; --force replaces it"), "{said:?}");
    assert_eq!(std::fs::read(&out).expect("the file"), b"precious");
    render(folder.path(), &["cat.jpg", "out.jpg", "--force", "--options", "w=10"]).ok().await;
    assert_eq!(size(&out).0, 10);
    render(folder.path(), &["cat.jpg", "cat.jpg", "--force", "--options", "w=12"]).ok().await;
    assert_eq!(size(&folder.path().join("cat.jpg")).0, 12, "a file may be rendered over itself");
}

#[tokio::test]
async fn whoever_asks_wrongly_is_told_what_would_be_right() {
    let folder = folder();
    std::fs::write(folder.path().join("words.jpg"), "not a picture at all").expect("a file");
    for (arguments, code, words) in [
        (&["cat.jpg", "out.jpg", "--options", "w=-1"][..], 1, "width must"),
        (&["cat.jpg", "out.jpg", "--options", "draw=(image=logo)"], 1, "belong to an account"),
        (&["words.jpg", "out.jpg"], 1, "is not accepted"),
        (&["nobody.jpg", "out.jpg"], 1, "nobody.jpg"),
        (&[".", "out.jpg"], 1, "folder"),
        (&["cat.jpg", "nowhere/out.jpg"], 1, "nowhere/out.jpg cannot be written"),
        (&["cat.jpg"], 2, "OUT"),
    ] {
        let said = render(folder.path(), arguments).run().await;
        assert_eq!(said.code, code, "{arguments:?}: {said:?}");
        assert!(said.err.contains(words), "{arguments:?}: {said:?}");
        assert!(!folder.path().join("out.jpg").exists(), "{arguments:?} left something");
    }
}
