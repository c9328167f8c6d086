//! Who had series at the last look, so that those of who is gone can be dropped. Whoever stays keeps
//! theirs without a gap: two may look at once.

use std::collections::BTreeSet;

use parking_lot::Mutex;

/// Names of policy that have series.
#[derive(Debug, Default)]
pub(super) struct Roster(Mutex<BTreeSet<String>>);

impl Roster {
    /// These are there now; those that were and are no more.
    pub(super) fn now_are(&self, present: BTreeSet<String>) -> Vec<String> {
        let mut known = self.0.lock();
        let gone = known.difference(&present).cloned().collect();
        *known = present;
        gone
    }
}
