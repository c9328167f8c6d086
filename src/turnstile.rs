//! Where requests are counted: in this process, or by all nodes together in Redis.
//!
//! What is counted, and what is too much, is for [`limit`](crate::limit) to say. A request passes
//! for all its subjects or for none, however many ask at once. While Redis cannot be asked, what is in
//! force says whether requests are refused or each node allows its share, counted here: what this
//! node let pass before is counted here too, so that its share is not given out twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use thiserror::Error;

use crate::canonical::Standing;
use crate::clock::{Clock, Now};
use crate::config::{self, RedisAddress};
use crate::limit::{Bounds, Denial, Met, Ticket, Verdict, Weight};

mod memory;
mod pass;
mod shared;

use memory::Memory;
use shared::Shared;

pub use pass::{Counted, Lease};

/// Callers of whom it is remembered where they stood when they last asked.
const STANDINGS_MAX: usize = 100_000;

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
    /// It cannot be counted, and what is not counted does not pass.
    Lost,
}

/// Why a turnstile cannot be set up.
#[derive(Debug, Error)]
pub enum TurnstileError {
    /// There is no address where it should be.
    #[error("limits.redis: nothing is kept at the place that it names")]
    NoAddress,
    /// The address cannot be read.
    #[error("limits.redis: the address cannot be read")]
    Address(#[source] redis::RedisError),
}

/// How counting goes, for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decided {
    /// Whether the shared windows can be asked; `None` where there are none.
    pub is_up: Option<bool>,
    /// Decisions that they made.
    pub shared: u64,
    /// Decisions that were made here because they could not be asked.
    pub alone: u64,
    /// Requests that were refused because they could not be asked.
    pub refused: u64,
    /// What they were to be told and were not: without a correction they count too much for a while,
    /// without an admission too little.
    pub let_go: u64,
}

/// Counts requests.
#[derive(Debug, Default)]
pub struct Turnstile {
    memory: Memory,
    shared: Option<(Arc<Shared>, config::Lost)>,
    /// Where callers stood when they last asked, by their subjects.
    stood: DashMap<String, (u64, Vec<Standing>)>,
    decisions: [AtomicU64; 3],
}

impl Turnstile {
    /// One that counts as configured. Nothing is asked before it is kept.
    pub fn open(limits: &config::Limits) -> Result<Self, TurnstileError> {
        let Some(redis) = &limits.redis else {
            return Ok(Self::default());
        };
        let found = match &redis.address {
            RedisAddress::Known(address) => Shared::new(redis.clone(), address),
            RedisAddress::Kept(place) => {
                let secret = place.find().ok_or(TurnstileError::NoAddress)?;
                Shared::new(redis.clone(), secret.reveal())
            }
        };
        let shared = Arc::new(found.map_err(TurnstileError::Address)?);
        Ok(Self { shared: Some((shared, redis.lost)), ..Self::default() })
    }

    /// Keeps what is shared, for as long as the process lives.
    pub async fn keep(&self, clock: &dyn Clock) {
        match &self.shared {
            Some((shared, _)) => shared.keep(&self.memory, clock).await,
            None => std::future::pending().await,
        }
    }

    /// Waits until what is shared can be asked, if anything is.
    pub async fn ready(&self) {
        if let Some((shared, _)) = &self.shared {
            shared.up().await;
        }
    }

    /// Counts a request for every subject, or for none.
    pub async fn admit(&self, ask: &Ask, now: Now) -> Answer {
        let Some((shared, lost)) = &self.shared else {
            return self.admit_here(ask, now);
        };
        match (shared.admit(ask).await, lost) {
            (Ok(verdict), _) => {
                self.decided(0);
                self.heard(shared, ask, verdict, now)
            }
            (Err(shared::Lost), config::Lost::Refuse) => {
                self.decided(2);
                Answer::Lost
            }
            (Err(shared::Lost), config::Lost::LocalShare { nodes }) => {
                self.decided(1);
                match self.admit_share(ask, *nodes, now) {
                    Answer::Passed { lease, over } => {
                        let number = shared.owe(ask, now.tick_ms);
                        Answer::Passed { lease: lease.owed(Arc::clone(shared), number), over }
                    }
                    other @ (Answer::Denied(_) | Answer::Lost) => other,
                }
            }
        }
    }

    /// Counts it in this process alone.
    pub fn admit_here(&self, ask: &Ask, now: Now) -> Answer {
        self.admit_share(ask, 1, now)
    }

    fn admit_share(&self, ask: &Ask, nodes: u32, now: Now) -> Answer {
        let (seats, verdict) = self.memory.admit(ask, nodes, now);
        match verdict {
            Verdict::Admitted { ticket, standings, over } => {
                Answer::Passed { lease: Lease::new(Counted::here(seats, ticket), standings), over }
            }
            Verdict::Denied(denial) => Answer::Denied(denial),
        }
    }

    /// What the shared windows said, remembered here for when they are gone.
    fn heard(&self, shared: &Arc<Shared>, ask: &Ask, verdict: shared::Verdict, now: Now) -> Answer {
        match verdict {
            shared::Verdict::Denied(denial) => {
                self.note_standings(ask, &denial.standings, now);
                Answer::Denied(denial)
            }
            shared::Verdict::Passed { remote, counted, standings, over } => {
                let ticket = Ticket { tick_ms: now.tick_ms, weight: ask.weight, counted };
                let seats = self.memory.follow(ask, &ticket);
                let counted = Counted::here(seats, ticket).there(Arc::clone(shared), remote);
                let standings = told(ask, &standings);
                self.note_standings(ask, &standings, now);
                Answer::Passed { lease: Lease::new(counted, standings), over }
            }
        }
    }

    /// Where whoever asks stands, looked at without asking for anything. Of shared windows, where it
    /// stood when it last asked this node; empty if it did not.
    pub fn standings(&self, ask: &Ask, now: Now) -> Vec<Standing> {
        if self.shared.is_none() {
            return self.memory.standings(ask, now);
        }
        let Some((then_ms, mut standings)) =
            self.stood.get(&names(ask)).map(|stood| stood.value().clone())
        else {
            return Vec::new();
        };
        let passed = Duration::from_millis(now.tick_ms.saturating_sub(then_ms));
        for standing in &mut standings {
            standing.resets_in = standing.resets_in.saturating_sub(passed);
            standing.is_met = false;
        }
        standings
    }

    fn note_standings(&self, ask: &Ask, standings: &[Standing], now: Now) {
        if self.stood.len() > STANDINGS_MAX {
            self.stood.clear();
        }
        self.stood.insert(names(ask), (now.tick_ms, standings.to_vec()));
    }

    /// Counts what was admitted so long ago, before this process began.
    pub fn remember(&self, ask: &Ask, ago: Duration, now: Now) -> Counted {
        let ago_ms = u64::try_from(ago.as_millis()).unwrap_or(u64::MAX);
        let tick_ms = now.tick_ms.saturating_sub(ago_ms);
        let seats = self.memory.remember(ask, tick_ms);
        Counted::here(seats, Ticket { tick_ms, weight: ask.weight, counted: u64::MAX })
    }

    /// How counting went since this was last asked.
    pub fn take_decided(&self) -> Decided {
        let [shared, alone, refused] =
            self.decisions.each_ref().map(|count| count.swap(0, Ordering::Relaxed));
        let own = self.shared.as_ref().map(|(shared, _)| shared);
        Decided {
            is_up: own.map(|own| own.is_up()),
            shared,
            alone,
            refused,
            let_go: own.map_or(0, |own| own.let_go.swap(0, Ordering::Relaxed)),
        }
    }

    fn decided(&self, how: usize) {
        if let Some(count) = self.decisions.get(how) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// What is used of every limit, as it is told.
fn told(ask: &Ask, used: &[(u64, u64)]) -> Vec<Standing> {
    let real = ask.places.iter().filter(|(_, bounds)| !bounds.shadow);
    let limits = real.flat_map(|(_, bounds)| &bounds.limits);
    limits.zip(used).map(|(limit, (used, free_in_ms))| limit.standing(*used, *free_in_ms)).collect()
}

fn names(ask: &Ask) -> String {
    let names: Vec<&str> = ask.places.iter().map(|(subject, _)| subject.as_str()).collect();
    names.join("\n")
}

#[cfg(test)]
mod tests;
