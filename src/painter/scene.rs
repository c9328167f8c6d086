//! A landscape composed from a prompt and a seed, in units of the picture's own sides.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "counts here are below a hundred, and seeds are cut on purpose"
)]

use super::colour::{Lch, Ramp, Rgb};
use super::mood::{Mood, Palette};
use super::noise::{Chance, Noise, mix, smooth};

/// Everything a brush needs to know; all of it follows from the prompt and the seed.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) sky: Ramp,
    pub(super) sun: Sun,
    pub(super) stars: Vec<Star>,
    /// From the farthest to the nearest.
    pub(super) hills: Vec<Hill>,
    pub(super) water: Option<Water>,
    /// What clouds and texture are made of.
    pub(super) noise: Noise,
}

/// Sun or moon, at a place from 0 to 1 across and down.
#[derive(Debug)]
pub(super) struct Sun {
    pub(super) x: f32,
    pub(super) y: f32,
    pub(super) radius: f32,
    pub(super) colour: Rgb,
    pub(super) glow: f32,
    /// Pale rings around it.
    pub(super) rings: u32,
}

/// A point of light.
#[derive(Debug)]
pub(super) struct Star {
    pub(super) x: f32,
    pub(super) y: f32,
    pub(super) light: f32,
}

/// One range of hills.
#[derive(Debug)]
pub(super) struct Hill {
    /// From its crest down.
    pub(super) ramp: Ramp,
    base: f32,
    height: f32,
    wavelength: f32,
    sharpness: f32,
    noise: Noise,
    /// How tall its conifers are; zero for none.
    trees: f32,
}

/// Open water below the horizon.
#[derive(Debug)]
pub(super) struct Water {
    pub(super) horizon: f32,
    pub(super) ramp: Ramp,
}

/// Ranges of hills at most.
const HILLS_MAX: u64 = 6;

const STARS: usize = 140;

impl Scene {
    pub(super) fn compose(prompt: &str, seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let mood = Mood::of(prompt, &mut chance);
        let turn = chance.between(-16.0, 16.0);
        let palette = mood.palette().turned(turn);
        let horizon = chance.between(0.50, 0.62);
        Self {
            sky: Ramp::through(&[
                (0.0, palette.zenith),
                (0.5, palette.sky),
                (0.92, palette.haze),
                (1.0, palette.haze.toward(palette.sun, 0.4)),
            ]),
            sun: Sun {
                x: chance.between(0.2, 0.8),
                y: horizon - chance.between(0.06, 0.3),
                radius: chance.between(0.05, 0.11),
                colour: palette.sun.rgb(),
                glow: chance.between(0.45, 0.8),
                rings: chance.below(4) as u32,
            },
            stars: stars(mood, horizon, &mut chance),
            hills: hills(mood, palette, horizon, &mut chance),
            water: (mood == Mood::Sea).then(|| Water {
                horizon: horizon + 0.02,
                ramp: Ramp::through(&[
                    (0.0, palette.haze.toward(palette.sky, 0.6)),
                    (0.25, palette.zenith.toward(palette.sky, 0.4)),
                    (1.0, palette.near.toward(palette.zenith, 0.35)),
                ]),
            }),
            noise: Noise(chance.bits() as u32),
        }
    }
}

impl Palette {
    fn turned(self, degrees: f32) -> Self {
        Self {
            zenith: self.zenith.turned(degrees),
            sky: self.sky.turned(degrees),
            haze: self.haze.turned(degrees / 2.0),
            sun: self.sun,
            near: self.near.turned(degrees),
        }
    }
}

fn stars(mood: Mood, horizon: f32, chance: &mut Chance) -> Vec<Star> {
    let count = if mood == Mood::Night { STARS } else { 0 };
    let mut one = |_| Star {
        x: chance.between(0.0, 1.0),
        y: chance.between(0.0, horizon),
        light: chance.between(0.2, 1.0),
    };
    (0..count).map(&mut one).collect()
}

fn hills(mood: Mood, palette: Palette, horizon: f32, chance: &mut Chance) -> Vec<Hill> {
    let at_sea = mood == Mood::Sea;
    // By the sea, one far range and one shore leave the water its room.
    let count = if at_sea { 2 } else { 4 + chance.below(HILLS_MAX - 3) };
    let lift = chance.between(0.8, 1.3);
    let hill = |index| {
        let depth = index as f32 / (count - 1) as f32;
        let crest = palette.haze.toward(palette.near, 0.18 + 0.82 * depth.powf(0.8));
        let mist = crest.toward(palette.haze, mix(0.55, 0.22, depth));
        let dark = Lch(crest.0 * 0.82, crest.1, crest.2);
        let base = if at_sea {
            mix(horizon + 0.01, 0.97, depth)
        } else {
            mix(horizon - 0.02, 0.9, depth.powf(1.15))
        };
        Hill {
            ramp: Ramp::through(&[
                (0.0, crest),
                (0.3, crest.toward(dark, 1.0 - depth)),
                (1.0, if depth > 0.99 { dark } else { mist }),
            ]),
            base,
            height: lift * if at_sea { mix(0.09, 0.16, depth) } else { mix(0.17, 0.10, depth) },
            wavelength: mix(0.55, 1.1, depth) * chance.between(0.7, 1.2),
            sharpness: mood.sharpness() * (1.0 - 0.6 * depth),
            noise: Noise(chance.bits() as u32),
            trees: if mood.has_trees() && depth > 0.45 { mix(0.015, 0.07, depth) } else { 0.0 },
        }
    };
    (0..count).map(hill).collect()
}

impl Hill {
    /// Where its crest is, from 0 at the top to 1 at the bottom of the picture.
    pub(super) fn crest(&self, across: f32, octaves: u32) -> f32 {
        let x = across / self.wavelength;
        let round = self.noise.layered(x, 0.5, 3);
        let jagged = {
            let fold = |scale: f32, row: f32| 1.0 - 2.0 * self.noise.at(x * scale, row).abs();
            let fine = self.noise.layered(x * 9.0, 8.5, octaves.saturating_sub(1));
            0.55 * fold(1.7, 3.5) + 0.27 * fold(3.9, 5.5) + 0.16 * fine
        };
        let rise = mix(round * 1.3, jagged, self.sharpness);
        self.base - self.height * rise - self.tree(across)
    }

    /// How far a conifer rises above the crest here.
    fn tree(&self, across: f32) -> f32 {
        if self.trees <= 0.0 {
            return 0.0;
        }
        // Two rows, half a step apart, so that gaps are filled.
        let row = |shift: f32, seed: f32| {
            let width = self.trees * 0.42;
            let place = across / width + shift;
            let own = self.noise.at(place.floor() * 7.31, seed);
            let tall =
                smooth(-0.75, 0.9, own) * smooth(-0.35, 0.3, self.noise.at(across * 3.0, seed));
            let from_middle = (place - place.floor() - 0.5).abs() * 2.0;
            let up = 1.0 - from_middle;
            // Branches: the outline steps in as it rises.
            let step = (up * 5.0).fract() * 0.09;
            (up - step).max(0.0) * tall
        };
        self.trees * row(0.0, 20.5).max(row(0.5, 31.5))
    }
}
