//! Jobs and named pictures as rows.

use std::collections::BTreeMap;

use crate::id::{HoldId, JobId, KeyId, RequestId, WorkspaceId};
use crate::job::{Input, Job, Outcome, State};

use super::super::cells::{Cells, Kind, Query, Value, json};
use super::super::error::StoreError;
use super::super::notices::Tried;
use super::super::shape::{RowSet, Shape, Way};
use super::notices;

/// Forgotten jobs that one commit removes; more are removed by the commits after it.
const FORGOTTEN_MAX: u32 = 100;

/// Removes forgotten jobs: those of before `$1`, at most `$2`. Jobs grow by being accepted, so
/// forgetting some with each commit about jobs keeps them few.
pub(in super::super) const FORGET: Query = Query::same(
    "DELETE FROM job WHERE seq IN (SELECT seq FROM job WHERE forgotten_at_ms <= $1 LIMIT $2)",
);

static JOB: Shape = Shape::new(
    "job",
    &[
        ("id", Kind::Text),
        ("workspace", Kind::Text),
        ("key", Kind::Text),
        ("test", Kind::Flag),
        ("request", Kind::Text),
        ("hold", Kind::Text),
        ("quote_nanos", Kind::Number),
        ("dialect", Kind::Text),
        ("operation", Kind::Text),
        ("model", Kind::Text),
        ("asset_key", Kind::Text),
        ("webhook", Kind::Text),
        ("created_at_ms", Kind::Number),
        ("updated_at_ms", Kind::Number),
        ("ends_by_ms", Kind::Number),
        ("unwanted", Kind::Flag),
        ("state", Kind::Text),
        ("orders", Kind::Text),
        ("path", Kind::Text),
        ("content_type", Kind::Text),
        ("body", Kind::Bytes),
        ("public_url", Kind::Text),
        ("labels", Kind::Text),
        ("played", Kind::Text),
        ("trace", Kind::Text),
        ("tariff", Kind::Text),
    ],
    Way::Insert { conflict: "" },
);

static JOB_CHANGE: Shape = Shape::new(
    "job",
    &[
        ("id", Kind::Text),
        ("updated_at_ms", Kind::Number),
        ("forgotten_at_ms", Kind::Number),
        ("unwanted", Kind::Flag),
        ("state", Kind::Text),
        ("orders", Kind::Text),
        ("outcome", Kind::Text),
    ],
    Way::Update,
);

/// The first picture of a completed job lies under the name that its app gave it.
static ASSET: Shape = Shape::new(
    "asset",
    &[
        ("workspace", Kind::Text),
        ("test", Kind::Flag),
        ("key", Kind::Text),
        ("job", Kind::Text),
        ("picture", Kind::Text),
        ("at_ms", Kind::Number),
    ],
    Way::Insert { conflict: "" },
);

/// What one commit writes about jobs.
#[derive(Debug, Default)]
pub(in super::super) struct JobRows {
    accepted: Vec<(Job, Input)>,
    changed: BTreeMap<JobId, Job>,
    tried: Vec<Tried>,
    now_ms: i64,
}

impl JobRows {
    pub(in super::super) fn accept(&mut self, job: Job, input: Input) {
        self.now_ms = job.created_at_ms;
        self.accepted.push((job, input));
    }

    /// A job as it stands at the end of the commit.
    pub(in super::super) fn change(&mut self, job: Job) {
        self.now_ms = job.updated_at_ms;
        self.changed.insert(job.id.clone(), job);
    }

    /// What became of a notice.
    pub(in super::super) fn tried(&mut self, tried: Tried) {
        self.tried.push(tried);
    }

    pub(in super::super) fn is_empty(&self) -> bool {
        self.accepted.is_empty() && self.changed.is_empty() && self.tried.is_empty()
    }

    /// What [`FORGET`] is to be told after the rest is written.
    pub(in super::super) fn forget(&self) -> Option<[Value<'static>; 2]> {
        let is_about_jobs = !(self.accepted.is_empty() && self.changed.is_empty());
        is_about_jobs.then(|| [self.now_ms.into(), FORGOTTEN_MAX.into()])
    }

    /// Jobs that are new with this commit.
    pub(in super::super) fn accepted(&self) -> impl Iterator<Item = &str> {
        self.accepted.iter().map(|(job, _)| job.id.as_str())
    }

    pub(super) fn sets(&self) -> Result<[RowSet<'_>; 7], StoreError> {
        let accepted = self.accepted.iter().map(|(job, input)| accepted(job, input));
        let accepted: Result<Vec<_>, StoreError> = accepted.collect();
        let changed: Result<Vec<_>, StoreError> = self.changed.values().map(changed).collect();
        let named: Result<Vec<_>, StoreError> = self.changed.values().filter_map(named).collect();
        let [again, over, answered] = notices::tried(&self.tried);
        Ok([
            RowSet::new(&JOB, accepted?),
            RowSet::new(&JOB_CHANGE, changed?),
            RowSet::new(&ASSET, named?),
            notices::opened(self.changed.values()),
            again,
            over,
            answered,
        ])
    }
}

fn accepted<'a>(job: &'a Job, input: &'a Input) -> Result<Vec<Value<'a>>, StoreError> {
    Ok(vec![
        job.id.as_str().into(),
        job.workspace.as_str().into(),
        job.key.as_str().into(),
        job.test.into(),
        job.request.as_str().into(),
        job.hold.as_str().into(),
        job.quote.into(),
        Value::from(&job.dialect),
        Value::from(&job.operation),
        Value::from(&job.model),
        job.asset_key.as_deref().into(),
        job.webhook.as_deref().into(),
        job.created_at_ms.into(),
        job.updated_at_ms.into(),
        job.ends_by_ms.into(),
        job.unwanted.into(),
        job.state.name().into(),
        "[]".into(),
        Value::from(&input.path),
        Value::from(&input.content_type),
        input.body.as_slice().into(),
        Value::from(&input.public_url),
        Value::from(&input.labels),
        input.played.as_deref().into(),
        input.trace.as_deref().into(),
        job.tariff.as_ref().map(json).transpose()?.into(),
    ])
}

fn changed(job: &Job) -> Result<Vec<Value<'_>>, StoreError> {
    Ok(vec![
        job.id.as_str().into(),
        job.updated_at_ms.into(),
        job.forgotten_at_ms.into(),
        job.unwanted.into(),
        job.state.name().into(),
        json(&job.orders)?,
        job.outcome.as_ref().map(json).transpose()?.into(),
    ])
}

fn named(job: &Job) -> Option<Result<Vec<Value<'_>>, StoreError>> {
    let (Some(key), Some(Outcome::Completed(delivered))) = (&job.asset_key, &job.outcome) else {
        return None;
    };
    let picture = delivered.pictures.first()?;
    Some(json(picture).map(|picture| {
        vec![
            job.workspace.as_str().into(),
            job.test.into(),
            Value::from(key),
            job.id.as_str().into(),
            picture,
            job.updated_at_ms.into(),
        ]
    }))
}

/// A job as its row tells it.
pub(in super::super) fn job(row: &dyn Cells) -> Result<Job, StoreError> {
    Ok(Job {
        id: JobId::known(&row.text("id")?),
        workspace: WorkspaceId::known(&row.text("workspace")?),
        key: KeyId::known(&row.text("key")?),
        test: row.flag("test")?,
        request: RequestId::known(&row.text("request")?),
        hold: HoldId::known(&row.text("hold")?),
        quote: row.nanos("quote_nanos")?,
        tariff: row.maybe_json("tariff")?,
        dialect: row.text("dialect")?,
        operation: row.text("operation")?,
        model: row.text("model")?,
        asset_key: row.maybe_text("asset_key")?,
        webhook: row.maybe_text("webhook")?,
        created_at_ms: row.number("created_at_ms")?,
        updated_at_ms: row.number("updated_at_ms")?,
        ends_by_ms: row.number("ends_by_ms")?,
        forgotten_at_ms: row.maybe_number("forgotten_at_ms")?,
        unwanted: row.flag("unwanted")?,
        state: row.named("state", State::named)?,
        orders: row.json("orders")?,
        outcome: row.maybe_json("outcome")?,
    })
}

/// The request of a job as its row tells it.
pub(in super::super) fn input(row: &dyn Cells) -> Result<Input, StoreError> {
    Ok(Input {
        path: row.text("path")?,
        content_type: row.text("content_type")?,
        body: row.bytes("body")?,
        public_url: row.text("public_url")?,
        labels: row.text("labels")?,
        played: row.maybe_text("played")?,
        trace: row.maybe_text("trace")?,
    })
}
