//! The store and the pure rules are told the same history and must tell the same.

use std::collections::HashMap;

use proptest::prelude::*;

use super::super::world::{World, credits, receipt};
use super::{answer, named, verdict};
use crate::clock::{Clock as _, Now};
use crate::id::{HoldId, KeyId, RequestId};
use crate::pledge::{End, Named, Pledge, Scope, State, Verdict, judge};

/// One step of a history: ask under a name, or end a hold in one of the ways.
#[derive(Clone, Debug)]
enum Step {
    Ask { name: u8, asked: u8 },
    Settle { hold: usize },
    Void { hold: usize },
    Crash,
    Wait { minutes: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..3_u8, 1..3_u8).prop_map(|(name, asked)| Step::Ask { name, asked }),
        3 => (0..12_usize).prop_map(|hold| Step::Settle { hold }),
        2 => (0..12_usize).prop_map(|hold| Step::Void { hold }),
        1 => Just(Step::Crash),
        2 => prop_oneof![Just(1), Just(6), Just(1_440)].prop_map(|minutes| Step::Wait { minutes }),
    ]
}

/// What is said of a verdict in a history: waits and runs aside.
fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::New => "new",
        Verdict::Running { .. } | Verdict::Unknown { .. } => "open",
        Verdict::Mismatch => "mismatch",
        Verdict::Replay => "replay",
        Verdict::Gone(_) => "gone",
    }
}

/// Plays a history against the pure rules, with the open and the done in one map.
async fn agree(mut world: World, steps: &[Step]) {
    world.grant(100).await;
    let mut known: HashMap<Scope, Pledge> = HashMap::new();
    let mut holds: Vec<Scope> = Vec::new();
    for step in steps {
        let now = world.clock.now();
        match *step {
            Step::Ask { name, asked } => {
                let named = named(name, asked);
                let wanted = judge(known.get(&named.scope), &named.fingerprint, &[0], now);
                assert_eq!(word(world.told(named).await), word(wanted), "{step:?}");
                let id = format!("h{}", holds.len());
                let held = world.hold_once(&id, named).await;
                let told = held.map_or_else(|no| verdict(Err::<(), _>(no)), |_| Verdict::New);
                assert_eq!(word(told), word(wanted), "{step:?}");
                if wanted == Verdict::New {
                    holds.push(named.scope);
                    known.insert(named.scope, opened(&id, named, now));
                }
            }
            Step::Settle { hold } | Step::Void { hold } => {
                let Some(scope) = holds.get(hold) else { continue };
                let id = HoldId::known(&format!("h{hold}"));
                let mine = known.get(scope).filter(|pledge| pledge.hold == id).cloned();
                let open = mine.filter(|mine| matches!(mine.state, State::Open { .. }));
                let is_settled = matches!(step, Step::Settle { .. });
                let done = if is_settled {
                    let kept = world.store().keep(&id, answer(5)).await;
                    let done = world.store().settle_and_keep(id, credits(1), receipt(), kept).await;
                    done.is_ok()
                } else {
                    world.store().void(id, receipt()).await.is_ok()
                };
                // Ending again in the same way is answered as before, and changes nothing.
                let Some(open) = open else { continue };
                assert!(done, "{step:?}");
                let end =
                    if is_settled { End::Settled(None) } else { End::Voided { is_kept: false } };
                known.remove(scope);
                known.extend(open.ended(end, now).map(|left| (*scope, left)));
            }
            Step::Crash => world.crash().await,
            Step::Wait { minutes } => {
                world.clock.advance(std::time::Duration::from_mins(minutes));
                world.store().sweep().await.unwrap();
                let now_ms = world.clock.now().unix_ms;
                known.retain(|_, pledge| match pledge.state {
                    State::Open { until_ms } | State::Done { until_ms, .. } => now_ms < until_ms,
                });
            }
        }
    }
    world.must_balance().await;
}

fn opened(id: &str, named: Named, now: Now) -> Pledge {
    Pledge {
        scope: named.scope,
        key: KeyId::known("key_one"),
        fingerprint: named.fingerprint,
        is_implied: false,
        hold: HoldId::known(id),
        request: RequestId::known("req_one"),
        run: 0,
        opened_at_ms: now.unix_ms,
        state: State::Open { until_ms: now.unix_ms + 300_000 },
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, max_shrink_iters: 60, ..ProptestConfig::default() })]

    #[test]
    fn the_store_tells_what_the_pure_rules_say(steps in prop::collection::vec(step(), 1..40)) {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            agree(World::new().await, &steps).await;
            agree(World::shared().await, &steps).await;
        });
    }
}
