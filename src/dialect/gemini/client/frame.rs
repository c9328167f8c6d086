//! Ratios and size classes as Gemini's documentation pairs them with pixels.

use super::super::super::google::node::Node;
use crate::canonical::{Frame, Ratio, Refusal, Size};

/// A size class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tier {
    Half,
    One,
    Two,
    Four,
}

/// The ratios, under both their names, each with its pixels at the usual size.
const SHAPES: [(&str, &str, Ratio, Size); 14] = [
    ("1:1", "ASPECT_RATIO_ONE_BY_ONE", Ratio::new(1, 1), Size::new(1024, 1024)),
    ("2:3", "ASPECT_RATIO_TWO_BY_THREE", Ratio::new(2, 3), Size::new(848, 1264)),
    ("3:2", "ASPECT_RATIO_THREE_BY_TWO", Ratio::new(3, 2), Size::new(1264, 848)),
    ("3:4", "ASPECT_RATIO_THREE_BY_FOUR", Ratio::new(3, 4), Size::new(896, 1200)),
    ("4:3", "ASPECT_RATIO_FOUR_BY_THREE", Ratio::new(4, 3), Size::new(1200, 896)),
    ("4:5", "ASPECT_RATIO_FOUR_BY_FIVE", Ratio::new(4, 5), Size::new(928, 1152)),
    ("5:4", "ASPECT_RATIO_FIVE_BY_FOUR", Ratio::new(5, 4), Size::new(1152, 928)),
    ("9:16", "ASPECT_RATIO_NINE_BY_SIXTEEN", Ratio::new(9, 16), Size::new(768, 1376)),
    ("16:9", "ASPECT_RATIO_SIXTEEN_BY_NINE", Ratio::new(16, 9), Size::new(1376, 768)),
    ("21:9", "ASPECT_RATIO_TWENTY_ONE_BY_NINE", Ratio::new(21, 9), Size::new(1584, 672)),
    ("1:4", "ASPECT_RATIO_ONE_BY_FOUR", Ratio::new(1, 4), Size::new(512, 2048)),
    ("4:1", "ASPECT_RATIO_FOUR_BY_ONE", Ratio::new(4, 1), Size::new(2048, 512)),
    ("1:8", "ASPECT_RATIO_ONE_BY_EIGHT", Ratio::new(1, 8), Size::new(384, 3072)),
    ("8:1", "ASPECT_RATIO_EIGHT_BY_ONE", Ratio::new(8, 1), Size::new(3072, 384)),
];

/// The ratio that a field of an object says.
pub(super) fn ratio(config: &mut Node) -> Result<Option<Ratio>, Refusal> {
    let plain = SHAPES.map(|(plain, _, ratio, _)| (plain, Some(ratio)));
    let named = SHAPES.iter().map(|(_, named, ratio, _)| (*named, Some(*ratio)));
    let named: Vec<_> = named.chain([("ASPECT_RATIO_UNSPECIFIED", None)]).collect();
    Ok(config.word_or("aspectRatio", &plain, &named)?.flatten())
}

/// The size class that a field of an object says.
pub(super) fn tier(config: &mut Node) -> Result<Option<Tier>, Refusal> {
    let plain = [
        ("512", Some(Tier::Half)),
        ("1K", Some(Tier::One)),
        ("2K", Some(Tier::Two)),
        ("4K", Some(Tier::Four)),
    ];
    let named = [
        ("IMAGE_SIZE_FIVE_TWELVE", Some(Tier::Half)),
        ("IMAGE_SIZE_ONE_K", Some(Tier::One)),
        ("IMAGE_SIZE_TWO_K", Some(Tier::Two)),
        ("IMAGE_SIZE_FOUR_K", Some(Tier::Four)),
        ("IMAGE_SIZE_UNSPECIFIED", None),
    ];
    Ok(config.word_or("imageSize", &plain, &named)?.flatten())
}

/// The frame of a ratio and a size class; `None` where the ratio is that of an input picture, which
/// is not looked at here, and so the pixels are not known.
pub(super) fn frame(ratio: Option<Ratio>, tier: Option<Tier>, has_inputs: bool) -> Option<Frame> {
    match (ratio, tier) {
        (None, None) => Some(Frame::Auto),
        (Some(ratio), None) => Some(Frame::Ratio(ratio)),
        (Some(ratio), Some(tier)) => Some(Frame::Pixels(pixels(ratio, tier))),
        (None, Some(Tier::One)) if has_inputs => Some(Frame::Auto),
        (None, Some(Tier::Half | Tier::Two | Tier::Four)) if has_inputs => None,
        (None, Some(tier)) => Some(Frame::Pixels(pixels(Ratio::new(1, 1), tier))),
    }
}

fn pixels(ratio: Ratio, tier: Tier) -> Size {
    let usual = SHAPES.iter().find(|(_, _, own, _)| *own == ratio);
    let Size { width, height } = usual.map_or(Size::new(1024, 1024), |(_, _, _, size)| *size);
    match tier {
        Tier::Half => Size::new(width / 2, height / 2),
        Tier::One => Size::new(width, height),
        Tier::Two => Size::new(width.saturating_mul(2), height.saturating_mul(2)),
        Tier::Four => Size::new(width.saturating_mul(4), height.saturating_mul(4)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_class_is_the_documented_pixels_of_its_ratio() {
        let of = |ratio, tier| frame(Some(ratio), Some(tier), false).unwrap().to_string();
        assert_eq!(of(Ratio::new(16, 9), Tier::Four), "5504x3072");
        assert_eq!(of(Ratio::new(3, 4), Tier::Half), "448x600");
        assert_eq!(of(Ratio::new(1, 8), Tier::Two), "768x6144");
        assert_eq!(of(Ratio::new(21, 9), Tier::Two), "3168x1344");
    }

    #[test]
    fn a_ratio_alone_leaves_the_pixels_to_the_offering() {
        assert_eq!(
            frame(Some(Ratio::new(3, 2)), None, false),
            Some(Frame::Ratio(Ratio::new(3, 2)))
        );
        assert_eq!(frame(None, Some(Tier::Two), false), Some(Frame::Pixels(Size::new(2048, 2048))));
    }

    #[test]
    fn the_size_of_a_picture_whose_shape_is_not_known_is_not_guessed() {
        assert_eq!(frame(None, Some(Tier::One), true), Some(Frame::Auto));
        assert_eq!(frame(None, Some(Tier::Two), true), None);
    }
}
