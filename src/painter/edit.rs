//! Painting over a picture that was sent: all of it, or where a mask lets it show.

use image::imageops::FilterType;
use image::{DynamicImage, Rgba, RgbaImage};

use crate::raster::{self, RasterError};

/// How much of the painting shows where it is painted over, 256 being all of it.
const SHOWS: u32 = 140;

/// What is painted over, and where.
#[derive(Debug)]
pub(super) struct Under {
    /// The encoded picture.
    pub(super) picture: Vec<u8>,
    /// The encoded mask, transparent where to paint; `None` for everywhere.
    pub(super) mask: Option<Vec<u8>>,
}

/// The painting over the picture, at the painting's size.
pub(super) fn over(under: &Under, painting: &DynamicImage) -> Result<DynamicImage, RasterError> {
    let (width, height) = (painting.width(), painting.height());
    let under_it = raster::decode(&under.picture)?;
    let under_it = under_it.resize_to_fill(width, height, FilterType::CatmullRom).to_rgba8();
    let mask = match &under.mask {
        None => None,
        Some(mask) => {
            let mask = raster::decode(mask)?;
            Some(mask.resize_to_fill(width, height, FilterType::Nearest).to_rgba8())
        }
    };
    let painting = painting.to_rgba8();
    let mixed = RgbaImage::from_fn(width, height, |x, y| {
        let kept = mask.as_ref().map_or(0, |mask| u32::from(mask.get_pixel(x, y).0[3]));
        mix(*under_it.get_pixel(x, y), *painting.get_pixel(x, y), SHOWS * (255 - kept) / 255)
    });
    Ok(DynamicImage::ImageRgba8(mixed))
}

fn mix(Rgba(under): Rgba<u8>, Rgba(over): Rgba<u8>, shows: u32) -> Rgba<u8> {
    let channel = |under: u8, over: u8| {
        let sum = u32::from(under) * (256 - shows) + u32::from(over) * shows;
        u8::try_from(sum / 256).unwrap_or(u8::MAX)
    };
    let mut mixed = under;
    for (under, over) in mixed.iter_mut().zip(over) {
        *under = channel(*under, over);
    }
    Rgba(mixed)
}

#[cfg(test)]
mod tests {
    use crate::canonical::Format;

    use super::*;

    fn plain(level: u8, alpha: impl Fn(u32) -> u8) -> DynamicImage {
        let pixels = RgbaImage::from_fn(8, 4, |x, _| Rgba([level, level, level, alpha(x)]));
        DynamicImage::ImageRgba8(pixels)
    }

    fn png(picture: DynamicImage) -> Vec<u8> {
        raster::encode(picture, Format::Png, None).unwrap()
    }

    #[test]
    fn the_picture_shows_through_and_stays_where_the_mask_keeps_it() {
        let mask = png(plain(0, |x| if x < 4 { 0 } else { 255 }));
        let under = Under { picture: png(plain(0, |_| 255)), mask: Some(mask) };
        let edited = over(&under, &plain(200, |_| 255)).unwrap().to_rgba8();
        assert_eq!(edited.get_pixel(7, 0).0, [0, 0, 0, 255]);
        let Rgba([level, ..]) = *edited.get_pixel(0, 0);
        assert!((90..130).contains(&level), "{level}");
    }

    #[test]
    fn what_is_no_picture_is_an_error() {
        let under = Under { picture: b"no picture".to_vec(), mask: None };
        assert!(over(&under, &plain(1, |_| 255)).is_err());
    }
}
