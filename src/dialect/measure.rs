//! Fractions and sizes on their way into a body.

use crate::canonical::{Frame, Size};
use crate::catalog::{Capabilities, Frames};

/// The number that a fraction's shortest spelling stands for: 7.1, not 7.099999904632568.
pub(crate) fn decimal(fraction: f32) -> f64 {
    fraction.to_string().parse().unwrap_or_else(|_| f64::from(fraction))
}

/// The pixels to ask for, where an API knows nothing else: those of the offering's default where
/// nothing is asked, and for a ratio those it is listed with, or as many as the default has.
pub(crate) fn pixels(frame: Frame, can: &Capabilities, step: u32) -> Size {
    match frame {
        Frame::Auto => can.size_default,
        Frame::Pixels(size) => size,
        Frame::Ratio(ratio) => {
            let listed: &[_] = match &can.frames {
                Frames::Ratios(listed) => listed,
                Frames::Any { .. } | Frames::Sizes(_) => &[],
            };
            let found = listed.iter().find(|(of, _)| *of == ratio).map(|(_, size)| *size);
            found.unwrap_or_else(|| ratio.size_of(can.size_default.pixels(), step))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fraction_keeps_its_spelling() {
        assert_eq!(serde_json::json!(decimal(7.1)).to_string(), "7.1");
        assert_eq!(serde_json::json!(decimal(0.0)).to_string(), "0.0");
    }

    #[test]
    fn a_ratio_comes_out_as_it_is_listed_or_as_large_as_the_default() {
        let ratio = |text: &str| Frame::Ratio(text.parse().unwrap());
        let listed = Frames::Ratios(vec![("16:9".parse().unwrap(), Size::new(1344, 768))]);
        let can = Capabilities::only(listed, Size::new(1024, 1024));
        assert_eq!(pixels(ratio("16:9"), &can, 8), Size::new(1344, 768));
        assert_eq!(pixels(ratio("1:4"), &can, 8), Size::new(512, 2048));
        assert_eq!(pixels(Frame::Auto, &can, 8), Size::new(1024, 1024));
    }
}
