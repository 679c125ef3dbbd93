//! What must hold for any options and any file at all, whoever made them up: they are read or refused, within bounds, and
//! what is made of them is what it is said to be. A decoder may panic, for which it sits in a worker; nothing may end the
//! process, take long, or make what it was not asked for.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use domain::{Accepts, Hints};
use variant::{Dialect, Error, Facts, Format, Limits, Options, Originals, Rendition};

/// What is made up: the formats by their names, and what is no file.
pub(crate) const TARGETS: [&str; 11] =
    ["options", "probe", "protocol", "jpeg", "png", "gif", "webp", "avif", "jxl", "heic", "svg"];

/// Files are judged at small sizes, so that many are in a minute.
const MAX_PIXELS: u64 = 1_000_000;

/// How long one piece of work may take by its own clock; the fuzzer ends all five of a file after twice as long.
const TIMEOUT: Duration = Duration::from_millis(500);

/// Judges what was made up for a target.
pub(crate) fn judge(target: &str, bytes: &[u8]) {
    match target {
        "options" => judge_options(&String::from_utf8_lossy(bytes)),
        "probe" => drop(probed(bytes)),
        "protocol" => judge_messages(bytes),
        _ => judge_file(bytes),
    }
}

/// Options that are read are printed as what reads the same, and settle for any picture or say why not.
fn judge_options(text: &str) {
    for dialect in Dialect::ALL {
        let (path, query) = text.split_once('?').map_or((text, None), |(path, query)| (path, Some(query)));
        let _ = dialect.read(path, query);
    }
    let Ok(options) = Options::parse(text) else { return };
    let printed = options.to_string();
    let again = Options::parse(&printed);
    assert_eq!(again.as_ref(), Ok(&options), "{printed}");
    let sizes = [(1, 1), (640, 480), (12_000, 8_000), (3, 12_000)];
    for format in Format::ALL {
        for (width, height) in sizes {
            let facts = Facts {
                frames: if format == Format::Gif { 9 } else { 1 },
                ..Facts::new(format, width, height)
            };
            let hints = Hints::from(Accepts::parse("image/avif,image/webp"));
            let Ok(recipe) = variant::settle(&options, &facts, Some((0.2, 0.9)), &hints, &Limits::default())
            else {
                continue;
            };
            let [x, y, across, down] = recipe.source;
            assert!([x, y, across, down].iter().all(|side| side.is_finite()), "{printed}");
            assert!(recipe.width > 0 && recipe.height > 0, "{printed}");
            assert_eq!(recipe.digest(), recipe.clone().digest());
        }
    }
}

/// A message is read or refused, and one that is read is written as what reads the same.
fn judge_messages(bytes: &[u8]) {
    workers::testing::hear(bytes);
}

/// A header is read within the limits, or refused.
fn probed(bytes: &[u8]) -> Option<Facts> {
    let limits = limits();
    let facts = unpanicked(|| variant::probe(bytes, &limits))?.ok()?;
    let area = u64::from(facts.width) * u64::from(facts.height);
    assert!((1..=limits.max_pixels).contains(&area), "{facts:?}");
    assert!((1..=8).contains(&facts.orientation.0), "{facts:?}");
    assert!((1..=limits.max_frames.max(1)).contains(&facts.frames), "{facts:?}");
    Some(facts)
}

/// A file whose header was read is decoded or refused, and delivered in any format.
fn judge_file(bytes: &[u8]) {
    let Some(facts) = probed(bytes) else { return };
    let limits = limits();
    let _ = unpanicked(|| variant::placeholder(bytes, &facts, &limits, Instant::now() + TIMEOUT));
    // The small one is scaled by the decoder already, where it can.
    for options in ["w=40,f=png", "w=4,f=png", "w=24,h=24,fit=cover,f=jpeg", "f=webp,w=30,anim=true"] {
        let Ok(options) = Options::parse(options) else { continue };
        let Ok(recipe) = variant::settle(&options, &facts, None, &Hints::default(), &limits) else {
            continue;
        };
        let originals = Originals::plain(bytes, &facts);
        let rendered = unpanicked(|| variant::render(&originals, &recipe, &limits, Instant::now() + TIMEOUT));
        let Some(Ok(rendition)) = rendered else { continue };
        assert_eq!(rendition.format, recipe.encoding.format());
        judge_rendition(bytes, &rendition);
    }
}

/// What is delivered is a picture of its own right; an SVG among them holds nothing that runs, and is what comes of itself.
fn judge_rendition(bytes: &[u8], rendition: &Rendition) {
    let facts = variant::probe(&rendition.bytes, &Limits::default()).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(facts.format, rendition.format);
    if facts.format != Format::Svg {
        return;
    }
    assert!(rendition.bytes.len() <= 2 * bytes.len() + 64 * 1024, "it grows");
    let text = String::from_utf8_lossy(&rendition.bytes).to_lowercase();
    for word in ["<script", "<foreignobject", "<!entity", "<!doctype", "javascript:", " onload=", " onclick="]
    {
        assert!(!text.contains(word), "{word}");
    }
}

fn limits() -> Limits {
    Limits { max_pixels: MAX_PIXELS, max_animation_pixels: MAX_PIXELS, max_frames: 20, ..Limits::default() }
}

/// None where a decoder panicked, as a worker tells it.
fn unpanicked<T>(work: impl FnOnce() -> Result<T, Error>) -> Option<Result<T, Error>> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}
