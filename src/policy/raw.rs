//! Policy files as they are written: unknown keys refused, names not yet resolved.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::canonical::Ratio;
use crate::catalog::PlayedFault;
use crate::scalar::{ByteCount, Span};

use super::moderation::RawModeration;
use super::spanned::Spanned;

mod model;
mod plan;
mod rules;
mod tariff;

pub(super) use model::{RawModel, RawOffering};
pub(super) use plan::{
    RawAmount, RawBatch, RawBudget, RawLimit, RawPlan, RawQuota, RawStorage, RawWatermark,
};
pub(super) use rules::{RawAdjustment, RawDeniedPattern, RawRule};
pub(super) use tariff::{RawPixelRate, RawTable, RawTariff, RawTokenRate, Rounded};

/// Everything that policy may say, in one file or spread over several.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "File")]
pub(super) struct RawFile {
    /// Who is called, by name.
    pub(super) vendors: BTreeMap<String, Spanned<RawVendor>>,
    /// The names that apps ask for, by name.
    pub(super) models: BTreeMap<String, Spanned<RawModel>>,
    /// What keys may do, by name.
    pub(super) plans: BTreeMap<String, Spanned<RawPlan>>,
    /// What is refused, bounded, routed or charged otherwise before anything is held.
    pub(super) rules: RawRules,
    /// Names that apps may ask by in place of a frame, by name.
    pub(super) presets: BTreeMap<String, Spanned<RawPreset>>,
    /// What counts where an app says nothing.
    pub(super) defaults: RawDefaults,
    /// Who writes prompts for apps that ask for one; without it rules write them, free of charge.
    pub(super) prompts: Option<Spanned<RawPrompts>>,
    /// Who may be told of the ends of jobs; nobody unless hosts are listed.
    pub(super) webhooks: Option<Spanned<RawWebhooks>>,
    /// How many credits may be spent in a UTC day or month, and who hears of it, by name; at most
    /// 64.
    pub(super) budgets: BTreeMap<String, Spanned<RawBudget>>,
    /// Which pictures that apps name by an address are fetched; none unless hosts are listed.
    pub(super) input_pictures: Option<Spanned<RawInputPictures>>,
}

/// Who may be told of the ends of jobs, what signs it, and how long it is tried.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Webhooks")]
pub(super) struct RawWebhooks {
    /// Hosts outside that may be told, such as `"hooks.example.com"`, or `"*.example.com"` for all
    /// below it.
    pub(super) hosts: Vec<Spanned<String>>,
    /// Hosts of your own network that may be told, each by name.
    pub(super) inside_hosts: Vec<Spanned<String>>,
    /// Where the signing secrets are: `"env:NAME"` or `"file:/path"`; at most two, both of which sign
    /// while one takes over from the other.
    pub(super) secrets: Vec<Spanned<String>>,
    /// Tries in all. 10 unless said.
    pub(super) tries_max: Option<NonZeroU32>,
    /// How long one try may take; at most 60 s. 15 s unless said.
    pub(super) timeout: Option<Spanned<Span>>,
    /// From the first try to the second; each wait after it is longer. 5 s unless said.
    pub(super) first_wait: Option<Spanned<Span>>,
    /// The longest wait between two tries. 4 h unless said.
    pub(super) wait_max: Option<Spanned<Span>>,
    /// When it is given up, tried often enough or not; at most 7 d. 1 d unless said.
    pub(super) time_max: Option<Spanned<Span>>,
}

/// Which pictures that apps name by an address are fetched, and how much of them.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "InputPictures")]
pub(super) struct RawInputPictures {
    /// Hosts outside that pictures are fetched from, such as `"cdn.example.com"` or
    /// `"*.example.com"`.
    pub(super) hosts: Vec<Spanned<String>>,
    /// Hosts of your own network that pictures are fetched from, each by name.
    pub(super) inside_hosts: Vec<Spanned<String>>,
    /// Bytes of one picture. 20 MiB unless said.
    pub(super) bytes_max: Option<ByteCount>,
    /// All pictures of one request together. 15 s unless said.
    pub(super) timeout: Option<Span>,
}

/// The text model that writes prompts for apps that ask for one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Prompts")]
pub(super) struct RawPrompts {
    /// Its vendor, one with the usual chat API.
    pub(super) vendor: Spanned<String>,
    /// The vendor's name of the model.
    pub(super) model: String,
    /// What an app pays for a prompt, in credits.
    pub(super) price: Spanned<String>,
    /// What the vendor charges for it, in dollars.
    pub(super) cost: Spanned<String>,
    /// How long it may take. 20 s unless said.
    pub(super) deadline: Option<Span>,
    /// Fields added to every body as they are, in the vendor's own words.
    #[serde(default)]
    pub(super) extra: serde_json::Map<String, serde_json::Value>,
}

/// What counts where an app says nothing.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Defaults")]
pub(super) struct RawDefaults {
    /// The model that serves an app that names none.
    pub(super) model: Option<Spanned<String>>,
}

/// What is refused, bounded, routed or charged otherwise before anything is held: docs/rules.md.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Rules")]
pub(super) struct RawRules {
    /// Words that no prompt may hold.
    pub(super) denied_terms: Vec<RawDeniedTerm>,
    /// Patterns that no prompt may match.
    pub(super) denied_patterns: Vec<RawDeniedPattern>,
    /// A model that is asked about every prompt.
    pub(super) moderation: Option<Spanned<RawModeration>>,
    /// Conditions with what follows, in order.
    pub(super) rule: Vec<Spanned<RawRule>>,
}

/// A word that no prompt may hold.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DeniedTerm")]
pub(super) struct RawDeniedTerm {
    /// The word or words; found in any case, as whole words.
    pub(super) term: Spanned<String>,
    /// What the app is told.
    pub(super) message: String,
}

/// A name that apps may ask by: a frame and an addition to the prompt.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Preset")]
pub(super) struct RawPreset {
    /// The frame of a picture that is asked for without one: a ratio such as `"16:9"` or a size
    /// such as `"1024x1024"`.
    pub(super) frame: Option<Spanned<String>>,
    /// What is added to the prompt.
    pub(super) prompt_suffix: Option<Spanned<String>>,
}

/// Who is called: where they are, and how our credential is shown to them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Vendor")]
pub(super) struct RawVendor {
    /// How they are spoken to: one of the dialects with a vendor side (docs/dialects).
    pub(super) dialect: Spanned<String>,
    /// What every path is put behind: `"https://host/path"`; `"painter:"` paints in this process.
    pub(super) base_url: Spanned<String>,
    /// How the credential is shown: `"bearer"`, `"basic"`, `"header: NAME"`, `"word: WORD"`,
    /// `"sigv4: REGION/SERVICE"`, `"google-service-account"` or `"none"`. The dialect's own way
    /// unless said.
    pub(super) auth: Option<Spanned<String>>,
    /// Where the credential is: `"env:NAME"` or `"file:/path"`, never the credential itself. A
    /// vendor whose credential is not there is left out, and the check says so.
    pub(super) secret: Option<Spanned<String>>,
    /// Several of them, each an account of its own that takes its turn.
    #[serde(default)]
    pub(super) secrets: Vec<Spanned<String>>,
    /// How long one exchange may take. 2 min unless said.
    pub(super) timeout: Option<Span>,
    /// The largest answer that is read. 64 MiB unless said.
    pub(super) answer_bytes_max: Option<ByteCount>,
    /// Other hosts that the vendor may name for asking after an order.
    #[serde(default)]
    pub(super) hosts: Vec<Spanned<String>>,
    /// Other hosts that the vendor may name for its pictures.
    #[serde(default)]
    pub(super) picture_hosts: Vec<Spanned<String>>,
    /// Calls in a minute to each account, at most a tenth of them at once. No bound unless said.
    pub(super) calls_per_minute_max: Option<NonZeroU32>,
    /// Whether an order that is taken back in time costs nothing, so that `hedge_after` may be
    /// used.
    #[serde(default)]
    pub(super) cancel_free: bool,
    /// Whether test-mode keys are served from here.
    #[serde(default)]
    pub(super) for_tests: bool,
    /// Whether they are told of the trace: `traceparent` and the app's `tracestate`.
    #[serde(default)]
    pub(super) trace_context: bool,
    /// How long the painter takes for a picture; for the painter only.
    pub(super) latency: Option<Spanned<Span>>,
    /// What the painter plays in place of a picture; for the painter only.
    pub(super) fault: Option<Spanned<PlayedFault>>,
    /// Calls of its own API that may be passed through, at a price each.
    #[serde(default)]
    pub(super) passthrough: Vec<Spanned<RawFare>>,
}

/// A call of a vendor's own API that may be passed through.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Fare")]
pub(super) struct RawFare {
    /// `"GET"`, `"POST"`, `"PUT"`, `"PATCH"` or `"DELETE"`.
    pub(super) method: Spanned<String>,
    /// The whole path as the vendor sees it; `*` at its end is everything that begins so.
    pub(super) path: Spanned<String>,
    /// What the caller pays for a call, in credits.
    pub(super) price: Spanned<String>,
    /// What the vendor charges for it, in dollars.
    pub(super) cost: Spanned<String>,
}

/// A ratio as a key.
pub(super) fn ratio(text: &str) -> Option<Ratio> {
    text.parse().ok()
}
