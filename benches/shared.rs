//! What a decision costs that all nodes make together: calls at once on one Redis, beside an empty
//! script on the same server in the same run.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, reason = "it is a bench")]

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use pixelgate::clock::{Clock, SystemClock};
use pixelgate::config::{Config, Lost, Redis, RedisAddress};
use pixelgate::limit::{Bounds, Limit, Of, Unit, Weight, Whose};
use pixelgate::turnstile::{Answer, Ask, Turnstile};

/// Of a run, and of one that only shows that it runs (`--test`).
const DECISIONS: u32 = 100_000;
const DECISIONS_OF_A_TEST: u32 = 2_000;
const AT_ONCE: usize = 32;
const KEYS: usize = 1_000;

fn main() {
    let is_test = std::env::args().any(|argument| argument == "--test");
    let decisions = if is_test { DECISIONS_OF_A_TEST } else { DECISIONS };
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut server = Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
        .stdout(Stdio::null())
        .spawn()
        .expect("`scripts/need redis-server` installs it");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(decide(port, decisions));
    empty_script(port, decisions);
    server.kill().unwrap();
    server.wait().unwrap();
}

fn limit(name: &str, most: u64, minutes: u64) -> Limit {
    let window = Duration::from_mins(minutes);
    Limit { name: name.to_owned(), unit: Unit::Requests, most, window, of: Of::Key, shadow: false }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
async fn decide(port: u16, decisions: u32) {
    let redis = Redis {
        address: RedisAddress::Known(format!("redis://127.0.0.1:{port}")),
        lost: Lost::Refuse,
        deadline: Duration::from_secs(2),
        in_flight_max: 1024,
    };
    let limits =
        pixelgate::config::Limits { redis: Some(redis), ..Config::defaults().unwrap().limits };
    let turnstile = Arc::new(Turnstile::open(&limits).unwrap());
    let clock = Arc::new(SystemClock::start());
    let mut keeper = tokio::task::JoinSet::new();
    {
        let (turnstile, clock) = (Arc::clone(&turnstile), Arc::clone(&clock));
        keeper.spawn(async move { turnstile.keep(&*clock).await });
    }
    turnstile.ready().await;
    let two = [limit("5 minutes", 50, 5), limit("hour", 200, 60)];
    let wide = [limit("5 minutes", 1_000_000, 5), limit("hour", 2_000_000, 60)];
    for (name, limits, at_once) in [
        ("two exact windows, mostly full", &two, None),
        ("two windows of sub-windows, never full", &wide, None),
        ("two exact windows and a lease", &two, Some(64)),
    ] {
        let bounds = Bounds::of_plan(limits, at_once);
        let asks: Vec<Ask> = (0..KEYS)
            .map(|key| {
                let key = format!("{name}{key}");
                let whose = Whose { key: &key, workspace: "w", plan: "p" };
                let places = bounds.iter().map(|one| (one.subject(whose), Arc::clone(one)));
                Ask { places: places.collect(), weight: Weight::default() }
            })
            .collect();
        let began = Instant::now();
        let passed = stream::iter(asks.iter().cycle().take(decisions as usize))
            .map(|ask| turnstile.admit(ask, clock.now()))
            .buffer_unordered(AT_ONCE)
            .filter(|answer| std::future::ready(matches!(answer, Answer::Passed { .. })))
            .count()
            .await;
        let each = f64::from(decisions) / began.elapsed().as_secs_f64();
        println!("{name}: {each:.0} decisions/s, {passed} of {decisions} passed");
    }
}

/// What the server does at most: the same number of calls of a script that does nothing.
fn empty_script(port: u16, decisions: u32) {
    let said = Command::new("redis-benchmark")
        .args(["-p", &port.to_string(), "-c", &AT_ONCE.to_string(), "-n", &decisions.to_string()])
        .args(["-q", "EVAL", "return 1", "1", "{pixelgate}:none"])
        .output()
        .expect("`scripts/need redis-benchmark` installs it");
    println!("{}", String::from_utf8_lossy(&said.stdout).trim());
}
