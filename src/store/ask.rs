//! What waits in the writer's queue, and how each is answered once it is durable.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::auth::KeyStatus;
use crate::canonical::Kept;
use crate::credits::Credits;
use crate::id::{HoldId, KeyId, MediaId, WorkspaceId};
use crate::ledger::{Balance, Held, HoldAsk, NewGrant, QuotaUnit, Settled};
use crate::pledge::Pledge;
use crate::receipt::Receipt;

use super::answers::AnswerKept;
use super::error::StoreError;
use super::jobs::JobAsk;
use super::registry::NewKey;

/// Where an answer goes.
pub(super) type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// One ask, and its place in the queue.
pub(super) struct Letter {
    pub(super) ask: Ask,
    /// Given back when the letter is opened.
    pub(super) _place: Option<OwnedSemaphorePermit>,
}

/// Everything that the writer can be asked.
pub(super) enum Ask {
    Hold(Box<HoldAsk>, Option<Box<Pledge>>, Reply<Held>),
    Settle(HoldId, Credits, Box<Receipt>, Option<Box<AnswerKept>>, Reply<Settled>),
    Void(HoldId, Box<Receipt>, Option<Box<AnswerKept>>, Reply<()>),
    Note(Box<Receipt>),
    Chore(Chore),
    Allowances(HashMap<String, Credits>),
    Job(JobAsk),
    Balance(WorkspaceId, Reply<Balance>),
    Spendable(WorkspaceId, Reply<Credits>),
    QuotaUsed(Arc<str>, QuotaUnit, i64, Reply<u64>),
    Sweep(Reply<()>),
    Close(Reply<()>),
    /// Something done to the database behind the writer's back, to see it fail or stop.
    #[cfg(test)]
    Meddle(Box<dyn FnOnce(&rusqlite::Connection) + Send>),
    /// The process dies here: nothing after this is written or answered.
    #[cfg(test)]
    Crash(std::sync::mpsc::Sender<()>),
}

/// What operators and the media library ask.
pub(super) enum Chore {
    Grant(Box<NewGrant>, Reply<()>),
    CreateWorkspace(String, Reply<WorkspaceId>),
    SuspendWorkspace(WorkspaceId, bool, Reply<()>),
    CreateKey(Box<NewKey>, Reply<(KeyId, String)>),
    SetKeyStatus(KeyId, KeyStatus, Reply<()>),
    KeepPicture(Box<Kept>, Reply<()>),
    ErasePicture(MediaId, Reply<()>),
}

/// An answer that is given once it is known whether the commit stands.
pub(super) struct Answer(Box<dyn FnOnce(bool)>);

impl Answer {
    pub(super) fn new<T: 'static>(reply: Reply<T>, verdict: Result<T, StoreError>) -> Self {
        Self(Box::new(move |durable| {
            let answer = if durable { verdict } else { Err(StoreError::Poisoned) };
            // Whoever asked may be gone; the decision stands all the same.
            drop(reply.send(answer));
        }))
    }

    pub(super) fn give(self, durable: bool) {
        (self.0)(durable);
    }
}

impl Ask {
    /// Refuses whatever it is, undecided.
    pub(super) fn refuse(self) {
        match self {
            Self::Hold(_, _, reply) => no(reply),
            Self::Settle(_, _, _, _, reply) => no(reply),
            Self::Void(_, _, _, reply) | Self::Sweep(reply) | Self::Close(reply) => no(reply),
            Self::Chore(chore) => chore.refuse(),
            Self::Job(ask) => ask.refuse(),
            Self::Note(_) | Self::Allowances(_) => {}
            Self::Balance(_, reply) => no(reply),
            Self::Spendable(_, reply) => no(reply),
            Self::QuotaUsed(_, _, _, reply) => no(reply),
            #[cfg(test)]
            Self::Meddle(_) | Self::Crash(_) => {}
        }
    }
}

impl Chore {
    fn refuse(self) {
        match self {
            Self::Grant(_, reply)
            | Self::SuspendWorkspace(_, _, reply)
            | Self::SetKeyStatus(_, _, reply)
            | Self::KeepPicture(_, reply)
            | Self::ErasePicture(_, reply) => no(reply),
            Self::CreateWorkspace(_, reply) => no(reply),
            Self::CreateKey(_, reply) => no(reply),
        }
    }
}

pub(super) fn no<T: 'static>(reply: Reply<T>) {
    Answer::new(reply, Err(StoreError::Poisoned)).give(false);
}
