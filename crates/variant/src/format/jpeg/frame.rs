//! What a JPEG says before its scans, read strictly (T.81, annex B). What is unusual is refused: none of it is damage, but
//! it is not ours.

use std::num::NonZero;
use std::rc::Rc;

use super::codes::Codes;

/// How a picture is laid out.
#[derive(Debug)]
pub(super) struct Layout {
    /// Width in pixels.
    pub(super) width: u32,
    /// Height in pixels.
    pub(super) height: u32,
    /// What the components are.
    pub(super) colours: Colours,
    /// One or three.
    pub(super) components: Vec<Component>,
    /// MCUs in a row.
    pub(super) across: usize,
    /// Rows of MCUs.
    pub(super) down: usize,
}

/// What the components are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colours {
    Grey,
    YCbCr,
    Rgb,
}

/// One of the components.
#[derive(Debug)]
pub(super) struct Component {
    /// Blocks of it in an MCU, across; 1 to 4.
    pub(super) h: usize,
    /// Blocks of it in an MCU, down; 1 to 4.
    pub(super) v: usize,
    /// The `side` × `side` lowest coefficients of a block are kept: 1, 2, 4 or 8.
    pub(super) side: usize,
    /// Steps of the coefficients, row by row, 255 at most.
    pub(super) quant: [u16; 64],
    /// Blocks in a row, padded to whole MCUs.
    pub(super) blocks_wide: usize,
    /// Blocks in a row that the picture needs, which is what a scan of this component alone has.
    pub(super) wide: usize,
    /// Rows of blocks that the picture needs.
    pub(super) tall: usize,
    id: u8,
}

/// One of the scans.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) parts: Vec<ScanPart>,
    /// The first coefficient in zigzag order, and the last.
    pub(super) band: (u8, u8),
    /// Bits that were left out of the coefficients before this scan, 0 where it is their first, and after it.
    pub(super) left_out: (u8, u8),
    /// Units from one restart to the next.
    pub(super) restart: Option<NonZero<usize>>,
}

/// A component in a scan.
#[derive(Debug)]
pub(super) struct ScanPart {
    /// Which it is in [`Layout::components`].
    pub(super) component: usize,
    /// The codes of its DC coefficients, where they are defined.
    pub(super) dc: Option<Rc<Codes>>,
    /// The codes of its other coefficients, where they are defined.
    pub(super) ac: Option<Rc<Codes>>,
}

/// How a scan goes through the blocks of its components, unit by unit: a unit is an MCU, or a block where there is but one
/// component (T.81, A.2).
#[derive(Debug)]
pub(super) struct Walk {
    /// The blocks of a unit.
    pub(super) pieces: Vec<Piece>,
    /// Units in a row.
    pub(super) across: usize,
    /// Rows of units.
    pub(super) down: usize,
}

/// A block of a unit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    /// Which part of the scan it belongs to.
    pub(super) part: usize,
    /// Where it lies among the blocks of the component in the first unit.
    pub(super) first: usize,
    /// How many blocks further it lies in the next unit.
    pub(super) across: usize,
    /// How many blocks further it lies in the next row of units.
    pub(super) down: usize,
}

impl Layout {
    /// How a scan goes through it.
    pub(super) fn walk(&self, scan: &Scan) -> Walk {
        if let [part] = scan.parts.as_slice() {
            let component = &self.components[part.component];
            let pieces = vec![Piece { part: 0, first: 0, across: 1, down: component.blocks_wide }];
            return Walk { pieces, across: component.wide, down: component.tall };
        }
        let mut pieces = Vec::with_capacity(MAX_MCU_BLOCKS);
        for (part, component) in scan.parts.iter().map(|part| &self.components[part.component]).enumerate() {
            for (y, x) in (0..component.v).flat_map(|y| (0..component.h).map(move |x| (y, x))) {
                pieces.push(Piece {
                    part,
                    first: y * component.blocks_wide + x,
                    across: component.h,
                    down: component.v * component.blocks_wide,
                });
            }
        }
        Walk { pieces, across: self.across, down: self.down }
    }
}

/// The most blocks of an MCU (T.81, B.2.3).
const MAX_MCU_BLOCKS: usize = 10;

/// Natural positions of coefficients in zigzag order.
pub(super) const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7,
    14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39,
    46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// Reads segments up to the first scan, and between scans.
pub(super) struct Reader<'a> {
    /// What follows the last segment that was read.
    rest: &'a [u8],
    /// The side of the blocks that are made of a whole MCU's smallest.
    side: usize,
    frame: Option<Frame>,
    quant: [Option<[u16; 64]>; 4],
    codes: [[Option<Rc<Codes>>; 4]; 2],
    restart: Option<NonZero<usize>>,
    jfif: bool,
    /// What Adobe's segment says about colours.
    adobe: Option<u8>,
}

struct Frame {
    progressive: bool,
    width: u32,
    height: u32,
    components: Vec<Described>,
}

/// A component as the frame header describes it.
#[derive(Clone, Copy)]
struct Described {
    id: u8,
    h: usize,
    v: usize,
    /// The table of its steps.
    steps: usize,
}

/// What follows a scan, or the head.
pub(super) enum Next<'a> {
    /// A scan, and its bytes with all that follows.
    Scan(Scan, &'a [u8]),
    /// The end, be it that of the bytes.
    End,
}

impl<'a> Reader<'a> {
    /// Reads up to the first scan: the reader, the layout, whether it is progressive, the scan.
    pub(super) fn head(bytes: &'a [u8], side: usize) -> Option<(Reader<'a>, Layout, bool, Scan, &'a [u8])> {
        let mut reader = Reader {
            rest: bytes.strip_prefix(&[0xFF, 0xD8])?,
            side,
            frame: None,
            quant: [None; 4],
            codes: Default::default(),
            restart: None,
            jfif: false,
            adobe: None,
        };
        let Next::Scan(scan, bytes) = reader.next()? else { return None };
        let layout = reader.layout()?;
        let progressive = reader.frame.as_ref()?.progressive;
        // From here on steps stay as they are: the layout has them.
        reader.quant = [None; 4];
        Some((reader, layout, progressive, scan, bytes))
    }

    /// What comes after a scan; `rest` is what follows its bytes.
    pub(super) fn after(&mut self, rest: &'a [u8]) -> Option<Next<'a>> {
        self.rest = rest;
        let next = self.next()?;
        // A layout that is given away already would not have them.
        self.quant.iter().all(Option::is_none).then_some(next)
    }

    fn next(&mut self) -> Option<Next<'a>> {
        loop {
            if self.rest.is_empty() {
                return Some(Next::End);
            }
            let marker = self.marker()?;
            if marker == 0xD9 {
                return Some(Next::End);
            }
            let segment = self.segment()?;
            if marker == 0xDA {
                return Some(Next::Scan(self.scan(segment)?, self.rest));
            }
            self.take(marker, segment)?;
        }
    }

    /// The next marker; any number of 0xFF may stand before it.
    fn marker(&mut self) -> Option<u8> {
        let fill = self.rest.iter().position(|byte| *byte != 0xFF)?;
        let (marker, rest) = self.rest[fill..].split_first()?;
        self.rest = rest;
        (fill > 0).then_some(*marker)
    }

    fn segment(&mut self) -> Option<&'a [u8]> {
        let length = usize::from(u16::from_be_bytes(*self.rest.first_chunk()?));
        let (segment, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        segment.get(2..)
    }

    fn take(&mut self, marker: u8, segment: &[u8]) -> Option<()> {
        match marker {
            0xC0..=0xC2 if self.frame.is_none() => self.frame = Some(Frame::read(marker == 0xC2, segment)?),
            0xC4 => self.take_codes(segment)?,
            0xDB => self.take_steps(segment)?,
            0xDD => self.restart = NonZero::new(u16::from_be_bytes(segment.try_into().ok()?).into()),
            0xE0 => self.jfif |= segment.len() >= 14 && segment.starts_with(b"JFIF\0"),
            0xEE if segment.starts_with(b"Adobe") => self.adobe = segment.get(11).copied().or(self.adobe),
            0xE1..=0xEF | 0xFE => {}
            _ => return None,
        }
        Some(())
    }

    fn take_codes(&mut self, mut segment: &[u8]) -> Option<()> {
        while let Some((which, rest)) = segment.split_first() {
            let (counts, rest) = rest.split_first_chunk::<16>()?;
            let count = counts.iter().map(|count| usize::from(*count)).sum();
            let (symbols, rest) = rest.split_at_checked(count)?;
            let codes = Codes::new(counts, symbols)?;
            *self.codes.get_mut(usize::from(which >> 4))?.get_mut(usize::from(which & 15))? =
                Some(Rc::new(codes));
            segment = rest;
        }
        Some(())
    }

    fn take_steps(&mut self, mut segment: &[u8]) -> Option<()> {
        while let Some((which, rest)) = segment.split_first() {
            let (steps, rest) = rest.split_first_chunk::<64>()?;
            let mut natural = [0; 64];
            for (position, step) in ZIGZAG.iter().zip(steps) {
                natural[usize::from(*position)] = u16::from(*step);
            }
            // Steps of 16 bits have a 1 in the upper half.
            *self.quant.get_mut(usize::from(*which))? = Some(natural);
            segment = rest;
        }
        Some(())
    }

    fn scan(&self, segment: &[u8]) -> Option<Scan> {
        let frame = self.frame.as_ref()?;
        let (count, rest) = segment.split_first()?;
        let (parts, rest) = rest.split_at_checked(usize::from(*count) * 2)?;
        let [first, last, left_out] = *rest else { return None };
        let parts = parts
            .as_chunks::<2>()
            .0
            .iter()
            .map(|part| self.part(frame, *part))
            .collect::<Option<Vec<_>>>()?;
        let scan = Scan {
            parts,
            band: (first, last),
            left_out: (left_out >> 4, left_out & 15),
            restart: self.restart,
        };
        let blocks: usize =
            scan.parts.iter().map(|part| frame.components[part.component]).map(|c| c.h * c.v).sum();
        let each_once = scan.parts.is_sorted_by(|one, next| one.component < next.component);
        let fits = match scan.parts.len() {
            0 => false,
            1 => true,
            _ => blocks <= MAX_MCU_BLOCKS,
        };
        (each_once && fits && last < 64 && first <= last).then_some(scan)
    }

    fn part(&self, frame: &Frame, [id, tables]: [u8; 2]) -> Option<ScanPart> {
        let component = frame.components.iter().position(|component| component.id == id)?;
        let codes = |class: usize, which: u8| self.codes[class].get(usize::from(which)).cloned();
        Some(ScanPart { component, dc: codes(0, tables >> 4)?, ac: codes(1, tables & 15)? })
    }

    fn layout(&self) -> Option<Layout> {
        let frame = self.frame.as_ref()?;
        let most = (frame.components.iter().map(|c| c.h).max()?, frame.components.iter().map(|c| c.v).max()?);
        let (across, down) =
            ((frame.width as usize).div_ceil(8 * most.0), (frame.height as usize).div_ceil(8 * most.1));
        let component = |&Described { id, h, v, steps }: &Described| {
            Some(Component {
                h,
                v,
                side: side_of(self.side, (h, v), most),
                quant: self.quant[steps]?,
                blocks_wide: across * h,
                wide: (frame.width as usize * h).div_ceil(8 * most.0),
                tall: (frame.height as usize * v).div_ceil(8 * most.1),
                id,
            })
        };
        let components = frame.components.iter().map(component).collect::<Option<Vec<_>>>()?;
        let colours = self.colours(&components);
        Some(Layout { width: frame.width, height: frame.height, colours, components, across, down })
    }

    /// What libjpeg takes the components for: JFIF's word counts before Adobe's, and that before their ids.
    fn colours(&self, components: &[Component]) -> Colours {
        let ids: Vec<u8> = components.iter().map(|component| component.id).collect();
        match (components.len(), self.jfif, self.adobe) {
            (1, ..) => Colours::Grey,
            (_, true, _) => Colours::YCbCr,
            (_, _, Some(transform)) => {
                if transform == 0 {
                    Colours::Rgb
                } else {
                    Colours::YCbCr
                }
            }
            _ if ids == *b"RGB" => Colours::Rgb,
            _ => Colours::YCbCr,
        }
    }
}

/// The side of a component's blocks when those of the finest are kept at `side`: as libjpeg does, a component with fewer
/// samples is made larger by its transform, as far as that goes.
fn side_of(side: usize, (h, v): (usize, usize), most: (usize, usize)) -> usize {
    let mut own = side;
    while own < 8
        && (most.0 * side).is_multiple_of(h * own * 2)
        && (most.1 * side).is_multiple_of(v * own * 2)
    {
        own *= 2;
    }
    own
}

impl Frame {
    fn read(progressive: bool, segment: &[u8]) -> Option<Frame> {
        let ([bits, high, low, left, right, count], parts) = segment.split_first_chunk::<6>()?;
        let (width, height) = (u16::from_be_bytes([*left, *right]), u16::from_be_bytes([*high, *low]));
        let mut components = parts.as_chunks::<3>().0.iter().map(component).collect::<Option<Vec<_>>>()?;
        if let [alone] = components.as_mut_slice() {
            // Its blocks are never interleaved.
            (alone.h, alone.v) = (1, 1);
        }
        let usual = *bits == 8
            && width > 0
            && height > 0
            && matches!(count, 1 | 3)
            && parts.len() == usize::from(*count) * 3;
        usual.then_some(Frame { progressive, width: width.into(), height: height.into(), components })
    }
}

fn component(&[id, factors, steps]: &[u8; 3]) -> Option<Described> {
    let (h, v) = (usize::from(factors >> 4), usize::from(factors & 15));
    let usual = (1..=4).contains(&h) && (1..=4).contains(&v) && steps < 4;
    usual.then_some(Described { id, h, v, steps: steps.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(marker: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len() + 2).unwrap().to_be_bytes();
        [&[0xFF, marker], &length[..], body].concat()
    }

    /// The frame of 100 × 60 pixels, 4:2:0.
    const FRAME: [u8; 15] = [8, 0, 60, 0, 100, 3, 1, 0x22, 0, 2, 0x11, 0, 3, 0x11, 0];
    const SCAN: [u8; 10] = [3, 1, 0, 2, 0, 3, 0, 0, 63, 0];

    /// A head with a frame and a scan, and what stands before them.
    fn head(before: &[Vec<u8>], marker: u8, frame: &[u8], scan: &[u8]) -> Vec<u8> {
        let steps = segment(0xDB, &[&[0][..], &(1..=64).collect::<Vec<u8>>()].concat());
        let parts = [vec![0xFF, 0xD8], before.concat(), steps, segment(marker, frame), segment(0xDA, scan)];
        [parts.concat(), b"bits".to_vec()].concat()
    }

    fn layout(bytes: &[u8]) -> Option<Layout> {
        Reader::head(bytes, 4).map(|(_, layout, ..)| layout)
    }

    #[test]
    fn a_layout_is_padded_to_whole_mcus_and_scans_alone_are_not() {
        let bytes = head(&[], 0xC0, &FRAME, &SCAN);
        let (_, layout, progressive, scan, rest) = Reader::head(&bytes, 4).unwrap();
        assert_eq!((progressive, rest), (false, &b"bits"[..]));
        assert_eq!((layout.width, layout.height, layout.across, layout.down), (100, 60, 7, 4));
        let seen = layout.components.iter().map(|c| (c.side, c.blocks_wide, c.wide, c.tall));
        assert!(seen.eq([(4, 14, 13, 8), (8, 7, 7, 4), (8, 7, 7, 4)]));
        assert_eq!(layout.components[0].quant[..3], [1, 2, 6], "row by row");
        let walk = layout.walk(&scan);
        assert_eq!((walk.pieces.len(), walk.across, walk.down), (6, 7, 4));
        let alone = head(&[], 0xC2, &FRAME, &[1, 1, 0, 0, 0, 1]);
        let (_, layout, progressive, scan, _) = Reader::head(&alone, 8).unwrap();
        let walk = layout.walk(&scan);
        assert_eq!((progressive, walk.pieces.len(), walk.across, walk.down), (true, 1, 13, 8));
    }

    #[test]
    fn a_component_with_fewer_samples_keeps_more_of_them() {
        let sides = |side, own, most| side_of(side, own, most);
        assert_eq!([1, 2, 4, 8].map(|side| sides(side, (1, 1), (2, 2))), [2, 4, 8, 8], "4:2:0");
        assert_eq!([1, 2, 4, 8].map(|side| sides(side, (1, 1), (2, 1))), [1, 2, 4, 8], "4:2:2");
        assert_eq!([1, 2, 4, 8].map(|side| sides(side, (1, 1), (1, 1))), [1, 2, 4, 8], "4:4:4");
        assert_eq!(sides(1, (1, 1), (4, 4)), 4);
    }

    #[test]
    fn colours_are_what_libjpeg_takes_them_for() {
        let jfif = segment(0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0");
        let adobe = |transform| segment(0xEE, &[b"Adobe\0\x64\0\0\0\0", &[transform][..]].concat());
        let (mut named, mut scan) = (FRAME, SCAN);
        for (index, id) in b"RGB".iter().enumerate() {
            (named[6 + index * 3], scan[1 + index * 2]) = (*id, *id);
        }
        let cases = [
            (vec![], Colours::YCbCr, Colours::Rgb),
            (vec![jfif.clone()], Colours::YCbCr, Colours::YCbCr),
            (vec![adobe(0)], Colours::Rgb, Colours::Rgb),
            (vec![adobe(1)], Colours::YCbCr, Colours::YCbCr),
            (vec![jfif, adobe(0)], Colours::YCbCr, Colours::YCbCr),
        ];
        for (before, numbered, lettered) in cases {
            let seen = layout(&head(&before, 0xC0, &FRAME, &SCAN)).unwrap().colours;
            assert_eq!(
                (seen, layout(&head(&before, 0xC0, &named, &scan)).unwrap().colours),
                (numbered, lettered)
            );
        }
        let grey = head(&[], 0xC0, &[8, 0, 9, 0, 9, 1, 1, 0x22, 0], &[1, 1, 0, 0, 63, 0]);
        let grey = layout(&grey).unwrap();
        assert_eq!((grey.colours, grey.components[0].h, grey.across), (Colours::Grey, 1, 2));
    }

    #[test]
    fn what_is_unusual_is_not_ours() {
        let frame = |at: usize, byte: u8| {
            let mut frame = FRAME;
            frame[at] = byte;
            head(&[], 0xC0, &frame, &SCAN)
        };
        let refused = [
            ("12 bits", frame(0, 12)),
            ("no height", frame(2, 0)),
            ("two components", frame(5, 2)),
            ("five samples across", frame(7, 0x51)),
            ("no samples down", frame(7, 0x10)),
            ("too many blocks in an MCU", frame(7, 0x44)),
            ("steps that are not there", frame(8, 1)),
            ("an id that no one asks for", frame(6, 9)),
            ("lossless", head(&[], 0xC3, &FRAME, &SCAN)),
            ("arithmetic codes", head(&[], 0xC9, &FRAME, &SCAN)),
            ("a frame more", head(&[segment(0xC0, &FRAME)], 0xC0, &FRAME, &SCAN)),
            ("steps of 16 bits", head(&[segment(0xDB, &[0x11; 129])], 0xC0, &FRAME, &SCAN)),
            ("a hierarchy", head(&[segment(0xDE, &FRAME)], 0xC0, &FRAME, &SCAN)),
            ("stray bytes", head(&[vec![0]], 0xC0, &FRAME, &SCAN)),
            ("a component twice", head(&[], 0xC0, &FRAME, &[3, 1, 0, 1, 0, 3, 0, 0, 63, 0])),
            ("coefficients past the last", head(&[], 0xC2, &FRAME, &[1, 1, 0, 1, 64, 0])),
            ("no picture", vec![0xFF, 0xD8, 0xFF, 0xD9]),
        ];
        for (what, bytes) in refused {
            assert!(layout(&bytes).is_none(), "{what}");
        }
        let usual = head(&[segment(0xE1, b"Exif"), segment(0xFE, b"hello")], 0xC1, &FRAME, &SCAN);
        assert!(layout(&usual).is_some());
        for length in 0..usual.len() - 4 {
            assert!(layout(&usual[..length]).is_none(), "{length}");
        }
    }
}
