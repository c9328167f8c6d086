//! Keys while the gateway runs: made, revoked, suspended, expired, and of the wrong kind.

use serde_json::json;

use crate::world::{OPENAI, POSTEVERYWHERE, World, read};

#[tokio::test(flavor = "multi_thread")]
async fn a_key_made_or_revoked_while_running_takes_effect_at_once() {
    let world = World::painted("100");
    let (key, id) = world.new_key_and_id(&["--plan", "open"]);
    let asked = json!({"model": "paint", "prompt": "a fox", "size": "32x32"}).to_string();
    assert_eq!(world.post_as(&key, OPENAI, asked.clone()).await.status, 200);
    world.cli(&["key", "suspend", &id]);
    assert_eq!(world.post_as(&key, OPENAI, asked.clone()).await.status, 401);
    world.cli(&["key", "resume", &id]);
    assert_eq!(world.post_as(&key, OPENAI, asked.clone()).await.status, 200);
    world.cli(&["key", "revoke", &id]);
    assert_eq!(world.post_as(&key, OPENAI, asked.clone()).await.status, 401);
    assert_eq!(world.available(), "98");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_unknown_expired_or_narrow_key_is_refused_in_each_dialects_shape() {
    let world = World::painted("100");
    let expired = world.new_key(&["--plan", "open", "--expires", "1000000000"]);
    let narrow = world.new_key(&["--plan", "open", "--scopes", "other"]);
    let body = json!({"model": "paint", "prompt": "a fox"}).to_string();
    for (path, forbidden) in [(OPENAI, 403), (POSTEVERYWHERE, 403)] {
        for (key, status) in [("pg_live_nope", 401), (&expired, 401), (&narrow, forbidden)] {
            let reply = world.post_as(key, path, body.clone()).await;
            assert_eq!(reply.status, status, "{path} {}", reply.json());
            assert!(reply.json()["error"]["message"].is_string());
            assert!(reply.header("x-request-id").is_some());
        }
        let bare = world.client.post(format!("{}{path}", world.public)).body(body.clone());
        assert_eq!(read(bare).await.status, 401, "{path} without a key");
    }
    assert_eq!(world.available(), "100");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_text_of_a_key_is_nowhere_in_the_data_folder_or_the_log() {
    let world = World::painted("100");
    assert_eq!(world.paint().await.status, 200);
    let line = world.log_line("\"outcome\":\"ok\"");
    assert!(!line.contains(&world.key));
    for entry in std::fs::read_dir(world.folder.path().join("data")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            let found = bytes.windows(world.key.len()).any(|window| window == world.key.as_bytes());
            assert!(!found, "{} holds the key's text", path.display());
        }
    }
    let listed = world.cli(&["key", "list"]);
    assert!(!listed.contains(&world.key) && listed.contains("key_"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_works_on_a_stopped_gateways_folder_too() {
    let mut world = World::painted("100");
    assert_eq!(world.paint().await.status, 200);
    tokio::task::block_in_place(|| world.stop());
    assert!(world.cli(&["key", "list"]).contains("  used  "), "its last use is remembered");
    assert_eq!(world.available(), "99");
    world.cli(&["credits", "grant", &world.workspace, "1"]);
    assert_eq!(world.available(), "100");
    world.verify();
}
