//! Many at once at one turnstile.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::limit::{Limit, Of, Unit, Whose};

fn limit(name: &str, most: u64, of: Of) -> Limit {
    let window = Duration::from_mins(5);
    Limit { name: name.to_owned(), unit: Unit::Requests, most, window, of, shadow: false }
}

fn ask(bounds: &[Arc<Bounds>], key: &str) -> Ask {
    let whose = Whose { key, workspace: "w", plan: "p" };
    let places = bounds.iter().map(|bounds| (bounds.subject(whose), Arc::clone(bounds)));
    Ask { places: places.collect(), weight: Weight { images: 1, pixels: 0, nanos: 5 } }
}

const fn at(tick_ms: u64) -> Now {
    Now { unix_ms: 0, tick_ms }
}

#[test]
fn of_many_at_once_exactly_as_many_pass_as_the_tightest_limit_allows() {
    let limits = [
        limit("key", 40, Of::Key),
        limit("workspace", 50, Of::Workspace),
        limit("plan", 99, Of::Plan),
    ];
    let bounds = Bounds::of_plan(&limits, None);
    let turnstile = Turnstile::default();
    let passed = std::sync::Mutex::new(Vec::new());
    let ask_often = |key: &str| {
        let ask = ask(&bounds, key);
        for tick in 0..50 {
            if let Answer::Passed { lease, .. } = turnstile.admit_here(&ask, at(tick)) {
                passed.lock().unwrap().push(lease);
            }
        }
    };
    std::thread::scope(|scope| {
        for key in ["a", "b", "a", "b", "a", "b", "a", "b"] {
            scope.spawn(move || ask_often(key));
        }
    });
    assert_eq!(passed.into_inner().unwrap().len(), 50);
}

#[test]
fn a_lease_ends_when_it_goes_and_what_is_taken_back_was_never_there() {
    let bounds = Bounds::of_plan(&[limit("key", 2, Of::Key)], Some(1));
    let (turnstile, ask) = (Turnstile::default(), ask(&bounds, "a"));
    let pass = |tick| match turnstile.admit_here(&ask, at(tick)) {
        Answer::Passed { lease, .. } => Some(lease),
        Answer::Denied(_) | Answer::Lost => None,
    };
    let first = pass(0).unwrap();
    assert!(pass(1).is_none(), "one runs");
    first.take_back();
    drop(pass(2).unwrap());
    drop(pass(3).unwrap());
    assert!(pass(4).is_none(), "two were counted");
}

#[test]
fn idle_subjects_are_forgotten_and_busy_ones_are_not() {
    let bounds = Bounds::of_plan(&[limit("key", 2, Of::Key)], Some(1));
    let turnstile = Turnstile::default();
    let busy = turnstile.admit_here(&ask(&bounds, "busy"), at(0));
    for number in 0..99_999 {
        drop(turnstile.admit_here(&ask(&bounds, &format!("k{number}")), at(0)));
    }
    drop(turnstile.admit_here(&ask(&bounds, "late"), at(2 * 3_600_000)));
    let left = turnstile.memory.len();
    assert!(left <= 3, "{left} are left");
    drop(busy);
}
