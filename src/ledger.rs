//! The credits of every workspace, as a state machine: grant, hold, settle, void, expire, adjust.
//!
//! Pure and synchronous: time comes in, and what must be durable comes out as [`Changes`].
//! For every workspace, at every moment, granted = available + held + spent + expired; a hold ends
//! in exactly one of settle, void, expire; a refusal changes nothing; the same operation under the
//! same id is the same outcome once.

#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use std::collections::HashMap;

use crate::clock::Now;
use crate::credits::Credits;
use crate::id::{AdjustmentId, GrantId, HoldId, WorkspaceId};

mod adjust;
mod allowance;
mod ask;
mod entry;
mod grants;
mod holds;
mod quotas;
#[cfg(test)]
pub(crate) mod tests;

pub use allowance::{ALLOWANCE_SOURCE, Month};
pub use ask::{
    Alert, BudgetAsk, Changes, Done, Held, HoldAsk, LedgerError, NewAdjustment, NewGrant, QuotaAsk,
    QuotaUnit, QuotaUse, Settled, Swept, Weighed,
};
pub use entry::{Account, Balance, Entry, EntryKind};
pub use grants::{Grant, Pinned};
pub use holds::{ENDED_HOLDS_MAX, Ended, Ending, Hold};
pub use quotas::QUOTA_DAYS_MAX;

use grants::Grants;
use holds::Holds;
use quotas::{Quotas, Reached};

/// The priority of grants that nobody gave another; a lower one is spent first, and there is room on
/// either side.
pub const PRIORITY_USUAL: u8 = 50;

/// How many holds, and how many grants, one sweep takes at most.
pub const SWEEP_MAX: usize = 1_000;

/// Every grant, hold and quota counter.
#[derive(Debug, Default)]
pub struct Ledger {
    grants: Grants,
    holds: Holds,
    quotas: Quotas,
    adjustments: HashMap<AdjustmentId, NewAdjustment>,
}

impl Ledger {
    /// A ledger as it was left: its grants, at least its open holds, and its recent quotas.
    pub fn restore(
        grants: Vec<Grant>,
        holds: Vec<Hold>,
        quotas: Vec<QuotaUse>,
    ) -> Result<Self, LedgerError> {
        let mut ledger = Self::default();
        for grant in grants {
            ledger.grants.insert(grant)?;
        }
        for hold in holds {
            ledger.holds.insert(hold);
        }
        for quota in quotas {
            ledger.quotas.set(quota);
        }
        Ok(ledger)
    }

    /// Takes up a hold that ended and was forgotten, so that asking again is answered rightly.
    pub fn recall(&mut self, hold: Hold) {
        if self.holds.find(&hold.ask.hold).is_none() {
            self.holds.insert(hold);
        }
    }

    /// Adds credits to a workspace.
    pub fn grant(&mut self, new: &NewGrant, now: Now) -> Result<Done<()>, LedgerError> {
        match self.grants.find(&new.id) {
            Some(known) if known.new == *new => return Ok(Done::again(())),
            Some(_) => return Err(LedgerError::IdReused),
            None => {}
        }
        if new.amount <= Credits::ZERO {
            return Err(LedgerError::Overflow);
        }
        let entry = Entry {
            workspace: new.workspace.clone(),
            kind: EntryKind::Grant,
            source: Account::Issued,
            target: Account::Available,
            grant: new.id.clone(),
            hold: None,
            adjustment: None,
            amount: new.amount,
            request: None,
            key: None,
            at_ms: now.unix_ms,
        };
        self.grants.insert(Grant {
            new: new.clone(),
            granted_at_ms: now.unix_ms,
            balance: Balance::default().moved((entry.source, entry.target), new.amount)?,
        })?;
        Ok(Done::first((), Changes::of(vec![entry])))
    }

    /// Sets credits and quota shares aside for one request: all of it, or nothing and a reason.
    pub fn hold(&mut self, ask: &HoldAsk, now: Now) -> Result<Done<Held>, LedgerError> {
        match self.holds.find(&ask.hold) {
            Some(known) if known.ask == *ask => return Ok(Done::again(known.held)),
            Some(_) => return Err(LedgerError::IdReused),
            None => {}
        }
        if ask.amount < Credits::ZERO {
            return Err(LedgerError::Overflow);
        }
        let quotas = self.quotas.judge(&ask.quotas)?;
        let (pinned, remaining) = self.grants.choose(&ask.workspace, ask.amount, now)?;
        let entries: Vec<Entry> = pinned
            .iter()
            .map(|(grant, amount)| {
                let way = (Account::Available, Account::Held);
                ask.entry(EntryKind::Hold, way, (grant, *amount), now)
            })
            .collect();
        self.grants.post(&entries)?;
        self.quotas.apply(&quotas);
        let held = Held { remaining };
        self.holds.insert(Hold {
            ask: ask.clone(),
            pinned,
            held,
            opened_at_ms: now.unix_ms,
            ended: None,
        });
        Ok(Done::first(held, Changes { entries, quotas, ..Changes::default() }))
    }

    /// Takes the real price of so many delivered pictures and gives the rest back, along with
    /// the shares of quotas that were not needed.
    ///
    /// A hold past its time can still be settled until a sweep has taken it: its credits are there.
    pub fn settle(
        &mut self,
        id: &HoldId,
        price: Credits,
        images: u32,
        now: Now,
    ) -> Result<Done<Settled>, LedgerError> {
        let done = self.end(id, Ending::Settled { price, images }, now)?;
        Ok(Done {
            outcome: Settled { remaining: done.outcome.remaining },
            repeated: done.repeated,
            changes: done.changes,
        })
    }

    /// Gives a hold back, credits and quota shares alike.
    pub fn void(&mut self, id: &HoldId, now: Now) -> Result<Done<()>, LedgerError> {
        let done = self.end(id, Ending::Voided, now)?;
        Ok(Done { outcome: (), repeated: done.repeated, changes: done.changes })
    }

    /// Gives back holds whose time is over, then closes grants that have reached their end.
    pub fn sweep(&mut self, now: Now) -> Result<Done<Swept>, LedgerError> {
        self.quotas.forget(now.utc_day());
        let expired = self.holds.overdue(SWEEP_MAX, now);
        let mut changes = Changes::default();
        for id in &expired {
            let done = self.end(id, Ending::Expired, now)?;
            changes.entries.extend(done.changes.entries);
            changes.quotas.extend(done.changes.quotas);
            changes.alerts.extend(done.changes.alerts);
        }
        let lapses: Vec<Entry> = self
            .grants
            .overdue(SWEEP_MAX, now)
            .into_iter()
            .map(|grant| lapse(grant, now))
            .collect();
        for entry in &lapses {
            self.grants.post(std::slice::from_ref(entry))?;
        }
        let swept = Swept {
            more: expired.len() == SWEEP_MAX || lapses.len() == SWEEP_MAX,
            expired,
            lapsed: lapses.iter().map(|entry| entry.grant.clone()).collect(),
        };
        changes.entries.extend(lapses);
        Ok(Done::first(swept, changes))
    }

    /// Where the credits of a workspace are.
    pub fn balance(&self, workspace: &WorkspaceId) -> Balance {
        self.grants.balance(workspace)
    }

    /// What a workspace could hold now: what is available, less grants that are not in effect.
    pub fn spendable(&self, workspace: &WorkspaceId, now: Now) -> Result<Credits, LedgerError> {
        self.grants.spendable(workspace, now)
    }

    /// How much of a quota is used.
    pub fn quota_used(&self, subject: &str, unit: QuotaUnit, period: i64) -> u64 {
        self.quotas.count(&subject.into(), unit, period).used
    }

    /// How many holds are open.
    pub fn open_holds(&self) -> usize {
        self.holds.open_count()
    }

    /// A hold that is open, or that ended and is still remembered.
    pub fn find_hold(&self, id: &HoldId) -> Option<&Hold> {
        self.holds.find(id)
    }

    /// A grant, however old.
    pub fn find_grant(&self, id: &GrantId) -> Option<&Grant> {
        self.grants.find(id)
    }

    fn end(&mut self, id: &HoldId, way: Ending, now: Now) -> Result<Done<Ended>, LedgerError> {
        let hold = self.holds.find(id).ok_or(LedgerError::UnknownHold)?;
        match hold.ended {
            Some(ended) if ended.way == way => return Ok(Done::again(ended)),
            Some(_) => return Err(LedgerError::AlreadyResolved),
            None => {}
        }
        let entries = self.entries_at_end(hold, way, now)?;
        let (quotas, reached) = self.quotas.returned(&hold.ask.quotas, |ask| way.keeps(ask));
        let alerts = reached.into_iter().map(|reached| hold.ask.alert(&reached, now)).collect();
        let workspace = hold.ask.workspace.clone();
        self.grants.post(&entries)?;
        self.quotas.apply(&quotas);
        let ended =
            Ended { way, at_ms: now.unix_ms, remaining: self.grants.spendable(&workspace, now)? };
        self.holds.end(id, ended);
        Ok(Done::first(ended, Changes { entries, quotas, alerts }))
    }

    /// Takes the price from the pinned grants in their order; the rest goes home.
    fn entries_at_end(
        &self,
        hold: &Hold,
        way: Ending,
        now: Now,
    ) -> Result<Vec<Entry>, LedgerError> {
        let (kind, mut due) = way.kind_and_price();
        if due < Credits::ZERO {
            return Err(LedgerError::Overflow);
        }
        if due > hold.ask.amount {
            return Err(LedgerError::AboveHold);
        }
        let mut entries = Vec::with_capacity(hold.pinned.len());
        for (grant, amount) in &hold.pinned {
            let spent = due.min(*amount);
            due = due.minus(spent)?;
            let back = amount.minus(spent)?;
            let home = self.grants.home(grant, now);
            let parts = [(Account::Spent, spent), (home, back)];
            let moved = parts.into_iter().filter(|(_, part)| *part > Credits::ZERO);
            entries.extend(moved.map(|(target, part)| {
                let way = (Account::Held, target);
                hold.ask.entry(kind, way, (grant, part), now)
            }));
        }
        Ok(entries)
    }
}

impl Ending {
    const fn kind_and_price(self) -> (EntryKind, Credits) {
        match self {
            Self::Settled { price, .. } => (EntryKind::Settle, price),
            Self::Voided => (EntryKind::Void, Credits::ZERO),
            Self::Expired => (EntryKind::Expire, Credits::ZERO),
        }
    }

    /// How much of a quota share stays used.
    fn keeps(self, ask: &QuotaAsk) -> u64 {
        let Self::Settled { price, images } = self else {
            return 0;
        };
        let kept = match ask.unit {
            QuotaUnit::Requests => ask.weight,
            QuotaUnit::Images => u64::from(images),
            QuotaUnit::Pixels => ask.each.saturating_mul(u64::from(images)),
            QuotaUnit::Credits => price.nanos().unsigned_abs(),
        };
        kept.min(ask.weight)
    }
}

impl HoldAsk {
    fn entry(
        &self,
        kind: EntryKind,
        (source, target): (Account, Account),
        (grant, amount): (&GrantId, Credits),
        now: Now,
    ) -> Entry {
        Entry {
            workspace: self.workspace.clone(),
            kind,
            source,
            target,
            grant: grant.clone(),
            hold: Some(self.hold.clone()),
            adjustment: None,
            amount,
            request: Some(self.request.clone()),
            key: Some(self.key.clone()),
            at_ms: now.unix_ms,
        }
    }
}

impl HoldAsk {
    fn alert(&self, reached: &Reached<'_>, now: Now) -> Alert {
        Alert {
            budget: reached.ask.name.clone(),
            subject: std::sync::Arc::clone(&reached.ask.subject),
            period: reached.ask.period,
            percent: reached.percent,
            limit: reached.limit,
            spent: reached.spent,
            request: self.request.clone(),
            workspace: self.workspace.clone(),
            key: self.key.clone(),
            at_ms: now.unix_ms,
        }
    }
}

impl Changes {
    fn of(entries: Vec<Entry>) -> Self {
        Self { entries, ..Self::default() }
    }
}

fn lapse(grant: &Grant, now: Now) -> Entry {
    Entry {
        workspace: grant.new.workspace.clone(),
        kind: EntryKind::Lapse,
        source: Account::Available,
        target: Account::Expired,
        grant: grant.new.id.clone(),
        hold: None,
        adjustment: None,
        amount: grant.balance.available,
        request: None,
        key: None,
        at_ms: now.unix_ms,
    }
}
