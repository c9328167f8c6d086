//! Random histories: whatever happens, in whatever order, the books balance.

use std::collections::HashMap;
use std::sync::Arc;

use proptest::prelude::*;

use crate::id::{KeyId, RequestId};

use super::super::*;

/// One event of a history. Names are small numbers, so that they often meet again.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    Grant { id: u8, workspace: u8, amount: i64, facts: u8 },
    Hold { id: u8, workspace: u8, amount: i64, lasts_ms: i64, weight: u32, counted: u8 },
    Settle { id: u8, price: i64, images: u32 },
    Void { id: u8 },
    Adjust { id: u8, workspace: u8, amount: i64, grant: Option<u8> },
    Sweep,
    Wait { ms: i64 },
}

pub(crate) fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        2 => (0..20_u8, 0..3_u8, 1..200_i64, any::<u8>())
            .prop_map(|(id, workspace, amount, facts)| Event::Grant { id, workspace, amount, facts }),
        6 => (0..40_u8, 0..3_u8, 0..80_i64, 1..300_i64, 0..4_u32, any::<u8>()).prop_map(
            |(id, workspace, amount, lasts_ms, weight, counted)|
                Event::Hold { id, workspace, amount, lasts_ms, weight, counted }
        ),
        4 => (0..40_u8, 0..80_i64, 0..4_u32)
            .prop_map(|(id, price, images)| Event::Settle { id, price, images }),
        2 => (0..40_u8).prop_map(|id| Event::Void { id }),
        1 => (0..9_u8, 0..3_u8, 0..60_i64, prop::option::of(0..20_u8)).prop_map(
            |(id, workspace, amount, grant)| Event::Adjust { id, workspace, amount, grant }
        ),
        1 => Just(Event::Sweep),
        2 => (0..200_i64).prop_map(|ms| Event::Wait { ms }),
    ]
}

/// What is counted, what each picture weighs in it, and the most of it.
pub(crate) const QUOTAS: [(QuotaUnit, u64, u64); 4] = [
    (QuotaUnit::Requests, 0, 9),
    (QuotaUnit::Images, 0, 12),
    (QuotaUnit::Pixels, 5_000_000_000, 60_000_000_000),
    (QuotaUnit::Credits, 0, 300),
];

pub(crate) fn now(unix_ms: i64) -> Now {
    Now { unix_ms, tick_ms: 0 }
}

/// A grant to `ws_one`; facts are `prio=1`, `from=5`, `until=9` and `promo`.
pub(crate) fn grant_of(id: &str, amount: i64, facts: &[&str]) -> NewGrant {
    let fact =
        |name: &str| facts.iter().find_map(|fact| fact.strip_prefix(name)?.parse::<i64>().ok());
    NewGrant {
        id: GrantId::known(id),
        workspace: WorkspaceId::known("ws_one"),
        amount: Credits::from_nanos(amount),
        source: "manual".to_owned(),
        priority: fact("prio=").map_or(9, |prio| u8::try_from(prio).unwrap()),
        promotional: facts.contains(&"promo"),
        effective_at_ms: fact("from=").unwrap_or(0),
        expires_at_ms: fact("until="),
        memo: String::new(),
    }
}

/// A hold of `ws_one`.
pub(crate) fn ask(id: &str, amount: i64, expires_at_ms: i64, quotas: Vec<QuotaAsk>) -> HoldAsk {
    HoldAsk {
        hold: HoldId::known(id),
        workspace: WorkspaceId::known("ws_one"),
        key: KeyId::known("key_one"),
        request: RequestId::known("req_one"),
        amount: Credits::from_nanos(amount),
        expires_at_ms,
        quotas,
        policy_version: Arc::from("p1"),
        weighs: Weighed::default(),
        price_version: None,
    }
}

/// What an event asks for, in the ledger's own words.
pub(crate) fn new_grant(event: &Event, at_ms: i64) -> Option<NewGrant> {
    let Event::Grant { id, workspace, amount, facts } = event else {
        return None;
    };
    Some(NewGrant {
        id: GrantId::known(&format!("grant_{id}")),
        workspace: WorkspaceId::known(&format!("ws_{workspace}")),
        priority: facts & 1,
        promotional: facts & 0b10 != 0,
        effective_at_ms: if facts & 0b100 != 0 { at_ms + 50 } else { 0 },
        expires_at_ms: (facts & 0b1_1000 == 0b1_1000).then_some(at_ms + 150),
        memo: String::new(),
        ..grant_of("", *amount, &[])
    })
}

/// What an event asks for, in the ledger's own words.
pub(crate) fn hold_ask(event: &Event, at_ms: i64) -> Option<HoldAsk> {
    let Event::Hold { id, workspace, amount, lasts_ms, weight, counted } = event else {
        return None;
    };
    let images = u64::from(*weight);
    let quota = |(unit, each, most): (QuotaUnit, u64, u64)| QuotaAsk {
        name: unit.name().to_owned(),
        subject: format!("ws_{workspace}").into(),
        unit,
        period: 0,
        weight: match unit {
            QuotaUnit::Requests => 1,
            QuotaUnit::Images => images,
            QuotaUnit::Pixels => images * each,
            QuotaUnit::Credits => amount.unsigned_abs(),
        },
        each,
        most,
        budget: (unit == QuotaUnit::Credits)
            .then(|| Box::new(BudgetAsk { limit: most, alert_at: vec![10, 50, 100] })),
    };
    let picked = QUOTAS.into_iter().enumerate().filter(|(bit, _)| counted >> bit & 1 != 0);
    Some(HoldAsk {
        workspace: WorkspaceId::known(&format!("ws_{workspace}")),
        quotas: picked.map(|(_, counted)| quota(counted)).collect(),
        ..ask(&format!("hold_{id}"), *amount, at_ms + lasts_ms, Vec::new())
    })
}

/// What an event asks for, in the ledger's own words.
pub(crate) fn new_adjustment(event: &Event) -> Option<NewAdjustment> {
    let Event::Adjust { id, workspace, amount, grant } = event else {
        return None;
    };
    Some(NewAdjustment {
        id: AdjustmentId::known(&format!("adj_{id}")),
        workspace: WorkspaceId::known(&format!("ws_{workspace}")),
        grant: grant.map(|grant| GrantId::known(&format!("grant_{grant}"))),
        amount: Credits::from_nanos(*amount),
        memo: "a mistake".to_owned(),
    })
}

/// Asks of a ledger what an event is for; nothing where it only waits.
pub(super) fn meet(ledger: &mut Ledger, event: &Event, at_ms: i64) -> Result<Changes, LedgerError> {
    let at = now(at_ms);
    match event {
        Event::Grant { .. } => {
            ledger.grant(&new_grant(event, at_ms).unwrap(), at).map(|done| done.changes)
        }
        Event::Hold { .. } => {
            ledger.hold(&hold_ask(event, at_ms).unwrap(), at).map(|done| done.changes)
        }
        Event::Settle { id, price, images } => {
            let hold = HoldId::known(&format!("hold_{id}"));
            let price = Credits::from_nanos(*price);
            ledger.settle(&hold, price, *images, at).map(|done| done.changes)
        }
        Event::Void { id } => {
            let hold = HoldId::known(&format!("hold_{id}"));
            ledger.void(&hold, at).map(|done| done.changes)
        }
        Event::Adjust { .. } => {
            ledger.adjust(&new_adjustment(event).unwrap(), at).map(|done| done.changes)
        }
        Event::Sweep => ledger.sweep(at).map(|done| done.changes),
        Event::Wait { .. } => Ok(Changes::default()),
    }
}

/// Plays a history; gives what was persisted along the way.
fn play(events: &[Event]) -> (Ledger, Vec<Entry>) {
    let (mut ledger, mut entries, mut at_ms) = (Ledger::default(), Vec::new(), 0);
    let mut told: Vec<(Arc<str>, u8)> = Vec::new();
    for event in events {
        let changes = meet(&mut ledger, event, at_ms).unwrap_or_default();
        if let Event::Wait { ms } = event {
            at_ms += ms;
        }
        for alert in changes.alerts {
            assert!(alert.spent * 100 >= alert.limit * u64::from(alert.percent), "{alert:?}");
            let new = (alert.subject, alert.percent);
            assert!(!told.contains(&new), "told twice of {new:?}");
            told.push(new);
        }
        entries.extend(changes.entries);
        check(&ledger, &entries);
    }
    (ledger, entries)
}

/// Every invariant of the books, from the entries alone and against the ledger's own sums.
fn check(ledger: &Ledger, entries: &[Entry]) {
    let mut sums: HashMap<WorkspaceId, Balance> = HashMap::new();
    let mut endings: HashMap<HoldId, EntryKind> = HashMap::new();
    for entry in entries {
        assert!(entry.amount > Credits::ZERO);
        let sum = sums.entry(entry.workspace.clone()).or_default();
        *sum = sum.moved((entry.source, entry.target), entry.amount).unwrap();
        if entry.source == Account::Held {
            let hold = entry.hold.clone().unwrap();
            let first = endings.entry(hold).or_insert(entry.kind);
            assert_eq!(*first, entry.kind, "a hold ended in two ways");
        }
    }
    for (workspace, sum) in sums {
        assert!(sum.balances());
        assert_eq!(ledger.balance(&workspace), sum);
        for (unit, _, most) in QUOTAS {
            assert!(ledger.quota_used(workspace.as_str(), unit, 0) <= most);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn whatever_happens_the_books_balance(events in prop::collection::vec(event(), 1..120)) {
        play(&events);
    }

    #[test]
    fn when_all_holds_are_swept_nothing_is_held(
        events in prop::collection::vec(event(), 1..120)
    ) {
        let (mut ledger, mut entries) = play(&events);
        let done = ledger.sweep(now(i64::MAX)).unwrap();
        entries.extend(done.changes.entries);
        check(&ledger, &entries);
        prop_assert_eq!(ledger.open_holds(), 0);
        for number in 0..3 {
            let workspace = WorkspaceId::known(&format!("ws_{number}"));
            prop_assert_eq!(ledger.balance(&workspace).held, Credits::ZERO);
        }
    }
}
