//! What waits in the writer's queue, and how each is answered once it is durable.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::canonical::Kept;
use crate::credits::Credits;
use crate::id::{HoldId, MediaId, WorkspaceId};
use crate::ledger::{Balance, Held, HoldAsk, QuotaUnit, Settled};
use crate::pledge::Pledge;
use crate::receipt::Receipt;

use super::alerts::AlertTried;
use super::answers::AnswerKept;
use super::change::Change;
use super::deed::Actor;
use super::error::StoreError;
use super::handover::Bequest;
use super::jobs::JobAsk;
use super::tables::{Depth, Touched};

/// Where an answer goes: the first that is given is the one that is heard.
pub(super) struct Reply<T>(Arc<Mutex<Option<Answering<T>>>>);

type Answering<T> = oneshot::Sender<Result<T, StoreError>>;

/// The other end of a [`Reply`].
pub(super) type Answered<T> = oneshot::Receiver<Result<T, StoreError>>;

/// One ask, and its place in the queue.
pub(super) struct Letter {
    pub(super) ask: Ask,
    /// When it was sent, on the clock that never goes back.
    pub(super) sent_tick_ms: u64,
    /// Given back when it is answered.
    pub(super) place: Option<OwnedSemaphorePermit>,
}

/// Everything that the writer can be asked. A copy of an ask is the same ask: it is answered once. What
/// each request asks is shared by its copies: a batch keeps one of each until it is written.
#[derive(Clone)]
pub(super) enum Ask {
    Hold(Arc<HoldAsk>, Option<Arc<Pledge>>, Reply<Held>),
    Settle(HoldId, Credits, Arc<Receipt>, Option<Arc<AnswerKept>>, Reply<Settled>),
    Void(HoldId, Arc<Receipt>, Option<Arc<AnswerKept>>, Reply<()>),
    Note(Arc<Receipt>),
    Chore(Chore),
    /// What an operator asks, and who that is.
    Change(Box<Actor>, Change),
    Allowances(HashMap<String, Credits>),
    Job(JobAsk),
    Balance(WorkspaceId, Reply<Balance>),
    Spendable(WorkspaceId, Reply<Credits>),
    QuotaUsed(Arc<str>, QuotaUnit, i64, Reply<u64>),
    Sweep(Reply<()>),
    /// Gives the books to another process; asks that come after it are carried there.
    HandOver(Box<Bequest>, Reply<()>),
    Close(Reply<()>),
    /// Something done to the database behind the writer's back, to see it fail or stop.
    #[cfg(test)]
    Meddle(Arc<Mutex<Option<Meddling>>>),
    /// The process dies here: nothing after this is written or answered.
    #[cfg(test)]
    Crash(std::sync::mpsc::Sender<()>),
}

/// What tests do behind the writer's back.
#[cfg(test)]
pub(super) type Meddling = Box<dyn FnOnce(&rusqlite::Connection) + Send>;

/// What the media library asks.
#[derive(Clone)]
pub(super) enum Chore {
    AlertTried(Box<AlertTried>, Reply<()>),
    KeepPicture(Box<Kept>, Reply<()>),
    ErasePicture(MediaId, Reply<()>),
}

/// An answer that is given once it is known whether the commit stands.
pub(super) struct Answer(Box<dyn FnOnce(Result<(), StoreError>) + Send>);

impl Answer {
    pub(super) fn new<T: Send + 'static>(reply: Reply<T>, verdict: Result<T, StoreError>) -> Self {
        Self(Box::new(move |durable| reply.give(durable.and(verdict))))
    }

    pub(super) fn give(self, durable: Result<(), StoreError>) {
        (self.0)(durable);
    }
}

impl<T> Reply<T> {
    pub(super) fn new() -> (Self, Answered<T>) {
        let (sender, answer) = oneshot::channel();
        (Self(Arc::new(Mutex::new(Some(sender)))), answer)
    }

    /// Whether nobody hears an answer that is given now.
    pub(super) fn is_forsaken(&self) -> bool {
        self.0.lock().as_ref().is_none_or(oneshot::Sender::is_closed)
    }

    pub(super) fn give(&self, verdict: Result<T, StoreError>) {
        if let Some(sender) = self.0.lock().take() {
            // Whoever asked may be gone; the decision stands all the same.
            drop(sender.send(verdict));
        }
    }
}

impl<T> Clone for Reply<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for Reply<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reply")
    }
}

impl Ask {
    /// Refuses whatever it is, undecided.
    pub(super) fn refuse(&self, why: fn() -> StoreError) {
        match self {
            Self::Hold(_, _, reply) => reply.give(Err(why())),
            Self::Settle(_, _, _, _, reply) => reply.give(Err(why())),
            Self::Void(_, _, _, reply)
            | Self::Sweep(reply)
            | Self::HandOver(_, reply)
            | Self::Close(reply) => {
                reply.give(Err(why()));
            }
            Self::Chore(chore) => chore.refuse(why),
            Self::Change(_, change) => change.refuse(why),
            Self::Job(ask) => ask.refuse(why),
            Self::Note(_) | Self::Allowances(_) => {}
            Self::Balance(_, reply) => reply.give(Err(why())),
            Self::Spendable(_, reply) => reply.give(Err(why())),
            Self::QuotaUsed(_, _, _, reply) => reply.give(Err(why())),
            #[cfg(test)]
            Self::Meddle(_) | Self::Crash(_) => {}
        }
    }

    /// Whether it is where something begins: its caller waits, and nothing is lost by a no.
    pub(super) fn is_beginning(&self) -> bool {
        matches!(self, Self::Hold(..) | Self::Job(JobAsk::Accept(..)))
    }

    /// Whether it begins something that nobody waits for any more.
    pub(super) fn is_forsaken(&self) -> bool {
        match self {
            Self::Hold(_, _, reply) => reply.is_forsaken(),
            Self::Job(JobAsk::Accept(_, _, _, reply)) => reply.is_forsaken(),
            Self::Settle(..)
            | Self::Void(..)
            | Self::Note(_)
            | Self::Chore(_)
            | Self::Change(..)
            | Self::Allowances(_)
            | Self::Job(_)
            | Self::Balance(..)
            | Self::Spendable(..)
            | Self::QuotaUsed(..)
            | Self::Sweep(_)
            | Self::HandOver(..)
            | Self::Close(_) => false,
            #[cfg(test)]
            Self::Meddle(_) | Self::Crash(_) => false,
        }
    }

    /// What deciding it needs to be known.
    pub(super) fn touch(&self, touched: &mut Touched) {
        match self {
            Self::Hold(ask, pledge, _) => {
                touch_hold(ask, touched);
                touched.scopes.extend(pledge.as_ref().map(|pledge| pledge.scope));
            }
            Self::Settle(hold, ..) | Self::Void(hold, ..) => {
                touched.holds.insert(hold.clone());
            }
            Self::Change(_, change) => change.touch(touched),
            Self::Job(ask) => ask.touch(touched),
            Self::Balance(workspace, _) | Self::Spendable(workspace, _) => {
                touched.looked_at.insert(workspace.clone());
            }
            Self::QuotaUsed(subject, unit, period, _) => {
                touched.quotas.insert((*period, Arc::clone(subject), *unit));
            }
            Self::Sweep(_) => touched.sweep = Depth::Changed,
            Self::Note(_)
            | Self::Chore(_)
            | Self::Allowances(_)
            | Self::HandOver(..)
            | Self::Close(_) => {}
            #[cfg(test)]
            Self::Meddle(_) | Self::Crash(_) => {}
        }
    }
}

/// What a new hold touches.
pub(super) fn touch_hold(ask: &HoldAsk, touched: &mut Touched) {
    touched.workspaces.insert(ask.workspace.clone());
    touched.holds.insert(ask.hold.clone());
    touched.quotas(&ask.quotas);
}

impl Chore {
    fn refuse(&self, why: fn() -> StoreError) {
        match self {
            Self::AlertTried(_, reply)
            | Self::KeepPicture(_, reply)
            | Self::ErasePicture(_, reply) => reply.give(Err(why())),
        }
    }
}
