//! Jobs in the store: what may be asked about them. What [`Job`] decides is durable when answered.

use std::sync::Arc;

use rusqlite::{OptionalExtension, params};
use tokio::sync::oneshot;

use crate::credits::Credits;
use crate::id::{JobId, WorkspaceId};
use crate::job::{Input, Job, Kept, NewJob, Order, Outcome, State};
use crate::ledger::HoldAsk;
use crate::receipt::Receipt;

use super::Store;
use super::ask::{Ask, Reply};
use super::error::StoreError;
use super::notices::Tried;
use super::rows::jobs as rows;

/// What the writer can be asked about jobs.
pub(super) enum JobAsk {
    Accept(Box<HoldAsk>, Box<NewJob>, Reply<()>),
    Begin(JobId, Reply<()>),
    Place(JobId, Box<Order>, Reply<()>),
    Cancel(JobId, Reply<Job>),
    End(JobId, Box<JobEnd>, Reply<Job>),
    Tried(Tried, Reply<()>),
}

/// How a job ends, its hold with it.
#[derive(Clone, Debug)]
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
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| StoreError::Busy)?;
        let (reply, answer) = oneshot::channel();
        let ask = JobAsk::Accept(Box::new(hold), Box::new(new), reply);
        self.send(Ask::Job(ask), Some(place))?;
        answer.await.unwrap_or(Err(StoreError::Closed))
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
        let (id, now_ms) = (id.to_owned(), self.clock.now().unix_ms);
        self.read(move |database| {
            let mut asking = database.prepare_cached(
                "SELECT * FROM job WHERE id = ?1 AND workspace = ?2 AND test = ?3
                 AND ifnull(forgotten_at_ms > ?4, 1)",
            )?;
            let params = params![id, whose.workspace.as_str(), whose.test, now_ms];
            Ok(asking.query_row(params, rows::job).optional()?)
        })
        .await
    }

    /// A job and the request that it came as.
    pub async fn load_job(&self, id: JobId) -> Result<Option<(Job, Input)>, StoreError> {
        self.read(move |database| {
            let mut asking = database.prepare_cached("SELECT * FROM job WHERE id = ?1")?;
            let both = |row: &rusqlite::Row<'_>| Ok((rows::job(row)?, rows::input(row)?));
            Ok(asking.query_row([id.as_str()], both).optional()?)
        })
        .await
    }

    /// Every job that has not ended, the oldest first.
    pub async fn open_jobs(&self) -> Result<Vec<Job>, StoreError> {
        self.read(|database| {
            let mut asking = database
                .prepare_cached("SELECT * FROM job WHERE forgotten_at_ms IS NULL ORDER BY seq")?;
            Ok(asking.query_map([], rows::job)?.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// So many jobs of theirs that are older than `after`, in these states, the newest first.
    pub async fn list_jobs(
        &self,
        whose: Whose,
        (after, states): (Option<String>, Vec<State>),
        count: u32,
    ) -> Result<JobPage, StoreError> {
        let now_ms = self.clock.now().unix_ms;
        self.read(move |database| {
            let states: Vec<&str> = states.iter().map(|state| state.name()).collect();
            let states = serde_json::to_string(&states).unwrap_or_default();
            let mut asking = database.prepare_cached(
                "SELECT * FROM job WHERE workspace = ?1 AND test = ?2
                 AND ifnull(forgotten_at_ms > ?3, 1)
                 AND seq < ifnull((SELECT seq FROM job WHERE id = ?4), 9223372036854775807)
                 AND state IN (SELECT value FROM json_each(?5))
                 ORDER BY seq DESC LIMIT ?6",
            )?;
            let workspace = whose.workspace.as_str();
            let most = count.saturating_add(1);
            let params = params![workspace, whose.test, now_ms, after, states, most];
            let mut jobs: Vec<Job> =
                asking.query_map(params, rows::job)?.collect::<Result<_, _>>()?;
            let has_more = jobs.len() == usize::try_from(most).unwrap_or(usize::MAX);
            jobs.truncate(usize::try_from(count).unwrap_or(usize::MAX));
            Ok(JobPage { jobs, has_more })
        })
        .await
    }

    /// The pictures that have a name, the newest first; so many at most.
    pub async fn named_pictures(
        &self,
        whose: Whose,
        key: String,
        count: u32,
    ) -> Result<Vec<Named>, StoreError> {
        self.read(move |database| {
            let mut asking = database.prepare_cached(
                "SELECT job, picture, at_ms FROM asset
                 WHERE workspace = ?1 AND test = ?2 AND key = ?3 ORDER BY seq DESC LIMIT ?4",
            )?;
            let params = params![whose.workspace.as_str(), whose.test, key, count];
            let named = asking.query_map(params, |row| {
                Ok(Named {
                    job: JobId::known(&row.get::<_, String>(0)?),
                    picture: rows::from_json(&row.get::<_, String>(1)?)?,
                    at_ms: row.get(2)?,
                })
            })?;
            Ok(named.collect::<Result<_, _>>()?)
        })
        .await
    }
}

impl JobAsk {
    /// Refuses whatever it is, undecided.
    pub(super) fn refuse(self) {
        match self {
            Self::Accept(_, _, reply)
            | Self::Begin(_, reply)
            | Self::Place(_, _, reply)
            | Self::Tried(_, reply) => super::ask::no(reply),
            Self::Cancel(_, reply) | Self::End(_, _, reply) => super::ask::no(reply),
        }
    }
}
