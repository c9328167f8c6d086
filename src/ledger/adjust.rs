//! Credits that an operator takes back: entries of their own, never edits of others.
//!
//! What is held for a request stays its own; what was spent stays spent, and is given back by a grant
//! of the source `refund`. So only what is available can be taken.

use crate::clock::Now;
use crate::credits::Credits;
use crate::id::AdjustmentId;

use super::Ledger;
use super::ask::{Changes, Done, LedgerError, NewAdjustment};
use super::entry::{Account, Entry, EntryKind};
use super::grants::Pinned;

impl Ledger {
    /// Takes credits back that are available: all that was asked for, or nothing and a reason.
    pub fn adjust(&mut self, new: &NewAdjustment, now: Now) -> Result<Done<()>, LedgerError> {
        match self.adjustments.get(&new.id) {
            Some(known) if *known == *new => return Ok(Done::again(())),
            Some(_) => return Err(LedgerError::IdReused),
            None => {}
        }
        if new.amount <= Credits::ZERO {
            return Err(LedgerError::Overflow);
        }
        let entries: Vec<Entry> =
            self.taken_by(new, now)?.into_iter().map(|part| entry(new, part, now)).collect();
        self.grants.post(&entries)?;
        self.adjustments.insert(new.id.clone(), new.clone());
        Ok(Done::first((), Changes::of(entries)))
    }

    /// Takes up an adjustment that was made and forgotten, so that asking again is answered rightly.
    pub fn recall_adjustment(&mut self, made: NewAdjustment) {
        self.adjustments.insert(made.id.clone(), made);
    }

    /// An adjustment that is known.
    pub fn find_adjustment(&self, id: &AdjustmentId) -> Option<&NewAdjustment> {
        self.adjustments.get(id)
    }

    fn taken_by(&self, new: &NewAdjustment, now: Now) -> Result<Pinned, LedgerError> {
        let Some(id) = &new.grant else {
            return Ok(self.grants.choose(&new.workspace, new.amount, now)?.0);
        };
        let known = self.grants.find(id).filter(|grant| grant.new.workspace == new.workspace);
        let available = known.ok_or(LedgerError::UnknownGrant)?.balance.available;
        if new.amount > available {
            return Err(LedgerError::Short { required: new.amount, remaining: available });
        }
        Ok(vec![(id.clone(), new.amount)])
    }
}

fn entry(new: &NewAdjustment, (grant, amount): (super::GrantId, Credits), now: Now) -> Entry {
    Entry {
        workspace: new.workspace.clone(),
        kind: EntryKind::Adjust,
        source: Account::Available,
        target: Account::Expired,
        grant,
        hold: None,
        adjustment: Some(new.id.clone()),
        amount,
        request: None,
        key: None,
        at_ms: now.unix_ms,
    }
}
