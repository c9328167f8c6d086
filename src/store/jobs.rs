//! Jobs in the store: what may be asked about them. What [`Job`] decides is durable when answered.

use serde::{Deserialize, Serialize};

use crate::credits::Credits;
use crate::id::{JobId, WorkspaceId};
use crate::job::{Input, Job, Kept, NewJob, Order, Outcome, State};
use crate::ledger::HoldAsk;
use crate::pledge::{Named as NamedRequest, Pledge};
use crate::receipt::Receipt;

use super::Store;
use super::answers::AnswerKept;
use super::ask::{Ask, Reply, touch_hold};
use super::cells::{Cells, Query, json};
use super::desk::Line;
use super::error::StoreError;
use super::notices::Tried;
use super::rows::jobs as rows;
use super::tables::Touched;

/// What the repeats of a request that becomes a job are told, from its acceptance on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Promised {
    pub(super) pledge: Pledge,
    pub(super) kept: AnswerKept,
}

/// What the writer can be asked about jobs.
#[derive(Clone)]
pub(super) enum JobAsk {
    Accept(Box<HoldAsk>, Box<NewJob>, Option<Box<Promised>>, Reply<()>),
    Begin(JobId, Reply<()>),
    Place(JobId, Box<Order>, Reply<()>),
    Cancel(JobId, Reply<Job>),
    End(JobId, Box<JobEnd>, Reply<Job>),
    Tried(Tried, Reply<()>),
}

const FIND: Query = Query::same(
    "SELECT * FROM job WHERE id = $1 AND workspace = $2 AND test = $3
     AND (forgotten_at_ms IS NULL OR forgotten_at_ms > $4)",
);

const LOAD: Query = Query::same("SELECT * FROM job WHERE id = $1");

const LIST: Query = Query::each(
    "SELECT * FROM job WHERE workspace = $1 AND test = $2
     AND (forgotten_at_ms IS NULL OR forgotten_at_ms > $3)
     AND seq < ifnull((SELECT seq FROM job WHERE id = $4), 9223372036854775807)
     AND state IN (SELECT value FROM json_each($5))
     ORDER BY seq DESC LIMIT $6",
    "SELECT * FROM job WHERE workspace = $1 AND test = $2
     AND (forgotten_at_ms IS NULL OR forgotten_at_ms > $3)
     AND seq < coalesce((SELECT seq FROM job WHERE id = $4), 9223372036854775807)
     AND state IN (SELECT jsonb_array_elements_text(CAST(CAST($5 AS text) AS jsonb)))
     ORDER BY seq DESC LIMIT $6",
);

/// Every job that has not ended; of several nodes, those of the node `$1`.
const OWN: Query = Query::each(
    "SELECT id, workspace, state, ends_by_ms FROM job WHERE forgotten_at_ms IS NULL ORDER BY seq",
    "SELECT id, workspace, state, ends_by_ms FROM job
     WHERE forgotten_at_ms IS NULL AND run = $1 ORDER BY seq",
);

const UNWANTED: Query =
    Query::same("SELECT id FROM job WHERE forgotten_at_ms IS NULL AND unwanted");

const NAMED: Query = Query::same(
    "SELECT job, picture, at_ms FROM asset
     WHERE workspace = $1 AND test = $2 AND key = $3 ORDER BY seq DESC LIMIT $4",
);

/// How a job ends, its hold with it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JobEnd {
    /// What it came to.
    pub outcome: Outcome,
    /// What is taken of its hold; `None` gives all of it back.
    pub price: Option<Credits>,
    /// The usage row.
    pub receipt: Receipt,
    /// How long it is remembered, in milliseconds.
    pub kept_for_ms: i64,
}

/// Whose jobs and named pictures: live and test keys of a workspace do not see each other's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whose {
    /// Who pays.
    pub workspace: WorkspaceId,
    /// Whether it is what its test keys asked for.
    pub test: bool,
}

/// A part of a list of jobs, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobPage {
    /// The jobs.
    pub jobs: Vec<Job>,
    /// Whether older ones follow.
    pub has_more: bool,
}

/// A job that has not ended, as far as it takes to work on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// Its name.
    pub id: JobId,
    /// Whose it is.
    pub workspace: WorkspaceId,
    /// Where it stands.
    pub state: State,
    /// Until when it may be worked on, in milliseconds since the Unix epoch.
    pub ends_by_ms: i64,
}

/// A picture that has a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The job that it was drawn for.
    pub job: JobId,
    /// The picture.
    pub picture: Kept,
    /// Since when, in milliseconds since the Unix epoch.
    pub at_ms: i64,
}

impl Store {
    /// Sets credits aside for a job and accepts it: both, or neither and a reason.
    pub async fn accept_job(&self, hold: HoldAsk, new: NewJob) -> Result<(), StoreError> {
        let (hold, new) = (Box::new(self.on_the_stores_clock(hold)), Box::new(new));
        self.ask_now(|reply| Ask::Job(JobAsk::Accept(hold, new, None, reply))).await
    }

    /// The same for a request that is to be served once: its repeats are given this answer from
    /// then on. [`StoreError::Pledged`] when its name is taken; then there is no job.
    pub async fn accept_job_once(
        &self,
        hold: HoldAsk,
        new: NewJob,
        (named, kept): (NamedRequest, AnswerKept),
    ) -> Result<(), StoreError> {
        let file = kept.is_in_file().then(|| hold.hold.clone());
        let (hold, new) = (Box::new(self.on_the_stores_clock(hold)), Box::new(new));
        let promised = Box::new(Promised { pledge: self.pledge(&hold, named), kept });
        let ask = |reply| Ask::Job(JobAsk::Accept(hold, new, Some(promised), reply));
        let accepted = self.ask_now(ask).await;
        self.remove_unless(file, accepted).await
    }

    /// Before anything is sent to a vendor for a job.
    pub async fn begin_job(&self, id: JobId) -> Result<(), StoreError> {
        self.ask(|reply| Ask::Job(JobAsk::Begin(id, reply))).await
    }

    /// A vendor has a name for an order of a job.
    pub async fn place_job(&self, id: JobId, order: Order) -> Result<(), StoreError> {
        self.ask(|reply| Ask::Job(JobAsk::Place(id, Box::new(order), reply))).await
    }

    /// A job is wanted no more; as it stands after that.
    pub async fn cancel_job(&self, id: JobId) -> Result<Job, StoreError> {
        self.ask(|reply| Ask::Job(JobAsk::Cancel(id, reply))).await
    }

    /// Ends a job, its hold and its usage row in one commit; as it stands after that.
    pub async fn end_job(&self, id: JobId, end: JobEnd) -> Result<Job, StoreError> {
        self.ask(|reply| Ask::Job(JobAsk::End(id, Box::new(end), reply))).await
    }

    /// A job of theirs; `None` when there is none of that name, or it is forgotten.
    pub async fn find_job(&self, id: &str, whose: Whose) -> Result<Option<Job>, StoreError> {
        let values = vec![
            id.to_owned().into(),
            whose.workspace.as_str().to_owned().into(),
            whose.test.into(),
            self.clock.now().unix_ms.into(),
        ];
        Ok(self.rows(Line::Books, FIND, values, rows::job).await?.pop())
    }

    /// A job and the request that it came as.
    pub async fn load_job(&self, id: JobId) -> Result<Option<(Job, Input)>, StoreError> {
        let values = vec![id.as_str().to_owned().into()];
        let both = |row: &dyn Cells| Ok((rows::job(row)?, rows::input(row)?));
        Ok(self.rows(Line::Books, LOAD, values, both).await?.pop())
    }

    /// Jobs that have not ended and that are this process's to work on, the oldest first. With several
    /// nodes those of nodes that are gone become its own before.
    pub async fn adopt_jobs(&self) -> Result<Vec<Unfinished>, StoreError> {
        Box::pin(self.desk.adopt_jobs(self.run)).await?;
        let run = if self.is_shared() { vec![self.run.into()] } else { Vec::new() };
        self.rows(Line::Looks, OWN, run, unfinished).await
    }

    /// Jobs that have not ended and that their apps want no more, whoever works on them.
    pub async fn unwanted_jobs(&self) -> Result<Vec<JobId>, StoreError> {
        let name = |row: &dyn Cells| Ok(JobId::known(&row.text("id")?));
        self.rows(Line::Looks, UNWANTED, Vec::new(), name).await
    }

    /// So many jobs of theirs that are older than `after`, in these states, the newest first.
    pub async fn list_jobs(
        &self,
        whose: Whose,
        (after, states): (Option<String>, Vec<State>),
        count: u32,
    ) -> Result<JobPage, StoreError> {
        let states: Vec<&str> = states.iter().map(|state| state.name()).collect();
        let most = count.saturating_add(1);
        let values = vec![
            whose.workspace.as_str().to_owned().into(),
            whose.test.into(),
            self.clock.now().unix_ms.into(),
            after.into(),
            json(&states)?,
            most.into(),
        ];
        let mut jobs = self.rows(Line::Books, LIST, values, rows::job).await?;
        let has_more = jobs.len() == usize::try_from(most).unwrap_or(usize::MAX);
        jobs.truncate(usize::try_from(count).unwrap_or(usize::MAX));
        Ok(JobPage { jobs, has_more })
    }

    /// The pictures that have a name, the newest first; so many at most.
    pub async fn named_pictures(
        &self,
        whose: Whose,
        key: String,
        count: u32,
    ) -> Result<Vec<Named>, StoreError> {
        let values = vec![
            whose.workspace.as_str().to_owned().into(),
            whose.test.into(),
            key.into(),
            count.into(),
        ];
        self.rows(Line::Books, NAMED, values, named).await
    }
}

fn unfinished(row: &dyn Cells) -> Result<Unfinished, StoreError> {
    Ok(Unfinished {
        id: JobId::known(&row.text("id")?),
        workspace: WorkspaceId::known(&row.text("workspace")?),
        state: row.named("state", State::named)?,
        ends_by_ms: row.number("ends_by_ms")?,
    })
}

fn named(row: &dyn Cells) -> Result<Named, StoreError> {
    Ok(Named {
        job: JobId::known(&row.text("job")?),
        picture: row.json("picture")?,
        at_ms: row.number("at_ms")?,
    })
}

impl JobAsk {
    /// Refuses whatever it is, undecided.
    pub(super) fn refuse(&self, why: fn() -> StoreError) {
        match self {
            Self::Accept(_, _, _, reply)
            | Self::Begin(_, reply)
            | Self::Place(_, _, reply)
            | Self::Tried(_, reply) => reply.give(Err(why())),
            Self::Cancel(_, reply) | Self::End(_, _, reply) => reply.give(Err(why())),
        }
    }

    /// What deciding it needs to be known.
    pub(super) fn touch(&self, touched: &mut Touched) {
        match self {
            Self::Accept(hold, new, promised, _) => {
                touch_hold(hold, touched);
                touched.scopes.extend(promised.as_ref().map(|promised| promised.pledge.scope));
                touched.jobs_of.insert(new.job.workspace.clone());
            }
            Self::Begin(job, _) | Self::Place(job, _, _) | Self::End(job, _, _) => {
                touched.jobs.insert(job.clone());
            }
            Self::Cancel(job, _) => {
                touched.cancelled.insert(job.clone());
            }
            Self::Tried(..) => {}
        }
    }
}
