//! What the ledger is asked, and what it answers.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::credits::{Credits, Overflow};
use crate::id::{AdjustmentId, GrantId, HoldId, KeyId, RequestId, WorkspaceId};

use super::entry::Entry;

/// Credits to be added to a workspace. The id makes it safe to ask again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewGrant {
    /// The grant's own name.
    pub id: GrantId,
    /// Who receives it.
    pub workspace: WorkspaceId,
    /// How much; above zero.
    pub amount: Credits,
    /// Why: manual, pack, plan, refund, promo and so on.
    pub source: String,
    /// Lower is spent first.
    pub priority: u8,
    /// Whether it was given and not bought.
    pub promotional: bool,
    /// From when it may be held, in milliseconds since the Unix epoch.
    pub effective_at_ms: i64,
    /// From when it may no longer be held.
    pub expires_at_ms: Option<i64>,
    /// What whoever gave it wrote beside it; may be empty.
    #[serde(default)]
    pub memo: String,
}

/// Credits to be taken back from a workspace. The id makes it safe to ask again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewAdjustment {
    /// The adjustment's own name.
    pub id: AdjustmentId,
    /// Whose credits.
    pub workspace: WorkspaceId,
    /// The grant that they are taken from; `None` takes them as they would be spent.
    pub grant: Option<GrantId>,
    /// How many; above zero, and no more than is available.
    pub amount: Credits,
    /// Why; never empty.
    pub memo: String,
}

/// Credits and quotas to be set aside for one request, all of it or none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldAsk {
    /// The hold's own name: asking again under it is answered as the first time.
    pub hold: HoldId,
    /// Who pays.
    pub workspace: WorkspaceId,
    /// The key that asked.
    pub key: KeyId,
    /// The request it is for.
    pub request: RequestId,
    /// The most that the request may cost; zero is allowed.
    pub amount: Credits,
    /// When it is given back if nobody ended it, in milliseconds since the Unix epoch.
    pub expires_at_ms: i64,
    /// Calendar quotas that it counts against.
    pub quotas: Vec<QuotaAsk>,
    /// The policy that the quote was made under.
    pub policy_version: Arc<str>,
    /// What it was admitted as.
    pub weighs: Weighed,
    /// The version of the price that it was made by, and that it is settled by; `None` for what has
    /// a flat price of its own.
    pub price_version: Option<Arc<str>>,
}

/// A share of one calendar quota.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotaAsk {
    /// The limit's name, for the refusal.
    pub name: String,
    /// Who is counted: subjects of different names never share a counter.
    pub subject: Arc<str>,
    /// What is counted.
    pub unit: QuotaUnit,
    /// The UTC day that the period begins with, counted from the Unix epoch.
    pub period: i64,
    /// How much this request counts.
    pub weight: u64,
    /// What each delivered picture counts, where pictures are what counts; the rest is given back.
    #[serde(default)]
    pub each: u64,
    /// The most that may be counted in the period.
    pub most: u64,
    /// What it is a share of, where that is a budget: then what is spent is counted as well, and told
    /// of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Box<BudgetAsk>>,
}

/// What is told of a budget.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetAsk {
    /// What may be spent in the period, in nano-credits.
    pub limit: u64,
    /// Parts of it, in percent and rising: each is told of once when so much was spent.
    pub alert_at: Vec<u8>,
}

/// What a request was admitted as, for whoever has to count it again after a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weighed {
    /// The model that was asked for, where one was.
    pub model: Option<String>,
    /// Pictures.
    pub images: u32,
    /// Pixels of all of them.
    pub pixels: u64,
}

/// What a quota counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QuotaUnit {
    /// Requests that were admitted and not voided.
    Requests,
    /// Pictures that were delivered or are under way.
    Images,
    /// Their pixels, as they were asked for.
    Pixels,
    /// Nano-credits that were spent or are set aside.
    Credits,
}

/// How much of one quota is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotaUse {
    /// Who is counted.
    pub subject: Arc<str>,
    /// What is counted.
    pub unit: QuotaUnit,
    /// The UTC day that the period begins with.
    pub period: i64,
    /// How much, with what is set aside for requests that are not over.
    pub used: u64,
    /// Of a budget, how much of that was spent.
    pub spent: u64,
    /// Of a budget, the highest part that was told of, in percent; zero for none.
    pub told: u8,
}

/// A part of a budget was spent: somebody is to be told, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// The budget's name.
    pub budget: String,
    /// Who is counted.
    pub subject: Arc<str>,
    /// The UTC day that the period begins with, counted from the Unix epoch.
    pub period: i64,
    /// The part, in percent.
    pub percent: u8,
    /// All of it, in nano-credits.
    pub limit: u64,
    /// What was spent by then, in nano-credits.
    pub spent: u64,
    /// The request that it was reached by, and whose that was.
    pub request: RequestId,
    /// Its workspace.
    pub workspace: WorkspaceId,
    /// Its key.
    pub key: KeyId,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: i64,
}

/// The hold stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// What could still be held after it.
    pub remaining: Credits,
}

/// The price was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// What could still be held after it.
    pub remaining: Credits,
}

/// What a sweep found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Holds that nobody ended in time.
    pub expired: Vec<HoldId>,
    /// Grants that reached their end with something left.
    pub lapsed: Vec<GrantId>,
    /// Whether there is more to sweep than one sweep takes.
    pub more: bool,
}

/// An accepted operation: its outcome, and what must be durable before it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done<T> {
    /// The answer.
    pub outcome: T,
    /// Whether the same was asked before: then nothing changed.
    pub repeated: bool,
    /// What changed.
    pub changes: Changes,
}

/// What an operation changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Transfers, in order.
    pub entries: Vec<Entry>,
    /// Quotas as they stand now.
    pub quotas: Vec<QuotaUse>,
    /// What is to be told of budgets.
    pub alerts: Vec<Alert>,
}

/// The ledger's no. Nothing changed.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum LedgerError {
    /// The workspace has less than was asked for.
    #[error("{required} credits are needed and {remaining} are left")]
    Short {
        /// What was asked for.
        required: Credits,
        /// What could have been held.
        remaining: Credits,
    },
    /// A calendar quota has too little left.
    #[error("quota `{name}` allows {most} and {used} are used")]
    QuotaExhausted {
        /// The limit's name.
        name: String,
        /// What it allows in the period.
        most: u64,
        /// What is used, without this request.
        used: u64,
    },
    /// A budget that stops has too little left.
    #[error("budget `{name}` allows {most} and {used} are used")]
    BudgetSpent {
        /// The budget's name.
        name: String,
        /// What it allows in the period, in nano-credits.
        most: u64,
        /// What is spent or set aside, without this request.
        used: u64,
    },
    /// No grant of the workspace has this name.
    #[error("the workspace has no such grant")]
    UnknownGrant,
    /// No hold has this name.
    #[error("no such hold")]
    UnknownHold,
    /// The hold ended before, in another way.
    #[error("the hold has already ended")]
    AlreadyResolved,
    /// The price is more than what was held.
    #[error("the price is above the hold")]
    AboveHold,
    /// The same name was used before with other content.
    #[error("the id was used before with other content")]
    IdReused,
    /// An amount is negative, zero where it may not be, or outgrows what can be counted.
    #[error("an amount cannot be counted")]
    Overflow,
}

impl From<Overflow> for LedgerError {
    fn from(_: Overflow) -> Self {
        Self::Overflow
    }
}

impl<T> Done<T> {
    pub(super) const fn first(outcome: T, changes: Changes) -> Self {
        Self { outcome, repeated: false, changes }
    }

    pub(super) fn again(outcome: T) -> Self {
        Self { outcome, repeated: true, changes: Changes::default() }
    }
}

impl QuotaUnit {
    /// Its name in tables and headers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Images => "images",
            Self::Pixels => "pixels",
            Self::Credits => "credits",
        }
    }

    /// The one of that name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "requests" => Some(Self::Requests),
            "images" => Some(Self::Images),
            "pixels" => Some(Self::Pixels),
            "credits" => Some(Self::Credits),
            _ => None,
        }
    }
}
