//! A request that names itself is served once: what is kept of it, and what its repeat is told.
//!
//! Pure: time comes in, and what must be durable comes out. A pledge is open for as long as its
//! hold is; it ends with it, either freed or done. For every scope, at every moment, at most one
//! hold is open, and while something done is remembered none is opened.

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::canonical::RefusalKind;
use crate::clock::Now;
use crate::id::{HoldId, KeyId, RequestId};

mod name;
#[cfg(test)]
mod tests;

pub use name::{BadName, Fingerprint, NAME_CHARS_MAX, Named, Original, Scope, name};

/// How long what was done is remembered for a request that named itself.
pub const REMEMBERED: Duration = Duration::from_hours(24);

/// How long a call that did not name itself may still be joined by its repeat.
pub const JOINABLE: Duration = Duration::from_mins(10);

/// The shortest wait that is advised.
const WAIT_MIN: Duration = Duration::from_secs(1);

/// The longest wait that is advised while the work is known to go on.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// What is kept of a request that is to be served once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pledge {
    /// What names it.
    pub scope: Scope,
    /// Whose it is.
    pub key: KeyId,
    /// What was asked.
    pub fingerprint: Fingerprint,
    /// Whether we named it, for a key that joins repeats.
    pub is_implied: bool,
    /// The hold that it lives and ends with.
    pub hold: HoldId,
    /// The request that began it.
    pub request: RequestId,
    /// The run of the process that began it.
    pub run: i64,
    /// When it began, in milliseconds since the Unix epoch.
    pub opened_at_ms: i64,
    /// Where it stands.
    pub state: State,
}

/// Where a pledge stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// Its hold is open.
    Open {
        /// When the hold expires, in milliseconds since the Unix epoch.
        until_ms: i64,
    },
    /// It was answered.
    Done {
        /// When it is forgotten, in milliseconds since the Unix epoch.
        until_ms: i64,
        /// Why the answer is not kept; `None` when it is.
        gone: Option<Gone>,
    },
}

/// Why an answer cannot be given again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Gone {
    /// It was larger than answers are kept.
    TooLarge,
    /// It made room for newer ones.
    Dropped,
    /// The disk did not take it, or did not give it back whole.
    Lost,
    /// A picture that it names was erased.
    Erased,
}

/// How a hold ended, as its pledge sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was paid for; the answer is kept, or why not.
    Settled(Option<Gone>),
    /// Nothing was paid; whether the answer is kept all the same.
    Voided {
        /// Whether the no is said again to repeats.
        is_kept: bool,
    },
    /// Nobody ended it in time.
    Expired,
}

/// What a request is told about what is known under its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// Nothing is: go on.
    New,
    /// It is being worked on.
    Running {
        /// When it is worth asking again.
        retry_after: Duration,
    },
    /// It was being worked on when the process ended.
    Unknown {
        /// When the name is free.
        retry_after: Duration,
    },
    /// The name was given to another request.
    Mismatch,
    /// It was answered, and the answer is there.
    Replay,
    /// It was answered, and the answer is not there.
    Gone(Gone),
}

/// What is told to a request that asks `asked`, from what is known under its name; `living` are the
/// runs of processes that are there.
pub fn judge(known: Option<&Pledge>, asked: &Fingerprint, living: &[i64], now: Now) -> Verdict {
    let Some(known) = known.filter(|known| known.counts(now)) else {
        return Verdict::New;
    };
    if known.fingerprint != *asked {
        return Verdict::Mismatch;
    }
    match known.state {
        State::Open { until_ms } if !living.contains(&known.run) => {
            // A sweep takes an expired hold within a second.
            let left = since(now.unix_ms, until_ms).saturating_add(WAIT_MIN);
            Verdict::Unknown { retry_after: left }
        }
        State::Open { .. } => {
            let has_run = since(known.opened_at_ms, now.unix_ms);
            Verdict::Running { retry_after: has_run.clamp(WAIT_MIN, WAIT_MAX) }
        }
        State::Done { gone: None, .. } => Verdict::Replay,
        State::Done { gone: Some(why), .. } => Verdict::Gone(why),
    }
}

/// Whether a no of this kind, said after a vendor was asked, is said again to repeats.
///
/// Refusals cost the caller nothing, so a repeat may try again; but a prompt that a vendor's filter
/// refused is not shown to vendors once more.
pub const fn is_kept(kind: RefusalKind) -> bool {
    match kind {
        RefusalKind::ContentRefused => true,
        RefusalKind::BadRequest
        | RefusalKind::BadFraming
        | RefusalKind::HeadTooLarge
        | RefusalKind::BodyTooLarge
        | RefusalKind::TooSlow
        | RefusalKind::UnknownPath
        | RefusalKind::WrongMethod
        | RefusalKind::KeyMissing
        | RefusalKind::KeyUnknown
        | RefusalKind::KeyInactive
        | RefusalKind::ScopeMissing
        | RefusalKind::WorkspaceSuspended
        | RefusalKind::PlanMissing
        | RefusalKind::ModelUnknown
        | RefusalKind::ModelForbidden
        | RefusalKind::Unsupported
        | RefusalKind::RuleDenied
        | RefusalKind::IdempotencyInFlight
        | RefusalKind::IdempotencyMismatch
        | RefusalKind::IdempotencyGone
        | RefusalKind::RateLimited
        | RefusalKind::QuotaExhausted
        | RefusalKind::ConcurrencyExceeded
        | RefusalKind::CreditsShort
        | RefusalKind::Unpriced
        | RefusalKind::Overloaded
        | RefusalKind::NoneAvailable
        | RefusalKind::VendorFailed
        | RefusalKind::VendorTimedOut
        | RefusalKind::StoreFull
        | RefusalKind::StoreUnavailable
        | RefusalKind::RuleFailed
        | RefusalKind::Internal => false,
    }
}

impl Pledge {
    /// Whether it still stands in the way of another under its name. An open one does until its
    /// hold has really ended, however late that is.
    pub const fn counts(&self, now: Now) -> bool {
        match self.state {
            State::Open { .. } => true,
            State::Done { until_ms, .. } => now.unix_ms < until_ms,
        }
    }

    /// What is left of it once its hold has ended: done, or nothing when its name is free again.
    #[must_use]
    pub fn ended(self, end: End, now: Now) -> Option<Self> {
        let gone = match end {
            End::Settled(gone) => gone,
            End::Voided { is_kept: true } => None,
            End::Voided { is_kept: false } | End::Expired => return None,
        };
        let life = if self.is_implied { JOINABLE } else { REMEMBERED };
        let until_ms = now.unix_ms.saturating_add(millis(life));
        Some(Self { state: State::Done { until_ms, gone }, ..self })
    }
}

impl Gone {
    /// Its name in tables and labels.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::Dropped => "dropped",
            Self::Lost => "lost",
            Self::Erased => "erased",
        }
    }

    /// The one of that name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::TooLarge, Self::Dropped, Self::Lost, Self::Erased]
            .into_iter()
            .find(|gone| gone.name() == name)
    }
}

/// Every pledge that is open. What is done is remembered by whoever keeps the tables.
#[derive(Debug, Default)]
pub struct Pledges {
    open: HashMap<Scope, Pledge>,
    scopes: HashMap<HoldId, Scope>,
}

impl Pledges {
    /// Pledges as they were left.
    pub fn restore(open: Vec<Pledge>) -> Self {
        let mut pledges = Self::default();
        for pledge in open {
            pledges.insert(pledge);
        }
        pledges
    }

    /// What a new pledge is told: by what is open under its name, or else by what is `done`. Itself is not in
    /// its way: one whose commit was in doubt may be there when it is asked again.
    pub fn judge(&self, new: &Pledge, done: Option<&Pledge>, living: &[i64], now: Now) -> Verdict {
        let known = self.open.get(&new.scope).or(done).filter(|known| known.hold != new.hold);
        judge(known, &new.fingerprint, living, now)
    }

    /// Whether something is open under this name.
    pub fn is_open(&self, scope: &Scope) -> bool {
        self.open.contains_key(scope)
    }

    /// Takes up a pledge that was judged to be new.
    pub fn insert(&mut self, pledge: Pledge) {
        self.scopes.insert(pledge.hold.clone(), pledge.scope);
        self.open.insert(pledge.scope, pledge);
    }

    /// Ends the pledge of this hold, if there is one: the name, and what is left of it.
    pub fn end(&mut self, hold: &HoldId, end: End, now: Now) -> Option<(Scope, Option<Pledge>)> {
        let scope = self.scopes.remove(hold)?;
        let pledge = self.open.remove(&scope)?;
        Some((scope, pledge.ended(end, now)))
    }
}

fn since(from_ms: i64, to_ms: i64) -> Duration {
    Duration::from_millis(to_ms.saturating_sub(from_ms).max(0).unsigned_abs())
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
