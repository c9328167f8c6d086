//! The store and the pure ledger are told the same history and must answer the same.

use proptest::prelude::*;

use crate::clock::{ManualClock, Now};
use crate::id::RequestId;
use crate::ledger::Ledger;
use crate::ledger::tests::histories::{Event, QUOTAS, event, hold_ask, new_adjustment, new_grant};

use super::world::Place;
use super::*;

/// Both sides of the comparison. Workspaces have names of their own in the store.
struct Pair {
    ledger: Ledger,
    store: Store,
    clock: Arc<ManualClock>,
    place: Place,
    names: HashMap<WorkspaceId, WorkspaceId>,
}

impl Pair {
    async fn new(place: Place) -> Self {
        let clock = Arc::new(ManualClock::at(Now { unix_ms: 0, tick_ms: 0 }));
        let store = place.open(&clock, USUAL_BOUNDS).await;
        let mut names = HashMap::new();
        for number in 0..3 {
            let name = format!("ws_{number}");
            let id = store.create_workspace(name.clone()).await.unwrap();
            names.insert(WorkspaceId::known(&name), id);
        }
        Self { ledger: Ledger::default(), store, clock, place, names }
    }

    /// Plays one event on both sides; gives both answers as text.
    async fn play(&mut self, event: &Event) -> (String, String) {
        let now = self.clock.now();
        let receipt = || Receipt::begin(RequestId::known("req_one"), now.unix_ms, "p1".into());
        match event {
            Event::Grant { .. } => {
                let mut new = new_grant(event, now.unix_ms).unwrap();
                new.workspace = self.names[&new.workspace].clone();
                let pure = self.ledger.grant(&new, now).map(|done| done.outcome);
                (told(pure), told(self.store.grant(new).await))
            }
            Event::Hold { .. } => {
                let mut ask = hold_ask(event, now.unix_ms).unwrap();
                ask.workspace = self.names[&ask.workspace].clone();
                let pure = self.ledger.hold(&ask, now).map(|done| done.outcome);
                (told(pure), told(self.store.hold(ask).await))
            }
            Event::Settle { id, price, images } => {
                let hold = HoldId::known(&format!("hold_{id}"));
                let price = Credits::from_nanos(*price);
                let pure = self.ledger.settle(&hold, price, *images, now);
                let receipt = Receipt { images: *images, ..receipt() };
                let stored = self.store.settle(hold, price, receipt).await;
                (told(pure.map(|done| done.outcome)), told(stored))
            }
            Event::Void { id } => {
                let hold = HoldId::known(&format!("hold_{id}"));
                let pure = self.ledger.void(&hold, now).map(|done| done.outcome);
                (told(pure), told(self.store.void(hold, receipt()).await))
            }
            Event::Adjust { .. } => {
                let mut new = new_adjustment(event).unwrap();
                new.workspace = self.names[&new.workspace].clone();
                let pure = self.ledger.adjust(&new, now).map(|done| done.outcome);
                (told(pure), told(self.store.adjust(new).await))
            }
            Event::Sweep => {
                let pure = self.ledger.sweep(now).map(|_| ());
                (told(pure), told(self.store.sweep().await))
            }
            // Only the wall moves: ticks would make the store sweep when the ledger is not asked to.
            Event::Wait { ms } => {
                let at = Now { unix_ms: now.unix_ms + ms, tick_ms: 0 };
                self.move_to(at).await;
                (String::new(), String::new())
            }
        }
    }

    /// A restart with a later clock: what is in the tables has to be everything.
    async fn move_to(&mut self, at: Now) {
        self.store.clone().close().await.unwrap();
        self.clock = Arc::new(ManualClock::at(at));
        // Opening sweeps, so the ledger is swept too.
        while self.ledger.sweep(at).unwrap().outcome.more {}
        self.store = self.place.open(&self.clock, USUAL_BOUNDS).await;
    }
}

fn told<T: fmt::Debug, E: ToString>(answer: Result<T, E>) -> String {
    answer.map_or_else(|no| no.to_string(), |yes| format!("{yes:?}"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 60, ..ProptestConfig::default() })]

    #[test]
    fn the_store_answers_as_the_ledger_does(
        events in prop::collection::vec(event(), 1..50)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            agree(Place::folder(), &events).await;
            agree(Place::database(), &events).await;
        });
    }
}

/// Plays a history on a store and on the pure ledger, operation by operation.
async fn agree(place: Place, events: &[Event]) {
    let mut pair = Pair::new(place).await;
    for event in events {
        let (pure, stored) = pair.play(event).await;
        assert_eq!(pure, stored, "{event:?}");
    }
    for (subject, workspace) in &pair.names {
        for (unit, ..) in QUOTAS {
            let stored = pair.store.quota_used(subject.as_str().into(), unit, 0).await.unwrap();
            assert_eq!(pair.ledger.quota_used(subject.as_str(), unit, 0), stored, "{unit:?}");
        }
        let stored = pair.store.balance(workspace).await.unwrap();
        assert_eq!(pair.ledger.balance(workspace), stored);
    }
    let report = pair.store.verify().await.unwrap();
    assert_eq!(report.faults, Vec::<String>::new());
}
