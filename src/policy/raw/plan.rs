//! Plans, their limits, and budgets as they are written.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::catalog::Fidelity;
use crate::limit::Of;
use crate::scalar::{ByteCount, Span};

use super::super::Period;
use super::super::spanned::Spanned;

/// What a key may do.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Plan")]
pub(in super::super) struct RawPlan {
    /// The models it includes, by name; `"*"` is all of them.
    #[serde(default)]
    pub(in super::super) models: Vec<Spanned<String>>,
    /// Sliding windows: never more than so many in any span of that length; at most 16.
    #[serde(default)]
    pub(in super::super) limits: Vec<Spanned<RawLimit>>,
    /// Calendar quotas, by the UTC day or month; at most 16.
    #[serde(default)]
    pub(in super::super) quotas: Vec<Spanned<RawQuota>>,
    /// Requests of one key at once. No bound of its own unless said.
    pub(in super::super) concurrency_max: Option<NonZeroU32>,
    /// How long kept pictures stay. Until they are erased unless said.
    pub(in super::super) pictures_kept: Option<Span>,
    /// Pictures that a workspace may keep. No bound unless said.
    pub(in super::super) pictures_max: Option<NonZeroU32>,
    /// Bytes of pictures that a workspace may keep. No bound unless said.
    pub(in super::super) pictures_bytes_max: Option<ByteCount>,
    /// What becomes of what an offering cannot express, in place of the model's word.
    pub(in super::super) fidelity: Option<Fidelity>,
    /// Whether answers say which offering served and what it cost.
    #[serde(default)]
    pub(in super::super) show_offering: bool,
    /// The vendors whose own API its keys may call.
    #[serde(default)]
    pub(in super::super) passthrough: Vec<Spanned<String>>,
    /// The dialects that its keys may not speak.
    #[serde(default)]
    pub(in super::super) without_dialects: Vec<Spanned<String>>,
    /// Words that are drawn into every picture; `true` writes "AI generated".
    pub(in super::super) watermark: Option<Spanned<RawWatermark>>,
    /// What answers say of its pictures, where a dialect has a place for it.
    pub(in super::super) disclaimer: Option<Spanned<String>>,
    /// Credits that come with each UTC month and go with it.
    pub(in super::super) monthly_credits: Option<Spanned<RawAmount>>,
    /// What people call it. Its name unless said.
    pub(in super::super) title: Option<String>,
    /// Whether pictures are kept and answered by address where the app leaves that to the plan; a
    /// text is what the storage is called.
    pub(in super::super) storage: Option<RawStorage>,
    /// How much one body may ask for that holds several requests. 10, 2 of them at once, unless said.
    pub(in super::super) batch: Option<Spanned<RawBatch>>,
    /// Hosts that its keys may name as webhooks, besides those that all may.
    #[serde(default)]
    pub(in super::super) webhook_hosts: Vec<Spanned<String>>,
}

/// The words of a watermark, or whether there are the usual ones.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected true, false or the words of a watermark")]
#[schemars(rename = "Watermark")]
pub(in super::super) enum RawWatermark {
    Flag(bool),
    Words(String),
}

/// An amount of credits: a whole number, or a text such as `"0.5"`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected an amount of credits, such as 500 or \"0.5\"")]
#[schemars(rename = "Amount")]
pub(in super::super) enum RawAmount {
    Whole(i64),
    Text(String),
}

/// A sliding window. It counts exactly one of `requests`, `images`, `megapixels` and `credits`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Limit")]
pub(in super::super) struct RawLimit {
    /// What it is called in answers, the log and metrics.
    pub(in super::super) name: String,
    /// So many requests.
    pub(in super::super) requests: Option<NonZeroU32>,
    /// So many pictures.
    pub(in super::super) images: Option<NonZeroU32>,
    /// So many megapixels of pictures asked for.
    pub(in super::super) megapixels: Option<NonZeroU32>,
    /// So many credits, such as `"2.5"`.
    pub(in super::super) credits: Option<String>,
    /// The length of the window: from 1 s to 1 d.
    pub(in super::super) per: Span,
    /// Whose requests are counted together.
    #[serde(default)]
    pub(in super::super) of: Of,
    /// Whether it is only told when it would have refused.
    #[serde(default)]
    pub(in super::super) shadow: bool,
}

/// A quota by the calendar. It counts exactly one of `requests`, `images`, `megapixels` and
/// `credits`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Quota")]
pub(in super::super) struct RawQuota {
    /// What it is called in answers, the log and metrics.
    pub(in super::super) name: String,
    /// So many requests.
    pub(in super::super) requests: Option<NonZeroU32>,
    /// So many pictures.
    pub(in super::super) images: Option<NonZeroU32>,
    /// So many megapixels of pictures asked for.
    pub(in super::super) megapixels: Option<NonZeroU32>,
    /// So many credits, such as `"2.5"`.
    pub(in super::super) credits: Option<String>,
    /// The period, in UTC.
    pub(in super::super) per: Period,
    /// Whose requests are counted together.
    #[serde(default)]
    pub(in super::super) of: Of,
}

/// How many credits may be spent in a period, by whom, and who hears of it. All that is named must
/// fit; nothing named is everyone's together.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Budget")]
pub(in super::super) struct RawBudget {
    /// The workspace whose spend counts, by its public name; `"*"` counts each by itself.
    pub(in super::super) workspace: Option<String>,
    /// The key whose spend counts, by its public name; `"*"` counts each by itself.
    pub(in super::super) key: Option<String>,
    /// The label of requests that count: `"team=red"`, or `"team=*"` for each value by itself.
    pub(in super::super) label: Option<String>,
    /// What may be spent.
    pub(in super::super) credits: RawAmount,
    /// The period, in UTC.
    pub(in super::super) per: Period,
    /// The parts, in percent, that are told of once each in a period; at most 8, none above 200.
    /// 50, 80 and 100 unless said.
    pub(in super::super) alert_at: Option<Vec<u8>>,
    /// Whether what might go beyond it is refused before any vendor is called.
    #[serde(default)]
    pub(in super::super) stop: bool,
    /// The address that is told, at a host of `[webhooks]`.
    pub(in super::super) webhook: Option<Spanned<String>>,
}

/// Whether pictures are kept, or what the storage is called that they are kept in.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "Storage")]
pub(in super::super) enum RawStorage {
    Flag(bool),
    Title(String),
}

/// How much one body may ask for that holds several requests.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Batch")]
pub(in super::super) struct RawBatch {
    /// Requests in one body.
    pub(in super::super) items_max: NonZeroU32,
    /// Of those, the most at work at once.
    pub(in super::super) concurrency_max: NonZeroU32,
}
