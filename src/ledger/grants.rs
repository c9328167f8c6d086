//! Every grant, in the order it is spent, and the balances that they come to.

use std::collections::{BTreeSet, HashMap};

use crate::clock::Now;
use crate::credits::{Credits, Overflow};
use crate::id::{GrantId, WorkspaceId};

use super::ask::{LedgerError, NewGrant};
use super::entry::{Account, Balance, Entry};

/// Credits that were added, and where they are now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// What was asked for.
    pub new: NewGrant,
    /// When it was added, in milliseconds since the Unix epoch.
    pub granted_at_ms: i64,
    /// Where its credits are.
    pub balance: Balance,
}

/// A grant's turn: priority, earliest expiry, promotional before paid, oldest.
type Turn = (u8, i64, bool, i64, i64, GrantId);

/// Credits pinned to the grants they were taken from, in spending order.
pub type Pinned = Vec<(GrantId, Credits)>;

#[derive(Debug, Default)]
struct Wallet {
    total: Balance,
    /// Grants with something available.
    turns: BTreeSet<Turn>,
}

/// All grants. A grant is remembered for good: that is what keeps it from counting twice.
#[derive(Debug, Default)]
pub(super) struct Grants {
    known: HashMap<GrantId, Grant>,
    wallets: HashMap<WorkspaceId, Wallet>,
    /// Grants with something available and an end, soonest first.
    ends: BTreeSet<(i64, GrantId)>,
}

impl Grant {
    /// Whether its credits may be held now.
    pub const fn in_effect(&self, now: Now) -> bool {
        self.new.effective_at_ms <= now.unix_ms && !self.ended(now)
    }

    /// Whether it has reached its end.
    pub const fn ended(&self, now: Now) -> bool {
        match self.new.expires_at_ms {
            Some(end_ms) => end_ms <= now.unix_ms,
            None => false,
        }
    }

    fn turn(&self) -> Turn {
        (
            self.new.priority,
            self.new.expires_at_ms.unwrap_or(i64::MAX),
            !self.new.promotional,
            self.new.effective_at_ms,
            self.granted_at_ms,
            self.new.id.clone(),
        )
    }
}

impl Grants {
    pub(super) fn find(&self, id: &GrantId) -> Option<&Grant> {
        self.known.get(id)
    }

    /// Takes up a grant, with whatever balance it has.
    pub(super) fn insert(&mut self, grant: Grant) -> Result<(), Overflow> {
        let wallet = self.wallets.entry(grant.new.workspace.clone()).or_default();
        wallet.total = wallet.total.plus(grant.balance)?;
        let id = grant.new.id.clone();
        self.known.insert(id.clone(), grant);
        self.index(&id);
        Ok(())
    }

    pub(super) fn balance(&self, workspace: &WorkspaceId) -> Balance {
        self.wallets.get(workspace).map(|wallet| wallet.total).unwrap_or_default()
    }

    /// What could be held now.
    pub(super) fn spendable(
        &self,
        workspace: &WorkspaceId,
        now: Now,
    ) -> Result<Credits, LedgerError> {
        self.in_turn(workspace, now)
            .try_fold(Credits::ZERO, |sum, grant| Ok(sum.plus(grant.balance.available)?))
    }

    /// Chooses the grants that an amount is taken from; says also what would be left.
    pub(super) fn choose(
        &self,
        workspace: &WorkspaceId,
        amount: Credits,
        now: Now,
    ) -> Result<(Pinned, Credits), LedgerError> {
        let spendable = self.spendable(workspace, now)?;
        let remaining = spendable.minus(amount)?;
        if remaining < Credits::ZERO {
            return Err(LedgerError::Short { required: amount, remaining: spendable });
        }
        let (mut pinned, mut due) = (Pinned::new(), amount);
        for grant in self.in_turn(workspace, now) {
            if due == Credits::ZERO {
                break;
            }
            let taken = due.min(grant.balance.available);
            pinned.push((grant.new.id.clone(), taken));
            due = due.minus(taken)?;
        }
        Ok((pinned, remaining))
    }

    /// Makes all transfers of one workspace, or none of them.
    pub(super) fn post(&mut self, entries: &[Entry]) -> Result<(), LedgerError> {
        let Some(first) = entries.first() else {
            return Ok(());
        };
        let mut total = self.balance(&first.workspace);
        let mut after: Vec<(&GrantId, Balance)> = Vec::with_capacity(entries.len());
        for entry in entries {
            let way = (entry.source, entry.target);
            total = total.moved(way, entry.amount)?;
            if let Some((_, balance)) = after.iter_mut().find(|(id, _)| **id == entry.grant) {
                *balance = balance.moved(way, entry.amount)?;
            } else {
                let grant = self.known.get(&entry.grant).ok_or(LedgerError::Overflow)?;
                after.push((&entry.grant, grant.balance.moved(way, entry.amount)?));
            }
        }
        if let Some(wallet) = self.wallets.get_mut(&first.workspace) {
            wallet.total = total;
        }
        for (id, balance) in after {
            if let Some(grant) = self.known.get_mut(id) {
                grant.balance = balance;
            }
            self.index(id);
        }
        Ok(())
    }

    /// Where credits that a hold gives back go: a grant that ended meanwhile has no use for them.
    pub(super) fn home(&self, id: &GrantId, now: Now) -> Account {
        if self.known.get(id).is_some_and(|grant| grant.ended(now)) {
            Account::Expired
        } else {
            Account::Available
        }
    }

    /// At most so many grants that have ended with something available.
    pub(super) fn overdue(&self, most: usize, now: Now) -> Vec<&Grant> {
        self.ends
            .iter()
            .take_while(|(end_ms, _)| *end_ms <= now.unix_ms)
            .take(most)
            .filter_map(|(_, id)| self.known.get(id))
            .collect()
    }

    fn in_turn(&self, workspace: &WorkspaceId, now: Now) -> impl Iterator<Item = &Grant> {
        self.wallets
            .get(workspace)
            .into_iter()
            .flat_map(|wallet| &wallet.turns)
            .filter_map(|(.., id)| self.known.get(id))
            .filter(move |grant| grant.in_effect(now))
    }

    /// Keeps a grant in line while it has something available, and only then.
    fn index(&mut self, id: &GrantId) {
        let Some(grant) = self.known.get(id) else {
            return;
        };
        let Some(wallet) = self.wallets.get_mut(&grant.new.workspace) else {
            return;
        };
        let turn = grant.turn();
        let end = grant.new.expires_at_ms.map(|end_ms| (end_ms, id.clone()));
        if grant.balance.available > Credits::ZERO {
            wallet.turns.insert(turn);
            self.ends.extend(end);
        } else {
            wallet.turns.remove(&turn);
            if let Some(end) = end {
                self.ends.remove(&end);
            }
        }
    }
}
