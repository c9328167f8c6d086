//! What `deploy/` says is true of the gateway: its settings can be used, its paths, ports and names
//! agree, and a gateway without rights serves with them.

use std::path::{Path, PathBuf};

use pixelgate::config::Config;
use serde_json::Value;

mod files;
mod running;

/// Where the repository begins.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|fault| panic!("{path}: {fault}"))
}

/// A file with one YAML document.
fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&text(path)).unwrap_or_else(|fault| panic!("{path}: {fault}"))
}

fn settings(path: &str) -> Config {
    Config::parse(&text(path)).unwrap_or_else(|fault| panic!("{path}: {fault}"))
}

/// The settings of containers: Compose's and Kubernetes'.
const CONTAINED: [&str; 2] = ["deploy/gateway.toml", "deploy/kubernetes/gateway.toml"];

/// `env:NAME` in a text, outside of comments.
fn environment(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let names =
        lines.flat_map(|line| line.split("env:").skip(1).map(str::to_owned).collect::<Vec<_>>());
    let is_name = |letter: &char| letter.is_ascii_alphanumeric() || *letter == '_';
    names.map(|rest| rest.chars().take_while(is_name).collect()).collect()
}

/// The names before `=` of a file of variables.
fn variables(path: &str) -> Vec<String> {
    let text = text(path);
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| Some(line.split_once('=')?.0.to_owned())).collect()
}

fn policies() -> Vec<PathBuf> {
    let folder = std::fs::read_dir(root().join("policies")).unwrap();
    folder.map(|entry| entry.unwrap().path()).collect()
}

fn seconds(text: &Value) -> u64 {
    text.as_str().unwrap().strip_suffix('s').unwrap().parse().unwrap()
}
