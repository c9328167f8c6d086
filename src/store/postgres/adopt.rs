//! Jobs of nodes that are gone become those of a node that is there.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::super::cells::{Cells, Query, Value};
use super::super::desk::Line;
use super::super::error::StoreError;
use super::begin;
use super::desk::PostgresDesk;
use super::watch::GONE_MS;
use super::wire::{Saying, Told, Wire};

/// For how long a node is watched without a beat before it is gone.
const GONE: Duration = Duration::from_millis(GONE_MS.unsigned_abs());

/// Between looks that are further apart the database may have been away, and no node could have beaten.
const LOOKS_APART_MAX: Duration = Duration::from_secs(5);

const NODES: Query = Query::same("SELECT run, beat_at_ms FROM node");

/// Jobs that are not over, of nobody who is there: of no node, of those of `$2`, a list such as `1,-2`, or of such as
/// have no row any more. Those of the node `$1` are its own already. By their names: with an `OR`, all jobs that are
/// remembered would be read, at every look.
macro_rules! of_nobody {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            " WHERE id = ANY(ARRAY(SELECT id FROM job WHERE forgotten_at_ms IS NULL
                                  UNION SELECT job FROM notice WHERE state = 'waiting'))
                 AND run IS DISTINCT FROM $1
                 AND (run IS NULL OR run = ANY(CAST('{' || $2 || '}' AS bigint[]))
                      OR run NOT IN (SELECT run FROM node))",
            $after
        )
    };
}

pub(in super::super) const ADOPTABLE: Query =
    Query::same(of_nobody!("SELECT DISTINCT workspace FROM job", ""));

const ADOPT: &str = of_nobody!("UPDATE job SET run = $1", "");

/// What one node sees of the others: when their hearts beat last, by its own clock.
///
/// The database's clock does not say who is gone: after a time without a database nobody has beaten for
/// long, and whoever is back first would take the jobs of all the others, who are at work on them.
#[derive(Debug, Default)]
pub(super) struct Beats {
    /// By each node: its last beat, and since when that is the last.
    seen: HashMap<i64, (i64, Instant)>,
    looked_at: Option<Instant>,
}

impl Beats {
    /// The nodes that are gone, of these with their last beats.
    fn gone(&mut self, nodes: &[(i64, i64)], at: Instant) -> Vec<i64> {
        let since = self.looked_at.replace(at).map(|before| at.duration_since(before));
        if since.is_none_or(|since| since > LOOKS_APART_MAX) {
            self.seen.clear();
        }
        let before = std::mem::take(&mut self.seen);
        self.seen = nodes
            .iter()
            .map(|(run, beat)| match before.get(run) {
                Some((last, since)) if last == beat => (*run, (*beat, *since)),
                Some(_) | None => (*run, (*beat, at)),
            })
            .collect();
        let silent = self.seen.iter().filter(|(_, (_, since))| at.duration_since(*since) >= GONE);
        silent.map(|(run, _)| *run).collect()
    }
}

impl PostgresDesk {
    /// Jobs of nodes that are gone become those of the node `run`, with what is still to be told of jobs that ended.
    pub(in super::super) async fn adopt_jobs(&self, run: i64) -> Result<(), StoreError> {
        let nodes = self.ask(Line::Looks, NODES, &[], node).await?;
        let gone = self.beats.lock().gone(&nodes, Instant::now());
        let gone = gone.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
        let whose: [Value<'static>; 2] = [run.into(), gone.clone().into()];
        let places = self.ask(Line::Looks, ADOPTABLE, &whose, |row| row.text("workspace")).await?;
        if places.is_empty() {
            return Ok(());
        }
        // On a connection of its own, under the same locks as every change to them: who thought to own
        // them finds out.
        let wire = Wire::connect(&self.address, &self.runtime, || {}).await?;
        let names: Vec<String> = places.iter().map(|place| begin::lock_of_name(place)).collect();
        let told: Told<'_> = vec![Box::new(run), Box::new(gone)];
        let trip = [
            Saying::new("BEGIN", Vec::new()),
            begin::lock(names, &[], &[]),
            Saying::new(ADOPT, told),
            Saying::new("COMMIT", Vec::new()),
        ];
        wire.trip(&trip).await.map(drop)
    }
}

fn node(row: &dyn Cells) -> Result<(i64, i64), StoreError> {
    Ok((row.number("run")?, row.number("beat_at_ms")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOBODY: [i64; 0] = [];

    fn seconds(at: Instant, seconds: u64) -> Instant {
        at + Duration::from_secs(seconds)
    }

    #[tokio::test]
    async fn a_node_is_gone_once_it_was_watched_for_ten_seconds_without_a_beat() {
        let (mut beats, start) = (Beats::default(), Instant::now());
        for second in (0..10).step_by(2) {
            let beating = i64::try_from(second).unwrap();
            let gone = beats.gone(&[(1, 0), (2, beating)], seconds(start, second));
            assert_eq!(gone, NOBODY, "at {second}");
        }
        assert_eq!(beats.gone(&[(1, 0), (2, 10)], seconds(start, 10)), [1]);
        assert_eq!(beats.gone(&[(1, 1), (2, 10)], seconds(start, 12)), NOBODY, "it beats again");
    }

    #[tokio::test]
    async fn nobody_is_gone_because_the_database_was_away() {
        let (mut beats, start) = (Beats::default(), Instant::now());
        assert_eq!(beats.gone(&[(1, 0)], start), NOBODY);
        assert_eq!(
            beats.gone(&[(1, 0)], seconds(start, 15)),
            NOBODY,
            "nobody could beat meanwhile"
        );
        for second in (17..25).step_by(2) {
            assert_eq!(beats.gone(&[(1, 0)], seconds(start, second)), NOBODY, "at {second}");
        }
        assert_eq!(beats.gone(&[(1, 0)], seconds(start, 25)), [1]);
    }
}
