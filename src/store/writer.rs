//! The one thread that decides and writes: it owns the ledger and the connection.
//!
//! The order is sacred: verdict, durable, reply. It drains what waits into one batch, decides in
//! memory, writes what was accepted in one transaction, and only then answers. Memory is ahead of
//! the disk between the two, so after any failure in that gap nothing is accepted any more.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use crate::clock::{Clock, Now};
use crate::pledge::End;

use super::ask::{Answer, Ask, Letter, Reply};
use super::books::Books;
use super::error::StoreError;
use super::handover::{self, Bequest};
use super::reserve::is_doubt;
use super::rows::Rows;
use super::shared::Shared;
use super::tables::{Broken, Depth, Standing, Tables, Touched};

mod change;
mod decide;
mod jobs;
mod mend;
mod renew;
mod room;

pub(super) use jobs::OpenJobs;
use renew::Allowances;

/// The most asks that one commit makes durable.
pub(super) const BATCH_MAX: usize = 256;

/// How often holds and grants are looked through for what is overdue.
const SWEEP_EVERY_MS: u64 = 1_000;

/// How often the last use of keys is written.
const TOUCH_EVERY_MS: u64 = 60_000;

pub(super) struct Writer {
    tables: Box<dyn Tables>,
    books: Books,
    allowances: Allowances,
    clock: Arc<dyn Clock>,
    shared: Arc<Shared>,
    inbox: Receiver<Letter>,
    /// What a failure has put back in line.
    line: VecDeque<Letter>,
    /// How many of these are to be decided one by one, to find the one that fails.
    singly: usize,
    swept_tick_ms: u64,
    touched_tick_ms: u64,
    /// When a full disk was looked at last.
    looked_tick_ms: u64,
}

/// What one commit decides, and whom it answers.
#[derive(Default)]
struct Batch {
    rows: Rows,
    answers: Vec<Answer>,
    stop: Option<Stop>,
    #[cfg(test)]
    crash: Option<std::sync::mpsc::Sender<()>>,
}

/// Why the loop ends.
enum Stop {
    /// Someone asked for it and waits to hear that it is done.
    Asked(Reply<()>),
    /// The books are another process's from here on; whoever asked for it waits to hear so.
    HandedOver(Box<Bequest>, Reply<()>),
    /// Every handle is gone.
    Abandoned,
}

impl Writer {
    pub(super) fn new(
        (tables, books): (Box<dyn Tables>, Books),
        clock: Arc<dyn Clock>,
        (shared, inbox): (Arc<Shared>, Receiver<Letter>),
    ) -> Self {
        let tick_ms = clock.now().tick_ms;
        Self {
            tables,
            books,
            allowances: Allowances::default(),
            clock,
            shared,
            inbox,
            line: VecDeque::new(),
            singly: 0,
            swept_tick_ms: tick_ms,
            touched_tick_ms: tick_ms,
            looked_tick_ms: tick_ms,
        }
    }

    /// Sweeps what became overdue while nobody served the store; call before anything is asked.
    pub(super) fn catch_up(&mut self) -> Result<(), StoreError> {
        let touched = Touched { sweep: Depth::Looked, ..Touched::default() };
        let mut more = true;
        while more {
            let mut batch = Batch::default();
            let now = self.tables.begin(&touched, &mut self.books, self.clock.now())?;
            more = self.sweep(now, &mut batch)?;
            self.commit(&batch.rows).map_err(|broken| broken.error)?;
        }
        self.publish(&Rows::default());
        Ok(())
    }

    /// Serves until it is told to stop, or until nobody can ask any more.
    pub(super) fn run(mut self) {
        let stop = loop {
            let mut idle = false;
            if self.line.is_empty() {
                match self.inbox.recv_timeout(Duration::from_millis(SWEEP_EVERY_MS)) {
                    Ok(letter) => self.line.push_back(letter),
                    Err(RecvTimeoutError::Timeout) => idle = true,
                    Err(RecvTimeoutError::Disconnected) => break Stop::Abandoned,
                }
            }
            let batch = self.serve();
            #[cfg(test)]
            if let Some(crashed) = batch.crash {
                drop(self);
                crashed.send(()).ok();
                return;
            }
            if let Some(stop) = batch.stop {
                break stop;
            }
            if !self.shared.poisoned() {
                self.rest(idle);
            }
        };
        match stop {
            Stop::Asked(reply) => self.stop(Some(reply)),
            Stop::Abandoned => self.stop(None),
            Stop::HandedOver(bequest, reply) => self.hand_over(*bequest, &reply),
        }
    }

    /// What is done between batches.
    fn rest(&mut self, idle: bool) {
        match self.tables.rest(idle) {
            Ok(()) => {}
            // A sync that failed may be told once and never again.
            Err(error) if is_doubt(&error) => self.shared.poison(&error),
            Err(error) => tracing::warn!(%error, "the store could not be tidied"),
        }
        self.look_for_room();
    }

    /// Decides one batch of what waits, makes it durable, answers it.
    fn serve(&mut self) -> Batch {
        let mut batch = Batch::default();
        let letters = self.next_letters();
        if self.shared.poisoned() {
            for letter in letters {
                refuse(letter.ask, &mut batch);
            }
            return batch;
        }
        let is_mended = self.tables.is_mended();
        let back = self.spare(letters);
        let asks = back.iter().map(|letter| letter.ask.clone()).collect();
        match self.decide_and_commit(asks, &mut batch) {
            Ok(()) => {
                // Whoever is answered finds the places free.
                drop(back);
                self.answer(&mut batch);
            }
            Err(broken) if broken.standing == Standing::Full => {
                self.make_room(&mut batch, back, &broken);
            }
            Err(broken) if is_mended => self.mend(&mut batch, back, broken),
            Err(Broken { error, .. }) => {
                self.shared.poison(&error);
                for answer in batch.answers.drain(..) {
                    answer.give(Err(StoreError::Poisoned));
                }
            }
        }
        batch
    }

    /// What the next batch is made of: what was put back first, then what came since.
    fn next_letters(&mut self) -> Vec<Letter> {
        self.shared.add_turn();
        let most = if self.singly > 0 { 1 } else { BATCH_MAX };
        self.singly = self.singly.saturating_sub(1);
        let missing = most.saturating_sub(self.line.len());
        let Self { line, inbox, .. } = self;
        line.extend(inbox.try_iter().take(missing));
        let letters: Vec<Letter> = line.drain(..most.min(line.len())).collect();
        if self.tables.is_mended() { self.still_wanted(letters) } else { letters }
    }

    fn decide_and_commit(&mut self, asks: Vec<Ask>, batch: &mut Batch) -> Result<(), Broken> {
        if let Err(error) = self.decide_all(asks, batch) {
            // Nothing was written yet, but the same asks may fail again.
            let standing = match self.tables.standing(&error) {
                Standing::Wrong => Standing::Wrong,
                Standing::Undone | Standing::Unknown | Standing::Full => Standing::Undone,
            };
            return Err(Broken { error, standing });
        }
        self.commit(&batch.rows)
    }

    fn decide_all(&mut self, asks: Vec<Ask>, batch: &mut Batch) -> Result<(), StoreError> {
        let now = self.clock.now();
        let is_sweep_due = now.tick_ms.saturating_sub(self.swept_tick_ms) >= SWEEP_EVERY_MS;
        let mut touched = Touched::default();
        if is_sweep_due {
            touched.sweep = Depth::Looked;
        }
        for ask in &asks {
            ask.touch(&mut touched);
        }
        if now.tick_ms.saturating_sub(self.touched_tick_ms) >= TOUCH_EVERY_MS {
            self.touched_tick_ms = now.tick_ms;
            if !self.shared.is_full() {
                batch.rows.touched = self.shared.take_touched();
            }
            if !batch.rows.touched.is_empty() {
                // Nodes that write the same keys at once would wait for each other in a circle.
                touched.registry = Depth::Changed;
            }
        }
        if !self.allowances.is_empty() && touched.moves_credits() {
            // Whose plan gives what is a matter of keys, which other nodes may have changed.
            touched.registry = touched.registry.max(Depth::Looked);
        }
        if asks.is_empty() && !is_sweep_due && batch.rows.touched.is_empty() {
            return Ok(());
        }
        let at = self.tables.begin(&touched, &mut self.books, now)?;
        self.allowances.look_again_after(self.books.registry.version);
        if is_sweep_due {
            self.swept_tick_ms = now.tick_ms;
            self.sweep(at, batch)?;
        }
        for ask in asks {
            self.decide(ask, batch, at)?;
        }
        Ok(())
    }

    fn commit(&mut self, rows: &Rows) -> Result<(), Broken> {
        self.tables.commit(rows, &self.books)
    }

    /// The commit stands: everyone may know.
    fn answer(&self, batch: &mut Batch) {
        self.publish(&batch.rows);
        for answer in batch.answers.drain(..) {
            answer.give(Ok(()));
        }
    }

    fn sweep(&mut self, now: Now, batch: &mut Batch) -> Result<bool, StoreError> {
        let done = self.books.ledger.sweep(now)?;
        for hold in done.outcome.expired {
            self.end_pledge(&hold, (End::Expired, None), batch, now);
            batch.rows.end(hold);
        }
        if self.tables.is_any_forgotten(now.unix_ms)? {
            batch.rows.pledges.forget_at_ms = Some(now.unix_ms);
        }
        batch.rows.change(done.changes);
        Ok(done.outcome.more)
    }

    fn publish(&self, rows: &Rows) {
        if !rows.alerts.is_empty() {
            self.shared.alerted.notify_one();
        }
        // Of tables that others change too, what is counted and whose keys are good is known from the tables alone:
        // the books may be older, and after a failure they are empty.
        if self.tables.is_mended() {
            return;
        }
        self.shared.set_open_holds(self.books.ledger.open_holds());
        self.shared.set_open_jobs(self.books.jobs.len());
        if !rows.keys.is_empty() || !rows.workspaces.is_empty() {
            self.shared.set_keys(self.books.registry.ring());
        }
    }

    /// Writes what still waits, leaves the tables in good order, and says so.
    fn stop(mut self, asked: Option<Reply<()>>) {
        self.touched_tick_ms = 0;
        loop {
            self.line.extend(self.inbox.try_iter().take(1));
            if self.line.is_empty() {
                break;
            }
            match self.serve().stop {
                Some(Stop::Asked(reply)) => reply.give(Ok(())),
                Some(Stop::HandedOver(_, reply)) => reply.give(Err(StoreError::Closed)),
                Some(Stop::Abandoned) | None => {}
            }
        }
        self.swept_tick_ms = 0;
        self.serve();
        let poisoned = self.shared.poisoned();
        self.tables.close(!poisoned);
        if let Some(reply) = asked {
            reply.give(if poisoned { Err(StoreError::Poisoned) } else { Ok(()) });
        }
    }

    /// Leaves the tables in good order, says whose they are now, and carries there whatever is asked from
    /// then on, what waits included.
    fn hand_over(mut self, bequest: Bequest, reply: &Reply<()>) {
        let mut batch = Batch::default();
        self.touched_tick_ms = 0;
        if let Err(broken) = self.decide_and_commit(Vec::new(), &mut batch) {
            // When keys were used last is not worth more.
            tracing::warn!(error = %broken.error, "the last uses of keys are not written");
        }
        let Self { tables, line, inbox, shared, .. } = self;
        tables.close(true);
        let Bequest { stream, will } = bequest;
        reply.give(will.tell(&stream));
        handover::carry(&stream, (line, &inbox), shared);
    }
}

/// After a failed commit everything is refused, but closing still closes.
fn refuse(ask: Ask, batch: &mut Batch) {
    if let Ask::Close(reply) = ask {
        batch.stop = Some(Stop::Asked(reply));
    } else {
        ask.refuse(|| StoreError::Poisoned);
    }
}
