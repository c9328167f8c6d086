//! What the inputs of each model at Replicate are called; a key that is missing cannot be said.

use crate::canonical::Format;

/// The keys of a model's input besides its prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Keys {
    pub(super) frame: FrameKeys,
    /// Takes the size class of a ratio.
    pub(super) size_class: Option<&'static str>,
    /// What `aspect_ratio` is for the shape of the input picture.
    pub(super) as_input: Option<&'static str>,
    pub(super) inputs: Inputs,
    pub(super) mask: Option<&'static str>,
    pub(super) strength: Option<&'static str>,
    pub(super) count: Option<&'static str>,
    pub(super) seed: Option<&'static str>,
    pub(super) negative_prompt: Option<&'static str>,
    pub(super) steps: Option<&'static str>,
    pub(super) guidance: Option<&'static str>,
    pub(super) style: Option<&'static str>,
    /// Encodings that `output_format` takes.
    pub(super) formats: &'static [Format],
    pub(super) compression: Option<&'static str>,
    pub(super) safety: SafetyKey,
}

/// How a model is told the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrameKeys {
    /// Not at all: it keeps to the input picture.
    None,
    /// `aspect_ratio`
    Ratio,
    /// `width` and `height`, which count where this key is `custom`.
    CustomPixels(&'static str),
    /// `aspect_ratio`, or `width` and `height` where this key is `custom`.
    RatioOrCustom(&'static str),
    /// `aspect_ratio` where the offering lists ratios, `width` and `height` elsewhere.
    AsListed,
}

/// How a model is given the pictures that it works from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inputs {
    None,
    /// One picture under this key.
    One(&'static str),
    /// A list of them under this key.
    List(&'static str),
}

/// How a model is told to filter less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SafetyKey {
    None,
    /// `disable_safety_checker`
    Checker,
    /// `safety_tolerance`, at most this when drawing and that when working from a picture.
    Tolerance(u8, u8),
}

/// A model that takes nothing but a prompt.
const PLAIN: Keys = Keys {
    frame: FrameKeys::None,
    size_class: None,
    as_input: None,
    inputs: Inputs::None,
    mask: None,
    strength: None,
    count: None,
    seed: None,
    negative_prompt: None,
    steps: None,
    guidance: None,
    style: None,
    formats: &[],
    compression: None,
    safety: SafetyKey::None,
};

const SCHNELL: Keys = Keys {
    frame: FrameKeys::Ratio,
    count: Some("num_outputs"),
    seed: Some("seed"),
    steps: Some("num_inference_steps"),
    formats: &[Format::Webp, Format::Jpeg, Format::Png],
    compression: Some("output_quality"),
    safety: SafetyKey::Checker,
    ..PLAIN
};

const KONTEXT: Keys = Keys {
    frame: FrameKeys::Ratio,
    as_input: Some("match_input_image"),
    inputs: Inputs::One("input_image"),
    seed: Some("seed"),
    formats: &[Format::Jpeg, Format::Png],
    safety: SafetyKey::Tolerance(6, 2),
    ..PLAIN
};

const FLUX_2: Keys = Keys {
    frame: FrameKeys::CustomPixels("aspect_ratio"),
    as_input: Some("match_input_image"),
    inputs: Inputs::List("input_images"),
    seed: Some("seed"),
    formats: &[Format::Webp, Format::Jpeg, Format::Png],
    compression: Some("output_quality"),
    safety: SafetyKey::Tolerance(5, 5),
    ..PLAIN
};

const FILL: Keys = Keys {
    inputs: Inputs::One("image"),
    mask: Some("mask"),
    seed: Some("seed"),
    steps: Some("steps"),
    guidance: Some("guidance"),
    formats: &[Format::Jpeg, Format::Png],
    safety: SafetyKey::Tolerance(6, 6),
    ..PLAIN
};

const NANO_BANANA: Keys = Keys {
    frame: FrameKeys::Ratio,
    as_input: Some("match_input_image"),
    inputs: Inputs::List("image_input"),
    formats: &[Format::Jpeg, Format::Png],
    ..PLAIN
};

const SEEDREAM: Keys = Keys {
    frame: FrameKeys::Ratio,
    size_class: Some("size"),
    as_input: Some("match_input_image"),
    inputs: Inputs::List("image_input"),
    ..PLAIN
};

/// A model that is not known is told what has one key at all models that have it.
static UNKNOWN: Keys = Keys {
    frame: FrameKeys::AsListed,
    count: Some("num_outputs"),
    seed: Some("seed"),
    negative_prompt: Some("negative_prompt"),
    formats: &[Format::Webp, Format::Jpeg, Format::Png],
    compression: Some("output_quality"),
    ..PLAIN
};

/// The models by the beginning of their names, without who owns them; the first that fits.
static MODELS: [(&str, Keys); 19] = [
    ("flux-schnell", SCHNELL),
    (
        "flux-dev",
        Keys {
            guidance: Some("guidance"),
            inputs: Inputs::One("image"),
            strength: Some("prompt_strength"),
            ..SCHNELL
        },
    ),
    (
        "flux-1.1-pro-ultra",
        Keys {
            frame: FrameKeys::Ratio,
            inputs: Inputs::One("image_prompt"),
            seed: Some("seed"),
            formats: &[Format::Jpeg, Format::Png],
            safety: SafetyKey::Tolerance(6, 6),
            ..PLAIN
        },
    ),
    (
        "flux-1.1-pro",
        Keys {
            as_input: None,
            inputs: Inputs::One("image_prompt"),
            safety: SafetyKey::Tolerance(6, 6),
            ..FLUX_2
        },
    ),
    ("flux-kontext-pro", KONTEXT),
    ("flux-kontext-max", KONTEXT),
    ("flux-2-flex", Keys { steps: Some("steps"), guidance: Some("guidance"), ..FLUX_2 }),
    ("flux-2-dev", Keys { safety: SafetyKey::Checker, ..FLUX_2 }),
    ("flux-2-pro", FLUX_2),
    ("flux-2-max", FLUX_2),
    ("flux-fill-pro", FILL),
    ("nano-banana-pro", Keys { size_class: Some("resolution"), ..NANO_BANANA }),
    ("nano-banana-2", Keys { size_class: Some("resolution"), ..NANO_BANANA }),
    ("nano-banana", NANO_BANANA),
    ("ideogram-v3", Keys { frame: FrameKeys::Ratio, seed: Some("seed"), ..PLAIN }),
    ("recraft-v3", Keys { frame: FrameKeys::Ratio, style: Some("style"), ..PLAIN }),
    (
        "stable-diffusion-3.5",
        Keys {
            frame: FrameKeys::Ratio,
            inputs: Inputs::One("image"),
            strength: Some("prompt_strength"),
            seed: Some("seed"),
            negative_prompt: Some("negative_prompt"),
            formats: &[Format::Webp, Format::Jpeg, Format::Png],
            ..PLAIN
        },
    ),
    ("seedream-4.5", SEEDREAM),
    ("seedream-4", Keys { frame: FrameKeys::RatioOrCustom("size"), ..SEEDREAM }),
];

impl Keys {
    /// The keys of a model, whoever owns it and whichever version of it is meant.
    pub(super) fn of(vendor_model: &str) -> &'static Self {
        let (name, _) = vendor_model.split_once(':').unwrap_or((vendor_model, ""));
        let (_, name) = name.rsplit_once('/').unwrap_or(("", name));
        let known = MODELS.iter().find(|(prefix, _)| name.starts_with(prefix));
        known.map_or(&UNKNOWN, |(_, keys)| keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_known_by_its_name_whoever_owns_it() {
        assert_eq!(Keys::of("black-forest-labs/flux-schnell"), &SCHNELL);
        assert_eq!(Keys::of("someone/flux-schnell-lora:0a1b"), &SCHNELL);
        assert_eq!(Keys::of("black-forest-labs/flux-2-pro"), &FLUX_2);
        assert_eq!(Keys::of("deployments/us/nano-banana"), &NANO_BANANA);
        assert_eq!(Keys::of("google/nano-banana-pro").size_class, Some("resolution"));
        assert_eq!(Keys::of("bytedance/seedream-4.5"), &SEEDREAM);
        assert_eq!(Keys::of("black-forest-labs/flux-1.1-pro-ultra").frame, FrameKeys::Ratio);
        assert_eq!(
            Keys::of("5c7d5dc6dd8bf75c1acaa8565735e7986bc5b66206b55cca93cb72c9bf15ccaa"),
            &UNKNOWN
        );
    }
}
