//! What a node admits by its share is told, whenever the server can be told.

use super::nodes::{Node, fifty, nodes};
use super::*;
use crate::clock::ManualClock;
use crate::turnstile::Answer;
use crate::turnstile::memory::Memory;

const SHARE: Policy = Policy::LocalShare { nodes: 2 };

/// Fifty images for a workspace.
fn images() -> Vec<Arc<Bounds>> {
    Bounds::of_plan(&[limit(Unit::Images, 50, 300_000, Of::Workspace, false)], None)
}

/// Waits until the server was told of so many of fifty. One of them has to be this node's: then
/// fifty are refused, and the refusal tells what is left.
async fn told(node: &Node, bounds: &[Arc<Bounds>], wanted: u64) {
    let all = ask(bounds, "a", Weight { images: 50, ..one(0) });
    let until = tokio::time::Instant::now() + Duration::from_secs(5);
    loop {
        let told = match node.ask(&all).await {
            Answer::Denied(denial) => 50 - denial.standings[0].remaining,
            Answer::Passed { .. } | Answer::Lost => 0,
        };
        if told == wanted {
            return;
        }
        assert!(tokio::time::Instant::now() < until, "{told} of {wanted} were told");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_by_share_because_too_many_ask_at_once_is_told_at_the_next_beat() {
    let server = Server::start();
    let crowded = Node::with(Redis { in_flight_max: 0, ..settings(&server, SHARE) });
    let other = &nodes(&server, 1, SHARE).await[0];
    crowded.turnstile.ready().await;
    let bounds = images();
    assert_eq!(other.count(&ask(&bounds, "a", one(0)), 1).await, 1);
    for told_before in [0, 10] {
        assert_eq!(crowded.count(&ask(&bounds, "a", one(0)), 10).await, 10);
        told(other, &bounds, 1 + told_before + 10).await;
    }
}

#[tokio::test]
async fn what_is_taken_back_or_was_less_is_not_owed() {
    let server = Server::start();
    let crowded = Node::with(Redis { in_flight_max: 0, ..settings(&server, SHARE) });
    let (shared, _) = crowded.turnstile.shared.as_ref().unwrap();
    let asked = ask(&images(), "a", Weight { nanos: 9, ..one(0) });
    for _ in 0..2 {
        let Answer::Passed { lease, .. } = crowded.ask(&asked).await else { panic!("it passes") };
        lease.unspent();
        assert_eq!(shared.owed.lock().last().unwrap().ask.weight.nanos, 0);
        lease.take_back();
        assert!(shared.owed.lock().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_by_share_while_an_era_has_not_begun_is_told_too() {
    let server = Server::start();
    let nodes = nodes(&server, 2, SHARE).await;
    let bounds = images();
    let ask = ask(&bounds, "a", one(0));
    assert_eq!(nodes[0].count(&ask, 10).await, 10);
    redis::cmd("FLUSHALL").exec(&mut server.connection()).unwrap();
    assert_eq!(nodes[0].count(&ask, 5).await, 5);
    until_told_in_a_new_era(&server).await;
    assert_eq!(nodes[0].count(&ask, 7).await, 7, "the era has not begun");
    for node in &nodes {
        until_up(node).await;
    }
    let passed = nodes[1].count(&ask, 50).await;
    // What passed just while it was told may be told twice.
    assert!((28 - 5..=28).contains(&passed), "{passed} passed beside 22");
}

/// Waits until some node has told a new era what it remembers; it is quiet then for two seconds.
async fn until_told_in_a_new_era(server: &Server) {
    let mut connection = server.connection();
    let until = tokio::time::Instant::now() + Duration::from_secs(5);
    loop {
        let found: Vec<String> =
            redis::cmd("KEYS").arg("*:workspace/w").query(&mut connection).unwrap();
        if !found.is_empty() {
            return;
        }
        assert!(tokio::time::Instant::now() < until, "nothing was told");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until the server decides again. Whoever asks first may find out only then that it forgot.
async fn until_up(node: &Node) {
    let nobody = ask(&fifty(None), "c", one(0));
    let until = tokio::time::Instant::now() + Duration::from_secs(10);
    loop {
        node.turnstile.ready().await;
        let _ = node.turnstile.take_decided();
        let _ = node.ask(&nobody).await;
        if node.turnstile.take_decided().shared == 1 {
            return;
        }
        assert!(tokio::time::Instant::now() < until, "the server was never found again");
    }
}

#[tokio::test]
async fn what_cannot_be_told_stays_owed_and_the_rest_is_told_once() {
    let server = Server::start();
    let mut direct = server.connection();
    redis::cmd("SET").arg("{pixelgate}:era").arg("test:0").exec(&mut direct).unwrap();
    let shared = Shared::new(settings(&server, SHARE), &server.address()).unwrap();
    let connection = shared.client.get_multiplexed_async_connection().await.unwrap();
    let (bounds, clock) = (fifty(None), ManualClock::at(at(0)));
    let bad = windows_key("test", &ask(&bounds, "c", one(0)).places[0].0);
    redis::cmd("LPUSH").arg(&bad).arg("no windows").exec(&mut direct).unwrap();
    for _ in 0..3 {
        for key in ["c", "a"] {
            shared.owe(&ask(&bounds, key, one(0)), 0);
        }
    }
    assert!(shared.pay(&connection, "test", &clock).await.is_err());
    assert_eq!(shared.owed.lock().len(), 3);
    redis::cmd("DEL").arg(&bad).exec(&mut direct).unwrap();
    shared.pay(&connection, "test", &clock).await.unwrap();
    assert!(shared.owed.lock().is_empty());
    *shared.link.write() = Some(Link { connection, era: "test".into(), number: 1 });
    for key in ["a", "c"] {
        match shared.admit(&ask(&bounds, key, one(0))).await {
            Ok(Verdict::Passed { standings, .. }) => assert_eq!(standings[0].0, 3 + 1, "{key}"),
            _ => panic!("{key} does not pass"),
        }
    }
    assert_eq!(shared.let_go.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn an_era_that_could_not_be_told_everything_is_told_although_it_is_new_no_more() {
    let server = Server::start();
    let mut direct = server.connection();
    let about: String = redis::cmd("INFO").arg("server").query(&mut direct).unwrap();
    let run = about.lines().find_map(|line| line.strip_prefix("run_id:")).unwrap();
    for (key, value) in [("{pixelgate}:era", "test:0"), ("{pixelgate}:era:run", run)] {
        redis::cmd("SET").arg(key).arg(value).exec(&mut direct).unwrap();
    }
    let shared = Shared::new(settings(&server, SHARE), &server.address()).unwrap();
    let (memory, clock) = (Memory::default(), ManualClock::at(at(0)));
    let asked = ask(&fifty(None), "a", one(0));
    memory.remember(&asked, 0);
    let bad = windows_key("test", &asked.places[1].0);
    redis::cmd("LPUSH").arg(&bad).arg("no windows").exec(&mut direct).unwrap();
    let mut owes_all = false;
    assert!(shared.find(&memory, &clock, Some("before"), &mut owes_all).await.is_err());
    redis::cmd("DEL").arg(&bad).exec(&mut direct).unwrap();
    // As a process that was just started looks for it again.
    let found = shared.find(&memory, &clock, None, &mut owes_all).await;
    let (connection, era, _) = found.unwrap();
    assert!(!owes_all);
    *shared.link.write() = Some(Link { connection, era, number: 1 });
    match shared.admit(&asked).await {
        Ok(Verdict::Passed { standings, .. }) => assert_eq!(standings[0].0, 1 + 1),
        _ => panic!("it does not pass"),
    }
}

#[tokio::test]
async fn of_what_is_owed_no_more_is_kept_than_may_be_and_the_rest_is_counted() {
    let mut server = Server::start();
    let shared = Shared::new(settings(&server, SHARE), &server.address()).unwrap();
    let connection = shared.client.get_multiplexed_async_connection().await.unwrap();
    let ask = ask(&fifty(None), "a", one(0));
    for _ in 0..OWED_MAX + 2 {
        shared.owe(&ask, 0);
    }
    assert_eq!(shared.let_go.load(Ordering::Relaxed), 2);
    server.process.kill().unwrap();
    let clock = ManualClock::at(at(0));
    assert!(shared.pay(&connection, "test", &clock).await.is_err());
    assert_eq!(shared.owed.lock().len(), OWED_MAX, "all of it is still owed");
    assert_eq!(shared.let_go.load(Ordering::Relaxed), 2);
}
