//! Many clients ask a store for holds, settlements and voids at once. Each is taken down with the
//! moments of its asking and its answer; then all are replayed through the pure ledger, in the order
//! that the entries have. Every answer must be the ledger's.

use std::collections::{BTreeMap, HashMap};
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use pixelgate::clock::{Clock as _, SystemClock};
use pixelgate::config;
use pixelgate::credits::Credits;
use pixelgate::id::{GrantId, HoldId, KeyId, RequestId, WorkspaceId};
use pixelgate::ledger::{HoldAsk, Ledger, NewGrant, QuotaAsk, QuotaUnit, Weighed};
use pixelgate::receipt::Receipt;
use pixelgate::store::{Store, USUAL_BOUNDS};
use tempfile::NamedTempFile;

use crate::server::{Server, database_of};

use super::arena::Chances;

/// Clients of one workspace, and what each asks.
const CLIENTS: usize = 4;
const ASKS: u32 = 12;

/// Names of holds that clients share, so that they often meet.
const NAMES: u32 = 14;

/// Histories that are made at once.
const AT_ONCE: usize = 24;

/// What came of it.
#[derive(Debug)]
pub(crate) struct History {
    pub(crate) store: &'static str,
    pub(crate) seeds: u64,
    pub(crate) answers: usize,
    /// What the ledger would have said otherwise.
    pub(crate) unequal: Vec<String>,
}

impl std::fmt::Display for History {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { store, seeds, answers, unequal } = self;
        let wrong = unequal.len();
        write!(
            f,
            "history on {store}: {seeds} seeds, {answers} answers, {wrong} not the ledger's"
        )?;
        unequal.iter().take(10).try_for_each(|it| write!(f, "\n  {it}"))
    }
}

/// What a client asks.
#[derive(Clone, Debug)]
enum Asked {
    Hold(Box<HoldAsk>),
    Settle(HoldId, Credits, u32),
    Void(HoldId),
}

/// One line of the log.
#[derive(Clone, Debug)]
struct Line {
    asked: Asked,
    invoked: u64,
    answered: u64,
    answer: String,
}

/// What one workspace was granted, and all that was asked of it.
struct Log {
    grants: Vec<NewGrant>,
    lines: Vec<Line>,
}

/// What moved credits, as its entries name it.
type Moved = (String, String);

/// Entries of every workspace, each operation once, in their order.
type Order = HashMap<String, Vec<Moved>>;

/// On the embedded store.
pub(crate) async fn embedded(seed: u64, seeds: u64) -> History {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), Arc::new(SystemClock::start())).unwrap();
    let logs = play(std::slice::from_ref(&store), (seed, seeds)).await;
    let database = rusqlite::Connection::open(folder.path().join("pixelgate.sqlite")).unwrap();
    let query = "SELECT workspace, kind, hold FROM entry WHERE hold IS NOT NULL ORDER BY seq";
    let mut asking = database.prepare(query).unwrap();
    let rows = asking.query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?)))).unwrap();
    let order = in_order(rows.map(Result::unwrap));
    assert_eq!(store.verify().await.unwrap().faults, Vec::<String>::new());
    store.close().await.unwrap();
    compare("SQLite", seeds, &logs, &order)
}

/// On a database that two nodes share.
pub(crate) async fn shared(server: &Server, seed: u64, seeds: u64) -> History {
    let address = tokio::task::block_in_place(|| server.new_database());
    let mut secret = NamedTempFile::new().unwrap();
    secret.write_all(address.as_bytes()).unwrap();
    let url = format!("file:{}", secret.path().display()).parse().unwrap();
    let place = config::Postgres { url, authority: None };
    let open = || Store::open_shared(&place, Arc::new(SystemClock::start()), USUAL_BOUNDS);
    let nodes = [open().await.unwrap(), open().await.unwrap()];
    let logs = play(&nodes, (seed, seeds)).await;
    let query = "SELECT workspace, kind, hold FROM entry WHERE hold IS NOT NULL ORDER BY seq";
    let said = tokio::task::block_in_place(|| server.run(database_of(&address), query));
    let rows = said.lines().map(|line| {
        let mut cells = line.split('|').map(str::to_owned);
        let mut next = || cells.next().unwrap();
        (next(), (next(), next()))
    });
    let order = in_order(rows);
    assert_eq!(nodes[0].verify().await.unwrap().faults, Vec::<String>::new());
    for node in nodes {
        node.close().await.unwrap();
    }
    compare("PostgreSQL, two nodes", seeds, &logs, &order)
}

/// Each operation once: it has an entry for every grant that it moved.
fn in_order(rows: impl Iterator<Item = (String, Moved)>) -> Order {
    let mut order = Order::new();
    for (workspace, moved) in rows {
        let of_workspace = order.entry(workspace).or_default();
        if !of_workspace.contains(&moved) {
            of_workspace.push(moved);
        }
    }
    order
}

/// The logs of all histories, each of a workspace of its own.
async fn play(nodes: &[Store], (seed, seeds): (u64, u64)) -> BTreeMap<String, Log> {
    let mut logs = BTreeMap::new();
    let mut running = FuturesUnordered::new();
    for number in 0..seeds {
        if running.len() >= AT_ONCE {
            logs.extend(running.next().await);
        }
        running.push(play_one(nodes, seed.wrapping_add(number), number));
    }
    while let Some(log) = running.next().await {
        logs.extend([log]);
    }
    logs
}

async fn play_one(nodes: &[Store], seed: u64, number: u64) -> (String, Log) {
    let workspace = nodes[0].create_workspace(format!("ws{number}")).await.unwrap();
    let grants = grants(&workspace, seed);
    for grant in &grants {
        nodes[0].grant(grant.clone()).await.unwrap();
    }
    let clients = (0..CLIENTS).map(|client| {
        let chances = Chances::of(seed, &format!("client {client}"));
        ask_all(&nodes[client % nodes.len()], &workspace, chances)
    });
    let lines = futures_util::future::join_all(clients).await.concat();
    (workspace.to_string(), Log { grants, lines })
}

fn grants(workspace: &WorkspaceId, seed: u64) -> Vec<NewGrant> {
    let mut chances = Chances::of(seed, "grants");
    let grant = |number: u8| NewGrant {
        id: GrantId::known(&format!("grant_{workspace}_{number}")),
        workspace: workspace.clone(),
        amount: Credits::from_nanos(chances.between(20, 200).into()),
        source: "manual".to_owned(),
        priority: number % 2,
        promotional: number == 2,
        effective_at_ms: 0,
        expires_at_ms: None,
        memo: String::new(),
    };
    (0..3).map(grant).collect()
}

async fn ask_all(store: &Store, workspace: &WorkspaceId, mut chances: Chances) -> Vec<Line> {
    let mut log = Vec::new();
    for _ in 0..ASKS {
        let asked = any(workspace, &mut chances);
        let invoked = tick();
        let answer = match asked.clone() {
            Asked::Hold(ask) => told(store.hold(*ask).await),
            Asked::Settle(hold, price, images) => {
                let receipt = Receipt { images, ..receipt() };
                told(store.settle(hold, price, receipt).await)
            }
            Asked::Void(hold) => told(store.void(hold, receipt()).await),
        };
        log.push(Line { asked, invoked, answered: tick(), answer });
    }
    log
}

fn any(workspace: &WorkspaceId, chances: &mut Chances) -> Asked {
    let hold = HoldId::known(&format!("hold_{workspace}_{}", chances.between(0, NAMES)));
    match chances.between(0, 10) {
        0..5 => {
            let images = chances.between(1, 4);
            let quota = QuotaAsk {
                name: "pictures".to_owned(),
                subject: workspace.as_str().into(),
                unit: QuotaUnit::Images,
                // Counters of long ago are forgotten.
                period: SystemClock::start().now().utc_day(),
                weight: images.into(),
                each: 0,
                most: 12,
                budget: None,
            };
            Asked::Hold(Box::new(HoldAsk {
                hold,
                workspace: workspace.clone(),
                key: KeyId::known("key_one"),
                request: RequestId::known("req_one"),
                amount: Credits::from_nanos(chances.between(1, 80).into()),
                expires_at_ms: SystemClock::start().now().unix_ms + 3_600_000,
                quotas: if chances.between(0, 2) == 0 { Vec::new() } else { vec![quota] },
                policy_version: "p1".into(),
                weighs: Weighed::default(),
                price_version: None,
            }))
        }
        5..8 => {
            let price = Credits::from_nanos(chances.between(0, 80).into());
            Asked::Settle(hold, price, chances.between(0, 4))
        }
        _ => Asked::Void(hold),
    }
}

fn receipt() -> Receipt {
    Receipt::begin(RequestId::known("req_one"), SystemClock::start().now().unix_ms, "p1".into())
}

/// Moments of this run, one after the other.
fn tick() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::SeqCst)
}

fn told<T: std::fmt::Debug, E: ToString>(answer: Result<T, E>) -> String {
    answer.map_or_else(|no| no.to_string(), |yes| format!("{yes:?}"))
}

fn compare(
    store: &'static str,
    seeds: u64,
    logs: &BTreeMap<String, Log>,
    order: &Order,
) -> History {
    let mut unequal = Vec::new();
    for (workspace, log) in logs {
        let moved = order.get(workspace).map_or(&[][..], Vec::as_slice);
        unequal.extend(replay(workspace, log, moved));
    }
    let answers = logs.values().map(|log| log.lines.len()).sum();
    History { store, seeds, answers, unequal }
}

/// What of a log the ledger would have said otherwise, in the order of its entries.
fn replay(workspace: &str, log: &Log, moved: &[Moved]) -> Vec<String> {
    let mut unequal = Vec::new();
    // Who asked for each move, perhaps more than one: the first was done, the others were repeats.
    let mut askers: Vec<Vec<&Line>> = Vec::new();
    for moved in moved {
        let asked: Vec<&Line> = log.lines.iter().filter(|line| line.moves(moved)).collect();
        if asked.is_empty() {
            unequal.push(format!("{workspace}: nobody was told of {moved:?}"));
            return unequal;
        }
        askers.push(asked);
    }
    for (place, group) in askers.iter().enumerate() {
        let said = apply(&mut until_place(&log.grants, &askers, place), &group[0].asked);
        if !group.iter().any(|line| line.answer == said) {
            let told = &group[0].answer;
            unequal.push(format!("{workspace}: {:?}: {told}, the ledger {said}", moved[place]));
        }
    }
    for line in &log.lines {
        // What was answered before this was asked came before it; what was asked after, after.
        let least =
            askers.iter().rposition(|group| group.iter().all(|it| it.answered < line.invoked));
        let least = least.map_or(0, |place| place + 1);
        let most =
            askers.iter().position(|group| group.iter().all(|it| it.invoked > line.answered));
        let most = most.unwrap_or(askers.len());
        let is_said = (least..=most).any(|place| {
            apply(&mut until_place(&log.grants, &askers, place), &line.asked) == line.answer
        });
        if !is_said {
            unequal.push(format!("{workspace}: the ledger would never have said {line:?}"));
        }
    }
    unequal
}

impl Line {
    /// Whether this asked for a move and was told that it is done.
    fn moves(&self, (kind, hold): &Moved) -> bool {
        let (asks, named) = match &self.asked {
            Asked::Hold(ask) => ("hold", &ask.hold),
            Asked::Settle(hold, ..) => ("settle", hold),
            Asked::Void(hold) => ("void", hold),
        };
        let is_done = ["Held", "Settled", "()"].iter().any(|yes| self.answer.starts_with(yes));
        asks == kind && named.as_str() == hold && is_done
    }
}

/// The ledger before the move at this place.
fn until_place(grants: &[NewGrant], askers: &[Vec<&Line>], place: usize) -> Ledger {
    let mut ledger = Ledger::default();
    for grant in grants {
        ledger.grant(grant, SystemClock::start().now()).unwrap();
    }
    for group in &askers[..place] {
        apply(&mut ledger, &group[0].asked);
    }
    ledger
}

fn apply(ledger: &mut Ledger, asked: &Asked) -> String {
    let now = SystemClock::start().now();
    match asked {
        Asked::Hold(ask) => told(ledger.hold(ask, now).map(|done| done.outcome)),
        Asked::Settle(hold, price, images) => {
            told(ledger.settle(hold, *price, *images, now).map(|done| done.outcome))
        }
        Asked::Void(hold) => told(ledger.void(hold, now).map(|done| done.outcome)),
    }
}
