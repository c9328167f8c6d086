//! What is stuck is told and ends readiness, what nearly is is told, and systemd hears how it stands.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use crate::nodes::Shared;
use crate::vendor::{Answers, FakeVendor};
use crate::world::{OPENAI, PAINTED, Reply, World, read};

/// How long anything may take to be told.
const PATIENCE: Duration = Duration::from_mins(1);

async fn readiness(world: &World) -> Reply {
    read(world.client.get(format!("{}/readyz", world.admin))).await
}

/// Asks whether it is ready until it says so with this status; what it says.
async fn until_readiness(world: &World, status: u16) -> String {
    let began = Instant::now();
    loop {
        let told = readiness(world).await;
        let text = String::from_utf8(told.bytes).unwrap();
        if told.status == status {
            return text;
        }
        assert!(began.elapsed() < PATIENCE, "it stays {}: {text}", told.status);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn until_metric(world: &World, line: &str) {
    let began = Instant::now();
    loop {
        let metrics = world.metrics().await;
        if metrics.lines().any(|own| own == line) {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "never {line}: {metrics}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A lock on the entries of a database: nobody gets on with the books.
struct Held(tokio_postgres::Client);

impl Held {
    #[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
    async fn connect(shared: &Shared) -> Self {
        let connecting = tokio_postgres::connect(&shared.url, tokio_postgres::NoTls);
        let (client, connection) = connecting.await.unwrap();
        tokio::spawn(connection);
        Self(client)
    }

    async fn hold(&self) {
        self.0.batch_execute("BEGIN; LOCK TABLE entry IN ACCESS EXCLUSIVE MODE").await.unwrap();
    }

    async fn let_go(self) {
        self.0.batch_execute("ROLLBACK").await.unwrap();
    }
}

/// How many of these log lines hold this.
fn lines(log: &[String], with: &str) -> usize {
    log.iter().filter(|line| line.contains(with)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_ends_nothing_is_told_of_and_ends_readiness_until_it_goes_on() {
    let shared = Shared::new();
    let config = format!("{}watchdog.store_writer = \"1s\"\n", shared.config);
    let mut world = World::with(PAINTED, "10", &config);
    assert_eq!(until_readiness(&world, 200).await, "ready\n");
    let held = Held::connect(&shared).await;
    held.hold().await;
    let watching = async {
        let told = until_readiness(&world, 503).await;
        assert_eq!(told, "the writer of the store is stuck; look at its disk or database\n");
        held.let_go().await;
        assert_eq!(until_readiness(&world, 200).await, "ready\n");
    };
    let (reply, ()) = tokio::join!(world.paint(), watching);
    assert!([200, 503].contains(&reply.status), "{reply:?}");
    until_metric(&world, "pixelgate_stuck{what=\"store_writer\"} 0").await;
    let found = world.metrics().await;
    assert!(!found.contains("pixelgate_stuck_found_total{what=\"store_writer\"} 0"), "{found}");
    assert!(world.stop().success());
    let log = world.rest_of_log();
    let began = lines(&log, "the writer of the store is stuck");
    assert!(began > 0);
    assert_eq!(lines(&log, "what was stuck goes on"), began, "{log:#?}");
}

/// A gateway on a database, with a model `remote` whose vendor takes a while, and with bounds that its
/// requests outlive when they cannot be settled.
async fn slow_world(shared: &Shared) -> (World, FakeVendor) {
    let vendor = FakeVendor::start(Answers::OpenAi).await;
    // Below its timeout.
    vendor.now_takes(Duration::from_millis(1_500));
    let policy = format!(
        "{PAINTED}\n{}\n[models.remote]\ndeadline = \"2s\"\nprice = [{{ image = \"1\" }}]\n\
         offerings = [{{ vendor = \"acme\", sizes = [\"64x64\"], cost = [{{ image = \"1\" }}] }}]\n",
        vendor.policy("acme", "openai")
    );
    let bounds = "watchdog.request_grace = \"1s\"\njobs.time_max = \"3s\"\n";
    (World::with(&policy, "10", &format!("{}{bounds}", shared.config)), vendor)
}

/// Lets what the vendor draws not be settled until the request is found stuck.
async fn keep_from_settling(world: &World, vendor: &FakeVendor, shared: &Shared) {
    let held = Held::connect(shared).await;
    while vendor.calls() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    held.hold().await;
    until_metric(world, "pixelgate_stuck{what=\"requests\"} 1").await;
    assert_eq!(readiness(world).await.status, 200, "one request is no reason to go elsewhere");
    held.let_go().await;
    until_metric(world, "pixelgate_stuck{what=\"requests\"} 0").await;
    until_metric(world, "pixelgate_stuck_found_total{what=\"requests\"} 1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_long_past_its_deadline_is_told_of_once_and_traffic_still_comes() {
    let shared = Shared::new();
    let (mut world, vendor) = slow_world(&shared).await;
    let asked = json!({"model": "remote", "prompt": "a fox", "size": "64x64"});
    let keeping = keep_from_settling(&world, &vendor, &shared);
    let (reply, ()) = tokio::join!(world.post(OPENAI, &asked), keeping);
    assert_eq!(reply.status, 200, "{reply:?}");
    let request_id = reply.header("x-request-id").unwrap();
    assert!(world.stop().success());
    let log = world.rest_of_log();
    let told: Vec<&String> =
        log.iter().filter(|line| line.contains("long past their deadlines")).collect();
    assert!(matches!(told[..], [line] if line.contains(request_id)), "{told:#?}");
    assert_eq!(lines(&log, "what was stuck goes on"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_long_past_its_time_is_told_of_though_nobody_waits_for_it() {
    let shared = Shared::new();
    let (world, vendor) = slow_world(&shared).await;
    let asked = json!({"model": "remote", "prompt": "a fox", "size": "64x64"});
    let accepted = world.post_with(OPENAI, &asked, &[("prefer", "respond-async")]).await;
    assert_eq!(accepted.status, 202, "{accepted:?}");
    keep_from_settling(&world, &vendor, &shared).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_nearly_full_is_told_of_while_everything_is_still_served() {
    let world = World::with(PAINTED, "10", "store.free_min = \"4000000GiB\"\n");
    until_metric(&world, "pixelgate_store_nearly_full 1").await;
    let told = readiness(&world).await;
    assert_eq!(told.status, 200);
    assert_eq!(told.bytes, b"ready; the store's disk is nearly full\n");
    assert_eq!(world.paint().await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn systemd_hears_when_it_serves_that_it_lives_and_when_it_stops() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("notify");
    let heard = UnixDatagram::bind(&place).unwrap();
    heard.set_read_timeout(Some(PATIENCE)).unwrap();
    let said = || {
        let mut bytes = [0; 256];
        let read = heard.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..read].to_vec()).unwrap()
    };
    let until = |wanted: &str| while !said().lines().any(|line| line == wanted) {};
    let place = place.to_str().unwrap();
    let mut world = World::with_environment(PAINTED, "10", "", &[("NOTIFY_SOCKET", place)]);
    until("READY=1");
    until("WATCHDOG=1");
    until("WATCHDOG=1");
    assert!(world.stop().success());
    until("STOPPING=1");
    // Nothing ends before the process does, and its end is no fault.
    assert_eq!(lines(&world.rest_of_log(), "what should never end has ended"), 0);
}
