//! Debian's Prometheus on a port and a folder of its own. Without it these tests fail.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

const MISSING: &str = "Debian's Prometheus is there; `scripts/need prometheus` installs it";

/// A Prometheus that scrapes one gateway each second, and ends with the test.
pub(super) struct Prometheus {
    process: Child,
    origin: String,
    client: reqwest::Client,
    _folder: TempDir,
}

impl Prometheus {
    /// Scrapes this admin listener, with these rules, which it must find sound.
    pub(super) async fn start(admin: &str, rules: &[PathBuf]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let target = admin.strip_prefix("http://").unwrap();
        // JSON is YAML too.
        let config = json!({
            "global": { "scrape_interval": "1s", "evaluation_interval": "1s", "scrape_timeout": "1s" },
            "rule_files": rules,
            "scrape_configs": [
                { "job_name": "pixelgate", "static_configs": [{ "targets": [target] }] },
            ],
        });
        let file = folder.path().join("prometheus.yaml");
        std::fs::write(&file, config.to_string()).unwrap();
        promtool(&["check", "config", file.to_str().unwrap()], b"");
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect(MISSING);
        let origin = format!("http://127.0.0.1:{port}");
        let prometheus = Self { process, origin, client: reqwest::Client::new(), _folder: folder };
        let ready = async {
            while prometheus.get("/-/ready", &[]).await.is_none() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), ready).await.expect("Prometheus starts");
        prometheus
    }

    /// Waits until it has scraped the gateway once more.
    pub(super) async fn next_scrape(&self) {
        let last = "timestamp(up{job=\"pixelgate\"})";
        let before = self.first(last).await;
        while self.first(last).await == before {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Whether this query brings at least one number.
    pub(super) async fn has_data(&self, query: &str) -> bool {
        let answer = self.query(query).await;
        let series = answer["data"]["result"].as_array().unwrap().iter();
        let mut values = series.filter_map(|one| one["value"][1].as_str()?.parse::<f64>().ok());
        values.any(f64::is_finite)
    }

    /// What is wrong with its rules, in its own words.
    pub(super) async fn ill_rules(&self) -> Vec<String> {
        let answer = self.get("/api/v1/rules", &[]).await.expect("Prometheus answers");
        let groups = answer["data"]["groups"].as_array().unwrap();
        assert!(!groups.is_empty(), "no rules are loaded");
        let rules = groups.iter().flat_map(|group| group["rules"].as_array().unwrap());
        let ill = rules.filter(|rule| rule["health"] != "ok");
        ill.map(|rule| format!("{}: {}", rule["name"], rule["lastError"])).collect()
    }

    async fn first(&self, query: &str) -> Option<String> {
        let answer = self.query(query).await;
        answer["data"]["result"][0]["value"][1].as_str().map(str::to_owned)
    }

    async fn query(&self, query: &str) -> Value {
        let answer = self.get("/api/v1/query", &[("query", query)]).await;
        let answer = answer.unwrap_or_else(|| panic!("Prometheus cannot answer {query}"));
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        answer
    }

    /// `null` for an answer that is not JSON; `None` where there is none, or no success.
    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Option<Value> {
        let asked = self.client.get(format!("{}{path}", self.origin)).query(query);
        let answer = asked.send().await.ok().filter(|answer| answer.status().is_success())?;
        Some(serde_json::from_slice(&answer.bytes().await.ok()?).unwrap_or_default())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs `promtool` on this; must succeed.
pub(crate) fn promtool(args: &[&str], input: &[u8]) {
    let mut process = Command::new("promtool")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect(MISSING);
    process.stdin.take().unwrap().write_all(input).unwrap();
    let done = process.wait_with_output().unwrap();
    let said = [done.stdout, done.stderr].concat();
    assert!(done.status.success(), "promtool {args:?}: {}", String::from_utf8_lossy(&said));
}
