//! What people look at: Debian's own Prometheus scrapes a gateway under load, with our rules, and
//! every panel of every dashboard has something to show.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

mod prometheus;
mod traffic;

pub(crate) use prometheus::promtool;

use prometheus::Prometheus;
use traffic::Stage;

/// What Grafana would fill in, other than what a dashboard says itself.
const FILLED: [(&str, &str); 2] = [("$__rate_interval", "10s"), ("$job", ".*")];

/// How long everything may take to have data.
const PATIENCE: Duration = Duration::from_secs(90);

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files of a folder with this ending.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap();
    let files = entries.map(|entry| entry.unwrap().path());
    files.filter(|file| file.extension().is_some_and(|own| own == ending)).collect()
}

/// Every query of every panel as Grafana would send it, by where it stands.
fn queries() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for file in files("dashboards", "json") {
        let board: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let panels = board["panels"].as_array().unwrap().iter();
        let targets = panels.flat_map(|panel| {
            let targets = panel["targets"].as_array().into_iter().flatten();
            targets.map(|target| (&panel["title"], target))
        });
        for (title, target) in targets {
            let query = filled(&board, target["expr"].as_str().unwrap());
            let place = format!("{name}: {title}: {}", target["refId"]);
            assert!(found.insert(place.clone(), query).is_none(), "two panels are {place}");
        }
    }
    assert!(found.len() > 60, "only {} queries were found", found.len());
    found
}

/// A query with its variables filled: by Grafana, and by what a dashboard says of its own.
fn filled(board: &Value, query: &str) -> String {
    let mut query = query.to_owned();
    for (name, value) in FILLED {
        query = query.replace(name, value);
    }
    let variables = board["templating"]["list"].as_array().unwrap();
    for text in variables.iter().filter(|variable| variable["type"] == "textbox") {
        let name = format!("${}", text["name"].as_str().unwrap());
        query = query.replace(&name, text["query"].as_str().unwrap());
    }
    assert!(!query.contains('$'), "{query} has a variable that nobody fills");
    query
}

/// What every recording rule records.
fn recorded() -> BTreeMap<String, String> {
    let rules = std::fs::read_to_string(root().join("dashboards/rules/recording.yaml")).unwrap();
    let rules: Value = serde_saphyr::from_str(&rules).unwrap();
    let groups = rules["groups"].as_array().unwrap().iter();
    let rules = groups.flat_map(|group| group["rules"].as_array().unwrap());
    let names = rules.map(|rule| rule["record"].as_str().unwrap().to_owned());
    names.map(|name| (format!("rule {name}"), name)).collect()
}

/// Those of these that bring nothing.
async fn without_data(
    prometheus: &Prometheus,
    asked: BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut left = BTreeMap::new();
    for (place, query) in asked {
        if !prometheus.has_data(&query).await {
            left.insert(place, query);
        }
    }
    left
}

#[tokio::test(flavor = "multi_thread")]
async fn every_panel_and_every_rule_has_data_while_a_gateway_is_under_load() {
    let stage = Stage::set().await;
    let prometheus =
        Prometheus::start(&stage.world.admin, &files("dashboards/rules", "yaml")).await;
    let mut waiting = queries();
    waiting.extend(recorded());
    let began = Instant::now();
    while !waiting.is_empty() {
        assert!(began.elapsed() < PATIENCE, "these show nothing: {waiting:#?}");
        stage.round().await;
        prometheus.next_scrape().await;
        waiting = without_data(&prometheus, waiting).await;
    }
    assert_eq!(prometheus.ill_rules().await, [""; 0]);
    promtool(&["check", "metrics"], stage.world.metrics().await.as_bytes());
    stage.world.verify();
}
