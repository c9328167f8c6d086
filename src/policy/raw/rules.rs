//! Rules as they are written.

use std::collections::BTreeMap;

use super::super::spanned::Spanned;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::canonical::{Background, Format, Quality, Safety};
use crate::rules::{Most, Set};

/// A pattern that no prompt may match.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DeniedPattern")]
pub(in super::super) struct RawDeniedPattern {
    /// A regular expression without look-around.
    pub(in super::super) pattern: Spanned<String>,
    /// What the app is told.
    pub(in super::super) message: String,
}

/// A condition, and what follows where it is true.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Rule")]
pub(in super::super) struct RawRule {
    /// What it is called in the log and metrics.
    pub(in super::super) name: Spanned<String>,
    /// The condition, in CEL.
    #[serde(rename = "if")]
    pub(in super::super) condition: Spanned<String>,
    /// Refuses the request, with these words.
    pub(in super::super) deny: Option<String>,
    /// Sends the request to this model.
    pub(in super::super) model: Option<Spanned<String>>,
    /// Leaves only these offerings, by name.
    #[serde(default)]
    pub(in super::super) offerings: Vec<Spanned<String>>,
    /// Leaves only the offerings of these vendors.
    #[serde(default)]
    pub(in super::super) vendors: Vec<Spanned<String>>,
    /// Parameters that become these, whatever was asked.
    #[serde(default)]
    pub(in super::super) set: RawSet,
    /// Parameters that become at most these.
    #[serde(default)]
    pub(in super::super) most: RawMost,
    /// Labels that are put on the usage line, over those of the app.
    #[serde(default)]
    pub(in super::super) labels: BTreeMap<String, Spanned<String>>,
    /// What the price becomes.
    pub(in super::super) price: Option<Spanned<RawAdjustment>>,
    /// Whether it is only counted where it is true.
    #[serde(default)]
    pub(in super::super) shadow: bool,
}

/// Parameters that become these, whatever was asked.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Set")]
pub(in super::super) struct RawSet {
    /// The quality.
    quality: Option<Quality>,
    /// The encoding.
    format: Option<Format>,
    /// The background.
    background: Option<Background>,
    /// How strict the vendor's content filter is.
    safety: Option<Safety>,
    /// The style, by its vendor's name.
    style: Option<String>,
    /// The number of steps.
    steps: Option<u32>,
}

/// Parameters that become at most these.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Most")]
pub(in super::super) struct RawMost {
    /// Pictures.
    count: Option<std::num::NonZeroU32>,
    /// Steps.
    steps: Option<std::num::NonZeroU32>,
    /// Previews of a picture on its way.
    previews: Option<u8>,
    /// The quality.
    quality: Option<Quality>,
}

/// What a price becomes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Adjustment")]
pub(in super::super) struct RawAdjustment {
    /// So many percent of it. 100 unless said.
    #[serde(default = "all")]
    pub(in super::super) percent: u32,
    /// So many credits for each picture, added to it; a discount begins with a minus.
    pub(in super::super) image: Option<Spanned<String>>,
}

const fn all() -> u32 {
    100
}

impl RawSet {
    pub(in super::super) fn read(&self) -> Set {
        let Self { quality, format, background, safety, style, steps } = self;
        Set {
            quality: *quality,
            format: *format,
            background: *background,
            safety: *safety,
            style: style.clone(),
            steps: *steps,
        }
    }
}

impl RawMost {
    pub(in super::super) fn read(&self) -> Most {
        let Self { count, steps, previews, quality } = *self;
        let number = std::num::NonZeroU32::get;
        Most { count: count.map(number), steps: steps.map(number), previews, quality }
    }
}
