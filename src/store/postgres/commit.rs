//! The second round trip of a batch: every row, the node's own mark, and the commit.

use std::collections::HashMap;

use tokio_postgres::error::SqlState;

use crate::id::WorkspaceId;
use crate::job::JobError;

use super::super::books::Books;
use super::super::error::StoreError;
use super::super::rows::{Rows, jobs};
use super::super::tables::{Broken, Standing};
use super::Postgres;
use super::wire::{Saying, read_number};

/// Jobs `$2` are this node's, `$1`.
const OWN: &str = "UPDATE job SET run = $1 WHERE id = ANY($2::text[])";

/// So are these alerts to tell.
const OWN_ALERTS: &str = "UPDATE budget_alert SET run = $1 WHERE id = ANY($2::text[])";

/// The node's own mark, and its heart beat.
const MARK: &str = "UPDATE node SET batch = $2,
         beat_at_ms = CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)
     WHERE run = $1 RETURNING batch AS n";

const REGISTRY_VERSION: &str = "SELECT last_value AS n FROM registry_version";

impl Postgres {
    /// Writes all rows and commits as the batch of this number; the registry's version if it was
    /// changed.
    pub(super) async fn write(
        &self,
        rows: &Rows,
        books: &Books,
        number: i64,
    ) -> Result<Option<i64>, StoreError> {
        let mut numbers = self.found.entries.clone();
        let sets = rows.sets(books, |workspace| next(&mut numbers, workspace))?;
        let pledges = rows.pledges.sets();
        let mut trip = Vec::new();
        if !self.is_open {
            trip.push(Saying::new("BEGIN", Vec::new()));
        }
        trip.extend(sets.iter().map(Saying::of));
        trip.extend(pledges.iter().map(Saying::of));
        if let Some((text, [at_ms, most])) = rows.pledges.forget() {
            trip.push(Saying::new(text, vec![Box::new(at_ms), Box::new(most)]));
        }
        if let Some([at_ms, most]) = rows.jobs.forget() {
            let told: super::wire::Told<'_> = vec![Box::new(at_ms), Box::new(most)];
            trip.push(Saying::new(jobs::FORGET.postgres, told));
        }
        let accepted: Vec<&str> = rows.jobs.accepted().collect();
        if !accepted.is_empty() {
            trip.push(Saying::new(OWN, vec![Box::new(self.run), Box::new(accepted)]));
        }
        let alerts = rows.alert_ids();
        if !alerts.is_empty() {
            trip.push(Saying::new(OWN_ALERTS, vec![Box::new(self.run), Box::new(alerts)]));
        }
        trip.push(Saying::new(MARK, vec![Box::new(self.run), Box::new(number)]));
        let mark = trip.len().saturating_sub(1);
        trip.push(Saying::new(REGISTRY_VERSION, Vec::new()));
        trip.push(Saying::new("COMMIT", Vec::new()));
        let answers = self.wire()?.trip(&trip).await?;
        // Without its row the commit stands all the same, and cannot be asked after: the row is
        // made again before the next.
        if answers.get(mark).is_none_or(Vec::is_empty) {
            super::watch::beat(self.wire()?, self.run, number).await?;
        }
        let is_changed = !(rows.workspaces.is_empty() && rows.keys.is_empty());
        let version = answers.get(mark.saturating_add(1)).map(|rows| read_number(rows));
        if is_changed { version.transpose() } else { Ok(None) }
    }

    /// Ends a batch that wrote nothing.
    pub(super) fn leave(&mut self) -> Result<(), Broken> {
        if !self.is_open {
            return Ok(());
        }
        self.is_open = false;
        let left = self.wait(async {
            let leaving = Saying::new("ROLLBACK", Vec::new());
            self.wire()?.ask(&leaving).await
        });
        left.map(drop).map_err(|error| Broken { error, standing: Standing::Undone })
    }
}

/// Where a batch stands whose last round trip failed like this.
pub(super) fn standing(error: &StoreError) -> Standing {
    let StoreError::Postgres(error) = error else {
        return match error {
            StoreError::Away => Standing::Unknown,
            StoreError::Job(JobError::Over) => Standing::Undone,
            StoreError::Ledger(_)
            | StoreError::Job(_)
            | StoreError::Pledged(_)
            | StoreError::Locked { .. }
            | StoreError::Busy
            | StoreError::Closed
            | StoreError::Poisoned
            | StoreError::Full
            | StoreError::Unwritten
            | StoreError::Directory { .. }
            | StoreError::Database(_)
            | StoreError::Postgres(_)
            | StoreError::NoAddress
            | StoreError::Runtime { .. }
            | StoreError::Unreadable { .. }
            | StoreError::OldSqlite { .. }
            | StoreError::OtherSchema { .. }
            | StoreError::Unknown { .. }
            | StoreError::NameTaken { .. }
            | StoreError::KeyRevoked { .. } => Standing::Wrong,
        };
    };
    let Some(state) = error.code() else { return Standing::Unknown };
    match state.code().get(..2) {
        // What was written does not fit: a constraint, a number, a word of SQL.
        Some("22" | "23" | "42") => Standing::Wrong,
        // The transaction was given up: by a deadlock, a time-out, a server that only reads.
        Some("25" | "40" | "53" | "54" | "55") => Standing::Undone,
        _ if *state == SqlState::QUERY_CANCELED => Standing::Undone,
        // The server was told to stop, perhaps after the commit.
        _ => Standing::Unknown,
    }
}

fn next(numbers: &mut HashMap<WorkspaceId, i64>, workspace: &WorkspaceId) -> i64 {
    if let Some(number) = numbers.get_mut(workspace) {
        *number = number.saturating_add(1);
        *number
    } else {
        numbers.insert(workspace.clone(), 1);
        1
    }
}
