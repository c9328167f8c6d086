//! Puts a scene on a canvas, row by row.
//!
//! Noise is computed on a coarse grid and stretched, so the cost of a pixel is a few look-ups
//! whatever the quality.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "coordinates are bounded by the canvas, and colours are clamped"
)]

use super::colour::Rgb;
use super::grid::Grid;
use super::noise::{mix, smooth};
use super::scene::{Hill, Scene};

/// Colour and coverage.
pub(super) type Pixel = [f32; 4];

/// One scene at one size.
pub(super) struct Brush<'a> {
    scene: &'a Scene,
    width: f32,
    height: f32,
    /// What one unit of roundness is, in pixels: suns are round on any canvas.
    unit: f32,
    clear_sky: bool,
    clouds: Grid,
    texture: Grid,
    ranges: Vec<Range<'a>>,
}

/// A range of hills with its crest in pixels for every column.
struct Range<'a> {
    hill: &'a Hill,
    crest: Vec<f32>,
    highest: f32,
    lowest: f32,
}

impl<'a> Brush<'a> {
    pub(super) fn new(
        scene: &'a Scene,
        size: (usize, usize),
        octaves: u32,
        clear_sky: bool,
    ) -> Self {
        let (width, height) = (size.0 as f32, size.1 as f32);
        // Very long pictures repeat less than they stretch.
        let aspect = (width / height).clamp(0.5, 3.0);
        let noise = scene.noise;
        let clouds = Grid::fill(size, |x, y| {
            let (x, y) = (x * aspect * 1.1, y * 3.2);
            let warp = noise.layered(x + 5.2, y + 1.3, 2);
            noise.layered(x + 0.9 * warp, y + 1.1 * warp, octaves)
        });
        // Ripples lie flat; the grain of hills does not.
        let (wide, tall) = if scene.water.is_some() { (5.0, 62.0) } else { (7.0, 16.0) };
        let texture = Grid::fill(size, |x, y| {
            noise.layered(x * aspect * wide + 40.0, y * tall, octaves.saturating_sub(1))
        });
        let ranges = scene.hills.iter().map(|hill| {
            let at = |x: usize| hill.crest((x as f32 + 0.5) / width * aspect, octaves) * height;
            let crest: Vec<f32> = (0..size.0).map(at).collect();
            Range {
                hill,
                highest: crest.iter().copied().fold(f32::MAX, f32::min),
                lowest: crest.iter().copied().fold(f32::MIN, f32::max),
                crest,
            }
        });
        Self {
            scene,
            width,
            height,
            unit: width.min(height),
            clear_sky,
            clouds,
            texture,
            ranges: ranges.collect(),
        }
    }

    /// Paints row `y` of the canvas.
    pub(super) fn row(&mut self, y: usize, line: &mut [Pixel]) {
        let middle = y as f32 + 0.5;
        // What a nearer range hides entirely is not painted.
        let hidden = |range: &Range<'_>| range.lowest + 1.0 < middle;
        let first = self.ranges.iter().rposition(hidden);
        self.clouds.stretch(y);
        self.texture.stretch(y);
        if first.is_none() {
            self.sky(middle, line);
            self.sun(middle, line);
            self.stars(middle, line);
        }
        for (index, range) in self.ranges.iter().enumerate().skip(first.unwrap_or(0)) {
            if range.highest - 1.0 < middle {
                self.hill(range, middle, line);
            }
            // Water lies before the farthest range.
            if index == 0 {
                self.water(middle, line);
            }
        }
    }

    fn sky(&self, y: f32, line: &mut [Pixel]) {
        let down = y / self.height / 0.66;
        let sun = &self.scene.sun;
        let (sun_x, off_y) = (sun.x * self.width, y - sun.y * self.height);
        let reach = 1.0 / (0.028 * self.unit * self.unit).max(1.0);
        for ((x, pixel), cloud) in line.iter_mut().enumerate().zip(self.clouds.line()) {
            if self.clear_sky {
                *pixel = [0.0; 4];
                continue;
            }
            let colour = self.scene.sky.at(down + cloud * 0.30);
            let off_x = x as f32 - sun_x;
            let glow = sun.glow / (1.0 + (off_x * off_x + off_y * off_y) * reach);
            let veil = smooth(0.08, 0.6, *cloud) * 0.22;
            let [red, green, blue] = blend(colour, sun.colour, (glow + veil).min(0.9));
            *pixel = [red, green, blue, 1.0];
        }
    }

    fn sun(&self, y: f32, line: &mut [Pixel]) {
        let sun = &self.scene.sun;
        let (sun_x, off_y) = (sun.x * self.width, y - sun.y * self.height);
        let radius = sun.radius * self.unit;
        let rings = if self.clear_sky { 0 } else { sun.rings };
        for ring in (0..=rings).rev() {
            let radius = radius * (1.0 + 0.75 * ring as f32);
            let strength = if ring == 0 { 1.0 } else { 0.10 };
            let half = ((radius + 1.0).powi(2) - off_y * off_y).max(0.0).sqrt();
            let from = (sun_x - half).max(0.0) as usize;
            let across = (2.0 * half).ceil() as usize;
            for (x, pixel) in line.iter_mut().enumerate().skip(from).take(across) {
                let off_x = x as f32 + 0.5 - sun_x;
                let edge = radius + 0.5 - (off_x * off_x + off_y * off_y).sqrt();
                lay(pixel, sun.colour, strength * edge.clamp(0.0, 1.0));
            }
        }
    }

    fn stars(&self, y: f32, line: &mut [Pixel]) {
        if self.clear_sky {
            return;
        }
        let radius = (self.unit / 700.0).max(0.7);
        for star in &self.scene.stars {
            let off_y = y - star.y * self.height;
            let radius = radius * (0.7 + star.light);
            if off_y.abs() > radius {
                continue;
            }
            let star_x = star.x * self.width;
            let from = (star_x - radius).max(0.0) as usize;
            let across = (2.0 * radius).ceil() as usize + 1;
            for (x, pixel) in line.iter_mut().enumerate().skip(from).take(across) {
                let off_x = x as f32 + 0.5 - star_x;
                let near = 1.0 - (off_x * off_x + off_y * off_y) / (radius * radius);
                lay(pixel, [255.0; 3], near.max(0.0) * star.light);
            }
        }
    }

    fn hill(&self, range: &Range<'_>, y: f32, line: &mut [Pixel]) {
        let fall = 1.0 / (self.height * 0.24);
        let columns = range.crest.iter().zip(self.texture.line());
        for (pixel, (crest, grain)) in line.iter_mut().zip(columns) {
            let below = y + 0.5 - crest;
            if below > 0.0 {
                let colour = range.hill.ramp.at(below * fall + grain * 0.16);
                lay(pixel, colour, below.min(1.0));
            }
        }
    }

    fn water(&self, y: f32, line: &mut [Pixel]) {
        let Some(water) = &self.scene.water else {
            return;
        };
        let below = y - water.horizon * self.height;
        if below < -0.5 {
            return;
        }
        let sun = &self.scene.sun;
        let down = below / (self.height * (1.0 - water.horizon)).max(1.0);
        let spread = self.unit * mix(0.06, 0.13, down);
        for ((x, pixel), grain) in line.iter_mut().enumerate().zip(self.texture.line()) {
            let colour = water.ramp.at(down + grain * mix(0.04, 0.12, down));
            let off = (x as f32 - sun.x * self.width) / spread;
            let glitter = smooth(-0.15, 0.4, *grain) / (1.0 + off * off).powi(2);
            let colour = blend(colour, sun.colour, glitter * 0.8);
            lay(pixel, colour, (below + 0.5).clamp(0.0, 1.0));
        }
    }
}

/// Lays a colour over a pixel, which may be clear.
fn lay(pixel: &mut Pixel, colour: Rgb, cover: f32) {
    let [red, green, blue, alpha] = *pixel;
    let total = cover + alpha * (1.0 - cover);
    if cover <= 0.0 || total <= 0.0 {
        return;
    }
    let [red, green, blue] = blend([red, green, blue], colour, cover / total);
    *pixel = [red, green, blue, total];
}

fn blend([r0, g0, b0]: Rgb, [r1, g1, b1]: Rgb, t: f32) -> Rgb {
    [mix(r0, r1, t), mix(g0, g1, t), mix(b0, b1, t)]
}
