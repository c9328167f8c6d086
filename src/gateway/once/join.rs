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

    /// Takes the turn, or says whose end to wait for.
    fn take_or_join(&self, of: (KeyId, Fingerprint)) -> Result<Turn, watch::Receiver<()>> {
        match self.0.entry(of.clone()) {
            Entry::Occupied(other) => Err(other.get().clone()),
            Entry::Vacant(free) => {
                let (told, heard) = watch::channel(());
                drop(free.insert(heard));
                Ok(Turn { running: self.clone(), of, told })
            }
        }
    }

    fn find(&self, of: &(KeyId, Fingerprint)) -> Option<watch::Receiver<()>> {
        self.0.get(of).map(|heard| heard.clone())
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
        let key = visit.caller.key().clone();
        let of = (key.clone(), fingerprint);
        let turn = if is_repeat(&visit.head.headers) {
            match self.joined(visit, &of).await? {
                Ok(turn) => turn,
                Err(reply) => return Ok(Some(reply)),
            }
        } else {
            self.running.take(of)
        };
        visit.turn = Some(turn);
        visit.named = Some(Named { scope: Scope::implied(&key), fingerprint, is_implied: true });
        Ok(None)
    }

    /// What the calls before this one came to, or the turn once none of them can be joined.
    async fn joined(
        &self,
        visit: &mut Visit,
        of: &(KeyId, Fingerprint),
    ) -> Result<Result<Turn, WireReply>, Refusal> {
        loop {
            if let Some(running) = self.running.find(of) {
                ended(running).await;
            }
            let found = self.store.look_up_repeat(of.0.clone(), of.1).await;
            let (verdict, known) = self.looked_up(found)?;
            if let Some(reply) = self.say_again(visit, verdict, known, "joined").await? {
                return Ok(Err(reply));
            }
            match self.running.take_or_join(of.clone()) {
                Ok(turn) => return Ok(Ok(turn)),
                Err(running) => ended(running).await,
            }
        }
    }
}

/// Waits until a call has ended, which its turn tells by going.
async fn ended(mut running: watch::Receiver<()>) {
    while running.changed().await.is_ok() {}
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
        let turn = running.take_or_join(of(1)).unwrap();
        let joined = running.take_or_join(of(1)).unwrap_err();
        assert!(running.take_or_join(of(2)).is_ok());
        drop(turn);
        ended(joined).await;
        assert!(running.find(&of(1)).is_none());
    }

    #[tokio::test]
    async fn a_turn_that_was_taken_over_is_not_given_back_by_the_first() {
        let running = Running::default();
        let (first, second) = (running.take(of(1)), running.take(of(1)));
        drop(first);
        assert!(running.find(&of(1)).is_some());
        drop(second);
        assert!(running.find(&of(1)).is_none());
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
