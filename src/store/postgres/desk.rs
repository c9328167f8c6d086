//! Questions to the shared store, on connections of their own.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Mutex;

use crate::id::HoldId;

use super::super::cells::{Query, Reading, Value};
use super::super::desk::Line;
use super::super::error::StoreError;
use super::super::verify::{self, VerifyReport};
use super::adopt::Beats;
use super::wire::{Address, Saying, TRIP_TIMEOUT, Told, Wire, read};

/// How long a question may take that nobody in flight waits for.
const LONG_TIMEOUT: Duration = Duration::from_mins(1);

/// A connection for each line, made when it is first asked on and again when it was lost.
#[derive(Clone)]
pub(in super::super) struct PostgresDesk {
    pub(super) address: Address,
    pub(super) runtime: Handle,
    lines: Arc<[Mutex<Option<Arc<Wire>>>; 3]>,
    /// What was seen of the other nodes.
    pub(super) beats: Arc<parking_lot::Mutex<Beats>>,
}

impl PostgresDesk {
    pub(super) fn new(address: Address, runtime: Handle) -> Self {
        Self { address, runtime, lines: Arc::default(), beats: Arc::default() }
    }

    /// Asks, and reads each row. A connection that was lost before is made again, once.
    pub(in super::super) async fn ask<T>(
        &self,
        line: Line,
        query: Query,
        values: &[Value<'static>],
        read_row: Reading<T>,
    ) -> Result<Vec<T>, StoreError> {
        let mut has_failed = false;
        loop {
            let wire = self.wire(line).await?;
            let told: Told<'_> = values.iter().map(|value| Box::new(value) as _).collect();
            let saying = Saying::new(query.postgres, told);
            let most = if line == Line::Books { LONG_TIMEOUT } else { TRIP_TIMEOUT };
            let answer = wire.trip_within(std::slice::from_ref(&saying), most).await;
            let is_lost = wire.is_closed() || matches!(answer, Err(StoreError::Away));
            if is_lost {
                self.forget(line, &wire).await;
            }
            match answer {
                Ok(rows) => return read(&rows.into_iter().next().unwrap_or_default(), read_row),
                Err(_) if wire.is_closed() && !has_failed => has_failed = true,
                Err(error) => return Err(error),
            }
        }
    }

    /// Writes a body that is too large for its row; durable when this returns.
    pub(in super::super) async fn keep_body(
        &self,
        hold: &HoldId,
        body: Vec<u8>,
    ) -> Result<(), StoreError> {
        let keeping = Query::same("INSERT INTO answer (hold, body) VALUES ($1, $2)");
        let values = [hold.as_str().to_owned().into(), body.into()];
        self.ask(Line::Library, keeping, &values, |_| Ok(())).await.map(drop)
    }

    /// The body that was written for a hold.
    pub(in super::super) async fn body(
        &self,
        hold: &HoldId,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let finding = Query::same("SELECT body FROM answer WHERE hold = $1");
        let values = [hold.as_str().to_owned().into()];
        Ok(self.ask(Line::Library, finding, &values, |row| row.bytes("body")).await?.pop())
    }

    /// Proves the books as they stand committed, on a connection of its own: one transaction is
    /// one moment.
    pub(in super::super) async fn prove(
        &self,
        now_unix_ms: i64,
    ) -> Result<VerifyReport, StoreError> {
        let wire = Wire::connect(&self.address, &self.runtime, || {}).await?;
        wire.run("SET statement_timeout = 0; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .await?;
        let mut proof = verify::Proof::new(now_unix_ms);
        while let Some((query, values)) = proof.next() {
            let told: Told<'_> = values.iter().map(|value| Box::new(value) as _).collect();
            let saying = Saying::new(query.postgres, told);
            let hour = Duration::from_hours(1);
            let rows = wire.trip_within(std::slice::from_ref(&saying), hour).await?;
            proof.hear(rows.first().map_or(Ok(Vec::new()), |rows| read(rows, verify::finding))?);
        }
        wire.run("COMMIT").await?;
        Ok(proof.report())
    }

    async fn wire(&self, line: Line) -> Result<Arc<Wire>, StoreError> {
        let mut known = self.place(line).lock().await;
        if let Some(wire) = known.as_ref().filter(|wire| !wire.is_closed()) {
            return Ok(Arc::clone(wire));
        }
        let wire = Wire::connect(&self.address, &self.runtime, || {}).await?;
        if line == Line::Books {
            wire.run("SET statement_timeout = '60s'").await?;
        }
        let wire = Arc::new(wire);
        *known = Some(Arc::clone(&wire));
        Ok(wire)
    }

    async fn forget(&self, line: Line, lost: &Arc<Wire>) {
        let mut known = self.place(line).lock().await;
        if known.as_ref().is_some_and(|wire| Arc::ptr_eq(wire, lost)) {
            *known = None;
        }
    }

    fn place(&self, line: Line) -> &Mutex<Option<Arc<Wire>>> {
        let [books, library, looks] = &*self.lines;
        match line {
            Line::Books => books,
            Line::Library => library,
            Line::Looks => looks,
        }
    }
}
