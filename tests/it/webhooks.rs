//! Apps are told of the ends of their jobs: once if they listen, later if they do not, and never
//! where policy does not let them be.

use std::time::Duration;

use pixelgate::dialect::{self, Claim};
use serde_json::{Value, json};

use crate::receiver::{Receiver, Says, Told};
use crate::vendor::TlsVendor;
use crate::world::{OPENAI, PAINTED, Reply, World, read};

mod budgets;
mod documented;
mod faults;
mod refused;

const IMAGES: &str = "/v1/images";

pub(super) const NEW: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
const OLD: &str = "whsec_YWJjZGVmZ2hpamFiY2RlZmdoaWphYmNkZWZnaGlqYWI=";

/// A gateway with the painter, and what policy says of webhooks.
pub(super) struct Hooked {
    pub(super) world: World,
    /// Where the secrets are: they outlive the process.
    secrets: tempfile::TempDir,
}

/// The painter, with these receivers listed and waits that a test can wait for.
pub(super) fn hooked(receivers: &[&Receiver], also: &str, config: &str) -> Hooked {
    let secrets = tempfile::tempdir().unwrap();
    std::fs::write(secrets.path().join("new"), NEW).unwrap();
    std::fs::write(secrets.path().join("old"), OLD).unwrap();
    let hosts: Vec<String> = receivers.iter().map(|receiver| receiver.origin()).collect();
    let file = secrets.path().display();
    let patience = if also.contains("first_wait") { "" } else { "first_wait = \"1ms\"\n" };
    let listed = if also.contains("secrets") {
        also.replace("{secrets}", &file.to_string())
    } else {
        format!("{also}\nsecrets = [\"file:{file}/new\"]")
    };
    let policy = format!(
        "[defaults]\nmodel = \"paint\"\n{PAINTED}\n[webhooks]\ninside_hosts = {}\n{patience}{listed}\n",
        json!(hosts)
    );
    Hooked { world: World::with(&policy, "10", config), secrets }
}

impl Hooked {
    fn secret(&self) -> String {
        let policies = self.world.folder.path().join("policies");
        let policies = policies.to_str().unwrap();
        self.world.cli(&["webhook", "secret", &self.world.workspace, "--policy", policies])
    }

    /// Asks for a job whose end is to be told there, and returns its name.
    pub(super) async fn asked(&self, webhook: &str) -> String {
        let reply = ask(&self.world, IMAGES, &json!({"prompt": "a fox"}), webhook).await;
        assert_eq!(reply.status, 202, "{}", reply.json());
        reply.json()["id"].as_str().unwrap().to_owned()
    }

    /// Waits until this is among the metrics; what is counted follows what is written down.
    pub(super) async fn counted(&self, line: &str) {
        let found = async {
            while !self.world.metrics().await.contains(line) {
                tokio::task::yield_now().await;
            }
        };
        let found = tokio::time::timeout(Duration::from_secs(10), found).await;
        assert!(found.is_ok(), "there is no {line} in\n{}", self.world.metrics().await);
    }

    /// The same gateway after `kill -9`.
    pub(super) fn restarted(self) -> Self {
        let Self { world, secrets } = self;
        Self { world: world.kill_and_restart(), secrets }
    }

    /// The same, when everything that waits has become due.
    pub(super) fn restarted_when_due(self) -> Self {
        self.world.signal("-STOP");
        let file = self.world.folder.path().join("data/pixelgate.sqlite");
        let database = rusqlite::Connection::open(file).unwrap();
        database.execute("UPDATE notice SET at_ms = 0", []).unwrap();
        drop(database);
        self.restarted()
    }

    /// The same, once it is told or given up.
    pub(super) async fn over(&self, job: &str) -> (String, u32, Option<String>) {
        loop {
            let written = self.written(job);
            if written.0 != "waiting" {
                return written;
            }
            tokio::task::yield_now().await;
        }
    }

    /// What became of the notice of a job, how often it was tried and what was said last.
    pub(super) fn written(&self, job: &str) -> (String, u32, Option<String>) {
        let file = self.world.folder.path().join("data/pixelgate.sqlite");
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        let database = rusqlite::Connection::open_with_flags(file, flags).unwrap();
        let row = "SELECT ifnull(why, state), tries, answer FROM notice WHERE job = ?1";
        let row = database.query_row(row, [job], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
        row.unwrap()
    }
}

/// Asks to be answered later, and to be told there.
pub(super) async fn ask(world: &World, path: &str, body: &Value, webhook: &str) -> Reply {
    let request = world
        .client
        .post(format!("{}{path}", world.public))
        .header("authorization", format!("Bearer {}", world.key))
        .header("content-type", "application/json")
        .header("prefer", "respond-async")
        .header("pixelgate-webhook", webhook);
    read(request.body(body.to_string())).await
}

fn id_of(told: &Told) -> String {
    told.json()["data"]["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_is_told_of_its_job_and_can_prove_who_told_it() {
    let mut receiver = Receiver::saying(&[]).await;
    let hooked = hooked(&[&receiver], "", "");
    let id = hooked.asked(&receiver.webhook()).await;
    let told = receiver.next().await;
    assert_eq!(told.path, "/told?by=pixelgate");
    assert_eq!(told.header("webhook-id"), format!("msg_{}", id.strip_prefix("job_").unwrap()));
    assert_eq!(told.header("content-type"), "application/json");
    let secret = hooked.secret();
    assert!(told.is_signed_by(&secret), "{:?}", told.headers);
    assert!(!told.is_signed_by(NEW), "the operator's own secret signs for nobody");

    let body = told.json();
    let shown = hooked.world.get(&format!("/v1/jobs/{id}")).await.json();
    assert_eq!((&body["type"], &body["data"]), (&json!("job.completed"), &shown));
    assert_eq!(body["timestamp"], shown["updated_at"]);
    let key = hooked.world.get("/v1/webhooks/default/secret").await.json();
    assert_eq!(key["key"], secret.trim());
    assert_eq!(hooked.over(&id).await, ("told".to_owned(), 1, Some("204".to_owned())));
    for line in [
        "pixelgate_webhooks_total{end=\"told\"} 1",
        "pixelgate_webhook_tries_total{answer=\"2xx\"} 1",
        "pixelgate_webhooks_waiting 0",
        "pixelgate_webhooks_oldest_seconds 0",
    ] {
        hooked.counted(line).await;
    }
    hooked.world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_are_told_of_by_address_in_every_dialect() {
    let mut receiver = Receiver::saying(&[]).await;
    let hooked = hooked(&[&receiver], "", "");
    let world = &hooked.world;
    let mut asked = 0;
    for spoken in dialect::ALL {
        let Some(side) = spoken.client else { continue };
        let example = side.example();
        if side.claim(&http::Method::POST, example.path) != Some(Claim::Images) {
            continue;
        }
        let mut body: Value = serde_json::from_str(example.body).unwrap();
        if body.get("model").is_some() {
            body["model"] = "paint".into();
        }
        // Some name the model in their path.
        let path = match example.path.split_once("/models/") {
            Some((before, named)) => {
                let (_, verb) = named.split_once(':').unwrap();
                format!("{before}/models/paint:{verb}")
            }
            None => example.path.to_owned(),
        };
        let (name, key) = side.shown_key(&world.key);
        let request = world.client.post(format!("{}{path}", world.public)).header(name, key);
        let request = request
            .header("content-type", "application/json")
            .header("prefer", "respond-async")
            .header("pixelgate-webhook", receiver.webhook());
        let reply = read(request.body(body.to_string())).await;
        assert_eq!(reply.status, 202, "{}: {}", spoken.name, reply.json());
        let told = receiver.next().await;
        let text = std::str::from_utf8(&told.body).unwrap().to_owned();
        assert_eq!(told.json()["type"], "job.completed", "{}: {text}", spoken.name);
        // Media posts are told by their names in the library.
        let is_there = text.contains(&format!("{}/media/", world.public));
        assert!(is_there || text.contains("\"media_ids\":[\""), "{}: {text}", spoken.name);
        assert!(text.len() < 4_000 && !text.contains("base64,"), "{}: {text}", spoken.name);
        asked += 1;
    }
    assert!(asked >= 6, "only {asked} dialects were asked");
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn while_one_secret_takes_over_from_another_both_sign() {
    let mut receiver = Receiver::saying(&[]).await;
    let both = "secrets = [\"file:{secrets}/new\", \"file:{secrets}/old\"]";
    let hooked = hooked(&[&receiver], both, "");
    hooked.asked(&receiver.webhook()).await;
    let told = receiver.next().await;
    let new = hooked.secret();
    let policy = std::fs::read_to_string(hooked.world.policy_file()).unwrap();
    let old = policy.replace("/new\", \"", "/old\", \"");
    let folder = hooked.secrets.path().join("policy");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("p.toml"), old).unwrap();
    let folder = folder.to_str().unwrap();
    let old = hooked.world.cli(&["webhook", "secret", &hooked.world.workspace, "--policy", folder]);
    assert_ne!(new, old);
    assert!(told.is_signed_by(&new) && told.is_signed_by(&old), "{:?}", told.headers);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_was_cancelled_or_failed_is_told_of_as_such() {
    let mut receiver = Receiver::saying(&[]).await;
    let bounds = "[jobs]\nrunning_max = 1\ntime_max = \"2s\"\n";
    let slow = PAINTED.replace("for_tests = true", "for_tests = true\nlatency = \"60s\"");
    let hooked = hooked(&[&receiver], "", bounds);
    let policy = std::fs::read_to_string(hooked.world.policy_file()).unwrap();
    std::fs::write(hooked.world.policy_file(), policy.replace(PAINTED, &slow)).unwrap();
    tokio::task::block_in_place(|| hooked.world.log_line("a new policy is in force"));
    let first = hooked.asked(&receiver.webhook()).await;
    let second = hooked.asked(&receiver.webhook()).await;
    let path = format!("/v1/jobs/{second}/cancel");
    assert_eq!(hooked.world.post(&path, &json!({})).await.json()["status"], "cancelled");
    let told = receiver.next().await;
    assert_eq!((id_of(&told), &told.json()["type"]), (second, &json!("job.cancelled")));
    let told = receiver.next().await;
    assert_eq!((id_of(&told), &told.json()["type"]), (first, &json!("job.failed")));
    assert!(told.json()["data"]["error"]["message"].is_string());
    assert_eq!(hooked.world.available(), "10");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_app_was_not_told_before_kill_9_it_is_told_after_it() {
    let mut receiver = Receiver::start([Says::Nothing]).await;
    let hooked = hooked(&[&receiver], "", "");
    let id = hooked.asked(&receiver.webhook()).await;
    let first = receiver.next().await;
    assert_eq!(hooked.written(&id), ("waiting".to_owned(), 0, None));
    let hooked = tokio::task::block_in_place(|| hooked.restarted());
    let again = receiver.next().await;
    assert_eq!(again.header("webhook-id"), first.header("webhook-id"));
    assert_eq!(again.json()["type"], "job.completed");
    assert!(again.is_signed_by(&hooked.secret()));
    assert_eq!(hooked.over(&id).await, ("told".to_owned(), 1, Some("204".to_owned())));
    assert!(receiver.has_heard_nothing_more());
    hooked.world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_dialect_is_told_in_its_own_words() {
    let mut receiver = Receiver::saying(&[]).await;
    let hooked = hooked(&[&receiver], "", "");
    let body = json!({"model": "paint", "prompt": "a fox", "size": "32x32"});
    assert_eq!(ask(&hooked.world, OPENAI, &body, &receiver.webhook()).await.status, 202);
    let result = receiver.next().await.json()["data"]["result"].clone();
    let url = result["data"][0]["url"].as_str().unwrap();
    assert!(result["data"][0].get("b64_json").is_none(), "{result}");
    let picture = hooked.world.get(url.strip_prefix(&hooked.world.public).unwrap()).await;
    assert_eq!(crate::world::dimensions(&picture.bytes), (32, 32));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_behind_tls_is_told_if_somebody_vouches_for_it() {
    let protocols: &[&[u8]] = &[b"h2", b"http/1.1"];
    let (receiver, other) = (TlsVendor::start(protocols).await, TlsVendor::start(protocols).await);
    let folder = tempfile::tempdir().unwrap();
    for (authority, answer) in [(&receiver.authority, "2xx"), (&other.authority, "unreachable")] {
        let trusted = folder.path().join("authority.pem");
        std::fs::write(&trusted, authority).unwrap();
        let policy = format!(
            "[defaults]\nmodel = \"paint\"\n{PAINTED}\n[webhooks]\ntries_max = 1\n\
             inside_hosts = [\"https://localhost:{}\"]\nsecrets = [\"env:HOOKS\"]\n",
            receiver.port
        );
        let environment = [("SSL_CERT_FILE", trusted.to_str().unwrap()), ("HOOKS", NEW)];
        let world = World::with_environment(&policy, "10", "", &environment);
        let hooked = Hooked { world, secrets: tempfile::tempdir().unwrap() };
        hooked.asked(&format!("https://localhost:{}/told", receiver.port)).await;
        let line = format!("pixelgate_webhook_tries_total{{answer=\"{answer}\"}} 1");
        hooked.counted(&line).await;
    }
}
