//! sRGB to linear light, where white is [`WHITE`], and back.

use std::sync::OnceLock;

use super::average::Planes;
use super::colour::Row;
use super::kernel::{self, WHITE};
use crate::decode::Picture;
use crate::light::{from_light, to_light};

type Table8 = [i16; 256];
type Table16 = [i16; 65_536];

/// Turns samples to light, by table.
pub(super) struct Light {
    eight: Table8,
    sixteen: Option<Box<Table16>>,
    channels: usize,
}

impl Light {
    /// For the rows of a picture after colour management: they are sRGB, or have the gamma that the picture says.
    pub(super) fn new(picture: &Picture, channels: usize) -> Light {
        let curve =
            |value: f64| picture.gamma.map_or_else(|| to_light(value), |gamma| value.powf(1.0 / gamma));
        let scaled = |value: f64| (curve(value) * f64::from(WHITE)).round() as i16;
        let mut eight = [0; 256];
        for (index, entry) in eight.iter_mut().enumerate() {
            *entry = scaled(index as f64 / 255.0);
        }
        let sixteen = picture.deep.then(|| {
            let table: Vec<i16> = (0..=65_535_u16).map(|index| scaled(f64::from(index) / 65_535.0)).collect();
            table.into_boxed_slice().try_into().unwrap_or_else(|_| Box::new([0; 65_536]))
        });
        Light { eight, sixteen, channels }
    }

    /// Fills a planar row; alpha is multiplied in.
    pub(super) fn fill(&self, row: Row<'_>, planes: Planes<'_>) {
        match (row, &self.sixteen) {
            (Row::Sixteen(row), Some(table)) => {
                let opacity = |alpha: u16| (i32::from(alpha) * WHITE + 32_767) / 65_535;
                fill(row, self.channels, planes, |sample| table[usize::from(sample)], opacity);
            }
            (Row::Eight(row), _) => {
                let opacity = |alpha: u8| (i32::from(alpha) * WHITE + 127) / 255;
                fill(row, self.channels, planes, |sample| self.eight[usize::from(sample)], opacity);
            }
            (Row::Sixteen(_), None) => {}
        }
    }
}

fn fill<T: Copy>(
    row: &[T],
    channels: usize,
    planes: Planes<'_>,
    light: impl Fn(T) -> i16,
    opacity: impl Fn(T) -> i32,
) {
    let Planes { values, plane, width } = planes;
    let (red, rest) = values.split_at_mut(plane);
    let (green, rest) = rest.split_at_mut(plane);
    let (blue, alpha) = rest.split_at_mut(plane);
    match channels {
        1 => {
            let colours = red[..width].iter_mut().zip(&mut green[..width]).zip(&mut blue[..width]);
            for (((r, g), b), sample) in colours.zip(row) {
                *r = light(*sample);
                (*g, *b) = (*r, *r);
            }
        }
        3 => fill_three(row, [&mut red[..width], &mut green[..width], &mut blue[..width]], light),
        2 => {
            for ((r, a), pixel) in red[..width].iter_mut().zip(&mut *alpha).zip(row.as_chunks::<2>().0) {
                (*r, *a) = (light(pixel[0]), opacity(pixel[1]) as i16);
            }
            kernel::multiply(&mut red[..width], &alpha[..width]);
            green[..width].copy_from_slice(&red[..width]);
            blue[..width].copy_from_slice(&red[..width]);
        }
        _ => {
            let planes = [&mut red[..width], &mut green[..width], &mut blue[..width], &mut alpha[..width]];
            fill_four(row, planes, light, opacity);
        }
    }
}

/// Colours first, as they would be without alpha; then, where anything is clear, all of a plane at once.
fn fill_four<T: Copy>(
    row: &[T],
    [red, green, blue, alpha]: [&mut [i16]; 4],
    light: impl Fn(T) -> i16,
    opacity: impl Fn(T) -> i32,
) {
    let colours = red.iter_mut().zip(green.iter_mut()).zip(blue.iter_mut()).zip(alpha.iter_mut());
    let mut least = WHITE as i16;
    for ((((r, g), b), a), pixel) in colours.zip(row.as_chunks::<4>().0) {
        (*r, *g, *b, *a) = (light(pixel[0]), light(pixel[1]), light(pixel[2]), opacity(pixel[3]) as i16);
        least = least.min(*a);
    }
    if i32::from(least) < WHITE {
        for plane in [red, green, blue] {
            kernel::multiply(plane, alpha);
        }
    }
}

/// The way of most photographs: four pixels at a time, so that planes are written eight bytes at a time.
fn fill_three<T: Copy>(row: &[T], [red, green, blue]: [&mut [i16]; 3], light: impl Fn(T) -> i16) {
    let (fours, rest) = row.as_chunks::<12>();
    let ((red, red_rest), (green, green_rest), (blue, blue_rest)) =
        (red.as_chunks_mut::<4>(), green.as_chunks_mut::<4>(), blue.as_chunks_mut::<4>());
    for (((pixels, r), g), b) in fours.iter().zip(red).zip(green).zip(blue) {
        *r = [0, 3, 6, 9].map(|at| light(pixels[at]));
        *g = [1, 4, 7, 10].map(|at| light(pixels[at]));
        *b = [2, 5, 8, 11].map(|at| light(pixels[at]));
    }
    let colours = red_rest.iter_mut().zip(green_rest).zip(blue_rest);
    for (((r, g), b), pixel) in colours.zip(rest.as_chunks::<3>().0) {
        (*r, *g, *b) = (light(pixel[0]), light(pixel[1]), light(pixel[2]));
    }
}

/// Turns a row of light, pixel by pixel and within 0 to [`WHITE`], to 8-bit sRGB with straight alpha.
pub(super) fn unlit(row: &[i16], channels: usize, out: &mut Vec<u8>) {
    let table = back();
    let look = |light: i32| table.get(light as usize).copied().unwrap_or(255);
    if channels == 3 {
        out.extend(row.iter().map(|light| look(i32::from(*light))));
        return;
    }
    for pixel in row.as_chunks::<4>().0 {
        let alpha = i32::from(pixel[3]);
        let opacity = (alpha * 255 + WHITE / 2) / WHITE;
        if opacity == 0 {
            out.extend([0; 4]);
            continue;
        }
        let colour = |light: i16| look(((i32::from(light) * WHITE + alpha / 2) / alpha).min(WHITE));
        out.extend([colour(pixel[0]), colour(pixel[1]), colour(pixel[2]), opacity as u8]);
    }
}

fn back() -> &'static [u8] {
    static TABLE: OnceLock<Vec<u8>> = OnceLock::new();
    TABLE.get_or_init(|| {
        (0..=WHITE)
            .map(|light| (from_light(f64::from(light) / f64::from(WHITE)) * 255.0).round() as u8)
            .collect()
    })
}
