//! What the first round trip of a batch brought becomes books.

use std::collections::BTreeSet;

use crate::id::{JobId, WorkspaceId};
use crate::job::{Job, State};
use crate::ledger::Ledger;
use crate::pledge::{Pledge, Pledges, State as PledgeState};

use super::super::books::Books;
use super::super::cells::Cells;
use super::super::error::StoreError;
use super::super::rows::{adjustments, jobs, ledger, notices, pledges, registry};
use super::super::tables::Touched;
use super::super::writer::OpenJobs;
use super::begin::{Loaded, Part};
use super::wire::read;
use super::{Found, Postgres};

impl Postgres {
    /// Makes books of what was loaded.
    pub(super) fn take_up(
        &mut self,
        loaded: &Loaded,
        touched: &Touched,
        books: &mut Books,
    ) -> Result<(), StoreError> {
        let (mut grants, mut holds, mut quotas) = (Vec::new(), Vec::new(), Vec::new());
        let (mut open_pledges, mut open_jobs, mut untold) = (Vec::new(), Vec::new(), Vec::new());
        self.found.is_any_forgotten = loaded.is_any_forgotten;
        for (part, rows) in &loaded.parts {
            match part {
                Part::Nothing | Part::Clock => {}
                Part::Grants => grants = read(rows, ledger::grant)?,
                Part::Holds => holds = read(rows, ledger::hold)?,
                Part::Quotas => quotas = read(rows, ledger::quota)?,
                Part::Pledges => {
                    open_pledges = self.found.sort_pledges(read(rows, pledges::pledge)?);
                }
                Part::Adjustments => {
                    let made = read(rows, adjustments::adjustment)?;
                    let made = made.into_iter().map(|made| (made.id.clone(), made));
                    self.found.adjustments.extend(made);
                }
                Part::Jobs => {
                    let known = read(rows, |row| Ok((jobs::job(row)?, row.number("run")?)))?;
                    open_jobs = self.found.sort_jobs(known, self.run, touched);
                }
                Part::Notices => untold = read(rows, notices::notice)?,
                Part::LastEntries => {
                    self.found.entries.extend(read(rows, last_entry)?);
                }
                Part::Workspaces => {
                    books.registry.learn(read(rows, registry::workspace)?, Vec::new());
                }
                Part::Keys => books.registry.learn(Vec::new(), read(rows, registry::key)?),
            }
            if matches!(part, Part::Workspaces | Part::Keys) {
                let versions = read(rows, |row| row.number("version"))?;
                let newest = versions.into_iter().max().unwrap_or(0);
                books.registry.version = books.registry.version.max(newest);
            }
        }
        books.ledger = Ledger::restore(grants, holds, quotas)?;
        books.pledges = Pledges::restore(open_pledges);
        books.jobs = OpenJobs::of(open_jobs, untold);
        Ok(())
    }
}

fn last_entry(row: &dyn Cells) -> Result<(WorkspaceId, i64), StoreError> {
    Ok((WorkspaceId::known(&row.text("workspace")?), row.number("seq")?))
}

impl Found {
    /// Keeps what is done; gives back what is open.
    fn sort_pledges(&mut self, known: Vec<Pledge>) -> Vec<Pledge> {
        let is_open = |pledge: &Pledge| matches!(pledge.state, PledgeState::Open { .. });
        let (open, done): (Vec<_>, Vec<_>) = known.into_iter().partition(is_open);
        self.pledges.extend(done.into_iter().map(|pledge| (pledge.scope, pledge)));
        open
    }

    /// Keeps all; gives back what this node may change: jobs that it works on, jobs that are to be
    /// cancelled, and jobs that nobody has begun and nobody wants. A job of another node that this
    /// one wants to go on with is another's: it was thought to be dead.
    fn sort_jobs(&mut self, known: Vec<(Job, i64)>, run: i64, touched: &Touched) -> Vec<Job> {
        let mut open = Vec::new();
        let worked_on: &BTreeSet<JobId> = &touched.jobs;
        for (job, owner) in known {
            let is_idle = job.state == State::Queued && job.unwanted;
            let may_change = owner == run || is_idle || !worked_on.contains(&job.id);
            if !job.state.is_end() && may_change {
                open.push(job.clone());
            }
            self.jobs.insert(job.id.clone(), job);
        }
        open
    }
}
