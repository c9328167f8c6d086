//! What a node does beside its batches: its heart beats, and it learns what the others did.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::super::error::StoreError;
use super::super::registry::Registry;
use super::super::rows::registry;
use super::super::shared::Shared;
use super::wire::{Address, Saying, Told, Wire, read, read_number};

/// How often a node looks, whether it is told of anything or not.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// A node that has not beaten for so long is gone.
pub(in super::super) const GONE_MS: i64 = 10_000;

/// How long the last words of a node's watch may take, before it closes without having heard them.
const LAST_WORDS_TIMEOUT: Duration = Duration::from_secs(5);

/// Looks between two counts and tidyings.
const LOOKS_PER_COUNT: u32 = 10;

/// The node's row, made if it is not there; with the number of its last commit.
const BEAT: &str = "INSERT INTO node (run, batch, began_ms, beat_at_ms)
     VALUES ($1, $2, CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint),
             CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint))
     ON CONFLICT (run) DO UPDATE SET beat_at_ms = excluded.beat_at_ms
     RETURNING batch AS n";

const LIVING: &str = "SELECT run AS n FROM node WHERE beat_at_ms >
         CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint) - $1";

const SINCE: &str = "SELECT coalesce(max(version), 0) AS n FROM
         (SELECT max(version) AS version FROM workspace
          UNION ALL SELECT max(version) FROM key) AS versions";

const COUNTS: &str = "SELECT (SELECT count(*) FROM hold WHERE state = 'open') AS holds,
         (SELECT count(*) FROM job WHERE forgotten_at_ms IS NULL) AS jobs,
         (SELECT CAST(coalesce(sum(bytes), 0) AS bigint) FROM pledge WHERE state = 'kept') AS bytes";

/// The oldest answers go until the rest is within the bound; what was served is still known. One
/// node at a time.
const MAKE_ROOM: &str =
    "WITH turn AS MATERIALIZED (SELECT pg_try_advisory_xact_lock(7477, 2) AS ours),
     oldest AS (SELECT hold FROM (SELECT hold, sum(bytes) OVER (ORDER BY seq DESC) AS all_bytes
                                  FROM pledge WHERE state = 'kept') AS kept
                WHERE all_bytes > $1 AND (SELECT ours FROM turn)),
     bodies AS (DELETE FROM answer WHERE hold IN (SELECT hold FROM oldest))
     UPDATE pledge SET state = 'gone', gone = 'dropped', bytes = 0, head = NULL, digest = NULL,
                       body = NULL
     WHERE hold IN (SELECT hold FROM oldest) RETURNING hold";

/// Nodes that have been gone for a day.
const BURY: &str = "DELETE FROM node WHERE beat_at_ms <
         CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint) - 86400000";

/// What looks after a node.
pub(super) struct Watch {
    pub(super) address: Address,
    pub(super) runtime: Handle,
    pub(super) run: i64,
    pub(super) kept_bytes_max: usize,
    pub(super) shared: Arc<Shared>,
}

/// A watch that is kept; it ends with the store's runtime, if not before.
pub(super) struct Watching {
    stop: CancellationToken,
    kept: JoinHandle<()>,
}

/// One beat of a node; the number of its last commit. Waits for a commit that is under way.
pub(super) async fn beat(wire: &Wire, run: i64, batch: i64) -> Result<i64, StoreError> {
    let told: Told<'_> = vec![Box::new(run), Box::new(batch)];
    read_number(&wire.ask(&Saying::new(BEAT, told)).await?)
}

impl Watching {
    /// Ends it. What it is just saying is heard first: a beat that came after the node's row is
    /// gone would make the node live again, and nobody would take over what it leaves.
    pub(super) async fn end(mut self) {
        self.stop.cancel();
        if tokio::time::timeout(LAST_WORDS_TIMEOUT, &mut self.kept).await.is_err() {
            tracing::warn!("the last words of a node are late; it closes without them");
            self.kept.abort();
        }
    }
}

impl Watch {
    /// Looks now and again, until told to end.
    pub(super) fn begin(self) -> Watching {
        let stop = CancellationToken::new();
        let (runtime, told) = (self.runtime.clone(), stop.clone());
        Watching { stop, kept: runtime.spawn(async move { self.watch(&told).await }) }
    }

    async fn watch(self, stop: &CancellationToken) {
        let mut version = 0;
        while !stop.is_cancelled() {
            if let Err(error) = self.watch_on_one_wire(&mut version, stop).await {
                tracing::debug!(%error, "a node lost sight of the others");
            }
            rest(stop, std::future::pending()).await;
        }
    }

    async fn watch_on_one_wire(
        &self,
        version: &mut i64,
        stop: &CancellationToken,
    ) -> Result<(), StoreError> {
        let told = Arc::new(Notify::new());
        let heard = Arc::clone(&told);
        let connecting = Wire::connect(&self.address, &self.runtime, move || heard.notify_one());
        let Some(wire) = stop.run_until_cancelled(connecting).await.transpose()? else {
            return Ok(());
        };
        wire.run("LISTEN pixelgate").await?;
        let mut looks = 0_u32;
        while !stop.is_cancelled() {
            beat(&wire, self.run, 0).await?;
            self.look_once(&wire).await?;
            self.learn_keys(&wire, version).await?;
            if looks.is_multiple_of(LOOKS_PER_COUNT) {
                self.count_and_tidy(&wire).await?;
            }
            looks = looks.wrapping_add(1);
            rest(stop, told.notified()).await;
        }
        Ok(())
    }

    /// Who else is there.
    pub(super) async fn look_once(&self, wire: &Wire) -> Result<(), StoreError> {
        let told: Told<'_> = vec![Box::new(GONE_MS)];
        let living = wire.ask(&Saying::new(LIVING, told)).await?;
        let mut living = read(&living, |row| row.number("n"))?;
        living.push(self.run);
        self.shared.set_living(living);
        Ok(())
    }

    /// The registry as a whole, whenever it has a higher number than before.
    async fn learn_keys(&self, wire: &Wire, version: &mut i64) -> Result<(), StoreError> {
        let newest = read_number(&wire.ask(&Saying::new(SINCE, Vec::new())).await?)?;
        if newest <= *version {
            return Ok(());
        }
        let trip = [
            Saying::new(registry::WORKSPACES.postgres, Vec::new()),
            Saying::new(registry::KEYS.postgres, Vec::new()),
        ];
        let answers = wire.trip(&trip).await?;
        if let [workspaces, keys] = answers.as_slice() {
            let known =
                Registry::of(read(workspaces, registry::workspace)?, read(keys, registry::key)?);
            self.shared.set_keys_of(known.ring(), newest);
            *version = newest;
        }
        Ok(())
    }

    async fn count_and_tidy(&self, wire: &Wire) -> Result<(), StoreError> {
        let most = i64::try_from(self.kept_bytes_max).unwrap_or(i64::MAX);
        let trip = [
            Saying::new(MAKE_ROOM, vec![Box::new(most)]),
            Saying::new(BURY, Vec::new()),
            Saying::new(COUNTS, Vec::new()),
        ];
        let answers = wire.trip(&trip).await?;
        let [dropped, _, counts] = answers.as_slice() else { return Ok(()) };
        self.shared.add_dropped(u64::try_from(dropped.len()).unwrap_or(u64::MAX));
        let counts = read(counts, |row| {
            Ok((row.small("holds")?, row.small("jobs")?, row.number("bytes")?))
        })?;
        for (holds, jobs, bytes) in counts {
            self.shared.set_open_holds(holds);
            self.shared.set_open_jobs(jobs);
            self.shared.set_kept_bytes(bytes);
        }
        Ok(())
    }
}

/// Until the next look: for a while, or until there is something to hear, or nothing any more.
async fn rest(stop: &CancellationToken, heard: impl Future<Output = ()>) {
    tokio::select! {
        () = tokio::time::sleep(LOOK_EVERY) => {}
        () = heard => {}
        () = stop.cancelled() => {}
    }
}
