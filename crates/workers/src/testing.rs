//! Workers for tests, whose own program cannot become one.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Instant;

use crate::Config;
use crate::input::Input;
use crate::protocol::{Answer, Order};

/// The defaults, with the built `darkroom` as the workers' program.
///
/// # Panics
///
/// Where it is not built: a test that cannot have a worker has failed.
#[must_use]
pub fn config() -> Config {
    Config { program: program(), ..Config::default() }
}

/// The `darkroom` that lies beside the folder of the test that runs.
fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap_or_default();
    let built =
        test.ancestors().skip(1).take(2).map(|folder| folder.join("darkroom")).find(|file| file.is_file());
    built.unwrap_or_else(|| panic!("no `darkroom` near {}: `cargo build` it first", test.display()))
}

/// What begins an original that is an act.
pub const ACT: &str = "act: ";

static ACTS: OnceLock<fn(&str) -> String> = OnceLock::new();

/// [`crate::enter`] for the program of a test: its workers are shut in as all are, and where an original begins with
/// [`ACT`] they do what `acts` makes of the rest, and say that the original is damaged in the words that it returns; told
/// to pretend, they tell facts that cannot be.
pub fn enter_doing(acts: fn(&str) -> String) {
    ACTS.get_or_init(|| acts);
    crate::enter::enter_doing(act_or_work);
}

fn act_or_work(order: &Order, inputs: &[Input], deadline: Instant) -> Answer {
    let original = inputs.first().map(Input::bytes).unwrap_or_default();
    let act = std::str::from_utf8(original).ok().and_then(|text| text.strip_prefix(ACT));
    match (act, ACTS.get()) {
        (Some("pretend"), _) => Answer::Probed(variant::Facts::new(variant::Format::Png, u32::MAX, 1)),
        (Some(act), Some(acts)) => Answer::Failed(variant::Error::Damaged(acts(act))),
        _ => crate::enter::work(order, inputs, deadline),
    }
}

/// Reads bytes as either end of the protocol would. A message that is read is written as what reads the same: it is
/// written again then, since a number in it may be none, which equals nothing.
pub fn hear(bytes: &[u8]) {
    use crate::protocol::{ANSWER_HEAD_BYTES, Setup, answer_frame, answer_lengths, frame, parse};
    if let Ok(order) = parse::<Order>(bytes) {
        let said = frame(&order).unwrap_or_default();
        assert_eq!(parse::<Order>(&said[4..]).and_then(|order| frame(&order)).ok(), Some(said));
    }
    if let Ok(setup) = parse::<Setup>(bytes) {
        assert_eq!(parse::<Setup>(&frame(&setup).unwrap_or_default()[4..]).ok(), Some(setup));
    }
    if let Ok(answer) = parse::<Answer>(bytes) {
        let said = answer_frame(&answer, 0).unwrap_or_default();
        let again = parse::<Answer>(&said[ANSWER_HEAD_BYTES..]).and_then(|answer| answer_frame(&answer, 0));
        assert_eq!(again.ok(), Some(said));
    }
    if let Some((head, rest)) = bytes.split_first_chunk() {
        let lengths = answer_lengths(*head, rest.len() as u64);
        assert!(lengths.is_err() || lengths.is_ok_and(|(_, body)| body <= rest.len()));
    }
}

/// Messages of every kind, as they are said.
pub fn said() -> Vec<Vec<u8>> {
    use crate::protocol::{Job, Setup, frame};
    use variant::{Facts, Format, Limits, Options};
    let (facts, limits) = (Facts::new(Format::Jpeg, 640, 480), Limits::default());
    let options = Options::parse("w=99,h=99,fit=cover,f=webp,draw=(text=Hello;size=48)").unwrap_or_default();
    let recipe = variant::settle(&options, &facts, None, &domain::Hints::default(), &limits);
    let render =
        recipe.map(|recipe| Job::Render { facts: facts.clone(), overlays: vec![], recipe: Box::new(recipe) });
    let jobs = [Job::Probe, Job::Examine(facts.clone())].into_iter().chain(render.ok());
    let orders = jobs.map(|job| frame(&Order { job, limits: limits.clone(), timeout_ms: 10_000 }));
    let answers = [
        Answer::Ready(vec!["landlock (the kernel has none)".to_owned()]),
        Answer::Unfit("descriptors cannot be closed".to_owned()),
        Answer::Begun,
        Answer::Probed(facts),
        Answer::Failed(variant::Error::Damaged("it ends early".to_owned())),
        Answer::Failed(variant::Error::TooLarge { limit: "max_pixels", told: "too large".to_owned() }),
        Answer::Panicked("a tile".to_owned()),
    ];
    let setup = frame(&Setup { max_bytes: 1 << 30, niceness: 10 });
    let all = orders.chain(answers.iter().map(frame)).chain([setup]);
    all.filter_map(|frame| Some(frame.ok()?.split_off(4))).collect()
}
