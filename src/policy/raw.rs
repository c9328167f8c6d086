//! Policy files as they are written: unknown keys refused, names not yet resolved.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use serde::Deserialize;
use toml::Spanned;

use crate::canonical::{Format, Ratio, Size};
use crate::catalog::{Ability, AfterUnknown, Balance, Fidelity, PlayedFault, Strategy};
use crate::limit::Of;
use crate::scalar::{ByteCount, Span};

use super::Period;
use super::moderation::RawModeration;

mod rules;
mod tariff;

pub(super) use rules::{RawAdjustment, RawDeniedPattern, RawRule};
pub(super) use tariff::{RawPixelRate, RawTable, RawTariff, RawTokenRate, Rounded};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawFile {
    pub(super) vendors: BTreeMap<String, Spanned<RawVendor>>,
    pub(super) models: BTreeMap<String, Spanned<RawModel>>,
    pub(super) plans: BTreeMap<String, Spanned<RawPlan>>,
    pub(super) rules: RawRules,
    pub(super) presets: BTreeMap<String, Spanned<RawPreset>>,
    pub(super) defaults: RawDefaults,
    pub(super) prompts: Option<Spanned<RawPrompts>>,
    pub(super) webhooks: Option<Spanned<RawWebhooks>>,
    pub(super) budgets: BTreeMap<String, Spanned<RawBudget>>,
    pub(super) input_pictures: Option<Spanned<RawInputPictures>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawWebhooks {
    pub(super) hosts: Vec<Spanned<String>>,
    pub(super) inside_hosts: Vec<Spanned<String>>,
    pub(super) secrets: Vec<Spanned<String>>,
    pub(super) tries_max: Option<NonZeroU32>,
    pub(super) timeout: Option<Spanned<Span>>,
    pub(super) first_wait: Option<Spanned<Span>>,
    pub(super) wait_max: Option<Spanned<Span>>,
    pub(super) time_max: Option<Spanned<Span>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawInputPictures {
    pub(super) hosts: Vec<Spanned<String>>,
    pub(super) inside_hosts: Vec<Spanned<String>>,
    pub(super) bytes_max: Option<ByteCount>,
    pub(super) timeout: Option<Span>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPrompts {
    pub(super) vendor: Spanned<String>,
    pub(super) model: String,
    pub(super) price: Spanned<String>,
    pub(super) cost: Spanned<String>,
    pub(super) deadline: Option<Span>,
    #[serde(default)]
    pub(super) extra: serde_json::Map<String, serde_json::Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawDefaults {
    pub(super) model: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawRules {
    pub(super) denied_terms: Vec<RawDeniedTerm>,
    pub(super) denied_patterns: Vec<RawDeniedPattern>,
    pub(super) moderation: Option<Spanned<RawModeration>>,
    pub(super) rule: Vec<Spanned<RawRule>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDeniedTerm {
    pub(super) term: Spanned<String>,
    pub(super) message: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPreset {
    pub(super) frame: Option<Spanned<String>>,
    pub(super) prompt_suffix: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawVendor {
    pub(super) dialect: Spanned<String>,
    pub(super) base_url: Spanned<String>,
    pub(super) auth: Option<Spanned<String>>,
    pub(super) secret: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) secrets: Vec<Spanned<String>>,
    pub(super) timeout: Option<Span>,
    pub(super) answer_bytes_max: Option<ByteCount>,
    #[serde(default)]
    pub(super) hosts: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) picture_hosts: Vec<Spanned<String>>,
    pub(super) calls_per_minute_max: Option<NonZeroU32>,
    #[serde(default)]
    pub(super) cancel_free: bool,
    #[serde(default)]
    pub(super) for_tests: bool,
    #[serde(default)]
    pub(super) trace_context: bool,
    pub(super) latency: Option<Spanned<Span>>,
    pub(super) fault: Option<Spanned<PlayedFault>>,
    #[serde(default)]
    pub(super) passthrough: Vec<Spanned<RawFare>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFare {
    pub(super) method: Spanned<String>,
    pub(super) path: Spanned<String>,
    pub(super) price: Spanned<String>,
    pub(super) cost: Spanned<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawModel {
    #[serde(default)]
    pub(super) strategy: Strategy,
    #[serde(default)]
    pub(super) fidelity: Fidelity,
    #[serde(default)]
    pub(super) balance: Balance,
    pub(super) deadline: Option<Span>,
    pub(super) hedge_after: Option<Span>,
    #[serde(default)]
    pub(super) after_unknown: AfterUnknown,
    pub(super) size_max: Option<Size>,
    pub(super) format: Option<Format>,
    pub(super) title: Option<String>,
    pub(super) description: Option<String>,
    pub(super) price: Spanned<RawTariff>,
    /// What takes the place of `price`, each from a date.
    #[serde(default)]
    pub(super) later_prices: Vec<Spanned<RawTariff>>,
    pub(super) offerings: Spanned<Vec<Spanned<RawOffering>>>,
    #[serde(default)]
    pub(super) limits: Vec<Spanned<RawLimit>>,
    #[serde(default)]
    pub(super) quotas: Vec<Spanned<RawQuota>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawOffering {
    pub(super) vendor: Spanned<String>,
    pub(super) model: Option<String>,
    #[serde(default)]
    pub(super) priority: u32,
    pub(super) weight: Option<NonZeroU32>,
    #[serde(default)]
    pub(super) stand_in: bool,
    pub(super) sizes: Option<Vec<Size>>,
    pub(super) ratios: Option<BTreeMap<String, Size>>,
    pub(super) sides: Option<RawSides>,
    pub(super) size_default: Option<Size>,
    pub(super) count_max: Option<NonZeroU32>,
    #[serde(default)]
    pub(super) formats: Vec<Format>,
    /// What it can do beyond drawing from a prompt.
    #[serde(default)]
    pub(super) can: Vec<Ability>,
    #[serde(default)]
    pub(super) inputs_max: u32,
    pub(super) prompt_chars_max: Option<usize>,
    pub(super) cost: Spanned<RawTariff>,
    /// What takes the place of `cost`, each from a date.
    #[serde(default)]
    pub(super) later_costs: Vec<Spanned<RawTariff>>,
    #[serde(default)]
    pub(super) extra: serde_json::Map<String, serde_json::Value>,
    pub(super) workflow: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSides {
    pub(super) min: u32,
    pub(super) max: u32,
    pub(super) step: NonZeroU32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPlan {
    #[serde(default)]
    pub(super) models: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) limits: Vec<Spanned<RawLimit>>,
    #[serde(default)]
    pub(super) quotas: Vec<Spanned<RawQuota>>,
    pub(super) concurrency_max: Option<NonZeroU32>,
    pub(super) pictures_kept: Option<Span>,
    pub(super) pictures_max: Option<NonZeroU32>,
    pub(super) pictures_bytes_max: Option<ByteCount>,
    pub(super) fidelity: Option<Fidelity>,
    #[serde(default)]
    pub(super) show_offering: bool,
    /// The vendors whose own API may be called.
    #[serde(default)]
    pub(super) passthrough: Vec<Spanned<String>>,
    /// The dialects that its keys may not speak.
    #[serde(default)]
    pub(super) without_dialects: Vec<Spanned<String>>,
    pub(super) watermark: Option<Spanned<RawWatermark>>,
    pub(super) disclaimer: Option<Spanned<String>>,
    pub(super) monthly_credits: Option<Spanned<RawAmount>>,
    pub(super) title: Option<String>,
    pub(super) storage: Option<RawStorage>,
    pub(super) batch: Option<Spanned<RawBatch>>,
    #[serde(default)]
    pub(super) webhook_hosts: Vec<Spanned<String>>,
}

/// The words, or whether there are any.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected true, false or the words of a watermark")]
pub(super) enum RawWatermark {
    Flag(bool),
    Words(String),
}

/// An amount that is usually whole.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected an amount of credits, such as 500 or \"0.5\"")]
pub(super) enum RawAmount {
    Whole(i64),
    Text(String),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLimit {
    pub(super) name: String,
    pub(super) requests: Option<NonZeroU32>,
    pub(super) images: Option<NonZeroU32>,
    pub(super) megapixels: Option<NonZeroU32>,
    pub(super) credits: Option<String>,
    pub(super) per: Span,
    #[serde(default)]
    pub(super) of: Of,
    #[serde(default)]
    pub(super) shadow: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawQuota {
    pub(super) name: String,
    pub(super) requests: Option<NonZeroU32>,
    pub(super) images: Option<NonZeroU32>,
    pub(super) megapixels: Option<NonZeroU32>,
    pub(super) credits: Option<String>,
    pub(super) per: Period,
    #[serde(default)]
    pub(super) of: Of,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawBudget {
    pub(super) workspace: Option<String>,
    pub(super) key: Option<String>,
    pub(super) label: Option<String>,
    pub(super) credits: RawAmount,
    pub(super) per: Period,
    pub(super) alert_at: Option<Vec<u8>>,
    #[serde(default)]
    pub(super) stop: bool,
    pub(super) webhook: Option<Spanned<String>>,
}

/// Whether pictures are kept, or what the storage is called that they are kept in.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum RawStorage {
    Flag(bool),
    Title(String),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawBatch {
    pub(super) items_max: NonZeroU32,
    pub(super) concurrency_max: NonZeroU32,
}

/// A ratio as a key.
pub(super) fn ratio(text: &str) -> Option<Ratio> {
    text.parse().ok()
}
