//! Tests of our own decoder against the library's: the same rows, whatever a JPEG may be, and whatever is wrong with it.

use std::time::Duration;

use super::super::kinds::{Kind, USUAL, grey, made};
use super::super::{decode, read_by_library};
use super::*;
use crate::Limits;
use crate::canvas::Canvas;
use crate::testing::{draw, later, texture};

/// What came out, and how it ended.
#[derive(Default)]
struct Seen {
    picture: Option<Picture>,
    rows: Vec<Vec<u8>>,
    enough: Option<usize>,
}

impl Sink for Seen {
    fn begin(&mut self, picture: &Picture) -> Result<(), Error> {
        assert!(self.picture.replace(picture.clone()).is_none(), "it begins once");
        Ok(())
    }

    fn row(&mut self, row: &[u8]) -> Result<ControlFlow<()>, Error> {
        self.rows.push(row.to_vec());
        Ok(if self.enough == Some(self.rows.len()) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        })
    }
}

/// The way in for orders, and the library alone.
type Way = fn(&Order<'_>, &mut dyn Sink) -> Result<(), Error>;
const USUAL_WAY: Way = decode;
const LIBRARY: Way = |order, sink| read_by_library(order, super::super::eighths(order.shrink), sink);

fn seen(way: Way, bytes: &[u8], size: (u32, u32), eighths: u32) -> (Seen, Result<(), Error>) {
    let mut seen = Seen::default();
    let ended = way(&order(bytes, size, eighths, &Limits::default(), later()), &mut seen);
    (seen, ended)
}

/// Whether it is taken as an original.
fn verdict(bytes: &[u8], by_library: bool) -> Result<(), Error> {
    let limits = Limits::default();
    let order = Order { thorough: true, ..order(bytes, (200, 160), 1, &limits, later()) };
    if by_library {
        read_by_library(&order, 1, &mut Seen::default())
    } else {
        decode(&order, &mut Seen::default())
    }
}

fn order<'a>(
    bytes: &'a [u8],
    size: (u32, u32),
    eighths: u32,
    limits: &'a Limits,
    deadline: Instant,
) -> Order<'a> {
    let shrink = [64.0, 16.0, 1.0, 4.0, 1.0, 3.0, 1.0, 1.0][eighths as usize - 1];
    Order { bytes, size, limits, deadline, shrink, thorough: false }
}

/// Whether it is our decoder that reads all of a file.
fn is_ours(bytes: &[u8], size: (u32, u32), eighths: u32) -> bool {
    let limits = Limits::default();
    let own = Own::new(&order(bytes, size, eighths, &limits, later()), eighths);
    own.is_some_and(|mut own| own.read(later(), &mut Seen::default()) == Ok(End::Done))
}

/// The mean and the largest distance of two pictures of one size.
fn distances(ours: &Seen, library: &Seen) -> (f64, u8) {
    assert_eq!(ours.picture, library.picture);
    assert_eq!(ours.rows.len(), library.rows.len());
    let pairs = ours.rows.iter().flatten().zip(library.rows.iter().flatten());
    let far: Vec<u8> = pairs.map(|(a, b)| a.abs_diff(*b)).collect();
    let sum: f64 = far.iter().map(|far| f64::from(*far)).sum();
    (sum / far.len().max(1) as f64, far.into_iter().max().unwrap_or(0))
}

/// That both ways give the same picture.
fn assert_same(bytes: &[u8], size: (u32, u32), eighths: u32, name: &str) {
    let ((ours, ended), (library, _)) =
        (seen(USUAL_WAY, bytes, size, eighths), seen(LIBRARY, bytes, size, eighths));
    assert_eq!(ended, Ok(()), "{name} at {eighths}/8");
    let (mean, most) = distances(&ours, &library);
    // Where it is scaled the library averages what we cut off, and at an eighth it stretches by repeating.
    let (max_mean, max_most) = match eighths {
        8 => (0.4, 4),
        1 => (4.0, 24),
        _ => (1.0, 16),
    };
    assert!(mean <= max_mean && most <= max_most, "{name} at {eighths}/8: {mean}, {most}");
}

/// Colours that change slowly, each in its own direction.
fn slopes(width: u32, height: u32) -> Canvas {
    draw(width, height, |x, y| [x, y, x + y].map(|at| ((f64::from(at) / 50.0).sin() * 100.0 + 128.0) as u8))
}

const SAMPLINGS: [[(i32, i32); 3]; 6] = [
    [(1, 1), (1, 1), (1, 1)],
    [(2, 1), (1, 1), (1, 1)],
    [(1, 2), (1, 1), (1, 1)],
    [(2, 2), (1, 1), (1, 1)],
    [(2, 2), (2, 1), (2, 1)],
    [(1, 1), (2, 2), (2, 2)],
];

#[test]
fn every_sampling_and_size_is_read_as_the_library_reads_it() {
    let sizes = [(67, 45), (64, 48), (7, 9), (49, 33), (17, 16), (130, 20), (20, 130)];
    for factors in SAMPLINGS {
        for size in sizes {
            for (progressive, restart) in [(false, 0), (false, 3), (true, 0), (true, 1)] {
                let kind = Kind { factors, restart, progressive };
                let name = format!("{factors:?} {size:?} {progressive} {restart}");
                let (detailed, smooth) =
                    (made(&texture(size.0, size.1), kind), made(&slopes(size.0, size.1), kind));
                assert!(is_ours(&detailed, size, 8), "{name}");
                assert_same(&detailed, size, 8, &name);
                for eighths in [1, 2, 4, 6] {
                    assert!(is_ours(&smooth, size, eighths), "{name}");
                    assert_same(&smooth, size, eighths, &name);
                }
            }
        }
    }
}

#[test]
fn the_smallest_pictures_are_read() {
    for factors in SAMPLINGS {
        for size in [(1, 1), (2, 3), (3, 1), (1, 17), (9, 2)] {
            let bytes = made(&texture(size.0, size.1), Kind { factors, ..USUAL });
            for eighths in [1, 2, 4, 6, 8] {
                let ((ours, ended), (library, _)) =
                    (seen(USUAL_WAY, &bytes, size, eighths), seen(LIBRARY, &bytes, size, eighths));
                assert_eq!(ended, Ok(()));
                // One or two samples the library repeats where we go from one to the next.
                assert!(distances(&ours, &library).0 < 40.0, "{factors:?} {size:?} at {eighths}/8");
            }
        }
    }
}

#[test]
fn grey_is_given_as_grey() {
    let bytes = grey(&texture(67, 45));
    assert!(is_ours(&bytes, (67, 45), 8));
    assert_same(&bytes, (67, 45), 8, "grey");
    assert_eq!(
        seen(USUAL_WAY, &bytes, (67, 45), 8).0.picture.map(|picture| picture.samples),
        Some(Samples::Grey)
    );
}

#[test]
fn what_is_cut_or_changed_ends_as_with_the_library_alone_and_begins_once() {
    for progressive in [false, true] {
        let whole = made(&texture(200, 160), Kind { progressive, ..USUAL });
        let cuts = [20, 300, whole.len() / 3, whole.len() / 2, whole.len() - 40, whole.len() - 2];
        let cut = cuts.map(|length| whole[..length].to_vec());
        let changed = (1..30).map(|part| {
            let mut bytes = whole.clone();
            bytes[whole.len() * part / 31] ^= 1 << (part % 8);
            bytes
        });
        for (index, bytes) in cut.into_iter().chain(changed).enumerate() {
            let ((ours, ended), (library, expected)) =
                (seen(USUAL_WAY, &bytes, (200, 160), 8), seen(LIBRARY, &bytes, (200, 160), 8));
            assert_eq!(ended, expected, "{index}");
            assert_eq!(verdict(&bytes, false), verdict(&bytes, true), "{index}");
            if expected.is_ok() {
                let (mean, _) = distances(&ours, &library);
                assert!(mean < 0.6, "{index}, progressive: {progressive}: {mean}");
            }
        }
    }
}

#[test]
fn a_sink_that_has_enough_is_given_no_more() {
    let limits = Limits::default();
    for progressive in [false, true] {
        let bytes = made(&texture(200, 160), Kind { progressive, ..USUAL });
        let mut some = Seen { enough: Some(37), ..Seen::default() };
        assert_eq!(decode(&order(&bytes, (200, 160), 8, &limits, later()), &mut some), Ok(()));
        assert_eq!(some.rows, seen(USUAL_WAY, &bytes, (200, 160), 8).0.rows[..37]);
    }
}

#[test]
fn the_deadline_ends_it() {
    let limits = Limits::default();
    let past = Instant::now().checked_sub(Duration::from_secs(1)).unwrap();
    for progressive in [false, true] {
        let bytes = made(&texture(200, 160), Kind { progressive, ..USUAL });
        let order = order(&bytes, (200, 160), 8, &limits, past);
        let mut own = Own::new(&order, 8).unwrap();
        assert_eq!(own.read(past, &mut Seen::default()), Err(Error::Timeout));
        assert_eq!(decode(&order, &mut Seen::default()), Err(Error::Timeout));
    }
}

#[test]
fn another_size_than_the_one_that_was_probed_is_not_ours() {
    let bytes = made(&texture(20, 16), USUAL);
    assert!(!is_ours(&bytes, (20, 17), 8));
    assert!(matches!(seen(USUAL_WAY, &bytes, (20, 17), 8).1, Err(Error::Damaged(_))));
}

#[test]
fn rows_that_were_taken_are_not_given_again() {
    let mut seen = Seen::default();
    let mut sink = Resumable::new(&mut seen);
    let picture = Picture::new(1, 4, Samples::Grey);
    sink.begin(&picture).unwrap();
    for row in [[1], [2]] {
        assert_eq!(sink.row(&row), Ok(ControlFlow::Continue(())));
    }
    sink.restart();
    sink.begin(&picture).unwrap();
    for row in [[7], [8], [9]] {
        assert_eq!(sink.row(&row), Ok(ControlFlow::Continue(())));
    }
    assert!(sink.begin(&Picture::new(1, 4, Samples::Rgb)).is_err());
    assert_eq!(seen.rows, [[1], [2], [9]]);
}
