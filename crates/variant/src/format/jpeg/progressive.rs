//! Scans of a progressive JPEG: some bits of some coefficients each (T.81, annex G). Everything is kept until the last scan
//! has come.

use std::rc::Rc;
use std::time::Instant;

use super::bits::{Bits, Damaged, Place};
use super::codes::{Codes, Differences, Pairs, Refinements, SaidOfBand, said_of_band};
use super::frame::{Layout, Piece, Scan, ScanPart};
use super::plane::{Plane, last_kept, targets};
use crate::Error;
use crate::deadline::still_time;

/// The most bits of a coefficient that may be left out at first. With no more than ten bits that are sent, what is not zero
/// does not become zero in 16 bits.
const MAX_LEFT_OUT: u8 = 6;

/// What the scans so far have told.
pub(super) struct Progressive {
    /// All but the DC coefficients, in whose places anything may stand.
    planes: Vec<Plane>,
    /// The DC coefficients, together, so that their scans do not go through all of the memory.
    dc: Vec<Vec<i16>>,
    /// For each block of each component which coefficients in zigzag order are not zero.
    coded: Vec<Vec<u64>>,
    /// For each coefficient of each component the bits that are still left out; nothing before its first scan.
    left_out: Vec<[Option<u8>; 64]>,
}

impl Progressive {
    /// Room for everything.
    pub(super) fn new(layout: &Layout) -> Progressive {
        let planes = Plane::all(layout, layout.down);
        let coded = planes.iter().map(|plane| vec![0; plane.last.len()]).collect();
        let dc = planes.iter().map(|plane| vec![0; plane.last.len()]).collect();
        Progressive { left_out: vec![[None; 64]; planes.len()], planes, dc, coded }
    }

    /// Reads a scan whose bytes these are; gives what follows it.
    pub(super) fn read<'a>(
        &mut self,
        layout: &Layout,
        scan: &Scan,
        bytes: &'a [u8],
        deadline: Instant,
    ) -> Result<&'a [u8], Error> {
        self.note(scan)?;
        let bits = Bits::new(bytes, scan.restart);
        match scan.band {
            (0, 0) => self.read_dc(layout, scan, bits, deadline),
            _ => self.read_ac(layout, scan, bits, deadline),
        }
    }

    /// Holds a scan against those before it: nothing comes twice, or before what it refines.
    fn note(&mut self, scan: &Scan) -> Result<(), Damaged> {
        let ((first, last), (before, after)) = (scan.band, scan.left_out);
        let usual = match (first, last) {
            (0, last) => last == 0,
            _ => scan.parts.len() == 1,
        };
        if !usual || after > MAX_LEFT_OUT {
            return Err(Damaged);
        }
        for part in &scan.parts {
            let left_out = &mut self.left_out[part.component];
            if first > 0 && left_out[0].is_none() {
                return Err(Damaged);
            }
            for left_out in &mut left_out[usize::from(first)..=usize::from(last)] {
                let follows = match *left_out {
                    None => before == 0,
                    Some(bits) => bits == before && after + 1 == before,
                };
                if !follows {
                    return Err(Damaged);
                }
                *left_out = Some(after);
            }
        }
        Ok(())
    }

    /// Whether every bit has come.
    pub(super) fn is_whole(&self) -> bool {
        self.left_out.iter().flatten().all(|bits| *bits == Some(0))
    }

    /// The planes, of which a row of MCUs is as it is to be.
    pub(super) fn row(&mut self, layout: &Layout, row: usize) -> &[Plane] {
        for (index, component) in layout.components.iter().enumerate() {
            let plane = &mut self.planes[index];
            let (kept, length) = (kept_of(plane.side), plane.side * plane.side);
            let blocks =
                row * component.v * component.blocks_wide..(row + 1) * component.v * component.blocks_wide;
            let known = self.coded[index][blocks.clone()].iter().zip(&self.dc[index][blocks.clone()]);
            let made = plane.coefficients[blocks.start * length..].chunks_exact_mut(length);
            for (((coded, dc), last), block) in known.zip(&mut plane.last[blocks]).zip(made) {
                *last = ((coded & kept) | 1).ilog2() as u8;
                block[0] = *dc;
            }
        }
        &self.planes
    }

    #[inline(never)]
    fn read_dc<'a>(
        &mut self,
        layout: &Layout,
        scan: &Scan,
        bits: Bits<'a>,
        deadline: Instant,
    ) -> Result<&'a [u8], Error> {
        let walk = layout.walk(scan);
        let mut read = Dc { bits, place: Place::default(), low: scan.left_out.1, predictions: [0; 3] };
        let tables = |part: &ScanPart| part.dc.clone().and_then(|dc| Some((dc.differences()?, dc)));
        let tables: Vec<_> = scan.parts.iter().map(tables).collect();
        for row in 0..walk.down {
            still_time(deadline)?;
            for x in 0..walk.across {
                if read.bits.unit(&mut read.place)? {
                    read.predictions = [0; 3];
                }
                for Piece { part, first, across, down } in &walk.pieces {
                    let dc = &mut self.dc[scan.parts[*part].component];
                    let dc = dc.get_mut(first + x * across + row * down).ok_or(Damaged)?;
                    if scan.left_out.0 > 0 {
                        read.refine(dc);
                    } else {
                        let (differences, codes) = tables[*part].as_ref().ok_or(Damaged)?;
                        read.first(*part, codes, differences, dc)?;
                    }
                }
            }
        }
        Ok(read.bits.end(read.place)?)
    }

    fn read_ac<'a>(
        &mut self,
        layout: &Layout,
        scan: &Scan,
        bits: Bits<'a>,
        deadline: Instant,
    ) -> Result<&'a [u8], Error> {
        let [part] = scan.parts.as_slice() else { return Err(Damaged.into()) };
        let component = &layout.components[part.component];
        let (plane, coded) = (&mut self.planes[part.component], &mut self.coded[part.component]);
        let codes = part.ac.clone().ok_or(Damaged)?;
        let refines = scan.left_out.0 > 0;
        let mut read = Ac {
            bits,
            place: Place::default(),
            pairs: (!refines).then(|| codes.pairs()),
            refinements: refines.then(|| Refinements::new(&codes)),
            codes,
            band: (scan.band.0.into(), scan.band.1.into()),
            low: scan.left_out.1.into(),
            empty: 0,
        };
        let (wide, length) = (component.blocks_wide, plane.side * plane.side);
        let rows = plane.coefficients.chunks_exact_mut(wide * length).zip(coded.chunks_exact_mut(wide));
        for (blocks, coded) in rows.take(component.tall) {
            still_time(deadline)?;
            let coded = &mut coded[..component.wide];
            match plane.side {
                1 => read.row::<1>(refines, blocks, coded)?,
                2 => read.row::<4>(refines, blocks, coded)?,
                4 => read.row::<16>(refines, blocks, coded)?,
                _ => read.row::<64>(refines, blocks, coded)?,
            }
        }
        Ok(read.bits.end(read.place)?)
    }
}

/// The coefficients in zigzag order that are kept, a bit for each.
fn kept_of(side: usize) -> u64 {
    let targets = match side {
        1 => targets::<1>(),
        2 => targets::<4>(),
        4 => targets::<16>(),
        _ => targets::<64>(),
    };
    (0..64).filter(|index| targets[*index] != 0).fold(0, |kept, index| kept | 1 << index)
}

/// A scan of DC coefficients.
struct Dc<'a> {
    bits: Bits<'a>,
    place: Place,
    /// Bits that are left out.
    low: u8,
    predictions: [i32; 3],
}

impl Dc<'_> {
    #[inline(always)]
    fn first(
        &mut self,
        part: usize,
        codes: &Codes,
        differences: &Differences,
        dc: &mut i16,
    ) -> Result<(), Damaged> {
        self.place.refill(self.bits.window());
        let (more, length) = differences.read(codes, self.place.bits)?;
        self.place.skip(length);
        let prediction = self.predictions.get_mut(part).ok_or(Damaged)?;
        *prediction = prediction.wrapping_add(more);
        *dc = (*prediction << self.low) as i16;
        Ok(())
    }

    #[inline(always)]
    fn refine(&mut self, dc: &mut i16) {
        self.place.refill(self.bits.window());
        *dc |= (self.place.take(1) << self.low) as i16;
    }
}

/// A scan of other coefficients, of one component.
struct Ac<'a> {
    bits: Bits<'a>,
    place: Place,
    codes: Rc<Codes>,
    /// Of a first scan.
    pairs: Option<Rc<Pairs>>,
    /// Of one that refines.
    refinements: Option<Box<Refinements>>,
    band: (usize, usize),
    /// Bits that are left out.
    low: u32,
    /// Blocks to come that have nothing new in the band.
    empty: u32,
}

impl Ac<'_> {
    fn row<const LENGTH: usize>(
        &mut self,
        refines: bool,
        blocks: &mut [i16],
        coded: &mut [u64],
    ) -> Result<(), Damaged> {
        let blocks = blocks.as_chunks_mut::<LENGTH>().0.iter_mut().zip(coded);
        if refines { self.refine_row(blocks) } else { self.first_row(blocks) }
    }

    #[inline(never)]
    fn first_row<'b, const LENGTH: usize>(
        &mut self,
        blocks: impl Iterator<Item = (&'b mut [i16; LENGTH], &'b mut u64)>,
    ) -> Result<(), Damaged> {
        self.each(blocks, |this, place, block, coded| {
            if this.empty > 0 {
                this.empty -= 1;
                return Ok(());
            }
            this.first(place, block, coded)
        })
    }

    /// Reads the first bits of the coefficients of a block.
    #[inline(always)]
    fn first<const LENGTH: usize>(
        &mut self,
        place: &mut Place,
        block: &mut [i16; LENGTH],
        coded: &mut u64,
    ) -> Result<(), Damaged> {
        let targets = const { &targets::<LENGTH>() };
        let (pairs, window) = (self.pairs.as_deref().ok_or(Damaged)?, self.bits.window());
        let (mut at, last, low) = (self.band.0 - 1, self.band.1, self.low);
        let mut put = |at: usize, value: i16| {
            block[targets[at & 63] as usize & (LENGTH - 1)] = value << low;
            *coded |= u64::from(value != 0) << (at & 63);
        };
        while at < last {
            place.refill(window);
            let pair = pairs.look(place.bits);
            let (middle, next) = (at + pair.first_way(), at + pair.way());
            if next <= last {
                put(next, pair.second());
                put(middle, pair.first());
                place.skip(pair.length());
                at = next;
            } else if pair.ends() && middle < last {
                place.skip(pair.length());
                put(if middle == at { 0 } else { middle }, pair.first());
                return Ok(());
            } else {
                let (said, length) = said_of_band(&self.codes, place.bits)?;
                place.skip(length);
                match said {
                    SaidOfBand::End(empty) => {
                        self.empty = empty;
                        return Ok(());
                    }
                    SaidOfBand::Zeros => at += 16,
                    SaidOfBand::Value(zeros, value) => {
                        at += zeros + 1;
                        if at > last {
                            return Err(Damaged);
                        }
                        put(at, value as i16);
                    }
                }
            }
        }
        if at == last { Ok(()) } else { Err(Damaged) }
    }

    #[inline(never)]
    fn refine_row<'b, const LENGTH: usize>(
        &mut self,
        blocks: impl Iterator<Item = (&'b mut [i16; LENGTH], &'b mut u64)>,
    ) -> Result<(), Damaged> {
        let band = (u64::MAX >> (63 - self.band.1)) & (u64::MAX << self.band.0);
        self.each(blocks, |this, place, block, coded| {
            let mut rest = *coded & band;
            if this.empty > 0 {
                this.empty -= 1;
            } else {
                rest = this.refine(place, block, coded, rest)?;
            }
            if rest != 0 {
                correct(place, &this.bits, block, rest, this.low);
            }
            Ok(())
        })
    }

    /// Goes through blocks, with the place among the bits in registers.
    #[inline(always)]
    fn each<'b, const LENGTH: usize>(
        &mut self,
        blocks: impl Iterator<Item = (&'b mut [i16; LENGTH], &'b mut u64)>,
        mut read: impl FnMut(&mut Self, &mut Place, &mut [i16; LENGTH], &mut u64) -> Result<(), Damaged>,
    ) -> Result<(), Damaged> {
        let mut place = self.place;
        for (block, coded) in blocks {
            if self.bits.unit(&mut place)? {
                self.empty = 0;
            }
            read(self, &mut place, block, coded)?;
        }
        self.place = place;
        self.bits.check(place)
    }

    /// Reads the new coefficients of a block and corrects those between them, of which `before` are in the band; gives those
    /// that are left to be corrected.
    #[inline(always)]
    fn refine<const LENGTH: usize>(
        &mut self,
        place: &mut Place,
        block: &mut [i16; LENGTH],
        coded: &mut u64,
        before: u64,
    ) -> Result<u64, Damaged> {
        let targets = const { &targets::<LENGTH>() };
        let refinements = self.refinements.as_deref().ok_or(Damaged)?;
        let (mut at, last) = self.band;
        while at <= last {
            place.refill(self.bits.window());
            let refinement = refinements.read(&self.codes, place.bits)?;
            place.skip(refinement.length());
            if let Some(empty) = refinement.empty() {
                self.empty = empty;
                return Ok(before & (u64::MAX << at));
            }
            let mut to = at + refinement.zeros();
            if (before >> at) & ((2 << refinement.zeros()) - 1) != 0 {
                to = nth_zero(before, at, refinement.zeros());
                if to <= last {
                    let passed = (u64::MAX << at) & (u64::MAX >> (63 - to));
                    correct(place, &self.bits, block, before & passed, self.low);
                }
            }
            if to > last {
                return Err(Damaged);
            }
            if refinement.value() != 0 {
                block[targets[to & 63] as usize & (LENGTH - 1)] = refinement.value() << self.low;
                *coded |= 1 << (to & 63);
            }
            at = to + 1;
        }
        Ok(0)
    }
}

/// The position of a zero from a position on, so many zeros after the first; 64 and more where there is none.
fn nth_zero(bits: u64, from: usize, zeros: usize) -> usize {
    let mut free = !bits & (u64::MAX << from);
    for _ in 0..zeros {
        free &= free.wrapping_sub(1);
    }
    free.trailing_zeros() as usize
}

/// Takes a bit for each of the coefficients in zigzag order that are not zero: whether it grows (T.81, G.1.2.3).
#[inline(always)]
fn correct<const LENGTH: usize>(
    place: &mut Place,
    bits: &Bits<'_>,
    block: &mut [i16; LENGTH],
    mut these: u64,
    low: u32,
) {
    let targets = const { &targets::<LENGTH>() };
    let kept = const { last_kept::<LENGTH>() };
    let wanted = u64::MAX >> (63 - kept);
    // No more at a time than a place holds.
    for part in [0xFFFF_FFFF, 0xFFFF_FFFF_0000_0000] {
        let mut values = these & wanted & part;
        if values == 0 {
            continue;
        }
        place.refill(bits.window());
        while values != 0 {
            let value = &mut block[targets[values.trailing_zeros() as usize & 63] as usize & (LENGTH - 1)];
            values &= values - 1;
            // What has been left out up to here is zero.
            let (more, sign) = ((place.take(1) << low) as i16, *value >> 15);
            *value = value.wrapping_add((more ^ sign) - sign);
        }
    }
    these &= !wanted;
    if these != 0 {
        let count = these.count_ones();
        place.refill(bits.window());
        place.skip(count.min(32));
        place.refill(bits.window());
        place.skip(count - count.min(32));
    }
}
