//! The newcomer's first minute: `demo`, and the lines that it prints.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::admin::console;
use crate::node;
use crate::seeds::{self, Seed};
use crate::world::{dimensions, read};

/// A running demo, which ends with the test, and so does the folder that it leaves when it is killed.
pub(crate) struct Demo {
    process: Child,
    _folder: TempDir,
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A demo with these arguments, and what it prints.
pub(crate) fn demo(args: &[&str]) -> (Demo, BufReader<std::process::ChildStdout>) {
    let folder = tempfile::tempdir().unwrap();
    let mut process = Command::new(env!("CARGO_BIN_EXE_pixelgate"))
        .args(["demo", "--public", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
        .args(args)
        .env_remove("OPENAI_API_KEY")
        .env_remove("GEMINI_API_KEY")
        .env("TMPDIR", folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout = BufReader::new(process.stdout.take().unwrap());
    (Demo { process, _folder: folder }, stdout)
}

#[test]
fn the_printed_curl_lines_return_pictures_of_the_size_asked_for() {
    let (_demo, mut stdout) = demo(&[]);
    let mut said = String::new();
    while !said.contains("Stop with Ctrl-C") {
        assert!(stdout.read_line(&mut said).unwrap() > 0, "ended early: {said}");
    }
    let said = said.replace("\\\n", "");
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|l| l.starts_with("curl")).collect();
    let folder = tempfile::tempdir().unwrap();
    let run = |line: &str| {
        let done = Command::new("sh").args(["-c", line]).current_dir(&folder).output().unwrap();
        assert!(done.status.success(), "{line}");
        String::from_utf8(done.stdout).unwrap()
    };
    let line = |part: &str| run(lines.iter().find(|line| line.contains(part)).unwrap());
    let drawn = |file: &str| dimensions(&std::fs::read(folder.path().join(file)).unwrap());
    line("/v1/images/generations");
    assert_eq!(drawn("picture.png"), (1024, 1024));
    line(":generateContent");
    assert!(drawn("gemini.png").0 > drawn("gemini.png").1);
    line(":predict");
    assert!(drawn("imagen.png").0 > drawn("imagen.png").1);
    let answer: Value = serde_json::from_str(&line("/api/v1/ai/generate-image")).unwrap();
    let url = answer["data"]["image_url"].as_str().unwrap();
    run(&format!("curl -s -o picture.webp {url}"));
    let (width, height) = drawn("picture.webp");
    assert!((f64::from(width) / f64::from(height) - 16.0 / 9.0).abs() < 0.03);
    let answer: Value = serde_json::from_str(&line("/api/v1/images ")).unwrap();
    run(&format!("curl -s -o picture {}", answer["url"].as_str().unwrap()));
    let (width, height) = dimensions(&std::fs::read(folder.path().join("picture")).unwrap());
    assert!((f64::from(width) / f64::from(height) - 16.0 / 9.0).abs() < 0.03, "{answer}");
    let drawn: Value = serde_json::from_str(&line("/api/v1/generate ")).unwrap();
    assert_eq!(drawn["data"]["model"], "flux-schnell", "{drawn}");
    let quote: Value = serde_json::from_str(&line("/v1/quote")).unwrap();
    assert_eq!(quote["credits"]["is_enough"], true, "{quote}");
    assert!(line("/v1/models").contains("flux-schnell"));
    let spent: Value = serde_json::from_str(&line("/admin/v1/usage")).unwrap();
    assert!(spent["total"]["requests"].as_u64().unwrap() > 5, "{spent}");
    let console = said.lines().map(str::trim).find(|line| line.ends_with("/console/")).unwrap();
    assert!(run(&format!("curl -s {console}")).contains("<title>Pixelgate console"));
    assert!(line("/metrics").contains("pixelgate_requests_total"));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_pastes_one_line_sees_their_own_spend_in_the_console() {
    let (_demo, mut stdout) = demo(&["--json"]);
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    let word = |name: &str| ready[name].as_str().unwrap();
    let asking = reqwest::Client::new().post(format!("{}/v1/images/generations", word("public")));
    let asked = json!({"model": "flux-schnell", "prompt": "a lighthouse", "n": 3});
    let painted = read(asking.bearer_auth(word("key")).json(&asked)).await;
    assert_eq!(painted.status, 200);
    let usage = format!("{}/admin/v1/usage?by=model", word("admin"));
    let usage = read(reqwest::Client::new().get(usage).bearer_auth(word("token"))).await.json();
    let charged = usage["total"]["charged"].as_str().unwrap().to_owned();
    assert_ne!(charged, "0");
    let chromium = console::chromium();
    let args = ["spend", &chromium, word("admin"), word("token"), "flux-schnell", &charged];
    tokio::task::block_in_place(|| node::must_be_good(node::start("console.mjs", &args), |_| {}));
}

#[test]
fn json_is_one_line_with_what_a_script_needs_and_the_folder_is_kept_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("kept");
    let args = ["--json", "--credits", "37", "--data", data.to_str().unwrap()];
    let (mut running, mut stdout) = demo(&args);
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    let mut keys: Vec<&str> = ready.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["admin", "data", "key", "policies", "public", "token", "workspace"]);
    assert!(std::path::Path::new(ready["policies"].as_str().unwrap()).join("models.toml").exists());
    let stop = Command::new("kill").arg(running.process.id().to_string()).status().unwrap();
    assert!(stop.success() && running.process.wait().unwrap().success());
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
    let balance = Command::new(env!("CARGO_BIN_EXE_pixelgate"))
        .args(["credits", "balance", ready["workspace"].as_str().unwrap(), "--data"])
        .arg(&data)
        .output()
        .unwrap();
    let said = String::from_utf8(balance.stdout).unwrap();
    let available = said.lines().find(|line| line.contains("available")).unwrap();
    assert!(available.trim_end().ends_with(" 37"), "{said}");
}

#[test]
fn what_five_services_print_is_served_without_any_setting() {
    let (_demo, mut stdout) = demo(&["--json"]);
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    let [public, key] = ["public", "key"].map(|name| ready[name].as_str().unwrap());
    let printed: [(&str, &[&str]); 5] = [
        ("000-neariq", &["generate"]),
        ("001-mediaposts", &["generate"]),
        ("002-neuraldraft", &["generate"]),
        (
            "003-imageapi",
            &["quick-start", "generate", "batch", "enhance", "build", "models", "usage", "health"],
        ),
        ("004-posteverywhere", &["generate"]),
    ];
    for (service, examples) in printed {
        for name in examples {
            let example = Seed::open(service).example(&format!("{name}.sh"), public, key);
            let reply = seeds::curl(&example);
            assert!(reply.status.starts_with('2'), "{service} {name}: {:#}", reply.body);
        }
    }
}

#[test]
fn the_demo_stays_on_this_machine() {
    let tried = Command::new(env!("CARGO_BIN_EXE_pixelgate"))
        .args(["demo", "--public", "0.0.0.0:0"])
        .output()
        .unwrap();
    assert!(!tried.status.success());
    assert!(String::from_utf8_lossy(&tried.stderr).contains("loopback only"));
}
