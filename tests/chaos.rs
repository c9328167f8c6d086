//! Faults under load: the real binary, real clients, a vendor that remembers what it drew. After
//! each fault the books are compared with what everyone saw, and a table says what came of it. Then
//! histories of many clients at once are replayed through the pure ledger.
//!
//! `cargo test --test chaos` plays each fault a few times; `scripts/chaos` plays them at length.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on should stop and say what it saw"
)]
#![expect(clippy::indexing_slicing, reason = "a test knows what it expects to find")]

#[path = "it/clerk.rs"]
#[expect(dead_code, reason = "other tests do more with it")]
mod clerk;
#[path = "postgres/server.rs"]
#[expect(dead_code, reason = "other tests do more with it")]
mod server;
#[path = "it/vendor.rs"]
#[expect(dead_code, reason = "other tests do more with it")]
mod vendor;
#[path = "it/world.rs"]
#[expect(dead_code, reason = "other tests do more with it")]
mod world;

mod chaos {
    pub(crate) mod arena;
    pub(crate) mod audit;
    pub(crate) mod embedded;
    pub(crate) mod history;
    pub(crate) mod load;
    pub(crate) mod nodes;
    pub(crate) mod options;
    pub(crate) mod proxy;
    pub(crate) mod table;
    pub(crate) mod weather;
}

use chaos::embedded;
use chaos::history::{self, History};
use chaos::nodes::{self, RedisFault, Shared};
use chaos::options::Options;
use chaos::table::{Row, heading};

/// Plays a fault if it is asked for, and keeps its row.
macro_rules! play {
    ($options:expr, $done:expr, $name:literal, $fault:expr) => {
        if $options.wants($name) {
            let done = $fault.await;
            println!("{done}");
            $done.push(done);
        }
    };
}

fn main() {
    let Some(options) = Options::read(std::env::args().skip(1)) else { return };
    println!("seed {}", options.seed);
    // Side by side: each waits a good deal.
    let ((mut rows, mut histories), (more_rows, more_histories)) = std::thread::scope(|scope| {
        let of_one = scope.spawn(|| run(of_one_gateway(&options)));
        let of_several = scope.spawn(|| run(of_several(&options)));
        (of_one.join().unwrap(), of_several.join().unwrap())
    });
    rows.extend(more_rows);
    histories.extend(more_histories);
    tell(&options, &rows, &histories);
}

fn run<T>(faults: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(faults)
}

fn tell(options: &Options, rows: &[Row], histories: &[History]) {
    println!("\nseed {}\n{}", options.seed, heading());
    for row in rows {
        println!("{row}");
    }
    for history in histories {
        println!("{history}");
    }
    let good = rows.iter().filter(|row| row.is_good()).count()
        + histories.iter().filter(|history| history.unequal.is_empty()).count();
    let bad = rows.len() + histories.len() - good;
    let verdict = if bad == 0 { "ok" } else { "FAILED" };
    println!("\ntest result: {verdict}. {good} passed; {bad} failed");
    assert!(bad == 0, "play it again with: scripts/chaos --seed {}", options.seed);
}

/// What can befall one gateway on its own disk.
async fn of_one_gateway(options: &Options) -> (Vec<Row>, Vec<History>) {
    let Options { seed, kills, times, seeds, .. } = *options;
    let (mut rows, mut histories) = (Vec::new(), Vec::new());
    embedded::audited(seed).await;
    play!(options, rows, "killed", embedded::killed(seed, kills));
    play!(options, rows, "powerless", embedded::powerless(seed, times * 3));
    play!(options, rows, "unsynced", embedded::unsynced(seed, times * 2));
    play!(options, rows, "full", embedded::full(seed, times));
    play!(options, rows, "found-full", embedded::found_full(seed, times));
    play!(options, rows, "jumped", embedded::jumped(seed, times * 3));
    play!(options, rows, "late", embedded::late(seed, times.div_ceil(3)));
    play!(options, histories, "history", history::embedded(seed, seeds));
    (rows, histories)
}

/// What can befall several that share their stores.
async fn of_several(options: &Options) -> (Vec<Row>, Vec<History>) {
    let Options { seed, times, seeds, .. } = *options;
    let (mut rows, mut histories) = (Vec::new(), Vec::new());
    if !options.wants_any("shared") {
        return (rows, histories);
    }
    let shared = &tokio::task::block_in_place(|| Shared::begin(seed));
    play!(options, rows, "shared-restarted", nodes::restarted(shared, seed, times));
    play!(options, rows, "shared-failed-over", nodes::failed_over(seed, times.div_ceil(2)));
    play!(options, rows, "shared-partitioned", nodes::partitioned(shared, seed, times.max(2)));
    play!(options, rows, "shared-slow", nodes::slow(shared, seed, times));
    play!(options, rows, "shared-one-killed", nodes::one_killed(shared, seed, times + 1));
    play!(options, rows, "shared-jumped", nodes::jumped(shared, seed, times * 2));
    for fault in [RedisFault::Restarted, RedisFault::Flushed, RedisFault::Partitioned] {
        play!(options, rows, "shared-redis", nodes::redis(shared, (seed, times), fault));
    }
    play!(options, histories, "shared-history", history::shared(&shared.server, seed, seeds));
    (rows, histories)
}
