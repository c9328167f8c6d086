//! The embedded store: one SQLite database, one writer thread, many handles.
//!
//! Whatever a method answers is durable by then. Nothing here decides about money: the writer asks
//! the [`Ledger`](crate::ledger::Ledger) and keeps what it says. Async threads never wait on the
//! disk, only for an answer; when too much waits, holds are refused and settlements wait in line.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::auth::{KeyRing, KeyStatus};
use crate::clock::Clock;
use crate::config;
use crate::credits::Credits;
use crate::id::{HoldId, KeyId, WorkspaceId, random_number};
use crate::ledger::{Balance, Held, HoldAsk, NewGrant, QuotaUnit, Settled};
use crate::pledge::Pledges;
use crate::receipt::Receipt;

mod answers;
mod ask;
mod command;
mod disk;
mod error;
mod finance;
mod jobs;
mod library;
mod load;
mod notices;
mod once;
mod reader;
mod registry;
mod rows;
mod shared;
mod tally;
#[cfg(test)]
mod tests;
mod verify;
mod writer;

pub use answers::{AnswerKept, KeptAnswer, ROW_BYTES_MAX, USUAL_BOUNDS};
pub use command::{Command, GrantSummary, KeySummary, Outcome};
pub use error::StoreError;
pub use finance::Books;
pub use jobs::{JobEnd, JobPage, Named, Whose};
pub use notices::{Tried, notice_of};
pub use reader::Admission;
pub use registry::{NewKey, Workspace};
pub use rows::media::MediaTotal;
pub use verify::{VerifyReport, verify};

use answers::Answers;
use ask::{Ask, Chore, Letter, Reply};
use shared::Shared;
use writer::{Allowances, OpenJobs, Writer};

/// The most asks that may wait for the writer.
pub const QUEUE_MAX: usize = 4_096;

/// A handle on the store; clones share it.
#[derive(Clone)]
pub struct Store {
    outbox: Sender<Letter>,
    places: Arc<Semaphore>,
    shared: Arc<Shared>,
    reader: Arc<Mutex<Connection>>,
    library: Arc<Mutex<Connection>>,
    looker: Arc<Mutex<Connection>>,
    answers: Answers,
    bounds: config::Answers,
    /// This run of the process, unlike any other.
    run: i64,
    clock: Arc<dyn Clock>,
}

impl Store {
    /// Opens the store in `dir`, which is made if it is not there, and takes up where it was left.
    pub fn open(dir: &Path, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        Self::open_within(dir, clock, USUAL_BOUNDS)
    }

    /// The same, with bounds of one's own on the answers that are kept.
    pub fn open_within(
        dir: &Path,
        clock: Arc<dyn Clock>,
        bounds: config::Answers,
    ) -> Result<Self, StoreError> {
        let lock = disk::lock(dir)?;
        let database = disk::open_writer(dir)?;
        let reader = Arc::new(Mutex::new(disk::open_reader(dir)?));
        let library = Arc::new(Mutex::new(disk::open_reader(dir)?));
        let looker = Arc::new(Mutex::new(disk::open_reader(dir)?));
        let answers = Answers::open(dir)?;
        answers.tidy(&database)?;
        let now = clock.now();
        let registry = load::registry(&database)?;
        let shared = Arc::new(Shared::new(registry.ring()));
        let (outbox, inbox) = channel();
        let mut writer = Writer {
            ledger: load::ledger(&database, now)?,
            pledges: Pledges::restore(rows::pledges::load_open(&database)?),
            kept_bytes: rows::pledges::load_kept_bytes(&database)?,
            kept_bytes_max: bounds.all_bytes_max,
            answers: answers.clone(),
            entry_seq: load::entry_seq(&database)?,
            registry,
            allowances: Allowances::default(),
            jobs: OpenJobs::of(load::open_jobs(&database)?, rows::notices::waiting(&database)?),
            database,
            clock: Arc::clone(&clock),
            shared: Arc::clone(&shared),
            inbox,
            dir: dir.to_owned(),
            lock,
            swept_tick_ms: now.tick_ms,
            touched_tick_ms: now.tick_ms,
        };
        writer.catch_up()?;
        spawn(writer).map_err(|source| StoreError::Directory { dir: dir.to_owned(), source })?;
        Ok(Self {
            outbox,
            places: Arc::new(Semaphore::new(QUEUE_MAX)),
            shared,
            reader,
            looker,
            library,
            answers,
            bounds,
            run: i64::from_ne_bytes(random_number().to_ne_bytes()),
            clock,
        })
    }

    /// Sets credits and quota shares aside; durable when answered. Refused when too much waits.
    pub async fn hold(&self, ask: HoldAsk) -> Result<Held, StoreError> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| StoreError::Busy)?;
        let (reply, answer) = oneshot::channel();
        self.send(Ask::Hold(Box::new(ask), None, reply), Some(place))?;
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Takes the price of a hold and writes the usage row with it; durable when answered.
    ///
    /// The usage row's charge is the price, and its workspace and key are the hold's.
    pub async fn settle(
        &self,
        hold: HoldId,
        price: Credits,
        receipt: Receipt,
    ) -> Result<Settled, StoreError> {
        self.ask(|reply| Ask::Settle(hold, price, Box::new(receipt), None, reply)).await
    }

    /// Gives a hold back and writes the usage row with it; durable when answered.
    pub async fn void(&self, hold: HoldId, receipt: Receipt) -> Result<(), StoreError> {
        self.ask(|reply| Ask::Void(hold, Box::new(receipt), None, reply)).await
    }

    /// Writes the usage row of a request that never held anything. Never waits; false when it was
    /// let go because too much waits already.
    pub fn note(&self, receipt: Receipt) -> bool {
        Arc::clone(&self.places)
            .try_acquire_owned()
            .is_ok_and(|place| self.send(Ask::Note(Box::new(receipt)), Some(place)).is_ok())
    }

    /// Every key, as of the last commit that changed one.
    pub fn keys(&self) -> Arc<KeyRing> {
        self.shared.keys()
    }

    /// Remembers that a key was used; written once a minute.
    pub fn touch(&self, key: &KeyId) {
        self.shared.touch(key, self.clock.now().unix_ms);
    }

    /// Adds credits to a workspace. The grant's id makes it safe to ask again.
    pub async fn grant(&self, new: NewGrant) -> Result<(), StoreError> {
        self.ask(|reply| Ask::Chore(Chore::Grant(Box::new(new), reply))).await
    }

    /// From now on, plans give these credits each month. A workspace is granted the most that any of
    /// its live keys' plans gives, once a month, when something is first asked of its credits.
    pub fn set_allowances(&self, by_plan: HashMap<String, Credits>) {
        // A store that is closed grants nothing any more.
        drop(self.send(Ask::Allowances(by_plan), None));
    }

    /// Where the credits of a workspace are; zero throughout for one that has none.
    pub async fn balance(&self, workspace: &WorkspaceId) -> Result<Balance, StoreError> {
        self.ask(|reply| Ask::Balance(workspace.clone(), reply)).await
    }

    /// How much of a calendar quota is used.
    pub async fn quota_used(
        &self,
        subject: Arc<str>,
        unit: QuotaUnit,
        period: i64,
    ) -> Result<u64, StoreError> {
        self.ask(|reply| Ask::QuotaUsed(subject, unit, period, reply)).await
    }

    /// Makes a workspace.
    pub async fn create_workspace(&self, name: String) -> Result<WorkspaceId, StoreError> {
        self.ask(|reply| Ask::Chore(Chore::CreateWorkspace(name, reply))).await
    }

    /// Shuts out all keys of a workspace, or lets them in again.
    pub async fn suspend_workspace(
        &self,
        workspace: WorkspaceId,
        suspended: bool,
    ) -> Result<(), StoreError> {
        self.ask(|reply| Ask::Chore(Chore::SuspendWorkspace(workspace, suspended, reply))).await
    }

    /// Makes a key; its text is in the answer and nowhere else.
    pub async fn create_key(&self, new: NewKey) -> Result<(KeyId, String), StoreError> {
        self.ask(|reply| Ask::Chore(Chore::CreateKey(Box::new(new), reply))).await
    }

    /// Puts a key in or out of use. Revoking is for good.
    pub async fn set_key_status(&self, key: KeyId, status: KeyStatus) -> Result<(), StoreError> {
        self.ask(|reply| Ask::Chore(Chore::SetKeyStatus(key, status, reply))).await
    }

    /// Gives back overdue holds and closes ended grants now; it also happens every second.
    pub async fn sweep(&self) -> Result<(), StoreError> {
        self.ask(Ask::Sweep).await
    }

    /// How many holds are open.
    pub fn open_holds(&self) -> usize {
        self.shared.open_holds()
    }

    /// How many jobs have not ended.
    pub fn open_jobs_count(&self) -> usize {
        self.shared.open_jobs()
    }

    /// How many asks wait for the writer.
    pub fn queue_depth(&self) -> usize {
        QUEUE_MAX.saturating_sub(self.places.available_permits())
    }

    /// Whether a commit failed: then nothing is accepted until a restart.
    pub fn poisoned(&self) -> bool {
        self.shared.poisoned()
    }

    /// Writes what waits, folds the log in and gives the lock back. Other handles are closed too.
    pub async fn close(self) -> Result<(), StoreError> {
        let (reply, answer) = oneshot::channel();
        self.send(Ask::Close(reply), None)?;
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Waits for a place in line, then for the answer.
    async fn ask<T>(&self, ask: impl FnOnce(Reply<T>) -> Ask) -> Result<T, StoreError> {
        let place =
            Arc::clone(&self.places).acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let (reply, answer) = oneshot::channel();
        self.send(ask(reply), Some(place))?;
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    fn send(&self, ask: Ask, place: Option<OwnedSemaphorePermit>) -> Result<(), StoreError> {
        self.outbox.send(Letter { ask, _place: place }).map_err(|_| StoreError::Closed)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("open_holds", &self.open_holds())
            .field("queue_depth", &self.queue_depth())
            .finish_non_exhaustive()
    }
}

fn spawn(writer: Writer) -> io::Result<()> {
    thread::Builder::new().name("store".to_owned()).spawn(move || writer.run()).map(|_| ())
}
