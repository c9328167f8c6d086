//! Faults under load: the real binary, real clients, a vendor that remembers what it drew. After
//! each fault the books are compared with what everyone saw, and a table says what came of it.
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
    pub(crate) mod load;
    pub(crate) mod nodes;
    pub(crate) mod options;
    pub(crate) mod proxy;
    pub(crate) mod table;
    pub(crate) mod weather;
}

use chaos::options::Options;
use chaos::table::{Row, heading};
use chaos::nodes::{self, RedisFault, Shared};
use chaos::embedded;

fn main() {
    let Some(options) = Options::read(std::env::args().skip(1)) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let rows = runtime.block_on(play(&options));
    let (good, bad): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| row.is_good());
    println!("\nseed {}\n{}", options.seed, heading());
    for row in &rows {
        println!("{row}");
    }
    let verdict = if bad.is_empty() { "ok" } else { "FAILED" };
    println!("\ntest result: {verdict}. {} passed; {} failed", good.len(), bad.len());
    assert!(bad.is_empty(), "play it again with: scripts/chaos --seed {}", options.seed);
}

async fn play(options: &Options) -> Vec<Row> {
    let Options { seed, kills, times, .. } = *options;
    let mut rows = Vec::new();
    println!("seed {seed}");
    /// Plays a fault, if it is asked for.
    macro_rules! play {
        ($name:literal, $fault:expr) => {
            if options.wants($name) {
                let row = $fault.await;
                println!("{row}");
                rows.push(row);
            }
        };
    }
    play!("killed", embedded::killed(seed, kills));
    play!("powerless", embedded::powerless(seed, times * 4));
    play!("unsynced", embedded::unsynced(seed, times * 2));
    play!("full", embedded::full(seed, times));
    play!("jumped", embedded::jumped(seed, times * 4));
    play!("late", embedded::late(seed, times.div_ceil(3)));
    if !options.wants_any("shared") {
        return rows;
    }
    let shared = &tokio::task::block_in_place(|| Shared::begin(seed));
    play!("shared-restarted", nodes::restarted(shared, seed, times));
    play!("shared-failed-over", nodes::failed_over(shared, seed, times));
    play!("shared-partitioned", nodes::partitioned(shared, seed, times.max(2)));
    play!("shared-slow", nodes::slow(shared, seed, times));
    play!("shared-one-killed", nodes::one_killed(shared, seed, times));
    play!("shared-jumped", nodes::jumped(shared, seed, times * 2));
    play!("shared-redis-restarted", nodes::redis(shared, seed, RedisFault::Restarted));
    play!("shared-redis-flushed", nodes::redis(shared, seed, RedisFault::Flushed));
    play!("shared-redis-partitioned", nodes::redis(shared, seed, RedisFault::Partitioned));
    rows
}
