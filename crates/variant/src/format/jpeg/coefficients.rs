//! The coefficients of a JPEG whose codes are Huffman's and which is as usual as most are: a row of MCUs at a time, of each
//! block only the lowest ones. What comes after them, transform and colours, is not here.

use std::time::Instant;

use super::bits::Damaged;
use super::frame::{Layout, Next, Reader, Scan};
use super::plane::Plane;
use super::progressive::Progressive;
use super::sequential::Sequential;
use crate::Error;
use crate::deadline::still_time;

/// Reads the coefficients of a file.
pub(super) struct Coefficients<'a> {
    reader: Reader<'a>,
    layout: Layout,
    way: Way<'a>,
    /// The row of MCUs that comes next, or all of them.
    planes: Vec<Plane>,
    /// The number of the row that comes next.
    row: usize,
}

/// How rows come about.
enum Way<'a> {
    /// There is but one scan: each is read when it is asked for.
    Streaming(Sequential<'a>),
    /// There are several scans. This is the first.
    Scans { progressive: bool, scan: Scan, bytes: &'a [u8] },
    /// All scans were read, of a progressive file into this.
    Stored(Option<Progressive>),
}

/// Blocks of a component in a row of MCUs.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Blocks<'r> {
    /// `v` rows of `blocks_wide` blocks of `side` × `side` coefficients. They are not multiplied with their steps, and
    /// transposed: what goes u times across and v times down stands at u × side + v.
    pub(super) coefficients: &'r [i16],
    /// For each block a position in zigzag order behind which all that is kept is zero. Where it is 0, there is only the
    /// DC coefficient, and what stands behind it means nothing.
    pub(super) last: &'r [u8],
}

impl<'a> Coefficients<'a> {
    /// Reads up to the first scan; what needs memory by the size of the picture comes with the first row. Blocks of the
    /// finest component are kept at `side` × `side`: 1, 2, 4 or 8. None where the file is not one of ours.
    pub(super) fn new(bytes: &'a [u8], side: usize) -> Option<Coefficients<'a>> {
        let (reader, layout, progressive, scan, bytes) = Reader::head(bytes, side)?;
        let way = if progressive || scan.parts.len() < layout.components.len() {
            Way::Scans { progressive, scan, bytes }
        } else {
            Way::Streaming(Sequential::new(&layout, &scan, bytes)?)
        };
        Some(Coefficients { reader, layout, way, planes: Vec::new(), row: 0 })
    }

    /// How the picture is laid out.
    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The next row of MCUs, a component each; the last two are empty where there is but one. Damage is told at the first
    /// thing that is not as it should be, where others may still make something of it.
    pub(super) fn next_row(&mut self, deadline: Instant) -> Result<Option<[Blocks<'_>; 3]>, Error> {
        if self.row == self.layout.down {
            return Ok(None);
        }
        still_time(deadline)?;
        if let Way::Scans { .. } = self.way {
            self.read_scans(deadline)?;
        }
        let row = self.row;
        self.row += 1;
        let (planes, row) = match &mut self.way {
            Way::Streaming(scan) => {
                if self.planes.is_empty() {
                    self.planes = Plane::all(&self.layout, 1);
                }
                scan.read_row(&mut self.planes, 0)?;
                (self.planes.as_slice(), 0)
            }
            Way::Stored(Some(all)) => (all.row(&self.layout, row), row),
            _ => (self.planes.as_slice(), row),
        };
        let mut given = [Blocks::default(); 3];
        for ((given, plane), component) in given.iter_mut().zip(planes).zip(&self.layout.components) {
            let (blocks, length) = (component.blocks_wide * component.v, component.side * component.side);
            *given = Blocks {
                coefficients: plane.coefficients.chunks_exact(blocks * length).nth(row).ok_or(Damaged)?,
                last: plane.last.chunks_exact(blocks).nth(row).ok_or(Damaged)?,
            };
        }
        Ok(Some(given))
    }

    fn read_scans(&mut self, deadline: Instant) -> Result<(), Error> {
        // Should it fail, there is nothing to be had any more.
        let Way::Scans { progressive, scan, bytes } = std::mem::replace(&mut self.way, Way::Stored(None))
        else {
            return Ok(());
        };
        if progressive {
            self.way = Way::Stored(Some(self.read_progressive(scan, bytes, deadline)?));
        } else {
            self.planes = self.read_one_by_one(scan, bytes, deadline)?;
        }
        Ok(())
    }

    fn read_progressive(
        &mut self,
        mut scan: Scan,
        mut bytes: &'a [u8],
        deadline: Instant,
    ) -> Result<Progressive, Error> {
        let mut all = Progressive::new(&self.layout);
        loop {
            let rest = all.read(&self.layout, &scan, bytes, deadline)?;
            match self.reader.after(rest).ok_or(Damaged)? {
                Next::Scan(next, after) => (scan, bytes) = (next, after),
                Next::End if all.is_whole() => return Ok(all),
                Next::End => return Err(Damaged.into()),
            }
        }
    }

    /// Reads the scans of a sequential file, in which each component comes once.
    fn read_one_by_one(
        &mut self,
        mut scan: Scan,
        mut bytes: &'a [u8],
        deadline: Instant,
    ) -> Result<Vec<Plane>, Error> {
        let mut planes = Plane::all(&self.layout, self.layout.down);
        let mut missing = vec![true; planes.len()];
        loop {
            for part in &scan.parts {
                if !std::mem::replace(&mut missing[part.component], false) {
                    return Err(Damaged.into());
                }
            }
            let mut read = Sequential::new(&self.layout, &scan, bytes).ok_or(Damaged)?;
            for row in 0..read.rows() {
                still_time(deadline)?;
                read.read_row(&mut planes, row)?;
            }
            match self.reader.after(read.end()?).ok_or(Damaged)? {
                Next::Scan(next, after) => (scan, bytes) = (next, after),
                Next::End if missing.contains(&true) => return Err(Damaged.into()),
                Next::End => return Ok(planes),
            }
        }
    }
}
