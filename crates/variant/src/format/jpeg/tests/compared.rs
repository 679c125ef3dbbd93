//! Tests of our coefficients beside those that the library reads: of all that we take, each is the same.
#![expect(unsafe_code, reason = "a C library")]

use std::path::Path;

use proptest::prelude::*;

use super::super::coefficients::Coefficients;
use super::super::frame::ZIGZAG;
use super::super::*;
use crate::testing::{draw, later, texture};

/// The coefficients of a component: rows of blocks, each in natural order.
type Blocks = Vec<Vec<[i16; 64]>>;

/// All that the library reads, a component each.
fn library(bytes: &[u8]) -> Result<Vec<Blocks>, Error> {
    caught(|| {
        let mut decoder = Decoder::open(bytes, later());
        let info = &mut *decoder.info;
        // SAFETY: the header is read, and the bytes outlive the decoder. A row of an array has as many blocks as the component
        // says, and is read before the next is asked for.
        unsafe {
            let arrays = c::jpeg_read_coefficients(info);
            let access = (*info.common.mem).access_virt_barray.unwrap();
            let component = |index: usize| {
                let (wide, tall) = {
                    let component = &*info.comp_info.add(index);
                    (component.width_in_blocks as usize, component.height_in_blocks)
                };
                let mut row = |y| {
                    std::slice::from_raw_parts(*access(&mut info.common, *arrays.add(index), y, 1, 0), wide)
                };
                (0..tall).map(|y| row(y).to_vec()).collect()
            };
            Ok((0..info.num_components as usize).map(component).collect())
        }
    })
}

/// Holds what we read against what the library reads, of each block the lowest coefficients.
fn compare(bytes: &[u8], side: usize, wanted: &[Blocks]) -> Result<(), String> {
    let mut read = Coefficients::new(bytes, side).ok_or("it is not ours")?;
    let shape: Vec<_> = read.layout().components.iter().map(|c| (c.v, c.blocks_wide, c.side)).collect();
    let mut row = 0;
    while let Some(given) = read.next_row(later()).map_err(|error| error.to_string())? {
        for ((given, wanted), (v, blocks_wide, side)) in given.iter().zip(wanted).zip(&shape) {
            for (y, wanted) in wanted.iter().skip(row * v).take(*v).enumerate() {
                let blocks =
                    given.coefficients.chunks_exact(side * side).zip(given.last).skip(y * blocks_wide);
                for (x, ((block, last), wanted)) in blocks.zip(wanted).enumerate() {
                    compare_block(block, *last, *side, wanted)
                        .map_err(|at| format!("row {row}, {x}, {y}: {at}"))?;
                }
            }
        }
        row += 1;
    }
    if row == read.layout().down { Ok(()) } else { Err("rows are missing".to_owned()) }
}

fn compare_block(block: &[i16], last: u8, side: usize, wanted: &[i16; 64]) -> Result<(), String> {
    for (index, natural) in ZIGZAG.iter().enumerate() {
        let (down, across) = (usize::from(natural / 8), usize::from(natural % 8));
        if down >= side || across >= side {
            continue;
        }
        let value = if index > 0 && last == 0 { 0 } else { block[across * side + down] };
        if value != wanted[usize::from(*natural)] || index > usize::from(last) && value != 0 {
            return Err(format!("coefficient {index} is {value}, last {last}"));
        }
    }
    Ok(())
}

/// In which scans a file comes.
#[derive(Debug, Clone, Copy)]
enum Scans {
    One,
    /// Sequential, brightness and colours apart.
    Apart,
    /// Progressive, as we write it.
    Ours,
    /// Progressive, with refinements.
    Refined,
}

static APART: [c::jpeg_scan_info; 2] = [scan(1, [0, 0, 0], 0, 63), scan(2, [1, 2, 0], 0, 63)];

/// What is unusual about a file.
#[derive(Debug, Clone, Copy)]
struct Kind {
    factors: [(c_int, c_int); 3],
    scans: Scans,
    restart: c_uint,
    optimised: bool,
    quality: u8,
}

const USUAL: Kind =
    Kind { factors: [(2, 2), (1, 1), (1, 1)], scans: Scans::One, restart: 0, optimised: false, quality: 90 };

fn made(canvas: &Canvas, kind: Kind) -> Vec<u8> {
    let made = caught(|| {
        let mut encoder = Encoder::new(later());
        let ours = matches!(kind.scans, Scans::Ours);
        let effort = if kind.optimised { Effort::Usual } else { Effort::Fast };
        encoder.set_up(canvas, kind.quality, ours, effort);
        let info = &mut *encoder.info;
        info.restart_interval = kind.restart;
        match kind.scans {
            Scans::One | Scans::Ours => {}
            Scans::Apart => (info.num_scans, info.scan_info) = (APART.len() as c_int, APART.as_ptr()),
            // SAFETY: the struct is set up.
            Scans::Refined => unsafe { c::jpeg_simple_progression(info) },
        }
        for (index, (across, down)) in kind.factors.into_iter().enumerate() {
            // SAFETY: set_up fills three components.
            let component = unsafe { &mut *info.comp_info.add(index) };
            (component.h_samp_factor, component.v_samp_factor) = (across, down);
        }
        encoder.write(canvas, Extras::default())
    });
    made.unwrap()
}

fn check(canvas: &Canvas, kind: Kind) {
    let bytes = made(canvas, kind);
    let wanted = library(&bytes).unwrap();
    for side in [1, 2, 4, 8] {
        assert_eq!(compare(&bytes, side, &wanted), Ok(()), "{side} of {kind:?}");
    }
}

const SCANS: [Scans; 4] = [Scans::One, Scans::Apart, Scans::Ours, Scans::Refined];

#[test]
fn every_sampling_gives_the_coefficients_of_the_library() {
    let picture = texture(131, 77);
    let samplings = [
        [(1, 1), (1, 1), (1, 1)],
        [(2, 1), (1, 1), (1, 1)],
        [(1, 2), (1, 1), (1, 1)],
        [(4, 1), (1, 1), (1, 1)],
        [(2, 2), (2, 1), (2, 1)],
        [(1, 1), (2, 2), (2, 2)],
        [(3, 1), (1, 1), (1, 1)],
        [(2, 2), (1, 1), (2, 2)],
    ];
    for factors in samplings {
        for scans in SCANS {
            check(&picture, Kind { factors, scans, ..USUAL });
        }
    }
}

#[test]
fn restarts_qualities_and_sizes_give_the_coefficients_of_the_library() {
    for scans in SCANS {
        for (quality, restart, optimised) in
            [(100, 0, true), (98, 1, false), (60, 7, true), (5, 0, false), (1, 2, true)]
        {
            check(&texture(130, 90), Kind { scans, quality, restart, optimised, ..USUAL });
        }
        for (width, height) in [(1, 1), (8, 8), (9, 17), (16, 15), (700, 3)] {
            check(&texture(width, height), Kind { scans, ..USUAL });
        }
        let noise = draw(120, 90, |x, y| {
            [(x * x * 31 + y * 17 * x) as u8, (y * y * 7 + x) as u8, (x * y * 13) as u8]
        });
        check(&noise, Kind { scans, quality: 100, ..USUAL });
        check(&draw(90, 50, |_, _| [9; 3]), Kind { scans, ..USUAL });
    }
}

#[test]
fn of_real_files_we_read_what_the_library_reads() {
    let Some(shared) = std::env::var_os("TEST_SHARED") else {
        println!("left out: TEST_SHARED does not name the collection");
        return;
    };
    let shared = Path::new(&shared);
    let (mut ours, mut others) = (0, Vec::new());
    for folder in ["corpus", "bad-inputs/jpeg"] {
        for entry in std::fs::read_dir(shared.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            // Some are made to be too large.
            let small = header(&bytes, &Limits::default())
                .is_ok_and(|header| u64::from(header.width) * u64::from(header.height) < 30_000_000);
            if !begins(&bytes) || !small {
                continue;
            }
            let wanted = library(&bytes).unwrap_or_default();
            for side in [1, 2, 4, 8] {
                match compare(&bytes, side, &wanted) {
                    Ok(()) => ours += 1,
                    Err(why) => {
                        assert!(!why.contains("coefficient "), "{} at {side}: {why}", path.display());
                        others.push(path.clone());
                    }
                }
            }
        }
    }
    assert!(ours >= 40, "{ours} were ours, {others:?} not");
}

proptest! {
    #[test]
    fn what_is_broken_is_refused_or_read_as_the_library_reads_it(
        which in 0..8_usize,
        side in 0..4_u32,
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0..8_u32), 1..5),
        cut in any::<prop::sample::Index>(),
        cuts in any::<bool>(),
    ) {
        let kind = Kind { scans: SCANS[which % 4], restart: if which < 4 { 0 } else { 3 }, optimised: true, ..USUAL };
        let mut bytes = made(&texture(70, 50), kind);
        for (at, bit) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        if cuts {
            bytes.truncate(cut.index(bytes.len()));
        }
        // It is not to be made large by its head.
        prop_assume!(header(&bytes, &Limits::default()).is_ok_and(|header| header.width < 999 && header.height < 999));
        let ours = library(&bytes).map_err(|error| error.to_string()).and_then(|all| compare(&bytes, 1 << side, &all));
        if let Err(why) = ours {
            prop_assert!(!why.contains("coefficient "), "{}", why);
        }
    }
}
