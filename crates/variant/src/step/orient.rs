//! Orientation: how stored pixels are turned to be shown (EXIF tag 0x0112). Turned last, when they are few.

use crate::canvas::Canvas;

/// An orientation taken apart: shown (x, y) is stored (u, v) = (y, x) if swapped, each counted from the far end if
/// flipped.
#[derive(Debug, Clone, Copy)]
struct Turn {
    swap: bool,
    flip_x: bool,
    flip_y: bool,
}

impl Turn {
    fn orientation(self) -> u8 {
        match (self.swap, self.flip_x, self.flip_y) {
            (false, false, false) => 1,
            (false, true, false) => 2,
            (false, true, true) => 3,
            (false, false, true) => 4,
            (true, false, false) => 5,
            (true, false, true) => 6,
            (true, true, true) => 7,
            (true, true, false) => 8,
        }
    }

    fn of(orientation: u8) -> Turn {
        let (swap, flip_x, flip_y) = match orientation {
            2 => (false, true, false),
            3 => (false, true, true),
            4 => (false, false, true),
            5 => (true, false, false),
            6 => (true, false, true),
            7 => (true, true, true),
            8 => (true, true, false),
            _ => (false, false, false),
        };
        Turn { swap, flip_x, flip_y }
    }
}

/// The orientation that does the same as one and then, on what that shows, another.
pub(crate) fn then(first: u8, second: u8) -> u8 {
    let (a, b) = (Turn::of(first), Turn::of(second));
    // The flips of the second are counted on what the first shows: where the first swaps, they change sides.
    let (flip_x, flip_y) = if a.swap { (b.flip_y, b.flip_x) } else { (b.flip_x, b.flip_y) };
    Turn { swap: a.swap != b.swap, flip_x: a.flip_x != flip_x, flip_y: a.flip_y != flip_y }.orientation()
}

/// The orientation that mirrors: left and right, top and bottom, or both.
pub(crate) fn flipped(left_right: bool, top_bottom: bool) -> u8 {
    Turn { swap: false, flip_x: left_right, flip_y: top_bottom }.orientation()
}

/// The orientation that turns clockwise by a multiple of 90 degrees.
pub(crate) fn rotated(degrees: u32) -> u8 {
    match degrees % 360 {
        90 => 6,
        180 => 3,
        270 => 8,
        _ => 1,
    }
}

/// The stored size of what is shown, or the shown size of what is stored: the same swap.
pub(crate) fn swapped<T>(orientation: u8, (width, height): (T, T)) -> (T, T) {
    if Turn::of(orientation).swap { (height, width) } else { (width, height) }
}

/// The orientation that undoes another.
pub(crate) fn inverse(orientation: u8) -> u8 {
    match orientation {
        6 => 8,
        8 => 6,
        other => other,
    }
}

/// A box on the shown picture as a box on the stored one, whose size is `stored`.
pub(crate) fn stored_box(orientation: u8, stored: (u32, u32), [x, y, width, height]: [f64; 4]) -> [f64; 4] {
    let turn = Turn::of(orientation);
    let (x, y) = if turn.swap { (y, x) } else { (x, y) };
    let (width, height) = if turn.swap { (height, width) } else { (width, height) };
    let left = if turn.flip_x { f64::from(stored.0) - x - width } else { x };
    let top = if turn.flip_y { f64::from(stored.1) - y - height } else { y };
    [left, top, width, height]
}

/// Turns a stored canvas to be shown.
pub(crate) fn turn(canvas: Canvas, orientation: u8) -> Canvas {
    let Turn { swap, flip_x, flip_y } = Turn::of(orientation);
    if !(swap || flip_x || flip_y) {
        return canvas;
    }
    let (stored_width, stored_height) = (canvas.width as usize, canvas.height as usize);
    let (width, height) = swapped(orientation, (canvas.width, canvas.height));
    let mut pixels = Vec::with_capacity(canvas.pixels.len());
    for y in 0..height as usize {
        for x in 0..width as usize {
            let (u, v) = if swap { (y, x) } else { (x, y) };
            let u = if flip_x { stored_width - 1 - u } else { u };
            let v = if flip_y { stored_height - 1 - v } else { v };
            let at = (v * stored_width + u) * canvas.channels;
            pixels.extend_from_slice(&canvas.pixels[at..at + canvas.channels]);
        }
    }
    Canvas { width, height, channels: canvas.channels, pixels }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An F of three by two pixels, as stored for each orientation: all of them show the same.
    #[test]
    fn every_orientation_shows_the_same_picture() {
        let shown = [1_u8, 2, 3, 4, 5, 6];
        let stored: [(u8, u32, [u8; 6]); 8] = [
            (1, 3, [1, 2, 3, 4, 5, 6]),
            (2, 3, [3, 2, 1, 6, 5, 4]),
            (3, 3, [6, 5, 4, 3, 2, 1]),
            (4, 3, [4, 5, 6, 1, 2, 3]),
            (5, 2, [1, 4, 2, 5, 3, 6]),
            (6, 2, [3, 6, 2, 5, 1, 4]),
            (7, 2, [6, 3, 5, 2, 4, 1]),
            (8, 2, [4, 1, 5, 2, 6, 3]),
        ];
        for (orientation, width, values) in stored {
            let pixels = values.iter().flat_map(|v| [*v; 3]).collect();
            let canvas = Canvas { width, height: 6 / width, channels: 3, pixels };
            let turned = turn(canvas, orientation);
            assert_eq!((turned.width, turned.height), (3, 2), "{orientation}");
            let seen: Vec<u8> = turned.pixels.chunks_exact(3).map(|p| p[0]).collect();
            assert_eq!(seen, shown, "{orientation}");
        }
    }

    #[test]
    fn two_turns_are_the_one_that_they_come_to() {
        let pixels: Vec<u8> = (1..=6_u8).flat_map(|value| [value; 3]).collect();
        let picture = Canvas { width: 3, height: 2, channels: 3, pixels };
        for first in 1..=8 {
            for second in 1..=8 {
                let one_by_one = turn(turn(picture.clone(), first), second);
                assert_eq!(turn(picture.clone(), then(first, second)), one_by_one, "{first} then {second}");
            }
        }
    }

    #[test]
    fn turns_by_name_do_what_they_say() {
        let shown = |orientation| {
            let pixels = [1_u8, 2, 3, 4].iter().flat_map(|value| [*value; 3]).collect();
            let turned = turn(Canvas { width: 2, height: 2, channels: 3, pixels }, orientation);
            turned.pixels.chunks_exact(3).map(|p| p[0]).collect::<Vec<u8>>()
        };
        assert_eq!(shown(flipped(true, false)), [2, 1, 4, 3]);
        assert_eq!(shown(flipped(false, true)), [3, 4, 1, 2]);
        assert_eq!(shown(rotated(90)), [3, 1, 4, 2], "clockwise");
        assert_eq!(shown(rotated(270)), [2, 4, 1, 3]);
        assert_eq!((rotated(180), rotated(360), flipped(true, true)), (3, 1, 3));
    }

    #[test]
    fn a_box_lies_on_the_same_pixels_before_and_after_the_turn() {
        // The shown top left quarter of an 8 x 4 picture.
        let expected: [(u8, (u32, u32), [f64; 4]); 8] = [
            (1, (8, 4), [0.0, 0.0, 4.0, 2.0]),
            (2, (8, 4), [4.0, 0.0, 4.0, 2.0]),
            (3, (8, 4), [4.0, 2.0, 4.0, 2.0]),
            (4, (8, 4), [0.0, 2.0, 4.0, 2.0]),
            (5, (4, 8), [0.0, 0.0, 2.0, 4.0]),
            (6, (4, 8), [0.0, 4.0, 2.0, 4.0]),
            (7, (4, 8), [2.0, 4.0, 2.0, 4.0]),
            (8, (4, 8), [2.0, 0.0, 2.0, 4.0]),
        ];
        for (orientation, stored, seen) in expected {
            assert_eq!(stored_box(orientation, stored, [0.0, 0.0, 4.0, 2.0]), seen, "{orientation}");
        }
    }
}
