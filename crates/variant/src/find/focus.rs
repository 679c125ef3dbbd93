//! Where a window lies best on a small picture: over what the eye goes to, or where most happens. No learning, no faces:
//! what stands out from the whole, edges, and the colour of skin.

use crate::canvas::Canvas;

/// How much a window in the middle is preferred to one at the edge.
const MIDDLE: f64 = 0.1;

/// Steps of brightness that entropy tells apart.
const LEVELS: usize = 32;

/// The middle of the window that holds most of what the eye goes to. The area is x, y, width, height; a window has a
/// width and a height, and lies within it.
pub(super) fn salient(canvas: &Canvas, area: [f64; 4], window: (f64, f64)) -> (f64, f64) {
    let weights = saliency(canvas, area);
    let sums = Sums::new(canvas.width as usize, &weights);
    best(canvas, area, window, |x, y, width, height| {
        // What lies in the middle of the window counts twice, so that nothing is seen at its edge that fits better.
        let (edge_x, edge_y) = (width / 4, height / 4);
        let inner = sums.of(x + edge_x, y + edge_y, width - 2 * edge_x, height - 2 * edge_y);
        sums.of(x, y, width, height) + inner
    })
}

/// The middle of the window whose brightness tells most.
pub(super) fn busy(canvas: &Canvas, area: [f64; 4], window: (f64, f64)) -> (f64, f64) {
    let width = canvas.width as usize;
    let levels: Vec<usize> = canvas
        .pixels
        .chunks_exact(canvas.channels)
        .map(|pixel| luma(pixel) as usize * LEVELS / 256)
        .collect();
    best(canvas, area, window, |x, y, across, down| {
        let mut counts = [0_u32; LEVELS];
        for row in levels.chunks_exact(width).skip(y).take(down) {
            row[x..x + across].iter().for_each(|level| counts[*level] += 1);
        }
        entropy(&counts)
    })
}

fn entropy(counts: &[u32]) -> f64 {
    let total = f64::from(counts.iter().sum::<u32>()).max(1.0);
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count) / total)
        .map(|p| -p * p.log2())
        .sum()
}

/// Slides a window over an area along the sides where there is room, and gives the middle of the one that scores best.
fn best(
    canvas: &Canvas,
    [x, y, width, height]: [f64; 4],
    window: (f64, f64),
    score: impl Fn(usize, usize, usize, usize) -> f64,
) -> (f64, f64) {
    let middle = (x + width / 2.0, y + height / 2.0);
    let fit = |start: f64, length: f64, side: u32, wished: f64| {
        let first = (start.round() as usize).min(side as usize - 1);
        let past = ((start + length).round() as usize).clamp(first + 1, side as usize);
        let size = (wished.round() as usize).clamp(1, past - first);
        (first, past - first - size, size)
    };
    let (first_x, room_x, across) = fit(x, width, canvas.width, window.0);
    let (first_y, room_y, down) = fit(y, height, canvas.height, window.1);
    let mut found = (f64::MIN, middle);
    for moved_y in 0..=room_y {
        for moved_x in 0..=room_x {
            let off =
                |moved: usize, room: usize| (moved as f64 - room as f64 / 2.0).abs() / room.max(1) as f64;
            let liked = 1.0 - MIDDLE * (off(moved_x, room_x) + off(moved_y, room_y));
            let seen = score(first_x + moved_x, first_y + moved_y, across, down) * liked;
            if seen > found.0 {
                let at = |first: usize, moved: usize, size: usize| (first + moved) as f64 + size as f64 / 2.0;
                found = (seen, (at(first_x, moved_x, across), at(first_y, moved_y, down)));
            }
        }
    }
    found.1
}

/// How much each pixel draws the eye.
fn saliency(canvas: &Canvas, area: [f64; 4]) -> Vec<f32> {
    let (width, height) = (canvas.width as usize, canvas.height as usize);
    let mean = mean(canvas, area);
    let pixel = |x: usize, y: usize| &canvas.pixels[(y * width + x) * canvas.channels..][..canvas.channels];
    let mut weights = Vec::with_capacity(width * height);
    for y in 0..height {
        for x in 0..width {
            let here = pixel(x, y);
            let (left, right) = (x.saturating_sub(1), (x + 1).min(width - 1));
            let (above, below) = (y.saturating_sub(1), (y + 1).min(height - 1));
            let around =
                luma(pixel(left, y)) + luma(pixel(right, y)) + luma(pixel(x, above)) + luma(pixel(x, below));
            let edge = (4.0 * luma(here) - around).abs() / 255.0;
            let apart = (0..3).map(|at| (f32::from(here[at]) - mean[at]).powi(2)).sum::<f32>().sqrt() / 255.0;
            let opacity = here.get(3).map_or(1.0, |alpha| f32::from(*alpha) / 255.0);
            weights.push((apart * apart + 0.5 * edge.min(1.0) + 0.3 * skin(here)) * opacity);
        }
    }
    weights
}

/// The mean colour of an area, as far as it is opaque.
fn mean(canvas: &Canvas, [x, y, width, height]: [f64; 4]) -> [f32; 3] {
    let (mut sums, mut total) = ([0.0_f64; 3], 0.0);
    let columns = x as usize..((x + width).ceil() as usize).min(canvas.width as usize);
    for row in canvas.pixels.chunks_exact(canvas.stride()).skip(y as usize).take(height.ceil() as usize) {
        for pixel in row.chunks_exact(canvas.channels).take(columns.end).skip(columns.start) {
            let share = pixel.get(3).map_or(1.0, |alpha| f64::from(*alpha) / 255.0);
            sums.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += f64::from(*value) * share);
            total += share;
        }
    }
    sums.map(|sum| (sum / f64::max(total, 1.0)) as f32)
}

/// How close a colour comes to that of skin, of any brightness: 0 to 1.
fn skin(pixel: &[u8]) -> f32 {
    let colour = [pixel[0], pixel[1], pixel[2]].map(f32::from);
    let length = colour.iter().map(|value| value * value).sum::<f32>().sqrt();
    if !(60.0..=430.0).contains(&length) {
        return 0.0;
    }
    let far = colour
        .iter()
        .zip([0.78, 0.57, 0.44_f32])
        .map(|(value, skin)| (value / length - skin / 1.061).powi(2));
    (1.0 - far.sum::<f32>().sqrt() / 0.15).max(0.0)
}

/// How bright a pixel seems, 0 to 255.
fn luma(pixel: &[u8]) -> f32 {
    0.299 * f32::from(pixel[0]) + 0.587 * f32::from(pixel[1]) + 0.114 * f32::from(pixel[2])
}

/// Sums over any box, from those over boxes that begin at the corner.
struct Sums {
    stride: usize,
    values: Vec<f64>,
}

impl Sums {
    fn new(width: usize, weights: &[f32]) -> Sums {
        let stride = width + 1;
        let mut values = vec![0.0; stride];
        for row in weights.chunks_exact(width) {
            let above = values.len() - stride;
            let mut sum = 0.0;
            values.push(0.0);
            for (column, weight) in row.iter().enumerate() {
                sum += f64::from(*weight);
                values.push(sum + values[above + column + 1]);
            }
        }
        Sums { stride, values }
    }

    fn of(&self, x: usize, y: usize, width: usize, height: usize) -> f64 {
        let at = |x: usize, y: usize| self.values[y * self.stride + x];
        at(x + width, y + height) - at(x, y + height) - at(x + width, y) + at(x, y)
    }
}
