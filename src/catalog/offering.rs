//! An offering: one thing a vendor sells, what it can do and what it costs.

use std::sync::Arc;

use crate::canonical::{Format, Ratio, Size};

use super::{PriceBook, Vendor};

/// One thing a vendor sells.
#[derive(Clone, Debug)]
pub struct Offering {
    /// `<model>/<vendor>`, or with the vendor's model where two share both: unique in a policy.
    pub name: String,
    /// Who sells it.
    pub vendor: Arc<Vendor>,
    /// The vendor's own name for the model.
    pub vendor_model: String,
    /// What it can do.
    pub can: Capabilities,
    /// What it costs us, in nano-dollars.
    pub cost: PriceBook,
    /// Lower goes first under the `priority` strategy.
    pub priority: u32,
    /// The share of the traffic that goes here under the `weighted` strategy.
    pub weight: u32,
    /// Fields that are added to every body as they are, in the vendor's own words.
    pub extra: serde_json::Map<String, serde_json::Value>,
    /// The workflow that a node-based engine runs, with places for what is asked.
    pub workflow: Option<Arc<serde_json::Value>>,
    /// Whether it serves only while no other offering of the model has its credential.
    pub stand_in: bool,
}

/// What an offering can do natively.
#[expect(clippy::struct_excessive_bools, reason = "each is one independent ability")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// The frames it draws.
    pub frames: Frames,
    /// What it draws when nothing is asked.
    pub size_default: Size,
    /// Pictures per call.
    pub count_max: u32,
    /// Encodings that can be asked for; empty when it cannot be chosen.
    pub formats: Vec<Format>,
    /// Whether a seed is taken.
    pub seed: bool,
    /// Whether a quality is taken.
    pub quality: bool,
    /// Whether a negative prompt is taken.
    pub negative_prompt: bool,
    /// Whether a number of steps is taken.
    pub steps: bool,
    /// Whether it can be told how closely to follow the prompt.
    pub guidance: bool,
    /// Whether it knows styles by name.
    pub style: bool,
    /// Whether a lossy encoding's compression is taken.
    pub compression: bool,
    /// Whether a tag for the app's own end user is taken.
    pub end_user: bool,
    /// Whether its content filter can be told to be less strict.
    pub safety: bool,
    /// Whether the background can be transparent.
    pub transparency: bool,
    /// Input pictures that it can work from; none for one that only draws.
    pub inputs_max: u32,
    /// Whether it can be told where to change an input picture.
    pub mask: bool,
    /// Whether it can be told how far to go from an input picture.
    pub strength: bool,
    /// Whether it draws variations of a picture without a prompt.
    pub variation: bool,
    /// Whether it shows previews while it draws.
    pub previews: bool,
    /// Characters in a prompt.
    pub prompt_chars_max: usize,
}

/// The frames an offering draws.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frames {
    /// Any size whose sides are within bounds and divisible by the step.
    Any {
        /// The shortest side.
        side_min: u32,
        /// The longest side.
        side_max: u32,
        /// Both sides are divisible by this.
        step: u32,
    },
    /// These sizes only.
    Sizes(Vec<Size>),
    /// These ratios, each with the pixels it comes out as.
    Ratios(Vec<(Ratio, Size)>),
}

impl Offering {
    /// An offering of which nothing else is said; it costs nothing yet.
    pub fn new(
        name: impl Into<String>,
        vendor: Arc<Vendor>,
        vendor_model: impl Into<String>,
        can: Capabilities,
    ) -> Self {
        Self {
            name: name.into(),
            vendor,
            vendor_model: vendor_model.into(),
            can,
            cost: PriceBook::default(),
            priority: 0,
            weight: 1,
            extra: serde_json::Map::new(),
            workflow: None,
            stand_in: false,
        }
    }
}

/// What an offering may be able to do beyond drawing from a prompt, by its name in policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ability {
    /// Takes a seed.
    Seed,
    /// Takes a quality.
    Quality,
    /// Takes a negative prompt.
    NegativePrompt,
    /// Takes a number of steps.
    Steps,
    /// Takes a guidance.
    Guidance,
    /// Knows styles by name.
    Style,
    /// Takes the compression of a lossy encoding.
    Compression,
    /// Takes a tag for the app's own end user.
    EndUser,
    /// Can be told to filter less.
    Safety,
    /// Draws transparent backgrounds.
    Transparency,
    /// Takes a mask with an input picture.
    Mask,
    /// Takes how far to go from an input picture.
    Strength,
    /// Draws variations without a prompt.
    Variation,
    /// Shows previews while it draws.
    Previews,
}

impl Capabilities {
    /// The flag of an ability.
    pub const fn flag(&mut self, ability: Ability) -> &mut bool {
        match ability {
            Ability::Seed => &mut self.seed,
            Ability::Quality => &mut self.quality,
            Ability::NegativePrompt => &mut self.negative_prompt,
            Ability::Steps => &mut self.steps,
            Ability::Guidance => &mut self.guidance,
            Ability::Style => &mut self.style,
            Ability::Compression => &mut self.compression,
            Ability::EndUser => &mut self.end_user,
            Ability::Safety => &mut self.safety,
            Ability::Transparency => &mut self.transparency,
            Ability::Mask => &mut self.mask,
            Ability::Strength => &mut self.strength,
            Ability::Variation => &mut self.variation,
            Ability::Previews => &mut self.previews,
        }
    }

    /// Draws these frames, one picture per call, and can do nothing else.
    pub fn only(frames: Frames, size_default: Size) -> Self {
        Self {
            frames,
            size_default,
            count_max: 1,
            formats: Vec::new(),
            seed: false,
            quality: false,
            negative_prompt: false,
            steps: false,
            guidance: false,
            style: false,
            compression: false,
            end_user: false,
            safety: false,
            transparency: false,
            inputs_max: 0,
            mask: false,
            strength: false,
            variation: false,
            previews: false,
            prompt_chars_max: 4000,
        }
    }

    /// Draws these frames and can do everything there is.
    pub fn everything(frames: Frames, size_default: Size) -> Self {
        Self {
            frames,
            size_default,
            count_max: 10,
            formats: vec![Format::Png, Format::Jpeg, Format::Webp],
            seed: true,
            quality: true,
            negative_prompt: true,
            steps: true,
            guidance: true,
            style: true,
            compression: true,
            end_user: true,
            safety: true,
            transparency: true,
            inputs_max: 16,
            mask: true,
            strength: true,
            variation: true,
            previews: true,
            prompt_chars_max: 32_000,
        }
    }
}
