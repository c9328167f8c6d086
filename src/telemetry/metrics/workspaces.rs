//! The metrics of workspaces: only where config asks for them, and never for more than it allows.

use std::collections::BTreeSet;

use parking_lot::RwLock;
use prometheus::{CounterVec, IntCounterVec, Registry};

use crate::receipt::Receipt;

use super::super::units;
use super::{counters, floats};

/// What is counted together, once as many workspaces as may be have a series of their own.
const OTHERS: &str = "other";

/// Requests, pictures and money by workspace.
#[derive(Debug)]
pub struct WorkspaceMetrics {
    /// How many are named; 0 counts none.
    named_max: usize,
    named: RwLock<BTreeSet<String>>,
    requests: IntCounterVec,
    images: IntCounterVec,
    credits: CounterVec,
    cost: CounterVec,
}

impl WorkspaceMetrics {
    pub(super) fn new(r: &Registry, named_max: usize) -> Result<Self, prometheus::Error> {
        Ok(Self {
            named_max,
            named: RwLock::default(),
            requests: counters(
                r,
                "pixelgate_workspace_requests_total",
                "Requests answered, by workspace and whose the outcome is",
                &["workspace", "blame"],
            )?,
            images: counters(
                r,
                "pixelgate_workspace_images_total",
                "Pictures delivered, by workspace",
                &["workspace"],
            )?,
            credits: floats(
                r,
                "pixelgate_workspace_credits_total",
                "Credits charged, by workspace",
                &["workspace"],
            )?,
            cost: floats(
                r,
                "pixelgate_workspace_cost_dollars_total",
                "What vendors charge us, by workspace",
                &["workspace"],
            )?,
        })
    }

    /// Counts what a proven caller did; test keys spend nothing and are left out.
    pub(in super::super) fn count(&self, receipt: &Receipt) {
        let Some(caller) = receipt.caller.as_ref().filter(|caller| !caller.test) else { return };
        if self.named_max == 0 {
            return;
        }
        let name = caller.workspace.as_str();
        let name = if self.is_named(name) { name } else { OTHERS };
        let blame = receipt.refusal.map_or("none", |kind| kind.blame().name());
        self.requests.with_label_values(&[name, blame]).inc();
        self.images.with_label_values(&[name]).inc_by(u64::from(receipt.images));
        self.credits.with_label_values(&[name]).inc_by(units(receipt.charged.nanos()));
        self.cost.with_label_values(&[name]).inc_by(units(receipt.cost.nanos()));
    }

    /// Whether it has a series of its own. The first that come have one, until the process ends: a
    /// series that changed its meaning would be worse than one that is missing.
    fn is_named(&self, workspace: &str) -> bool {
        if self.named.read().contains(workspace) {
            return true;
        }
        let mut named = self.named.write();
        if named.contains(workspace) {
            return true;
        }
        let has_room = named.len() < self.named_max;
        if has_room {
            named.insert(workspace.to_owned());
        }
        has_room
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{KeyId, RequestId, WorkspaceId};
    use crate::receipt::ReceiptCaller;

    fn counted(named_max: usize, workspaces: &[(&str, bool)]) -> Vec<(String, u64)> {
        let registry = Registry::new();
        let metrics = WorkspaceMetrics::new(&registry, named_max).unwrap();
        for (workspace, test) in workspaces {
            let mut receipt = Receipt::begin(RequestId::random(), 0, "v".into());
            receipt.caller = Some(ReceiptCaller {
                workspace: WorkspaceId::known(workspace),
                key: KeyId::known("key_1"),
                plan: "open".to_owned(),
                test: *test,
            });
            metrics.count(&receipt);
        }
        let families = registry.gather();
        let requests = families.iter().filter(|f| f.name().ends_with("_workspace_requests_total"));
        let series = requests.flat_map(prometheus::proto::MetricFamily::get_metric);
        let named = series.map(|one| {
            let workspace = one.get_label().iter().find(|label| label.name() == "workspace");
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
            let count = one.get_counter().get_value() as u64;
            (workspace.unwrap().value().to_owned(), count)
        });
        named.collect()
    }

    #[test]
    fn nothing_is_counted_by_workspace_unless_config_asks() {
        assert_eq!(counted(0, &[("ws_1", false)]), []);
    }

    #[test]
    fn workspaces_beyond_those_that_may_be_named_are_counted_together() {
        let all = [("ws_1", false), ("ws_2", false), ("ws_3", false), ("ws_4", false)];
        let again = [all.as_slice(), &[("ws_1", false)]].concat();
        let expected = [("other", 2), ("ws_1", 2), ("ws_2", 1)];
        assert_eq!(counted(2, &again), expected.map(|(name, count)| (name.to_owned(), count)));
    }

    #[test]
    fn test_keys_count_for_no_workspace() {
        assert_eq!(counted(2, &[("ws_1", true)]), []);
    }
}
