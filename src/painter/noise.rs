//! Chance that repeats: a stream of numbers from a seed, and smooth noise over a plane.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::many_single_char_names,
    reason = "hashing wraps on purpose, and coordinates are small"
)]

/// A stream of numbers that is the same for the same seed.
#[derive(Clone, Debug)]
pub(super) struct Chance(u64);

impl Chance {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits (splitmix64).
    pub(super) const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number from `low` up to `high`.
    pub(super) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * ((self.bits() >> 40) as f32 / (1_u32 << 24) as f32)
    }

    /// A whole number below `end`.
    pub(super) const fn below(&mut self, end: u64) -> u64 {
        if end == 0 { 0 } else { self.bits() % end }
    }
}

/// Smooth noise over a plane, between about -1 and 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Noise(pub(super) u32);

impl Noise {
    fn corner(self, x: i32, y: i32) -> f32 {
        let mut h = self.0 ^ (x as u32).wrapping_mul(0x85EB_CA6B);
        h = (h ^ (h >> 15)).wrapping_mul(0x2C1B_3C6D);
        h ^= (y as u32).wrapping_mul(0xC2B2_AE35);
        h = (h ^ (h >> 13)).wrapping_mul(0x297A_2D39);
        h ^= h >> 15;
        (h >> 8) as f32 / (1_u32 << 23) as f32 - 1.0
    }

    /// Noise of one frequency: lattice values joined by a quintic.
    pub(super) fn at(self, x: f32, y: f32) -> f32 {
        let (left, top) = (x.floor(), y.floor());
        let (u, v) = (fade(x - left), fade(y - top));
        let (i, j) = (left as i32, top as i32);
        let upper = mix(self.corner(i, j), self.corner(i.wrapping_add(1), j), u);
        let below = j.wrapping_add(1);
        let lower = mix(self.corner(i, below), self.corner(i.wrapping_add(1), below), u);
        mix(upper, lower, v)
    }

    /// Noise of many frequencies, each twice as fine and half as strong as the one before.
    pub(super) fn layered(self, x: f32, y: f32, octaves: u32) -> f32 {
        let (mut sum, mut strength, mut scale) = (0.0, 0.5, 1.0);
        for octave in 0..octaves {
            let layer = Self(self.0.wrapping_add(octave.wrapping_mul(0x9E37_79B9)));
            sum += layer.at(x * scale, y * scale) * strength;
            strength *= 0.5;
            // Not quite two, so that the lattices never line up.
            scale *= 1.97;
        }
        sum
    }
}

/// Goes from `a` to `b` as `t` goes from 0 to 1.
pub(super) fn mix(a: f32, b: f32, t: f32) -> f32 {
    a + (b - a) * t
}

/// Goes from 0 to 1 smoothly as `x` goes from `from` to `to`.
pub(super) fn smooth(from: f32, to: f32, x: f32) -> f32 {
    let t = ((x - from) / (to - from)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

fn fade(t: f32) -> f32 {
    t * t * t * (t * (t * 6.0 - 15.0) + 10.0)
}
