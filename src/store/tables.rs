//! Where the writer's tables are: what it needs of a database, and what a batch touches of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::clock::Now;
use crate::id::{AdjustmentId, GrantId, HoldId, JobId, WorkspaceId};
use crate::job::Job;
use crate::ledger::{Hold, NewAdjustment, QuotaAsk, QuotaUnit};
use crate::pledge::{Pledge, Scope};

use super::books::Books;
use super::error::StoreError;
use super::rows::Rows;

/// The tables of a store, as its one writer uses them: begin, decide, commit, batch by batch.
pub(super) trait Tables: Send {
    /// Makes `books` know whatever a batch touches, and keeps everyone else off it until the
    /// batch ends. The time that the batch is decided at.
    fn begin(&mut self, touched: &Touched, books: &mut Books, now: Now) -> Result<Now, StoreError>;

    /// A hold that the books do not know, however long ago it ended.
    fn find_hold(&self, id: &HoldId) -> Result<Option<Hold>, StoreError>;

    /// An adjustment that the books do not know, however long ago it was made.
    fn find_adjustment(&self, id: &AdjustmentId) -> Result<Option<NewAdjustment>, StoreError>;

    /// What is known under a name that nothing open has.
    fn find_pledge(&self, scope: &Scope) -> Result<Option<Pledge>, StoreError>;

    /// A job that the books do not know, for it has ended.
    fn find_job(&self, id: &JobId) -> Result<Option<Job>, StoreError>;

    /// Whether any pledge is to be forgotten by now.
    fn is_any_forgotten(&self, at_ms: i64) -> Result<bool, StoreError>;

    /// Ends the batch: all of `rows` is durable when this returns, or none of it is known to be.
    fn commit(&mut self, rows: &Rows, books: &Books) -> Result<(), Broken>;

    /// What an error means for the batch that met it.
    fn standing(&self, error: &StoreError) -> Standing;

    /// Whether what failed can be mended and tried again, and if so by whom: by [`Self::mend`].
    fn is_mended(&self) -> bool;

    /// Makes the tables usable again after a failure, and forgets what the books had decided. Says
    /// whether the commit that was under way stands, where that was not known.
    fn mend(&mut self, books: &mut Books) -> Result<Stands, StoreError>;

    /// After [`Standing::Full`]: lets go of the reserve, so that what was begun can be ended, and
    /// forgets what the books had decided.
    fn make_room(&mut self, books: &mut Books, now: Now) -> Result<(), StoreError>;

    /// Lays the reserve again. False while there is no room for it.
    fn lay_reserve(&mut self) -> bool;

    /// Takes care of the tables between batches; `idle` when nothing waits.
    fn rest(&mut self, idle: bool) -> Result<(), StoreError>;

    /// Something done behind the writer's back, to see it fail or stop.
    #[cfg(test)]
    fn meddle(&mut self, meddle: Box<dyn FnOnce(&rusqlite::Connection) + Send>);

    /// Leaves the tables in good order, for others to use.
    fn close(self: Box<Self>, is_sound: bool);
}

/// Why a commit failed, and what that means for the batch.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) error: StoreError,
    pub(super) standing: Standing,
}

/// Where a batch stands after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing of it was written.
    Undone,
    /// It may have been written.
    Unknown,
    /// Nothing was written, for there was no room.
    Full,
    /// Nothing was written, and the same rows will fail again.
    Wrong,
}

/// Whether a commit whose outcome was unknown was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stands {
    Yes,
    No,
}

/// What a batch touches: it is in the books by the time the batch is decided.
#[derive(Clone, Debug, Default)]
pub(super) struct Touched {
    /// Workspaces whose credits may move.
    pub(super) workspaces: BTreeSet<WorkspaceId>,
    /// Workspaces whose credits are only looked at, every grant of theirs.
    pub(super) looked_at: BTreeSet<WorkspaceId>,
    pub(super) grants: BTreeSet<GrantId>,
    pub(super) holds: BTreeSet<HoldId>,
    pub(super) adjustments: BTreeSet<AdjustmentId>,
    pub(super) quotas: BTreeSet<(i64, Arc<str>, QuotaUnit)>,
    pub(super) scopes: BTreeSet<Scope>,
    /// Jobs that are worked on.
    pub(super) jobs: BTreeSet<JobId>,
    /// Jobs that are wanted no more.
    pub(super) cancelled: BTreeSet<JobId>,
    /// Workspaces whose unfinished jobs are counted.
    pub(super) jobs_of: BTreeSet<WorkspaceId>,
    pub(super) registry: Depth,
    pub(super) sweep: Depth,
}

/// How much of something a batch needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Depth {
    /// Nothing.
    #[default]
    Not,
    /// To be looked at; for a sweep: unless another is at it.
    Looked,
    /// To be changed, come what may.
    Changed,
}

impl Touched {
    /// Whether it matters what a workspace has.
    pub(super) fn moves_credits(&self) -> bool {
        let places = [&self.workspaces, &self.looked_at, &self.jobs_of];
        places.iter().any(|places| !places.is_empty())
            || !self.holds.is_empty()
            || !self.jobs.is_empty()
    }

    pub(super) fn quotas(&mut self, asks: &[QuotaAsk]) {
        let counters = asks.iter().map(|ask| (ask.period, Arc::clone(&ask.subject), ask.unit));
        self.quotas.extend(counters);
    }
}
