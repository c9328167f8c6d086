//! Stories of money, told as tables: one row an event, what it answered, and the balance after it.

#![expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]

use super::*;

mod counters;
pub(crate) mod histories;
mod names;
mod page;
mod restored;

use histories::{ask, grant_of, now};

/// Plays a story. A row is `time | event | answer | available held spent expired`.
fn tell(story: &str) {
    let mut ledger = Ledger::default();
    let workspace = WorkspaceId::known("ws_one");
    for row in story.lines().map(str::trim).filter(|row| !row.is_empty()) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let at = now(cells[0].parse().unwrap());
        let words: Vec<&str> = cells[1].split_whitespace().collect();
        let answer = play(&mut ledger, &words, at);
        assert_eq!(answer, cells[2], "the answer of: {row}");
        let balance = ledger.balance(&workspace);
        let after = [balance.available, balance.held, balance.spent, balance.expired]
            .map(|part| part.nanos().to_string())
            .join(" ");
        assert_eq!(after, cells[3], "the balance after: {row}");
        assert!(balance.balances(), "{balance:?} after: {row}");
    }
}

fn play(ledger: &mut Ledger, words: &[&str], at: Now) -> String {
    let amount = |place: usize| Credits::from_nanos(words[place].parse().unwrap());
    let hold = HoldId::known(words.get(1).unwrap_or(&""));
    let answer = match words[0] {
        "grant" => {
            let new = grant_of(words[1], amount(2).nanos(), &words[3..]);
            ledger.grant(&new, at).map(|_| "ok".to_owned())
        }
        "hold" => ledger
            .hold(&ask(words[1], amount(2).nanos(), 1_000, Vec::new()), at)
            .map(|done| format!("left {}", done.outcome.remaining.nanos())),
        "settle" => ledger
            .settle(&hold, amount(2), 1, at)
            .map(|done| format!("left {}", done.outcome.remaining.nanos())),
        "void" => ledger.void(&hold, at).map(|_| "ok".to_owned()),
        "adjust" => {
            let new = NewAdjustment {
                id: AdjustmentId::known(words[1]),
                workspace: WorkspaceId::known("ws_one"),
                grant: words.get(3).map(|id| GrantId::known(id)),
                amount: amount(2),
                memo: "a mistake".to_owned(),
            };
            ledger.adjust(&new, at).map(|_| "ok".to_owned())
        }
        "sweep" => ledger.sweep(at).map(|done| {
            let swept = done.outcome;
            format!("{} expired {} lapsed", swept.expired.len(), swept.lapsed.len())
        }),
        other => panic!("no event is called {other}"),
    };
    answer.unwrap_or_else(|no| format!("{no:?}"))
}

#[test]
fn a_hold_is_settled_for_less_and_the_rest_comes_back() {
    tell(
        "0 | grant g1 100    | ok               | 100 0 0 0
         1 | hold h1 40      | left 60          | 60 40 0 0
         2 | settle h1 41    | AboveHold        | 60 40 0 0
         2 | settle h1 25    | left 75          | 75 0 25 0
         3 | settle h1 25    | left 75          | 75 0 25 0
         3 | settle h1 24    | AlreadyResolved  | 75 0 25 0
         3 | void h1         | AlreadyResolved  | 75 0 25 0",
    );
}

#[test]
fn an_adjustment_takes_what_is_available_once_and_nothing_that_is_held() {
    tell(
        "0 | grant g1 10 prio=1 | ok          | 10 0 0 0
         0 | grant g2 10 prio=2 | ok          | 20 0 0 0
         1 | hold h1 4          | left 16     | 16 4 0 0
         2 | adjust a1 8        | ok          | 8 4 0 8
         2 | adjust a1 8        | ok          | 8 4 0 8
         2 | adjust a1 7        | IdReused    | 8 4 0 8
         3 | adjust a2 9        | Short { required: Credits(9), remaining: Credits(8) } | 8 4 0 8
         3 | adjust a2 1 g1     | Short { required: Credits(1), remaining: Credits(0) } | 8 4 0 8
         3 | adjust a2 1 g9     | UnknownGrant | 8 4 0 8
         3 | adjust a2 0        | Overflow    | 8 4 0 8
         3 | adjust a2 8 g2     | ok          | 0 4 0 16
         4 | settle h1 3        | left 1      | 1 0 3 16",
    );
}

#[test]
fn a_void_gives_back_all_that_was_held() {
    tell(
        "0 | grant g1 10 | ok          | 10 0 0 0
         1 | hold h1 10  | left 0      | 0 10 0 0
         1 | void h1     | ok          | 10 0 0 0
         1 | void h1     | ok          | 10 0 0 0
         2 | void h2     | UnknownHold | 10 0 0 0",
    );
}

#[test]
fn what_is_not_there_cannot_be_held() {
    tell(
        "0 | hold h0 1  | Short { required: Credits(1), remaining: Credits(0) } | 0 0 0 0
         0 | hold free 0 | left 0 | 0 0 0 0
         0 | grant g1 5 | ok      | 5 0 0 0
         0 | hold h1 6  | Short { required: Credits(6), remaining: Credits(5) } | 5 0 0 0
         0 | hold h1 5  | left 0  | 0 5 0 0
         0 | hold h2 1  | Short { required: Credits(1), remaining: Credits(0) } | 0 5 0 0
         0 | hold h2 -1 | Overflow | 0 5 0 0",
    );
}

#[test]
fn the_same_hold_twice_holds_once_and_other_content_is_refused() {
    tell(
        "0 | grant g1 10 | ok       | 10 0 0 0
         0 | grant g1 10 | ok       | 10 0 0 0
         0 | grant g1 11 | IdReused | 10 0 0 0
         0 | hold h1 4   | left 6   | 6 4 0 0
         1 | hold h1 4   | left 6   | 6 4 0 0
         1 | hold h1 5   | IdReused | 6 4 0 0",
    );
}

#[test]
fn a_hold_that_nobody_ends_expires_and_cannot_be_settled_after() {
    tell(
        "0    | grant g1 10  | ok                  | 10 0 0 0
         0    | hold h1 4    | left 6              | 6 4 0 0
         999  | sweep        | 0 expired 0 lapsed  | 6 4 0 0
         1000 | sweep        | 1 expired 0 lapsed  | 10 0 0 0
         1000 | settle h1 4  | AlreadyResolved     | 10 0 0 0",
    );
}

#[test]
fn a_late_settle_is_taken_while_no_sweep_has_come() {
    tell(
        "0    | grant g1 10 | ok                 | 10 0 0 0
         0    | hold h1 4   | left 6             | 6 4 0 0
         2000 | settle h1 4 | left 6             | 6 0 4 0
         2000 | sweep       | 0 expired 0 lapsed | 6 0 4 0",
    );
}

#[test]
fn a_grant_that_ends_during_a_call_cannot_take_from_the_hold() {
    tell(
        "0  | grant g1 10 until=50 | ok                 | 10 0 0 0
         1  | hold h1 6            | left 4             | 4 6 0 0
         50 | hold h2 1 | Short { required: Credits(1), remaining: Credits(0) } | 4 6 0 0
         50 | sweep                | 0 expired 1 lapsed | 0 6 0 4
         60 | settle h1 5          | left 0             | 0 0 5 5",
    );
}

#[test]
fn a_grant_is_not_spent_before_it_is_in_effect() {
    tell(
        "0  | grant g1 10 from=20 | ok     | 10 0 0 0
         19 | hold h1 1 | Short { required: Credits(1), remaining: Credits(0) } | 10 0 0 0
         20 | hold h1 1           | left 9 | 9 1 0 0",
    );
}

#[test]
fn grants_are_spent_by_priority_then_end_then_promotion_then_age() {
    let mut ledger = Ledger::default();
    for (id, facts) in [
        ("last", &["prio=2"][..]),
        ("bought", &["prio=1", "until=900", "from=-5"]),
        ("given", &["prio=1", "until=900", "promo"]),
        ("older", &["prio=1", "from=-9"]),
        ("newer", &["prio=1", "from=-8"]),
        ("soonest", &["prio=1", "until=800"]),
        ("first", &["prio=0"]),
    ] {
        ledger.grant(&grant_of(id, 1, facts), now(0)).unwrap();
    }
    let done = ledger.hold(&ask("h1", 7, 99, Vec::new()), now(1)).unwrap();
    let order: Vec<&str> = done.changes.entries.iter().map(|e| e.grant.as_str()).collect();
    assert_eq!(order, ["first", "soonest", "given", "bought", "older", "newer", "last"]);
}

fn quota(name: &str, unit: QuotaUnit, weight: u64, most: u64) -> QuotaAsk {
    QuotaAsk {
        name: name.to_owned(),
        subject: format!("key_one {name}").into(),
        unit,
        period: 0,
        weight,
        each: 0,
        most,
        budget: None,
    }
}

#[test]
fn quotas_and_credits_are_one_decision() {
    let mut ledger = Ledger::default();
    ledger.grant(&grant_of("g1", 10, &[]), now(0)).unwrap();
    let day = || quota("day", QuotaUnit::Requests, 1, 2);
    let pictures = |weight| quota("pictures", QuotaUnit::Images, weight, 4);
    let used = |ledger: &Ledger| {
        (
            ledger.quota_used("key_one day", QuotaUnit::Requests, 0),
            ledger.quota_used("key_one pictures", QuotaUnit::Images, 0),
        )
    };
    let mut hold = |id: &str, amount, quotas| {
        let verdict = ledger.hold(&ask(id, amount, 99, quotas), now(0));
        (verdict.map(|_| ()), used(&ledger))
    };
    assert_eq!(hold("h1", 2, vec![day(), pictures(3)]), (Ok(()), (1, 3)));
    // Too few credits: no quota is used. Too little quota: no credits are held.
    let (verdict, after) = hold("h2", 9, vec![day(), pictures(1)]);
    assert!(matches!(verdict, Err(LedgerError::Short { .. })));
    assert_eq!(after, (1, 3));
    let (verdict, after) = hold("h3", 1, vec![day(), pictures(2)]);
    assert_eq!(
        (verdict, after),
        (
            Err(LedgerError::QuotaExhausted { name: "pictures".to_owned(), most: 4, used: 3 }),
            (1, 3)
        )
    );
    // One picture of three came: two come back. A void gives all of it back.
    let h1 = HoldId::known("h1");
    ledger.settle(&h1, Credits::from_nanos(1), 1, now(1)).unwrap();
    assert_eq!(used(&ledger), (1, 1));
    let again = ask("h4", 1, 99, vec![day(), pictures(3)]);
    ledger.hold(&again, now(1)).unwrap();
    ledger.void(&HoldId::known("h4"), now(2)).unwrap();
    assert_eq!(used(&ledger), (1, 1));
    assert_eq!(ledger.balance(&WorkspaceId::known("ws_one")).held, Credits::ZERO);
}

#[test]
fn a_settlement_gives_back_the_pixels_and_credits_of_a_quota_that_were_not_needed() {
    let mut ledger = Ledger::default();
    ledger.grant(&grant_of("g1", 100, &[]), now(0)).unwrap();
    let pixels = QuotaAsk { each: 250, ..quota("pixels", QuotaUnit::Pixels, 1000, 1500) };
    let credits = quota("credits", QuotaUnit::Credits, 40, 60);
    let both = || vec![pixels.clone(), credits.clone()];
    let used = |ledger: &Ledger| {
        (
            ledger.quota_used("key_one pixels", QuotaUnit::Pixels, 0),
            ledger.quota_used("key_one credits", QuotaUnit::Credits, 0),
        )
    };
    ledger.hold(&ask("h1", 40, 99, both()), now(0)).unwrap();
    assert_eq!(used(&ledger), (1000, 40));
    let verdict = ledger.hold(&ask("h2", 40, 99, both()), now(0));
    assert!(matches!(verdict, Err(LedgerError::QuotaExhausted { used: 1000, most: 1500, .. })));
    // One picture of four came, for 11.
    ledger.settle(&HoldId::known("h1"), Credits::from_nanos(11), 1, now(1)).unwrap();
    assert_eq!(used(&ledger), (250, 11));
    ledger.hold(&ask("h3", 40, 50, both()), now(1)).unwrap();
    assert_eq!(used(&ledger), (1250, 51));
    ledger.sweep(now(60)).unwrap();
    assert_eq!(used(&ledger), (250, 11), "what expired counts for nothing");
}

#[test]
fn two_shares_of_one_counter_are_counted_together() {
    let mut ledger = Ledger::default();
    let twice =
        vec![quota("day", QuotaUnit::Requests, 1, 1), quota("day", QuotaUnit::Requests, 1, 1)];
    let verdict = ledger.hold(&ask("h1", 0, 99, twice), now(0));
    assert!(matches!(verdict, Err(LedgerError::QuotaExhausted { used: 1, .. })));
    assert_eq!(ledger.quota_used("key_one day", QuotaUnit::Requests, 0), 0);
}

#[test]
fn ended_holds_are_remembered_up_to_a_bound_and_can_be_recalled() {
    let mut ledger = Ledger::default();
    let first = ask("h_first", 0, 99, Vec::new());
    ledger.hold(&first, now(0)).unwrap();
    ledger.void(&first.hold, now(0)).unwrap();
    let kept = ledger.find_hold(&first.hold).unwrap().clone();
    for number in 1..=ENDED_HOLDS_MAX {
        assert!(ledger.find_hold(&first.hold).is_some(), "{number} are within the bound");
        let ask = ask(&format!("h{number}"), 0, 99, Vec::new());
        ledger.hold(&ask, now(0)).unwrap();
        ledger.void(&ask.hold, now(0)).unwrap();
    }
    assert_eq!(ledger.find_hold(&first.hold), None);
    ledger.recall(kept);
    assert!(ledger.hold(&first, now(5)).unwrap().repeated);
    assert!(ledger.void(&first.hold, now(5)).unwrap().repeated);
}

#[test]
fn credits_that_cannot_be_counted_are_not_granted() {
    let mut ledger = Ledger::default();
    ledger.grant(&grant_of("g1", i64::MAX, &[]), now(0)).unwrap();
    for (id, amount) in [("g2", 1), ("g3", 0), ("g4", -1)] {
        let verdict = ledger.grant(&grant_of(id, amount, &[]), now(0));
        assert_eq!(verdict, Err(LedgerError::Overflow), "{amount}");
    }
    let balance = ledger.balance(&WorkspaceId::known("ws_one"));
    assert_eq!(balance.granted.nanos(), i64::MAX);
}
