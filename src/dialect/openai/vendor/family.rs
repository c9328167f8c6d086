//! Families of models that differ in the parameters they take, told apart by name.

use crate::canonical::Quality;

/// Models that are told the same things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dialect) enum Family {
    /// GPT image 1 and 1.5: three qualities, and a fidelity to input pictures of either kind.
    Gpt1,
    /// GPT image 1 mini: as these, at low fidelity only.
    Gpt1Mini,
    /// GPT image 2: its fidelity must not be named.
    Gpt2,
    /// GPT image models from 2.5 on, with the two qualities above high.
    GptNewer,
    /// DALL·E 2: one quality, and variations.
    Dalle2,
    /// DALL·E 3: one picture, two qualities and two styles, no edits.
    Dalle3,
    /// The server of stable-diffusion.cpp, whose own controls are written into the prompt.
    StableCpp,
    /// Everyone else.
    Compatible,
}

impl Family {
    /// The family of a model; what precedes a slash is somebody's name for where it is sold.
    pub(in crate::dialect) fn of(vendor_model: &str) -> Self {
        let (_, name) = vendor_model.rsplit_once('/').unwrap_or(("", vendor_model));
        let is = |prefix: &str| name.starts_with(prefix);
        match name {
            "dall-e-2" => Self::Dalle2,
            "dall-e-3" => Self::Dalle3,
            "sd-cpp-local" => Self::StableCpp,
            _ if is("gpt-image-1-mini") => Self::Gpt1Mini,
            _ if is("gpt-image-1") || is("chatgpt-image") => Self::Gpt1,
            _ if name == "gpt-image-2" || is("gpt-image-2-") => Self::Gpt2,
            _ if is("gpt-image") => Self::GptNewer,
            _ => Self::Compatible,
        }
    }

    /// The word for a quality, where the family has one.
    pub(super) const fn quality(self, quality: Quality) -> Option<&'static str> {
        match (self, quality) {
            (
                Self::Gpt1 | Self::Gpt1Mini | Self::Gpt2 | Self::Dalle3,
                Quality::XHigh | Quality::Max,
            )
            | (Self::Dalle2 | Self::StableCpp, _) => None,
            (Self::Dalle3, Quality::High) => Some("hd"),
            (Self::Dalle3, Quality::Low | Quality::Medium) => Some("standard"),
            (
                Self::Gpt1 | Self::Gpt1Mini | Self::Gpt2 | Self::GptNewer | Self::Compatible,
                quality,
            ) => Some(quality.name()),
        }
    }

    /// Whether a style of this name is one it knows.
    pub(super) fn knows_style(self, style: &str) -> bool {
        match self {
            Self::Dalle3 => matches!(style, "vivid" | "natural"),
            Self::Compatible => true,
            Self::Gpt1
            | Self::Gpt1Mini
            | Self::Gpt2
            | Self::GptNewer
            | Self::Dalle2
            | Self::StableCpp => false,
        }
    }

    /// What speaks against naming this fidelity to input pictures.
    pub(super) fn against_fidelity(self, fidelity: &str) -> Option<&'static str> {
        match self {
            Self::Gpt2 => Some("this model must not be told a fidelity"),
            Self::Gpt1Mini if fidelity != "low" => Some("this model knows low fidelity only"),
            Self::Gpt1
            | Self::Gpt1Mini
            | Self::GptNewer
            | Self::Dalle2
            | Self::Dalle3
            | Self::StableCpp
            | Self::Compatible => None,
        }
    }

    /// The most pictures that an edit works from.
    pub(super) const fn inputs_max(self) -> usize {
        match self {
            Self::Gpt1 | Self::Gpt1Mini | Self::Gpt2 | Self::GptNewer => 16,
            Self::Dalle2 => 1,
            Self::Dalle3 => 0,
            Self::StableCpp | Self::Compatible => usize::MAX,
        }
    }

    /// GPT image models: they always answer with base64 and refuse to be asked for it.
    pub(super) const fn is_gpt(self) -> bool {
        matches!(self, Self::Gpt1 | Self::Gpt1Mini | Self::Gpt2 | Self::GptNewer)
    }

    /// Those that draw any size within the documented rule. The others draw a few, which policy lists.
    pub(super) const fn draws_any_size(self) -> bool {
        matches!(self, Self::Gpt2 | Self::GptNewer)
    }

    /// The retired ones, that know nothing of encodings and backgrounds.
    pub(super) const fn is_dalle(self) -> bool {
        matches!(self, Self::Dalle2 | Self::Dalle3)
    }

    /// Diffusion models on servers of their own, that may take a seed and its like.
    pub(super) const fn is_diffusion(self) -> bool {
        matches!(self, Self::StableCpp | Self::Compatible)
    }

    /// Whether it draws variations of a picture.
    pub(super) const fn varies(self) -> bool {
        matches!(self, Self::Dalle2 | Self::Compatible)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_known_by_its_name() {
        let families = [
            ("gpt-image-1", Family::Gpt1),
            ("gpt-image-1.5", Family::Gpt1),
            ("chatgpt-image-latest", Family::Gpt1),
            ("gpt-image-1-mini", Family::Gpt1Mini),
            ("gpt-image-2", Family::Gpt2),
            ("gpt-image-2-2026-04-21", Family::Gpt2),
            ("openai/gpt-image-2.5-flare", Family::GptNewer),
            ("gpt-image-2.6-sunburst", Family::GptNewer),
            ("dall-e-2", Family::Dalle2),
            ("dall-e-3", Family::Dalle3),
            ("sd-cpp-local", Family::StableCpp),
            ("black-forest-labs/FLUX.1-schnell", Family::Compatible),
        ];
        for (name, family) in families {
            assert_eq!(Family::of(name), family, "{name}");
        }
    }
}
