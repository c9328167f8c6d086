//! The families of FLUX models, and what each of them is told.

use std::ops::RangeInclusive;

/// What a family of models takes besides what all of them take.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Family {
    /// How it is told the frame.
    pub(super) shape: Shape,
    /// How it is told what to work from.
    pub(super) inputs: Inputs,
    /// Steps it takes, if it takes any.
    pub(super) steps: Option<RangeInclusive<u32>>,
    /// Guidance it takes, if it takes any.
    pub(super) guidance: Option<RangeInclusive<f32>>,
    /// The most tolerant that its filter gets: when drawing, and when working from a picture.
    pub(super) tolerance_max: (u8, u8),
    /// Whether it encodes as WebP.
    pub(super) webp: bool,
    /// Whether it draws transparent backgrounds.
    pub(super) transparency: bool,
}

/// How a family is told the frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Width and height, each within these bounds and divisible by the step, and so many pixels
    /// in all.
    Pixels {
        /// The shortest and the longest side.
        sides: RangeInclusive<u32>,
        /// Both sides are divisible by this.
        step: u32,
        /// All pixels.
        pixels_max: u64,
    },
    /// An aspect ratio between 21:9 and 9:21.
    Ratio,
    /// Not at all: it keeps to the input picture.
    Input,
}

/// How a family is told what to work from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inputs {
    /// Not at all.
    None,
    /// As references, so many at most.
    References(usize),
    /// As one picture that stands beside the prompt.
    Prompt,
    /// As the picture that is filled in where the mask says.
    Fill,
}

/// Four megapixels, as the vendor counts them: 2048 by 2048.
const FLUX_2_PIXELS_MAX: u64 = 2048 * 2048;

/// The production models of FLUX.2.
const FLUX_2: Family = Family {
    shape: Shape::Pixels { sides: 64..=u32::MAX, step: 16, pixels_max: FLUX_2_PIXELS_MAX },
    inputs: Inputs::References(8),
    steps: None,
    guidance: None,
    tolerance_max: (5, 5),
    webp: true,
    transparency: false,
};

/// The models of FLUX.1 that draw any size.
const FLUX_1: Family = Family {
    shape: Shape::Pixels { sides: 256..=1440, step: 32, pixels_max: u64::MAX },
    inputs: Inputs::None,
    steps: None,
    guidance: None,
    tolerance_max: (6, 6),
    webp: false,
    transparency: false,
};

/// A model that is not known: it is told what all models are told, and nothing else.
static UNKNOWN: Family = Family {
    shape: Shape::Pixels { sides: 64..=u32::MAX, step: 1, pixels_max: u64::MAX },
    tolerance_max: (5, 5),
    ..FLUX_1
};

/// The families by the beginning of their models' names; the first that fits. None for the tools
/// that work from what no request has words for.
static FAMILIES: [(&str, Option<Family>); 11] = [
    (
        "flux-2-flex",
        Some(Family {
            steps: Some(1..=50),
            guidance: Some(1.5..=10.0),
            transparency: true,
            ..FLUX_2
        }),
    ),
    ("flux-2-max", Some(Family { transparency: true, ..FLUX_2 })),
    ("flux-2-klein", Some(Family { inputs: Inputs::References(4), ..FLUX_2 })),
    ("flux-2-", Some(FLUX_2)),
    (
        "flux-kontext-",
        Some(Family {
            shape: Shape::Ratio,
            inputs: Inputs::References(4),
            tolerance_max: (6, 2),
            ..FLUX_1
        }),
    ),
    ("flux-pro-1.1-ultra", Some(Family { shape: Shape::Ratio, inputs: Inputs::Prompt, ..FLUX_1 })),
    ("flux-pro-1.1", Some(Family { inputs: Inputs::Prompt, ..FLUX_1 })),
    (
        "flux-pro-1.0-fill",
        Some(Family {
            shape: Shape::Input,
            inputs: Inputs::Fill,
            steps: Some(15..=50),
            guidance: Some(1.5..=100.0),
            ..FLUX_1
        }),
    ),
    ("flux-pro-1.0-", None),
    ("flux-pro", Some(Family { steps: Some(1..=50), guidance: Some(1.5..=5.0), ..FLUX_1 })),
    ("flux-dev", Some(Family { steps: Some(1..=50), guidance: Some(1.5..=5.0), ..FLUX_1 })),
];

impl Family {
    /// The family of a model; `None` for the tools.
    pub(super) fn of(model: &str) -> Option<&'static Self> {
        let known = FAMILIES.iter().find(|(prefix, _)| model.starts_with(prefix));
        known.map_or(Some(&UNKNOWN), |(_, family)| family.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_known_by_its_name() {
        let of = |model| Family::of(model).unwrap();
        assert_eq!(of("flux-2-pro-preview"), &FLUX_2);
        assert_eq!(of("flux-2-klein-9b").inputs, Inputs::References(4));
        assert_eq!(of("flux-kontext-max").shape, Shape::Ratio);
        assert_eq!(of("flux-pro-1.1-ultra-finetuned").shape, Shape::Ratio);
        assert_ne!(of("flux-pro-1.1").shape, Shape::Ratio);
        assert_eq!(of("flux-pro-1.0-fill-finetuned").inputs, Inputs::Fill);
        assert_eq!(of("flux-dev").steps, Some(1..=50));
        assert_eq!(of("flux-9"), &UNKNOWN);
        assert_eq!(Family::of("flux-pro-1.0-canny"), None);
        assert_eq!(Family::of("flux-pro-1.0-expand"), None);
    }
}
