//! The tables of the shared store: a PostgreSQL database that several nodes decide on, batch by
//! batch, each under locks on what it touches. What the writer knows of it lasts for one batch.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::runtime::Runtime;

use crate::clock::Now;
use crate::id::{AdjustmentId, HoldId, JobId, WorkspaceId};
use crate::job::Job;
use crate::ledger::{Hold, NewAdjustment};
use crate::pledge::{Pledge, Scope};

use super::books::Books;
use super::error::StoreError;
use super::registry::Registry;
use super::rows::Rows;
use super::shared::Shared;
use super::tables::{Broken, Depth, Standing, Stands, Tables, Touched};

mod adopt;
mod begin;
mod commit;
mod desk;
mod moment;
mod open;
mod take_up;
mod watch;
mod wire;

#[cfg(test)]
pub(super) use adopt::ADOPTABLE;
pub(super) use desk::PostgresDesk;
pub(super) use moment::Moment;
pub(super) use open::{open, open_desk};
pub(super) use watch::GONE_MS;
pub(super) use wire::Address;

use wire::{Saying, Wire};

/// What a node's processes are known by, and how they reach the tables.
pub(super) struct Postgres {
    address: Address,
    /// Drives every connection of the store; `None` once it was shut down.
    threads: Threads,
    /// What beats beside the batches, until the store is closed.
    watching: Option<watch::Watching>,
    wire: Option<Wire>,
    run: i64,
    /// The number of the last commit that is known to stand.
    batch: i64,
    /// The number of a commit that may or may not stand.
    pending: Option<i64>,
    /// Whether a transaction is open.
    is_open: bool,
    /// Whether the clock of this process is to be believed rather than the database's.
    is_clock_law: bool,
    shared: Arc<Shared>,
    found: Found,
}

/// The threads of a store, let go of wherever that happens: waiting for their connections would be
/// waiting for the database.
struct Threads(Option<Runtime>);

/// What was found for one batch and is no part of the books.
#[derive(Debug, Default)]
struct Found {
    /// What is known under names that nothing open has.
    pledges: HashMap<Scope, Pledge>,
    jobs: HashMap<JobId, Job>,
    adjustments: HashMap<AdjustmentId, NewAdjustment>,
    /// The number of the last entry of each workspace.
    entries: HashMap<WorkspaceId, i64>,
    is_any_forgotten: bool,
    is_registry_changed: bool,
}

impl Postgres {
    fn wire(&self) -> Result<&Wire, StoreError> {
        self.wire.as_ref().ok_or(StoreError::Away)
    }

    /// Runs to the end on this thread, which is the writer's.
    fn wait<T>(&self, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        match &self.threads.0 {
            Some(runtime) => runtime.handle().block_on(work),
            None => Err(StoreError::Closed),
        }
    }

    async fn connect_again(&mut self) -> Result<Stands, StoreError> {
        let Some(runtime) = &self.threads.0 else { return Err(StoreError::Closed) };
        let wire = Wire::connect_for_batches(&self.address, runtime.handle()).await?;
        open::must_be_known(&wire).await?;
        // Waits for a commit of ours that is still under way: it has the lock of this row.
        let batch = watch::beat(&wire, self.run, self.batch).await?;
        self.wire = Some(wire);
        let stands = if self.pending == Some(batch) { Stands::Yes } else { Stands::No };
        self.batch = batch;
        self.pending = None;
        Ok(stands)
    }
}

impl Tables for Postgres {
    fn begin(&mut self, touched: &Touched, books: &mut Books, now: Now) -> Result<Now, StoreError> {
        self.found = Found::default();
        if touched.is_empty() {
            return Ok(now);
        }
        self.found.is_registry_changed = touched.registry == Depth::Changed;
        self.is_open = true;
        let loaded = self.wait(self.load(touched, books.registry.version, now))?;
        let at = loaded.at;
        self.take_up(&loaded, touched, books)?;
        Ok(at)
    }

    /// The books know every hold that a batch touches.
    fn find_hold(&self, _: &HoldId) -> Result<Option<Hold>, StoreError> {
        Ok(None)
    }

    fn find_adjustment(&self, id: &AdjustmentId) -> Result<Option<NewAdjustment>, StoreError> {
        Ok(self.found.adjustments.get(id).cloned())
    }

    fn find_pledge(&self, scope: &Scope) -> Result<Option<Pledge>, StoreError> {
        Ok(self.found.pledges.get(scope).cloned())
    }

    fn find_job(&self, id: &JobId) -> Result<Option<Job>, StoreError> {
        Ok(self.found.jobs.get(id).cloned())
    }

    fn is_any_forgotten(&self, _: i64) -> Result<bool, StoreError> {
        Ok(self.found.is_any_forgotten)
    }

    fn commit(&mut self, rows: &Rows, books: &Books) -> Result<(), Broken> {
        if rows.is_empty() {
            return self.leave();
        }
        let number = self.batch.saturating_add(1);
        self.pending = Some(number);
        let written = self.wait(self.write(rows, books, number));
        self.is_open = false;
        match written {
            Ok(version) => {
                (self.batch, self.pending) = (number, None);
                if let Some(version) = version {
                    self.shared.set_keys_of(books.registry.ring(), version);
                }
                Ok(())
            }
            Err(error) => {
                let standing = commit::standing(&error);
                if standing != Standing::Unknown {
                    self.pending = None;
                }
                Err(Broken { error, standing })
            }
        }
    }

    fn standing(&self, error: &StoreError) -> Standing {
        commit::standing(error)
    }

    fn is_mended(&self) -> bool {
        true
    }

    fn mend(&mut self, books: &mut Books) -> Result<Stands, StoreError> {
        self.wire = None;
        self.is_open = false;
        let Some(handle) = self.threads.0.as_ref().map(|runtime| runtime.handle().clone()) else {
            return Err(StoreError::Closed);
        };
        let stands = handle.block_on(self.connect_again())?;
        if self.found.is_registry_changed {
            // What was decided on it may not stand; it is read anew.
            books.registry = Registry::default();
        }
        Ok(stands)
    }

    /// What its disk has room for is the database's own affair.
    fn make_room(&mut self, _: &mut Books, _: Now) -> Result<(), StoreError> {
        Err(StoreError::Full)
    }

    fn lay_reserve(&mut self) -> bool {
        true
    }

    fn rest(&mut self, _: bool) -> Result<(), StoreError> {
        Ok(())
    }

    #[cfg(test)]
    fn meddle(&mut self, _: super::ask::Meddling) {}

    fn close(mut self: Box<Self>, _: bool) {
        let watching = self.watching.take();
        let gone = self.wait(async {
            let wire = self.wire()?;
            if let Some(watching) = watching {
                watching.end().await;
            }
            let told: wire::Told<'_> = vec![Box::new(self.run)];
            wire.ask(&Saying::new("DELETE FROM node WHERE run = $1", told)).await
        });
        if let Err(error) = gone {
            tracing::warn!(%error, "the others will find out that this node is gone");
        }
        self.wire = None;
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
