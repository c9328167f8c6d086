//! The metrics of offerings: whether each may be asked, and how it has been doing.

use std::collections::BTreeSet;

use prometheus::{GaugeVec, IntGaugeVec, Registry};

use super::roster::Roster;
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
    roster: Roster,
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
            roster: Roster::default(),
        })
    }

    /// These are all there are; what policy dropped is forgotten.
    pub fn stand<'a>(&self, offerings: impl Iterator<Item = OfferingGauge<'a>>) {
        let mut present = BTreeSet::new();
        for one in offerings {
            let name = one.offering;
            present.insert(name.to_owned());
            for state in OFFERING_STATES {
                let is_in = i64::from(state == one.state);
                self.state.with_label_values(&[name, state]).set(is_in);
            }
            self.in_flight.with_label_values(&[name]).set(one.in_flight.into());
            if let Some(ms) = one.expected_ms {
                self.expected_seconds.with_label_values(&[name]).set(ms / 1000.0);
            }
        }
        for name in self.roster.now_are(present) {
            // What has no series has none to drop.
            for state in OFFERING_STATES {
                let _ = self.state.remove_label_values(&[&name, state]);
            }
            let _ = self.in_flight.remove_label_values(&[&name]);
            let _ = self.expected_seconds.remove_label_values(&[&name]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offering_is_in_one_state_and_forgotten_with_its_policy() {
        let registry = Registry::new();
        let metrics = OfferingMetrics::new(&registry).unwrap();
        let standing = |offering, state| OfferingGauge {
            offering,
            state,
            in_flight: 2,
            expected_ms: Some(1500.0),
        };
        metrics.stand([standing("a/x", "closed"), standing("b/x", "open")].into_iter());
        metrics.stand([standing("b/x", "half_open")].into_iter());
        let said = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
        let said: Vec<&str> = said.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(said.len(), 2 + OFFERING_STATES.len(), "{said:#?}");
        assert!(said.iter().all(|line| line.contains("offering=\"b/x\"")), "{said:#?}");
        assert!(said.iter().any(|line| line.ends_with("state=\"half_open\"} 1")));
        assert_eq!(said.iter().filter(|line| line.ends_with("} 0")).count(), 4);
    }
}
