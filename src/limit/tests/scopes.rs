//! Several subjects at once: one decision, whoever says no.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;

/// Everything that is counted, by the subject's name.
#[derive(Clone, Debug, Default)]
struct Hall(BTreeMap<String, Windows>);

impl Hall {
    fn admit(
        &mut self,
        bounds: &[Arc<Bounds>],
        (key, workspace): (&str, &str),
        weight: Weight,
        tick_ms: u64,
    ) -> Verdict {
        let whose = Whose { key, workspace, plan: "p" };
        let names: Vec<String> = bounds.iter().map(|bounds| bounds.subject(whose)).collect();
        let mut taken: Vec<Windows> =
            names.iter().map(|name| self.0.remove(name).unwrap_or_default()).collect();
        let places = taken.iter_mut().zip(bounds);
        let mut places: Vec<Place<'_>> =
            places.map(|(windows, bounds)| Place { windows, bounds }).collect();
        let verdict = admit(&mut places, weight, at(tick_ms));
        self.0.extend(names.into_iter().zip(taken));
        verdict
    }
}

fn of(of: Of, (most, unit, window_ms): (u64, Unit, u64)) -> Limit {
    let limit = limit(most, unit, window_ms);
    Limit { name: format!("{} {}", of.name(), limit.name), of, ..limit }
}

fn shadow(most: u64, unit: Unit, window_ms: u64) -> Limit {
    let limit = limit(most, unit, window_ms);
    Limit { name: format!("shadow {}", limit.name), shadow: true, ..limit }
}

fn one() -> Weight {
    Weight { images: 1, ..Weight::default() }
}

#[test]
fn keys_of_a_workspace_share_its_limit_and_a_refusal_counts_for_no_one() {
    let limits =
        [of(Of::Key, (3, Unit::Requests, MINUTE)), of(Of::Workspace, (4, Unit::Requests, MINUTE))];
    let bounds = Bounds::of_plan(&limits, None);
    let mut hall = Hall::default();
    for tick in 0..3 {
        let _ = admitted(hall.admit(&bounds, ("a", "w"), one(), tick));
    }
    let own = denied(hall.admit(&bounds, ("a", "w"), one(), 3));
    assert_eq!(own.met.of, Of::Key);
    let _ = admitted(hall.admit(&bounds, ("b", "w"), one(), 4));
    for tick in 5..9 {
        let shared = denied(hall.admit(&bounds, ("b", "w"), one(), tick));
        assert_eq!(shared.met.of, Of::Workspace);
        assert_eq!(shared.standings[0].remaining, 2, "the key was not counted");
    }
    let _ = admitted(hall.admit(&bounds, ("c", "other"), one(), 9));
}

#[test]
fn a_plan_and_a_model_are_counted_over_everyone_who_asks() {
    let plan = Bounds::of_plan(&[of(Of::Plan, (5, Unit::Requests, MINUTE))], None);
    let model = Bounds::of_model(&[of(Of::Model, (2, Unit::Images, MINUTE))], "flux");
    let both = [plan.clone(), model].concat();
    let mut hall = Hall::default();
    let _ = admitted(hall.admit(&both, ("a", "w"), one(), 0));
    let _ = admitted(hall.admit(&both, ("b", "v"), one(), 1));
    assert_eq!(denied(hall.admit(&both, ("c", "u"), one(), 2)).met.of, Of::Model);
    for tick in 3..6 {
        let _ = admitted(hall.admit(&plan, ("c", "u"), one(), tick));
    }
    assert_eq!(denied(hall.admit(&plan, ("d", "t"), one(), 6)).met.of, Of::Plan);
}

#[test]
fn a_shadow_never_refuses_and_counts_only_what_it_would_have_admitted() {
    let limits = [shadow(2, Unit::Requests, 1000), limit(100, Unit::Requests, 1000)];
    let bounds = Bounds::of_plan(&limits, None);
    let mut hall = Hall::default();
    let mut over = 0;
    for tick in 0..50 {
        match hall.admit(&bounds, ("a", "w"), one(), tick * 100) {
            Verdict::Admitted { standings, over: met, .. } => {
                over += met.len();
                assert_eq!(standings.len(), 1, "shadows are told to no caller");
            }
            Verdict::Denied(denial) => panic!("{denial:?}"),
        }
    }
    // Two of each ten pass its window, as if it were enforced.
    assert_eq!(over, 40);
}

#[test]
fn what_is_taken_back_is_taken_back_everywhere_but_where_it_was_not_counted() {
    let limits = [
        limit(5, Unit::Requests, MINUTE),
        of(Of::Workspace, (5, Unit::Credits, MINUTE)),
        shadow(1, Unit::Requests, MINUTE),
    ];
    let bounds = Bounds::of_plan(&limits, Some(2));
    let mut hall = Hall::default();
    let weight = Weight { nanos: 3, ..one() };
    let _kept = admitted(hall.admit(&bounds, ("a", "w"), Weight { nanos: 1, ..one() }, 0));
    let ticket = admitted(hall.admit(&bounds, ("a", "w"), weight, 1));
    assert!(ticket.counts(0) && ticket.counts(1) && !ticket.counts(2));
    for (number, bounds) in bounds.iter().enumerate().filter(|(number, _)| ticket.counts(*number)) {
        let whose = Whose { key: "a", workspace: "w", plan: "p" };
        let windows = hall.0.get_mut(&bounds.subject(whose)).unwrap();
        windows.take_back(&ticket);
        let left = windows.standings(&bounds.limits, at(1))[0].remaining;
        assert_eq!(left, [4, 0][number], "credits are told in whole ones");
    }
    let _ = admitted(hall.admit(&bounds, ("a", "w"), Weight { nanos: 4, ..one() }, 2));
}

#[test]
fn a_window_of_credits_has_room_for_what_was_not_spent() {
    let limits = [limit(10, Unit::Credits, MINUTE)];
    let bounds = bounds(&limits, None);
    let mut windows = Windows::default();
    let ten = Weight { nanos: 10, ..one() };
    let ticket = admitted(admit_one(&mut windows, &bounds, ten, 0));
    let _ = denied(admit_one(&mut windows, &bounds, Weight { nanos: 1, ..one() }, 1));
    windows.give_back(ticket.tick_ms, 7);
    let _ = admitted(admit_one(&mut windows, &bounds, Weight { nanos: 7, ..one() }, 2));
    let _ = denied(admit_one(&mut windows, &bounds, Weight { nanos: 1, ..one() }, 3));
}

#[test]
fn a_share_of_a_limit_is_never_more_than_the_limit_together() {
    let all = bounds(&[limit(10, Unit::Requests, MINUTE)], Some(2));
    let share = all.share(3);
    assert_eq!((share.limits[0].most, share.concurrency_max), (3, Some(0)));
    assert_eq!(all.share(1), all);
}

proptest! {
    /// What every subject admitted in any span is looked up in the whole history afterwards, by a
    /// count that knows nothing of windows.
    #[test]
    fn no_subject_is_ever_over_its_limit(
        most in prop::collection::vec((1_u64..12, 1_u64..200), 4),
        history in prop::collection::vec((0_usize..3, 0_u64..15, 1_u32..4), 1..150),
    ) {
        let all = [Of::Key, Of::Workspace, Of::Plan, Of::Model];
        let units = [Unit::Requests, Unit::Images, Unit::Requests, Unit::Images];
        let limits: Vec<Limit> = (0..4)
            .map(|n| of(all[n], (most[n].0, units[n], most[n].1)))
            .collect();
        let plan = Bounds::of_plan(&limits[..3], None);
        let bounds = [plan, Bounds::of_model(&limits[3..], "m")].concat();
        let who = [("a", "w"), ("b", "w"), ("c", "v")];
        let (mut hall, mut now_ms) = (Hall::default(), 0);
        let mut passed: Vec<(u64, usize, u32)> = Vec::new();
        let belongs = |of: Of, one: usize, other: usize| match of {
            Of::Key => one == other,
            Of::Workspace => who[one].1 == who[other].1,
            Of::Plan | Of::Model => true,
        };
        let used = |passed: &[(u64, usize, u32)], limit: &Limit, asks: usize, end: u64| -> u64 {
            let inside = |at: u64| at <= end && at + limit.window_ms() > end;
            let own = passed.iter().filter(|(at, by, _)| inside(*at) && belongs(limit.of, *by, asks));
            own.map(|(_, _, images)| limit.unit.of(Weight { images: *images, ..one() })).sum()
        };
        for (asks, after_ms, images) in history {
            now_ms += after_ms;
            let weight = Weight { images, ..one() };
            let fits = limits.iter().all(|limit| {
                used(&passed, limit, asks, now_ms) + limit.unit.of(weight) <= limit.most
            });
            let verdict = hall.admit(&bounds, who[asks], weight, now_ms);
            prop_assert_eq!(matches!(verdict, Verdict::Admitted { .. }), fits);
            if fits {
                passed.push((now_ms, asks, images));
            }
        }
        for (end, by, _) in &passed {
            for limit in &limits {
                prop_assert!(used(&passed, limit, *by, *end) <= limit.most);
            }
        }
    }
}

#[test]
fn whichever_stands_in_the_way_longest_is_named_and_it_alone_is_met() {
    let longest = |first: Of, second: Of, (short_ms, long_ms): (u64, u64)| {
        let limits =
            [of(first, (1, Unit::Requests, short_ms)), of(second, (1, Unit::Requests, long_ms))];
        let bounds = Bounds::of_plan(&limits, None);
        let mut hall = Hall::default();
        let _ = admitted(hall.admit(&bounds, ("a", "w"), one(), 0));
        let no = denied(hall.admit(&bounds, ("a", "w"), one(), 1));
        let met: Vec<_> = no.standings.iter().filter(|one| one.is_met).collect();
        assert_eq!(met.len(), 1, "{:?}", no.standings);
        assert_eq!(met[0].limit, no.met.limit);
        (no.met.of, no.retry_after)
    };
    let (second, minute) = (Duration::from_millis(999), Duration::from_millis(MINUTE - 1));
    assert_eq!(longest(Of::Key, Of::Workspace, (1000, MINUTE)), (Of::Workspace, Some(minute)));
    assert_eq!(longest(Of::Key, Of::Workspace, (MINUTE, 1000)), (Of::Key, Some(minute)));
    // Of two that are equally long in the way, the first.
    assert_eq!(longest(Of::Key, Of::Workspace, (1000, 1000)), (Of::Key, Some(second)));
}

#[test]
fn whatever_asks_for_no_picture_counts_as_one() {
    let bounds = Bounds::of_plan(&[limit(2, Unit::Images, MINUTE)], None);
    let mut hall = Hall::default();
    for tick in 0..2 {
        let ticket = admitted(hall.admit(&bounds, ("a", "w"), Weight::default(), tick));
        assert_eq!(ticket.weight.images, 1);
    }
    let _ = denied(hall.admit(&bounds, ("a", "w"), Weight::default(), 2));
}

#[test]
fn units_and_subjects_are_called_what_policy_calls_them() {
    let units = [Unit::Requests, Unit::Images, Unit::Megapixels, Unit::Credits];
    assert_eq!(units.map(Unit::name), ["requests", "images", "megapixels", "credits"]);
    let all = [Of::Key, Of::Workspace, Of::Plan, Of::Model];
    assert_eq!(all.map(Of::name), ["key", "workspace", "plan", "model"]);
}
