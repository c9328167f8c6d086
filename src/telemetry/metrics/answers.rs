//! What answers take up on their way to clients.

use prometheus::{IntGauge, Registry};

use super::gauge;

/// Memory of answers.
#[derive(Debug)]
pub struct AnswerMetrics {
    /// Bytes of room that answers have until their clients have read them.
    pub in_flight_bytes: IntGauge,
}

impl AnswerMetrics {
    pub(super) fn new(r: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            in_flight_bytes: gauge(
                r,
                "pixelgate_answers_in_flight_bytes",
                "Bytes of answers held now, until their clients have read them",
            )?,
        })
    }
}
