//! Another encoding, other pixels: what a picture becomes when it is asked to.

use std::sync::Arc;

use bytes::Bytes;
use image::DynamicImage;
use image::imageops::FilterType;

use crate::canonical::{Format, Image, Picture, Size};
use crate::raster;

use super::{MediaError, content, probe};

/// What a picture should become; what is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rework {
    /// Its encoding.
    pub format: Option<Format>,
    /// Its pixels: it is scaled to cover them, and what stands over is cut off evenly.
    pub crop_to: Option<Size>,
    /// Compression quality for lossy formats, 0 to 100; on its own it asks for nothing.
    pub compression: Option<u8>,
    /// What is drawn into a corner of it, last.
    pub watermark: Option<Arc<str>>,
}

impl Rework {
    /// Whether the picture already is what is asked for. What a picture shows is not read, so a
    /// watermark is never there already.
    pub fn is_done(&self, image: &Image) -> bool {
        if self.watermark.is_some() {
            return false;
        }
        if self.format.is_none() && self.crop_to.is_none() {
            return true;
        }
        // What the content itself says counts, never what was claimed of it.
        probe(&image.picture).is_some_and(|(format, size)| {
            self.format.is_none_or(|wanted| wanted == format)
                && self.crop_to.is_none_or(|wanted| wanted == size)
        })
    }
}

/// Does the work; takes as long as it takes, so never on an async thread.
pub(super) fn rework(image: Image, job: &Rework) -> Result<Image, MediaError> {
    if let Some(size) = job.crop_to.filter(|size| size.pixels() == 0 || !raster::fits(*size)) {
        return Err(MediaError::BadSize(size));
    }
    let bytes = content(&image.picture)?;
    let own = Format::sniff(&bytes).ok_or(raster::RasterError::Unknown)?;
    let mut pixels = raster::decode(&bytes)?;
    if let Some(size) = job.crop_to {
        pixels = cover(pixels, size);
    }
    if let Some(text) = &job.watermark {
        pixels = raster::mark(pixels, text)?;
    }
    let size = Size::new(pixels.width(), pixels.height());
    let format = job.format.unwrap_or(own);
    let encoded = raster::encode(pixels, format, job.compression)?;
    Ok(Image {
        picture: Picture::Binary(Bytes::from(encoded)),
        format: Some(format),
        size: Some(size),
        ..image
    })
}

/// Cuts to the shape first and scales after: what is cut off is never resampled.
fn cover(pixels: DynamicImage, size: Size) -> DynamicImage {
    let own = Size::new(pixels.width(), pixels.height());
    if own == size {
        return pixels;
    }
    let kept = shape_within(own, size);
    let left = (own.width - kept.width) / 2;
    let top = (own.height - kept.height) / 2;
    let cut = pixels.crop_imm(left, top, kept.width, kept.height);
    if kept == size {
        return cut;
    }
    cut.resize_exact(size.width, size.height, FilterType::CatmullRom)
}

/// The largest size within `own` of the same shape as `wanted`.
fn shape_within(own: Size, wanted: Size) -> Size {
    let [own_width, own_height] = [own.width, own.height].map(u64::from);
    let [width, height] = [wanted.width, wanted.height].map(u64::from);
    let rounded = |product: u64, by: u64, most: u32| {
        let side = (product + by / 2).checked_div(by).unwrap_or(1);
        u32::try_from(side).unwrap_or(most).clamp(1, most)
    };
    if own_width * height > own_height * width {
        Size::new(rounded(own_height * width, height, own.width), own.height)
    } else {
        Size::new(own.width, rounded(own_width * height, width, own.height))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kept_part_has_the_shape_wanted_and_stays_within() {
        let square = Size::new(1024, 1024);
        assert_eq!(shape_within(square, Size::new(16, 9)), Size::new(1024, 576));
        assert_eq!(shape_within(square, Size::new(1, 2)), Size::new(512, 1024));
        assert_eq!(shape_within(Size::new(3, 1), Size::new(1, 900)), Size::new(1, 1));
    }

    #[test]
    fn what_is_cut_off_is_cut_off_evenly() {
        let stripes = image::RgbImage::from_fn(9, 3, |x, _| {
            image::Rgb(if (3..6).contains(&x) { [255; 3] } else { [0; 3] })
        });
        let middle = cover(DynamicImage::ImageRgb8(stripes), Size::new(3, 3));
        assert!(middle.as_bytes().iter().all(|byte| *byte == 255));
    }
}
