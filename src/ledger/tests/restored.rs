//! A ledger that is restored from what was persisted answers as the one that never stopped.

use std::collections::HashMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::super::*;
use super::ask;
use super::histories::{Event, QUOTAS, event, grant_of, meet, new_adjustment, new_grant, now};

/// What a store keeps: made from what operations changed, and from nothing else.
#[derive(Default)]
struct Kept {
    grants: HashMap<GrantId, Grant>,
    holds: HashMap<HoldId, Hold>,
    quotas: HashMap<(Arc<str>, QuotaUnit, i64), QuotaUse>,
    adjustments: HashMap<AdjustmentId, NewAdjustment>,
}

impl Kept {
    /// Keeps what an event changed.
    fn keep(&mut self, ledger: &Ledger, event: &Event, changes: &Changes, at_ms: i64) {
        for entry in &changes.entries {
            if entry.kind == EntryKind::Grant {
                let (new, balance) = (new_grant(event, at_ms).unwrap(), Balance::default());
                let grant = Grant { new, granted_at_ms: at_ms, balance };
                self.grants.insert(entry.grant.clone(), grant);
            }
            let grant = self.grants.get_mut(&entry.grant).unwrap();
            grant.balance =
                grant.balance.moved((entry.source, entry.target), entry.amount).unwrap();
        }
        for quota in &changes.quotas {
            let counter = (Arc::clone(&quota.subject), quota.unit, quota.period);
            self.quotas.insert(counter, quota.clone());
        }
        for number in 0..40 {
            let id = HoldId::known(&format!("hold_{number}"));
            if let Some(hold) = ledger.find_hold(&id) {
                self.holds.insert(id, hold.clone());
            }
        }
        if let Some(made) = new_adjustment(event)
            && ledger.find_adjustment(&made.id) == Some(&made)
        {
            self.adjustments.insert(made.id.clone(), made);
        }
    }

    /// The ledger after a restart: with open holds alone, and those that ended when they are asked for.
    fn restore(&self) -> Ledger {
        let grants = self.grants.values().cloned().collect();
        let open = self.holds.values().filter(|hold| hold.ended.is_none()).cloned().collect();
        Ledger::restore(grants, open, self.quotas.values().cloned().collect()).unwrap()
    }

    fn recall(&self, ledger: &mut Ledger, event: &Event) {
        let (Event::Hold { id, .. } | Event::Settle { id, .. } | Event::Void { id }) = event else {
            if let Some(made) = new_adjustment(event)
                && let Some(made) = self.adjustments.get(&made.id)
            {
                ledger.recall_adjustment(made.clone());
            }
            return;
        };
        if let Some(hold) = self.holds.get(&HoldId::known(&format!("hold_{id}"))) {
            ledger.recall(hold.clone());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_restart_changes_no_answer(
        events in prop::collection::vec((event(), prop::bool::weighted(0.1)), 1..100),
    ) {
        let (mut steady, mut stopping) = (Ledger::default(), Ledger::default());
        let (mut kept, mut at_ms) = (Kept::default(), 0);
        for (event, stops) in &events {
            if *stops {
                stopping = kept.restore();
            }
            kept.recall(&mut stopping, event);
            let expected = meet(&mut steady, event, at_ms);
            let answered = meet(&mut stopping, event, at_ms);
            prop_assert_eq!(&answered, &expected, "{:?}", event);
            kept.keep(&stopping, event, &answered.unwrap_or_default(), at_ms);
            if let Event::Wait { ms } = event {
                at_ms += ms;
            }
            prop_assert_eq!(stopping.open_holds(), steady.open_holds());
            let open = kept.holds.values().filter(|hold| hold.ended.is_none());
            prop_assert_eq!(stopping.open_holds(), open.count());
            for (id, grant) in &kept.grants {
                prop_assert_eq!(stopping.find_grant(id), Some(grant));
            }
            for number in 0..3 {
                let workspace = WorkspaceId::known(&format!("ws_{number}"));
                prop_assert_eq!(stopping.balance(&workspace), steady.balance(&workspace));
                let spendable = |ledger: &Ledger| ledger.spendable(&workspace, now(at_ms));
                prop_assert_eq!(spendable(&stopping), spendable(&steady));
                for (unit, ..) in QUOTAS {
                    let used = |ledger: &Ledger| ledger.quota_used(workspace.as_str(), unit, 0);
                    prop_assert_eq!(used(&stopping), used(&steady));
                }
            }
        }
    }
}

#[test]
fn a_sweep_takes_so_many_at_once_and_says_whether_there_is_more() {
    let mut ledger = Ledger::default();
    ledger.grant(&grant_of("all", 1_000_000, &[]), now(0)).unwrap();
    for number in 0..=SWEEP_MAX {
        ledger.hold(&ask(&format!("hold_{number}"), 1, 10, Vec::new()), now(0)).unwrap();
    }
    let first = ledger.sweep(now(10)).unwrap().outcome;
    assert_eq!((first.expired.len(), first.more), (SWEEP_MAX, true));
    let second = ledger.sweep(now(10)).unwrap().outcome;
    assert_eq!((second.expired.len(), second.more), (1, false));

    for number in 0..=SWEEP_MAX {
        let grant = grant_of(&format!("grant_{number}"), 1, &["until=50"]);
        ledger.grant(&grant, now(20)).unwrap();
    }
    let first = ledger.sweep(now(50)).unwrap().outcome;
    assert_eq!((first.lapsed.len(), first.more), (SWEEP_MAX, true));
    let second = ledger.sweep(now(50)).unwrap().outcome;
    assert_eq!((second.lapsed.len(), second.more), (1, false));
}
