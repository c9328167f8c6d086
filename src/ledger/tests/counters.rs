//! Counters of quotas and budgets: what they allow, what is told of them, how long they are known.

use super::*;
use crate::ledger::{Alert, BudgetAsk};

const DAY_MS: i64 = 86_400_000;

/// A budget of so many nano-credits, told of at a half, at four fifths and when it is spent.
fn budget(limit: u64, weight: u64) -> QuotaAsk {
    let asked = BudgetAsk { limit, alert_at: vec![50, 80, 100] };
    QuotaAsk {
        budget: Some(Box::new(asked)),
        ..quota("team", QuotaUnit::Credits, weight, u64::MAX)
    }
}

/// What is told when so much of it is spent by one more request.
fn spend(ledger: &mut Ledger, id: &str, (limit, price): (u64, i64)) -> Vec<Alert> {
    let weight = u64::try_from(price).unwrap();
    ledger.hold(&ask(id, price, 99, vec![budget(limit, weight)]), now(0)).unwrap();
    let price = Credits::from_nanos(price);
    ledger.settle(&HoldId::known(id), price, 1, now(0)).unwrap().changes.alerts
}

#[test]
fn each_part_of_a_budget_is_told_once_when_it_is_spent_and_not_before() {
    let mut ledger = Ledger::default();
    ledger.grant(&grant_of("g1", 10_000, &[]), now(0)).unwrap();
    let percents =
        |alerts: Vec<Alert>| -> Vec<u8> { alerts.into_iter().map(|alert| alert.percent).collect() };
    assert_eq!(percents(spend(&mut ledger, "h1", (1000, 499))), Vec::<u8>::new());
    assert_eq!(percents(spend(&mut ledger, "h2", (1000, 1))), [50]);
    assert_eq!(percents(spend(&mut ledger, "h3", (1000, 1))), Vec::<u8>::new());
    // Two parts at once, and then none again.
    assert_eq!(percents(spend(&mut ledger, "h4", (1000, 499))), [80, 100]);
    assert_eq!(percents(spend(&mut ledger, "h5", (1000, 900))), Vec::<u8>::new());
}

#[test]
fn what_is_told_says_how_much_of_what_was_spent() {
    let mut ledger = Ledger::default();
    ledger.grant(&grant_of("g1", 10_000, &[]), now(0)).unwrap();
    let told = spend(&mut ledger, "h1", (1000, 600));
    let [alert] = told.as_slice() else { panic!("one is told: {told:?}") };
    assert_eq!((alert.percent, alert.limit, alert.spent), (50, 1000, 600));
    assert_eq!((&*alert.budget, &*alert.subject), ("team", "key_one team"));
}

#[test]
fn what_is_set_aside_and_given_back_is_not_told_of() {
    let mut ledger = Ledger::default();
    ledger.grant(&grant_of("g1", 10_000, &[]), now(0)).unwrap();
    ledger.hold(&ask("h1", 900, 99, vec![budget(1000, 900)]), now(0)).unwrap();
    let voided = ledger.void(&HoldId::known("h1"), now(0)).unwrap();
    assert_eq!(voided.changes.alerts, Vec::new());
}

#[test]
fn a_share_of_nothing_is_taken_from_a_counter_beyond_its_bound() {
    let mut ledger = Ledger::default();
    let used = |weight, most| vec![quota("day", QuotaUnit::Images, weight, most)];
    ledger.hold(&ask("h1", 0, 99, used(5, 5)), now(0)).unwrap();
    // Policy allows less now.
    assert!(ledger.hold(&ask("h2", 0, 99, used(0, 3)), now(0)).is_ok());
    assert!(ledger.hold(&ask("h3", 0, 99, used(1, 3)), now(0)).is_err());
}

#[test]
fn a_counter_is_known_for_forty_days_and_no_longer() {
    let mut ledger = Ledger::default();
    let day = vec![quota("day", QuotaUnit::Requests, 1, 9)];
    ledger.hold(&ask("h1", 0, 99, day), now(0)).unwrap();
    ledger.settle(&HoldId::known("h1"), Credits::ZERO, 1, now(0)).unwrap();
    let known = |ledger: &Ledger| ledger.quota_used("key_one day", QuotaUnit::Requests, 0);
    for (today, used) in [(0, 1), (1, 1), (QUOTA_DAYS_MAX, 1), (QUOTA_DAYS_MAX + 1, 0)] {
        ledger.sweep(now(today * DAY_MS)).unwrap();
        assert_eq!(known(&ledger), used, "after {today} days");
    }
}
