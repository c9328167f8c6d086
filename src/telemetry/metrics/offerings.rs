//! The metrics of offerings: whether each may be asked, and how it has been doing.

use prometheus::{GaugeVec, IntGaugeVec, Registry};

use super::{float_gauges, gauges};

/// How offerings of the policy in force stand, as of the last look at the metrics.
#[derive(Debug)]
pub struct OfferingMetrics {
    /// 1 for the state an offering is in: `closed`, `open`, `half_open`, `drained` or
    /// `unconnected`; 0 for the others.
    state: IntGaugeVec,
    /// Attempts without an outcome yet.
    in_flight: IntGaugeVec,
    /// How long a picture is expected to take, once one was drawn.
    expected_seconds: GaugeVec,
}

/// One offering, as it stands.
#[derive(Clone, Copy, Debug)]
pub struct OfferingGauge<'a> {
    /// Its name in policy.
    pub offering: &'a str,
    /// What it is in, of [`OFFERING_STATES`].
    pub state: &'static str,
    /// Attempts without an outcome yet.
    pub in_flight: u32,
    /// How long a picture is expected to take, in milliseconds.
    pub expected_ms: Option<f64>,
}

/// Every state that an offering may be in.
pub const OFFERING_STATES: [&str; 5] = ["closed", "open", "half_open", "drained", "unconnected"];

impl OfferingMetrics {
    pub(super) fn new(r: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            state: gauges(
                r,
                "pixelgate_offering_state",
                "1 for the state that an offering is in, 0 for the others",
                &["offering", "state"],
            )?,
            in_flight: gauges(
                r,
                "pixelgate_offering_in_flight",
                "Attempts at an offering that have no outcome yet",
                &["offering"],
            )?,
            expected_seconds: float_gauges(
                r,
                "pixelgate_offering_expected_seconds",
                "How long a picture of an offering is expected to take, as routing sees it",
                &["offering"],
            )?,
        })
    }

    /// These are all there are; what policy dropped is forgotten.
    pub fn stand<'a>(&self, offerings: impl Iterator<Item = OfferingGauge<'a>>) {
        self.state.reset();
        self.in_flight.reset();
        self.expected_seconds.reset();
        for one in offerings {
            let name = one.offering;
            for state in OFFERING_STATES {
                let is_in = i64::from(state == one.state);
                self.state.with_label_values(&[name, state]).set(is_in);
            }
            self.in_flight.with_label_values(&[name]).set(one.in_flight.into());
            if let Some(ms) = one.expected_ms {
                self.expected_seconds.with_label_values(&[name]).set(ms / 1000.0);
            }
        }
    }
}
