//! A line of text drawn into a picture, in a corner, readable on any ground.
//!
//! White letters on a dark plate, as large as a twenty-fourth of the shorter side and never wider
//! than the picture. The font is part of the program: Latin, Greek, Cyrillic and a few signs.

use std::sync::LazyLock;

use ab_glyph::{Font as _, FontRef, Glyph, PxScale, ScaleFont as _, point};
use image::{DynamicImage, Rgb, RgbImage, Rgba, RgbaImage};

use super::RasterError;

static FONT: LazyLock<Option<FontRef<'static>>> = LazyLock::new(|| {
    FontRef::try_from_slice(include_bytes!("font/dejavu-sans-bold-subset.ttf")).ok()
});

/// The most characters that are drawn: more would be too small to read.
pub const WATERMARK_CHARS_MAX: usize = 60;

/// The shorter side of a picture is so many times as high as a line.
const LINES_PER_SIDE: f32 = 24.0;

/// Lines are no smaller, in pixels, where the picture is wide enough.
const LINE_MIN: f32 = 12.0;

/// Space around the letters, and around the plate, in lines.
const SPACE: f32 = 0.35;

/// How much of the ground the plate and the letters cover, of 255.
const PLATE_COVER: u8 = 130;
const LETTER_COVER: u8 = 235;

/// The first character of a text that cannot be drawn.
pub fn undrawable(text: &str) -> Option<char> {
    let font = FONT.as_ref();
    text.chars().find(|letter| font.is_none_or(|font| font.glyph_id(*letter).0 == 0))
}

/// Draws the text into the lower right corner.
pub fn mark(pixels: DynamicImage, text: &str) -> Result<DynamicImage, RasterError> {
    let font = FONT.as_ref().ok_or(RasterError::NoFont)?;
    let layout = Layout::of(font, text, (pixels.width(), pixels.height()));
    Ok(if pixels.color().has_alpha() {
        let mut ground = pixels.into_rgba8();
        layout.draw(font, &mut ground);
        DynamicImage::ImageRgba8(ground)
    } else {
        let mut ground = pixels.into_rgb8();
        layout.draw(font, &mut ground);
        DynamicImage::ImageRgb8(ground)
    })
}

/// Pixels that something can be laid over.
trait Ground {
    /// Lays a grey over a pixel, covering so much of it, of 255; outside the picture it does nothing.
    fn lay(&mut self, x: u32, y: u32, grey: u8, cover: u8);
}

impl Ground for RgbImage {
    fn lay(&mut self, x: u32, y: u32, grey: u8, cover: u8) {
        if let Some(Rgb(channels)) = self.get_pixel_mut_checked(x, y) {
            for channel in channels {
                *channel = mixed(*channel, grey, cover, u8::MAX);
            }
        }
    }
}

impl Ground for RgbaImage {
    fn lay(&mut self, x: u32, y: u32, grey: u8, cover: u8) {
        if let Some(Rgba([red, green, blue, alpha])) = self.get_pixel_mut_checked(x, y) {
            for channel in [red, green, blue] {
                *channel = mixed(*channel, grey, cover, *alpha);
            }
            // What lies over a clear ground is as clear as it covers little.
            *alpha = u8::MAX - share(u8::MAX - *alpha, u8::MAX - cover);
        }
    }
}

/// A channel with a grey laid over it, on a ground that is itself so solid.
fn mixed(under: u8, over: u8, cover: u8, solid: u8) -> u8 {
    let below = u32::from(share(solid, u8::MAX - cover));
    let all = below + u32::from(cover);
    let sum = u32::from(under) * below + u32::from(over) * u32::from(cover);
    u8::try_from((sum + all / 2).checked_div(all).unwrap_or(0)).unwrap_or(u8::MAX)
}

/// One part of another, both of 255.
fn share(one: u8, other: u8) -> u8 {
    u8::try_from((u32::from(one) * u32::from(other) + 127) / 255).unwrap_or(u8::MAX)
}

/// Where the plate and the letters go.
struct Layout {
    /// Left, top, right and bottom of the plate, right and bottom being outside.
    plate: [u32; 4],
    letters: Vec<Glyph>,
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sides are within what is opened, far below what a float counts, and `as` saturates"
)]
impl Layout {
    fn of(font: &FontRef<'_>, text: &str, (width, height): (u32, u32)) -> Self {
        let (across, down) = (width as f32, height as f32);
        let wanted = (across.min(down) / LINES_PER_SIDE).max(LINE_MIN);
        // Both are so many lines, so they grow and shrink with the line.
        let lines_across = length(font, text, 1.0) + 4.0 * SPACE;
        let lines_down = 1.0 + 4.0 * SPACE;
        let line = wanted.min(across / lines_across).min(down / lines_down);
        let space = line * SPACE;
        let (right, bottom) = (across - space, down - space);
        let left = right - 2.0 * space - length(font, text, line);
        let top = bottom - 2.0 * space - line;
        let scale = PxScale::from(line);
        let scaled = font.as_scaled(scale);
        let mut at = point(left + space, top + space + scaled.ascent());
        let mut letters = Vec::new();
        for letter in text.chars() {
            let glyph = scaled.glyph_id(letter);
            letters.push(glyph.with_scale_and_position(scale, at));
            at.x += scaled.h_advance(glyph);
        }
        let plate = [left.floor(), top.floor(), right.ceil(), bottom.ceil()];
        Self { plate: plate.map(|side| side.max(0.0) as u32), letters }
    }

    fn draw(self, font: &FontRef<'_>, ground: &mut impl Ground) {
        let [left, top, right, bottom] = self.plate;
        for y in top..bottom {
            (left..right).for_each(|x| ground.lay(x, y, 0, PLATE_COVER));
        }
        for outline in self.letters.into_iter().filter_map(|letter| font.outline_glyph(letter)) {
            let corner = outline.px_bounds().min;
            outline.draw(|x, y, cover| {
                // What lies left of or above a tiny picture falls on its edge.
                let (x, y) = ((corner.x + x as f32) as u32, (corner.y + y as f32) as u32);
                let cover = (cover.clamp(0.0, 1.0) * f32::from(LETTER_COVER)) as u8;
                ground.lay(x, y, u8::MAX, cover);
            });
        }
    }
}

/// How long a text is, at so many pixels a line.
fn length(font: &FontRef<'_>, text: &str, line: f32) -> f32 {
    let scaled = font.as_scaled(PxScale::from(line));
    text.chars().map(|letter| scaled.h_advance(scaled.glyph_id(letter))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(width: u32, height: u32, colour: [u8; 4]) -> DynamicImage {
        DynamicImage::ImageRgba8(RgbaImage::from_pixel(width, height, Rgba(colour)))
    }

    /// The pixels that differ, as a box: left, top, right, bottom.
    fn changed(before: &DynamicImage, after: &DynamicImage) -> Option<[u32; 4]> {
        let (before, after) = (before.to_rgba8(), after.to_rgba8());
        let differs = after.enumerate_pixels().filter(|(x, y, p)| before.get_pixel(*x, *y) != *p);
        differs.fold(None, |found, (x, y, _)| {
            let [left, top, right, bottom] = found.unwrap_or([x, y, x, y]);
            Some([left.min(x), top.min(y), right.max(x), bottom.max(y)])
        })
    }

    #[test]
    fn the_mark_is_in_the_lower_right_corner_and_nowhere_else() {
        let before = plain(1024, 768, [90, 120, 160, 255]);
        let after = mark(before.clone(), "Made by AI").unwrap();
        let [left, top, right, bottom] = changed(&before, &after).unwrap();
        assert!(left > 700 && right > 1000 && right < 1024, "{left} to {right}");
        assert!(top > 690 && bottom > 740 && bottom < 768, "{top} to {bottom}");
        assert_eq!((after.width(), after.height()), (1024, 768));
    }

    #[test]
    fn it_can_be_read_on_white_on_black_and_on_nothing() {
        for ground in [[255, 255, 255, 255], [0, 0, 0, 255], [0, 0, 0, 0]] {
            let marked = mark(plain(400, 400, ground), "Made by AI").unwrap().to_rgba8();
            let opaque = marked.pixels().filter(|Rgba([.., alpha])| *alpha > 100);
            let levels: Vec<u8> = opaque.map(|Rgba([red, ..])| *red).collect();
            let (light, dark) = (levels.iter().max().unwrap(), levels.iter().min().unwrap());
            assert!(light - dark > 100, "{ground:?}: {dark} to {light}");
            assert!(levels.iter().filter(|level| **level > 200).count() > 100, "{ground:?}");
        }
    }

    #[test]
    fn a_picture_of_any_size_carries_it() {
        for (width, height) in [(1, 1), (2, 300), (300, 2), (16, 16), (64, 48), (5000, 20)] {
            let before = plain(width, height, [200, 200, 200, 255]);
            let after = mark(before.clone(), "A long line for a small picture").unwrap();
            assert!(changed(&before, &after).is_some(), "{width}x{height}");
        }
    }

    #[test]
    fn a_picture_without_alpha_gets_none() {
        let before = DynamicImage::ImageRgb8(RgbImage::from_pixel(80, 80, Rgb([9, 9, 9])));
        assert!(!mark(before, "x").unwrap().color().has_alpha());
    }

    #[test]
    fn letters_that_are_not_in_the_font_are_named() {
        assert_eq!(undrawable("Ünïcode © Ακμή Съешь, 5 €"), None);
        assert_eq!(undrawable("made by 雪"), Some('雪'));
        assert_eq!(undrawable("two\nlines"), Some('\n'));
    }
}
