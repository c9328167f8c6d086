//! The immutable row of the ledger, and the balance that a sum of rows comes to.

use serde::{Deserialize, Serialize};

use crate::credits::{Credits, Overflow};
use crate::id::{AdjustmentId, GrantId, HoldId, KeyId, RequestId, WorkspaceId};

/// One transfer between two accounts of one workspace; never changed once written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Whose credits moved.
    pub workspace: WorkspaceId,
    /// The operation that moved them.
    pub kind: EntryKind,
    /// Where they came from.
    pub source: Account,
    /// Where they went.
    pub target: Account,
    /// The grant they belong to, before and after.
    pub grant: GrantId,
    /// The hold they moved for.
    pub hold: Option<HoldId>,
    /// The adjustment that they moved by.
    pub adjustment: Option<AdjustmentId>,
    /// How many; always above zero.
    pub amount: Credits,
    /// The request they moved for.
    pub request: Option<RequestId>,
    /// The key that asked.
    pub key: Option<KeyId>,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: i64,
}

/// The operation that an entry is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// Credits were added.
    Grant,
    /// Credits were set aside.
    Hold,
    /// The real price was taken, and the rest of the hold given back.
    Settle,
    /// A hold was given back.
    Void,
    /// A hold that nobody ended was given back.
    Expire,
    /// A grant reached its end and what was left of it is gone.
    Lapse,
    /// An operator took credits back.
    Adjust,
}

/// A place where credits of a workspace can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Account {
    /// Outside: where grants come from.
    Issued,
    /// Free to be held.
    Available,
    /// Set aside for requests under way.
    Held,
    /// Paid for pictures.
    Spent,
    /// Gone unspent: with a grant that reached its end, or taken back.
    Expired,
}

/// Where the credits of a workspace, or of one grant, are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    /// All that was ever added; always the sum of the four below.
    pub granted: Credits,
    /// Free to be held, counting grants that are not in effect yet.
    pub available: Credits,
    /// Set aside for requests under way.
    pub held: Credits,
    /// Paid for pictures.
    pub spent: Credits,
    /// Gone unspent: with grants that reached their end, or taken back.
    pub expired: Credits,
}

impl Balance {
    /// The balance after one transfer; an account that would fall below zero is an error.
    pub(super) fn moved(
        mut self,
        (source, target): (Account, Account),
        amount: Credits,
    ) -> Result<Self, Overflow> {
        match self.account(source) {
            None => self.granted = self.granted.plus(amount)?,
            Some(from) => {
                let left = from.minus(amount)?;
                if left < Credits::ZERO {
                    return Err(Overflow);
                }
                *from = left;
            }
        }
        let to = self.account(target).ok_or(Overflow)?;
        *to = to.plus(amount)?;
        Ok(self)
    }

    /// The sum of two balances.
    pub(super) fn plus(self, other: Self) -> Result<Self, Overflow> {
        Ok(Self {
            granted: self.granted.plus(other.granted)?,
            available: self.available.plus(other.available)?,
            held: self.held.plus(other.held)?,
            spent: self.spent.plus(other.spent)?,
            expired: self.expired.plus(other.expired)?,
        })
    }

    /// Whether everything granted is somewhere, and nothing is below zero.
    pub fn balances(&self) -> bool {
        let parts = [self.available, self.held, self.spent, self.expired];
        let sum = parts.iter().try_fold(Credits::ZERO, |sum, p| sum.plus(*p));
        sum == Ok(self.granted) && parts.iter().all(|part| *part >= Credits::ZERO)
    }

    const fn account(&mut self, account: Account) -> Option<&mut Credits> {
        match account {
            Account::Issued => None,
            Account::Available => Some(&mut self.available),
            Account::Held => Some(&mut self.held),
            Account::Spent => Some(&mut self.spent),
            Account::Expired => Some(&mut self.expired),
        }
    }
}

/// Names that stand in the table of entries; `named` reads back what `name` wrote.
macro_rules! named {
    ($named:ident { $($variant:ident = $text:literal),* }) => {
        impl $named {
            /// Its name in tables.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }

            /// The one of that name.
            pub fn named(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

named!(EntryKind {
    Grant = "grant",
    Hold = "hold",
    Settle = "settle",
    Void = "void",
    Expire = "expire",
    Lapse = "lapse",
    Adjust = "adjust"
});

named!(Account {
    Issued = "issued",
    Available = "available",
    Held = "held",
    Spent = "spent",
    Expired = "expired"
});
