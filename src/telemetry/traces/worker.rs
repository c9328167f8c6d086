//! The task that makes spans of what was handed over, and sends them in messages.

use std::sync::Arc;

use opentelemetry::InstrumentationScope;
use opentelemetry_sdk::trace::{SpanData as Span, SpanExporter as _};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::config;
use crate::telemetry::Metrics;

use super::Ended;
use super::spans::spans;

/// Sends spans until there are no more.
pub(super) struct Worker {
    pub(super) collector: opentelemetry_otlp::SpanExporter,
    pub(super) handed_over: mpsc::Receiver<Box<Ended>>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) stopping: CancellationToken,
    pub(super) bounds: config::Traces,
}

impl Worker {
    /// Until the process stops, and then until nothing is left.
    pub(super) async fn work(mut self) {
        let scope = InstrumentationScope::builder("pixelgate")
            .with_version(env!("CARGO_PKG_VERSION"))
            .build();
        let mut is_heard = true;
        while let Some(batch) = self.gather(&scope).await {
            is_heard = self.send(batch, is_heard).await;
        }
    }

    /// The spans of the next message: of one request, and of what comes soon after it.
    async fn gather(&mut self, scope: &InstrumentationScope) -> Option<Vec<Span>> {
        let first = tokio::select! {
            first = self.handed_over.recv() => first?,
            () = self.stopping.cancelled() => self.handed_over.try_recv().ok()?,
        };
        let until = Instant::now() + self.bounds.every;
        let mut batch = self.spans_of(&first, scope);
        while batch.len() < self.bounds.batch_spans {
            let next = tokio::select! {
                next = timeout_at(until, self.handed_over.recv()) => next.ok().flatten(),
                () = self.stopping.cancelled() => self.handed_over.try_recv().ok(),
            };
            let Some(next) = next else { break };
            batch.extend(self.spans_of(&next, scope));
        }
        Some(batch)
    }

    fn spans_of(&self, ended: &Ended, scope: &InstrumentationScope) -> Vec<Span> {
        self.metrics.traces.waiting.dec();
        spans(ended, scope)
    }

    /// One message. Whether it was heard; a change of that is told.
    async fn send(&self, batch: Vec<Span>, was_heard: bool) -> bool {
        let count = u64::try_from(batch.len()).unwrap_or(u64::MAX);
        let problem = match timeout(self.bounds.export.timeout, self.collector.export(batch)).await
        {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("it did not answer in time".to_owned()),
        };
        let metrics = &self.metrics.traces;
        let Some(problem) = problem else {
            metrics.exported.inc_by(count);
            if !was_heard {
                tracing::info!("spans are exported again");
            }
            return true;
        };
        metrics.dropped.with_label_values(&["failed"]).inc_by(count);
        if was_heard {
            let at = &self.bounds.export.endpoint;
            tracing::warn!(
                at,
                problem,
                "spans cannot be exported; they are dropped until they can"
            );
        }
        false
    }
}
