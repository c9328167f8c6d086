//! The shared store when its database goes away, comes back, or loses a commit's answer.
#![expect(clippy::disallowed_methods, reason = "what is spawned ends with the test's runtime")]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::receipt::ReceiptCaller;

use super::server::Server;
use super::world::{Place, World, credits, receipt};
use super::*;

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
        proxy.lose(lost);
        store.hold(real.ask(id, 2)).await.unwrap();
        assert!(proxy.has_lost(), "{id}");
        proxy.lose(lost);
        store.settle(HoldId::known(id), credits(1), receipt()).await.unwrap();
        assert!(proxy.has_lost(), "{id}");
    }
    assert_eq!(real.balance().await.spent, credits(2));
    assert_eq!(real.count("SELECT count(*) AS n FROM usage").await, 2);
    assert_eq!(real.count("SELECT count(*) AS n FROM hold").await, 2);
    real.must_balance().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_charge_that_stands_although_its_request_was_told_that_it_does_not_is_refunded() {
    let real = World::shared().await;
    real.grant(10).await;
    let proxy = Proxy::before(real.url()).await;
    let clock = Arc::clone(&real.clock);
    let store = Place::Database(proxy.url.clone()).open(&clock, USUAL_BOUNDS).await;
    store.hold(real.ask("h1", 2)).await.unwrap();
    proxy.lose(Lost::AnswerAndLine);
    let caller = ReceiptCaller {
        workspace: real.workspace.clone(),
        key: KeyId::known("key_one"),
        plan: "open".to_owned(),
        test: false,
    };
    let settling = store.clone();
    let settled = tokio::spawn(async move {
        let receipt = Receipt { caller: Some(caller), ..receipt() };
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
    while real.balance().await.available != credits(10) {
        tokio::task::yield_now().await;
    }
    assert_eq!(real.count("SELECT count(*) AS n FROM audit WHERE name = 'gateway'").await, 1);
    real.must_balance().await;
}

/// What is lost on the way.
#[derive(Clone, Copy)]
enum Lost {
    /// What the database says of a commit that it did.
    Answer = 1,
    /// What it was to commit.
    Commit = 2,
    /// What the database says of a commit that it did, and every line to it until it is back.
    AnswerAndLine = 3,
}

/// Between a store and its database; cuts the line where it is told to, once.
struct Proxy {
    url: String,
    losing: Arc<AtomicUsize>,
    is_shut: Arc<AtomicBool>,
}

impl Proxy {
    async fn before(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ours = listener.local_addr().unwrap().to_string();
        let theirs = url.split('@').nth(1).unwrap().split('/').next().unwrap().to_owned();
        let losing = Arc::new(AtomicUsize::new(0));
        let is_shut = Arc::new(AtomicBool::new(false));
        let (seen, shut, to) = (Arc::clone(&losing), Arc::clone(&is_shut), theirs.clone());
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                tokio::spawn(relay(client, to.clone(), (Arc::clone(&seen), Arc::clone(&shut))));
            }
        });
        Self { url: url.replace(&theirs, &ours), losing, is_shut }
    }

    fn is_back(&self) {
        self.is_shut.store(false, Ordering::SeqCst);
    }

    fn lose(&self, lost: Lost) {
        self.losing.store(lost as usize, Ordering::SeqCst);
    }

    fn has_lost(&self) -> bool {
        self.losing.load(Ordering::SeqCst) == 0
    }
}

async fn relay(
    mut client: TcpStream,
    to: String,
    (losing, shut): (Arc<AtomicUsize>, Arc<AtomicBool>),
) {
    if shut.load(Ordering::SeqCst) {
        return;
    }
    let mut server = TcpStream::connect(&to).await.unwrap();
    let is_next = |lost: Lost| {
        losing.compare_exchange(lost as usize, 0, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    };
    let (mut asked, mut told) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let Ok(read @ 1..) = read else { return };
                // The second round trip of a batch writes the usage row or the hold.
                let writes = asked[..read].windows(9).any(|part| part == b"policy_p1");
                if writes && is_next(Lost::Commit) {
                    return;
                }
                if server.write_all(&asked[..read]).await.is_err() {
                    return;
                }
            }
            read = server.read(&mut told) => {
                let Ok(read @ 1..) = read else { return };
                let commits = told[..read].windows(7).any(|part| part == b"COMMIT\0");
                if commits && is_next(Lost::Answer) {
                    return;
                }
                if commits && losing.load(Ordering::SeqCst) == Lost::AnswerAndLine as usize {
                    shut.store(true, Ordering::SeqCst);
                    losing.store(0, Ordering::SeqCst);
                    return;
                }
                if client.write_all(&told[..read]).await.is_err() {
                    return;
                }
            }
        }
    }
}
