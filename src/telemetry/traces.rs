//! Traces: which requests are traced, and the way of their trails to a collector.
//!
//! A request hands its trail over at its end and waits for nobody: a full queue drops it, and a metric
//! says so. One task makes spans of what is handed over and sends them.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method};
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Moment;
use crate::config;
use crate::receipt::Receipt;
use crate::trail::{Fate, Trail};

use super::Metrics;

mod collector;
mod sampling;
mod spans;
mod worker;

pub(super) use sampling::Sampler;
use worker::Worker;

/// Why nothing can be exported.
#[derive(Debug, Error)]
pub enum TraceError {
    /// A header's value is not where config says.
    #[error("traces.headers: there is nothing at {place}")]
    NoHeader {
        /// Where.
        place: String,
    },
    /// A header's value cannot be sent.
    #[error("traces.headers: what is at {place} cannot be a header's value")]
    BadHeader {
        /// Where.
        place: String,
    },
    /// The file of who signs the collector's certificate.
    #[error("traces.authority: cannot read {path}")]
    Authority {
        /// The file.
        path: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The exporter does not take what it is given.
    #[error("traces: {problem}")]
    Exporter {
        /// What it says.
        problem: String,
    },
}

/// A request as it comes in.
#[derive(Clone, Copy, Debug)]
pub struct Coming<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Its path, without the query.
    pub path: &'a str,
    /// Where it came to: scheme, host and port.
    pub url: &'a str,
    /// Its header fields.
    pub headers: &'a HeaderMap,
    /// When it began.
    pub at: Instant,
    /// The same, in milliseconds since the Unix epoch.
    pub unix_ms: i64,
}

/// A request that has ended.
#[derive(Debug)]
struct Ended {
    receipt: Receipt,
    at: Moment,
}

/// The way of trails to a collector.
#[derive(Debug)]
pub(super) struct Traces {
    pub(super) sampler: Sampler,
    queue: mpsc::Sender<Box<Ended>>,
    metrics: Arc<Metrics>,
    tasks: TaskTracker,
    stopping: CancellationToken,
    flush_timeout: Duration,
}

impl Traces {
    /// Begins to export, as configured.
    pub(super) fn start(
        config: &config::Traces,
        metrics: &Arc<Metrics>,
    ) -> Result<Self, TraceError> {
        let (queue, handed_over) = mpsc::channel(config.queue_max);
        let (tasks, stopping) = (TaskTracker::new(), CancellationToken::new());
        let worker = Worker {
            collector: collector::collector(&config.export)?,
            handed_over,
            metrics: Arc::clone(metrics),
            stopping: stopping.clone(),
            bounds: config.clone(),
        };
        tasks.spawn(worker.work());
        tasks.close();
        let sampler = Sampler::new(config.sampling);
        let (metrics, flush_timeout) = (Arc::clone(metrics), config.flush_timeout);
        Ok(Self { sampler, queue, metrics, tasks, stopping, flush_timeout })
    }

    /// Hands a request's trail over, if spans are to be made of it.
    pub(super) fn hand_over(&self, receipt: &Receipt) {
        let Some(path) = receipt.trail.path() else { return };
        if path.beginning.fate == Fate::KeptOnFault && !is_fault(receipt) {
            return;
        }
        match self.queue.try_reserve() {
            Ok(place) => {
                self.metrics.traces.waiting.inc();
                let receipt = Receipt { sketch: None, ..receipt.clone() };
                place.send(Box::new(Ended { receipt, at: Instant::now().into_std().into() }));
            }
            Err(TrySendError::Full(()) | TrySendError::Closed(())) => {
                self.drop_spans("queue_full", path.spans());
            }
        }
    }

    fn drop_spans(&self, why: &str, count: usize) {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.metrics.traces.dropped.with_label_values(&[why]).inc_by(count);
    }

    /// Exports what is left, within its bound.
    pub(super) async fn flush(&self) {
        self.stopping.cancel();
        if tokio::time::timeout(self.flush_timeout, self.tasks.wait()).await.is_err() {
            let requests = self.queue.max_capacity().saturating_sub(self.queue.capacity());
            tracing::warn!(
                requests,
                "the spans of the last requests could not be exported in time"
            );
        }
    }
}

/// Whether a request failed by a vendor's fault or ours.
fn is_fault(receipt: &Receipt) -> bool {
    use crate::canonical::Blame;
    let is_not_the_callers = receipt.refusal.is_some_and(|kind| match kind.blame() {
        Blame::Vendor | Blame::Us => true,
        Blame::Caller | Blame::Budget => false,
    });
    is_not_the_callers || receipt.outcome_unknown
}

/// A trail of a request that is not traced here: empty, unless its app's trace goes through us.
pub(super) fn untraced(coming: &Coming<'_>) -> Trail {
    match crate::trail::read(coming.headers) {
        None => Trail::default(),
        Some(context) => sampling::carried(context, coming),
    }
}
