//! Masks in the way that a vendor marks the area to change.

use bytes::Bytes;
use image::imageops::FilterType;
use image::{DynamicImage, GrayImage, Luma};

use crate::canonical::{Format, InputImage, Picture, Size};
use crate::dialect::MaskStyle;
use crate::raster;

use super::{MediaError, content, probe};

/// At and above this, a pixel is kept: most vendors know only change and keep.
const KEPT_ALPHA_MIN: u8 = 128;

/// Redraws a canonical mask, transparent where to change; takes as long as it takes.
///
/// The mask is made as large as the picture it belongs to, because vendors insist on that.
pub(super) fn redraw(
    mask: &InputImage,
    over: &InputImage,
    style: MaskStyle,
) -> Result<InputImage, MediaError> {
    let mut pixels = raster::decode(&content(&mask.picture)?)?;
    let own = Size::new(pixels.width(), pixels.height());
    if let Some((_, size)) = probe(&over.picture).filter(|(_, size)| *size != own) {
        if !raster::fits(size) {
            return Err(MediaError::BadSize(size));
        }
        pixels = pixels.resize_exact(size.width, size.height, FilterType::Nearest);
    }
    let pixels = match style {
        MaskStyle::Alpha => pixels,
        MaskStyle::White => grey(&pixels, |alpha| if alpha < KEPT_ALPHA_MIN { 255 } else { 0 }),
        MaskStyle::Black => grey(&pixels, |alpha| if alpha < KEPT_ALPHA_MIN { 0 } else { 255 }),
    };
    let encoded = raster::encode(pixels, Format::Png, None)?;
    Ok(InputImage { format: Format::Png, picture: Picture::Binary(Bytes::from(encoded)) })
}

fn grey(pixels: &DynamicImage, level_of: impl Fn(u8) -> u8) -> DynamicImage {
    let alpha = pixels.to_rgba8();
    let grey = GrayImage::from_fn(alpha.width(), alpha.height(), |x, y| {
        let [_, _, _, alpha] = alpha.get_pixel(x, y).0;
        Luma([level_of(alpha)])
    });
    DynamicImage::ImageLuma8(grey)
}

#[cfg(test)]
mod tests {
    use image::{Rgba, RgbaImage};

    use super::*;

    fn png(width: u32, height: u32, alpha: impl Fn(u32) -> u8) -> InputImage {
        let pixels = RgbaImage::from_fn(width, height, |x, _| Rgba([9, 9, 9, alpha(x)]));
        let bytes = raster::encode(DynamicImage::ImageRgba8(pixels), Format::Png, None).unwrap();
        InputImage { format: Format::Png, picture: Picture::Binary(bytes.into()) }
    }

    /// The levels of the first row of a mask whose left half is to be changed.
    fn levels(style: MaskStyle) -> Vec<u8> {
        let mask = png(2, 1, |x| if x == 0 { 0 } else { 255 });
        let drawn = redraw(&mask, &png(4, 2, |_| 255), style).unwrap();
        let pixels = raster::decode(&content(&drawn.picture).unwrap()).unwrap();
        assert_eq!((pixels.width(), pixels.height()), (4, 2));
        pixels.to_luma8().pixels().take(4).map(|Luma([level])| *level).collect()
    }

    #[test]
    fn the_area_to_change_is_marked_as_the_vendor_marks_it() {
        assert_eq!(levels(MaskStyle::White), [255, 255, 0, 0]);
        assert_eq!(levels(MaskStyle::Black), [0, 0, 255, 255]);
    }

    #[test]
    fn a_mask_stays_transparent_where_the_vendor_reads_that() {
        let mask = png(2, 1, |x| if x == 0 { 0 } else { 255 });
        let drawn = redraw(&mask, &png(2, 1, |_| 255), MaskStyle::Alpha).unwrap();
        let pixels = raster::decode(&content(&drawn.picture).unwrap()).unwrap().to_rgba8();
        let alphas: Vec<u8> = pixels.pixels().map(|Rgba([_, _, _, alpha])| *alpha).collect();
        assert_eq!(alphas, [0, 255]);
    }

    #[test]
    fn what_is_no_picture_is_no_mask() {
        let mask = InputImage { format: Format::Png, picture: Picture::Base64("iVBO".into()) };
        assert!(redraw(&mask, &mask, MaskStyle::White).is_err());
    }
}
