//! What a pledge promises, told as a table and as random histories.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::*;

const RUN: i64 = 1;

fn at(unix_ms: i64) -> Now {
    Now { unix_ms, tick_ms: 0 }
}

fn pledge(name: u8, asked: u8, hold: u32, now: Now) -> Pledge {
    Pledge {
        scope: Scope([name; 32]),
        key: KeyId::known("key_one"),
        fingerprint: Fingerprint([asked; 32]),
        is_implied: false,
        hold: HoldId::known(&format!("hold_{hold}")),
        request: RequestId::known(&format!("req_{hold}")),
        run: RUN,
        opened_at_ms: now.unix_ms,
        state: State::Open { until_ms: now.unix_ms + 300_000 },
    }
}

fn asked(asked: u8) -> Fingerprint {
    Fingerprint([asked; 32])
}

#[test]
fn what_is_in_flight_is_worth_asking_for_after_as_long_as_it_has_run() {
    let pledge = pledge(1, 1, 1, at(0));
    for (now_ms, wait_ms) in [(0, 1_000), (5_000, 5_000), (900_000, 30_000)] {
        let wait = Verdict::Running { retry_after: Duration::from_millis(wait_ms) };
        assert_eq!(judge(Some(&pledge), &asked(1), &[RUN], at(now_ms)), wait);
    }
}

#[test]
fn what_another_run_began_is_unknown_until_its_hold_expires() {
    let pledge = pledge(1, 1, 1, at(0));
    let verdict = judge(Some(&pledge), &asked(1), &[RUN + 1], at(290_000));
    assert_eq!(verdict, Verdict::Unknown { retry_after: Duration::from_secs(11) });
    // Late is not free: only the end of the hold is.
    let verdict = judge(Some(&pledge), &asked(1), &[RUN + 1], at(400_000));
    assert_eq!(verdict, Verdict::Unknown { retry_after: WAIT_MIN });
}

#[test]
fn another_request_under_the_name_is_a_mismatch_however_the_first_stands() {
    let open = pledge(1, 1, 1, at(0));
    let done = open.clone().ended(End::Settled(None), at(9)).unwrap();
    let gone = open.clone().ended(End::Settled(Some(Gone::TooLarge)), at(9)).unwrap();
    for known in [&open, &done, &gone] {
        assert_eq!(judge(Some(known), &asked(2), &[RUN], at(10)), Verdict::Mismatch);
    }
    assert_eq!(judge(Some(&done), &asked(1), &[RUN], at(10)), Verdict::Replay);
    assert_eq!(judge(Some(&gone), &asked(1), &[RUN], at(10)), Verdict::Gone(Gone::TooLarge));
}

#[test]
fn what_was_served_is_known_for_24_hours_from_its_end() {
    let done = pledge(1, 1, 1, at(0)).ended(End::Settled(None), at(1_000)).unwrap();
    let day_ms = 24 * 3_600 * 1_000;
    let told = |now_ms| judge(Some(&done), &asked(1), &[RUN], at(now_ms));
    assert_eq!(told(1_000 + day_ms - 1), Verdict::Replay);
    assert_eq!(told(1_000 + day_ms), Verdict::New);
    let implied = Pledge { is_implied: true, ..pledge(1, 1, 1, at(0)) };
    let done = implied.ended(End::Settled(None), at(0)).unwrap();
    assert_eq!(judge(Some(&done), &asked(1), &[RUN], at(599_999)), Verdict::Replay);
    assert_eq!(judge(Some(&done), &asked(1), &[RUN], at(600_000)), Verdict::New);
}

#[test]
fn what_cost_nothing_frees_its_name_unless_its_no_is_kept() {
    let ended = |end| pledge(1, 1, 1, at(0)).ended(end, at(1)).is_some();
    assert!(!ended(End::Voided { is_kept: false }) && !ended(End::Expired));
    assert!(ended(End::Voided { is_kept: true }));
    let kept: Vec<_> = RefusalKind::ALL.into_iter().filter(|kind| is_kept(*kind)).collect();
    assert_eq!(kept, [RefusalKind::ContentRefused]);
}

#[derive(Clone, Debug)]
enum Event {
    Ask { name: u8, asked: u8 },
    End { hold: u32, way: u8 },
    Restart,
    Wait { ms: i64 },
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (0..3_u8, 0..2_u8).prop_map(|(name, asked)| Event::Ask { name, asked }),
        5 => (0..12_u32, 0..5_u8).prop_map(|(hold, way)| Event::End { hold, way }),
        1 => Just(Event::Restart),
        2 => prop_oneof![1..2_000_i64, Just(43_200_000), Just(86_400_000)]
            .prop_map(|ms| Event::Wait { ms }),
    ]
}

/// The machine with tables beside it, and what may be said of it from outside.
#[derive(Default)]
struct History {
    pledges: Pledges,
    done: HashMap<Scope, Pledge>,
    now_ms: i64,
    run: i64,
    next_hold: u32,
    open: HashMap<HoldId, (Scope, Fingerprint)>,
    /// When each name was last paid for, and for what.
    paid: HashMap<Scope, (Fingerprint, i64)>,
    ended: HashSet<HoldId>,
}

impl History {
    fn play(&mut self, event: &Event) {
        let now = at(self.now_ms);
        match *event {
            Event::Ask { name, asked } => {
                let new = Pledge { run: self.run, ..pledge(name, asked, self.next_hold, now) };
                let verdict = self.pledges.judge(&new, self.done.get(&new.scope), &[new.run], now);
                self.must_be_right(&new, verdict);
                if verdict == Verdict::New {
                    self.next_hold += 1;
                    self.open.insert(new.hold.clone(), (new.scope, new.fingerprint));
                    self.pledges.insert(new);
                }
            }
            Event::End { hold, way } => {
                let hold = HoldId::known(&format!("hold_{hold}"));
                let end = [
                    End::Settled(None),
                    End::Settled(Some(Gone::Lost)),
                    End::Voided { is_kept: false },
                    End::Voided { is_kept: true },
                    End::Expired,
                ][usize::from(way)];
                let ended = self.pledges.end(&hold, end, now);
                let Some((scope, fingerprint)) = self.open.remove(&hold) else {
                    assert!(ended.is_none(), "a hold that is not open ended a pledge");
                    return;
                };
                assert!(self.ended.insert(hold), "a pledge ended twice");
                let (freed, left) = ended.expect("the pledge of an open hold ends with it");
                assert_eq!(freed, scope);
                self.done.remove(&scope);
                self.done.extend(left.map(|left| (scope, left)));
                if matches!(end, End::Settled(_)) {
                    self.paid.insert(scope, (fingerprint, self.now_ms));
                }
            }
            Event::Restart => {
                let open = std::mem::take(&mut self.pledges).open.into_values().collect();
                self.pledges = Pledges::restore(open);
                self.run += 1;
            }
            Event::Wait { ms } => self.now_ms += ms,
        }
    }

    fn must_be_right(&self, new: &Pledge, verdict: Verdict) {
        let open = self.open.values().find(|(scope, _)| *scope == new.scope);
        let paid = self.paid.get(&new.scope);
        let paid = paid.filter(|(_, at_ms)| self.now_ms - at_ms < 86_400_000);
        if open.is_some() || paid.is_some() {
            assert_ne!(verdict, Verdict::New, "a second picture could be bought");
        }
        if let Some((_, fingerprint)) = open {
            let same = *fingerprint == new.fingerprint;
            let busy = matches!(verdict, Verdict::Running { .. } | Verdict::Unknown { .. });
            assert_eq!((same, !same), (busy, verdict == Verdict::Mismatch));
        } else if let Some((fingerprint, _)) = paid {
            let same = *fingerprint == new.fingerprint;
            assert_eq!(same, matches!(verdict, Verdict::Replay | Verdict::Gone(_)));
        }
    }
}

proptest! {
    #[test]
    fn nothing_is_bought_twice_under_one_name(events in prop::collection::vec(event(), 1..80)) {
        let mut history = History::default();
        for event in &events {
            history.play(event);
        }
    }
}
