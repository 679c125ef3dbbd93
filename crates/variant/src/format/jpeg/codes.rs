//! Huffman codes (T.81, annexes C and F), as tables that are asked once for a code, its bits and its value.

use std::cell::OnceCell;
use std::rc::Rc;

use super::bits::Damaged;

/// Bits that are looked at for one code.
const SHORT: u32 = 10;

/// Bits that are looked at for coefficients.
const LOOK: u32 = 12;

/// Entries of a table of them.
const ENTRIES: usize = 1 << LOOK;

/// The longest code, in bits.
const MAX_LENGTH: usize = 16;

/// The most bits behind a code of a coefficient with 8 bits a sample (T.81, table F.2), and of a DC difference.
const MAX_SIZE: u32 = 10;
const MAX_DC_SIZE: u32 = 11;

/// The codes of a table. Larger tables for several codes at a look are made of it when they are wanted.
#[derive(Debug)]
pub(super) struct Codes {
    /// Symbol and length of a code no longer than a look; length 0 for others.
    short: [(u8, u8); 1 << SHORT],
    /// For each length what the first 16 bits of its codes stay below.
    below: [u32; MAX_LENGTH + 1],
    /// For each length the index of a symbol less its code.
    offset: [u32; MAX_LENGTH + 1],
    symbols: [u8; 256],
    differences: OnceCell<Rc<Differences>>,
    pairs: OnceCell<Rc<Pairs>>,
    leaps: OnceCell<Rc<Leaps>>,
}

impl Codes {
    /// The codes for the number of them of each length, and their symbols. None where there are more than fit.
    pub(super) fn new(counts: &[u8; MAX_LENGTH], symbols: &[u8]) -> Option<Codes> {
        let mut codes = Codes {
            short: [(0, 0); 1 << SHORT],
            below: [0; MAX_LENGTH + 1],
            offset: [0; MAX_LENGTH + 1],
            symbols: [0; 256],
            differences: OnceCell::new(),
            pairs: OnceCell::new(),
            leaps: OnceCell::new(),
        };
        codes.symbols.get_mut(..symbols.len())?.copy_from_slice(symbols);
        let (mut code, mut index) = (0_u32, 0_u32);
        for (length, count) in (1_u32..).zip(counts) {
            code <<= 1;
            let end = code + u32::from(*count);
            // The code that is all ones is none (T.81, C.2), and is refused by the library too.
            if end >= 1 << length {
                return None;
            }
            codes.offset[length as usize] = index.wrapping_sub(code);
            codes.below[length as usize] = end << (16 - length);
            if length <= SHORT {
                codes.shorten(code..end, index, length);
            }
            (code, index) = (end, index + u32::from(*count));
        }
        (index as usize == symbols.len()).then_some(codes)
    }

    fn shorten(&mut self, codes: std::ops::Range<u32>, index: u32, length: u32) {
        let each = 1 << (SHORT - length);
        let entries = &mut self.short[(codes.start << (SHORT - length)) as usize..];
        for (entries, symbol) in
            entries.chunks_exact_mut(each).zip(&self.symbols[index as usize..]).take(codes.len())
        {
            entries.fill((*symbol, length as u8));
        }
    }

    /// Symbol and length of the code with which the bits begin.
    #[inline(always)]
    pub(super) fn symbol(&self, bits: u64) -> Result<(u8, u32), Damaged> {
        let (symbol, length) = self.short[(bits >> (64 - SHORT)) as usize];
        if length != 0 { Ok((symbol, u32::from(length))) } else { self.long(bits) }
    }

    /// For DC coefficients. None where a symbol is none of theirs, be it one that never comes: libjpeg refuses the file.
    pub(super) fn differences(&self) -> Option<Rc<Differences>> {
        let fits = self.symbols.iter().all(|symbol| *symbol < 16);
        fits.then(|| self.differences.get_or_init(|| Rc::new(Differences::new(self))).clone())
    }

    /// For other coefficients, one or two at a look.
    pub(super) fn pairs(&self) -> Rc<Pairs> {
        self.pairs.get_or_init(|| Rc::new(Pairs::new(self))).clone()
    }

    /// For other coefficients that no one asks for.
    pub(super) fn leaps(&self) -> Rc<Leaps> {
        self.leaps.get_or_init(|| Rc::new(Leaps::new(self))).clone()
    }

    #[cold]
    #[inline(never)]
    fn long(&self, bits: u64) -> Result<(u8, u32), Damaged> {
        let top = (bits >> 48) as u32;
        let length = (SHORT + 1..=16).find(|length| top < self.below[*length as usize]).ok_or(Damaged)?;
        let index = self.offset[length as usize].wrapping_add(top >> (16 - length));
        Ok((self.symbols[index as usize & 255], length))
    }
}

/// The number that the first bits are (T.81, F.2.2.1); `size` of them, less than 32, may be none.
#[inline(always)]
pub(super) fn extended(bits: u64, size: u32) -> i32 {
    let number = (bits >> 1 >> (63 - size)) as i32;
    let below = !((bits as i64) >> 63) as i32;
    number + (below & (1 - (1 << size)))
}

/// Differences of DC coefficients at a look: the value above, the length of code and bits in the lowest 6 bits; 0 where they
/// are not all in sight.
#[derive(Debug)]
pub(super) struct Differences([i32; 1 << SHORT]);

impl Differences {
    fn new(codes: &Codes) -> Differences {
        let mut differences = [0; 1 << SHORT];
        for (bits, entry) in (0_u64..).zip(&mut differences) {
            *entry = match difference(codes, bits << (64 - SHORT)) {
                Ok((value, length)) if length <= SHORT => value << 6 | length as i32,
                _ => 0,
            };
        }
        Differences(differences)
    }

    /// The difference, and in the lowest 6 bits the length of code and bits; the codes are those that it was made of.
    #[inline(always)]
    pub(super) fn read(&self, codes: &Codes, bits: u64) -> Result<(i32, u32), Damaged> {
        let entry = self.0[(bits >> (64 - SHORT)) as usize];
        if entry != 0 { Ok((entry >> 6, entry as u32)) } else { difference(codes, bits) }
    }
}

#[inline(never)]
fn difference(codes: &Codes, bits: u64) -> Result<(i32, u32), Damaged> {
    let (size, length) = codes.symbol(bits)?;
    let size = u32::from(size);
    if size > MAX_DC_SIZE {
        return Err(Damaged);
    }
    Ok((extended(bits << length, size), length + size))
}

/// What a code of a coefficient says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// So many positions on stands a value.
    Value(usize, i32),
    /// So many positions on, there is still nothing.
    Nothing(usize),
    /// The block ends.
    End,
}

/// What the bits of a sequential scan say next, and their length.
#[inline]
pub(super) fn said(codes: &Codes, bits: u64) -> Result<(Said, u32), Damaged> {
    let (symbol, length) = codes.symbol(bits)?;
    let (run, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
    match size {
        0 if run == 15 => Ok((Said::Nothing(16), length)),
        0 if run == 0 => Ok((Said::End, length)),
        1..=MAX_SIZE => Ok((Said::Value(run + 1, extended(bits << length, size)), length + size)),
        _ => Err(Damaged),
    }
}

/// What a code of a progressive scan says (T.81, G.1.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SaidOfBand {
    /// So many zeros, then a value.
    Value(usize, i32),
    /// 16 zeros.
    Zeros,
    /// The band ends, and has nothing new in so many blocks to come.
    End(u32),
}

/// What the bits of a progressive scan say next, and their length.
#[inline]
pub(super) fn said_of_band(codes: &Codes, bits: u64) -> Result<(SaidOfBand, u32), Damaged> {
    let (symbol, length) = codes.symbol(bits)?;
    let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
    match size {
        0 if run == 15 => Ok((SaidOfBand::Zeros, length)),
        0 => {
            let more = (bits << length >> 1 >> (63 - run)) as u32;
            Ok((SaidOfBand::End((1 << run) - 1 + more), length + run))
        }
        1..=MAX_SIZE => Ok((SaidOfBand::Value(run as usize, extended(bits << length, size)), length + size)),
        _ => Err(Damaged),
    }
}

/// What codes of a scan that refines say, at a look.
#[derive(Debug)]
pub(super) struct Refinements([Refinement; 1 << SHORT]);

/// One of them: length (6 bits), zeros before a new coefficient (4), whether the band ends instead (1), blocks to come in
/// which there is nothing new (15), the new coefficient, which is 1, −1 or, after 16 zeros, none (6). Length 0 tells nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refinement(i32);

impl Refinements {
    /// For the codes of a scan.
    pub(super) fn new(codes: &Codes) -> Box<Refinements> {
        let mut refinements = Box::new(Refinements([Refinement(0); 1 << SHORT]));
        for (bits, entry) in (0_u64..).zip(&mut refinements.0) {
            let refinement = Refinement::read(codes, bits << (64 - SHORT));
            *entry = refinement.ok().filter(|said| said.length() & 63 <= SHORT).unwrap_or(Refinement(0));
        }
        refinements
    }

    /// What the next bits say; the codes are those that it was made of.
    #[inline(always)]
    pub(super) fn read(&self, codes: &Codes, bits: u64) -> Result<Refinement, Damaged> {
        let entry = self.0[(bits >> (64 - SHORT)) as usize];
        if entry.0 != 0 { Ok(entry) } else { Refinement::read(codes, bits) }
    }
}

impl Refinement {
    #[inline(never)]
    fn read(codes: &Codes, bits: u64) -> Result<Refinement, Damaged> {
        let (said, length) = said_of_band(codes, bits)?;
        let rest = match said {
            SaidOfBand::Value(zeros, value @ (1 | -1)) => (zeros as i32) << 6 | value << 26,
            SaidOfBand::Zeros => 15 << 6,
            SaidOfBand::End(empty) => 1 << 10 | (empty as i32) << 11,
            SaidOfBand::Value(..) => return Err(Damaged),
        };
        Ok(Refinement(rest | length as i32))
    }

    /// Bits of code and value, in the lowest 6 bits.
    #[inline(always)]
    pub(super) fn length(self) -> u32 {
        self.0 as u32
    }

    /// Zeros before the new coefficient, or before the next code.
    #[inline(always)]
    pub(super) fn zeros(self) -> usize {
        (self.0 >> 6 & 15) as usize
    }

    /// The new coefficient: 1, −1 or, where there is none, 0.
    #[inline(always)]
    pub(super) fn value(self) -> i16 {
        (self.0 >> 26) as i16
    }

    /// Where the band ends: blocks to come in which there is nothing new.
    #[inline(always)]
    pub(super) fn empty(self) -> Option<u32> {
        (self.0 & 1 << 10 != 0).then_some(self.0 as u32 >> 11 & 0x7FFF)
    }
}

/// One or two coefficients at a look, and the end behind them.
#[derive(Debug)]
pub(super) struct Pairs([Pair; ENTRIES]);

/// What a look at [`Pairs`] tells, in 32 bits: length (6), the way to the first position (5), the way to the second and more
/// where a loop must stop and think (7), the second value (6), the first (8). Where there is but one value the ways are the
/// same. Where the bits of a value are not all in sight, there is the length of the code, the way, and the size.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair(u32);

/// What a way has on top when the block ends there.
const END: u32 = 64;

/// The way when there is no value.
const UNTOLD: u32 = 127;

impl Pair {
    fn new(length: u32, ways: (u32, u32), values: (i32, i32)) -> Pair {
        Pair(length | ways.0 << 6 | ways.1 << 11 | (values.1 as u32 & 63) << 18 | (values.0 as u32) << 24)
    }

    /// Bits of codes and values, in the lowest 6 bits.
    #[inline(always)]
    pub(super) fn length(self) -> u32 {
        self.0
    }

    /// From the last position to that of the first value; 0 where there is none.
    #[inline(always)]
    pub(super) fn first_way(self) -> usize {
        (self.0 >> 6 & 31) as usize
    }

    /// From the last position to that of the second value, 64 and more where the block ends or nothing is told.
    #[inline(always)]
    pub(super) fn way(self) -> usize {
        (self.0 >> 11 & 127) as usize
    }

    /// Whether the block ends behind the first value.
    #[inline(always)]
    pub(super) fn ends(self) -> bool {
        (END..UNTOLD).contains(&(self.0 >> 11 & 127))
    }

    /// The first value.
    #[inline(always)]
    pub(super) fn first(self) -> i16 {
        (self.0 as i32 >> 24) as i16
    }

    /// The second value; to be put down before the first, which is right where both have the same place.
    #[inline(always)]
    pub(super) fn second(self) -> i16 {
        ((self.0 << 8) as i32 >> 26) as i16
    }

    /// The value of a coefficient whose bits were not all in sight, and the length of its code and bits.
    #[inline(always)]
    pub(super) fn beyond(self, bits: u64) -> Option<(i32, u32)> {
        let (length, size) = (self.0 & 63, self.0 >> 18 & 63);
        (self.way() == UNTOLD as usize && length > 0).then(|| (extended(bits << length, size), length + size))
    }
}

impl Pairs {
    fn new(codes: &Codes) -> Pairs {
        let mut pairs = [Pair(0); ENTRIES];
        for (bits, pair) in (0_u64..).zip(&mut pairs) {
            *pair = pair_of(codes, bits << (64 - LOOK));
        }
        Pairs(pairs)
    }

    #[inline(always)]
    pub(super) fn look(&self, bits: u64) -> Pair {
        self.0[(bits >> (64 - LOOK)) as usize]
    }
}

/// What the bits of a look say behind those that are used, if they are enough to say it.
fn whole(codes: &Codes, bits: u64, used: u32) -> Option<(Said, u32)> {
    let (said, length) = said(codes, bits << used).ok()?;
    (used + length <= LOOK).then_some((said, used + length))
}

fn pair_of(codes: &Codes, bits: u64) -> Pair {
    let (way, value, length) = match whole(codes, bits, 0) {
        Some((Said::End, length)) => return Pair::new(length, (0, END), (0, 0)),
        Some((Said::Value(way, value @ -128..128), length)) => (way as u32, value, length),
        Some((Said::Nothing(way), length)) => (way as u32, 0, length),
        _ => return beyond_of(codes, bits),
    };
    match whole(codes, bits, length) {
        Some((Said::End, length)) => Pair::new(length, (way, way + END), (value, 0)),
        Some((Said::Value(more, second @ -32..32), length)) => {
            Pair::new(length, (way, way + more as u32), (value, second))
        }
        Some((Said::Nothing(more), length)) => Pair::new(length, (way, way + more as u32), (value, 0)),
        _ => Pair::new(length, (way, way), (value, 0)),
    }
}

/// For a code whose bits are not all in sight, or are a large value; nothing but zeros where the code is not either.
fn beyond_of(codes: &Codes, bits: u64) -> Pair {
    let untold = Pair::new(0, (0, UNTOLD), (0, 0));
    let Ok((symbol, length)) = codes.symbol(bits) else { return untold };
    let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
    if length > LOOK || !(1..=MAX_SIZE).contains(&size) {
        return untold;
    }
    Pair::new(length, (run + 1, UNTOLD), (0, size as i32))
}

/// As many coefficients at a look as there are in it, when no one asks for their values.
#[derive(Debug)]
pub(super) struct Leaps([Leap; ENTRIES]);

/// What a look at [`Leaps`] tells: length, and the way to the last position, with 64 on top where the block ends there.
/// Length 0 tells nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leap {
    length: u8,
    way: u8,
}

impl Leap {
    const UNTOLD: Leap = Leap { length: 0, way: 255 };

    /// Bits of codes and values.
    #[inline(always)]
    pub(super) fn length(self) -> u32 {
        self.length.into()
    }

    /// From the last position to the next that counts; 64 and more where the block ends or nothing is told.
    #[inline(always)]
    pub(super) fn way(self) -> usize {
        self.way.into()
    }

    /// From the last position to the end of the block, when it ends.
    #[inline(always)]
    pub(super) fn way_to_end(self) -> Option<usize> {
        (self.length != 0).then(|| self.way().checked_sub(END as usize)).flatten()
    }
}

impl Leaps {
    fn new(codes: &Codes) -> Leaps {
        let mut leaps = [Leap::UNTOLD; ENTRIES];
        for (bits, leap) in (0_u64..).zip(&mut leaps) {
            *leap = leap_of(codes, bits << (64 - LOOK));
        }
        Leaps(leaps)
    }

    #[inline(always)]
    pub(super) fn look(&self, bits: u64) -> Leap {
        self.0[(bits >> (64 - LOOK)) as usize]
    }
}

fn leap_of(codes: &Codes, bits: u64) -> Leap {
    let (mut leap, mut used) = (Leap::UNTOLD, 0);
    let mut way = 0;
    while let Some((said, length)) = whole(codes, bits, used) {
        used = length;
        let ends = said == Said::End;
        way += match said {
            Said::End => END as usize,
            Said::Value(more, _) | Said::Nothing(more) => more,
        };
        // Beyond 63 it would be taken for an end.
        if !ends && way >= END as usize {
            break;
        }
        leap = Leap { length: used as u8, way: way as u8 };
        if ends {
            break;
        }
    }
    leap
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Codes of the lengths, as many as fit without the one that is all ones, and the code of each symbol from the top of 64
    /// bits.
    fn canonical(lengths: &[usize], symbols: &[u8]) -> (Codes, Vec<(u8, u64, u32)>) {
        let mut sorted = lengths.to_vec();
        sorted.sort_unstable();
        let (mut counts, mut known) = ([0; 16], Vec::new());
        let (mut code, mut last) = (0_u64, 0);
        for (length, symbol) in sorted.into_iter().zip(symbols) {
            code <<= length - last;
            if code + 1 >= 1 << length {
                break;
            }
            counts[length - 1] += 1;
            known.push((*symbol, code << (64 - length), length as u32));
            (code, last) = (code + 1, length);
        }
        let symbols: Vec<u8> = known.iter().map(|(symbol, ..)| *symbol).collect();
        (Codes::new(&counts, &symbols).unwrap(), known)
    }

    fn lengths() -> impl Strategy<Value = Vec<usize>> {
        prop::collection::vec(2..17_usize, 1..90)
    }

    fn symbols() -> impl Strategy<Value = Vec<u8>> {
        let usual = (0..16_u8, 0..6_u8).prop_map(|(run, size)| run << 4 | size);
        prop::collection::vec(prop_oneof![9 => usual, 1 => any::<u8>()], 90)
    }

    #[test]
    fn more_codes_than_fit_are_refused() {
        let mut counts = [0; 16];
        counts[0] = 1;
        assert!(Codes::new(&counts, &[1]).is_some());
        counts[1] = 1;
        assert!(Codes::new(&counts, &[1, 2]).is_some());
        counts[1] = 2;
        assert!(Codes::new(&counts, &[1, 2, 3]).is_none(), "the last would be all ones");
        assert!(Codes::new(&[255; 16], &[0; 4080]).is_none());
    }

    #[test]
    fn only_lengths_of_differences_are_taken_for_them() {
        let of = |symbol| canonical(&[2], &[symbol]).0.differences().is_some();
        assert!(of(11) && of(15) && !of(16));
    }

    #[test]
    fn values_are_those_of_the_standard() {
        let top = |bits: u64, size: u32| extended(bits << (64 - size), size);
        assert_eq!([top(0, 1), top(1, 1), top(0, 3), top(3, 3), top(4, 3), top(7, 3)], [-1, 1, -7, -4, 4, 7]);
        assert_eq!(extended(u64::MAX, 0), 0);
    }

    proptest! {
        #[test]
        fn each_code_gives_its_symbol(lengths in lengths(), symbols in symbols(), rest in any::<u64>()) {
            let (codes, known) = canonical(&lengths, &symbols);
            for (symbol, code, length) in known {
                prop_assert_eq!(codes.symbol(code | rest >> length), Ok((symbol, length)));
            }
        }

        #[test]
        fn tables_say_at_a_look_what_codes_say_one_by_one(
            lengths in lengths(),
            symbols in symbols(),
            bits in prop::collection::vec(any::<u64>(), 50),
        ) {
            let (codes, _) = canonical(&lengths, &symbols);
            let (pairs, leaps) = (codes.pairs(), codes.leaps());
            for bits in bits {
                prop_assert!(is_said(&codes, pairs.look(bits), bits), "{:?}", pairs.look(bits));
                prop_assert!(is_leapt(&codes, leaps.look(bits), bits), "{:?}", leaps.look(bits));
                if let Some(differences) = codes.differences() {
                    let read = differences.read(&codes, bits).map(|(value, length)| (value, length & 63));
                    prop_assert_eq!(read, difference(&codes, bits));
                }
                let refined = Refinements::new(&codes).read(&codes, bits).map(|refinement| refinement.0);
                prop_assert_eq!(refined, Refinement::read(&codes, bits).map(|refinement| refinement.0));
            }
        }
    }

    /// Whether a pair says what the bits say.
    fn is_said(codes: &Codes, pair: Pair, bits: u64) -> bool {
        if let Some((value, length)) = pair.beyond(bits) {
            return said(codes, bits) == Ok((Said::Value(pair.first_way(), value), length));
        }
        if pair.length() & 63 == 0 {
            return true;
        }
        let (mut at, mut used, mut values) = (0, 0, [0; 256]);
        while used < pair.length() & 63 {
            let Ok((next, length)) = said(codes, bits << used) else { return false };
            used += length;
            match next {
                Said::End => return pair.ends() && pair.first_way() == at && used == pair.length() & 63,
                Said::Nothing(way) => at += way,
                Said::Value(way, value) => {
                    at += way;
                    values[at] = value;
                }
            }
        }
        let said = (i32::from(pair.first()), i32::from(pair.second()));
        let wanted = (values[pair.first_way()], values[pair.way()]);
        pair.way() == at
            && used == pair.length() & 63
            && said.0 == wanted.0
            && (said.1 == wanted.1 || at == pair.first_way())
    }

    /// Whether a leap goes as far as the bits say.
    fn is_leapt(codes: &Codes, leap: Leap, bits: u64) -> bool {
        let (mut at, mut used) = (0, 0);
        while used < leap.length() {
            let Ok((next, length)) = said(codes, bits << used) else { return false };
            used += length;
            match next {
                Said::End => return leap.way_to_end() == Some(at) && used == leap.length(),
                Said::Nothing(way) | Said::Value(way, _) => at += way,
            }
        }
        used == leap.length() && (leap.way() == at || leap.length() == 0)
    }
}
