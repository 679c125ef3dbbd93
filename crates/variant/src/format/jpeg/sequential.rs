//! Scans of a sequential JPEG: each block comes whole (T.81, F.2).

use std::rc::Rc;

use super::bits::{Bits, Damaged, Place, Window};
use super::codes::{Codes, Differences, Leaps, Pair, Pairs, Said, said};
use super::frame::{Layout, Piece, Scan, ScanPart, Walk};
use super::plane::{Plane, last_kept, targets};

/// A scan that is being read.
pub(super) struct Sequential<'a> {
    bits: Bits<'a>,
    place: Place,
    walk: Walk,
    parts: Vec<Part>,
}

/// A component of the scan.
struct Part {
    component: usize,
    /// The DC coefficient of its last block.
    prediction: i32,
    dc: Rc<Codes>,
    ac: Rc<Codes>,
    differences: Rc<Differences>,
    pairs: Rc<Pairs>,
    /// Where little is kept.
    leaps: Option<Rc<Leaps>>,
}

impl Part {
    fn new(layout: &Layout, part: &ScanPart) -> Option<Part> {
        let (dc, ac) = (part.dc.clone()?, part.ac.clone()?);
        Some(Part {
            component: part.component,
            prediction: 0,
            differences: dc.differences()?,
            pairs: ac.pairs(),
            leaps: (layout.components[part.component].side < 4).then(|| ac.leaps()),
            dc,
            ac,
        })
    }
}

impl<'a> Sequential<'a> {
    /// Begins a scan whose bytes these are. None where it is not a usual one.
    pub(super) fn new(layout: &Layout, scan: &Scan, bytes: &'a [u8]) -> Option<Sequential<'a>> {
        if scan.band != (0, 63) || scan.left_out != (0, 0) {
            return None;
        }
        let parts = scan.parts.iter().map(|part| Part::new(layout, part)).collect::<Option<_>>()?;
        let walk = layout.walk(scan);
        Some(Sequential { bits: Bits::new(bytes, scan.restart), place: Place::default(), walk, parts })
    }

    /// Rows of units.
    pub(super) fn rows(&self) -> usize {
        self.walk.down
    }

    /// Reads the next row of units; it becomes the given one of the planes.
    pub(super) fn read_row(&mut self, planes: &mut [Plane], row: usize) -> Result<(), Damaged> {
        let mut place = self.place;
        for x in 0..self.walk.across {
            if self.bits.unit(&mut place)? {
                self.parts.iter_mut().for_each(|part| part.prediction = 0);
            }
            for Piece { part, first, across, down } in &self.walk.pieces {
                let part = &mut self.parts[*part];
                let plane = &mut planes[part.component];
                let index = first + x * across + row * down;
                let (window, blocks) = (self.bits.window(), &mut plane.coefficients);
                let last = match plane.side {
                    1 => read_block::<1>(&mut place, window, part, blocks, index),
                    2 => read_block::<4>(&mut place, window, part, blocks, index),
                    4 => read_block::<16>(&mut place, window, part, blocks, index),
                    _ => read_block::<64>(&mut place, window, part, blocks, index),
                };
                *plane.last.get_mut(index).ok_or(Damaged)? = last?;
            }
        }
        self.place = place;
        self.bits.check(place)
    }

    /// What follows the scan.
    pub(super) fn end(&mut self) -> Result<&'a [u8], Damaged> {
        self.bits.end(self.place)
    }
}

#[inline(always)]
fn read_block<const LENGTH: usize>(
    place: &mut Place,
    window: &Window,
    part: &mut Part,
    blocks: &mut [i16],
    index: usize,
) -> Result<u8, Damaged> {
    let block = blocks.as_chunks_mut::<LENGTH>().0.get_mut(index).ok_or(Damaged)?;
    place.refill(window);
    let (more, length) = part.differences.read(&part.dc, place.bits)?;
    place.skip(length);
    part.prediction = part.prediction.wrapping_add(more);
    let last = if LENGTH == 1 {
        leap(place, window, part, 0)?;
        0
    } else {
        read_others(place, window, part, block)?
    };
    block[0] = part.prediction as i16;
    Ok(last as u8)
}

/// Reads all but the DC coefficient; gives a position behind which nothing is.
#[inline(always)]
fn read_others<const LENGTH: usize>(
    place: &mut Place,
    window: &Window,
    part: &Part,
    block: &mut [i16; LENGTH],
) -> Result<usize, Damaged> {
    let targets = const { &targets::<LENGTH>() };
    // Where most are kept, to leap over the rest takes as long as to read it.
    let leaps_from = if LENGTH < 16 { const { last_kept::<LENGTH>() } } else { 63 };
    // Of 56 bits the DC coefficient took 27 at most; two looks take 24.
    *block = [0; LENGTH];
    let mut put = |at: usize, value: i16| block[targets[at & 63] as usize & (LENGTH - 1)] = value;
    let mut at = 0;
    'block: loop {
        let pair = 'looks: {
            for _ in 0..2 {
                let pair = part.pairs.look(place.bits);
                let next = at + pair.way();
                if next >= leaps_from {
                    break 'looks pair;
                }
                put(next, pair.second());
                put(at + pair.first_way(), pair.first());
                place.skip(pair.length());
                at = next;
            }
            place.refill(window);
            continue 'block;
        };
        let (middle, next) = (at + pair.first_way(), at + pair.way());
        if pair.ends() && middle < 63 {
            place.skip(pair.length());
            // Where the end stands alone there is nothing to put down: 0 is where the DC coefficient comes.
            put(if middle == at { 0 } else { middle }, pair.first());
            return Ok(middle);
        }
        place.refill(window);
        if next < 64 {
            put(next, pair.second());
            put(middle, pair.first());
            place.skip(pair.length());
            at = next;
        } else {
            let Some((way, value)) = read_one(place, part, pair)? else { return Ok(at) };
            at += way;
            if at > 63 {
                return Err(Damaged);
            }
            put(at, value);
        }
        if at == 63 {
            return Ok(63);
        }
        if at >= leaps_from {
            return leap(place, window, part, at).map(|()| at);
        }
        place.refill(window);
    }
}

/// Reads one value for which a look was not enough, or a run of nothing, which is 0: how many positions on it stands. None
/// where the block ends.
#[inline(always)]
fn read_one(place: &mut Place, part: &Part, pair: Pair) -> Result<Option<(usize, i16)>, Damaged> {
    if let Some((value, length)) = pair.beyond(place.bits) {
        place.skip(length);
        return Ok(Some((pair.first_way(), value as i16)));
    }
    let (said, length) = said(&part.ac, place.bits)?;
    place.skip(length);
    Ok(match said {
        Said::End => None,
        Said::Nothing(way) => Some((way, 0)),
        Said::Value(way, value) => Some((way, value as i16)),
    })
}

/// Reads on from a position to the end of the block, for what comes after it.
#[inline(always)]
fn leap(place: &mut Place, window: &Window, part: &Part, mut at: usize) -> Result<(), Damaged> {
    let leaps = part.leaps.as_deref().ok_or(Damaged)?;
    'block: loop {
        place.refill(window);
        let leap = 'looks: {
            for _ in 0..4 {
                let leap = leaps.look(place.bits);
                let next = at + leap.way();
                if next >= 63 {
                    break 'looks leap;
                }
                place.skip(leap.length());
                at = next;
            }
            continue 'block;
        };
        if at + leap.way() == 63 || leap.way_to_end().is_some_and(|way| at + way < 63) {
            place.skip(leap.length());
            return Ok(());
        }
        place.refill(window);
        let (said, length) = said(&part.ac, place.bits)?;
        place.skip(length);
        match said {
            Said::End => return Ok(()),
            Said::Nothing(way) | Said::Value(way, _) => at += way,
        }
        match at {
            ..63 => {}
            63 => return Ok(()),
            _ => return Err(Damaged),
        }
    }
}
