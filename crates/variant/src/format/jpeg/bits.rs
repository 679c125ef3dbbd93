//! The bits of a scan: its bytes without their stuffing, and a place among them.
//!
//! A window of bytes is freed of stuffing at once, and what reads it fills 8 bytes at a time without a look at markers.
//! [`Bits::unit`] is to be called before every unit of the scan; it sees to it that the window holds all that a unit
//! can take, zeros where the scan has ended, so that within a unit nothing has to be checked.

use std::num::NonZero;

use crate::Error;

/// What is read is not as it should be; where, no one asks: a decoder that forgives more takes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Damaged;

impl From<Damaged> for Error {
    fn from(_: Damaged) -> Error {
        Error::Damaged("its coefficients cannot be read".to_owned())
    }
}

/// Bytes of the window; a power of two, so that a mask keeps a place within it.
const WINDOW: usize = 1 << 14;

/// The most that a unit takes: ten blocks of 64 coefficients whose code and bits are 27 long, and what is read ahead.
const MAX_UNIT_BYTES: usize = 10 * 64 * 27 / 8 + 16;

/// The window, and a word behind it.
pub(super) type Window = [u8; WINDOW + 8];

/// A place in the window, and the bits that follow it. It is kept apart from [`Bits`] to stay in registers.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place {
    /// The bits that come next, from the top; behind those that count there may be more of the same.
    pub(super) bits: u64,
    /// How many of them count, in the lowest 6 bits; above them may stand anything.
    count: u32,
    /// The byte from which more is taken.
    at: usize,
}

impl Place {
    /// Makes at least 56 bits count.
    #[inline(always)]
    pub(super) fn refill(&mut self, window: &Window) {
        let ahead =
            window[self.at & (WINDOW - 1)..].first_chunk().map_or(0, |word| u64::from_be_bytes(*word));
        self.bits |= ahead >> (self.count & 63);
        self.at += ((!self.count & 63) >> 3) as usize;
        self.count |= 56;
    }

    /// Goes on by the number of bits, which must count, that stands in the lowest 6 bits of what is given.
    #[inline(always)]
    pub(super) fn skip(&mut self, length: u32) {
        self.bits <<= length & 63;
        self.count = self.count.wrapping_sub(length);
    }

    /// The next bits as a number; at least one, at most 32, which must count.
    #[inline(always)]
    pub(super) fn take(&mut self, length: u32) -> u32 {
        let value = (self.bits >> ((64 - length) & 63)) as u32;
        self.skip(length);
        value
    }

    /// Bits up to here, from the beginning of the window.
    fn passed(&self) -> usize {
        (self.at * 8).saturating_sub((self.count & 63) as usize)
    }
}

/// The bytes of one scan.
pub(super) struct Bits<'a> {
    /// What is not in the window yet; once the scan has ended, what follows it.
    rest: &'a [u8],
    window: Box<Window>,
    /// Bytes of the scan in the window; it is full unless the scan has ended.
    filled: usize,
    /// Whether a marker, or the end of the file, follows what is in the window.
    ended: bool,
    /// Units from one restart to the next.
    interval: usize,
    /// Units to the next restart.
    left: usize,
    /// The number of the next restart marker.
    number: u8,
}

impl<'a> Bits<'a> {
    /// Begins a scan with restarts after so many units, or none.
    pub(super) fn new(bytes: &'a [u8], interval: Option<NonZero<usize>>) -> Bits<'a> {
        let interval = interval.map_or(usize::MAX, NonZero::get);
        let window = Box::new([0; WINDOW + 8]);
        let mut bits =
            Bits { rest: bytes, window, filled: 0, ended: false, interval, left: interval, number: 0 };
        bits.fill();
        bits
    }

    /// The bytes to refill a place from.
    #[inline(always)]
    pub(super) fn window(&self) -> &Window {
        &self.window
    }

    /// Makes sure of the bytes of the next unit, and tells whether a restart was passed before it. Fails when more was
    /// read than there was, or the restart is not there.
    #[inline(always)]
    pub(super) fn unit(&mut self, place: &mut Place) -> Result<bool, Damaged> {
        let restarts = self.left == 0;
        if restarts {
            *place = self.restart(*place)?;
        }
        self.left -= 1;
        if place.at + MAX_UNIT_BYTES > self.filled {
            *place = self.more(*place)?;
        }
        Ok(restarts)
    }

    #[cold]
    #[inline(never)]
    fn more(&mut self, place: Place) -> Result<Place, Damaged> {
        self.check(place)?;
        if self.ended && place.at + MAX_UNIT_BYTES <= WINDOW {
            return Ok(place);
        }
        let kept = place.at.min(self.filled);
        self.window.copy_within(kept..self.filled, 0);
        self.filled -= kept;
        self.fill();
        Ok(Place { at: place.at - kept, ..place })
    }

    /// Fails when more was read than there was.
    pub(super) fn check(&self, place: Place) -> Result<(), Damaged> {
        if place.passed() <= self.filled * 8 { Ok(()) } else { Err(Damaged) }
    }

    /// Goes past the restart marker, which must come next.
    #[cold]
    #[inline(never)]
    fn restart(&mut self, place: Place) -> Result<Place, Damaged> {
        let rest = self.end(place)?;
        let fill = rest.iter().take_while(|byte| **byte == 0xFF).count();
        if fill == 0 || rest.get(fill) != Some(&(0xD0 + self.number)) {
            return Err(Damaged);
        }
        self.rest = &rest[fill + 1..];
        (self.filled, self.ended) = (0, false);
        (self.left, self.number) = (self.interval, (self.number + 1) % 8);
        self.fill();
        Ok(Place::default())
    }

    /// What follows the scan. Fails when more was read than there was, or a good deal less.
    pub(super) fn end(&mut self, place: Place) -> Result<&'a [u8], Damaged> {
        self.more(place)?;
        if self.ended { Ok(self.rest) } else { Err(Damaged) }
    }

    /// Fills the window up, or to the end of the scan.
    fn fill(&mut self) {
        while !self.ended && self.filled < WINDOW {
            self.copy_plain();
            if self.filled < WINDOW {
                self.copy_escaped();
            }
        }
        if self.ended {
            let zeros = self.filled..(self.filled + MAX_UNIT_BYTES + 8).min(WINDOW + 8);
            self.window[zeros].fill(0);
        }
    }

    /// Copies blocks in which no byte needs a look.
    fn copy_plain(&mut self) {
        let room = &mut self.window[self.filled..WINDOW];
        let mut blocks = 0;
        for (from, to) in self.rest.as_chunks::<16>().0.iter().zip(room.as_chunks_mut::<16>().0) {
            if from.iter().fold(false, |any, byte| any | (*byte == 0xFF)) {
                break;
            }
            *to = *from;
            blocks += 1;
        }
        self.filled += blocks * 16;
        self.rest = &self.rest[blocks * 16..];
    }

    /// Copies up to the first byte that needs a look, and that byte, if it is one of the scan.
    fn copy_escaped(&mut self) {
        let room = WINDOW - self.filled;
        let plain = self.rest.iter().take(room.min(16)).take_while(|byte| **byte != 0xFF).count();
        let (from, rest) = self.rest.split_at(plain);
        self.window[self.filled..self.filled + plain].copy_from_slice(from);
        self.filled += plain;
        self.rest = rest;
        match rest {
            [0xFF, 0x00, rest @ ..] if self.filled < WINDOW => {
                self.window[self.filled] = 0xFF;
                self.filled += 1;
                self.rest = rest;
            }
            [0xFF, 0x00, ..] => {}
            [0xFF, ..] | [] => self.ended = true,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Many bytes, among them many that have to be stuffed.
    fn plain(length: usize) -> Vec<u8> {
        (0..length)
            .map(|index| if index % 7 == 3 || index % 513 < 3 { 0xFF } else { (index * 37 % 251) as u8 })
            .collect()
    }

    fn stuffed(bytes: &[u8]) -> Vec<u8> {
        bytes.iter().flat_map(|byte| if *byte == 0xFF { vec![0xFF, 0] } else { vec![*byte] }).collect()
    }

    /// Reads so many bytes, 8 at a unit; tells after which of the units a restart was passed.
    fn read(bits: &mut Bits<'_>, length: usize) -> Result<(Vec<u8>, Vec<usize>), Damaged> {
        let (mut place, mut bytes, mut restarts) = (Place::default(), Vec::new(), Vec::new());
        for unit in 0..length / 8 {
            if bits.unit(&mut place)? {
                restarts.push(unit);
            }
            for _ in 0..8 {
                place.refill(bits.window());
                bytes.push(place.take(8) as u8);
            }
        }
        bits.end(place).map(|_| (bytes, restarts))
    }

    #[test]
    fn bytes_come_without_stuffing_over_many_windows() {
        for length in [8, 24, 4096, 16_384, 16_392, 100_000] {
            let bytes = plain(length);
            let scan = [stuffed(&bytes), vec![0xFF, 0xD9, 1, 2]].concat();
            assert_eq!(read(&mut Bits::new(&scan, None), length), Ok((bytes, vec![])), "{length}");
        }
    }

    #[test]
    fn more_than_there_is_is_damage_and_so_is_a_good_deal_less() {
        let scan = stuffed(&plain(80_000));
        assert!(read(&mut Bits::new(&scan, None), 80_000).is_ok(), "without an end marker");
        assert_eq!(read(&mut Bits::new(&scan, None), 80_008), Err(Damaged));
        assert_eq!(read(&mut Bits::new(&[], None), 8), Err(Damaged));
        assert_eq!(read(&mut Bits::new(&scan, None), 800), Err(Damaged));
    }

    #[test]
    fn restarts_are_passed_in_their_order_only() {
        let (bytes, interval) = (plain(80), NonZero::new(2));
        let scan = |first: u8| -> Vec<u8> {
            let parts = bytes
                .chunks(16)
                .zip(first..)
                .map(|(part, n)| [&stuffed(part)[..], &[0xFF, 0xFF, 0xD0 + n]].concat());
            parts.collect::<Vec<_>>().concat()
        };
        assert_eq!(read(&mut Bits::new(&scan(0), interval), 80), Ok((bytes.clone(), vec![2, 4, 6, 8])));
        assert_eq!(read(&mut Bits::new(&scan(1), interval), 80), Err(Damaged), "another comes first");
        assert_eq!(read(&mut Bits::new(&stuffed(&bytes), interval), 80), Err(Damaged), "none comes");
        assert_eq!(read(&mut Bits::new(&scan(0), None), 80), Err(Damaged), "one comes that is not due");
    }
}
