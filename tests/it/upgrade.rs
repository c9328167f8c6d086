//! One process takes over from another while both are under load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinHandle;

use crate::clerk::Clerk;
use crate::crash::spent;
use crate::jobs::{asked, ended, ordering};
use crate::nodes::Shared;
use crate::vendor::{Answers, FakeVendor, spawn};
use crate::world::{OPENAI, PAINTED, World};

/// A world whose pictures come from this vendor, one credit each.
fn remote(vendor: &FakeVendor, config: &str) -> World {
    let policy = format!(
        "{PAINTED}\n{}\n[models.remote]\ndeadline = \"30s\"\nprice = [{{ image = \"1\" }}]\nofferings = [{{ vendor = \"acme\", sizes = [\"64x64\"], cost = [{{ image = \"1\" }}] }}]\n",
        vendor.policy("acme", "openai").replace("\"2s\"", "\"20s\"")
    );
    World::with(&policy, "100000", config)
}

/// Clients that keep their connections and ask one request after the other.
struct Load {
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<u32>>,
}

impl Load {
    fn on(world: &World, clients: usize) -> Self {
        Self::of(&asking(world), clients)
    }

    /// The same, with a connection for each request.
    fn anew(world: &World, clients: usize) -> Self {
        Self::of(&asking(world).header("connection", "close"), clients)
    }

    fn of(request: &reqwest::RequestBuilder, clients: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let ask = |_| spawn(ask_until(Arc::clone(&stop), request.try_clone().unwrap()));
        Self { clients: (0..clients).map(ask).collect(), stop }
    }

    /// How many were served; every one was.
    async fn end(self) -> u32 {
        self.stop.store(true, Ordering::SeqCst);
        let mut served = 0;
        for client in self.clients {
            served += client.await.unwrap();
        }
        served
    }
}

fn asking(world: &World) -> reqwest::RequestBuilder {
    let asked = json!({"model": "remote", "prompt": "a fox", "size": "64x64"});
    let request = world.client.post(format!("{}{OPENAI}", world.public));
    request.header("authorization", format!("Bearer {}", world.key)).body(asked.to_string())
}

async fn ask_until(stop: Arc<AtomicBool>, request: reqwest::RequestBuilder) -> u32 {
    let mut served = 0;
    while !stop.load(Ordering::SeqCst) {
        let reply = request.try_clone().unwrap().send().await.expect("an answer");
        let status = reply.status();
        let body = reply.bytes().await.expect("a whole answer");
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        served += 1;
    }
    served
}

/// Has this many more calls been made of the vendor.
async fn calls_go_on(vendor: &FakeVendor, more: usize) {
    let enough = vendor.calls() + more;
    let made = async {
        while vendor.calls() < enough {
            tokio::task::yield_now().await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(30), made).await;
    in_time.expect("the clients go on calling");
}

#[tokio::test(flavor = "multi_thread")]
async fn across_twenty_upgrades_under_load_no_request_fails() {
    let vendor = FakeVendor::start(Answers::OpenAi).await;
    vendor.now_takes(Duration::from_millis(30));
    let mut world = remote(&vendor, "");
    let load = Load::on(&world, 16);
    let mut before = Vec::new();
    for _ in 0..20 {
        calls_go_on(&vendor, 20).await;
        // Some calls last through the next upgrade, and some through several.
        let takes = if before.len() % 4 == 0 { 1_500 } else { 30 };
        vendor.now_takes(Duration::from_millis(takes));
        calls_go_on(&vendor, 4).await;
        vendor.now_takes(Duration::from_millis(30));
        before.push(tokio::task::block_in_place(|| world.hand_over()));
    }
    calls_go_on(&vendor, 20).await;
    let served = load.end().await;
    for before in before {
        tokio::task::block_in_place(|| before.ends_well());
    }
    assert_eq!(spent(&world), served, "each that was served was paid for once");
    assert_eq!(usize::try_from(served), Ok(vendor.calls()));
    world.verify();
    assert!(world.metrics().await.contains("\npixelgate_holds_open 0\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_take_over_one_right_after_the_other_fail_nobody() {
    let vendor = FakeVendor::start(Answers::OpenAi).await;
    let mut world = remote(&vendor, "");
    let load = Load::anew(&world, 16);
    calls_go_on(&vendor, 20).await;
    tokio::task::block_in_place(|| world.hand_on(20));
    calls_go_on(&vendor, 20).await;
    assert_eq!(load.end().await, spent(&world));
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_of_a_shared_store_are_upgraded_without_a_failure_too() {
    let vendor = FakeVendor::start(Answers::OpenAi).await;
    vendor.now_takes(Duration::from_millis(30));
    let shared = Shared::new();
    let mut world = remote(&vendor, &shared.config);
    let load = Load::on(&world, 8);
    for _ in 0..3 {
        calls_go_on(&vendor, 20).await;
        let before = tokio::task::block_in_place(|| world.hand_over());
        calls_go_on(&vendor, 20).await;
        tokio::task::block_in_place(|| before.ends_well());
    }
    let served = load.end().await;
    assert_eq!(spent(&world), served);
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_in_flight_is_answered_by_the_process_that_began_it_and_booked_by_the_next() {
    let vendor = FakeVendor::start(Answers::OpenAi).await;
    vendor.now_takes(Duration::from_secs(3));
    let mut world = remote(&vendor, "");
    let request = |name: &'static str| asking(&world).header("idempotency-key", name);
    let (slow, repeat, again) = (request("one"), request("one"), request("one"));
    let slow = spawn(async move { slow.send().await.unwrap() });
    calls_go_on(&vendor, 1).await;
    let before = tokio::task::block_in_place(|| world.hand_over());
    vendor.now_takes(Duration::ZERO);
    // The next process serves while the first still waits for its vendor.
    assert_eq!(world.paint().await.status, 200);
    assert!(!slow.is_finished());
    let told = repeat.send().await.unwrap();
    assert_eq!(told.status(), 409, "it is being worked on");
    let served = slow.await.unwrap();
    assert_eq!(served.status(), 200);
    assert_eq!(served.headers().get("connection").unwrap(), "close");
    let first = served.bytes().await.unwrap();
    tokio::task::block_in_place(|| before.ends_well());
    let replayed = again.send().await.unwrap();
    assert_eq!(replayed.status(), 200);
    assert_eq!(replayed.bytes().await.unwrap(), first);
    assert_eq!((vendor.calls(), spent(&world)), (1, 2));
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_finished_by_whoever_began_them_and_begun_by_whoever_took_over() {
    let (mut world, _vendor, clerk) = ordering(Clerk::default(), "[jobs]\nrunning_max = 1\n").await;
    let (running, waiting) = (asked(&world).await, asked(&world).await);
    clerk.is_asked().await;
    let before = tokio::task::block_in_place(|| world.hand_over());
    let late = asked(&world).await;
    clerk.serve();
    for id in [&running, &waiting, &late] {
        assert_eq!(ended(&world, id).await["status"], "completed");
    }
    tokio::task::block_in_place(|| before.ends_well());
    assert_eq!((clerk.placed(), world.available()), (3, "4".to_owned()));
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_could_not_serve_takes_nothing_over() {
    let world = World::painted("10");
    let sound = std::fs::read_to_string(world.policy_file()).unwrap();
    std::fs::write(world.policy_file(), "nonsense").unwrap();
    let tried = world.try_cli(&["serve", "--take-over"]);
    assert_eq!(tried.status.code(), Some(2));
    world.log_line("would take over did not");
    std::fs::write(world.policy_file(), sound).unwrap();
    assert_eq!(world.paint().await.status, 200);
    assert_eq!(world.available(), "9");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_serves_there_is_nothing_to_take_over_and_it_just_starts() {
    let mut world = World::painted("10");
    tokio::task::block_in_place(|| world.stop());
    let config = world.folder.path().join("gateway.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let fixed = |text: String, name: &str, url: &str| {
        let address = url.strip_prefix("http://").unwrap();
        text.replace(
            &format!("{name}.address = \"127.0.0.1:0\""),
            &format!("{name}.address = \"{address}\""),
        )
    };
    let text = fixed(fixed(text, "public", &world.public), "admin", &world.admin);
    std::fs::write(&config, text).unwrap();
    drop(tokio::task::block_in_place(|| world.hand_over()));
    assert_eq!(world.paint().await.status, 200);
}
