//! Telling what happened: a receipt becomes one log line and the metrics.

use std::sync::Arc;

use prometheus::{Encoder, TextEncoder};
use tokio::time::Instant;

use crate::canonical::{Blame, RefusalKind};
use crate::config;
use crate::fault::VendorFault;
use crate::id::RequestId;
use crate::receipt::Receipt;
use crate::trail::{Context, Trail};

mod bound;
mod exemplars;
mod kinds;
mod lines;
mod metrics;
mod openmetrics;
mod recent;
mod traces;

pub use bound::Bound;
pub use lines::{Log, start_log};
pub use metrics::{
    AnswerMetrics, BudgetGauge, BudgetMetrics, Metrics, OFFERING_STATES, OfferingGauge,
    OfferingMetrics, PictureMetrics, PriceMetrics, RoomMetrics, RuleMetrics, ShadowMetrics,
    SharedMetrics, StoreMetrics, StuckMetrics, TraceMetrics, WebhookMetrics, WorkspaceMetrics,
};
pub use recent::{Recent, Refused, SPAN_MS, SPANS_MAX, Span};
pub use traces::{Coming, TraceError};

use exemplars::Exemplars;
use traces::{Sampler, Traces};

/// Where receipts are told.
#[derive(Clone, Debug)]
pub struct Telemetry {
    metrics: Arc<Metrics>,
    recent: Arc<Recent>,
    exemplars: Arc<Exemplars>,
    traces: Option<Arc<Traces>>,
    logs_prompts: bool,
}

impl Telemetry {
    /// Metrics of this process, all at zero. So many workspaces have series of their own, the
    /// others are counted together; 0 counts none by workspace.
    pub fn new(workspaces_named_max: usize) -> Result<Self, prometheus::Error> {
        let metrics = Arc::new(Metrics::new(workspaces_named_max)?);
        // All codes from the start: the first of a kind would be missed by every rate.
        for kind in RefusalKind::ALL {
            metrics.refusals.with_label_values(&[kind.code(), kind.blame().name()]);
        }
        Ok(Self {
            metrics,
            recent: Arc::default(),
            exemplars: Arc::default(),
            traces: None,
            logs_prompts: false,
        })
    }

    /// The same, with requests traced as configured; to be called where tasks can run.
    pub fn with_traces(self, config: Option<&config::Traces>) -> Result<Self, TraceError> {
        let start = |config| Traces::start(config, &self.metrics).map(Arc::new);
        Ok(Self { traces: config.map(start).transpose()?, ..self })
    }

    /// The same, with prompts in the log if an operator asks for them.
    #[must_use]
    pub fn with_prompts(self, logs_prompts: bool) -> Self {
        Self { logs_prompts, ..self }
    }

    /// What a request asks for, where an operator wants that in the log.
    pub fn tell_prompt(&self, request_id: &RequestId, prompt: &str) {
        if self.logs_prompts {
            tracing::info!(%request_id, prompt, "a prompt");
        }
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
        self.count_lost_lines();
        let mut text = Vec::new();
        let families = self.metrics.registry().gather();
        if let Err(error) = TextEncoder::new().encode(&families, &mut text) {
            tracing::error!(%error, "metrics cannot be written");
        }
        text
    }

    /// The same in the format of OpenMetrics, with traces that stand for what was measured.
    pub fn scrape_openly(&self) -> Vec<u8> {
        self.count_lost_lines();
        openmetrics::encode(&self.metrics.registry().gather(), &self.exemplars).into_bytes()
    }

    /// One exchange with a vendor, as it ended.
    pub fn attempt(&self, vendor: &str, seconds: f64, fault: Option<&VendorFault>, trail: &Trail) {
        let outcome = fault.map_or("ok", VendorFault::code);
        self.note(("pixelgate_vendor_duration_seconds", &[outcome, vendor]), seconds, trail);
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
        self.trace(receipt);
    }

    /// The trail of a request that comes in.
    pub fn trail(&self, coming: &Coming<'_>) -> Trail {
        match &self.traces {
            Some(traces) => traces.sampler.request(coming),
            None => traces::untraced(coming),
        }
    }

    /// The trail of one request of several in one body.
    pub fn trail_of_item(&self, whole: &Trail, coming: &Coming<'_>) -> Trail {
        self.traces.as_ref().map_or_else(|| whole.clone(), |_| Sampler::item(whole, coming))
    }

    /// The trail of a job, which points at the request that it came as.
    pub fn trail_of_job(&self, link: Option<Context>, coming: &Coming<'_>) -> Trail {
        self.traces.as_ref().map_or_else(Trail::default, |traces| traces.sampler.job(link, coming))
    }

    /// The spans of one request, once, at its end; nothing waits for them.
    pub fn trace(&self, receipt: &Receipt) {
        if let Some(traces) = &self.traces {
            traces.hand_over(receipt);
        }
    }

    /// Exports the spans that are left, within their bound; to be called when nothing is in flight.
    pub async fn flush(&self) {
        if let Some(traces) = &self.traces {
            traces.flush().await;
        }
    }

    fn count_lost_lines(&self) {
        let counted = &self.metrics.log_lines_lost;
        counted.inc_by(lines::lines_lost().saturating_sub(counted.get()));
    }

    /// A trace that stands for what a histogram counts.
    fn note(&self, series: (&str, &[&str]), value: f64, trail: &Trail) {
        if trail.kept().is_some() {
            self.exemplars.note(series, value, (trail, Instant::now().into_std().into()));
        }
    }

    fn count(&self, receipt: &Receipt) {
        let metrics = &self.metrics;
        let dialect = if receipt.dialect.is_empty() { "none" } else { receipt.dialect };
        metrics.requests.with_label_values(&[dialect, receipt.outcome()]).inc();
        let (whole, own) = (seconds(receipt.total_us), seconds(receipt.overhead_us()));
        metrics.request_seconds.with_label_values(&[dialect]).observe(whole);
        metrics.overhead_seconds.with_label_values(&[dialect]).observe(own);
        let trail = &receipt.trail;
        self.note(("pixelgate_request_duration_seconds", &[dialect]), whole, trail);
        self.note(("pixelgate_overhead_seconds", &[dialect]), own, trail);
        if receipt.store_us > 0 {
            let durable = seconds(receipt.store_us);
            metrics.store_seconds.observe(durable);
            self.note(("pixelgate_store_duration_seconds", &[]), durable, trail);
        }
        if let Some(kind) = receipt.refusal {
            metrics.refusals.with_label_values(&[kind.code(), kind.blame().name()]).inc();
        }
        metrics.workspaces.count(receipt);
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
    let caller = receipt.caller.as_ref();
    tracing::info!(
        request_id = %receipt.request_id,
        dialect = receipt.dialect,
        workspace = caller.map(|c| c.workspace.as_str()).unwrap_or_default(),
        key = caller.map(|c| c.key.as_str()).unwrap_or_default(),
        plan = caller.map(|c| c.plan.as_str()).unwrap_or_default(),
        test = caller.is_some_and(|c| c.test),
        model = receipt.model.as_deref().unwrap_or_default(),
        offering = receipt.offering.as_deref().unwrap_or_default(),
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
        trace_id = receipt.trail.context().map(|context| format!("{:032x}", context.trace)),
        "request"
    );
}
