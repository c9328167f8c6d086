//! What a gateway tells of itself and of a caller's account.

use super::response::QuotaStanding;

/// How a gateway is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthReport {
    /// Its parts.
    pub checks: Vec<Check>,
}

/// How one part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its name, of one word.
    pub name: &'static str,
    /// Whether it does all of its work.
    pub is_healthy: bool,
}

/// What a caller has used, and what its plan still allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageReport {
    /// Served since the last UTC midnight.
    pub today: Tally,
    /// Served since the first of the month, UTC.
    pub this_month: Tally,
    /// The plan's name in policy.
    pub plan: String,
    /// What people call the plan.
    pub plan_title: String,
    /// The quota of a UTC day with the least left; `None` for no bound.
    pub day: Option<QuotaStanding>,
    /// The quota of a UTC month with the least left; `None` for no bound.
    pub month: Option<QuotaStanding>,
}

/// What was served in a span of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests.
    pub requests: u64,
    /// Pictures.
    pub images: u64,
}

impl HealthReport {
    /// Whether every part does all of its work.
    pub fn is_healthy(&self) -> bool {
        self.checks.iter().all(|check| check.is_healthy)
    }
}
