//! What happened to one request, for telling: one log line, one usage row, the metrics.
//!
//! Filled along the way and written once at the end. No logic ever reads it back.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::canonical::{Quality, RefusalKind, Size, Sketch};
use crate::credits::{Cost, Credits};
use crate::id::{HoldId, KeyId, RequestId, WorkspaceId};
use crate::trail::Trail;

mod word;

pub use word::Word;

/// The story of one request.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Receipt {
    /// The request's name.
    pub request_id: RequestId,
    /// When its head was read, in milliseconds since the Unix epoch.
    pub unix_ms: i64,
    /// The client side's dialect; empty when none claimed the path.
    #[serde(with = "word")]
    pub dialect: Word,
    /// Who asked, once proven.
    pub caller: Option<ReceiptCaller>,
    /// What was to be done, once understood, in one word.
    #[serde(with = "word::maybe")]
    pub operation: Option<Word>,
    /// The public model name, once known to policy.
    pub model: Option<String>,
    /// The offering that served, or the last that was tried.
    pub offering: Option<String>,
    /// The vendor of that offering.
    pub vendor: Option<String>,
    /// Pictures asked for.
    pub images_asked: u32,
    /// Pixels of all of them.
    pub pixels_asked: u64,
    /// Pictures delivered.
    pub images: u32,
    /// The size that was priced.
    pub size: Option<Size>,
    /// The quality that was priced.
    pub quality: Option<Quality>,
    /// What its app put on it, for finance.
    pub labels: BTreeMap<String, String>,
    /// The credits set aside for it.
    pub hold: Option<HoldId>,
    /// What the caller paid.
    pub charged: Credits,
    /// What vendors charge us, as booked.
    pub cost: Cost,
    /// Vendor calls made.
    pub attempts: u32,
    /// The no, if it was one.
    pub refusal: Option<RefusalKind>,
    /// The HTTP status.
    pub status: u16,
    /// From head read to answer ready, in microseconds.
    pub total_us: u64,
    /// Of that, waiting for vendors, in microseconds.
    pub vendor_us: u64,
    /// Of that, waiting for the store to be durable, in microseconds.
    pub store_us: u64,
    /// Bytes of the answer's body.
    pub answer_bytes: u64,
    /// The policy that the whole request ran under.
    pub policy_version: Arc<str>,
    /// The version of the price that the caller was quoted and charged by.
    pub price_version: Option<Arc<str>>,
    /// The version of the cost of the offering that is named.
    pub cost_version: Option<Arc<str>>,
    /// Whether a vendor may have drawn and billed without our knowing.
    pub outcome_unknown: bool,
    /// Whether it was cancelled by its app.
    pub cancelled: bool,
    /// What it would be judged by again, once it is understood.
    pub sketch: Option<Box<Sketch>>,
    /// What it left behind at each step, for spans.
    #[serde(skip)]
    pub trail: Trail,
}

/// Who asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReceiptCaller {
    /// Who pays.
    pub workspace: WorkspaceId,
    /// The key's public name.
    pub key: KeyId,
    /// The key's plan.
    pub plan: String,
    /// Whether it is a test-mode key.
    pub test: bool,
}

impl Receipt {
    /// A request whose head was just read.
    pub fn begin(request_id: RequestId, unix_ms: i64, policy_version: Arc<str>) -> Self {
        Self {
            request_id,
            unix_ms,
            dialect: "",
            caller: None,
            operation: None,
            model: None,
            offering: None,
            vendor: None,
            images_asked: 0,
            pixels_asked: 0,
            images: 0,
            size: None,
            quality: None,
            labels: BTreeMap::new(),
            hold: None,
            charged: Credits::ZERO,
            cost: Cost::ZERO,
            attempts: 0,
            refusal: None,
            status: 0,
            total_us: 0,
            vendor_us: 0,
            store_us: 0,
            answer_bytes: 0,
            policy_version,
            price_version: None,
            cost_version: None,
            outcome_unknown: false,
            cancelled: false,
            sketch: None,
            trail: Trail::default(),
        }
    }

    /// `ok`, `cancelled`, or the refusal's code: one word for log, metric and usage row.
    pub const fn outcome(&self) -> &'static str {
        match self.refusal {
            None if self.cancelled => "cancelled",
            None => "ok",
            Some(kind) => kind.code(),
        }
    }

    /// Our own share of the time: all, less vendors and store.
    pub const fn overhead_us(&self) -> u64 {
        self.total_us.saturating_sub(self.vendor_us).saturating_sub(self.store_us)
    }
}
