//! Jobs are taken up: as they are accepted, after a start, and whenever nobody works on one.

use std::sync::Arc;
use std::time::Duration;

use dashmap::Entry;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::id::{JobId, WorkspaceId};
use crate::store::StoreError;

use super::super::{Gateway, refuse};
use super::Errand;

/// How often jobs are looked for that nobody works on, and such as are wanted no more.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// When a store that could not be asked is asked again.
pub(super) const STORE_AGAIN: Duration = Duration::from_secs(1);

/// A job that this process works on, and nobody else, until this is dropped.
pub(super) struct Taken {
    gateway: Arc<Gateway>,
    id: JobId,
    /// Cancelled when its app wants it no more.
    wish: CancellationToken,
}

impl Taken {
    pub(super) const fn id(&self) -> &JobId {
        &self.id
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.gateway.desk.worked_on.remove(&self.id);
        self.gateway.desk.wishes.remove(&self.id);
    }
}

/// Whether the store may say something else when it is asked again.
pub(super) const fn is_passing(error: &StoreError) -> bool {
    matches!(error, StoreError::Away | StoreError::Busy | StoreError::Full)
}

impl Gateway {
    /// Takes a job, unless it is taken.
    pub(super) fn take(self: &Arc<Self>, id: &JobId) -> Option<Taken> {
        match self.desk.wishes.entry(id.clone()) {
            Entry::Occupied(_) => None,
            Entry::Vacant(free) => {
                let wish = CancellationToken::new();
                free.insert(wish.clone());
                Some(Taken { gateway: Arc::clone(self), id: id.clone(), wish })
            }
        }
    }

    /// The name of a job that is not there yet, taken.
    pub(super) fn take_new(self: &Arc<Self>) -> Taken {
        loop {
            if let Some(taken) = self.take(&JobId::random()) {
                return taken;
            }
        }
    }

    /// Sees to it that a job comes to nothing of which nobody knows whether it was accepted.
    pub(super) fn disown(self: &Arc<Self>, taken: Taken) {
        let gateway = Arc::clone(self);
        self.tasks.spawn(async move {
            while !gateway.desk.stopping.is_cancelled() && !gateway.is_disowned(&taken).await {
                tokio::time::sleep(STORE_AGAIN).await;
            }
        });
    }

    /// Whether such a job is ended by now, or was never there.
    async fn is_disowned(&self, taken: &Taken) -> bool {
        if self.store.is_away() {
            return false;
        }
        // Decided after whatever was in doubt: by then it is there, or never will be.
        match self.store.cancel_job(taken.id.clone()).await {
            Ok(job) => {
                self.wish_ended(&job).await;
                true
            }
            Err(error) => !is_passing(&error),
        }
    }

    /// Works on a job of this workspace beside everything else, when it has its places.
    pub(super) fn set_to_work(self: &Arc<Self>, taken: Taken, workspace: WorkspaceId, by_ms: i64) {
        let left_ms = by_ms.saturating_sub(self.clock.now().unix_ms).max(0);
        let until = Instant::now() + Duration::from_millis(left_ms.unsigned_abs());
        let gateway = Arc::clone(self);
        self.tasks.spawn(async move {
            let (id, wish) = (taken.id.clone(), taken.wish.clone());
            let errand = Errand::new(id, until, wish, gateway.store.clone());
            gateway.work_on(workspace, Arc::new(errand)).await;
            drop(taken);
        });
    }

    /// Takes up every job that has not ended and that nobody works on. Returns how many those were.
    pub async fn resume_jobs(self: &Arc<Self>) -> Result<usize, StoreError> {
        let mut resumed = 0_usize;
        for job in self.store.adopt_jobs().await? {
            if self.desk.elsewhere.contains(&job.id) || self.desk.given_up.contains(&job.id) {
                continue;
            }
            if let Some(taken) = self.take(&job.id) {
                self.set_to_work(taken, job.workspace, job.ends_by_ms);
                resumed = resumed.saturating_add(1);
            }
        }
        Ok(resumed)
    }

    /// The process before this one works on these to their end; they are ours again after
    /// [`Gateway::jobs_are_here`].
    pub fn jobs_are_elsewhere(&self, jobs: &[JobId]) {
        for job in jobs {
            self.desk.elsewhere.insert(job.clone());
        }
    }

    /// Whoever worked on jobs of ours is gone.
    pub fn jobs_are_here(&self) {
        self.desk.elsewhere.clear();
    }

    /// Takes up, now and again, jobs that nobody works on, such as those of nodes that are gone, and what
    /// those had still to tell. Ends when the gateway stops.
    pub async fn keep_jobs(self: &Arc<Self>) {
        while !self.desk.stopping.is_cancelled() {
            tokio::time::sleep(LOOK_EVERY).await;
            if self.store.poisoned() {
                // What is done now cannot be written, and would be done again and again.
                continue;
            }
            let taken = self.resume_jobs().await;
            let untold = self.resume_notices().await;
            match taken.and_then(|jobs| untold.map(|_| jobs)) {
                Ok(0) => {}
                Ok(jobs) => tracing::info!(jobs, "jobs that nobody worked on are taken up"),
                Err(error) => {
                    let error = refuse::chain(&error);
                    tracing::warn!(error, "jobs that nobody works on cannot be looked for");
                }
            }
        }
    }

    /// Hears, now and again, which of the jobs that are worked on here are wanted no more: their apps may
    /// have said so to another process. Ends with its task.
    pub async fn hear_of_cancels(self: Arc<Self>) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            if self.desk.wishes.is_empty() {
                continue;
            }
            let unwanted = self.store.unwanted_jobs().await.unwrap_or_else(|error| {
                let error = refuse::chain(&error);
                tracing::warn!(error, "jobs that are wanted no more cannot be looked for");
                Vec::new()
            });
            for wish in unwanted.iter().filter_map(|job| self.desk.wishes.get(job)) {
                wish.cancel();
            }
        }
    }

    /// Returns once the gateway begins nothing any more.
    pub(in super::super) async fn stopping(&self) {
        self.desk.stopping.cancelled().await;
    }

    /// Begins no job any more, and tells nobody of one; those that wait are taken up after the next start.
    pub fn stop_jobs(&self) {
        self.desk.stopping.cancel();
    }

    /// Jobs that are worked on to their end although the gateway stops, here or at the process before; call it after
    /// [`Gateway::stop_jobs`]. One that is not among them is begun by whoever takes over.
    pub fn jobs_worked_on(&self) -> Vec<JobId> {
        let (here, elsewhere) = (self.desk.worked_on.iter(), self.desk.elsewhere.iter());
        here.chain(elsewhere).map(|id| id.clone()).collect()
    }
}
