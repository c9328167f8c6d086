//! The official packages for Python, with only the base URL and the key changed.

use std::process::Command;

use crate::world::{PAINTED, World};

/// The interpreter that `scripts/test` sets up with `tests/python/requirements.txt`.
const PYTHON: &str = "PIXELGATE_PYTHON";

/// The painter that works from pictures, for so many requests in five minutes.
fn painted(requests: u32) -> String {
    let limits =
        format!(r#"limits = [{{ name = "5 minutes", requests = {requests}, per = "5m" }}]"#);
    PAINTED
        .replace("can = [", "inputs_max = 16, can = [\"mask\", \"variation\", ")
        .replace("concurrency_max = 1000", &limits)
}

/// A script of `tests/python`, about to be run.
pub(crate) fn python(script: &str) -> Command {
    #[expect(clippy::disallowed_methods, reason = "the one setting of these tests")]
    let python = std::env::var(PYTHON)
        .unwrap_or_else(|_| panic!("{PYTHON} is not set; run this test by `scripts/test`"));
    let mut command = Command::new(python);
    command.arg(format!("{}/tests/python/{script}", env!("CARGO_MANIFEST_DIR")));
    command
}

/// Runs a script of `tests/python` against a gateway; must succeed.
fn drive(script: &str, world: &World, base_url: &str) {
    let done = tokio::task::block_in_place(|| {
        python(script).args([base_url, &world.key]).output().unwrap()
    });
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    let wrong = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success() && said.contains("all good"), "{said}\n{wrong}");
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_openai_package_draws_edits_and_varies_and_understands_refusals() {
    let world = World::with(&painted(8), "100", "");
    drive("openai_sdk.py", &world, &format!("{}/v1", world.public));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_google_package_draws_edits_and_streams_and_understands_refusals() {
    let rule =
        "[[rules.denied_terms]]\nterm = \"unicorn\"\nmessage = \"unicorns are not drawn here\"\n";
    let world = World::with(&format!("{}{rule}", painted(7)), "100", "");
    drive("google_sdk.py", &world, &world.public);
}
