//! Holds: the open ones, and a bounded memory of those that ended.

use std::collections::{BTreeSet, HashMap, VecDeque};

use crate::clock::Now;
use crate::credits::Credits;
use crate::id::HoldId;

use super::ask::{Held, HoldAsk};
use super::grants::Pinned;

/// How many ended holds are remembered, so that asking again is answered as the first time.
/// A store that keeps more can hand them back with `Ledger::recall`.
pub const ENDED_HOLDS_MAX: usize = 16_384;

/// Credits set aside for one request, and how that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// What was asked for.
    pub ask: HoldAsk,
    /// The grants that it took from.
    pub pinned: Pinned,
    /// What was answered.
    pub held: Held,
    /// When it was opened, in milliseconds since the Unix epoch.
    pub opened_at_ms: i64,
    /// How and when it ended; `None` while it is open.
    pub ended: Option<Ended>,
}

/// The end of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// In which of the three ways.
    pub way: Ending,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// What could still be held after it.
    pub remaining: Credits,
}

/// The three ways in which a hold ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The price was taken for so many pictures.
    Settled {
        /// What was paid.
        price: Credits,
        /// Pictures delivered.
        images: u32,
    },
    /// All was given back.
    Voided,
    /// All was given back because nobody ended it in time.
    Expired,
}

/// All holds that are known.
#[derive(Debug, Default)]
pub(super) struct Holds {
    known: HashMap<HoldId, Hold>,
    /// Open holds, soonest to expire first.
    open: BTreeSet<(i64, HoldId)>,
    ended: VecDeque<HoldId>,
}

impl Holds {
    pub(super) fn find(&self, id: &HoldId) -> Option<&Hold> {
        self.known.get(id)
    }

    pub(super) fn open_count(&self) -> usize {
        self.open.len()
    }

    pub(super) fn insert(&mut self, hold: Hold) {
        let id = hold.ask.hold.clone();
        if hold.ended.is_none() {
            self.open.insert((hold.ask.expires_at_ms, id.clone()));
        } else {
            self.remember(&id);
        }
        self.known.insert(id, hold);
    }

    pub(super) fn end(&mut self, id: &HoldId, ended: Ended) {
        if let Some(hold) = self.known.get_mut(id) {
            hold.ended = Some(ended);
            self.open.remove(&(hold.ask.expires_at_ms, id.clone()));
            self.remember(id);
        }
    }

    /// At most so many open holds whose time is over.
    pub(super) fn overdue(&self, most: usize, now: Now) -> Vec<HoldId> {
        self.open
            .iter()
            .take_while(|(end_ms, _)| *end_ms <= now.unix_ms)
            .take(most)
            .map(|(_, id)| id.clone())
            .collect()
    }

    fn remember(&mut self, id: &HoldId) {
        self.ended.push_back(id.clone());
        if self.ended.len() > ENDED_HOLDS_MAX
            && let Some(oldest) = self.ended.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}
