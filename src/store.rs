//! The store: an embedded database or one that nodes share, one writer thread, many handles.
//!
//! Whatever a method answers is durable by then. Nothing here decides about money: the writer asks
//! the [`Ledger`](crate::ledger::Ledger) and keeps what it says, in whatever tables it was given.
//! Async threads never wait on the disk, only for an answer; when too much waits, holds are refused
//! and settlements wait in line.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::auth::KeyRing;
use crate::clock::{Clock, Now};
use crate::config;
use crate::credits::Credits;
use crate::id::{HoldId, KeyId, random_number};
use crate::ledger::{Held, HoldAsk, Settled};
use crate::receipt::Receipt;

mod alerts;
mod answers;
mod ask;
mod books;
mod budgets;
mod cells;
mod change;
mod command;
mod condition;
mod credits;
mod deed;
mod desk;
mod disk;
mod embedded;
mod error;
mod finance;
mod free;
mod handover;
mod jobs;
mod library;
mod lists;
mod notices;
mod once;
mod postgres;
mod reader;
mod registry;
mod replay;
mod reserve;
mod rows;
mod shape;
mod shared;
mod tables;
mod tally;
#[cfg(test)]
mod tests;
mod verify;
mod writer;

pub use alerts::{AlertTried, Untold};
pub use answers::{AnswerKept, KeptAnswer, ROW_BYTES_MAX, USUAL_BOUNDS};
pub use budgets::AlertLine;
pub use change::{Drain, Rotation};
pub use command::{Command, GrantSummary, KeySummary, Outcome, TokenSummary};
pub use deed::{Actor, Deed};
pub use error::StoreError;
pub use finance::Books;
pub use free::free_bytes;
pub use handover::Will;
pub use jobs::{JobEnd, JobPage, Named, Unfinished, Whose};
pub use lists::{AuditLine, EntryLine, JobLine, Page, WorkspaceBalance};
pub use notices::{Tried, notice_of};
pub use reader::Admission;
pub use registry::{NewKey, Workspace};
pub use replay::RECORDED_MAX;
pub use rows::media::MediaTotal;
pub use verify::{FileCheck, VerifyReport, verify, verify_for};

use answers::{Answers, Shelf};
use ask::{Answered, Ask, Letter, Reply};
use desk::{Desk, EmbeddedDesk};
use embedded::Embedded;
use postgres::Address;
use reserve::Reserve;
use shared::Shared;
use tables::Tables;
use writer::Writer;

/// How long whoever would begin something waits for a shared store.
const HOLD_PATIENCE: Duration = Duration::from_secs(5);

/// How long everyone else does: a little longer than the writer tries.
const PATIENCE: Duration = Duration::from_secs(45);

/// The most asks that may wait for the writer.
pub const QUEUE_MAX: usize = 4_096;

/// A handle on the store; clones share it.
#[derive(Clone)]
pub struct Store {
    outbox: Sender<Letter>,
    places: Arc<Semaphore>,
    shared: Arc<Shared>,
    desk: Desk,
    shelf: Shelf,
    bounds: config::Answers,
    /// This run of the process, unlike any other.
    run: i64,
    clock: Arc<dyn Clock>,
}

/// How a store is opened that one process serves.
#[derive(Clone, Debug)]
pub struct Opening {
    /// Bounds on the answers that are kept.
    pub answers: config::Answers,
    /// So many bytes of the disk are kept free for ending what was begun.
    pub reserve_bytes: u64,
    /// What the process left that served it until now, some of whose requests are still in flight.
    pub will: Option<Will>,
}

impl Store {
    /// Opens the store in `dir`, which is made if it is not there, and takes up where it was left.
    pub fn open(dir: &Path, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        Self::open_within(
            dir,
            clock,
            Opening { answers: USUAL_BOUNDS, reserve_bytes: 0, will: None },
        )
    }

    /// The same, with bounds of one's own.
    pub fn open_within(
        dir: &Path,
        clock: Arc<dyn Clock>,
        opening: Opening,
    ) -> Result<Self, StoreError> {
        let reserve = Reserve::of(dir, opening.reserve_bytes);
        match Self::open_embedded(dir, Arc::clone(&clock), opening.clone()) {
            // A disk that filled up while nobody served: opening takes a little room too.
            Err(error @ StoreError::Database(_)) if reserve.is_there() => {
                tracing::warn!(%error, "the store does not open; trying without its reserve");
                reserve.release();
                Self::open_embedded(dir, clock, opening)
            }
            opened => opened,
        }
    }

    fn open_embedded(
        dir: &Path,
        clock: Arc<dyn Clock>,
        Opening { answers: bounds, reserve_bytes, will }: Opening,
    ) -> Result<Self, StoreError> {
        let lock = disk::lock(dir)?;
        let database = disk::open_writer(dir)?;
        let desk = Desk::Embedded(EmbeddedDesk::open(dir)?);
        let answers = Answers::open(dir)?;
        if will.is_none() {
            answers.tidy(&database)?;
        }
        let books = embedded::books(&database, clock.now())?;
        let shared = Arc::new(Shared::new(books.registry.ring()));
        let kept_bytes = embedded::number(&database, "SELECT ifnull(sum(bytes), 0) FROM pledge")?;
        shared.set_kept_bytes(kept_bytes);
        let reserve = Reserve::of(dir, reserve_bytes);
        shared.set_full(!reserve.lay());
        let tables = Embedded {
            reserve,
            kept_bytes,
            kept_bytes_max: bounds.all_bytes_max,
            answers: answers.clone(),
            entry_seq: embedded::number(&database, "SELECT ifnull(max(seq), 0) FROM entry")?,
            hold_last: embedded::last_hold(&database)?,
            database,
            shared: Arc::clone(&shared),
            dir: dir.to_owned(),
            lock,
        };
        let run = new_run();
        let before = will.map(|will| will.runs).unwrap_or_default();
        shared.set_living([vec![run], before].concat());
        let shelf = Shelf::Folder(answers);
        let (store, mut writer) =
            Self::around((Box::new(tables), books), (shared, desk, shelf), (run, clock, bounds));
        writer.catch_up()?;
        spawn(writer).map_err(|source| StoreError::Directory { dir: dir.to_owned(), source })?;
        Ok(store)
    }

    /// Opens the store that several nodes share, as one more of them.
    pub async fn open_shared(
        place: &config::Postgres,
        clock: Arc<dyn Clock>,
        bounds: config::Answers,
    ) -> Result<Self, StoreError> {
        Self::open_at(address(place)?, (clock, false), bounds).await
    }

    /// Opens the store of this config, which one process serves or several.
    pub async fn open_for(
        config: &config::Config,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StoreError> {
        Self::open_after(config, clock, None).await
    }

    /// The same, with what the process left that served it until now.
    pub async fn open_after(
        config: &config::Config,
        clock: Arc<dyn Clock>,
        will: Option<Will>,
    ) -> Result<Self, StoreError> {
        if let Some(place) = &config.postgres {
            return Self::open_shared(place, clock, config.answers).await;
        }
        let opening =
            Opening { answers: config.answers, reserve_bytes: config.store_reserve_bytes, will };
        Self::open_within(&config.store_directory, clock, opening)
    }

    /// The same; whether the clock is to be believed rather than the database's is for tests.
    async fn open_at(
        address: Address,
        (clock, is_law): (Arc<dyn Clock>, bool),
        bounds: config::Answers,
    ) -> Result<Self, StoreError> {
        let run = new_run();
        let opened = postgres::open(address, run, (is_law, bounds.all_bytes_max)).await?;
        let (desk, shelf) = (Desk::Postgres(opened.desk.clone()), Shelf::Table(opened.desk));
        let tables: Box<dyn Tables> = Box::new(opened.tables);
        let (store, mut writer) = Self::around(
            (tables, opened.books),
            (opened.shared, desk, shelf),
            (run, clock, bounds),
        );
        let caught_up = tokio::task::spawn_blocking(move || writer.catch_up().map(|()| writer));
        let writer = caught_up.await.map_err(|_| StoreError::Closed)??;
        spawn(writer).map_err(|source| StoreError::Runtime { source })?;
        Ok(store)
    }

    /// A handle, and the writer that it is a handle on.
    fn around(
        (tables, books): (Box<dyn Tables>, books::Books),
        (shared, desk, shelf): (Arc<Shared>, Desk, Shelf),
        (run, clock, bounds): (i64, Arc<dyn Clock>, config::Answers),
    ) -> (Self, Writer) {
        let (outbox, inbox) = channel();
        let told = (Arc::clone(&shared), inbox);
        let writer = Writer::new((tables, books), Arc::clone(&clock), told);
        let places = Arc::new(Semaphore::new(QUEUE_MAX));
        (Self { outbox, places, shared, desk, shelf, bounds, run, clock }, writer)
    }

    /// Sets credits and quota shares aside; durable when answered. Refused when too much waits.
    pub async fn hold(&self, ask: HoldAsk) -> Result<Held, StoreError> {
        let ask = Arc::new(self.on_the_stores_clock(ask));
        self.ask_now(|reply| Ask::Hold(ask, None, reply)).await
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
        self.ask(|reply| Ask::Settle(hold, price, Arc::new(receipt), None, reply)).await
    }

    /// Gives a hold back and writes the usage row with it; durable when answered.
    pub async fn void(&self, hold: HoldId, receipt: Receipt) -> Result<(), StoreError> {
        self.ask(|reply| Ask::Void(hold, Arc::new(receipt), None, reply)).await
    }

    /// Writes the usage row of a request that never held anything. Never waits; false when it was
    /// let go because too much waits already.
    pub fn note(&self, receipt: Receipt) -> bool {
        Arc::clone(&self.places)
            .try_acquire_owned()
            .is_ok_and(|place| self.send(Ask::Note(Arc::new(receipt)), Some(place)).is_ok())
    }

    /// Every key, as of the last commit that changed one.
    pub fn keys(&self) -> Arc<KeyRing> {
        self.shared.keys()
    }

    /// Remembers that a key was used; written once a minute.
    pub fn touch(&self, key: &KeyId) {
        self.shared.touch(key, self.clock.now().unix_ms);
    }

    /// Gives back overdue holds and closes ended grants now; it also happens every second.
    pub async fn sweep(&self) -> Result<(), StoreError> {
        self.ask(Ask::Sweep).await
    }

    /// Writes what waits, folds the log in and gives the lock back. Other handles are closed too.
    pub async fn close(self) -> Result<(), StoreError> {
        let (reply, answer) = Reply::new();
        self.send(Ask::Close(reply), None)?;
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Waits for a place in line, then for the answer.
    async fn ask<T>(&self, ask: impl FnOnce(Reply<T>) -> Ask) -> Result<T, StoreError> {
        let place =
            Arc::clone(&self.places).acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let (reply, answer) = Reply::new();
        self.send(ask(reply), Some(place))?;
        self.hear(answer, PATIENCE).await
    }

    /// The same, but refused when there is no place.
    async fn ask_now<T>(&self, ask: impl FnOnce(Reply<T>) -> Ask) -> Result<T, StoreError> {
        if self.shared.is_away() {
            return Err(StoreError::Away);
        }
        if self.shared.is_full() {
            return Err(StoreError::Full);
        }
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| StoreError::Busy)?;
        let (reply, answer) = Reply::new();
        self.send(ask(reply), Some(place))?;
        self.hear(answer, HOLD_PATIENCE).await
    }

    /// Waits for an answer: for that of a database on a wire, not for ever. A hold that nobody waits
    /// for any more is not made, or expires.
    async fn hear<T>(&self, answer: Answered<T>, most: Duration) -> Result<T, StoreError> {
        if !self.is_shared() {
            return answer.await.unwrap_or(Err(StoreError::Closed));
        }
        let heard = tokio::time::timeout(most, answer).await;
        heard.map_err(|_| StoreError::Away)?.unwrap_or(Err(StoreError::Closed))
    }

    /// A hold expires by the store's clock, which may not be ours.
    fn on_the_stores_clock(&self, ask: HoldAsk) -> HoldAsk {
        let expires_at_ms = ask.expires_at_ms.saturating_add(self.shared.ahead_ms());
        HoldAsk { expires_at_ms, ..ask }
    }

    /// The time by the store's clock, as far as it is known.
    fn now(&self) -> Now {
        let now = self.clock.now();
        Now { unix_ms: now.unix_ms.saturating_add(self.shared.ahead_ms()), ..now }
    }

    fn send(&self, ask: Ask, place: Option<OwnedSemaphorePermit>) -> Result<(), StoreError> {
        let sent_tick_ms = self.clock.now().tick_ms;
        self.outbox.send(Letter { ask, sent_tick_ms, place }).map_err(|_| StoreError::Closed)
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

/// Where the shared store is, its secret found.
fn address(place: &config::Postgres) -> Result<Address, StoreError> {
    let url = place.url.find().ok_or(StoreError::NoAddress)?;
    let authority = place.authority.as_ref().map(|path| {
        std::fs::read(path).map_err(|source| StoreError::Directory { dir: path.to_owned(), source })
    });
    Address::new(url.reveal(), authority.transpose()?.as_deref())
}

fn new_run() -> i64 {
    i64::from_ne_bytes(random_number().to_ne_bytes())
}

fn spawn(writer: Writer) -> io::Result<()> {
    thread::Builder::new().name("store".to_owned()).spawn(move || writer.run()).map(|_| ())
}
