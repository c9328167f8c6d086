//! Rules as they are written.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use crate::canonical::{Background, Format, Quality, Safety};
use crate::rules::{Most, Set};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct RawDeniedPattern {
    pub(in super::super) pattern: Spanned<String>,
    pub(in super::super) message: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct RawRule {
    pub(in super::super) name: Spanned<String>,
    #[serde(rename = "if")]
    pub(in super::super) condition: Spanned<String>,
    pub(in super::super) deny: Option<String>,
    pub(in super::super) model: Option<Spanned<String>>,
    #[serde(default)]
    pub(in super::super) offerings: Vec<Spanned<String>>,
    #[serde(default)]
    pub(in super::super) vendors: Vec<Spanned<String>>,
    #[serde(default)]
    pub(in super::super) set: RawSet,
    #[serde(default)]
    pub(in super::super) most: RawMost,
    #[serde(default)]
    pub(in super::super) labels: BTreeMap<String, Spanned<String>>,
    pub(in super::super) price: Option<Spanned<RawAdjustment>>,
    #[serde(default)]
    pub(in super::super) shadow: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in super::super) struct RawSet {
    quality: Option<Quality>,
    format: Option<Format>,
    background: Option<Background>,
    safety: Option<Safety>,
    style: Option<String>,
    steps: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in super::super) struct RawMost {
    count: Option<std::num::NonZeroU32>,
    steps: Option<std::num::NonZeroU32>,
    previews: Option<u8>,
    quality: Option<Quality>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct RawAdjustment {
    #[serde(default = "all")]
    pub(in super::super) percent: u32,
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
