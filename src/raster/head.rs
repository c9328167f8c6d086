//! Format and size read from a picture's first bytes, without decoding anything.

use crate::canonical::{Format, Size};

/// The format and size that the head declares; `None` when it declares neither or is cut short.
pub fn measure(head: &[u8]) -> Option<(Format, Size)> {
    let format = Format::sniff(head)?;
    let size = match format {
        Format::Png => png(head),
        Format::Jpeg => jpeg(head),
        Format::Webp => webp(head),
        Format::Avif => avif(head),
    }?;
    (size.width > 0 && size.height > 0).then_some((format, size))
}

fn png(head: &[u8]) -> Option<Size> {
    if head.get(12..16)? != b"IHDR" {
        return None;
    }
    let side = |at: usize| {
        let bytes = head.get(at..at.checked_add(4)?)?;
        Some(u32::from_be_bytes(bytes.try_into().ok()?))
    };
    Some(Size::new(side(16)?, side(20)?))
}

/// Steps from segment to segment until one starts a frame; every step moves on, so it ends.
fn jpeg(head: &[u8]) -> Option<Size> {
    let mut rest = head.get(2..)?;
    loop {
        let marker = match rest {
            // Any marker may be preceded by fill bytes.
            [0xFF, 0xFF, ..] => {
                rest = rest.get(1..)?;
                continue;
            }
            [0xFF, marker, ..] => *marker,
            _ => return None,
        };
        rest = rest.get(2..)?;
        match marker {
            0x01 | 0xD0..=0xD8 => {}
            // The scan or the end, and no frame before it.
            0x00 | 0xD9 | 0xDA => return None,
            0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF => return frame(rest),
            _ => rest = rest.get(usize::from(two_bytes(rest)?).max(2)..)?,
        }
    }
}

/// A frame header: length, precision, height, width.
fn frame(segment: &[u8]) -> Option<Size> {
    let height = two_bytes(segment.get(3..)?)?;
    let width = two_bytes(segment.get(5..)?)?;
    Some(Size::new(width.into(), height.into()))
}

const fn two_bytes(from: &[u8]) -> Option<u16> {
    match from {
        [high, low, ..] => Some(u16::from_be_bytes([*high, *low])),
        _ => None,
    }
}

fn webp(head: &[u8]) -> Option<Size> {
    let content = head.get(20..)?;
    match head.get(12..16)? {
        b"VP8 " => match content {
            [_, _, _, 0x9D, 0x01, 0x2A, w0, w1, h0, h1, ..] => {
                // The two high bits of each are a scaling hint.
                let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3FFF);
                Some(Size::new(side(*w0, *w1), side(*h0, *h1)))
            }
            _ => None,
        },
        b"VP8L" => match content {
            [0x2F, a, b, c, d, ..] => {
                let bits = u32::from_le_bytes([*a, *b, *c, *d]);
                Some(Size::new((bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1))
            }
            _ => None,
        },
        b"VP8X" => match content {
            [_, _, _, _, w0, w1, w2, h0, h1, h2, ..] => {
                let side = |a, b, c| u32::from_le_bytes([a, b, c, 0]) + 1;
                Some(Size::new(side(*w0, *w1, *w2), side(*h0, *h1, *h2)))
            }
            _ => None,
        },
        _ => None,
    }
}

/// The largest of the sizes that its properties declare: parts of a picture are smaller than it.
fn avif(head: &[u8]) -> Option<Size> {
    let sizes = memchr::memmem::find_iter(head, b"ispe").take(PROPERTIES_MAX).filter_map(|at| {
        let side = |from: usize| {
            let start = at.checked_add(from)?;
            let bytes = head.get(start..start.checked_add(4)?)?;
            Some(u32::from_be_bytes(bytes.try_into().ok()?))
        };
        // The name is followed by a version and flags, which are nothing.
        (side(4)? == 0).then_some(())?;
        Some(Size::new(side(8)?, side(12)?))
    });
    sizes.max_by_key(|size| size.pixels())
}

/// Properties of an AVIF that are looked at; a picture has one or two.
const PROPERTIES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jpeg_is_measured_past_fill_bytes_and_foreign_segments() {
        let head = [
            &[0xFF, 0xD8, 0xFF, 0xE0, 0x00, 0x04, 1, 2][..],
            &[0xFF, 0xFF, 0xFF, 0xC2, 0x00, 0x11, 8, 0x01, 0x00, 0x02, 0x00, 3],
        ]
        .concat();
        assert_eq!(measure(&head), Some((Format::Jpeg, Size::new(512, 256))));
    }

    #[test]
    fn each_webp_flavour_is_measured() {
        let wrap = |kind: &[u8], content: &[u8]| {
            [b"RIFF\0\0\0\0WEBP", kind, b"\0\0\0\0", content].concat()
        };
        let lossless = wrap(b"VP8L", &[0x2F, 0x3F, 0xC0, 0x07, 0x00]);
        let extended = wrap(b"VP8X", &[0x10, 0, 0, 0, 63, 0, 0, 31, 0, 0]);
        let lossy = wrap(b"VP8 ", &[0, 0, 0, 0x9D, 0x01, 0x2A, 64, 0x40, 32, 0]);
        for head in [lossless, extended, lossy] {
            assert_eq!(measure(&head), Some((Format::Webp, Size::new(64, 32))));
        }
    }

    #[test]
    fn an_avif_is_measured_by_the_largest_of_its_properties() {
        let property = |width: u32, height: u32| {
            let sides = [width.to_be_bytes(), height.to_be_bytes()].concat();
            [b"\0\0\0\x14ispe\0\0\0\0".as_slice(), &sides].concat()
        };
        let head = b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miafmeta".as_slice();
        let tiled = [head, &property(512, 512), &property(2048, 1024)].concat();
        assert_eq!(measure(&tiled), Some((Format::Avif, Size::new(2048, 1024))));
        assert_eq!(measure(tiled.get(..tiled.len() - 40).unwrap()), None);
    }

    #[test]
    fn a_head_cut_short_or_without_pixels_measures_nothing() {
        assert_eq!(measure(b""), None);
        assert_eq!(measure(b"\x89PNG\r\n\x1a\n"), None);
        let nothing = [b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR", [0_u8; 8].as_slice()].concat();
        assert_eq!(measure(&nothing), None);
        // A segment whose length is zero must not be stepped over forever.
        assert_eq!(measure(&[0xFF, 0xD8, 0xFF, 0xE0, 0, 0, 0, 0]), None);
    }
}
