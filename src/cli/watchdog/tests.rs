//! A watchdog on gateways that serve nobody: what is stuck is found, and nothing else.

use std::os::unix::net::UnixDatagram;
use std::path::Path;

use parking_lot::Mutex;

use crate::clock::SystemClock;
use crate::config::Config;
use crate::gateway::Hands;
use crate::media::Media;
use crate::painter::Painter;
use crate::reload::LivePolicy;
use crate::store::Store;
use crate::telemetry::Telemetry;
use crate::upstream::Upstream;

use super::super::background::Background;
use super::*;

/// Until it is looked again whether something came to be.
const SOON: Duration = Duration::from_millis(20);

fn gateway(folder: &Path) -> Arc<Gateway> {
    let policies = folder.join("policies");
    std::fs::create_dir_all(&policies).unwrap();
    std::fs::write(policies.join("policy.toml"), "[plans.open]\nmodels = [\"*\"]\n").unwrap();
    let clock = Arc::new(SystemClock::start());
    let config = Config::parse("[watchdog]\nruntime = \"1s\"\n").unwrap();
    let painter = Painter::new(1).into_vendor();
    let hands = Hands {
        policy: Arc::new(LivePolicy::load(&policies).unwrap()),
        store: Store::open(folder, Arc::clone(&clock) as _).unwrap(),
        upstream: Arc::new(Upstream::new(painter, Arc::clone(&clock) as _)),
        media: Media::open(&config.library, folder, 1).unwrap(),
        telemetry: Telemetry::new(0).unwrap(),
        jobs: config.jobs,
        input_pictures: config.input_pictures,
        limits: config.limits,
        turnstile: Arc::default(),
        webhooks: config.webhooks,
        watchdog: config.watchdog,
    };
    Gateway::new(clock, hands)
}

fn metrics(gateway: &Gateway) -> String {
    String::from_utf8(gateway.telemetry.scrape()).unwrap()
}

#[tokio::test]
async fn a_runtime_that_does_not_get_round_to_its_beat_is_stuck_until_it_does() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = gateway(folder.path());
    let _background = Background::begin(&gateway).unwrap();
    // This thread is the whole runtime, and does not let go of it.
    while gateway.stuck().is_none() {
        thread::sleep(SOON);
    }
    let late = "the process does not get round to what is due";
    assert_eq!(gateway.stuck().as_deref(), Some(late));
    while gateway.stuck().is_some() {
        tokio::time::sleep(SOON).await;
    }
    let metrics = metrics(&gateway);
    assert!(metrics.contains("pixelgate_stuck{what=\"runtime\"} 0"), "{metrics}");
    assert!(metrics.contains("pixelgate_stuck_found_total{what=\"runtime\"} 1"), "{metrics}");
}

#[tokio::test]
async fn a_task_that_panics_is_told_of_and_one_that_is_ended_with_the_process_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = gateway(folder.path());
    let mut background = Background::begin(&gateway).unwrap();
    background.spawn("lives", std::future::pending());
    background.spawn("doomed", async { panic!("a fault of ours") });
    while gateway.stuck().is_none() {
        tokio::task::yield_now().await;
    }
    let told = "`doomed`, which should never end, has ended; restart the gateway";
    assert_eq!(gateway.stuck().as_deref(), Some(told));
    assert!(gateway.look_for_stuck(), "its writer writes and its runtime runs");
    gateway.stop_jobs();
    background.spawn("obedient", async {});
    background.shutdown().await;
    gateway.look_for_stuck();
    let metrics = metrics(&gateway);
    assert!(metrics.contains("pixelgate_stuck{what=\"background\"} 1"), "{metrics}");
    assert!(metrics.contains("pixelgate_stuck_found_total{what=\"background\"} 1"), "{metrics}");
}

#[test]
fn systemd_hears_of_life_only_while_all_is_well() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("notify");
    let heard = UnixDatagram::bind(&place).unwrap();
    let system = Systemd::at(place.to_str().unwrap()).unwrap();
    let (looks, told) = channel();
    let verdicts = Mutex::new((vec![true, false, false, true], Some(looks)));
    keep_looking((Duration::from_millis(1), &told), Some(&system), || {
        let (left, looks) = &mut *verdicts.lock();
        let is_well = left.pop().unwrap();
        if left.is_empty() {
            *looks = None;
        }
        is_well
    });
    heard.set_nonblocking(true).unwrap();
    let mut said = Vec::new();
    let mut bytes = [0; 64];
    while let Ok(read) = heard.recv(&mut bytes) {
        said.push(String::from_utf8(bytes[..read].to_vec()).unwrap());
    }
    assert_eq!(said, ["WATCHDOG=1", "WATCHDOG=1"]);
}
