//! Traces that stand for what was measured, as the real Prometheus reads them.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::collector::{Collector, Takes, named};
use crate::world::{PAINTED, World, read};

/// Debian's Prometheus, which scrapes one gateway four times a second.
struct Prometheus {
    process: Child,
    address: String,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    fn scraping(admin: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let target = admin.trim_start_matches("http://");
        let config = format!(
            "global:\n  scrape_interval: 250ms\nscrape_configs:\n\
             - job_name: gateway\n  static_configs:\n  - targets: ['{target}']\n"
        );
        let file = folder.path().join("prometheus.yml");
        std::fs::write(&file, config).unwrap();
        // It does not say which port it was given, so one is found for it.
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let process = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("tsdb").display()))
            .arg(format!("--web.listen-address={free}"))
            .arg("--enable-feature=exemplar-storage")
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus is there; `scripts/need prometheus` installs it");
        Self { process, address: format!("http://{free}"), _folder: folder }
    }

    /// What it answers now; nothing while it starts.
    async fn ask(client: &reqwest::Client, url: &str) -> Value {
        let Ok(answer) = client.get(url).send().await else { return Value::Null };
        answer.json::<Value>().await.unwrap_or_default()["data"].clone()
    }

    /// What it answers, once that is not empty.
    async fn asked(&self, client: &reqwest::Client, question: &str) -> Value {
        let url = format!("{}{question}", self.address);
        let asking = async {
            let mut answer = Value::Null;
            while !holds_something(&answer) {
                tokio::task::yield_now().await;
                answer = Self::ask(client, &url).await;
            }
            answer
        };
        let answer = tokio::time::timeout(Duration::from_mins(1), asking).await;
        answer.unwrap_or_else(|_| panic!("prometheus knows nothing of {question}"))
    }
}

fn holds_something(found: &Value) -> bool {
    let lists = [found, &found["result"], &found["activeTargets"]];
    lists.into_iter().filter_map(Value::as_array).any(|list| !list.is_empty())
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_finds_the_trace_of_a_request_beside_what_it_measured() {
    let collector = Collector::start(Takes::All).await;
    let world = World::with(PAINTED, "10", &collector.config("http", ""));
    assert_eq!(world.paint().await.status, 200);
    let spans = collector.of_requests(1).await;
    let trace = &named(&spans, "POST openai").trace;

    let prometheus = Prometheus::scraping(&world.admin);
    for histogram in [
        "pixelgate_request_duration_seconds",
        "pixelgate_overhead_seconds",
        "pixelgate_store_duration_seconds",
        "pixelgate_vendor_duration_seconds",
    ] {
        let question =
            format!("/api/v1/query_exemplars?start=0&end=4102444800&query={histogram}_bucket");
        let found = prometheus.asked(&world.client, &question).await;
        assert_eq!(found[0]["exemplars"][0]["labels"]["trace_id"], **trace, "{histogram}: {found}");
    }
    let up = prometheus.asked(&world.client, "/api/v1/targets").await;
    assert_eq!(up["activeTargets"][0]["health"], "up", "{up}");
    assert_eq!(up["activeTargets"][0]["lastError"], "");
    let counted = "/api/v1/query?query=pixelgate_requests_total";
    let counted = prometheus.asked(&world.client, counted).await;
    assert_eq!(counted["result"][0]["metric"]["outcome"], "ok", "{counted}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_cannot_read_exemplars_gets_the_older_format_with_the_same_series() {
    let collector = Collector::start(Takes::All).await;
    let world = World::with(PAINTED, "10", &collector.config("http", ""));
    assert_eq!(world.paint().await.status, 200);
    let metrics = || world.client.get(format!("{}/metrics", world.admin));
    let plain = read(metrics()).await;
    assert_eq!(plain.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let plain = String::from_utf8(plain.bytes).unwrap();
    assert!(!plain.contains("trace_id") && !plain.contains("# EOF"));
    let accept = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;q=0.3,*/*;q=0.2";
    let open = read(metrics().header("accept", accept)).await;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(open.header("content-type"), Some(kind));
    let open = String::from_utf8(open.bytes).unwrap();
    assert!(open.ends_with("# EOF\n") && open.contains("# {trace_id=\""), "{open}");
    let names = |text: &str| -> std::collections::BTreeSet<String> {
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        samples.map(|line| line.split(['{', ' ']).next().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&plain), names(&open));
}
