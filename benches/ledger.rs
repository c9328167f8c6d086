//! What a hold and its settlement cost: in memory, and durable with 64 clients at once, beside
//! the floor that the disk sets: the same bytes appended raw and synced.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot go on stops"
)]

use std::fs::File;
use std::hint::black_box;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pixelgate::clock::{Clock, Now, SystemClock};
use pixelgate::credits::Credits;
use pixelgate::id::{GrantId, HoldId, KeyId, RequestId, WorkspaceId};
use pixelgate::ledger::{HoldAsk, Ledger, NewGrant, QuotaAsk, QuotaUnit, Weighed};
use pixelgate::receipt::Receipt;
use pixelgate::store::Store;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

const CLIENTS: u64 = 64;

/// About what one pair writes: a hold, two entries, a usage row.
const PAIR_BYTES: usize = 700;

fn now() -> Now {
    SystemClock::start().now()
}

fn grant(workspace: &WorkspaceId) -> NewGrant {
    NewGrant {
        id: GrantId::random(),
        workspace: workspace.clone(),
        amount: Credits::from_nanos(i64::MAX / 2),
        source: "manual".to_owned(),
        priority: 0,
        promotional: false,
        effective_at_ms: 0,
        expires_at_ms: None,
        memo: String::new(),
    }
}

fn ask(workspace: &WorkspaceId, key: &KeyId, quotas: bool) -> HoldAsk {
    let now = now();
    let quota = |unit| QuotaAsk {
        name: "a day".to_owned(),
        subject: key.as_str().into(),
        unit,
        period: now.utc_day(),
        weight: 1,
        each: 1,
        most: u64::MAX,
        budget: None,
    };
    HoldAsk {
        hold: HoldId::random(),
        workspace: workspace.clone(),
        key: key.clone(),
        request: RequestId::random(),
        amount: Credits::from_nanos(40_000_000),
        expires_at_ms: now.unix_ms + 300_000,
        quotas: if quotas {
            vec![quota(QuotaUnit::Requests), quota(QuotaUnit::Images)]
        } else {
            Vec::new()
        },
        price_version: None,
        policy_version: "p1".into(),
        weighs: Weighed::default(),
    }
}

fn receipt(ask: &HoldAsk) -> Receipt {
    Receipt {
        dialect: "openai",
        model: Some("painter-1".to_owned()),
        offering: Some("painter/one".to_owned()),
        vendor: Some("painter".to_owned()),
        images_asked: 1,
        images: 1,
        status: 200,
        ..Receipt::begin(ask.request.clone(), now().unix_ms, "p1".into())
    }
}

fn in_memory(criterion: &mut Criterion) {
    let (workspace, key) = (WorkspaceId::random(), KeyId::random());
    let mut ledger = Ledger::default();
    ledger.grant(&grant(&workspace), now()).expect("granted");
    for (name, quotas) in [("no quota", false), ("two quotas", true)] {
        let name = format!("ledger: hold and settle in memory, {name}");
        criterion.bench_function(&name, |bencher| {
            bencher.iter_batched_ref(
                || ask(&workspace, &key, quotas),
                |ask| {
                    let at = Now { unix_ms: 0, tick_ms: 0 };
                    ledger.hold(ask, at).expect("held");
                    let price = Credits::from_nanos(1);
                    black_box(ledger.settle(&ask.hold, price, 1, at)).expect("settled")
                },
                criterion::BatchSize::SmallInput,
            );
        });
    }
}

/// Plays so many pairs, spread over the clients, each waiting for its answers.
async fn pairs(store: &Store, workspaces: &[WorkspaceId], count: u64) -> Duration {
    let key = KeyId::random();
    let begun = begin();
    let mut tasks = JoinSet::new();
    for client in 0..CLIENTS {
        let workspace =
            workspaces[usize::try_from(client).expect("small") % workspaces.len()].clone();
        let (store, key) = (store.clone(), key.clone());
        let own = count / CLIENTS + u64::from(client < count % CLIENTS);
        tasks.spawn(async move {
            for _ in 0..own {
                let ask = ask(&workspace, &key, true);
                let (hold, receipt) = (ask.hold.clone(), receipt(&ask));
                store.hold(ask).await.expect("held");
                let price = Credits::from_nanos(39_000_000);
                store.settle(hold, price, receipt).await.expect("settled");
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

fn durable(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let mut group = criterion.benchmark_group("durable");
    group.throughput(Throughput::Elements(1));
    group.sample_size(10);
    group.measurement_time(Duration::from_secs(10));
    for (name, workspace_count) in [("one workspace", 1_usize), ("64 workspaces", 64)] {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
        let (store, workspaces) = runtime.block_on(async {
            let clock = Arc::new(SystemClock::start());
            let store = Store::open(dir.path(), clock).expect("opened");
            let mut workspaces = Vec::new();
            for number in 0..workspace_count {
                let id = store.create_workspace(format!("w{number}")).await.expect("made");
                store.grant(grant(&id)).await.expect("granted");
                workspaces.push(id);
            }
            (store, workspaces)
        });
        group.bench_function(
            format!("hold and settle with usage, 64 clients, {name}"),
            |bencher| {
                bencher.iter_custom(|count| runtime.block_on(pairs(&store, &workspaces, count)));
            },
        );
        runtime.block_on(async {
            let report = store.verify().await.expect("verified");
            assert!(report.balances(), "{:#?}", report.faults);
            store.close().await.expect("closed");
        });
    }
    group.finish();
}

fn floor(criterion: &mut Criterion) {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let mut group = criterion.benchmark_group("floor");
    group.sample_size(10);
    for pairs in [1_usize, 32] {
        let mut file = File::create(dir.path().join(format!("raw{pairs}"))).expect("a file");
        let bytes = vec![7_u8; PAIR_BYTES * pairs];
        group.throughput(Throughput::Elements(u64::try_from(pairs).expect("small")));
        group.bench_function(format!("append and fdatasync, {pairs} pairs at once"), |bencher| {
            bencher.iter(|| {
                file.write_all(&bytes).expect("written");
                file.sync_data().expect("synced");
            });
        });
    }
    group.finish();
}

criterion_group!(benches, in_memory, floor, durable);
criterion_main!(benches);
