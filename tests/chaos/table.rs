//! The table that is printed: a row for each fault.

use super::audit::Findings;

/// What one fault came to.
pub(crate) struct Row {
    pub(crate) fault: &'static str,
    /// Times that it struck.
    pub(crate) injected: usize,
    /// Calls that were in flight when it did, all times together.
    pub(crate) in_flight: usize,
    /// Calls in all, and how many of them were served.
    pub(crate) calls: (usize, usize),
    pub(crate) findings: Findings,
}

impl Row {
    /// Whether the books are right, and the fault struck while there was something to lose.
    pub(crate) fn is_good(&self) -> bool {
        let Findings { lost, doubled, overspent, .. } = self.findings;
        (lost, doubled, overspent) == (0, 0, 0)
            && self.injected > 0
            && self.in_flight > 0
            && self.calls.1 > 0
    }
}

/// The line above all rows.
pub(crate) fn heading() -> String {
    format!(
        "{:<34}{:>9}{:>11}{:>8}{:>8}{:>6}{:>9}{:>11}{:>10}",
        "fault",
        "injected",
        "in flight",
        "calls",
        "served",
        "lost",
        "doubled",
        "overspent",
        "exposed"
    )
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { fault, injected, in_flight, calls: (calls, served), findings } = self;
        let Findings { lost, doubled, overspent, exposed, .. } = findings;
        write!(
            f,
            "{fault:<34}{injected:>9}{in_flight:>11}{calls:>8}{served:>8}{lost:>6}{doubled:>9}{overspent:>11}{exposed:>10}"
        )
    }
}
