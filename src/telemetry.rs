//! Telling what happened: a receipt becomes one log line and the metrics.

use std::sync::Arc;

use prometheus::{Encoder, TextEncoder};

use crate::canonical::{Blame, RefusalKind};
use crate::config::LogFormat;
use crate::fault::VendorFault;
use crate::receipt::Receipt;

mod bound;
mod kinds;
mod metrics;
mod recent;

pub use bound::Bound;
pub use metrics::{
    AnswerMetrics, BudgetMetrics, Metrics, PriceMetrics, RuleMetrics, ShadowMetrics, StoreMetrics,
    WebhookMetrics,
};
pub use recent::{Recent, Refused, SPAN_MS, SPANS_MAX, Span};

/// Where receipts are told.
#[derive(Clone, Debug)]
pub struct Telemetry {
    metrics: Arc<Metrics>,
    recent: Arc<Recent>,
}

impl Telemetry {
    /// Metrics of this process, all at zero.
    pub fn new() -> Result<Self, prometheus::Error> {
        Ok(Self { metrics: Arc::new(Metrics::new()?), recent: Arc::default() })
    }

    /// The metrics, for those who count as they go.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The last minutes, for looking at.
    pub fn recent(&self) -> &Recent {
        &self.recent
    }

    /// Everything that Prometheus may scrape, as text.
    pub fn scrape(&self) -> Vec<u8> {
        let mut text = Vec::new();
        let families = self.metrics.registry().gather();
        if let Err(error) = TextEncoder::new().encode(&families, &mut text) {
            tracing::error!(%error, "metrics cannot be written");
        }
        text
    }

    /// One exchange with a vendor, as it ended.
    pub fn attempt(&self, vendor: &str, seconds: f64, fault: Option<&VendorFault>) {
        let outcome = fault.map_or("ok", VendorFault::code);
        self.metrics.vendor_seconds.with_label_values(&[vendor, outcome]).observe(seconds);
        if fault.is_some_and(VendorFault::outcome_unknown) {
            self.metrics.outcomes_unknown.with_label_values(&[vendor]).inc();
        }
    }

    /// One request, once, when its answer is ready.
    pub fn tell(&self, receipt: &Receipt, message: Option<&str>) {
        self.count(receipt);
        self.recent.add(receipt, message);
        log(receipt, message);
    }

    fn count(&self, receipt: &Receipt) {
        let metrics = &self.metrics;
        let dialect = if receipt.dialect.is_empty() { "none" } else { receipt.dialect };
        metrics.requests.with_label_values(&[dialect, receipt.outcome()]).inc();
        metrics.request_seconds.with_label_values(&[dialect]).observe(seconds(receipt.total_us));
        metrics
            .overhead_seconds
            .with_label_values(&[dialect])
            .observe(seconds(receipt.overhead_us()));
        if receipt.store_us > 0 {
            metrics.store_seconds.observe(seconds(receipt.store_us));
        }
        if let Some(kind) = receipt.refusal {
            metrics.refusals.with_label_values(&[kind.code(), kind.blame().name()]).inc();
        }
        let (Some(model), Some(offering)) = (&receipt.model, &receipt.offering) else {
            return;
        };
        metrics.images.with_label_values(&[model, offering]).inc_by(u64::from(receipt.images));
        metrics.credits.with_label_values(&[model]).inc_by(units(receipt.charged.nanos()));
        metrics.cost.with_label_values(&[offering]).inc_by(units(receipt.cost.nanos()));
    }
}

/// The only place where money becomes a float: a metric is a hint, the ledger is the book.
#[expect(clippy::cast_precision_loss, reason = "a metric is a hint, the ledger is the book")]
fn units(nanos: i64) -> f64 {
    nanos.max(0) as f64 / 1e9
}

#[expect(clippy::cast_precision_loss, reason = "a duration that loses precision took centuries")]
fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

/// Writes the one line of a request. Prompts, pictures and keys are not on it.
fn log(receipt: &Receipt, message: Option<&str>) {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let caller = receipt.caller.as_ref();
    tracing::info!(
        request_id = %receipt.request_id,
        dialect = receipt.dialect,
        workspace = caller.map(|c| c.workspace.as_str()).unwrap_or_default(),
        key = caller.map(|c| c.key.as_str()).unwrap_or_default(),
        plan = caller.map(|c| c.plan.as_str()).unwrap_or_default(),
        test = caller.is_some_and(|c| c.test),
        model = text(&receipt.model),
        offering = text(&receipt.offering),
        status = receipt.status,
        outcome = receipt.outcome(),
        blame = receipt.refusal.map(RefusalKind::blame).map(Blame::name).unwrap_or_default(),
        reason = message.unwrap_or_default(),
        images = receipt.images,
        credits = %receipt.charged,
        cost_dollars = %receipt.cost,
        attempts = receipt.attempts,
        outcome_unknown = receipt.outcome_unknown,
        total_us = receipt.total_us,
        vendor_us = receipt.vendor_us,
        store_us = receipt.store_us,
        overhead_us = receipt.overhead_us(),
        answer_bytes = receipt.answer_bytes,
        policy_version = &*receipt.policy_version,
        "request"
    );
}

/// Sends log lines to standard error in this format.
pub fn start_log(format: LogFormat, level: tracing::Level) {
    // Pingora reports every hung-up client as an error of its own; ours are in the receipts.
    // Libraries say whole heads, keys and all, at the levels below `info`.
    let of_libraries = level.min(tracing::Level::INFO);
    let filter = tracing_subscriber::EnvFilter::new(format!(
        "{of_libraries},pixelgate={level},pingora=error,pingora_core=error,pingora_proxy=error"
    ));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(false).try_init(),
        LogFormat::Text => builder.try_init(),
    };
    if started.is_err() {
        tracing::debug!("the log was started before");
    }
}
