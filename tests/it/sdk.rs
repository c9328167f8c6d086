//! The official OpenAI package for Python, with only `base_url` and `api_key` changed.

use std::process::Command;

use crate::world::{PAINTED, World};

/// The interpreter that `scripts/test` sets up with `tests/python/requirements.txt`.
const PYTHON: &str = "PIXELGATE_PYTHON";

#[tokio::test(flavor = "multi_thread")]
async fn the_official_openai_package_draws_edits_and_varies_and_understands_refusals() {
    #[expect(clippy::disallowed_methods, reason = "the one setting of this test")]
    let python = std::env::var(PYTHON)
        .unwrap_or_else(|_| panic!("{PYTHON} is not set; run this test by `scripts/test`"));
    let policy =
        PAINTED.replace("can = [", "inputs_max = 16, can = [\"mask\", \"variation\", ").replace(
            "concurrency_max = 1000",
            r#"limits = [{ name = "5 minutes", requests = 8, per = "5m" }]"#,
        );
    let world = World::with(&policy, "100", "");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/openai_sdk.py");
    let (public, key) = (format!("{}/v1", world.public), world.key.clone());
    let done = tokio::task::block_in_place(|| {
        Command::new(python).args([script, &public, &key]).output().unwrap()
    });
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    let wrong = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success() && said.contains("all good"), "{said}\n{wrong}");
    world.verify();
}
