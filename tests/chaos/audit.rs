//! What the books say of the calls that were made, against what clients and the vendor saw.

use std::collections::{HashMap, HashSet};

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use crate::server::Server;
use crate::world::World;

use super::load::Told;

/// Where the rows are.
pub(crate) enum Rows<'a> {
    /// In the folder of this gateway.
    Of(&'a World),
    /// In this database of a server.
    In(&'a Server, String),
}

/// What is wrong with the books; nothing should be.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Successes without a settlement, and drawn pictures that are neither settled nor exposed.
    pub(crate) lost: usize,
    /// Requests that were paid for twice, and calls that were drawn twice.
    pub(crate) doubled: usize,
    /// Nano-credits that were spent and never granted.
    pub(crate) overspent: i64,
    /// Requests of which the books say that nobody knows what came of them.
    pub(crate) exposed: usize,
    /// Of those, the ones whose holds nobody ended before they expired.
    pub(crate) left: usize,
}

const USAGE: &str = "SELECT request, charged_nanos, CASE WHEN outcome_unknown THEN 1 ELSE 0 END, \
                     coalesce(labels, '') FROM usage";

const SETTLED: &str = "SELECT request, count(DISTINCT hold), sum(amount_nanos) FROM entry \
                       WHERE target = 'spent' GROUP BY request";

const EXPOSED: &str = "SELECT request FROM exposure";

const EXPIRED: &str = "SELECT request FROM exposure WHERE why = 'nobody ended its hold'";

/// What every workspace has left, by its entries; also what was charged beyond its price.
const LEFT: &str = "SELECT workspace, sum(CASE WHEN target = 'available' THEN amount_nanos ELSE 0 END) \
                    - sum(CASE WHEN source = 'available' THEN amount_nanos ELSE 0 END) \
                    FROM entry GROUP BY workspace";

/// Every picture costs one credit.
const PRICE_NANOS: i64 = 1_000_000_000;

impl Rows<'_> {
    /// The rows of an answer, as text.
    pub(crate) fn ask(&self, query: &str) -> Vec<Vec<String>> {
        match self {
            Self::Of(world) => {
                let file = world.folder.path().join("data/pixelgate.sqlite");
                let database = Connection::open(file).unwrap();
                database.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
                let mut asking = database.prepare(query).unwrap();
                let columns = asking.column_count();
                let read = |row: &rusqlite::Row<'_>| {
                    Ok((0..columns).map(|at| text(row.get_ref(at).unwrap())).collect())
                };
                asking.query_map([], read).unwrap().map(Result::unwrap).collect()
            }
            Self::In(server, database) => {
                let said = server.run(database, query);
                said.lines().map(|line| line.split('|').map(str::to_owned).collect()).collect()
            }
        }
    }

    /// Holds that are open.
    pub(crate) fn open_holds(&self) -> i64 {
        self.ask("SELECT count(*) FROM hold WHERE state = 'open'")[0][0].parse().unwrap()
    }

    /// Compares; every hold has ended by now.
    pub(crate) fn audit(&self, told: &[Told], drawn: &[u64]) -> Findings {
        assert_eq!(self.open_holds(), 0, "a hold outlives its expiry");
        let mut findings = Findings::default();
        let mut settled = HashSet::new();
        for row in self.ask(SETTLED) {
            let (holds, nanos): (usize, i64) = (row[1].parse().unwrap(), row[2].parse().unwrap());
            findings.doubled += holds - 1;
            findings.overspent += (nanos - PRICE_NANOS).max(0);
            settled.insert(row[0].clone());
        }
        for row in self.ask(LEFT) {
            findings.overspent += (-row[1].parse::<i64>().unwrap()).max(0);
        }
        let is_lost = |told: &&Told| {
            told.status == Some(200) && told.request.as_ref().is_none_or(|it| !settled.contains(it))
        };
        findings.lost += told.iter().filter(is_lost).count();
        let mut named: HashMap<u64, usize> = HashMap::new();
        for row in self.ask(USAGE) {
            let (is_paid, is_unknown) = (row[1] != "0", row[2] == "1");
            assert!(!is_paid || settled.contains(&row[0]), "usage without a settlement: {row:?}");
            if let Some(call) = call_of(&row[3]).filter(|_| is_paid || is_unknown) {
                *named.entry(call).or_default() += 1;
            }
        }
        findings.doubled += named.values().map(|times| times - 1).sum::<usize>();
        findings.exposed = self.ask(EXPOSED).len();
        findings.left = self.ask(EXPIRED).len();
        let mut seen = HashSet::new();
        let mut unnamed = 0;
        for call in drawn {
            findings.doubled += usize::from(!seen.insert(call));
            unnamed += usize::from(!named.contains_key(call));
        }
        findings.lost += unnamed.saturating_sub(findings.left);
        findings
    }
}

fn text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => String::new(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) | ValueRef::Blob(text) => String::from_utf8_lossy(text).into_owned(),
    }
}

/// The number of a call, by its label.
fn call_of(labels: &str) -> Option<u64> {
    let labels: serde_json::Value = serde_json::from_str(labels).ok()?;
    labels["call"].as_str()?.parse().ok()
}
