//! Where requests are counted: in this process.
//!
//! What is counted, and what is too much, is for [`limit`](crate::limit) to say. A request passes
//! for all its subjects or for none, however many ask at once.

use std::sync::Arc;
use std::time::Duration;

use crate::canonical::Standing;
use crate::clock::Now;
use crate::limit::{Bounds, Denial, Met, Ticket, Verdict, Weight};

mod memory;
mod pass;

use memory::Memory;

pub use pass::{Counted, Lease};

/// What a request is counted for.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The subjects, each with what binds it; no two of one name.
    pub places: Vec<(String, Arc<Bounds>)>,
    /// What it weighs.
    pub weight: Weight,
}

/// What the turnstile says.
#[derive(Debug)]
pub enum Answer {
    /// The request passes.
    Passed {
        /// What ends its lease when it goes.
        lease: Lease,
        /// The shadow limits that would have refused it.
        over: Vec<Met>,
    },
    /// It does not.
    Denied(Denial),
}

/// Counts requests.
#[derive(Debug, Default)]
pub struct Turnstile {
    memory: Memory,
}

impl Turnstile {
    /// Counts a request for every subject, or for none.
    pub fn admit(&self, ask: &Ask, now: Now) -> Answer {
        let (seats, verdict) = self.memory.admit(ask, now);
        match verdict {
            Verdict::Admitted { ticket, standings, over } => {
                Answer::Passed { lease: Lease::new(Counted::here(seats, ticket), standings), over }
            }
            Verdict::Denied(denial) => Answer::Denied(denial),
        }
    }

    /// Where whoever asks stands, looked at without asking for anything.
    pub fn standings(&self, ask: &Ask, now: Now) -> Vec<Standing> {
        self.memory.standings(ask, now)
    }

    /// Counts what was admitted so long ago, before this process began.
    pub fn remember(&self, ask: &Ask, ago: Duration, now: Now) -> Counted {
        let ago_ms = u64::try_from(ago.as_millis()).unwrap_or(u64::MAX);
        let tick_ms = now.tick_ms.saturating_sub(ago_ms);
        let seats = self.memory.remember(ask, tick_ms);
        Counted::here(seats, Ticket { tick_ms, weight: ask.weight, counted: u64::MAX })
    }
}

#[cfg(test)]
mod tests;
