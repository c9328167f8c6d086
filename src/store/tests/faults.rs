//! The shared store when its database goes away, comes back, or loses a commit's answer.
#![expect(clippy::disallowed_methods, reason = "what is spawned ends with the test's runtime")]

use std::sync::atomic::{AtomicBool, Ordering};

use crate::receipt::ReceiptCaller;

use super::proxy::{Lost, Proxy};
use super::server::Server;
use super::world::{Place, World, credits, receipt};
use super::*;

/// What every hold and every usage row of these tests is written with.
const WRITTEN: &str = "policy_p1";

/// Asks until it is held. The same ask again is held once, whatever became of the first.
async fn hold_at_last(store: &Store, ask: HoldAsk) {
    while let Err(refused) = store.hold(ask.clone()).await {
        assert!(matches!(refused, StoreError::Away), "{refused}");
        tokio::task::yield_now().await;
    }
}

/// So many holds on both nodes at once, each settled; whoever is refused a hold asks again.
async fn buy(world: &World, nodes: &[Store], each: usize) {
    let mut tasks = JoinSet::new();
    for worker in 0..16 {
        let store = nodes[worker % nodes.len()].clone();
        let asks: Vec<HoldAsk> =
            (0..each).map(|number| world.ask(&format!("h{worker}_{number}"), 1)).collect();
        tasks.spawn(async move {
            for ask in asks {
                let hold = ask.hold.clone();
                hold_at_last(&store, ask).await;
                store.settle(hold, credits(1), receipt()).await.expect("settled, however late");
            }
        });
    }
    tasks.join_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_cut_again_and_again_lose_and_double_nothing() {
    let world = World::shared().await;
    world.grant(1_000).await;
    let nodes = [world.store().clone(), world.other_node().await];
    let client = world.client().await;
    let is_done = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&is_done);
    let cutting = tokio::spawn(async move {
        let mut cut = 0;
        while !seen.load(Ordering::Relaxed) {
            let cutting = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                 WHERE datname = current_database() AND pid <> pg_backend_pid()";
            let row = client.query_one(cutting, &[]).await.unwrap();
            cut += row.get::<_, i64>(0);
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        cut
    });
    buy(&world, &nodes, 20).await;
    is_done.store(true, Ordering::Relaxed);
    assert!(cutting.await.unwrap() > 10);
    assert_eq!(world.balance().await.spent, credits(320));
    assert_eq!(world.count("SELECT count(*) AS n FROM usage").await, 320);
    assert_eq!(world.open_holds().await, 0);
    world.must_balance().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_stops_refuses_holds_in_time_and_gets_its_settlements_when_it_is_back() {
    let server = Server::begin("off");
    let world = World::at(Place::Database(server.new_database())).await;
    world.grant(10).await;
    world.hold("h1", 4).await.unwrap();
    tokio::task::block_in_place(|| server.stop());
    let (store, settling) = (world.store().clone(), HoldId::known("h1"));
    let settled = tokio::spawn(async move { store.settle(settling, credits(3), receipt()).await });
    let asked = tokio::time::timeout(Duration::from_secs(12), world.hold("h2", 1)).await;
    let refused = asked.expect("nobody waits for ever");
    assert!(matches!(refused, Err(StoreError::Away)), "{refused:?}");
    tokio::task::block_in_place(|| server.start());
    settled.await.unwrap().unwrap();
    world.hold("h3", 1).await.unwrap();
    let balance = world.balance().await;
    assert_eq!((balance.spent, balance.held), (credits(3), credits(1)));
    world.must_balance().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_is_lost_is_asked_after_and_answered_rightly() {
    let real = World::shared().await;
    real.grant(10).await;
    let proxy = Proxy::before(real.url()).await;
    let clock = Arc::clone(&real.clock);
    let store = Place::Database(proxy.url.clone()).open(&clock, USUAL_BOUNDS).await;
    for (id, lost) in [("h1", Lost::Answer), ("h2", Lost::Commit)] {
        proxy.lose(lost, WRITTEN);
        store.hold(real.ask(id, 2)).await.unwrap();
        assert!(proxy.has_lost(), "{id}");
        proxy.lose(lost, WRITTEN);
        store.settle(HoldId::known(id), credits(1), receipt()).await.unwrap();
        assert!(proxy.has_lost(), "{id}");
    }
    assert_eq!(real.balance().await.spent, credits(2));
    assert_eq!(real.count("SELECT count(*) AS n FROM usage").await, 2);
    assert_eq!(real.count("SELECT count(*) AS n FROM hold").await, 2);
    real.must_balance().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_of_whose_making_the_answer_is_lost_takes_no_other_key_with_it() {
    let real = World::shared().await;
    let (_, text) = real.create_key().await;
    let proxy = Proxy::before(real.url()).await;
    let clock = Arc::clone(&real.clock);
    let store = Place::Database(proxy.url.clone()).open(&clock, USUAL_BOUNDS).await;
    let is_good = || store.keys().authenticate(Some(&text), 0).is_ok();
    while !is_good() {
        tokio::task::yield_now().await;
    }
    proxy.lose(Lost::Answer, "a key of doubt");
    let (_, other) = store.create_key(real.new_key("a key of doubt")).await.unwrap();
    assert!(proxy.has_lost());
    assert!(is_good());
    while store.keys().authenticate(Some(&other), 0).is_err() {
        tokio::task::yield_now().await;
    }
    assert!(is_good());
}

/// The settlement of one credit that stands, although its request was told that it does not, with this much of an
/// answer out by then. Returns what there is of ten credits once the database is back.
async fn settled_unheard(answer_bytes: u64) -> (World, Credits) {
    let real = World::shared().await;
    real.grant(10).await;
    let proxy = Proxy::before(real.url()).await;
    let clock = Arc::clone(&real.clock);
    let store = Place::Database(proxy.url.clone()).open(&clock, USUAL_BOUNDS).await;
    store.hold(real.ask("h1", 2)).await.unwrap();
    proxy.lose(Lost::AnswerAndLine, WRITTEN);
    let caller = ReceiptCaller {
        workspace: real.workspace.clone(),
        key: KeyId::known("key_one"),
        plan: "open".to_owned(),
        test: false,
    };
    let settling = store.clone();
    let settled = tokio::spawn(async move {
        let receipt = Receipt { caller: Some(caller), answer_bytes, ..receipt() };
        settling.settle(HoldId::known("h1"), credits(1), receipt).await
    });
    while !proxy.has_lost() {
        tokio::task::yield_now().await;
    }
    // Its patience is over while the database is still away.
    clock.advance(Duration::from_secs(31));
    let refused = settled.await.unwrap();
    assert!(matches!(refused, Err(StoreError::Away)), "{refused:?}");
    assert_eq!(real.balance().await.spent, credits(1), "it stands");
    proxy.is_back();
    // Whatever there is to mend is decided before this is.
    hold_at_last(&store, real.ask("h2", 2)).await;
    store.void(HoldId::known("h2"), receipt()).await.unwrap();
    let available = real.balance().await.available;
    (real, available)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_charge_that_stands_although_its_request_was_told_that_it_does_not_is_refunded() {
    let (world, available) = settled_unheard(0).await;
    assert_eq!(available, credits(10));
    assert_eq!(world.count("SELECT count(*) AS n FROM audit WHERE name = 'gateway'").await, 1);
    world.must_balance().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_charge_whose_answer_was_out_before_stands() {
    let (world, available) = settled_unheard(1).await;
    assert_eq!(available, credits(9));
    assert_eq!(world.count("SELECT count(*) AS n FROM audit WHERE name = 'gateway'").await, 0);
    world.must_balance().await;
}
