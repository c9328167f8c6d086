//! Families of the models that Together sells: what each one is told.

/// What a family is told beyond prompt, pixels, count, steps and seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Family {
    /// What the guidance is called.
    pub(super) guidance: Option<Guidance>,
    /// Whether a negative prompt is taken.
    pub(super) negative_prompt: bool,
    /// Whether a ratio is taken in place of pixels.
    pub(super) ratios: bool,
    /// The most steps.
    pub(super) steps_max: u32,
    /// How pictures to work from are said.
    pub(super) inputs: Inputs,
    /// Whether the safety checker can be turned off.
    pub(super) uncheckable: bool,
}

/// What a family calls how closely to follow the prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guidance {
    /// `guidance`
    Plain,
    /// `guidance_scale`
    Scale,
}

/// How a family is told pictures to work from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inputs {
    /// Not at all.
    None,
    /// One, as `image_url`.
    One,
    /// Any number, as `reference_images`.
    References,
    /// One as `image_url`, several as `reference_images`.
    Either,
}

/// A model that others draw for Together, or that we do not know: what is documented for all.
const CLOSED: Family = Family {
    guidance: None,
    negative_prompt: false,
    ratios: false,
    steps_max: 50,
    inputs: Inputs::None,
    uncheckable: false,
};

/// A model whose weights are open.
const OPEN: Family =
    Family { guidance: Some(Guidance::Scale), negative_prompt: true, uncheckable: true, ..CLOSED };

const SCHNELL: Family = Family { ratios: true, steps_max: 12, ..OPEN };

const SCHNELL_FREE: Family = Family { steps_max: 4, uncheckable: false, ..SCHNELL };

const KONTEXT: Family = Family { ratios: true, inputs: Inputs::One, ..CLOSED };

const KONTEXT_DEV: Family = Family { ratios: true, inputs: Inputs::One, ..OPEN };

const FLUX_2_PRO: Family = Family { inputs: Inputs::Either, ..CLOSED };

const FLUX_2_FLEX: Family = Family { guidance: Some(Guidance::Plain), ..FLUX_2_PRO };

const FLUX_2_DEV: Family = Family { inputs: Inputs::References, uncheckable: true, ..FLUX_2_FLEX };

/// A closed model that works from pictures.
const FROM_REFERENCES: Family = Family { inputs: Inputs::References, ..CLOSED };

/// What a model's name holds in small letters, and its family; the first that fits decides.
const BY_NAME: [(&str, Family); 14] = [
    ("flux.2-dev", FLUX_2_DEV),
    ("flux.2-flex", FLUX_2_FLEX),
    ("flux.2-pro", FLUX_2_PRO),
    ("flux.2", FROM_REFERENCES),
    ("schnell-free", SCHNELL_FREE),
    ("schnell", SCHNELL),
    ("kontext-dev", KONTEXT_DEV),
    ("kontext", KONTEXT),
    ("flux.1-dev", OPEN),
    ("google/", FROM_REFERENCES),
    ("qwen-image", OPEN),
    ("hidream", OPEN),
    ("stable-diffusion", OPEN),
    ("dreamshaper", OPEN),
];

impl Family {
    /// The family of a model, by its name.
    pub(super) fn of(vendor_model: &str) -> Self {
        let name = vendor_model.to_ascii_lowercase();
        let mut known = BY_NAME.iter().filter(|(part, _)| name.contains(part));
        known.next().map_or(CLOSED, |(_, family)| *family)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_known_by_its_name() {
        let families = [
            ("black-forest-labs/FLUX.2-dev", FLUX_2_DEV),
            ("black-forest-labs/FLUX.2-flex", FLUX_2_FLEX),
            ("black-forest-labs/FLUX.2-pro", FLUX_2_PRO),
            ("black-forest-labs/FLUX.1-schnell", SCHNELL),
            ("black-forest-labs/FLUX.1-schnell-Free", SCHNELL_FREE),
            ("black-forest-labs/FLUX.1-kontext-max", KONTEXT),
            ("black-forest-labs/FLUX.1-kontext-dev", KONTEXT_DEV),
            ("black-forest-labs/FLUX.1.1-pro", CLOSED),
            ("black-forest-labs/FLUX.1-dev", OPEN),
            ("google/gemini-3-pro-image", FROM_REFERENCES),
            ("Qwen/Qwen-Image", OPEN),
            ("HiDream-ai/HiDream-I1-Full", OPEN),
            ("Lykon/DreamShaper", OPEN),
            ("ideogram/ideogram-3.0", CLOSED),
            ("someone/something-new", CLOSED),
        ];
        for (name, family) in families {
            assert_eq!(Family::of(name), family, "{name}");
        }
    }
}
