//! The official package for Node, with only the base URL and the key changed.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use tokio::sync::oneshot;

use crate::streaming;
use crate::world::World;

/// The Node that `scripts/test` sets up with `tests/node/package-lock.json`.
const NODE: &str = "PIXELGATE_NODE";

/// Starts a script of `tests/node`; what it says can be read from it.
pub(crate) fn start(script: &str, args: &[&str]) -> Child {
    #[expect(clippy::disallowed_methods, reason = "the one setting of these tests")]
    let node = std::env::var(NODE)
        .unwrap_or_else(|_| panic!("{NODE} is not set; run this test by `scripts/test`"));
    let script = format!("{}/tests/node/{script}", env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(&node);
    command.arg(script).args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap_or_else(|fault| panic!("{node} does not start: {fault}"))
}

/// Reads it to its end, a line at a time; the last one must be that all is good.
pub(crate) fn must_be_good(mut script: Child, mut hears: impl FnMut(&str)) {
    let mut said = Vec::new();
    for line in BufReader::new(script.stdout.take().unwrap()).lines() {
        said.push(line.unwrap());
        hears(said.last().unwrap());
    }
    let mut wrong = String::new();
    script.stderr.take().unwrap().read_to_string(&mut wrong).unwrap();
    let ended = script.wait().unwrap();
    let is_good = ended.success() && said.last().is_some_and(|line| line == "all good");
    assert!(is_good, "{said:#?}\n{wrong}");
}

/// The painter that works from pictures, and a slow vendor, for so many requests in five minutes.
fn policy(vendor: &str, requests: u32) -> String {
    let limits =
        format!(r#"limits = [{{ name = "5 minutes", requests = {requests}, per = "5m" }}]"#);
    streaming::policy(vendor, "\"previews\"")
        .replacen("can = [", "inputs_max = 16, can = [\"mask\", \"variation\", ", 1)
        .replace("concurrency_max = 1000", &limits)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_openai_package_for_node_draws_edits_and_streams_and_understands_refusals() {
    let (finish, finished) = oneshot::channel();
    let vendor = streaming::slow_vendor(finished).await;
    let world = World::with(&policy(&vendor, 10), "100", "");
    let poor = world.key_of_another("poor", "0");
    let base_url = format!("{}/v1", world.public);
    let mut finish = Some(finish);
    let hears = |line: &str| {
        if line == "a preview is here" {
            finish.take().expect("one preview").send(()).unwrap();
        }
    };
    tokio::task::block_in_place(|| {
        must_be_good(start("openai_sdk.mjs", &[&base_url, &world.key, &poor]), hears);
    });
    world.verify();
}
