//! From a specification to pixels: pure, and the same every time.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "channels are clamped to a byte"
)]

use image::{DynamicImage, RgbImage, RgbaImage};
use sha2::{Digest as _, Sha256};

use crate::canonical::{Quality, Size};

use super::brush::{Brush, Pixel};
use super::scene::Scene;

/// What to paint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// The painter's name for its model; another name is another hand.
    pub model: String,
    /// What to paint.
    pub prompt: String,
    /// What makes it repeatable.
    pub seed: i64,
    /// The pixels.
    pub size: Size,
    /// How fine the detail is.
    pub quality: Quality,
    /// Whether the sky is left clear.
    pub transparent: bool,
}

/// Paints; the same specification always gives the same pixels.
pub fn paint(spec: &Spec) -> DynamicImage {
    let scene = Scene::compose(&spec.prompt, scene_seed(spec));
    let Size { width, height } = spec.size;
    let (across, down) = (width as usize, height as usize);
    let mut brush = Brush::new(&scene, (across, down), octaves(spec.quality), spec.transparent);
    let mut line: Vec<Pixel> = vec![[0.0, 0.0, 0.0, 1.0]; across];
    let channels = if spec.transparent { 4 } else { 3 };
    let mut bytes = vec![0_u8; across * down * channels];
    for (y, row) in bytes.chunks_exact_mut((across * channels).max(1)).enumerate() {
        brush.row(y, &mut line);
        settle(row, channels, &line, threshold_row(y));
    }
    // The buffer has the size asked for, so neither is ever `None`.
    if spec.transparent {
        RgbaImage::from_raw(width, height, bytes).map(DynamicImage::ImageRgba8)
    } else {
        RgbImage::from_raw(width, height, bytes).map(DynamicImage::ImageRgb8)
    }
    .unwrap_or_default()
}

/// Rounds to bytes up or down in a fixed pattern: skies would show bands otherwise.
fn settle(row: &mut [u8], channels: usize, line: &[Pixel], thresholds: [f32; 4]) {
    let pattern = thresholds.iter().cycle();
    for ((to, pixel), threshold) in row.chunks_exact_mut(channels).zip(line).zip(pattern) {
        let [red, green, blue, alpha] = *pixel;
        let colour = [red + threshold, green + threshold, blue + threshold, alpha * 255.0 + 0.5];
        for (byte, channel) in to.iter_mut().zip(colour) {
            *byte = channel as u8;
        }
    }
}

const fn threshold_row(y: usize) -> [f32; 4] {
    match y % 4 {
        0 => [0.031, 0.531, 0.156, 0.656],
        1 => [0.781, 0.281, 0.906, 0.406],
        2 => [0.219, 0.719, 0.094, 0.594],
        _ => [0.969, 0.469, 0.844, 0.344],
    }
}

/// Size and quality are left out: a larger or finer picture shows the same place.
fn scene_seed(spec: &Spec) -> u64 {
    let mut hash = Sha256::new();
    hash.update(spec.seed.to_be_bytes());
    hash.update(spec.model.as_bytes());
    hash.update([0]);
    hash.update(spec.prompt.as_bytes());
    let digest: [u8; 32] = hash.finalize().into();
    digest.iter().take(8).fold(0, |seed, byte| seed << 8 | u64::from(*byte))
}

const fn octaves(quality: Quality) -> u32 {
    match quality {
        Quality::Low => 2,
        Quality::Medium => 4,
        Quality::High => 5,
        Quality::XHigh => 6,
        Quality::Max => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(prompt: &str, seed: i64) -> Spec {
        Spec {
            model: "landscape-1".to_owned(),
            prompt: prompt.to_owned(),
            seed,
            size: Size::new(48, 32),
            quality: Quality::Medium,
            transparent: false,
        }
    }

    #[test]
    fn the_same_specification_paints_the_same_pixels() {
        assert_eq!(paint(&spec("a quiet lake", 1)), paint(&spec("a quiet lake", 1)));
    }

    #[test]
    fn prompt_seed_and_model_each_change_the_picture() {
        let one = paint(&spec("a quiet lake", 1));
        assert_ne!(one, paint(&spec("a loud lake", 1)));
        assert_ne!(one, paint(&spec("a quiet lake", 2)));
        let mut other = spec("a quiet lake", 1);
        other.model.push('b');
        assert_ne!(one, paint(&other));
    }

    #[test]
    fn the_narrowest_canvas_can_be_painted_at_any_quality() {
        for (width, height) in [(1, 1), (1, 300), (300, 1), (255, 257)] {
            for (quality, transparent) in [(Quality::Low, true), (Quality::Max, false)] {
                let picture = paint(&Spec {
                    size: Size::new(width, height),
                    quality,
                    transparent,
                    ..spec("snow at night", 3)
                });
                assert_eq!((picture.width(), picture.height()), (width, height));
            }
        }
    }

    #[test]
    fn a_transparent_picture_is_clear_above_and_solid_below() {
        let picture = paint(&Spec { transparent: true, ..spec("dunes", 9) });
        let pixels = picture.to_rgba8();
        assert_eq!(pixels.get_pixel(0, 0).0[3], 0);
        assert_eq!(pixels.get_pixel(0, 31).0[3], 255);
    }
}
