//! What each endpoint at fal takes; a key that is missing cannot be said.

use crate::canonical::{Format, Quality};

/// The keys of an endpoint besides its prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Keys {
    pub(super) frame: FrameKey,
    /// Takes the size class of a ratio.
    pub(super) size_class: Option<&'static str>,
    pub(super) inputs: Inputs,
    pub(super) mask: Option<&'static str>,
    pub(super) strength: Option<&'static str>,
    pub(super) count: Option<&'static str>,
    pub(super) seed: Option<&'static str>,
    pub(super) negative_prompt: Option<&'static str>,
    pub(super) steps: Option<&'static str>,
    pub(super) guidance: Option<&'static str>,
    pub(super) style: Option<&'static str>,
    pub(super) background: Option<&'static str>,
    /// Takes the quality, by these words for it.
    pub(super) quality: (&'static str, &'static [(Quality, &'static str)]),
    /// Encodings that `output_format` takes.
    pub(super) formats: &'static [Format],
    pub(super) safety: SafetyKey,
}

/// How an endpoint is told the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrameKey {
    /// Not at all: it keeps to the input picture.
    None,
    /// `aspect_ratio`
    Ratio,
    /// `image_size`
    Size,
    /// `aspect_ratio` where the offering lists ratios, `image_size` elsewhere.
    AsListed,
}

/// How an endpoint is given the pictures that it works from; it does nothing without them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inputs {
    None,
    /// One picture under this key.
    One(&'static str),
    /// A list of them under this key.
    List(&'static str),
    /// A list of them under this key, at the model's endpoint for edits only.
    AtEdit(&'static str),
}

/// How an endpoint is told to filter less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SafetyKey {
    None,
    /// `enable_safety_checker`
    Checker,
    /// `safety_tolerance`, at most this.
    Tolerance(&'static str),
}

/// An endpoint that takes nothing but a prompt.
const PLAIN: Keys = Keys {
    frame: FrameKey::None,
    size_class: None,
    inputs: Inputs::None,
    mask: None,
    strength: None,
    count: None,
    seed: None,
    negative_prompt: None,
    steps: None,
    guidance: None,
    style: None,
    background: None,
    quality: ("", &[]),
    formats: &[],
    safety: SafetyKey::None,
};

const FLUX: Keys = Keys {
    frame: FrameKey::Size,
    count: Some("num_images"),
    seed: Some("seed"),
    steps: Some("num_inference_steps"),
    formats: &[Format::Jpeg, Format::Png],
    safety: SafetyKey::Checker,
    ..PLAIN
};

const DEV: Keys = Keys { guidance: Some("guidance_scale"), ..FLUX };

const DEV_FROM_PICTURE: Keys = Keys {
    frame: FrameKey::None,
    inputs: Inputs::One("image_url"),
    strength: Some("strength"),
    ..DEV
};

const PRO: Keys = Keys {
    frame: FrameKey::Size,
    count: Some("num_images"),
    seed: Some("seed"),
    formats: &[Format::Jpeg, Format::Png],
    safety: SafetyKey::Tolerance("6"),
    ..PLAIN
};

const KONTEXT: Keys = Keys { frame: FrameKey::Ratio, guidance: Some("guidance_scale"), ..PRO };

const FLUX_2: Keys = Keys {
    count: None,
    inputs: Inputs::AtEdit("image_urls"),
    safety: SafetyKey::Tolerance("5"),
    ..PRO
};

const NANO_BANANA: Keys = Keys {
    frame: FrameKey::Ratio,
    inputs: Inputs::AtEdit("image_urls"),
    formats: &[Format::Jpeg, Format::Png, Format::Webp],
    ..PRO
};

const GPT_IMAGE: Keys = Keys {
    frame: FrameKey::Size,
    inputs: Inputs::AtEdit("image_urls"),
    count: Some("num_images"),
    background: Some("background"),
    quality: (
        "quality",
        &[(Quality::Low, "low"), (Quality::Medium, "medium"), (Quality::High, "high")],
    ),
    formats: &[Format::Jpeg, Format::Png, Format::Webp],
    ..PLAIN
};

const SEEDREAM: Keys = Keys {
    frame: FrameKey::Size,
    inputs: Inputs::AtEdit("image_urls"),
    count: Some("num_images"),
    seed: Some("seed"),
    safety: SafetyKey::Checker,
    ..PLAIN
};

/// An endpoint that is not known is told what has one key at all endpoints that have it.
static UNKNOWN: Keys = Keys {
    frame: FrameKey::AsListed,
    count: Some("num_images"),
    seed: Some("seed"),
    negative_prompt: Some("negative_prompt"),
    steps: Some("num_inference_steps"),
    guidance: Some("guidance_scale"),
    formats: &[Format::Jpeg, Format::Png, Format::Webp],
    ..PLAIN
};

/// The endpoints by a part of their ids; the first that fits.
static ENDPOINTS: [(&str, Keys); 25] = [
    ("flux-lora/inpainting", Keys { mask: Some("mask_url"), ..DEV_FROM_PICTURE }),
    ("flux-lora/image-to-image", DEV_FROM_PICTURE),
    ("flux/dev/image-to-image", DEV_FROM_PICTURE),
    ("flux-lora", DEV),
    ("flux/dev", DEV),
    ("flux/schnell", FLUX),
    ("flux-pro/v1.1-ultra", Keys { frame: FrameKey::Ratio, ..PRO }),
    ("flux-pro/v1.1", PRO),
    (
        "flux-pro/v1/fill",
        Keys {
            frame: FrameKey::None,
            inputs: Inputs::One("image_url"),
            mask: Some("mask_url"),
            ..PRO
        },
    ),
    ("flux-pro/kontext/text-to-image", KONTEXT),
    ("flux-pro/kontext/max/text-to-image", KONTEXT),
    ("flux-pro/kontext/multi", Keys { inputs: Inputs::List("image_urls"), ..KONTEXT }),
    ("flux-pro/kontext/max/multi", Keys { inputs: Inputs::List("image_urls"), ..KONTEXT }),
    ("flux-pro/kontext", Keys { inputs: Inputs::One("image_url"), ..KONTEXT }),
    (
        "flux-2-flex",
        Keys { steps: Some("num_inference_steps"), guidance: Some("guidance_scale"), ..FLUX_2 },
    ),
    ("flux-2-pro", FLUX_2),
    ("flux-2-max", FLUX_2),
    ("nano-banana-pro", Keys { size_class: Some("resolution"), ..NANO_BANANA }),
    ("nano-banana-2", Keys { size_class: Some("resolution"), ..NANO_BANANA }),
    ("nano-banana", NANO_BANANA),
    (
        "ideogram/v3",
        Keys {
            frame: FrameKey::Size,
            count: Some("num_images"),
            seed: Some("seed"),
            negative_prompt: Some("negative_prompt"),
            style: Some("style"),
            quality: (
                "rendering_speed",
                &[
                    (Quality::Low, "TURBO"),
                    (Quality::Medium, "BALANCED"),
                    (Quality::High, "QUALITY"),
                ],
            ),
            ..PLAIN
        },
    ),
    ("recraft/v3", Keys { frame: FrameKey::Size, style: Some("style"), ..PLAIN }),
    ("seedream", SEEDREAM),
    ("stable-diffusion-v35", Keys { negative_prompt: Some("negative_prompt"), ..DEV }),
    ("gpt-image", GPT_IMAGE),
];

impl Keys {
    /// The keys of an endpoint.
    pub(super) fn of(endpoint: &str) -> &'static Self {
        let known = ENDPOINTS.iter().find(|(part, _)| endpoint.contains(part));
        known.map_or(&UNKNOWN, |(_, keys)| keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_known_by_a_part_of_its_id() {
        assert_eq!(Keys::of("fal-ai/flux/dev"), &DEV);
        assert_eq!(Keys::of("fal-ai/flux/dev/image-to-image"), &DEV_FROM_PICTURE);
        assert_eq!(Keys::of("fal-ai/flux-pro/v1.1-ultra").frame, FrameKey::Ratio);
        assert_eq!(Keys::of("fal-ai/flux-pro/v1.1"), &PRO);
        assert_eq!(Keys::of("fal-ai/flux-pro/kontext/max/text-to-image"), &KONTEXT);
        assert_eq!(Keys::of("fal-ai/flux-pro/kontext/max").inputs, Inputs::One("image_url"));
        assert_eq!(Keys::of("fal-ai/flux-2-pro/edit"), &FLUX_2);
        assert_eq!(Keys::of("fal-ai/nano-banana/edit"), &NANO_BANANA);
        assert_eq!(Keys::of("openai/gpt-image-2/edit"), &GPT_IMAGE);
        assert_eq!(Keys::of("someone/something"), &UNKNOWN);
    }
}
