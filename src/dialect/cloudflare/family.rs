//! Families of Workers AI models: what each one is told, as its own page documents it.

use crate::canonical::Size;

/// What a family is told beyond the prompt and a seed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Family {
    /// Whether the body is a form.
    pub(super) is_form: bool,
    /// The only size that it draws, where it takes none.
    pub(super) only: Option<Size>,
    /// What steps are called, and how many there may be.
    pub(super) steps: Option<(&'static str, u32)>,
    /// The bounds of the guidance.
    pub(super) guidance: Option<(f32, f32)>,
    /// Whether a negative prompt is taken.
    pub(super) negative_prompt: bool,
    /// How pictures to work from are said.
    pub(super) inputs: Inputs,
}

/// How a family is told pictures to work from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inputs {
    /// Not at all.
    None,
    /// As files of the form, `input_image_0` to `input_image_3`.
    Files,
    /// As one base64 text, with a strength, and a mask as a list of bytes.
    Base64,
}

const ANY: (f32, f32) = (f32::MIN, f32::MAX);

/// Takes no size, and refuses more than eight steps.
const SCHNELL: Family = Family {
    is_form: false,
    only: Some(Size::new(1024, 1024)),
    steps: Some(("steps", 8)),
    guidance: None,
    negative_prompt: false,
    inputs: Inputs::None,
};

const FLUX_2_DEV: Family = Family {
    is_form: true,
    only: None,
    steps: Some(("steps", 50)),
    guidance: Some(ANY),
    negative_prompt: false,
    inputs: Inputs::Files,
};

/// The other FLUX.2 models, whose steps are fixed.
const FLUX_2: Family = Family { steps: None, ..FLUX_2_DEV };

const LUCID: Family = Family {
    is_form: false,
    only: None,
    steps: Some(("num_steps", 40)),
    guidance: Some((0.0, 10.0)),
    negative_prompt: false,
    inputs: Inputs::None,
};

const PHOENIX: Family = Family {
    steps: Some(("num_steps", 50)),
    guidance: Some((2.0, 10.0)),
    negative_prompt: true,
    ..LUCID
};

const STABLE_DIFFUSION: Family = Family {
    steps: Some(("num_steps", 20)),
    guidance: Some(ANY),
    negative_prompt: true,
    inputs: Inputs::Base64,
    ..LUCID
};

/// A model that we do not know: what most of them share, and no pictures to work from.
const UNKNOWN: Family = Family { inputs: Inputs::None, ..STABLE_DIFFUSION };

/// What a model's name holds, and its family; the first that fits decides.
const BY_NAME: [(&str, Family); 7] = [
    ("/flux-1-schnell", SCHNELL),
    ("/flux-2-dev", FLUX_2_DEV),
    ("/flux-2", FLUX_2),
    ("/lucid-origin", LUCID),
    ("/phoenix-", PHOENIX),
    ("/stable-diffusion-", STABLE_DIFFUSION),
    ("/dreamshaper-", STABLE_DIFFUSION),
];

impl Family {
    /// The family of a model, by its name.
    pub(super) fn of(vendor_model: &str) -> Self {
        let mut known = BY_NAME.iter().filter(|(part, _)| vendor_model.contains(part));
        known.next().map_or(UNKNOWN, |(_, family)| *family)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_known_by_its_name() {
        let families = [
            ("@cf/black-forest-labs/flux-1-schnell", SCHNELL),
            ("@cf/black-forest-labs/flux-2-dev", FLUX_2_DEV),
            ("@cf/black-forest-labs/flux-2-klein-9b", FLUX_2),
            ("@cf/leonardo/lucid-origin", LUCID),
            ("@cf/leonardo/phoenix-1.0", PHOENIX),
            ("@cf/bytedance/stable-diffusion-xl-lightning", STABLE_DIFFUSION),
            ("@cf/runwayml/stable-diffusion-v1-5-inpainting", STABLE_DIFFUSION),
            ("@cf/lykon/dreamshaper-8-lcm", STABLE_DIFFUSION),
            ("@cf/someone/something-new", UNKNOWN),
        ];
        for (name, family) in families {
            assert_eq!(Family::of(name), family, "{name}");
        }
    }
}
