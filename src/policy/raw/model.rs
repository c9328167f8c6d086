//! Models and their offerings as they are written.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::canonical::{Format, Size};
use crate::catalog::{Ability, AfterUnknown, Balance, Fidelity, Strategy};
use crate::scalar::Span;

use super::super::spanned::Spanned;
use super::plan::{RawLimit, RawQuota};
use super::tariff::RawTariff;

/// A name that apps ask for: what they pay, and who draws.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Model")]
pub(in super::super) struct RawModel {
    /// Which offering goes first: docs/routing.md.
    #[serde(default)]
    pub(in super::super) strategy: Strategy,
    /// What becomes of what an offering cannot express.
    #[serde(default)]
    pub(in super::super) fidelity: Fidelity,
    /// What counts how much under the `balanced` strategy. 1 each unless said.
    #[serde(default)]
    pub(in super::super) balance: Balance,
    /// The time that a whole request may take, all tries together. 2 min unless said.
    pub(in super::super) deadline: Option<Span>,
    /// How long the first may be at work before a second is asked beside it. Never unless said.
    pub(in super::super) hedge_after: Option<Span>,
    /// What follows when a vendor may have drawn and billed without our knowing. `failover` unless said.
    #[serde(default)]
    pub(in super::super) after_unknown: AfterUnknown,
    /// The largest picture, such as `"2048x2048"`, by its pixels. No bound of its own unless said.
    pub(in super::super) size_max: Option<Size>,
    /// How pictures are encoded where the app does not say.
    pub(in super::super) format: Option<Format>,
    /// What people call it, in lists of models.
    pub(in super::super) title: Option<String>,
    /// What it is good for, in a line.
    pub(in super::super) description: Option<String>,
    /// What apps pay, in credits.
    pub(in super::super) price: Spanned<RawTariff>,
    /// What takes the place of `price`, each from a moment of its own.
    #[serde(default)]
    pub(in super::super) later_prices: Vec<Spanned<RawTariff>>,
    /// What vendors sell under this name; at least one.
    pub(in super::super) offerings: Spanned<Vec<Spanned<RawOffering>>>,
    /// Windows for everyone who asks for it, whatever the plan; at most 16.
    #[serde(default)]
    pub(in super::super) limits: Vec<Spanned<RawLimit>>,
    /// Calendar quotas for everyone who asks for it, whatever the plan; at most 16.
    #[serde(default)]
    pub(in super::super) quotas: Vec<Spanned<RawQuota>>,
}

/// One thing that one vendor sells, what it can do and what it costs. What is not declared is not
/// asked of it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Offering")]
pub(in super::super) struct RawOffering {
    /// Who sells it, by name.
    pub(in super::super) vendor: Spanned<String>,
    /// The vendor's own name of the model.
    pub(in super::super) model: Option<String>,
    /// Lower goes first under the `priority` strategy.
    #[serde(default)]
    pub(in super::super) priority: u32,
    /// How often it goes first under the `weighted` strategy, beside the others. 1 unless said.
    pub(in super::super) weight: Option<NonZeroU32>,
    /// Whether it serves only while no other offering of the model has its credential.
    #[serde(default)]
    pub(in super::super) stand_in: bool,
    /// The sizes it draws, such as `["1024x1024"]`. Exactly one of `sizes`, `ratios` and `sides` is
    /// given.
    pub(in super::super) sizes: Option<Vec<Size>>,
    /// The ratios it draws, each with the size it comes out as.
    pub(in super::super) ratios: Option<BTreeMap<String, Size>>,
    /// Any size within these bounds.
    pub(in super::super) sides: Option<RawSides>,
    /// What it draws when nothing is asked.
    pub(in super::super) size_default: Option<Size>,
    /// Pictures in one call; more are fanned out. 1 unless said.
    pub(in super::super) count_max: Option<NonZeroU32>,
    /// Encodings that can be asked for; none when it cannot be chosen.
    #[serde(default)]
    #[schemars(schema_with = "opened_formats")]
    pub(in super::super) formats: Vec<Format>,
    /// What it can do beyond drawing from a prompt.
    #[serde(default)]
    pub(in super::super) can: Vec<Ability>,
    /// Input pictures that it works from; 0 is one that only draws.
    #[serde(default)]
    pub(in super::super) inputs_max: u32,
    /// Characters in a prompt. 4000 unless said.
    pub(in super::super) prompt_chars_max: Option<usize>,
    /// What the vendor charges, in dollars.
    pub(in super::super) cost: Spanned<RawTariff>,
    /// What takes the place of `cost`, each from a moment of its own.
    #[serde(default)]
    pub(in super::super) later_costs: Vec<Spanned<RawTariff>>,
    /// Fields added to every body as they are, in the vendor's own words.
    #[serde(default)]
    pub(in super::super) extra: serde_json::Map<String, serde_json::Value>,
    /// The workflow of an engine made of nodes, as JSON text.
    pub(in super::super) workflow: Option<Spanned<String>>,
}

/// Any size whose sides are within bounds.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Sides")]
pub(in super::super) struct RawSides {
    /// The shortest side, in pixels.
    pub(in super::super) min: u32,
    /// The longest side, in pixels.
    pub(in super::super) max: u32,
    /// Both sides are divisible by this.
    pub(in super::super) step: NonZeroU32,
}

/// The encodings that are opened here, and so asked of vendors.
fn opened_formats(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let opened = [Format::Png, Format::Jpeg, Format::Webp, Format::Avif];
    let names: Vec<_> = opened.iter().filter(|one| one.is_opened()).map(|one| one.name()).collect();
    schemars::json_schema!({ "type": "array", "items": { "type": "string", "enum": names } })
}
