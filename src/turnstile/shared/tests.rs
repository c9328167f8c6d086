//! A real server, held against the windows in memory and against a count that knows nothing of either.
//!
//! The property replaces the server's clock by a key, so that a history can be played at its own pace;
//! everything else is as it is served.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;
use crate::clock::{ManualClock, Now};
use crate::config::{Lost as Policy, RedisAddress};
use crate::limit::{Bounds, Limit, Of, Ticket, Unit, Whose};
use crate::turnstile::memory::{Memory, Seat};
use crate::turnstile::{Answer, Lease, Turnstile};

/// A server of one's own, which ends with the test.
struct Server {
    process: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Server {
    fn start() -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let process = launch(port, folder.path());
        Self { process, port, folder }
    }

    fn address(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Ends it without a word and starts it again, empty.
    fn restart(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.process = launch(self.port, self.folder.path());
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.process.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    fn connection(&self) -> redis::Connection {
        redis::Client::open(self.address()).unwrap().get_connection().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[expect(clippy::zombie_processes, reason = "the server waits for it when it goes")]
fn launch(port: u16, folder: &std::path::Path) -> Child {
    let process = Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
        .args(["--appendonly", "no", "--dir"])
        .arg(folder)
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server is there; `scripts/need redis-server` installs it");
    let client = redis::Client::open(format!("redis://127.0.0.1:{port}")).unwrap();
    let is_there = || client.get_connection().is_ok();
    for _ in 0..1000 {
        if is_there() {
            return process;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("redis-server did not start");
}

fn settings(server: &Server, lost: Policy) -> Redis {
    Redis {
        address: RedisAddress::Known(server.address()),
        lost,
        deadline: Duration::from_millis(500),
        in_flight_max: 64,
    }
}

fn limit(unit: Unit, most: u64, window_ms: u64, of: Of, shadow: bool) -> Limit {
    let name = format!("{} {most} {window_ms} {} {shadow}", unit.name(), of.name());
    Limit { name, unit, most, window: Duration::from_millis(window_ms), of, shadow }
}

fn ask(bounds: &[Arc<Bounds>], key: &str, weight: Weight) -> Ask {
    let workspace = if key == "c" { "v" } else { "w" };
    let whose = Whose { key, workspace, plan: "p" };
    let places = bounds.iter().map(|one| (one.subject(whose), Arc::clone(one)));
    Ask { places: places.collect(), weight }
}

fn one(nanos: u64) -> Weight {
    Weight { images: 1, pixels: 7, nanos }
}

const fn at(tick_ms: u64) -> Now {
    Now { unix_ms: 0, tick_ms }
}

#[derive(Clone, Debug)]
enum Event {
    Ask { key: usize, weight: Weight, after_ms: u64, keeps_lease: bool },
    TakeBack(prop::sample::Index),
    Less(prop::sample::Index, u64),
    Finish(prop::sample::Index),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let index = any::<prop::sample::Index>;
    let asks = (0_usize..3, 1_u32..5, 0_u64..40, 0_u64..6, 0_u64..25, any::<bool>());
    let asks = asks.prop_map(|(key, images, pixels, nanos, after_ms, keeps_lease)| Event::Ask {
        key,
        weight: Weight { images, pixels, nanos },
        after_ms,
        keeps_lease,
    });
    let event = prop_oneof![
        8 => asks,
        1 => index().prop_map(Event::TakeBack),
        1 => (index(), 0_u64..6).prop_map(|(index, nanos)| Event::Less(index, nanos)),
        1 => index().prop_map(Event::Finish),
    ];
    prop::collection::vec(event, 1..60)
}

fn bounds() -> impl Strategy<Value = Vec<Arc<Bounds>>> {
    let unit =
        prop::sample::select(vec![Unit::Requests, Unit::Images, Unit::Megapixels, Unit::Credits]);
    let of = prop::sample::select(vec![Of::Key, Of::Workspace, Of::Plan]);
    let most = prop_oneof![2_u64..30, 2_001_u64..2_010];
    let own = (unit, most, 1_u64..400, of, prop::bool::weighted(0.2));
    let own = own.prop_map(|(unit, most, ms, of, shadow)| limit(unit, most, ms, of, shadow));
    (prop::collection::vec(own, 1..5), prop::option::of(1_u32..6))
        .prop_map(|(limits, at_once)| Bounds::of_plan(&limits, at_once))
}

/// Everything that is compared of an answer: whether it passed, why not, for how long, and where its
/// caller stands.
type Told = (bool, Option<(String, Option<Duration>)>, Vec<(u64, u64, Duration)>, usize);

fn told(standings: &[crate::canonical::Standing]) -> Vec<(u64, u64, Duration)> {
    standings.iter().map(|s| (s.most, s.remaining, s.resets_in)).collect()
}

/// A request that passed both, and whether it has ended.
#[derive(Clone)]
struct Passed {
    remote: Remote,
    seats: Vec<Seat>,
    ticket: Ticket,
    is_over: bool,
}

impl Passed {
    /// The windows that counted it.
    fn counted(&self) -> impl Iterator<Item = &Seat> {
        let seats = self.seats.iter().enumerate();
        seats.filter(|(number, _)| self.ticket.counts(*number)).map(|(_, seat)| seat)
    }
}

/// The same history, asked of a server and of memory.
struct Pair {
    shared: Arc<Shared>,
    clock: redis::Connection,
    memory: Memory,
    passed: Vec<Passed>,
}

impl Pair {
    async fn ask(&mut self, ask: &Ask, keeps_lease: bool, now_ms: u64) -> (Told, Told) {
        redis::cmd("SET").arg("{pixelgate}:clock").arg(now_ms).exec(&mut self.clock).unwrap();
        let (seats, here) = self.memory.admit(ask, 1, at(now_ms));
        let here_told = match &here {
            crate::limit::Verdict::Admitted { standings, over, .. } => {
                (true, None, told(standings), over.len())
            }
            crate::limit::Verdict::Denied(denial) => {
                let why = (denial.met.limit.clone(), denial.retry_after);
                (false, Some(why), told(&denial.standings), 0)
            }
        };
        let there = self.shared.admit(ask).await.expect("the server answers");
        let there_told = match there {
            Verdict::Passed { ref standings, ref over, .. } => {
                (true, None, told(&crate::turnstile::told(ask, standings)), over.len())
            }
            Verdict::Denied(ref denial) => {
                let why = (denial.met.limit.clone(), denial.retry_after);
                (false, Some(why), told(&denial.standings), 0)
            }
        };
        if let (
            crate::limit::Verdict::Admitted { ticket, .. },
            Verdict::Passed { remote, counted, .. },
        ) = (here, there)
        {
            let places = 0..ask.places.len();
            let same =
                |place: usize| ticket.counts(place) == (counted & crate::limit::bit(place) != 0);
            assert!(places.clone().all(same), "the same shadows counted it");
            self.passed.push(Passed { remote, seats, ticket, is_over: false });
            if !keeps_lease {
                self.finish(self.passed.len() - 1).await;
            }
        }
        (here_told, there_told)
    }

    fn link(&self) -> Link {
        self.shared.link.read().clone().unwrap()
    }

    async fn finish(&mut self, place: usize) {
        let passed = &mut self.passed[place];
        if std::mem::replace(&mut passed.is_over, true) {
            return;
        }
        let passed = passed.clone();
        passed.counted().for_each(|seat| seat.lock().finish(&passed.ticket));
        self.shared.deliver(&self.link(), Letter::Finish(passed.remote)).await;
    }

    async fn take_back(&mut self, place: usize) {
        if self.passed[place].is_over {
            return;
        }
        let passed = self.passed.swap_remove(place);
        passed.counted().for_each(|seat| seat.lock().take_back(&passed.ticket));
        let letter = Letter::TakeBack(passed.remote, passed.ticket.weight);
        self.shared.deliver(&self.link(), letter).await;
    }

    async fn less(&mut self, place: usize, nanos: u64) {
        let passed = &mut self.passed[place];
        let rest = passed.ticket.weight.nanos.saturating_sub(nanos);
        passed.counted().for_each(|seat| seat.lock().give_back(passed.ticket.tick_ms, rest));
        passed.ticket.weight.nanos -= rest;
        let less = Weight { nanos: rest, ..Weight::default() };
        let letter = Letter::Less(passed.remote.clone(), less);
        self.shared.deliver(&self.link(), letter).await;
    }
}

const TEST_CLOCK: &str =
    "local function clock() return tonumber(redis.call('GET', '{pixelgate}:clock')) end\n";

#[test]
fn the_server_says_what_memory_says_of_every_history() {
    let server = Server::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let cases = Config { cases: 150, ..Config::default() };
    let played = TestRunner::new(cases).run(&(bounds(), events()), |(bounds, events)| {
        runtime.block_on(play(&server, &bounds, events))
    });
    played.unwrap();
}

async fn play(
    server: &Server,
    bounds: &[Arc<Bounds>],
    events: Vec<Event>,
) -> Result<(), TestCaseError> {
    let mut clock = server.connection();
    redis::cmd("FLUSHALL").exec(&mut clock).unwrap();
    // The windows look back an hour, so a history that began at zero would not be told apart.
    let mut now_ms = 10_000_000;
    redis::cmd("SET").arg("{pixelgate}:clock").arg(now_ms).exec(&mut clock).unwrap();
    redis::cmd("SET").arg("{pixelgate}:era").arg("test:0").exec(&mut clock).unwrap();
    let settings = settings(server, Policy::Refuse);
    let shared = Arc::new(Shared::with_clock(settings, &server.address(), TEST_CLOCK).unwrap());
    let connection = shared.client.get_multiplexed_async_connection().await.unwrap();
    *shared.link.write() = Some(Link { connection, era: "test".into(), number: 1 });
    let mut pair = Pair { shared, clock, memory: Memory::default(), passed: Vec::new() };
    for event in events {
        match event {
            Event::Ask { key, weight, after_ms, keeps_lease } => {
                now_ms += after_ms;
                let ask = ask(bounds, ["a", "b", "c"][key], weight);
                let (here, there) = pair.ask(&ask, keeps_lease, now_ms).await;
                prop_assert_eq!(here, there);
            }
            Event::TakeBack(index) if !pair.passed.is_empty() => {
                pair.take_back(index.index(pair.passed.len())).await;
            }
            Event::Less(index, nanos) if !pair.passed.is_empty() => {
                pair.less(index.index(pair.passed.len()), nanos).await;
            }
            Event::Finish(index) if !pair.passed.is_empty() => {
                let place = index.index(pair.passed.len());
                pair.finish(place).await;
            }
            Event::TakeBack(_) | Event::Less(..) | Event::Finish(_) => {}
        }
    }
    Ok(())
}

/// Several nodes on one server, each kept on its own.
struct Node {
    turnstile: Arc<Turnstile>,
    clock: Arc<ManualClock>,
    keeper: tokio::task::JoinSet<()>,
}

impl Node {
    fn start(server: &Server, lost: Policy) -> Self {
        let limits = crate::config::Limits {
            redis: Some(settings(server, lost)),
            ..crate::config::Config::defaults().unwrap().limits
        };
        let turnstile = Arc::new(Turnstile::open(&limits).unwrap());
        let clock = Arc::new(ManualClock::at(at(0)));
        let mut keeper = tokio::task::JoinSet::new();
        let (kept, own) = (Arc::clone(&turnstile), Arc::clone(&clock));
        keeper.spawn(async move { kept.keep(&*own).await });
        Self { turnstile, clock, keeper }
    }

    async fn pass(&self, ask: &Ask) -> Option<Lease> {
        match self.turnstile.admit(ask, crate::clock::Clock::now(&*self.clock)).await {
            Answer::Passed { lease, .. } => Some(lease),
            Answer::Denied(_) | Answer::Lost => None,
        }
    }

    async fn count(&self, ask: &Ask, tries: usize) -> usize {
        let mut passed = 0;
        for _ in 0..tries {
            passed += usize::from(self.pass(ask).await.is_some());
        }
        passed
    }
}

async fn nodes(server: &Server, count: usize, lost: Policy) -> Vec<Node> {
    let nodes: Vec<Node> = (0..count).map(|_| Node::start(server, lost)).collect();
    for node in &nodes {
        node.turnstile.ready().await;
    }
    nodes
}

fn fifty(at_once: Option<u32>) -> Vec<Arc<Bounds>> {
    Bounds::of_plan(&[limit(Unit::Requests, 50, 300_000, Of::Workspace, false)], at_once)
}

#[tokio::test(flavor = "multi_thread")]
async fn of_three_nodes_together_exactly_as_many_pass_as_a_limit_allows() {
    let server = Server::start();
    let nodes = nodes(&server, 3, Policy::Refuse).await;
    let (bounds, weight) = (fifty(None), one(0));
    let asks: Vec<_> = (0..120).map(|n| (n % 3, ask(&bounds, ["a", "b"][n % 2], weight))).collect();
    let passed =
        futures_util::future::join_all(asks.iter().map(|(node, ask)| nodes[*node].pass(ask)));
    assert_eq!(passed.await.into_iter().flatten().count(), 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn leases_are_shared_and_end_with_their_requests() {
    let server = Server::start();
    let nodes = nodes(&server, 2, Policy::Refuse).await;
    let ask = ask(&fifty(Some(2)), "a", one(0));
    let first = nodes[0].pass(&ask).await.unwrap();
    let _second = nodes[1].pass(&ask).await.unwrap();
    assert!(nodes[1].pass(&ask).await.is_none(), "two run");
    drop(first);
    let until = tokio::time::Instant::now() + Duration::from_secs(5);
    while nodes[1].pass(&ask).await.is_none() {
        assert!(tokio::time::Instant::now() < until, "the lease never ended");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flushed_server_is_told_by_every_node_what_it_admitted() {
    let server = Server::start();
    let nodes = nodes(&server, 3, Policy::Refuse).await;
    let ask = ask(&fifty(None), "a", one(0));
    for node in &nodes {
        assert_eq!(node.count(&ask, 15).await, 15);
    }
    redis::cmd("FLUSHALL").exec(&mut server.connection()).unwrap();
    // The scripts are gone too.
    redis::cmd("SCRIPT").arg("FLUSH").exec(&mut server.connection()).unwrap();
    assert!(nodes[0].pass(&ask).await.is_none(), "nobody passes an empty server");
    let mut passed = 0;
    for node in &nodes {
        node.turnstile.ready().await;
        passed += node.count(&ask, 50).await;
    }
    assert_eq!(passed, 5, "45 of 50 were told");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_started_again_is_told_too_without_a_hand() {
    let mut server = Server::start();
    let nodes = nodes(&server, 2, Policy::Refuse).await;
    let ask = ask(&fifty(None), "a", one(0));
    assert_eq!(nodes[0].count(&ask, 20).await, 20);
    assert_eq!(nodes[1].count(&ask, 20).await, 20);
    tokio::task::block_in_place(|| server.restart());
    assert!(nodes[0].pass(&ask).await.is_none());
    assert!(nodes[1].pass(&ask).await.is_none());
    for node in &nodes {
        node.turnstile.ready().await;
    }
    assert_eq!(nodes[0].count(&ask, 50).await + nodes[1].count(&ask, 50).await, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_costs_one_deadline_and_then_nothing() {
    let server = Server::start();
    let nodes = nodes(&server, 1, Policy::Refuse).await;
    let ask = ask(&fifty(None), "a", one(0));
    server.signal("-STOP");
    let began = tokio::time::Instant::now();
    assert_eq!(nodes[0].count(&ask, 200).await, 0);
    assert!(began.elapsed() < Duration::from_millis(1500), "{:?}", began.elapsed());
    server.signal("-CONT");
    nodes[0].turnstile.ready().await;
    assert!(nodes[0].pass(&ask).await.is_some());
    assert_eq!(nodes[0].turnstile.take_decided().refused, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_server_each_node_allows_its_share_less_what_it_admitted_and_tells_afterwards()
{
    let server = Server::start();
    let nodes = nodes(&server, 2, Policy::LocalShare { nodes: 2 }).await;
    let ask = ask(&fifty(None), "a", one(0));
    assert_eq!(nodes[0].count(&ask, 10).await, 10);
    server.signal("-STOP");
    assert_eq!(nodes[0].count(&ask, 60).await, 15, "25 is its share and 10 are used");
    assert_eq!(nodes[1].count(&ask, 60).await, 25);
    server.signal("-CONT");
    for node in &nodes {
        node.turnstile.ready().await;
    }
    assert_eq!(nodes[0].count(&ask, 5).await + nodes[1].count(&ask, 5).await, 0, "all 50 are told");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_decisions_are_waited_for_than_may_be() {
    let server = Server::start();
    let nodes = nodes(&server, 1, Policy::Refuse).await;
    let ask = ask(&fifty(None), "a", one(0));
    server.signal("-STOP");
    let asked = futures_util::future::join_all((0..100).map(|_| nodes[0].pass(&ask)));
    assert_eq!(asked.await.into_iter().flatten().count(), 0);
    server.signal("-CONT");
    assert!(nodes[0].keeper.len() == 1, "the keeper lives");
}

#[tokio::test(flavor = "multi_thread")]
async fn credits_that_were_not_spent_are_free_on_every_node() {
    let server = Server::start();
    let nodes = nodes(&server, 2, Policy::Refuse).await;
    let bounds = Bounds::of_plan(&[limit(Unit::Credits, 10, 300_000, Of::Workspace, false)], None);
    let whole = ask(&bounds, "a", one(10));
    let lease = nodes[0].pass(&whole).await.unwrap();
    assert!(nodes[1].pass(&whole).await.is_none());
    lease.counted().spent(crate::credits::Credits::ZERO);
    let until = tokio::time::Instant::now() + Duration::from_secs(5);
    while nodes[1].pass(&whole).await.is_none() {
        assert!(tokio::time::Instant::now() < until, "what was not spent was never free");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
