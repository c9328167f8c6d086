//! The first round trip of a batch: locks on whatever it touches, and the rows behind them.

use std::borrow::Cow;

use tokio_postgres::Row;

use crate::clock::Now;
use crate::id::{AdjustmentId, GrantId, HoldId, JobId, WorkspaceId};
use crate::ledger::SWEEP_MAX;

use super::super::error::StoreError;
use super::super::tables::{Depth, Touched};
use super::Postgres;
use super::wire::{Saying, Told, read, read_number};

/// The lock of the registry of workspaces and keys.
const REGISTRY: &str = "registry";

/// The lock of the sweep, in a space of its own: it is taken before all others.
const SWEEP: &str = "7477, 1";

/// The database's clock.
const CLOCK: &str = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint) AS n";

/// Holds that are touched: those named, and those of jobs.
macro_rules! with_holds {
    ($holds:literal, $jobs:literal, $rest:literal) => {
        concat!(
            "WITH touched AS MATERIALIZED (SELECT unnest(",
            $holds,
            "::text[]) AS id
                 UNION SELECT hold FROM job WHERE id = ANY(",
            $jobs,
            "::text[])) ",
            $rest
        )
    };
}

/// Locks are taken in the order of their numbers, so that no two batches wait for each other.
const LOCK: &str = with_holds!(
    "$2",
    "$3",
    ", named AS MATERIALIZED (
        SELECT unnest($1::text[]) AS name
        UNION SELECT 'w:' || workspace FROM hold WHERE id = ANY(ARRAY(SELECT id FROM touched))
        UNION SELECT 'w:' || workspace FROM job WHERE id = ANY($3::text[])
        UNION SELECT 'q:' || (share ->> 'period') || ':' || (share ->> 'unit') || ':'
                          || (share ->> 'subject')
              FROM hold, jsonb_array_elements(CAST(nullif(quotas, '') AS jsonb)) AS share
              WHERE id = ANY(ARRAY(SELECT id FROM touched))),
     sorted AS MATERIALIZED (
        SELECT DISTINCT hashtextextended(name, 0) AS number FROM named ORDER BY 1)
     SELECT pg_advisory_xact_lock(number) FROM sorted"
);

/// Holds are waited for by their own names, and before all else: only then is it known whose they are,
/// should another node be just making them.
const LOCK_HOLDS: &str = "WITH sorted AS MATERIALIZED (
        SELECT DISTINCT hashtextextended('h:' || id, 0) AS number
        FROM unnest($1::text[]) AS id ORDER BY 1)
     SELECT pg_advisory_xact_lock(number) FROM sorted";

/// Grants with something left, those of plans (they are given once), every grant of workspaces that
/// are looked at, grants that are named, and those that open holds took from. The state of a hold is
/// asked in a way that the index of open holds cannot answer, or each batch might walk through all of
/// those that stand open.
const GRANTS: &str = with_holds!("$4", "$5",
    "SELECT * FROM \"grant\" WHERE id = ANY(ARRAY(
         SELECT id FROM \"grant\" WHERE (has_available OR source = 'plan')
             AND workspace IN (SELECT unnest($1::text[])
                               UNION SELECT workspace FROM hold WHERE id = ANY(ARRAY(SELECT id FROM touched)))
         UNION SELECT id FROM \"grant\" WHERE workspace = ANY($2::text[])
         UNION SELECT unnest($3::text[])
         UNION SELECT pin ->> 0 FROM hold, jsonb_array_elements(CAST(pinned AS jsonb)) AS pin
               WHERE id = ANY(ARRAY(SELECT id FROM touched)) AND state || '' = 'open'))");

const HOLDS: &str =
    with_holds!("$1", "$2", "SELECT * FROM hold WHERE id = ANY(ARRAY(SELECT id FROM touched))");

const QUOTAS: &str = with_holds!(
    "$4",
    "$5",
    "SELECT * FROM quota WHERE (period, subject, unit) IN (
         SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[])
         UNION SELECT CAST(share ->> 'period' AS bigint), share ->> 'subject', share ->> 'unit'
               FROM hold, jsonb_array_elements(CAST(nullif(quotas, '') AS jsonb)) AS share
               WHERE id = ANY(ARRAY(SELECT id FROM touched)))"
);

const ADJUSTMENTS: &str = "SELECT * FROM adjustment WHERE id = ANY($1::text[])";

const PLEDGES: &str =
    with_holds!("$2", "$3",
    "SELECT scope, key, fingerprint, implied, hold, request, run, opened_at_ms, until_ms, state,
            gone FROM pledge
     WHERE scope = ANY($1::bytea[]) OR hold = ANY(ARRAY(SELECT id FROM touched))");

const JOBS: &str = "SELECT id, workspace, key, test, request, hold, quote_nanos, tariff, dialect,
            operation, model, asset_key, webhook, created_at_ms, updated_at_ms, ends_by_ms,
            forgotten_at_ms, unwanted, state, orders, outcome, coalesce(run, 0) AS run FROM job
     WHERE id = ANY($1::text[]) OR (workspace = ANY($2::text[]) AND forgotten_at_ms IS NULL)";

const LAST_ENTRIES: &str = with_holds!(
    "$2",
    "$3",
    "SELECT place.workspace, last.seq, last.at_ms
     FROM (SELECT unnest($1::text[]) AS workspace
           UNION SELECT workspace FROM hold WHERE id = ANY(ARRAY(SELECT id FROM touched))) AS place
     CROSS JOIN LATERAL (SELECT seq, at_ms FROM entry WHERE workspace = place.workspace
                         ORDER BY seq DESC LIMIT 1) AS last"
);

const NOTICES: &str =
    "SELECT * FROM notice WHERE state = 'waiting' AND workspace = ANY($1::text[])";

/// Holds that are overdue by `$1`, or else by the database's clock; at most `$2`.
const OVERDUE_HOLDS: &str = "SELECT id FROM hold WHERE state = 'open' AND expires_at_ms <=
         coalesce($1::bigint, CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint))
     ORDER BY expires_at_ms LIMIT $2::bigint";

const OVERDUE_GRANTS: &str = "SELECT id, workspace FROM \"grant\" WHERE has_available
         AND expires_at_ms <=
         coalesce($1::bigint, CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint))
     ORDER BY expires_at_ms LIMIT $2::bigint";

const FORGOTTEN: &str = "SELECT CAST(count(*) AS bigint) AS n FROM (
         SELECT 1 FROM pledge WHERE state <> 'open' AND until_ms <=
             coalesce($1::bigint, CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint))
         LIMIT 1) AS first";

const WORKSPACES_SINCE: &str = "SELECT * FROM workspace WHERE version > $1";

const KEYS_SINCE: &str = "SELECT * FROM key WHERE version > $1";

/// What one statement of the trip brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Nothing,
    Clock,
    Grants,
    Holds,
    Quotas,
    Pledges,
    Adjustments,
    Jobs,
    Notices,
    LastEntries,
    Workspaces,
    Keys,
}

/// Everything that a batch needs, and when it is.
pub(super) struct Loaded {
    pub(super) at: Now,
    pub(super) is_any_forgotten: bool,
    pub(super) parts: Vec<(Part, Vec<Row>)>,
}

/// The lock of a workspace: its credits, its holds and their pledges, its jobs.
pub(super) fn lock_of_name(workspace: &str) -> String {
    format!("w:{workspace}")
}

/// Waits for all these locks, and for those of these holds and jobs.
pub(super) fn lock<'a>(names: Vec<String>, holds: &'a [&str], jobs: &'a [&str]) -> Saying<'a> {
    Saying::new(LOCK, vec![Box::new(names), Box::new(holds), Box::new(jobs)])
}

impl Touched {
    pub(super) fn is_empty(&self) -> bool {
        self.workspaces.is_empty()
            && self.looked_at.is_empty()
            && self.grants.is_empty()
            && self.holds.is_empty()
            && self.adjustments.is_empty()
            && self.quotas.is_empty()
            && self.scopes.is_empty()
            && self.jobs.is_empty()
            && self.cancelled.is_empty()
            && self.jobs_of.is_empty()
            && self.registry == Depth::Not
            && self.sweep == Depth::Not
    }

    /// The names of the locks that are known before anything is read.
    fn locks(&self) -> Vec<String> {
        let places = self.workspaces.iter().chain(&self.jobs_of).chain(&self.looked_at);
        let mut names: Vec<String> = places.map(|place| lock_of_name(place.as_str())).collect();
        if !self.holds.is_empty() {
            names.extend(
                self.quotas
                    .iter()
                    .map(|(period, subject, unit)| format!("q:{period}:{}:{subject}", unit.name())),
            );
        }
        names.extend(self.adjustments.iter().map(|id| format!("a:{id}")));
        if self.registry == Depth::Changed {
            names.push(REGISTRY.to_owned());
        }
        names
    }
}

impl Postgres {
    pub(super) async fn load(
        &self,
        touched: &Touched,
        registry_version: i64,
        now: Now,
    ) -> Result<Loaded, StoreError> {
        let (touched, is_any_forgotten) = self.with_overdue(touched, now).await?;
        let has_begun = touched.sweep != Depth::Not;
        let holds: Vec<&str> = touched.holds.iter().map(HoldId::as_str).collect();
        let jobs: Vec<&str> = touched.jobs.union(&touched.cancelled).map(JobId::as_str).collect();
        let mut trip = Vec::new();
        if !has_begun {
            trip.push((Part::Nothing, Saying::new("BEGIN", Vec::new())));
        }
        if !holds.is_empty() {
            trip.push((Part::Nothing, Saying::new(LOCK_HOLDS, vec![Box::new(&*holds)])));
        }
        let names = touched.locks();
        if !(names.is_empty() && holds.is_empty() && jobs.is_empty()) {
            trip.push((Part::Nothing, lock(names, &holds, &jobs)));
        }
        trip.push((Part::Clock, Saying::new(CLOCK, Vec::new())));
        add_money(&touched, (&holds, &jobs), &mut trip);
        add_rest(&touched, (&holds, &jobs), &mut trip);
        if touched.registry != Depth::Not {
            let since = || -> Told<'_> { vec![Box::new(registry_version)] };
            trip.push((Part::Workspaces, Saying::new(WORKSPACES_SINCE, since())));
            trip.push((Part::Keys, Saying::new(KEYS_SINCE, since())));
        }
        let (parts, sayings): (Vec<Part>, Vec<Saying<'_>>) = trip.into_iter().unzip();
        let answers = self.wire()?.trip(&sayings).await?;
        let parts: Vec<(Part, Vec<Row>)> = parts.into_iter().zip(answers).collect();
        let at = self.time_of(&parts, now)?;
        Ok(Loaded { at, is_any_forgotten, parts })
    }

    /// For a sweep, what is overdue is touched as well; unless another node sweeps just now. A
    /// transaction is open afterwards.
    async fn with_overdue<'a>(
        &self,
        touched: &'a Touched,
        now: Now,
    ) -> Result<(Cow<'a, Touched>, bool), StoreError> {
        let turn = match touched.sweep {
            Depth::Not => return Ok((Cow::Borrowed(touched), false)),
            Depth::Looked => format!("SELECT pg_try_advisory_xact_lock({SWEEP}) AS n"),
            Depth::Changed => {
                format!("SELECT true AS n FROM (SELECT pg_advisory_xact_lock({SWEEP})) AS locked")
            }
        };
        let by = self.is_clock_law.then_some(now.unix_ms);
        let most = i64::try_from(SWEEP_MAX).unwrap_or(i64::MAX);
        let until = || -> Told<'_> { vec![Box::new(by), Box::new(most)] };
        let trip = [
            Saying::new("BEGIN", Vec::new()),
            Saying::new(turn, Vec::new()),
            Saying::new(OVERDUE_HOLDS, until()),
            Saying::new(OVERDUE_GRANTS, until()),
            Saying::new(FORGOTTEN, vec![Box::new(by)]),
        ];
        let answers = self.wire()?.trip(&trip).await?;
        let [_, turn, holds, grants, forgotten] = answers.as_slice() else {
            return Err(StoreError::Away);
        };
        let mut touched = touched.clone();
        let is_ours = read(turn, |row| row.flag("n"))?.pop().unwrap_or(false);
        if !is_ours {
            return Ok((Cow::Owned(touched), false));
        }
        touched.holds.extend(read(holds, |row| Ok(HoldId::known(&row.text("id")?)))?);
        for (grant, place) in read(grants, |row| Ok((row.text("id")?, row.text("workspace")?)))? {
            touched.grants.insert(GrantId::known(&grant));
            touched.workspaces.insert(WorkspaceId::known(&place));
        }
        Ok((Cow::Owned(touched), read_number(forgotten)? > 0))
    }

    /// The database's time, and for no workspace earlier than its last entry.
    fn time_of(&self, parts: &[(Part, Vec<Row>)], now: Now) -> Result<Now, StoreError> {
        if self.is_clock_law {
            return Ok(now);
        }
        let mut unix_ms = 0;
        for (part, rows) in parts {
            if *part == Part::Clock {
                let database_ms = read_number(rows)?;
                self.shared.set_ahead_ms(database_ms.saturating_sub(now.unix_ms));
                unix_ms = database_ms.max(unix_ms);
            } else if *part == Part::LastEntries {
                let last = read(rows, |row| row.number("at_ms"))?;
                unix_ms = last.into_iter().max().unwrap_or(0).max(unix_ms);
            }
        }
        Ok(Now { unix_ms, tick_ms: now.tick_ms })
    }
}

fn add_money<'a>(
    touched: &'a Touched,
    (holds, jobs): (&'a [&'a str], &'a [&'a str]),
    trip: &mut Vec<(Part, Saying<'a>)>,
) {
    let named = || -> Told<'a> { vec![Box::new(holds), Box::new(jobs)] };
    let has_holds = !(holds.is_empty() && jobs.is_empty());
    let places: Vec<&str> = touched.workspaces.iter().map(WorkspaceId::as_str).collect();
    let looked_at: Vec<&str> = touched.looked_at.iter().map(WorkspaceId::as_str).collect();
    let grants: Vec<&str> = touched.grants.iter().map(GrantId::as_str).collect();
    if has_holds || !(places.is_empty() && looked_at.is_empty() && grants.is_empty()) {
        let mut told: Told<'a> = vec![Box::new(places), Box::new(looked_at), Box::new(grants)];
        told.extend(named());
        trip.push((Part::Grants, Saying::new(GRANTS, told)));
        let both = touched.workspaces.union(&touched.looked_at).map(WorkspaceId::as_str);
        let mut told: Told<'a> = vec![Box::new(both.collect::<Vec<&str>>())];
        told.extend(named());
        trip.push((Part::LastEntries, Saying::new(LAST_ENTRIES, told)));
    }
    if has_holds {
        trip.push((Part::Holds, Saying::new(HOLDS, named())));
    }
    if has_holds || !touched.quotas.is_empty() {
        let periods: Vec<i64> = touched.quotas.iter().map(|(period, ..)| *period).collect();
        let subjects: Vec<&str> = touched.quotas.iter().map(|(_, who, _)| &**who).collect();
        let units: Vec<&str> = touched.quotas.iter().map(|(.., unit)| unit.name()).collect();
        let mut told: Told<'a> = vec![Box::new(periods), Box::new(subjects), Box::new(units)];
        told.extend(named());
        trip.push((Part::Quotas, Saying::new(QUOTAS, told)));
    }
}

fn add_rest<'a>(
    touched: &'a Touched,
    (holds, jobs): (&'a [&'a str], &'a [&'a str]),
    trip: &mut Vec<(Part, Saying<'a>)>,
) {
    let has_holds = !(holds.is_empty() && jobs.is_empty());
    if has_holds || !touched.scopes.is_empty() {
        let scopes: Vec<&[u8]> = touched.scopes.iter().map(|scope| &scope.0[..]).collect();
        let told: Told<'a> = vec![Box::new(scopes), Box::new(holds), Box::new(jobs)];
        trip.push((Part::Pledges, Saying::new(PLEDGES, told)));
    }
    if !touched.adjustments.is_empty() {
        let named: Vec<&str> = touched.adjustments.iter().map(AdjustmentId::as_str).collect();
        trip.push((Part::Adjustments, Saying::new(ADJUSTMENTS, vec![Box::new(named)])));
    }
    if !(jobs.is_empty() && touched.jobs_of.is_empty()) {
        let counted: Vec<&str> = touched.jobs_of.iter().map(WorkspaceId::as_str).collect();
        trip.push((Part::Notices, Saying::new(NOTICES, vec![Box::new(counted.clone())])));
        trip.push((Part::Jobs, Saying::new(JOBS, vec![Box::new(jobs), Box::new(counted)])));
    }
}
