//! The description of the public paths against the demo: schemathesis asks for everything that it
//! describes, rightly and wrongly, and reads every answer. What it found has a test of its own here.

use std::io::BufRead as _;
use std::path::Path;
use std::process::Command;

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::demo::{Demo, demo};
use crate::sdk::python;
use crate::world::{Reply, World, read};

/// The demo with the policy of `tests/fixtures/openapi`, in which nothing is in the way of trying.
struct Tried {
    _demo: Demo,
    folder: TempDir,
    ready: Value,
}

impl Tried {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let policies = folder.path().join("policies");
        std::fs::create_dir(&policies).unwrap();
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/openapi");
        for file in ["models.toml", "plans.toml", "vendors.toml"] {
            std::fs::copy(own.join(file), policies.join(file)).unwrap();
        }
        let data = folder.path().to_str().unwrap();
        let (demo, mut said) = demo(&["--json", "--credits", "10000000", "--data", data]);
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line).unwrap_or_else(|_| panic!("not ready: {line}"));
        Self { _demo: demo, folder, ready }
    }

    fn word(&self, name: &str) -> &str {
        self.ready[name].as_str().unwrap()
    }

    /// Runs the command line on the demo's folder; must succeed.
    fn cli(&self, args: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pixelgate"));
        let done = command.args(args).arg("--data").arg(self.folder.path()).output().unwrap();
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(done.status.success(), "{args:?}: {said}");
        said
    }

    /// Everything that is described, with this key; there must be nothing to say against it.
    fn run(&self, key: &str, args: &[&str]) {
        let mut command = python("openapi.py");
        let gateway = [self.word("public"), key, self.word("policies")];
        let done = command.args(gateway).args(args).output().unwrap();
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        let wrong = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.success(), "{said}\n{wrong}");
    }
}

/// Always the same requests; the longer paths of Vertex are left to `scripts/openapi`.
const BOUNDED: [&str; 6] =
    ["--seed", "1", "--max-examples", "5", "--exclude-path-regex", "/publishers/"];

#[test]
fn a_live_key_is_answered_as_described_whatever_it_asks() {
    let tried = Tried::new();
    tried.run(tried.word("key"), &BOUNDED);
    tried.cli(&["ledger", "verify"]);
}

#[test]
fn an_operator_is_answered_as_described_whatever_they_ask() {
    let tried = Tried::new();
    // An operator who ends their own token is told nothing more.
    let bounded = ["--seed", "1", "--max-examples", "5", "--exclude-path-regex", "/tokens/"];
    let mut command = python("openapi_admin.py");
    let asked = [tried.word("admin"), tried.word("token")];
    let done = command.args(asked).args(bounded).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    let wrong = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{said}\n{wrong}");
    tried.cli(&["ledger", "verify"]);
}

#[test]
fn a_test_key_is_answered_as_described() {
    let tried = Tried::new();
    let created = ["key", "create", tried.word("workspace"), "--plan", "open", "--test"];
    let said = tried.cli(&created);
    let key = said.split_whitespace().find(|word| word.starts_with("pg_test_"));
    tried.run(key.unwrap(), &["--seed", "1", "--phases", "examples"]);
    tried.cli(&["ledger", "verify"]);
}

async fn ask(
    world: &World,
    method: Method,
    path: &str,
    lines: &[(&str, &str)],
    body: &Value,
) -> Reply {
    let request = world.client.request(method, format!("{}{path}", world.public));
    let request =
        lines.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    read(request.body(body.to_string())).await
}

#[tokio::test]
async fn a_method_that_a_path_does_not_take_is_said_without_a_key() {
    let world = World::painted("0");
    for (path, allow) in [
        ("/api/v1/health", "GET"),
        ("/v1/images/generations", "POST"),
        ("/v1/jobs/job_1", "GET, DELETE"),
        ("/media/one/original.png", "GET, HEAD"),
    ] {
        let reply = ask(&world, Method::PUT, path, &[], &json!({})).await;
        assert_eq!((reply.status, reply.header("allow")), (405, Some(allow)), "{path}");
    }
}

#[tokio::test]
async fn a_name_that_cannot_be_read_is_refused_of_a_job_too() {
    let world = World::painted("10");
    let key = format!("Bearer {}", world.key);
    let name = "x".repeat(256);
    let lines =
        [("authorization", key.as_str()), ("prefer", "respond-async"), ("idempotency-key", &name)];
    let body = json!({ "model": "paint", "prompt": "a fox" });
    let reply = ask(&world, Method::POST, "/v1/images/generations", &lines, &body).await;
    assert_eq!((reply.status, &reply.json()["error"]["param"]), (400, &json!("Idempotency-Key")));
    assert_eq!(world.available(), "10");
}

#[tokio::test]
async fn a_batch_cannot_be_a_job_and_is_told_so() {
    let world = World::painted("10");
    let key = format!("Bearer {}", world.key);
    let lines = [("authorization", key.as_str()), ("prefer", "respond-async")];
    let body = json!({ "items": [{ "prompt": "a fox", "model": "paint" }] });
    let reply = ask(&world, Method::POST, "/api/v1/generate", &lines, &body).await;
    assert_eq!(reply.status, 400);
    assert!(reply.json()["error"].as_str().unwrap().contains("`Prefer: respond-async`"));
    assert_eq!(world.available(), "10");
}
