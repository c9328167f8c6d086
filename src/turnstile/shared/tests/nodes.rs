//! Several nodes on one server that is flushed, restarted, stopped or gone.

use super::*;
use crate::clock::ManualClock;
use crate::turnstile::{Answer, Lease, Turnstile};

/// Several nodes on one server, each kept on its own.
pub(super) struct Node {
    pub(super) turnstile: Arc<Turnstile>,
    clock: Arc<ManualClock>,
    keeper: tokio::task::JoinSet<()>,
}

impl Node {
    fn start(server: &Server, lost: Policy) -> Self {
        Self::with(settings(server, lost))
    }

    pub(super) fn with(settings: Redis) -> Self {
        let limits = crate::config::Limits {
            redis: Some(settings),
            ..crate::config::Config::defaults().unwrap().limits
        };
        let turnstile = Arc::new(Turnstile::open(&limits).unwrap());
        let clock = Arc::new(ManualClock::at(at(0)));
        let mut keeper = tokio::task::JoinSet::new();
        let (kept, own) = (Arc::clone(&turnstile), Arc::clone(&clock));
        keeper.spawn(async move { kept.keep(&*own).await });
        Self { turnstile, clock, keeper }
    }

    pub(super) async fn ask(&self, ask: &Ask) -> Answer {
        self.turnstile.admit(ask, crate::clock::Clock::now(&*self.clock)).await
    }

    async fn pass(&self, ask: &Ask) -> Option<Lease> {
        match self.ask(ask).await {
            Answer::Passed { lease, .. } => Some(lease),
            Answer::Denied(_) | Answer::Lost => None,
        }
    }

    pub(super) async fn count(&self, ask: &Ask, tries: usize) -> usize {
        let mut passed = 0;
        for _ in 0..tries {
            passed += usize::from(self.pass(ask).await.is_some());
        }
        passed
    }
}

pub(super) async fn nodes(server: &Server, count: usize, lost: Policy) -> Vec<Node> {
    let nodes: Vec<Node> = (0..count).map(|_| Node::start(server, lost)).collect();
    for node in &nodes {
        node.turnstile.ready().await;
    }
    nodes
}

pub(super) fn fifty(at_once: Option<u32>) -> Vec<Arc<Bounds>> {
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
async fn a_flushed_server_is_told_what_a_limit_counted_before_a_reload_lowered_it() {
    let server = Server::start();
    let nodes = nodes(&server, 2, Policy::Refuse).await;
    let of = |most| {
        let limits = [limit(Unit::Requests, most, 300_000, Of::Workspace, false)];
        ask(&Bounds::of_plan(&limits, None), "a", one(0))
    };
    assert_eq!(nodes[0].count(&of(2_500), 300).await, 300);
    // The other never knew the larger limit: it tells stamps alone.
    assert_eq!(nodes[0].count(&of(320), 5).await + nodes[1].count(&of(320), 5).await, 10);
    redis::cmd("FLUSHALL").exec(&mut server.connection()).unwrap();
    for node in &nodes {
        assert_eq!(node.count(&of(320), 1).await, 0, "nobody passes an empty server");
    }
    for node in &nodes {
        node.turnstile.ready().await;
    }
    assert_eq!(nodes[0].count(&of(320), 50).await, 10, "310 of 320 were told");
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
