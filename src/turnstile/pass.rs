//! What a request that passed holds on to: its lease, and the right to correct what it counted as.

use std::sync::Arc;

use crate::canonical::Standing;
use crate::credits::Credits;
use crate::limit::Ticket;

use super::memory::Seat;
use super::shared::{Remote, Shared};

/// A request that passed: ends its leases when it goes, on whatever way it goes.
#[derive(Debug)]
pub struct Lease {
    counted: Counted,
    is_over: bool,
    standings: Vec<Standing>,
}

/// What a request was counted as.
#[derive(Clone, Debug)]
pub struct Counted {
    seats: Arc<[Seat]>,
    ticket: Ticket,
    /// What other nodes see of it.
    remote: Option<(Arc<Shared>, Remote)>,
    /// What they are still to be told of it.
    owed: Option<(Arc<Shared>, u64)>,
}

impl Lease {
    pub(super) fn new(counted: Counted, standings: Vec<Standing>) -> Self {
        Self { counted, is_over: false, standings }
    }

    /// The same, with what other nodes are still to be told of it.
    pub(super) fn owed(mut self, shared: Arc<Shared>, number: u64) -> Self {
        self.counted.owed = Some((shared, number));
        self
    }

    /// Where the caller stood when it passed.
    pub fn standings(&self) -> Vec<Standing> {
        self.standings.clone()
    }

    /// What it was counted as, to be corrected when that is known.
    pub fn counted(&self) -> Counted {
        self.counted.clone()
    }

    /// It came to nothing before anything was held for it: windows of credits are told, what else it
    /// was counted as stays.
    pub fn unspent(&self) {
        self.counted.spent(Credits::ZERO);
    }

    /// As if it had never passed: somebody else said no.
    pub fn take_back(mut self) {
        self.is_over = true;
        for seat in self.counted.seats() {
            seat.lock().take_back(&self.counted.ticket);
        }
        if let Some((shared, remote)) = &self.counted.remote {
            shared.take_back(remote, self.counted.ticket.weight);
        }
        if let Some((shared, number)) = &self.counted.owed {
            shared.owe_nothing(*number);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // A lease that is not ended would count against its key until it expires, so even a panic on
        // the path must end it.
        if !self.is_over {
            for seat in self.counted.seats() {
                seat.lock().finish(&self.counted.ticket);
            }
            if let Some((shared, remote)) = &self.counted.remote {
                shared.finish(remote);
            }
        }
    }
}

impl Counted {
    pub(super) fn here(seats: Vec<Seat>, ticket: Ticket) -> Self {
        Self { seats: seats.into(), ticket, remote: None, owed: None }
    }

    pub(super) fn there(self, shared: Arc<Shared>, remote: Remote) -> Self {
        Self { remote: Some((shared, remote)), ..self }
    }

    /// What was spent is known now; windows of credits are given back the rest.
    pub fn spent(&self, price: Credits) {
        let spent = u64::try_from(price.nanos()).unwrap_or(0);
        let rest = self.ticket.weight.nanos.saturating_sub(spent);
        if rest > 0 {
            for seat in self.seats() {
                seat.lock().give_back(self.ticket.tick_ms, rest);
            }
            if let Some((shared, remote)) = &self.remote {
                shared.give_back(remote, rest);
            }
            if let Some((shared, number)) = &self.owed {
                shared.owe_less(*number, rest);
            }
        }
    }

    /// The seats that counted it.
    fn seats(&self) -> impl Iterator<Item = &Seat> {
        let counted = self.seats.iter().enumerate();
        counted.filter(|(number, _)| self.ticket.counts(*number)).map(|(_, seat)| seat)
    }
}
