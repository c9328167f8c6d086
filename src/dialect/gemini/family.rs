//! Models that differ in the shapes they draw and in how many pictures they work from.

use super::super::google::{Shape, Tier};
use super::super::unsupported::{Unsupported, no};

/// The ratios that every model draws.
const RATIOS: [(u32, u32); 10] =
    [(1, 1), (2, 3), (3, 2), (3, 4), (4, 3), (4, 5), (5, 4), (9, 16), (16, 9), (21, 9)];

/// The ratios that models draw from 3.1 on.
const LONG_RATIOS: [(u32, u32); 4] = [(1, 4), (4, 1), (1, 8), (8, 1)];

/// Models of one set of rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// 2.5 Flash: one size class, which it refuses to be told.
    Flash25,
    /// 3 Pro.
    Pro3,
    /// 3.1 Flash: the one that draws half the usual size.
    Flash31,
    /// 3.1 Flash Lite: one size class.
    FlashLite31,
    /// Nano Banana 2.1, and whatever comes after it.
    Newest,
}

impl Family {
    pub(super) fn of(vendor_model: &str) -> Self {
        let is = |part: &str| vendor_model.contains(part);
        if is("2.5-flash-image") {
            Self::Flash25
        } else if is("3-pro-image") || is("nano-banana-pro") {
            Self::Pro3
        } else if is("3.1-flash-image") {
            Self::Flash31
        } else if is("3.1-flash-lite-image") {
            Self::FlashLite31
        } else {
            Self::Newest
        }
    }

    /// Input pictures of one call.
    pub(super) const fn inputs_max(self) -> usize {
        match self {
            Self::Flash25 => 3,
            Self::Pro3 | Self::Flash31 | Self::FlashLite31 | Self::Newest => 14,
        }
    }

    /// The ratio's text, if the model draws it.
    pub(super) fn ratio(self, shape: Shape) -> Result<Option<String>, Unsupported> {
        let Some(ratio) = shape.ratio else { return Ok(None) };
        let parts = (ratio.width, ratio.height);
        let is_long = match self {
            Self::Flash25 | Self::Pro3 => false,
            Self::Flash31 | Self::FlashLite31 | Self::Newest => LONG_RATIOS.contains(&parts),
        };
        if RATIOS.contains(&parts) || is_long {
            Ok(Some(ratio.to_string()))
        } else {
            Err(no("frame", "this model has no such ratio"))
        }
    }

    /// The size class, left out where it is the default.
    pub(super) fn image_size(self, shape: Shape) -> Result<Option<&'static str>, Unsupported> {
        let Some(tier) = shape.tier else { return Ok(None) };
        match (tier, self) {
            (Tier::One, _) => Ok(None),
            (Tier::Half, Self::Flash31)
            | (Tier::Two | Tier::Four, Self::Pro3 | Self::Flash31 | Self::Newest) => {
                Ok(Some(tier.name()))
            }
            (
                Tier::Half | Tier::Two | Tier::Four,
                Self::Flash25 | Self::Pro3 | Self::FlashLite31 | Self::Newest,
            ) => Err(no("frame", "this model has no such size class")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_known_by_its_name() {
        let families = [
            ("gemini-2.5-flash-image", Family::Flash25),
            ("gemini-3-pro-image", Family::Pro3),
            ("gemini-3-pro-image-preview", Family::Pro3),
            ("nano-banana-pro-preview", Family::Pro3),
            ("gemini-3.1-flash-image", Family::Flash31),
            ("gemini-3.1-flash-lite-image", Family::FlashLite31),
            ("gemini-nano-banana-2.1", Family::Newest),
            ("gemini-5-image", Family::Newest),
        ];
        for (name, family) in families {
            assert_eq!(Family::of(name), family, "{name}");
        }
    }
}
