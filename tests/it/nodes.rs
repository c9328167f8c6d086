//! Several gateways on one PostgreSQL: they sell the same credits, and one may die.

use std::io::Write as _;

use serde_json::json;
use tempfile::NamedTempFile;

use crate::server::{database_of, server};
use crate::shared::Redis;
use crate::vendor::{Answers, FakeVendor};
use crate::world::{OPENAI, PAINTED, World};

/// A database of one's own, and the config of gateways on it. Pictures would be in a bucket; here
/// they are given inline.
pub(crate) struct Shared {
    pub(crate) config: String,
    pub(crate) url: String,
    _secret: NamedTempFile,
}

impl Shared {
    pub(crate) fn new() -> Self {
        Self::of(server().new_database())
    }

    /// Gateways that reach the database by this address.
    pub(crate) fn of(url: String) -> Self {
        let mut secret = NamedTempFile::new().unwrap();
        secret.write_all(url.as_bytes()).unwrap();
        let config = format!(
            "store.postgres = \"file:{}\"\nmedia.place = \"s3://nowhere\"\n\
             media.s3_endpoint = \"http://127.0.0.1:9\"\n",
            secret.path().display()
        );
        Self { config, url, _secret: secret }
    }

    /// The database takes nobody any more, and lets go of everyone.
    pub(crate) fn goes_away(&self) {
        let name = database_of(&self.url);
        server().run("postgres", &format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"));
        let ending = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        );
        server().run("postgres", &ending);
    }

    pub(crate) fn comes_back(&self) {
        server().run(
            "postgres",
            &format!("ALTER DATABASE {} ALLOW_CONNECTIONS true", database_of(&self.url)),
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_calls_on_three_gateways_as_many_succeed_as_there_are_credits_for() {
    let shared = Shared::new();
    let one = World::with(PAINTED, "137", &shared.config);
    let nodes = [one.another_node(), one.another_node(), one];
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..1_000 {
        let world = &nodes[number % 3];
        let asked = json!({"model": "paint", "prompt": "a fox", "size": "32x32"}).to_string();
        let request = world
            .client
            .post(format!("{}{OPENAI}", world.public))
            .header("authorization", format!("Bearer {}", world.key))
            .body(asked);
        calls.spawn(ask_until_told(request));
    }
    let told = calls.join_all().await;
    assert_eq!(told.iter().filter(|status| **status == 200).count(), 137);
    assert!(told.iter().all(|status| [200, 402].contains(status)), "{told:?}");
    for world in &nodes {
        world.verify();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_is_killed_in_mid_flight_takes_nothing_with_it() {
    let vendor = FakeVendor::start(Answers::OpenAi).await;
    vendor.now_takes(std::time::Duration::from_millis(20));
    let policy = format!(
        "{PAINTED}\n{}\n[models.remote]\ndeadline = \"2s\"\nprice = [{{ image = \"1\" }}]\nofferings = [{{ vendor = \"acme\", sizes = [\"64x64\"], cost = [{{ image = \"1\" }}] }}]\n",
        vendor.policy("acme", "openai")
    );
    let shared = Shared::new();
    let stays = World::with(&policy, "100000", &shared.config);
    let mut dies = stays.another_node();
    let mut succeeded = 0_u32;
    for _ in 0..2 {
        let enough = vendor.calls() + 100;
        let calls: Vec<_> = [&stays, &dies]
            .into_iter()
            .flat_map(|world| std::iter::repeat_n(world, 8))
            .map(|world| {
                let asked = json!({"model": "remote", "prompt": "a fox", "size": "64x64"});
                let request = world
                    .client
                    .post(format!("{}{OPENAI}", world.public))
                    .header("authorization", format!("Bearer {}", world.key))
                    .body(asked.to_string());
                crate::vendor::spawn(ask_so_often(request, 40))
            })
            .collect();
        while vendor.calls() < enough {
            tokio::task::yield_now().await;
        }
        dies = tokio::task::block_in_place(|| dies.kill_and_restart());
        for call in calls {
            succeeded += call.await.unwrap();
        }
        stays.verify();
    }
    let spent: u32 = crate::crash::spent(&stays);
    let drawn = u32::try_from(vendor.calls()).unwrap();
    assert!(succeeded >= 2 * 8 * 40, "the gateway that stays serves all the while");
    assert!(succeeded <= spent, "{succeeded} clients saw success, {spent} were paid for");
    assert!(spent <= drawn, "{spent} were paid for, {drawn} were drawn");
}

/// So many calls at once, over all nodes; how many were served, and what the others were told.
pub(crate) async fn paint_at_once(nodes: &[World], calls: usize) -> (usize, Vec<String>) {
    let asked = (0..calls).map(|number| nodes[number % nodes.len()].paint());
    let replies = futures_util::future::join_all(asked).await;
    let no = replies.iter().filter(|reply| reply.status != 200);
    let words = no.map(|reply| {
        assert_eq!(reply.status, 429, "{}", reply.json());
        reply.json()["error"]["message"].as_str().unwrap().to_owned()
    });
    let words: Vec<String> = words.collect();
    (calls - words.len(), words)
}

#[tokio::test(flavor = "multi_thread")]
async fn three_gateways_that_share_both_stores_keep_quotas_in_one_and_windows_in_the_other() {
    let (shared, redis) = (Shared::new(), Redis::start());
    let bounds = r#"limits = [{ name = "everyone", requests = 50, per = "5m", of = "plan" }]
quotas = [{ name = "day", credits = "30", per = "day", of = "workspace" },
          { name = "sharp", megapixels = 1, per = "day", of = "workspace" }]"#;
    let policy = PAINTED.replace("concurrency_max = 1000", bounds);
    let config = format!("{}{}", shared.config, redis.config(""));
    let one = tokio::task::block_in_place(|| World::with(&policy, "100", &config));
    let nodes = tokio::task::block_in_place(|| [one.another_node(), one.another_node(), one]);
    let (served, told) = paint_at_once(&nodes, 45).await;
    assert_eq!(served, 30, "{told:?}");
    assert!(told.iter().all(|words| words.contains("`day` of 30 credits")), "{told:?}");
    assert_eq!(nodes[2].available(), "70");
    for world in &nodes {
        world.verify();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_gateways_that_share_both_stores_admit_as_many_as_one() {
    let (shared, redis) = (Shared::new(), Redis::start());
    let bounds = r#"limits = [{ name = "everyone", requests = 50, per = "5m", of = "plan" }]"#;
    let policy = PAINTED.replace("concurrency_max = 1000", bounds);
    let config = format!("{}{}", shared.config, redis.config(""));
    let one = tokio::task::block_in_place(|| World::with(&policy, "100", &config));
    let nodes = tokio::task::block_in_place(|| [one.another_node(), one.another_node(), one]);
    let (served, told) = paint_at_once(&nodes, 90).await;
    assert_eq!(served, 50, "{told:?}");
    assert!(told.iter().all(|words| words.contains("`everyone`")), "{told:?}");
    // One that starts now finds what was admitted in both, and counts it once.
    let late = tokio::task::block_in_place(|| nodes[0].another_node());
    assert_eq!(paint_at_once(&[late], 3).await.0, 0);
    assert_eq!(nodes[1].available(), "50");
}

#[test]
fn a_config_without_a_place_for_all_nodes_pictures_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.toml");
    std::fs::write(&file, "[store]\npostgres = \"env:NOWHERE\"\n").unwrap();
    let refused = std::process::Command::new(env!("CARGO_BIN_EXE_pixelgate"))
        .arg("--config")
        .arg(&file)
        .arg("serve")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("media.place"), "{said}");
}

/// Asks until it is said yes or no: a machine that is busy may make some wait too long.
async fn ask_until_told(request: reqwest::RequestBuilder) -> u16 {
    loop {
        let reply = request.try_clone().unwrap().send().await.unwrap();
        if reply.status() != 503 {
            return reply.status().as_u16();
        }
    }
}

/// Asks so often, or until nobody answers; returns how often it was served.
async fn ask_so_often(request: reqwest::RequestBuilder, times: u32) -> u32 {
    let mut served = 0;
    for _ in 0..times {
        let Ok(reply) = request.try_clone().unwrap().send().await else { break };
        assert_eq!(reply.status(), 200);
        served += 1;
    }
    served
}
