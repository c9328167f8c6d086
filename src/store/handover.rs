//! The books pass from one process to the next while both serve: what the first leaves behind, and what
//! it asks from then on.
//!
//! One process writes the books of a folder. When another takes over, the first closes them, and whatever
//! its requests in flight still ask goes to the other over a socket: the same asks, answered by the same
//! decisions. A line of JSON each way, numbered.

use std::os::unix::net::UnixStream;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::canonical::Kept;
use crate::credits::Credits;
use crate::id::{HoldId, JobId, MediaId, WorkspaceId};
use crate::job::{JobError, NewJob, Order};
use crate::ledger::{HoldAsk, LedgerError, QuotaUnit};
use crate::pledge::{Pledge, Verdict};
use crate::receipt::Receipt;

use super::Store;
use super::answers::AnswerKept;
use super::ask::{Ask, Reply};
use super::error::StoreError;
use super::jobs::{JobEnd, Promised};

mod courier;
mod heir;

pub(super) use courier::carry;

/// What a process leaves to the one that takes over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Will {
    /// Its run, and those of processes before it whose requests are still in flight.
    pub runs: Vec<i64>,
    /// Jobs that it works on to their end.
    pub jobs: Vec<JobId>,
}

/// What a writer needs to give the books away.
#[derive(Clone, Debug)]
pub(super) struct Bequest {
    /// The way to whoever takes over.
    pub(super) stream: Arc<UnixStream>,
    pub(super) will: Will,
}

/// One ask on its way.
#[derive(Debug, Serialize, Deserialize)]
struct Asked {
    number: u64,
    ask: Carried,
}

/// One answer on its way back: a value, or a no.
#[derive(Debug, Serialize, Deserialize)]
struct Said {
    number: u64,
    said: Result<Box<RawValue>, No>,
}

/// What a request in flight may ask, as [`Ask`] has it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Carried {
    Hold(Arc<HoldAsk>, Option<Arc<Pledge>>),
    Settle(HoldId, Credits, Arc<Receipt>, Option<Arc<AnswerKept>>),
    Void(HoldId, Arc<Receipt>, Option<Arc<AnswerKept>>),
    Note(Arc<Receipt>),
    KeepPicture(Box<Kept>),
    ErasePicture(MediaId),
    Accept(Box<HoldAsk>, Box<NewJob>, Option<Box<Promised>>),
    Begin(JobId),
    Place(JobId, Box<Order>),
    Cancel(JobId),
    End(JobId, Box<JobEnd>),
    Balance(WorkspaceId),
    Spendable(WorkspaceId),
    QuotaUsed(Arc<str>, QuotaUnit, i64),
}

/// The no of a store, as far as a request in flight tells one from another.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum No {
    Ledger(LedgerError),
    Job(JobError),
    Pledged(Verdict),
    Busy,
    Full,
    Poisoned,
    Away,
}

impl From<StoreError> for No {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Ledger(error) => Self::Ledger(error),
            StoreError::Job(error) => Self::Job(error),
            StoreError::Pledged(verdict) => Self::Pledged(verdict),
            StoreError::Busy => Self::Busy,
            StoreError::Full => Self::Full,
            StoreError::Poisoned => Self::Poisoned,
            StoreError::Closed
            | StoreError::Away
            | StoreError::Locked { .. }
            | StoreError::Unwritten
            | StoreError::Postgres(_)
            | StoreError::NoAddress
            | StoreError::Runtime { .. }
            | StoreError::Unreadable { .. }
            | StoreError::Directory { .. }
            | StoreError::Database(_)
            | StoreError::OldSqlite { .. }
            | StoreError::OtherSchema { .. }
            | StoreError::Unknown { .. }
            | StoreError::NameTaken { .. }
            | StoreError::KeyRevoked { .. } => Self::Away,
        }
    }
}

impl From<No> for StoreError {
    fn from(no: No) -> Self {
        match no {
            No::Ledger(error) => Self::Ledger(error),
            No::Job(error) => Self::Job(error),
            No::Pledged(verdict) => Self::Pledged(verdict),
            No::Busy => Self::Busy,
            No::Full => Self::Full,
            No::Poisoned => Self::Poisoned,
            No::Away => Self::Away,
        }
    }
}

impl Store {
    /// Gives the books to the process at the other end of `stream`, which hears of it in one line: a
    /// [`Will`]. Whatever is asked here from then on is asked there. `jobs` are those that are worked on
    /// here to their end.
    ///
    /// A database that several processes serve is not given away: both serve it.
    pub async fn hand_over(&self, stream: UnixStream, jobs: Vec<JobId>) -> Result<(), StoreError> {
        let stream = Arc::new(stream);
        if self.is_shared() {
            let own = Will::default();
            let told = tokio::task::spawn_blocking(move || own.tell(&stream));
            return told.await.unwrap_or(Err(StoreError::Closed));
        }
        let will = Will { runs: self.shared.living().to_vec(), jobs };
        let (reply, answer) = Reply::new();
        self.send(Ask::HandOver(Box::new(Bequest { stream, will }), reply), None)?;
        answer.await.unwrap_or(Err(StoreError::Closed))
    }
}

impl Will {
    /// Says it to whoever takes over.
    pub(super) fn tell(&self, stream: &UnixStream) -> Result<(), StoreError> {
        courier::write_line(stream, self).map_err(|_| StoreError::Closed)
    }
}
