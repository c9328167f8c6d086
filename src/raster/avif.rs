//! Encoding as AVIF.

use image::DynamicImage;
use ravif::{BitDepth, Encoder, Img, RGB8, RGBA8};

use crate::canonical::{AVIF_PIXELS_MAX, Size};

use super::RasterError;

/// From 1, which takes minutes, to 10; the steps before the last take longer for hardly fewer bytes.
const SPEED: u8 = 10;

/// Encodes eight-bit RGB or RGBA on this thread alone: seconds for a large picture.
pub(super) fn encode(pixels: &DynamicImage, quality: u8) -> Result<Vec<u8>, RasterError> {
    let size = Size::new(pixels.width(), pixels.height());
    if size.pixels() > AVIF_PIXELS_MAX {
        return Err(RasterError::TooLargeForAvif(size));
    }
    let sides = [size.width, size.height].map(|side| usize::try_from(side).unwrap_or(usize::MAX));
    let [width, height] = sides;
    // It counts from one.
    let quality = f32::from(quality.max(1));
    let encoder = Encoder::new()
        .with_quality(quality)
        .with_alpha_quality(quality)
        .with_speed(SPEED)
        .with_bit_depth(BitDepth::Eight)
        .with_num_threads(Some(1));
    let made = if let Some(pixels) = pixels.as_rgba8() {
        let colours: Vec<RGBA8> = pixels.pixels().map(|pixel| pixel.0.into()).collect();
        encoder.encode_rgba(Img::new(&colours, width, height))
    } else {
        let pixels = pixels.to_rgb8();
        let colours: Vec<RGB8> = pixels.pixels().map(|pixel| pixel.0.into()).collect();
        encoder.encode_rgb(Img::new(&colours, width, height))
    };
    made.map(|made| made.avif_file).map_err(RasterError::EncodeAvif)
}

#[cfg(test)]
mod tests {
    use image::{Rgba, RgbaImage};

    use crate::canonical::Format;

    use super::super::{decode, encode, measure};
    use super::*;

    #[test]
    fn what_is_encoded_says_its_own_size_and_is_not_opened_again() {
        for (width, height) in [(1, 1), (33, 7), (64, 48)] {
            let clear = RgbaImage::from_pixel(width, height, Rgba([200, 20, 20, 100]));
            let solid = DynamicImage::ImageRgba8(clear.clone()).into_rgb8();
            for pixels in [DynamicImage::ImageRgba8(clear), DynamicImage::ImageRgb8(solid)] {
                let bytes = encode(pixels, Format::Avif, Some(0)).unwrap();
                assert_eq!(measure(&bytes), Some((Format::Avif, Size::new(width, height))));
                assert!(matches!(decode(&bytes), Err(RasterError::Unknown)));
            }
        }
    }

    #[test]
    fn more_pixels_than_are_made_into_avif_are_refused() {
        let pixels = DynamicImage::new_rgb8(3841, 2160);
        let refused = encode(pixels, Format::Avif, None);
        assert!(matches!(refused, Err(RasterError::TooLargeForAvif(_))));
    }
}
