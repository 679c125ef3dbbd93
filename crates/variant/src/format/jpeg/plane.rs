//! The kept coefficients of a component: rows of blocks.

use super::frame::{Component, Layout, ZIGZAG};

/// Blocks of a component, row by row. Of each the lowest `side` × `side` coefficients are kept, transposed: first those
/// that change down the picture only.
#[derive(Debug)]
pub(super) struct Plane {
    pub(super) side: usize,
    pub(super) coefficients: Vec<i16>,
    /// For each block a position in zigzag order behind which all that is kept is zero. Where it is 0, what stands there
    /// means nothing.
    pub(super) last: Vec<u8>,
}

impl Plane {
    /// So many rows of MCUs of each component, all of them zero.
    pub(super) fn all(layout: &Layout, rows: usize) -> Vec<Plane> {
        layout.components.iter().map(|component| Plane::new(component, rows * component.v)).collect()
    }

    /// So many rows of blocks of a component.
    fn new(component: &Component, rows: usize) -> Plane {
        let blocks = component.blocks_wide * rows;
        Plane {
            side: component.side,
            coefficients: vec![0; blocks * component.side * component.side],
            last: vec![0; blocks],
        }
    }
}

/// Where coefficients in zigzag order go in a block that keeps `LENGTH` of them: those that are not kept go where the DC
/// coefficient stands, which is put down last.
pub(super) const fn targets<const LENGTH: usize>() -> [u8; 64] {
    let side = LENGTH.isqrt();
    let mut targets = [0; 64];
    let mut index = 0;
    while index < 64 {
        let (row, column) = (ZIGZAG[index] as usize / 8, ZIGZAG[index] as usize % 8);
        if row < side && column < side {
            targets[index] = (column * side + row) as u8;
        }
        index += 1;
    }
    targets
}

/// The last position in zigzag order that is kept.
pub(super) const fn last_kept<const LENGTH: usize>() -> usize {
    let targets = targets::<LENGTH>();
    let mut index = 63;
    while targets[index] == 0 && index > 0 {
        index -= 1;
    }
    index
}
