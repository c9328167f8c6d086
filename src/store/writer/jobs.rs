//! What the writer decides about jobs, by asking each what it allows.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::clock::Now;
use crate::credits::Credits;
use crate::id::{JobId, NoticeId, WorkspaceId};
use crate::job::{Failure, Job, JobError, NewJob, Outcome};
use crate::ledger::{HoldAsk, LedgerError};
use crate::notice::{Notice, Verdict};
use crate::pledge::{End, Verdict as Pledged};

use super::super::ask::Answer;
use super::super::error::StoreError;
use super::super::jobs::{JobAsk, JobEnd, Promised};
use super::super::rows::usage::UsageRow;
use super::{Batch, Writer};

/// The jobs that have not ended, as the writer knows them.
#[derive(Debug, Default)]
pub(in super::super) struct OpenJobs {
    jobs: BTreeMap<JobId, Job>,
    /// Whose end is still to be told, and to whom those belong.
    untold: BTreeMap<NoticeId, WorkspaceId>,
}

impl OpenJobs {
    pub(in super::super) fn of(jobs: Vec<Job>, untold: Vec<Notice>) -> Self {
        Self {
            jobs: jobs.into_iter().map(|job| (job.id.clone(), job)).collect(),
            untold: untold.into_iter().map(|told| (told.id, told.lane.workspace)).collect(),
        }
    }

    pub(in super::super) fn len(&self) -> usize {
        self.jobs.len()
    }

    fn of_workspace(&self, workspace: &WorkspaceId) -> usize {
        self.jobs.values().filter(|job| job.workspace == *workspace).count()
    }

    /// Jobs of a workspace whose end is to be told, now or when they end.
    fn untold_of(&self, workspace: &WorkspaceId) -> usize {
        let ended = self.untold.values().filter(|owner| *owner == workspace).count();
        let open = self.jobs.values().filter(|job| job.workspace == *workspace);
        ended.saturating_add(open.filter(|job| job.webhook.is_some()).count())
    }

    /// Changes a job; one that ended has left.
    fn change(
        &mut self,
        id: &JobId,
        change: impl FnOnce(&mut Job) -> Result<(), JobError>,
    ) -> Result<Job, JobError> {
        let job = self.jobs.get_mut(id).ok_or(JobError::Over)?;
        change(job)?;
        let job = job.clone();
        if job.state.is_end() {
            self.jobs.remove(id);
            if job.webhook.is_some() {
                self.untold.insert(NoticeId::of(id), job.workspace.clone());
            }
        }
        Ok(job)
    }
}

impl Writer {
    pub(super) fn job(
        &mut self,
        ask: JobAsk,
        batch: &mut Batch,
        now: Now,
    ) -> Result<(), StoreError> {
        let answer = match ask {
            JobAsk::Accept(hold, new, promised, reply) => {
                let verdict = match &promised {
                    Some(promised) => self.judge_pledge(&promised.pledge, batch, now)?,
                    None => Pledged::New,
                };
                let accepted = if verdict == Pledged::New {
                    self.recall(&hold.hold)?;
                    self.accept(&hold, (*new, promised), batch, now)
                } else {
                    Err(StoreError::Pledged(verdict))
                };
                Answer::new(reply, accepted)
            }
            JobAsk::Begin(id, reply) => {
                let verdict = self.change_job(&id, batch, |job| job.begin(now));
                Answer::new(reply, verdict.map(drop))
            }
            JobAsk::Place(id, order, reply) => {
                let verdict = self.change_job(&id, batch, |job| job.place(*order, now));
                Answer::new(reply, verdict.map(drop))
            }
            JobAsk::Cancel(id, reply) => {
                let cancel = |job: &mut Job| {
                    job.cancel(now);
                    Ok(())
                };
                let verdict = match self.change_job(&id, batch, cancel) {
                    // It has ended, and stays as it is.
                    Err(StoreError::Job(JobError::Over)) => {
                        self.tables.find_job(&id)?.ok_or(StoreError::Job(JobError::Unknown))
                    }
                    other => other,
                };
                Answer::new(reply, verdict)
            }
            JobAsk::End(id, end, reply) => {
                let verdict = self.end_job(&id, *end, batch, now)?;
                Answer::new(reply, verdict)
            }
            JobAsk::Tried(tried, reply) => {
                match tried.verdict {
                    Verdict::Again { .. } => {}
                    Verdict::Told | Verdict::Dead(_) => {
                        self.books.jobs.untold.remove(&tried.id);
                    }
                }
                batch.rows.jobs.tried(tried);
                Answer::new(reply, Ok(()))
            }
        };
        batch.answers.push(answer);
        Ok(())
    }

    fn accept(
        &mut self,
        hold: &HoldAsk,
        (new, promised): (NewJob, Option<Box<Promised>>),
        batch: &mut Batch,
        now: Now,
    ) -> Result<(), StoreError> {
        let NewJob { job, input, open_max, untold_max } = new;
        if self.books.jobs.jobs.contains_key(&job.id) {
            // The commit of it was in doubt, and stands.
            return Ok(());
        }
        if self.books.jobs.of_workspace(&job.workspace) >= open_max {
            return Err(StoreError::Job(JobError::Full { most: open_max }));
        }
        if job.webhook.is_some() && self.books.jobs.untold_of(&job.workspace) >= untold_max {
            return Err(StoreError::Job(JobError::Untold { most: untold_max }));
        }
        self.renew(&hold.workspace, batch, now);
        let done = self.books.ledger.hold(hold, now)?;
        batch.rows.change(done.changes);
        batch.rows.open(hold.hold.clone());
        batch.rows.jobs.accept(job.clone(), input);
        self.books.jobs.jobs.insert(job.id.clone(), job);
        if let Some(promised) = promised {
            let Promised { pledge, kept } = *promised;
            // Answered at once, and whatever the job comes to: its hold has no say in it.
            let done = pledge.clone().ended(End::Settled(kept.gone()), now);
            let name = (pledge.scope, pledge.hold.clone());
            batch.rows.pledges.open(pledge);
            batch.rows.pledges.end(name, done, Some(Arc::new(kept)));
        }
        Ok(())
    }

    fn change_job(
        &mut self,
        id: &JobId,
        batch: &mut Batch,
        change: impl FnOnce(&mut Job) -> Result<(), JobError>,
    ) -> Result<Job, StoreError> {
        let job = self.books.jobs.change(id, change)?;
        batch.rows.jobs.change(job.clone());
        Ok(job)
    }

    /// The end of a job and of its hold. A hold that expired before cannot be settled: the job ends
    /// as failed then, and its pictures are nobody's.
    fn end_job(
        &mut self,
        id: &JobId,
        end: JobEnd,
        batch: &mut Batch,
        now: Now,
    ) -> Result<Result<Job, StoreError>, StoreError> {
        let JobEnd { outcome, price, receipt, kept_for_ms } = end;
        let receipt = Arc::new(receipt);
        let Some(hold) = self.books.jobs.jobs.get(id).map(|job| job.hold.clone()) else {
            return Ok(Err(StoreError::Job(JobError::Over)));
        };
        self.recall(&hold)?;
        self.renew_for(&hold, batch, now);
        let ended = if let Some(price) = price {
            let verdict = self.books.ledger.settle(&hold, price, receipt.images, now);
            self.ended(&hold, verdict, (Arc::clone(&receipt), price), batch).map(|s| s.remaining)
        } else {
            let verdict = self.books.ledger.void(&hold, now);
            let verdict = self.ended(&hold, verdict, (Arc::clone(&receipt), Credits::ZERO), batch);
            verdict.map(|()| Credits::ZERO)
        };
        let outcome = match ended {
            Ok(remaining) => with_remaining(outcome, remaining),
            Err(StoreError::Ledger(LedgerError::AlreadyResolved)) => {
                batch.rows.usage.push(UsageRow::of(receipt));
                without_a_hold(outcome)
            }
            Err(other) => return Ok(Err(other)),
        };
        Ok(self.change_job(id, batch, |job| job.end(outcome, kept_for_ms, now)))
    }
}

fn with_remaining(mut outcome: Outcome, remaining: Credits) -> Outcome {
    if let Outcome::Completed(delivered) = &mut outcome {
        delivered.remaining = remaining;
    }
    outcome
}

/// What is left of an outcome whose hold had expired before it came.
fn without_a_hold(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Completed(_) => Outcome::Failed(Failure {
            code: "vendor_timed_out".to_owned(),
            message: "the pictures came after the job's time; nothing was charged".to_owned(),
        }),
        failed @ (Outcome::Failed(_) | Outcome::Cancelled) => failed,
    }
}
