//! The metrics of rules: what became of them, and of checks by a moderation model.

use prometheus::{IntCounterVec, Registry};

use super::counters;

/// What rules came to.
#[derive(Debug)]
pub struct RuleMetrics {
    /// Rules of policy by what became of them: `held`, `denied`, `failed`, or `shadow`.
    pub rules: IntCounterVec,
    /// Checks of prompts: `passed`, `denied`, or `failed`.
    pub moderations: IntCounterVec,
}

impl RuleMetrics {
    pub(super) fn new(r: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            rules: counters(
                r,
                "pixelgate_rules_total",
                "Rules of policy by what became of them",
                &["rule", "outcome"],
            )?,
            moderations: counters(
                r,
                "pixelgate_moderations_total",
                "Checks of prompts by a moderation model, by what they came to",
                &["outcome"],
            )?,
        })
    }
}
