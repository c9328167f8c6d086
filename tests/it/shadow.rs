//! A policy that is tried beside the one in force: counted, never acted on, harmless when it is wrong.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use crate::world::{OPENAI, PAINTED, World};

/// A world with a folder for a shadow policy that holds this.
fn world(shadow: &str) -> (World, PathBuf, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.toml");
    std::fs::write(&file, shadow).unwrap();
    let config = format!("policy.shadow_directory = \"{}\"\n", folder.path().display());
    (World::with(PAINTED, "100", &config), file, folder)
}

/// Asks until the shadow says this of a request.
async fn until(world: &World, what: &str) {
    let line = format!("pixelgate_shadow_total{{what=\"{what}\"}}");
    let asking = async {
        while !world.metrics().await.contains(&line) {
            world.paint().await;
        }
    };
    let done = tokio::time::timeout(Duration::from_secs(30), asking).await;
    assert!(done.is_ok(), "no {line} in {}", world.metrics().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_be_other_is_counted_and_nothing_is_other() {
    let (world, file, _folder) = world(&PAINTED.replace("image = \"1\"", "image = \"3\""));
    until(&world, "dearer").await;
    let before: f64 = world.available().parse().unwrap();
    let reply = world.paint().await;
    assert_eq!(reply.status, 200);
    let after: f64 = world.available().parse().unwrap();
    assert!((before - after - 1.0).abs() < 1e-9, "{before} {after}");
    for (text, what) in [
        (PAINTED.to_owned(), "same"),
        (PAINTED.replace("image = \"1\"", "image = \"0.5\""), "cheaper"),
        (PAINTED.replace("[models.paint]", "[models.other]"), "refused"),
    ] {
        std::fs::write(&file, text).unwrap();
        until(&world, what).await;
    }
    // What is refused now and would not be.
    let bigger = json!({"model": "other", "prompt": "a fox", "size": "32x32"});
    assert_eq!(world.post(OPENAI, &bigger).await.status, 404);
    let metrics = world.metrics().await;
    for line in [
        "pixelgate_shadow_total{what=\"admitted\"} 1",
        "pixelgate_shadow_credits_total{policy=\"real\"}",
        "pixelgate_shadow_cost_dollars_total{policy=\"shadow\"}",
        "pixelgate_shadow_seconds_count",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shadow_that_is_wrong_harms_nothing_and_is_tried_once_it_is_right() {
    let (world, file, _folder) = world("this is no policy");
    assert_eq!(world.paint().await.status, 200);
    assert!(!world.metrics().await.contains("pixelgate_shadow_total"));
    std::fs::write(&file, PAINTED).unwrap();
    until(&world, "same").await;
    std::fs::write(&file, "nor is this").unwrap();
    world.log_line("the old one stays tried");
    assert_eq!(world.paint().await.status, 200);
    until(&world, "same").await;
}
