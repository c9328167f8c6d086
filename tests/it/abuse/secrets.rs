//! Where secrets could be read by whoever reads logs, metrics, answers, files or a core dump.

use std::path::PathBuf;

use serde_json::json;

use super::read_to_end;
use crate::vendor::{Answers, FakeVendor};
use crate::world::{OPENAI, PAINTED, World, read};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

const OURS: &str = "sk-of-ours-2f9c51";
const WRONG: &str = "pg_live_wrong-3b1d77e0";
const PROMPT: &str = "a very private fox";

fn policy(vendor: &FakeVendor) -> String {
    let open =
        PAINTED.replace("show_offering = true", "show_offering = true\npassthrough = [\"acme\"]");
    format!(
        "{open}\n{}secret = \"env:ACME_KEY\"\n\
         passthrough = [{{ method = \"POST\", path = \"/v1/*\", price = \"1\", cost = \"1\" }}]\n\
         [models.remote]\nprice = [{{ image = \"1\" }}]\n\
         offerings = [{{ vendor = \"acme\", sizes = [\"64x64\"], cost = [{{ image = \"1\" }}] }}]\n",
        vendor.policy("acme", "openai")
    )
}

/// Shows the key in every place where apps show it, and in some where they should not.
async fn use_it_all(world: &World) {
    let asked = json!({"model": "remote", "prompt": PROMPT, "size": "64x64"});
    assert_eq!(world.post(OPENAI, &asked).await.status, 200);
    assert_eq!(world.post_as(WRONG, OPENAI, asked.to_string()).await.status, 401);
    let key = &world.key;
    let gemini = json!({"contents": [{"parts": [{"text": PROMPT}]}]});
    for path in [
        format!("/v1beta/models/remote:generateContent?key={key}"),
        format!("/v1beta/models/nothing:generateContent?key={key}"),
        format!("/v1/nothing?key={key}&api_key={key}"),
        format!("/passthrough/acme/draw?key={key}"),
    ] {
        let request = world.client.post(format!("{}{path}", world.public)).body(gemini.to_string());
        read(request.header("x-goog-api-key", key)).await;
    }
    let passed = world.post_as(key, "/passthrough/acme/draw", json!({}).to_string()).await;
    assert_eq!(passed.status, 200);
    let h2 = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    let request = h2.post(format!("{}{OPENAI}", world.public)).body(asked.to_string());
    assert_eq!(read(request.header("authorization", format!("Bearer {key}"))).await.status, 200);
    for lines in ["no colon\r\n", "X-A: b\0\r\n", "Content-Length: x\r\n", "X-A: b\nX-B: c\r\n"] {
        let head = format!(
            "POST {OPENAI} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\n{lines}\r\n"
        );
        let address = world.public.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        assert!(!read_to_end(&mut stream).await.0.contains(key));
    }
}

/// Every file that can be read below a folder, and what is in it.
fn files_below(folder: PathBuf) -> Vec<(PathBuf, Vec<u8>)> {
    let mut folders = vec![folder];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        let paths = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
        let (below, here): (Vec<_>, Vec<_>) = paths.partition(|path| path.is_dir());
        folders.extend(below);
        let read =
            here.into_iter().filter_map(|path| Some((path.clone(), std::fs::read(path).ok()?)));
        files.extend(read);
    }
    assert!(!files.is_empty());
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_the_log_the_metrics_or_a_file_even_when_everything_is_logged() {
    let vendor = FakeVendor::start(Answers::OpenAi).await;
    let environment = [("ACME_KEY", OURS)];
    let mut world =
        World::with_environment(&policy(&vendor), "10", "log.level = \"trace\"\n", &environment);
    use_it_all(&world).await;
    std::fs::write(world.policy_file(), "[vendors.acme]\nsecret = \"sk-of-ours-2f9c51\"\n")
        .unwrap();
    world.signal("-HUP");
    let kept = tokio::task::block_in_place(|| world.log_line("policy"));
    assert!(!kept.contains(OURS), "{kept}");
    let metrics = world.metrics().await;
    let key = world.key.clone();
    tokio::task::block_in_place(|| world.stop());
    let log = world.rest_of_log().join("\n");
    for secret in [key.as_str(), OURS, WRONG, PROMPT] {
        let shown = log.lines().find(|line| line.contains(secret));
        assert_eq!(shown, None, "the log tells {secret}");
        assert!(!metrics.contains(secret), "the metrics tell {secret}");
    }
    for (file, bytes) in files_below(world.folder.path().join("data")) {
        for secret in [key.as_str(), OURS, WRONG] {
            let is_there = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert!(!is_there, "{} holds {secret}", file.display());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_refusal_tells_a_secret_or_where_one_is() {
    let vendor = FakeVendor::start(Answers::OnlyFor("Bearer another")).await;
    let world = World::with_environment(&policy(&vendor), "10", "", &[("ACME_KEY", OURS)]);
    let asked = json!({"model": "remote", "prompt": PROMPT, "size": "64x64"});
    let denied = world.post(OPENAI, &asked).await;
    let stranger = world.post_as(WRONG, OPENAI, asked.to_string()).await;
    assert!(denied.status >= 500 && stranger.status == 401);
    for reply in [denied, stranger] {
        let said = format!("{:?} {}", reply.headers, reply.json());
        for secret in [OURS, WRONG, &world.key, "ACME_KEY", &vendor.address.to_string()] {
            assert!(!said.contains(secret), "{secret} is in {said}");
        }
    }
    assert_eq!(world.available(), "10");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_leaves_no_core_dump() {
    let world = World::painted("0");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", world.process_id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    let numbers: Vec<_> = core.split_whitespace().skip(4).take(2).collect();
    assert_eq!(numbers, ["1", "1"], "{core}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_admin_listener_and_the_public_one_share_no_path() {
    let world = World::painted("0");
    for path in ["/metrics", "/healthz", "/readyz", "/admin", "/debug", "/.env", "/gateway.toml"] {
        let reply = world.get(path).await;
        assert_eq!(reply.status, 404, "{path} is public");
    }
    for path in [OPENAI, "/v1/models", "/media/a/original.png", "/passthrough/acme/draw"] {
        let reply = read(world.client.get(format!("{}{path}", world.admin))).await;
        assert_eq!(reply.status, 404, "{path} is on the admin listener");
    }
}
