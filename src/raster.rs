//! Pictures as pixels: encoding them, decoding them within bounds, measuring them by their head.
//!
//! Pure and synchronous. What is declared is checked before anything of that size is allocated.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::error::{DecodingError, ImageFormatHint};
use image::{
    DynamicImage, ExtendedColorType, ImageDecoder, ImageEncoder as _, ImageError, ImageReader,
    Limits, RgbImage,
};
use thiserror::Error;

use crate::canonical::{AVIF_PIXELS_MAX, Format, Size};

mod avif;
mod head;
mod watermark;

pub use head::measure;
pub use watermark::{WATERMARK_CHARS_MAX, mark, undrawable};

/// The most pixels that are opened at once: twice the largest square that any model draws.
pub const PIXELS_MAX: u64 = 4096 * 4096 * 2;

/// The longest side that is opened or encoded; WebP ends here.
pub const SIDE_MAX: u32 = 16_383;

/// What decoding may allocate: sixteen bytes for each pixel cover the deepest of the formats.
const DECODE_BYTES_MAX: u64 = PIXELS_MAX * 16;

/// How closely lossy formats keep to the picture when nobody says.
const COMPRESSION_DEFAULT: u8 = 85;

/// Why pixels could not be opened or encoded.
#[derive(Debug, Error)]
pub enum RasterError {
    /// It declares more pixels than are opened.
    #[error("the picture declares {0} pixels, which is beyond the bound of {PIXELS_MAX}")]
    TooLarge(Size),
    /// It is none of the formats that are opened here.
    #[error("the content is neither PNG, JPEG nor WebP")]
    Unknown,
    /// It has more pixels than are made into AVIF.
    #[error("a picture of {0} is beyond the bound of {AVIF_PIXELS_MAX} pixels for avif")]
    TooLargeForAvif(Size),
    /// It does not encode as AVIF.
    #[error("the picture does not encode as avif")]
    EncodeAvif(#[source] ravif::Error),
    /// It does not decode.
    #[error("the picture does not decode")]
    Decode(#[source] ImageError),
    /// It does not encode as PNG or JPEG.
    #[error("the picture does not encode as {}", .format.name())]
    Encode {
        /// The format it was for.
        format: Format,
        /// What the encoder said.
        #[source]
        source: ImageError,
    },
    /// It does not encode as WebP, whose encoder has no error type of its own.
    #[error("the picture does not encode as webp: {0}")]
    EncodeWebp(String),
    /// The font that is part of the program does not read; its tests would have said so.
    #[error("the font for watermarks cannot be read")]
    NoFont,
}

/// Opens an encoded picture as eight-bit RGB or RGBA, upright.
pub fn decode(bytes: &[u8]) -> Result<DynamicImage, RasterError> {
    let format = Format::sniff(bytes).filter(|format| format.is_opened());
    let format = format.ok_or(RasterError::Unknown)?;
    let mut reader = ImageReader::with_format(Cursor::new(bytes), codec(format));
    let mut limits = Limits::no_limits();
    limits.max_image_width = Some(SIDE_MAX);
    limits.max_image_height = Some(SIDE_MAX);
    limits.max_alloc = Some(DECODE_BYTES_MAX);
    // A bomb is refused by its head, where its size can still be told.
    if let Some((_, size)) = measure(bytes).filter(|(_, size)| !fits(*size)) {
        return Err(RasterError::TooLarge(size));
    }
    reader.limits(limits);
    // Decoders are others', and what they are given is anybody's: one that panics has not decoded it.
    catch_unwind(AssertUnwindSafe(|| pixels_of(reader))).unwrap_or_else(|_| Err(panicked(format)))
}

fn pixels_of(reader: ImageReader<Cursor<&[u8]>>) -> Result<DynamicImage, RasterError> {
    let mut decoder = reader.into_decoder().map_err(RasterError::Decode)?;
    let (width, height) = decoder.dimensions();
    if !fits(Size::new(width, height)) {
        return Err(RasterError::TooLarge(Size::new(width, height)));
    }
    // Whatever re-encodes the pixels drops the tag that says how to turn them.
    let orientation = decoder.orientation().map_err(RasterError::Decode)?;
    let mut pixels = DynamicImage::from_decoder(decoder).map_err(RasterError::Decode)?;
    pixels.apply_orientation(orientation);
    Ok(eight_bit(pixels))
}

fn panicked(format: Format) -> RasterError {
    let of = ImageFormatHint::Exact(codec(format));
    RasterError::Decode(ImageError::Decoding(DecodingError::new(of, "its decoder panicked")))
}

/// Encodes pixels; `compression` is the quality of lossy formats, 0 to 100, and lets PNG be.
pub fn encode(
    pixels: DynamicImage,
    format: Format,
    compression: Option<u8>,
) -> Result<Vec<u8>, RasterError> {
    let size = Size::new(pixels.width(), pixels.height());
    if !fits(size) {
        return Err(RasterError::TooLarge(size));
    }
    let quality = compression.unwrap_or(COMPRESSION_DEFAULT).min(100);
    let failed = |source| RasterError::Encode { format, source };
    match format {
        Format::Png => encode_png(&eight_bit(pixels)).map_err(failed),
        Format::Jpeg => encode_jpeg(&on_white(pixels), quality).map_err(failed),
        Format::Webp => encode_webp(&eight_bit(pixels), quality),
        Format::Avif => avif::encode(&eight_bit(pixels), quality),
    }
}

/// Whether a size is within what is opened.
pub fn fits(size: Size) -> bool {
    size.width <= SIDE_MAX && size.height <= SIDE_MAX && size.pixels() <= PIXELS_MAX
}

fn encode_png(pixels: &DynamicImage) -> Result<Vec<u8>, ImageError> {
    let mut bytes = Vec::new();
    // One fixed filter with the fast compressor: a tenth of the time for a tenth more bytes.
    PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::Up).write_image(
        pixels.as_bytes(),
        pixels.width(),
        pixels.height(),
        pixels.color().into(),
    )?;
    Ok(bytes)
}

fn encode_jpeg(pixels: &RgbImage, quality: u8) -> Result<Vec<u8>, ImageError> {
    let mut bytes = Vec::new();
    // JPEG counts from one.
    JpegEncoder::new_with_quality(&mut bytes, quality.max(1)).encode(
        pixels.as_raw(),
        pixels.width(),
        pixels.height(),
        ExtendedColorType::Rgb8,
    )?;
    Ok(bytes)
}

fn encode_webp(pixels: &DynamicImage, quality: u8) -> Result<Vec<u8>, RasterError> {
    let encoder = webp::Encoder::new(
        pixels.as_bytes(),
        if pixels.color().has_alpha() { webp::PixelLayout::Rgba } else { webp::PixelLayout::Rgb },
        pixels.width(),
        pixels.height(),
    );
    encoder
        .encode_simple(false, f32::from(quality))
        .map(|memory| memory.to_vec())
        .map_err(|problem| RasterError::EncodeWebp(format!("{problem:?}")))
}

/// Grey, paletted and deep pictures become what every encoder here takes.
fn eight_bit(pixels: DynamicImage) -> DynamicImage {
    if pixels.color().has_alpha() {
        DynamicImage::ImageRgba8(pixels.into_rgba8())
    } else {
        DynamicImage::ImageRgb8(pixels.into_rgb8())
    }
}

/// What a transparent picture looks like on a page: JPEG has no other way to keep it.
fn on_white(pixels: DynamicImage) -> RgbImage {
    if !pixels.color().has_alpha() {
        return pixels.into_rgb8();
    }
    let pixels = pixels.into_rgba8();
    let mut flat = RgbImage::new(pixels.width(), pixels.height());
    for (to, from) in flat.pixels_mut().zip(pixels.pixels()) {
        let [red, green, blue, alpha] = from.0.map(u32::from);
        let over = |channel: u32| {
            let mixed = (channel * alpha + 255 * (255 - alpha) + 127) / 255;
            u8::try_from(mixed).unwrap_or(u8::MAX)
        };
        to.0 = [over(red), over(green), over(blue)];
    }
    flat
}

const fn codec(format: Format) -> image::ImageFormat {
    match format {
        Format::Png => image::ImageFormat::Png,
        Format::Jpeg => image::ImageFormat::Jpeg,
        Format::Webp => image::ImageFormat::WebP,
        Format::Avif => image::ImageFormat::Avif,
    }
}

#[cfg(test)]
mod tests {
    use image::{Rgba, RgbaImage};

    use super::*;

    fn half_clear(width: u32, height: u32) -> DynamicImage {
        DynamicImage::ImageRgba8(RgbaImage::from_fn(width, height, |x, _| {
            if x < width / 2 { Rgba([200, 20, 20, 255]) } else { Rgba([0, 0, 0, 0]) }
        }))
    }

    #[test]
    fn every_format_decodes_at_the_size_it_was_encoded() {
        for format in [Format::Png, Format::Jpeg, Format::Webp] {
            for (width, height) in [(1, 1), (33, 7), (64, 64)] {
                let bytes = encode(half_clear(width, height), format, None).unwrap();
                let size = Size::new(width, height);
                assert_eq!(measure(&bytes), Some((format, size)), "{format:?}");
                let pixels = decode(&bytes).unwrap();
                assert_eq!((pixels.width(), pixels.height()), (width, height));
            }
        }
    }

    #[test]
    fn a_clear_background_is_white_in_a_jpeg_and_clear_elsewhere() {
        let jpeg = decode(&encode(half_clear(64, 64), Format::Jpeg, Some(95)).unwrap()).unwrap();
        assert!(jpeg.to_rgb8().get_pixel(60, 32).0.iter().all(|c| *c > 245));
        for format in [Format::Png, Format::Webp] {
            let kept = decode(&encode(half_clear(64, 64), format, None).unwrap()).unwrap();
            assert_eq!(kept.to_rgba8().get_pixel(60, 32).0[3], 0, "{format:?}");
            assert_eq!(kept.to_rgba8().get_pixel(4, 32).0[3], 255, "{format:?}");
        }
    }

    #[test]
    fn a_bomb_is_refused_by_its_head() {
        let mut bomb = encode(half_clear(8, 8), Format::Png, None).unwrap();
        bomb[16..20].copy_from_slice(&60_000_u32.to_be_bytes());
        bomb[20..24].copy_from_slice(&60_000_u32.to_be_bytes());
        assert!(matches!(decode(&bomb), Err(RasterError::TooLarge(_))));
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        assert!(matches!(decode(b"<html>"), Err(RasterError::Unknown)));
        let whole = encode(half_clear(64, 64), Format::Png, None).unwrap();
        assert!(matches!(decode(&whole[..60]), Err(RasterError::Decode(_))));
    }

    /// Found by fuzzing: sums of its brightness outgrow what `zune-jpeg` counts with, which panics where
    /// arithmetic is checked, as in tests, and wraps in what is shipped (zune-image, issue 382).
    #[test]
    fn a_picture_on_which_a_decoder_panics_does_not_decode() {
        let opened = decode(include_bytes!("raster/fixtures/too-bright.jpg"));
        if cfg!(debug_assertions) {
            assert!(matches!(opened, Err(RasterError::Decode(_))));
        }
    }
}
