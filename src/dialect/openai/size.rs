//! The documented rule for sizes, of GPT image models from 2 on. Apps are held to it whatever they
//! ask for, and vendors are asked for nothing beyond it.

use crate::canonical::Size;

/// The longest side.
const SIDE_MAX: u32 = 3840;

/// The most pixels.
const PIXELS_MAX: u64 = 3840 * 2160;

/// What a size would have to be and is not; every older fixed size passes.
pub(super) fn out_of_bounds(size: Size) -> Option<&'static str> {
    let (long, short) = (size.width.max(size.height), size.width.min(size.height));
    if !size.width.is_multiple_of(16) || !size.height.is_multiple_of(16) {
        return Some("must have both sides divisible by 16");
    }
    if u64::from(long) > u64::from(short).saturating_mul(3) {
        return Some("must have a shape between 1:3 and 3:1");
    }
    (long > SIDE_MAX || size.pixels() > PIXELS_MAX)
        .then_some("must be at most 3840 pixels long and 8294400 pixels in all")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_within_the_documented_rule_to_the_pixel() {
        for (width, height, is_fine) in [
            (3840, 2160, true),
            (2880, 2880, true),
            (2896, 2880, false),
            (3840, 3840, false),
            (3856, 1600, false),
            (3072, 1024, true),
            (1024, 3088, false),
            (1024, 1000, false),
        ] {
            let size = Size::new(width, height);
            assert_eq!(out_of_bounds(size).is_none(), is_fine, "{size}");
        }
    }
}
