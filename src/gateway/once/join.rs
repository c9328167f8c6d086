//! Repeats of calls that did not name themselves: a library that lost patience asks again, and
//! is given what its first call comes to.
//!
//! Only for keys that were made so, and only for calls that say that they repeat one.

use std::sync::Arc;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use http::HeaderMap;
use tokio::sync::watch;

use crate::canonical::Refusal;
use crate::dialect::WireReply;
use crate::id::KeyId;
use crate::pledge::{Fingerprint, Named, Scope};

use super::super::{Gateway, Visit};

/// How often a library has repeated a call by itself.
const REPEATS: &str = "x-stainless-retry-count";

/// Calls under way that a repeat may join: as many as are in flight, at most.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Running(Arc<DashMap<(KeyId, Fingerprint), watch::Receiver<()>>>);

/// The right to be the call that others join; they go on when it is given back.
#[derive(Debug)]
pub(in super::super) struct Turn {
    running: Running,
    of: (KeyId, Fingerprint),
    told: watch::Sender<()>,
}

impl Running {
    /// Takes the turn from whoever has it: who joins from now on joins this one.
    fn take(&self, of: (KeyId, Fingerprint)) -> Turn {
        let (told, heard) = watch::channel(());
        self.0.insert(of.clone(), heard);
        Turn { running: self.clone(), of, told }
    }

    /// Takes the turn, unless another has it.
    fn take_if_free(&self, of: (KeyId, Fingerprint)) -> Option<Turn> {
        let Entry::Vacant(free) = self.0.entry(of.clone()) else { return None };
        let (told, heard) = watch::channel(());
        drop(free.insert(heard));
        Some(Turn { running: self.clone(), of, told })
    }

    /// Waits until the call that others join has ended, which its turn tells by going.
    async fn ended(&self, of: &(KeyId, Fingerprint)) {
        let running = self.0.get(of).map(|heard| heard.clone());
        let Some(mut running) = running else { return };
        while running.changed().await.is_ok() {}
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // Whoever took the turn meanwhile keeps it.
        let mine = self.told.subscribe();
        self.running.0.remove_if(&self.of, |_, heard| heard.same_channel(&mine));
    }
}

impl Gateway {
    /// What the latest call that asked the same came to, once it has; `None` when there is none
    /// to join, and from then on this one may be joined.
    pub(super) async fn join(
        &self,
        visit: &mut Visit,
        fingerprint: Fingerprint,
    ) -> Result<Option<WireReply>, Refusal> {
        let of = (visit.caller.key().clone(), fingerprint);
        if !is_repeat(&visit.head.headers) {
            be_joined(visit, self.running.take(of));
            return Ok(None);
        }
        loop {
            self.running.ended(&of).await;
            let found = self.store.look_up_repeat(of.0.clone(), fingerprint).await;
            let (verdict, known) = self.looked_up(found)?;
            let replay = self.say_again(visit, verdict, known, "joined").await?;
            if replay.is_some() {
                return Ok(replay);
            }
            // What there was to join cost nothing: one of its repeats tries again for all.
            if let Some(turn) = self.running.take_if_free(of.clone()) {
                be_joined(visit, turn);
                return Ok(None);
            }
        }
    }
}

/// From now on this call is the one that others join.
fn be_joined(visit: &mut Visit, turn: Turn) {
    let (key, fingerprint) = &turn.of;
    let scope = Scope::implied(key);
    visit.named = Some(Named { scope, fingerprint: *fingerprint, is_implied: true });
    visit.turn = Some(turn);
}

fn is_repeat(headers: &HeaderMap) -> bool {
    let count = headers.get(REPEATS).and_then(|count| count.to_str().ok()?.trim().parse().ok());
    count.is_some_and(|count: u32| count > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(asked: u8) -> (KeyId, Fingerprint) {
        (KeyId::known("key_one"), Fingerprint([asked; 32]))
    }

    #[tokio::test]
    async fn who_joins_goes_on_when_the_turn_is_given_back() {
        let running = Running::default();
        let turn = running.take_if_free(of(1)).unwrap();
        assert!(running.take_if_free(of(1)).is_none());
        assert!(running.take_if_free(of(2)).is_some());
        let one = of(1);
        let mut joined = Box::pin(running.ended(&one));
        assert!(futures_util::poll!(&mut joined).is_pending());
        drop(turn);
        joined.await;
        assert!(running.take_if_free(of(1)).is_some());
    }

    #[test]
    fn a_turn_that_was_taken_over_is_not_given_back_by_the_first() {
        let running = Running::default();
        let (first, second) = (running.take(of(1)), running.take(of(1)));
        drop(first);
        assert!(running.take_if_free(of(1)).is_none());
        drop(second);
        assert!(running.take_if_free(of(1)).is_some());
    }

    #[test]
    fn only_a_count_above_zero_is_a_repeat() {
        for (count, is) in [("0", false), ("1", true), (" 2 ", true), ("x", false), ("-1", false)] {
            let headers = [(REPEATS.parse().unwrap(), count.parse().unwrap())];
            assert_eq!(is_repeat(&headers.into_iter().collect()), is, "{count}");
        }
        assert!(!is_repeat(&HeaderMap::new()));
    }
}
