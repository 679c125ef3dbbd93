//! The tasks: which original, what is made of it, and what ours is to reach.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::{Context as _, Result};
use image::RgbImage;

use super::peer::{Peer, Wish};
use crate::score::{self, reference_of};

/// What ours is to reach beside the fastest other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Goal {
    /// An original that is seen for the first time.
    FirstTime,
    /// One that has a working copy.
    WithCopy,
    /// The same quality setting, whatever the bytes: sharp's own task, which it does with a baseline JPEG, ours with
    /// `compression=fast`, which is one too.
    SameSetting,
    /// AVIF beside encoders that try harder.
    Avif,
}

impl Goal {
    /// Times as fast.
    pub(crate) fn least(self) -> f64 {
        match self {
            Goal::FirstTime => 1.0,
            Goal::WithCopy => 3.0,
            Goal::SameSetting => 1.5,
            Goal::Avif => 1.3,
        }
    }
}

/// One row.
pub(crate) struct Task {
    pub(crate) label: String,
    pub(crate) format: String,
    pub(crate) goal: Goal,
    original: Rc<Original>,
    width: u32,
    height: u32,
    ideal: OnceCell<RgbImage>,
}

/// A file in the folder of the bench.
struct Original {
    name: String,
    file: PathBuf,
    width: u32,
    height: u32,
}

impl Task {
    pub(crate) fn wish(&self, quality: u32) -> Wish {
        Wish {
            file: self.original.file.clone(),
            out: self.original.file.with_extension("out"),
            width: self.width,
            height: self.height,
            format: self.format.clone(),
            quality,
            effort: None,
            has_copy: self.goal == Goal::WithCopy,
            is_fast: self.is_fast(),
        }
    }

    /// Whether ours is asked for in haste, `compression=fast`: beside encoders that are in haste themselves.
    fn is_fast(&self) -> bool {
        self.goal == Goal::SameSetting || self.goal == Goal::WithCopy && self.format == "avif"
    }

    /// What is made of which original, whatever it is made from.
    pub(crate) fn picture(&self) -> String {
        format!("{} to {} x {} {}", self.original.name, self.width, self.height, self.format)
    }

    /// The score of a rendition; the reference is made once.
    pub(crate) fn score(&self, bytes: &[u8]) -> Result<f64> {
        if self.ideal.get().is_none() {
            let ideal = reference_of(&std::fs::read(&self.original.file)?, self.width, self.height)?;
            let _ = self.ideal.set(ideal);
        }
        score::score(bytes, self.ideal.get().context("it was just made")?)
    }
}

/// Every row, of originals that are copied into the folder.
pub(crate) fn all(folder: &Path, sharp: &mut Peer) -> Result<Vec<Task>> {
    let take = |label: &str, name: &str| Original::taken(label, name, folder).map(Rc::new);
    let own = Rc::new(cut_for_sharp(&copied("jpeg-bar-24mp-baseline.jpg", folder)?, folder, sharp)?);
    let mut tasks = vec![
        Task::new(&own, (720, 588), "jpeg", Goal::SameSetting),
        Task::new(&own, (720, 588), "jpeg", Goal::FirstTime),
    ];
    for original in [
        take("12 MP baseline", "jpeg-crane-12mp-420-icc-srgb.jpg")?,
        take("12 MP progressive", "jpeg-book-12mp-progressive.jpg")?,
        take("24 MP baseline", "jpeg-bar-24mp-baseline.jpg")?,
        take("24 MP progressive", "jpeg-bar-24mp-progressive.jpg")?,
    ] {
        for goal in [Goal::FirstTime, Goal::WithCopy] {
            for (width, format) in [(512, "jpeg"), (640, "webp"), (1280, "avif")] {
                let goal = if (format, goal) == ("avif", Goal::FirstTime) { Goal::Avif } else { goal };
                tasks.push(Task::new(&original, original.within(width), format, goal));
            }
        }
    }
    let paper = take("2048 x 1536 with alpha", "png-alpha-paper-2048x1536.png")?;
    tasks.push(Task::new(&paper, paper.within(720), "png", Goal::FirstTime));
    Ok(tasks)
}

/// A photograph of the collection, copied into the folder: the copy.
pub(crate) fn copied(name: &str, folder: &Path) -> Result<PathBuf> {
    let shared = std::env::var_os("TEST_SHARED").context("TEST_SHARED names no collection of photographs")?;
    let (from, file) = (Path::new(&shared).join("corpus").join(name), folder.join(name));
    std::fs::copy(&from, &file).with_context(|| from.display().to_string())?;
    Ok(file)
}

impl Task {
    fn new(original: &Rc<Original>, (width, height): (u32, u32), format: &str, goal: Goal) -> Task {
        let more = match goal {
            Goal::FirstTime | Goal::Avif => "",
            Goal::WithCopy if format == "avif" => ", with a working copy, in haste",
            Goal::WithCopy => ", with a working copy",
            Goal::SameSetting => ", the same setting, in haste",
        };
        Task {
            label: format!("{} to {width} x {height} {format}{more}", original.name),
            format: format.into(),
            goal,
            original: original.clone(),
            width,
            height,
            ideal: OnceCell::new(),
        }
    }
}

impl Original {
    fn taken(label: &str, name: &str, folder: &Path) -> Result<Original> {
        Original::of(label, copied(name, folder)?)
    }

    fn of(name: &str, file: PathBuf) -> Result<Original> {
        let facts = variant::probe(&std::fs::read(&file)?, &variant::Limits::default())?;
        Ok(Original { name: name.into(), file, width: facts.width, height: facts.height })
    }

    /// The size of a rendition of a width.
    fn within(&self, width: u32) -> (u32, u32) {
        let height = f64::from(self.height) * f64::from(width) / f64::from(self.width);
        (width, height.round() as u32)
    }
}

/// A photograph of the size of the one in sharp's own benchmark, 2725 x 2225, cut out of a larger one.
fn cut_for_sharp(from: &Path, folder: &Path, sharp: &mut Peer) -> Result<Original> {
    let file = folder.join("own-task.jpg");
    sharp.cut(from, &file, (1600, 900, 2725, 2225))?;
    Original::of("2725 x 2225", file)
}
