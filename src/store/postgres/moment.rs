//! One moment of the shared store, for whoever reads a lot of it: a connection of its own and one
//! read transaction, which changes nothing and is in nobody's way.

use std::fmt;
use std::time::Duration;

use tokio::runtime::Handle;

use super::super::cells::{Query, Reading, Value};
use super::super::error::StoreError;
use super::open::must_be_known;
use super::wire::{Address, Saying, Told, Wire, read};

/// How long one question may take: those of finance read months.
const QUESTION_TIMEOUT: Duration = Duration::from_mins(10);

const BEGIN: &str = "SET statement_timeout = '10min'; SET idle_in_transaction_session_timeout = 0;
     BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// A connection that sees one moment; it ends when dropped.
pub(in super::super) struct Moment(Wire);

impl Moment {
    /// The moment of the first question. The store must be there.
    pub(in super::super) async fn open(address: Address) -> Result<Self, StoreError> {
        let wire = Wire::connect(&address, &Handle::current(), || {}).await?;
        must_be_known(&wire).await?;
        wire.run(BEGIN).await?;
        Ok(Self(wire))
    }

    /// Asks, and reads each row.
    pub(in super::super) async fn ask<T>(
        &self,
        query: Query,
        values: &[Value<'static>],
        read_row: Reading<T>,
    ) -> Result<Vec<T>, StoreError> {
        let told: Told<'_> = values.iter().map(|value| Box::new(value) as _).collect();
        let saying = Saying::new(query.postgres, told);
        let answers = self.0.trip_within(std::slice::from_ref(&saying), QUESTION_TIMEOUT).await?;
        read(answers.first().map_or(&[], Vec::as_slice), read_row)
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Moment")
    }
}
