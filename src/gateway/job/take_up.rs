//! Jobs are taken up: as they are accepted, after a start, and when whoever worked on them is gone.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::id::JobId;
use crate::job::Job;
use crate::store::StoreError;

use super::super::{Gateway, refuse};
use super::Errand;

/// How often jobs are looked for that a node has left behind.
const ADOPT_EVERY: Duration = Duration::from_secs(2);

impl Gateway {
    /// Works on a job beside everything else, when it has its places.
    pub(super) fn set_to_work(self: &Arc<Self>, job: &Job) {
        let wish = CancellationToken::new();
        self.desk.wishes.insert(job.id.clone(), wish.clone());
        let left_ms = job.ends_by_ms.saturating_sub(self.clock.now().unix_ms).max(0);
        let until = Instant::now() + Duration::from_millis(left_ms.unsigned_abs());
        let (gateway, id) = (Arc::clone(self), job.id.clone());
        let workspace = job.workspace.clone();
        self.tasks.spawn(async move {
            let errand = Errand::new(id.clone(), until, wish, gateway.store.clone());
            gateway.work_on(workspace, Arc::new(errand)).await;
            gateway.desk.wishes.remove(&id);
        });
    }

    /// Takes up every job that was not finished when the process before this one ended.
    pub async fn resume_jobs(self: &Arc<Self>) -> Result<usize, StoreError> {
        self.resume_jobs_but(&[]).await
    }

    /// The same, but for those that another process works on to their end.
    pub async fn resume_jobs_but(
        self: &Arc<Self>,
        elsewhere: &[JobId],
    ) -> Result<usize, StoreError> {
        let mut jobs = self.store.adopt_jobs().await?;
        let is_here = |id: &JobId| self.desk.wishes.contains_key(id);
        jobs.retain(|job| !elsewhere.contains(&job.id) && !is_here(&job.id));
        for job in &jobs {
            self.set_to_work(job);
        }
        Ok(jobs.len())
    }

    /// Takes up the jobs of nodes that are gone, and what they had still to tell, now and again. Ends
    /// with its task.
    pub async fn adopt_jobs_of_others(self: &Arc<Self>) {
        while !self.desk.stopping.is_cancelled() {
            tokio::time::sleep(ADOPT_EVERY).await;
            let taken = self.resume_jobs().await;
            let untold = self.resume_notices().await;
            match taken.and_then(|jobs| untold.map(|_| jobs)) {
                Ok(0) => {}
                Ok(jobs) => tracing::info!(jobs, "jobs of a node that is gone are taken up"),
                Err(error) => {
                    let error = refuse::chain(&error);
                    tracing::warn!(error, "jobs of other nodes cannot be looked for");
                }
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

    /// Jobs that are worked on here to their end although the gateway stops; call it after
    /// [`Gateway::stop_jobs`]. One that is not among them is begun by whoever takes over.
    pub fn jobs_worked_on(&self) -> Vec<JobId> {
        self.desk.worked_on.iter().map(|id| id.clone()).collect()
    }
}
