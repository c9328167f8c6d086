//! The one thread that decides and writes: it owns the ledger and the connection.
//!
//! The order is sacred: verdict, durable, reply. It drains what waits into one batch, decides in
//! memory, writes what was accepted in one transaction, and only then answers. Memory is ahead of
//! the disk between the two, so after any failure in that gap nothing is accepted any more.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::clock::{Clock, Now};
use crate::ledger::Ledger;
use crate::pledge::{End, Pledges};

use super::answers::Answers;
use super::ask::{Answer, Ask, Letter, Reply};
use super::disk::{self, Lock};
use super::error::StoreError;
use super::registry::Registry;
use super::rows::{Rows, pledges};
use super::shared::Shared;

mod decide;
mod jobs;
mod renew;

pub(super) use jobs::OpenJobs;
pub(super) use renew::Allowances;

/// The most asks that one commit makes durable.
pub(super) const BATCH_MAX: usize = 256;

/// How often holds and grants are looked through for what is overdue.
const SWEEP_EVERY_MS: u64 = 1_000;

/// How often the last use of keys is written.
const TOUCH_EVERY_MS: u64 = 60_000;

pub(super) struct Writer {
    pub(super) database: Connection,
    pub(super) ledger: Ledger,
    pub(super) pledges: Pledges,
    pub(super) answers: Answers,
    pub(super) kept_bytes: i64,
    pub(super) kept_bytes_max: usize,
    pub(super) registry: Registry,
    pub(super) allowances: Allowances,
    pub(super) jobs: OpenJobs,
    pub(super) entry_seq: i64,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) shared: Arc<Shared>,
    pub(super) inbox: Receiver<Letter>,
    pub(super) dir: PathBuf,
    pub(super) lock: Lock,
    pub(super) swept_tick_ms: u64,
    pub(super) touched_tick_ms: u64,
}

/// What one commit decides, and whom it answers.
#[derive(Default)]
struct Batch {
    rows: Rows,
    answers: Vec<Answer>,
    closing: Option<Reply<()>>,
    #[cfg(test)]
    crash: Option<std::sync::mpsc::Sender<()>>,
}

/// Why the loop ends.
enum Stop {
    /// Someone asked for it and waits to hear that it is done.
    Asked(Reply<()>),
    /// Every handle is gone.
    Abandoned,
}

impl Writer {
    /// Sweeps what became overdue while nobody served the store; call before anything is asked.
    pub(super) fn catch_up(&mut self) -> Result<(), StoreError> {
        let now = self.clock.now();
        let mut more = true;
        while more {
            let mut batch = Batch::default();
            more = self.sweep(now, &mut batch)?;
            self.write(&batch.rows)?;
        }
        self.publish();
        Ok(())
    }

    /// Serves until it is told to stop, or until nobody can ask any more.
    pub(super) fn run(mut self) {
        let stop = loop {
            let first = match self.inbox.recv_timeout(Duration::from_millis(SWEEP_EVERY_MS)) {
                Ok(letter) => Some(letter),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break Stop::Abandoned,
            };
            let idle = first.is_none();
            let mut batch = Batch::default();
            self.serve(first, &mut batch);
            #[cfg(test)]
            if let Some(crashed) = batch.crash {
                drop(self);
                crashed.send(()).ok();
                return;
            }
            if let Some(reply) = batch.closing {
                break Stop::Asked(reply);
            }
            self.fold(idle);
        };
        self.stop(stop);
    }

    /// Decides one batch, makes it durable, answers it.
    fn serve(&mut self, first: Option<Letter>, batch: &mut Batch) {
        let now = self.clock.now();
        let mut waiting: Vec<Ask> = first.into_iter().map(|letter| letter.ask).collect();
        waiting.extend(self.inbox.try_iter().take(BATCH_MAX - 1).map(|l| l.ask));
        if self.shared.poisoned() {
            for ask in waiting {
                refuse(ask, batch);
            }
            return;
        }
        let decided = self.decide_all(waiting, batch, now);
        let durable = decided.and_then(|()| self.write(&batch.rows));
        if let Err(error) = &durable {
            self.shared.poison(error);
        } else {
            self.publish();
            self.publish_keys(&batch.rows);
        }
        for answer in batch.answers.drain(..) {
            answer.give(durable.is_ok());
        }
    }

    fn decide_all(
        &mut self,
        waiting: Vec<Ask>,
        batch: &mut Batch,
        now: Now,
    ) -> Result<(), StoreError> {
        if now.tick_ms.saturating_sub(self.swept_tick_ms) >= SWEEP_EVERY_MS {
            self.swept_tick_ms = now.tick_ms;
            self.sweep(now, batch)?;
        }
        if now.tick_ms.saturating_sub(self.touched_tick_ms) >= TOUCH_EVERY_MS {
            self.touched_tick_ms = now.tick_ms;
            batch.rows.touched = self.shared.take_touched();
        }
        for ask in waiting {
            self.decide(ask, batch, now)?;
        }
        Ok(())
    }

    /// One transaction, or none when nothing changed.
    fn write(&mut self, rows: &Rows) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        let writing = Transaction::new(&mut self.database, TransactionBehavior::Immediate)?;
        let entry_seq = rows.write(&writing, &self.ledger, &self.registry, self.entry_seq)?;
        let shelved = rows.pledges.write(&writing, self.kept_bytes, self.kept_bytes_max)?;
        writing.commit()?;
        self.entry_seq = entry_seq;
        self.kept_bytes = shelved.kept_bytes;
        self.shared.add_dropped(shelved.dropped);
        self.answers.remove(&shelved.files);
        Ok(())
    }

    fn sweep(&mut self, now: Now, batch: &mut Batch) -> Result<bool, StoreError> {
        let done = self.ledger.sweep(now)?;
        for hold in done.outcome.expired {
            self.end_pledge(&hold, (End::Expired, None), batch, now);
            batch.rows.end(hold);
        }
        if pledges::is_any_forgotten(&self.database, now.unix_ms)? {
            batch.rows.pledges.forget_at_ms = Some(now.unix_ms);
        }
        batch.rows.change(done.changes);
        Ok(done.outcome.more)
    }

    fn publish(&self) {
        self.shared.set_open_holds(self.ledger.open_holds());
        self.shared.set_open_jobs(self.jobs.len());
        self.shared.set_kept_bytes(self.kept_bytes);
    }

    fn publish_keys(&self, rows: &Rows) {
        if !rows.keys.is_empty() || !rows.workspaces.is_empty() {
            self.shared.set_keys(self.registry.ring());
        }
    }

    /// Folds the log in between commits. Failing at it loses nothing: the log still has it all.
    fn fold(&self, idle: bool) {
        if self.shared.poisoned() {
            return;
        }
        let folded = if idle {
            disk::fold_when_idle(&self.database, &self.dir)
        } else {
            disk::fold_if_long(&self.database)
        };
        if let Err(error) = folded {
            tracing::warn!(%error, "the store's log could not be folded in");
        }
    }

    /// Writes what still waits, folds the log in, gives the lock back, and says so.
    fn stop(mut self, stop: Stop) {
        self.touched_tick_ms = 0;
        loop {
            let Ok(next) = self.inbox.try_recv() else {
                break;
            };
            let mut batch = Batch::default();
            self.serve(Some(next), &mut batch);
            if let Some(reply) = batch.closing {
                drop(reply.send(Ok(())));
            }
        }
        let mut last = Batch::default();
        self.serve(None, &mut last);
        let poisoned = self.shared.poisoned();
        if !poisoned && let Err(error) = disk::fold_all(&self.database) {
            tracing::warn!(%error, "the store's log could not be folded in");
        }
        let Self { database, lock, .. } = self;
        drop(database);
        drop(lock);
        match stop {
            Stop::Asked(reply) if poisoned => drop(reply.send(Err(StoreError::Poisoned))),
            Stop::Asked(reply) => drop(reply.send(Ok(()))),
            Stop::Abandoned => {}
        }
    }
}

/// After a failed commit everything is refused, but closing still closes.
fn refuse(ask: Ask, batch: &mut Batch) {
    if let Ask::Close(reply) = ask {
        batch.closing = Some(reply);
    } else {
        ask.refuse();
    }
}
