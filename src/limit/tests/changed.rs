//! A limit that becomes another between two requests: a share while Redis is lost, a reload.

use proptest::prelude::*;

use super::oracle::{Oracle, lasting};
use super::*;

const HOUR: u64 = 60 * MINUTE;

/// So many that passed a large limit of an hour, a millisecond apart.
fn after(passed: u64) -> Windows {
    let large = [limit(5_000, Unit::Requests, HOUR)];
    let mut windows = Windows::default();
    for tick_ms in 0..passed {
        let _ = admitted(ask(&mut windows, &large, 1, HOUR + tick_ms));
    }
    windows
}

#[test]
fn a_share_of_a_large_limit_counts_all_that_passed_before() {
    let share = bounds(&[limit(5_000, Unit::Requests, HOUR)], None).share(4);
    let mut windows = after(3_000);
    let denial = denied(admit_one(&mut windows, &share, Weight::default(), HOUR + 3_000));
    assert_eq!(denial.standings[0].remaining, 0);
    let _ = admitted(admit_one(&mut after(1_249), &share, Weight::default(), HOUR + 3_000));
    let _ = denied(admit_one(&mut after(1_250), &share, Weight::default(), HOUR + 3_000));
}

#[test]
fn a_large_limit_that_a_reload_lowers_counts_all_that_passed_before() {
    let lowered = [limit(1_500, Unit::Requests, HOUR)];
    let mut windows = after(3_000);
    let denial = denied(ask(&mut windows, &lowered, 1, HOUR + 3_000));
    let wait = denial.retry_after.unwrap();
    assert!(wait <= Duration::from_millis(HOUR + HOUR / 60), "{wait:?}");
    let free_at = HOUR + 3_000 + u64::try_from(wait.as_millis()).unwrap();
    for tick_ms in free_at..free_at + 1_500 {
        let _ = admitted(ask(&mut windows, &lowered, 1, tick_ms));
    }
    let denial = denied(ask(&mut windows, &lowered, 1, free_at + 1_500));
    let exactly = Duration::from_millis(HOUR - 1_500);
    assert_eq!(denial.retry_after, Some(exactly), "stamps tell all of the window again");
}

#[test]
fn a_day_that_a_reload_lowers_counts_what_is_older_than_stamps_are() {
    let day = 24 * HOUR;
    let mut windows = Windows::default();
    for (start, count) in [(day, 100), (day + 2 * HOUR, 1)] {
        for tick_ms in start..start + count {
            let _ = admitted(ask(&mut windows, &[limit(5_000, Unit::Requests, day)], 1, tick_ms));
        }
    }
    let standing = |most, tick_ms| {
        let limits = [limit(most, Unit::Requests, day)];
        denied(ask(&mut windows.clone(), &limits, 1, tick_ms)).standings.remove(0)
    };
    assert_eq!(standing(101, day + 3 * HOUR).remaining, 0);
    assert_eq!(standing(1, 2 * day + HOUR).remaining, 0, "the hundred are gone, the one is not");
}

/// A limit that is now so much, and what is asked of it then.
#[derive(Clone, Debug)]
struct Spell {
    most: u64,
    asks: u64,
    images: u32,
    after_ms: u64,
    takes_back: bool,
}

fn spells(window_ms: u64) -> impl Strategy<Value = Vec<Spell>> {
    let most = prop_oneof![1..400_u64, 1_500..2_001_u64, 2_001..2_600_u64];
    let after_ms = prop_oneof![0..3_u64, 0..window_ms / 100, 0..window_ms / 4];
    let one = (most, 1..350_u64, 1..9_u32, after_ms, prop::bool::weighted(0.3));
    let one = one.prop_map(move |(most, asks, images, after_ms, takes_back)| {
        let asks = if after_ms > window_ms / 100 { asks % 6 } else { asks };
        Spell { most, asks, images, after_ms, takes_back }
    });
    prop::collection::vec(one, 2..12)
}

/// One unit and window, whatever is allowed of it, and everything that passed.
struct Story {
    unit: Unit,
    window_ms: u64,
    windows: Windows,
    oracle: Oracle,
}

impl Story {
    fn limits(&self, most: u64) -> [Limit; 1] {
        [limit(most, self.unit, self.window_ms)]
    }

    /// The same, but nothing ages out before its sub-window does: what this allows may not be refused.
    fn lasting(&self, most: u64) -> [Limit; 1] {
        let large = lasting(&self.limits(EXACT_MOST_MAX + 1)).remove(0);
        [Limit { most, ..large }]
    }

    /// Asks once, and holds the verdict against all that passed.
    fn ask(
        &mut self,
        spell: &Spell,
        now_ms: u64,
        is_taken_back: bool,
    ) -> Result<(), TestCaseError> {
        let (limits, lasting) = (self.limits(spell.most), self.lasting(spell.most));
        let weight = Weight { images: spell.images, ..Weight::default() };
        match ask(&mut self.windows, &limits, spell.images, now_ms) {
            Verdict::Admitted { ticket, .. } => {
                prop_assert!(self.oracle.allows(&limits, weight, now_ms), "admitted too many");
                if is_taken_back {
                    self.windows.take_back(&ticket);
                } else {
                    self.oracle.0.push((now_ms, weight));
                }
            }
            Verdict::Denied(denial) => {
                prop_assert!(!self.oracle.allows(&lasting, weight, now_ms), "refused wrongly");
                let Some(wait) = denial.retry_after else { return Ok(()) };
                prop_assert!(wait <= lasting[0].window, "{:?}", wait);
                let then_ms = now_ms + u64::try_from(wait.as_millis()).unwrap();
                let then = ask(&mut self.windows.clone(), &limits, spell.images, then_ms);
                prop_assert!(matches!(then, Verdict::Admitted { .. }), "{:?}", then);
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_limit_admits_what_it_is_now_of_all_that_passed_when_it_was_another(
        unit in prop::sample::select(vec![Unit::Requests, Unit::Images]),
        (window_ms, spells) in (2_000..6 * HOUR).prop_flat_map(|ms| (Just(ms), spells(ms))),
    ) {
        let (windows, oracle) = (Windows::default(), Oracle::default());
        let mut story = Story { unit, window_ms, windows, oracle };
        let mut now_ms = 0;
        for spell in spells {
            for turn in 0..spell.asks {
                now_ms += spell.after_ms;
                story.ask(&spell, now_ms, spell.takes_back && turn % 4 == 0)?;
            }
        }
    }
}
