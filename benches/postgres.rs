//! Holds on one hot workspace of a shared store, beside a transaction for each and the bare disk.

#![expect(clippy::expect_used, reason = "a benchmark that cannot go on stops")]

use std::fs::File;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use pixelgate::clock::SystemClock;
use pixelgate::config;
use pixelgate::credits::Credits;
use pixelgate::id::{GrantId, HoldId, KeyId, RequestId, WorkspaceId};
use pixelgate::ledger::{HoldAsk, NewGrant, Weighed};
use pixelgate::secret::SecretPlace;
use pixelgate::store::{Store, USUAL_BOUNDS};

#[path = "../tests/postgres/server.rs"]
#[expect(dead_code, clippy::unwrap_used, reason = "tests do more with it, and it is of the tests")]
mod server;

use server::Server;

/// Bytes that one hold comes to in the tables, about.
const HOLD_BYTES: usize = 450;

fn ask(workspace: &WorkspaceId) -> HoldAsk {
    HoldAsk {
        hold: HoldId::random(),
        workspace: workspace.clone(),
        key: KeyId::known("key_bench"),
        request: RequestId::random(),
        amount: Credits::from_nanos(40_000_000),
        expires_at_ms: i64::MAX,
        quotas: Vec::new(),
        policy_version: "bench".into(),
        weighs: Weighed::default(),
        price_version: None,
    }
}

/// So many holds by so many clients, each of which waits for its answer.
async fn holds(store: &Store, workspace: &WorkspaceId, clients: u64, count: u64) -> Duration {
    let begun = begin();
    let mut tasks = JoinSet::new();
    for client in 0..clients {
        let (store, workspace) = (store.clone(), workspace.clone());
        let own = count / clients + u64::from(client < count % clients);
        tasks.spawn(async move {
            for _ in 0..own {
                store.hold(ask(&workspace)).await.expect("held");
            }
        });
    }
    tasks.join_all().await;
    begun.elapsed()
}

/// The same as a transaction for each: lock the balance, write the hold and its entry, move the balance.
#[expect(clippy::disallowed_methods, reason = "it ends with the runtime")]
async fn naive(url: &str, clients: u64, count: u64) -> Duration {
    let mut connected = Vec::new();
    for _ in 0..clients {
        let (client, connection) =
            tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("connected");
        tokio::spawn(connection);
        connected.push(client);
    }
    let begun = begin();
    let mut tasks = JoinSet::new();
    for (client, number) in connected.into_iter().zip(0..) {
        let own = count / clients + u64::from(number < count % clients);
        tasks.spawn(async move {
            for _ in 0..own {
                let id = HoldId::random();
                client.batch_execute("BEGIN").await.expect("begun");
                let row = client.query_one("SELECT left_nanos FROM naive FOR UPDATE", &[]).await;
                assert!(row.expect("locked").get::<_, i64>(0) > 0);
                let id: &str = id.as_str();
                let hold = "INSERT INTO naive_hold VALUES ($1, 40000000)";
                client.execute(hold, &[&id]).await.expect("written");
                let entry = "INSERT INTO naive_entry (hold, nanos) VALUES ($1, 40000000)";
                client.execute(entry, &[&id]).await.expect("written");
                let moved = "UPDATE naive SET left_nanos = left_nanos - 40000000";
                client.execute(moved, &[]).await.expect("moved");
                client.batch_execute("COMMIT").await.expect("committed");
            }
        });
    }
    tasks.join_all().await;
    begun.elapsed()
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn begin() -> Instant {
    Instant::now()
}

async fn open(url: &str, folder: &std::path::Path) -> (Store, WorkspaceId) {
    let secret = folder.join("url");
    std::fs::write(&secret, url).expect("written");
    let place = config::Postgres { url: SecretPlace::File(secret), authority: None };
    let clock = Arc::new(SystemClock::start());
    let store = Store::open_shared(&place, clock, USUAL_BOUNDS).await.expect("opened");
    let workspace = store.create_workspace("hot".to_owned()).await.expect("made");
    let grant = NewGrant {
        id: GrantId::random(),
        workspace: workspace.clone(),
        amount: Credits::from_whole(1_000_000_000).expect("counts"),
        source: "bench".to_owned(),
        priority: 0,
        promotional: false,
        effective_at_ms: 0,
        expires_at_ms: None,
        memo: String::new(),
    };
    store.grant(grant).await.expect("granted");
    (store, workspace)
}

fn shared(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    // This one syncs.
    let server = Server::begin("on");
    let folder = tempfile::tempdir().expect("a directory");
    let url = server.new_database();
    let (store, workspace) = runtime.block_on(open(&url, folder.path()));
    let mut group = criterion.benchmark_group("postgres");
    group.throughput(Throughput::Elements(1));
    group.sample_size(10);
    group.measurement_time(Duration::from_secs(8));
    for clients in [64, 256, 1_024] {
        group.bench_function(format!("hold, one workspace, {clients} clients"), |bencher| {
            bencher
                .iter_custom(|count| runtime.block_on(holds(&store, &workspace, clients, count)));
        });
    }
    runtime.block_on(async {
        let report = store.verify().await.expect("verified");
        assert!(report.balances(), "{:#?}", report.faults);
        store.close().await.expect("closed");
    });
    let url = server.new_database();
    server.run(
        server::database_of(&url),
        "CREATE TABLE naive (left_nanos bigint); INSERT INTO naive VALUES (9000000000000000);
         CREATE TABLE naive_hold (id text PRIMARY KEY, nanos bigint);
         CREATE TABLE naive_entry (seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
                                   hold text, nanos bigint)",
    );
    group.bench_function("hold, a transaction for each, 32 clients", |bencher| {
        bencher.iter_custom(|count| runtime.block_on(naive(&url, 32, count)));
    });
    group.finish();
}

fn floor(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a directory");
    let mut group = criterion.benchmark_group("floor");
    group.sample_size(10);
    for holds in [1_usize, 64, 256] {
        let mut file = File::create(folder.path().join(format!("raw{holds}"))).expect("a file");
        let bytes = vec![7_u8; HOLD_BYTES * holds];
        group.throughput(Throughput::Elements(u64::try_from(holds).expect("small")));
        group.bench_function(format!("append and fdatasync, {holds} holds at once"), |bencher| {
            bencher.iter(|| {
                file.write_all(&bytes).expect("written");
                file.sync_data().expect("synced");
            });
        });
    }
    group.finish();
}

criterion_group!(benches, floor, shared);
criterion_main!(benches);
