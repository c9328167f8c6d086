//! Taking up the shared store: its schema, this node's row, and what everyone sees at once.

use std::sync::Arc;

use tokio::runtime::Builder;

use super::super::books::Books;
use super::super::error::StoreError;
use super::super::registry::Registry;
use super::super::rows::registry;
use super::super::shared::Shared;
use super::desk::PostgresDesk;
use super::watch;
use super::wire::{Address, Saying, Wire, read, read_number};
use super::{Found, Postgres, Threads};

/// The steps to the schema that this version reads and writes, as those of the embedded store.
const STEPS: [&str; 11] = [
    include_str!("../schema/postgres/1-books.sql"),
    include_str!("../schema/postgres/2-finance.sql"),
    include_str!("../schema/postgres/3-notices.sql"),
    include_str!("../schema/postgres/4-prices.sql"),
    include_str!("../schema/postgres/5-avif.sql"),
    include_str!("../schema/postgres/6-limits.sql"),
    include_str!("../schema/postgres/7-exposure.sql"),
    include_str!("../schema/postgres/8-budgets.sql"),
    include_str!("../schema/postgres/9-admin.sql"),
    include_str!("../schema/postgres/10-replay.sql"),
    include_str!("../schema/postgres/11-trace.sql"),
];

/// Nodes that start together take the steps one after the other.
const BEGIN_STEPS: &str =
    "BEGIN; SET LOCAL lock_timeout = '60s'; SET LOCAL statement_timeout = '10min';
     SELECT pg_advisory_xact_lock(7477, 0);
     CREATE TABLE IF NOT EXISTS schema_step (
         step bigint PRIMARY KEY, taken_at timestamptz NOT NULL DEFAULT now())";

const STEP: &str = "SELECT coalesce(max(step), 0) AS n FROM schema_step";

/// A store that was taken up.
pub(in super::super) struct Opened {
    pub(in super::super) tables: Postgres,
    pub(in super::super) books: Books,
    pub(in super::super) shared: Arc<Shared>,
    pub(in super::super) desk: PostgresDesk,
}

/// Takes up the store at this address as the node `run`.
pub(in super::super) async fn open(
    address: Address,
    run: i64,
    (is_clock_law, kept_bytes_max): (bool, usize),
) -> Result<Opened, StoreError> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("postgres")
        .enable_all()
        .build()
        .map_err(|source| StoreError::Runtime { source })?;
    let handle = runtime.handle().clone();
    let threads = Threads(Some(runtime));
    let wire = Wire::connect_for_batches(&address, &handle).await?;
    take_steps(&wire).await?;
    let batch = watch::beat(&wire, run, 0).await?;
    let workspaces = wire.ask(&Saying::new(registry::WORKSPACES.postgres, Vec::new())).await?;
    let keys = wire.ask(&Saying::new(registry::KEYS.postgres, Vec::new())).await?;
    let known = Registry::of(read(&workspaces, registry::workspace)?, read(&keys, registry::key)?);
    let shared = Arc::new(Shared::new(known.ring()));
    let watch = watch::Watch {
        address: address.clone(),
        runtime: handle.clone(),
        run,
        kept_bytes_max,
        shared: Arc::clone(&shared),
    };
    watch.look_once(&wire).await?;
    let watching = Some(watch.begin());
    let desk = PostgresDesk::new(address.clone(), handle);
    let tables = Postgres {
        address,
        threads,
        watching,
        wire: Some(wire),
        run,
        batch,
        pending: None,
        is_open: false,
        is_clock_law,
        shared: Arc::clone(&shared),
        found: Found::default(),
    };
    let books = Books { registry: known, ..Books::default() };
    Ok(Opened { tables, books, shared, desk })
}

/// A desk for questions alone, for those who do not serve. The store must be there.
pub(in super::super) async fn open_desk(address: Address) -> Result<PostgresDesk, StoreError> {
    let handle = tokio::runtime::Handle::current();
    must_be_known(&Wire::connect(&address, &handle, || {}).await?).await?;
    Ok(PostgresDesk::new(address, handle))
}

/// Another version may have taken a step since.
pub(super) async fn must_be_known(wire: &Wire) -> Result<(), StoreError> {
    let found = read_number(&wire.ask(&Saying::new(STEP, Vec::new())).await?)?;
    if found == known_step() { Ok(()) } else { Err(other_schema(found)) }
}

async fn take_steps(wire: &Wire) -> Result<(), StoreError> {
    wire.run(BEGIN_STEPS).await?;
    let found = read_number(&wire.ask(&Saying::new(STEP, Vec::new())).await?)?;
    let taken = usize::try_from(found).unwrap_or(usize::MAX);
    let missing = STEPS.get(taken..).ok_or_else(|| other_schema(found))?;
    for (step, number) in missing.iter().zip(taken.saturating_add(1)..) {
        wire.run(step).await?;
        wire.run(&format!("INSERT INTO schema_step (step) VALUES ({number})")).await?;
    }
    wire.run("COMMIT").await
}

fn known_step() -> i64 {
    i64::try_from(STEPS.len()).unwrap_or(i64::MAX)
}

fn other_schema(found: i64) -> StoreError {
    StoreError::OtherSchema { found, known: known_step() }
}
