//! AVIF there and back, its tiles, turns and depths, and what its boxes may do to it.

use std::ops::ControlFlow;

use super::*;
use crate::testing::{at, distance, draw, half_clear, later, quarters, texture};

/// Keeps what a decoder gives.
#[derive(Default)]
struct Kept {
    picture: Option<Picture>,
    bytes: Vec<u8>,
}

impl Sink for Kept {
    fn begin(&mut self, picture: &Picture) -> Result<(), Error> {
        self.picture = Some(picture.clone());
        Ok(())
    }

    fn row(&mut self, row: &[u8]) -> Result<ControlFlow<()>, Error> {
        self.bytes.extend_from_slice(row);
        Ok(ControlFlow::Continue(()))
    }
}

fn kept(bytes: &[u8], limits: &Limits) -> Result<(Picture, Vec<u8>), Error> {
    let header = header(bytes, limits)?;
    let size = (header.width, header.height);
    let order = Order { bytes, size, limits, deadline: later(), shrink: 1.0, thorough: true };
    let mut kept = Kept::default();
    decode(&order, &mut kept)?;
    Ok((kept.picture.unwrap(), kept.bytes))
}

fn canvas(bytes: &[u8]) -> Canvas {
    let (picture, pixels) = kept(bytes, &Limits::default()).unwrap();
    Canvas { width: picture.width, height: picture.height, channels: picture.samples.count(), pixels }
}

#[test]
fn pictures_of_every_size_go_there_and_come_back() {
    for (width, height) in [(1, 1), (2, 1), (1, 3), (7, 5), (16, 16), (65, 33), (130, 67)] {
        let picture = texture(width, height);
        let bytes = encode(&picture, 95, Effort::Usual, later()).unwrap();
        let header = header(&bytes, &Limits::default()).unwrap();
        assert_eq!((header.width, header.height, header.alpha, header.bits), (width, height, false, 8));
        assert_eq!(header.orientation, Some(1));
        let far = distance(&canvas(&bytes), &picture);
        // A texture that differs at every pixel, with half of its colours.
        assert!(far < 12.0, "{width}x{height}: {far}");
    }
}

#[test]
fn alpha_is_kept_and_its_edge_is_sharp() {
    let picture = half_clear(quarters(64, 48));
    let bytes = encode(&picture, 80, Effort::Usual, later()).unwrap();
    assert!(header(&bytes, &Limits::default()).unwrap().alpha);
    let seen = canvas(&bytes);
    assert_eq!(seen.channels, 4);
    for (pixel, wanted) in seen.pixels.chunks_exact(4).zip(picture.pixels.chunks_exact(4)) {
        assert!(pixel[3].abs_diff(wanted[3]) <= 8, "{pixel:?}, not {wanted:?}");
    }
}

#[test]
fn a_better_quality_is_larger_and_closer() {
    let picture = texture(200, 150);
    let made = |quality| {
        let bytes = encode(&picture, quality, Effort::Usual, later()).unwrap();
        (bytes.len(), distance(&canvas(&bytes), &picture))
    };
    let all: Vec<_> = [10, 35, 50, 70, 80, 90, 100].into_iter().map(made).collect();
    assert!(all.is_sorted_by(|a, b| a.0 < b.0 && a.1 > b.1), "{all:?}");
}

#[test]
fn flat_colours_come_back_as_they_went() {
    let picture = draw(40, 40, |x, _| if x < 20 { [200, 40, 90] } else { [10, 120, 220] });
    let seen = canvas(&encode(&picture, 90, Effort::Usual, later()).unwrap());
    for (x, colour) in [(0.2, [200, 40, 90]), (0.8, [10, 120, 220])] {
        let pixel = at(&seen, x, 0.5);
        assert!(pixel.iter().zip(colour).all(|(a, b)| a.abs_diff(b) <= 3), "{pixel:?}, not {colour:?}");
    }
}

fn boxed(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    [&u32::try_from(body.len() + 8).unwrap().to_be_bytes()[..], kind, body].concat()
}

fn full(kind: &[u8; 4], version: u8, body: &[u8]) -> Vec<u8> {
    boxed(kind, &[&[version, 0, 0, 0], body].concat())
}

/// An item for a file made by hand: its kind, its bytes, the properties that it has by their numbers from 1.
struct Made<'a> {
    kind: &'a [u8; 4],
    data: &'a [u8],
    properties: &'a [u8],
}

/// A file of items 1, 2 …, of which the first is shown; references are kind, from, to.
fn made(items: &[Made<'_>], properties: &[Vec<u8>], references: &[(&[u8; 4], u16, &[u16])]) -> Vec<u8> {
    let count = u16::try_from(items.len()).unwrap().to_be_bytes();
    let mut infos = count.to_vec();
    let mut places = [&[0x44, 0][..], &count].concat();
    let mut owners = u32::try_from(items.len()).unwrap().to_be_bytes().to_vec();
    let mut data = Vec::new();
    for (id, item) in (1_u16..).zip(items) {
        infos.extend(full(b"infe", 2, &[&id.to_be_bytes()[..], &[0, 0], item.kind, &[0]].concat()));
        let (at, length) = (data.len() as u32, item.data.len() as u32);
        // In the idat box, one piece.
        places.extend([&id.to_be_bytes()[..], &[0, 1, 0, 0, 0, 1]].concat());
        places.extend([at.to_be_bytes(), length.to_be_bytes()].concat());
        owners.extend([&id.to_be_bytes()[..], &[item.properties.len() as u8], item.properties].concat());
        data.extend_from_slice(item.data);
    }
    let told: Vec<u8> = references
        .iter()
        .flat_map(|(kind, from, to)| {
            let ids = to.iter().flat_map(|id| id.to_be_bytes());
            let head = [from.to_be_bytes(), u16::try_from(to.len()).unwrap().to_be_bytes()].concat();
            boxed(kind, &head.into_iter().chain(ids).collect::<Vec<u8>>())
        })
        .collect();
    let meta = [
        full(b"pitm", 0, &[0, 1]),
        full(b"iinf", 0, &infos),
        full(b"iloc", 1, &places),
        full(b"iref", 0, &told),
        boxed(b"iprp", &[boxed(b"ipco", &properties.concat()), full(b"ipma", 0, &owners)].concat()),
        boxed(b"idat", &data),
    ];
    [boxed(b"ftyp", b"avif\0\0\0\0mif1"), full(b"meta", 0, &meta.concat())].concat()
}

fn size(width: u32, height: u32) -> Vec<u8> {
    full(b"ispe", 0, &[width.to_be_bytes(), height.to_be_bytes()].concat())
}

/// The bytes of the AV1 frame of a picture.
fn frame(picture: &Canvas) -> Vec<u8> {
    let bytes = encode(picture, 95, Effort::Usual, later()).unwrap();
    let heif = Heif::read(&bytes).unwrap();
    heif.data(heif.primary().unwrap()).unwrap().into_owned()
}

fn grid_of(rows: u8, columns: u8, width: u16, height: u16) -> Vec<u8> {
    [&[0, 0, rows - 1, columns - 1][..], &width.to_be_bytes(), &height.to_be_bytes()].concat()
}

#[test]
fn tiles_are_put_together_and_what_hangs_over_is_cut() {
    let colours = [[220, 30, 30], [30, 180, 40], [40, 50, 220], [230, 220, 40]];
    let frames: Vec<Vec<u8>> = colours.iter().map(|colour| frame(&draw(64, 64, |_, _| *colour))).collect();
    let grid = grid_of(2, 2, 100, 90);
    let tile = |data| Made { kind: b"av01", data, properties: &[2] };
    let whole = Made { kind: b"grid", data: &grid, properties: &[1] };
    let items: Vec<Made<'_>> = std::iter::once(whole).chain(frames.iter().map(|data| tile(data))).collect();
    let file = made(&items, &[size(100, 90), size(64, 64)], &[(b"dimg", 1, &[2, 3, 4, 5])]);
    let head = header(&file, &Limits::default()).unwrap();
    assert_eq!((head.width, head.height, head.tiles), (100, 90, 4));
    let seen = canvas(&file);
    for ((x, y), colour) in [(0.3, 0.3), (0.9, 0.3), (0.3, 0.9), (0.9, 0.9)].into_iter().zip(colours) {
        let pixel = at(&seen, x, y);
        assert!(pixel.iter().zip(colour).all(|(a, b)| a.abs_diff(b) <= 4), "{pixel:?}, not {colour:?}");
    }
    let few = Limits { max_avif_tiles: 3, ..Limits::default() };
    let refused = header(&file, &few).unwrap_err();
    assert!(matches!(refused, Error::TooManyPieces { limit: "max_avif_tiles", .. }), "{refused:?}");
    assert!(header(&file, &Limits { max_avif_tiles: 4, ..few }).is_ok());
}

#[test]
fn a_grid_whose_tiles_do_not_fit_is_refused_from_its_header() {
    let tile = frame(&quarters(64, 64));
    let check = |grid: Vec<u8>, declared: (u32, u32), tile_size: (u32, u32), tiles: &[u16]| {
        let whole = Made { kind: b"grid", data: &grid, properties: &[1] };
        let part = || Made { kind: b"av01", data: &tile, properties: &[2] };
        let properties = [size(declared.0, declared.1), size(tile_size.0, tile_size.1)];
        let file = made(&[whole, part(), part()], &properties, &[(b"dimg", 1, tiles)]);
        header(&file, &Limits::default()).map(|header| (header.width, header.height))
    };
    assert_eq!(check(grid_of(1, 2, 120, 60), (120, 60), (64, 64), &[2, 3]), Ok((120, 60)));
    assert!(check(grid_of(1, 2, 130, 60), (130, 60), (64, 64), &[2, 3]).is_err(), "too few");
    assert!(check(grid_of(1, 2, 60, 60), (60, 60), (64, 64), &[2, 3]).is_err(), "one is idle");
    assert!(check(grid_of(1, 2, 120, 60), (120, 61), (64, 64), &[2, 3]).is_err(), "two sizes");
    assert!(check(grid_of(1, 2, 120, 60), (120, 60), (64, 64), &[2]).is_err(), "one is missing");
    assert!(check(grid_of(1, 2, 120, 60), (120, 60), (64, 64), &[2, 9]).is_err(), "one is nowhere");
    assert!(check(grid_of(1, 1, 60, 60), (60, 60), (60_000, 64), &[2]).is_err(), "larger than it needs");
    // A grid within itself ends nowhere.
    assert!(check(grid_of(1, 2, 120, 60), (120, 60), (64, 64), &[1, 1]).is_err());
}

#[test]
fn turns_and_mirrors_are_told_in_their_order_and_exif_has_no_say() {
    let tile = frame(&quarters(64, 32));
    let check = |turns: &[(&[u8; 4], u8)], orientation: u8| {
        let mut properties = vec![size(64, 32)];
        properties.extend(turns.iter().map(|(kind, value)| boxed(kind, &[*value])));
        // The turns are essential.
        let list: Vec<u8> =
            (1..=properties.len() as u8).map(|index| if index == 1 { 1 } else { index | 0x80 }).collect();
        let file = made(&[Made { kind: b"av01", data: &tile, properties: &list }], &properties, &[]);
        let facts = crate::probe(&file, &Limits::default()).unwrap();
        assert_eq!(facts.orientation.0, orientation, "{turns:?}");
        assert_eq!(facts.width, if orientation >= 5 { 32 } else { 64 });
    };
    check(&[], 1);
    check(&[(b"irot", 1)], 8);
    check(&[(b"irot", 2)], 3);
    check(&[(b"irot", 3)], 6);
    check(&[(b"imir", 0)], 4);
    check(&[(b"imir", 1)], 2);
    check(&[(b"irot", 1), (b"imir", 0)], 5);
    check(&[(b"irot", 1), (b"imir", 1)], 7);
}

#[test]
fn what_is_not_understood_is_refused_only_where_it_is_essential() {
    let tile = frame(&quarters(64, 32));
    let check = |list: &[u8]| {
        let properties = [size(64, 32), boxed(b"wild", &[1])];
        let file = made(&[Made { kind: b"av01", data: &tile, properties: list }], &properties, &[]);
        header(&file, &Limits::default()).is_ok()
    };
    assert!(check(&[1, 2]));
    assert!(!check(&[1, 0x82]));
    assert!(!check(&[1, 0x83]), "one that is not there");
}

#[test]
fn a_frame_that_differs_from_its_header_is_refused() {
    let tile = frame(&quarters(64, 32));
    for declared in [(64, 31), (63, 32), (640, 320), (32, 64), (8, 8)] {
        let properties = [size(declared.0, declared.1)];
        let file = made(&[Made { kind: b"av01", data: &tile, properties: &[1] }], &properties, &[]);
        assert!(matches!(kept(&file, &Limits::default()), Err(Error::Damaged(_))), "{declared:?}");
    }
}

#[test]
fn what_is_cut_off_is_damaged() {
    let bytes = encode(&texture(64, 64), 80, Effort::Usual, later()).unwrap();
    for length in 0..bytes.len() {
        let cut = kept(&bytes[..length], &Limits::default());
        assert!(matches!(cut, Err(Error::Damaged(_))), "{length} of {}: {cut:?}", bytes.len());
    }
}

#[test]
fn alpha_comes_out_of_the_colours_that_it_was_multiplied_into() {
    let mut pixel = [64, 32, 0, 128];
    divide(&mut pixel, 1);
    assert_eq!(pixel, [128, 64, 0, 128]);
    let mut deep = [0x40, 0, 0x20, 0, 0, 0, 0x80, 0];
    divide(&mut deep, 2);
    assert_eq!(deep, [0x80, 0, 0x40, 0, 0, 0, 0x80, 0]);
    for same in [[9, 9, 9, 0], [9, 9, 9, 255]] {
        let mut pixel = same;
        divide(&mut pixel, 1);
        assert_eq!(pixel, same);
    }
}
