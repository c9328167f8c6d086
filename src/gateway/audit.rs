//! The books are proved while the gateway runs, soon after its start and then again and again.

use std::time::Duration;

use super::{Gateway, refuse};

/// Who has just started has better things to do first.
const FIRST_AFTER: Duration = Duration::from_secs(5);

/// Faults that are told one by one; the metric counts all of them.
const TOLD_MAX: usize = 10;

impl Gateway {
    /// Proves the books every so often, and says what it found. Never ends.
    pub async fn audit_books(&self, every: Duration) {
        tokio::time::sleep(FIRST_AFTER.min(every)).await;
        loop {
            self.audit_once().await;
            tokio::time::sleep(every).await;
        }
    }

    async fn audit_once(&self) {
        let metrics = self.telemetry.metrics();
        let result = match self.store.verify().await {
            Ok(report) => {
                metrics.ledger_faults.set(i64::try_from(report.faults.len()).unwrap_or(i64::MAX));
                for fault in report.faults.iter().take(TOLD_MAX) {
                    tracing::error!(fault, "the books do not balance");
                }
                if report.balances() { "balanced" } else { "faulty" }
            }
            Err(error) => {
                let error = refuse::chain(&error);
                tracing::error!(error, "the books could not be proved");
                "failed"
            }
        };
        metrics.ledger_audits.with_label_values(&[result]).inc();
    }
}
