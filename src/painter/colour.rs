//! Colours mixed the way eyes see them (OKLCH), laid out as ramps that are cheap to look up.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "ramp positions are clamped before they index"
)]

use std::f32::consts::TAU;

use super::noise::mix;

/// Red, green, blue from 0 to 255.
pub(super) type Rgb = [f32; 3];

/// A colour by lightness (0 to 1), colourfulness (0 to about 0.3) and hue (in degrees).
#[derive(Clone, Copy, Debug)]
pub(super) struct Lch(pub(super) f32, pub(super) f32, pub(super) f32);

impl Lch {
    /// The colour between two, taken straight through the wheel so that opposites meet in grey.
    pub(super) fn toward(self, other: Self, t: f32) -> Self {
        let ([l0, a0, b0], [l1, a1, b1]) = (self.lab(), other.lab());
        let (a, b) = (mix(a0, a1, t), mix(b0, b1, t));
        Self(mix(l0, l1, t), (a * a + b * b).sqrt(), b.atan2(a) * 360.0 / TAU)
    }

    /// The same colour, turned round the wheel.
    pub(super) fn turned(self, degrees: f32) -> Self {
        Self(self.0, self.1, self.2 + degrees)
    }

    fn lab(self) -> [f32; 3] {
        let angle = self.2 * TAU / 360.0;
        [self.0, self.1 * angle.cos(), self.1 * angle.sin()]
    }

    pub(super) fn rgb(self) -> Rgb {
        rgb(self.lab())
    }
}

/// `OKLab` to sRGB, with the matrices of its author (Björn Ottosson, 2020).
#[expect(clippy::many_single_char_names, reason = "the names of the colour space")]
fn rgb([lightness, a, b]: [f32; 3]) -> Rgb {
    let l = lightness + 0.396_337_78 * a + 0.215_803_76 * b;
    let m = lightness - 0.105_561_35 * a - 0.063_854_17 * b;
    let s = lightness - 0.089_484_18 * a - 1.291_485_5 * b;
    let (l, m, s) = (l * l * l, m * m * m, s * s * s);
    [
        4.076_741_7 * l - 3.307_711_6 * m + 0.230_969_94 * s,
        -1.268_438 * l + 2.609_757_4 * m - 0.341_319_38 * s,
        -0.004_196_086 * l - 0.703_418_6 * m + 1.707_614_7 * s,
    ]
    .map(|linear| {
        let channel = if linear <= 0.003_130_8 {
            linear * 12.92
        } else {
            1.055 * linear.powf(1.0 / 2.4) - 0.055
        };
        channel.clamp(0.0, 1.0) * 255.0
    })
}

/// Colours from one end to the other.
#[derive(Clone, Debug)]
pub(super) struct Ramp(Vec<Rgb>);

/// So many that two neighbours differ by less than one step of a channel.
const RAMP_STEPS: usize = 512;

impl Ramp {
    /// A ramp through stops, each at its place from 0 to 1, in rising order.
    pub(super) fn through(stops: &[(f32, Lch)]) -> Self {
        let place = |step: usize| step as f32 / (RAMP_STEPS - 1) as f32;
        Self((0..RAMP_STEPS).map(|step| between(stops, place(step))).collect())
    }

    /// The colour at a place; beyond the ends it stays as it is there.
    pub(super) fn at(&self, place: f32) -> Rgb {
        let step = (place.clamp(0.0, 1.0) * (RAMP_STEPS - 1) as f32) as usize;
        self.0.get(step).copied().unwrap_or_default()
    }
}

fn between(stops: &[(f32, Lch)], place: f32) -> Rgb {
    let spans = stops.windows(2).filter_map(|pair| match pair {
        [from, to] => Some((from, to)),
        _ => None,
    });
    let mut spans = spans.filter(|(_, to)| place <= to.0);
    let Some(((from, start), (to, end))) = spans.next() else {
        return stops.last().map_or([0.0; 3], |(_, colour)| colour.rgb());
    };
    start.toward(*end, (place - from) / (to - from)).rgb()
}
