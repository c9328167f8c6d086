//! Recraft's words: families of models, and the sizes, ratios, styles and formats that they know.

use super::super::unsupported::{Unsupported, no};
use crate::canonical::{Format, Frame, Size};

/// Models that differ in the parameters they take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// The second and third generation, which know styles and negative prompts.
    Older,
    /// The fourth.
    Newer,
    /// The fourth, at twice the size.
    NewerPro,
    /// Models of others, resold.
    Others,
}

/// The sizes of each family, wide ones only: each may be turned.
const SIZES_OLDER: [(u32, u32); 8] = [
    (1024, 1024),
    (1365, 1024),
    (1536, 1024),
    (1820, 1024),
    (2048, 1024),
    (1434, 1024),
    (1280, 1024),
    (1707, 1024),
];
const SIZES_NEWER: [(u32, u32); 7] =
    [(1024, 1024), (1216, 896), (1280, 832), (1152, 896), (1280, 896), (1344, 768), (1536, 768)];

/// The one of the newer sizes that cannot be turned.
const TALL_NEWER: (u32, u32) = (832, 1344);

/// The ratios that every family draws.
const RATIOS: [(u32, u32); 14] = [
    (1, 1),
    (2, 1),
    (1, 2),
    (3, 2),
    (2, 3),
    (4, 3),
    (3, 4),
    (5, 4),
    (4, 5),
    (6, 10),
    (14, 10),
    (10, 14),
    (16, 9),
    (9, 16),
];

/// The styles that come out as pixels.
pub(super) const STYLES: [&str; 4] =
    ["any", "realistic_image", "digital_illustration", "logo_raster"];

impl Family {
    pub(super) fn of(model: &str) -> Self {
        let older = ["recraftv2", "recraftv3", "recraft20b", "refm1"];
        if older.iter().any(|prefix| model.starts_with(prefix)) {
            Self::Older
        } else if !model.starts_with("recraft") {
            Self::Others
        } else if model.contains("_pro") {
            Self::NewerPro
        } else {
            Self::Newer
        }
    }
}

pub(super) fn size(frame: Frame, family: Family) -> Result<Option<String>, Unsupported> {
    match frame {
        Frame::Auto => Ok(None),
        Frame::Ratio(ratio) if RATIOS.contains(&(ratio.width, ratio.height)) => {
            Ok(Some(ratio.to_string()))
        }
        Frame::Pixels(size) if draws(size, family) => Ok(Some(size.to_string())),
        Frame::Ratio(_) => Err(no("frame", "this API has no such ratio")),
        Frame::Pixels(_) => Err(no("frame", "this model draws no such size")),
    }
}

fn draws(size: Size, family: Family) -> bool {
    let wide = |(width, height): (u32, u32)| (width.max(height), width.min(height));
    let is_newer = |own| own == TALL_NEWER || SIZES_NEWER.contains(&wide(own));
    let (width, height) = (size.width, size.height);
    match family {
        Family::Older => SIZES_OLDER.contains(&wide((width, height))),
        Family::Newer => is_newer((width, height)),
        Family::NewerPro => (width | height) % 2 == 0 && is_newer((width / 2, height / 2)),
        Family::Others => true,
    }
}

/// JPEG and AVIF are not drawn, and made of what is.
pub(super) const fn format_name(format: Format) -> Option<&'static str> {
    match format {
        Format::Png => Some("png"),
        Format::Webp => Some("webp"),
        Format::Jpeg | Format::Avif => None,
    }
}

/// Whether a text is an id in the usual form of 8-4-4-4-12 digits.
pub(super) fn is_id(text: &str) -> bool {
    let groups: Vec<_> = text.split('-').map(str::len).collect();
    groups == [8, 4, 4, 4, 12] && text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}
