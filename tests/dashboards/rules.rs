//! Recording and alert rules: sound by Prometheus' own tools, made of metrics that there are, each
//! alert with its section in the manual and each section with its alert.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use super::{declared_by_the_code, root};

/// Every rule of `dashboards/rules`.
pub(crate) fn rules() -> Vec<Value> {
    let read = |file: PathBuf| -> Value {
        let text = std::fs::read_to_string(&file).unwrap();
        serde_saphyr::from_str(&text)
            .unwrap_or_else(|fault| panic!("{} is not YAML: {fault}", file.display()))
    };
    let groups =
        files().into_iter().flat_map(|file| read(file)["groups"].as_array().unwrap().clone());
    groups.flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

fn files() -> Vec<PathBuf> {
    let folder = std::fs::read_dir(root().join("dashboards/rules")).unwrap();
    let mut files: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "there are no rules");
    files
}

fn alerts() -> Vec<Value> {
    rules().into_iter().filter(|rule| !rule["alert"].is_null()).collect()
}

/// Runs Debian's `promtool`; must succeed.
fn promtool(args: &[&str], files: &[PathBuf]) {
    let done = Command::new("promtool").args(args).args(files).output();
    let done = done.expect("promtool is there; `scripts/need prometheus` installs it");
    let said = [done.stdout, done.stderr].concat();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&said));
}

/// Names that an expression asks for, of metrics and of what rules record.
fn asked(expression: &str) -> BTreeSet<&str> {
    let is_name = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | ':');
    expression.split(|letter| !is_name(letter)).filter(|word| word.contains("pixelgate_")).collect()
}

/// The headings of level three below `## Alerts`, as addresses.
fn sections() -> BTreeSet<String> {
    let manual = std::fs::read_to_string(root().join("docs/operating.md")).unwrap();
    let (_, alerts) = manual.split_once("\n## Alerts\n").expect("the manual has alerts");
    let alerts = alerts.split("\n## ").next().unwrap();
    let headings = alerts.lines().filter_map(|line| line.strip_prefix("### "));
    headings.map(|heading| heading.trim().to_lowercase()).collect()
}

#[test]
fn prometheus_itself_finds_nothing_wrong_with_the_rules() {
    promtool(&["check", "rules"], &files());
}

#[test]
fn every_alert_fires_when_it_should_and_not_otherwise() {
    let tests = ["alerts", "alerts-of-hours"]
        .map(|name| root().join(format!("tests/dashboards/{name}.test.yaml")));
    promtool(&["test", "rules"], &tests);
    let tests = tests.map(|file| std::fs::read_to_string(file).unwrap()).concat();
    for alert in alerts() {
        let name = alert["alert"].as_str().unwrap();
        for kind in ["fires", "stays quiet"] {
            let case = format!("- name: {name} {kind}\n");
            assert!(tests.contains(&case), "no test shows that {name} {kind}");
        }
    }
}

#[test]
fn rules_ask_only_for_what_is_declared_or_recorded() {
    let declared = declared_by_the_code();
    let all = rules();
    let recorded: BTreeSet<&str> = all.iter().filter_map(|rule| rule["record"].as_str()).collect();
    let mut used = BTreeSet::new();
    for rule in &all {
        for name in asked(rule["expr"].as_str().unwrap()) {
            let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
            let is_there = declared.contains_key(name)
                || base
                    .is_some_and(|base| declared.get(base).is_some_and(|metric| metric.histogram));
            assert!(is_there || recorded.contains(name), "there is no `{name}`: {rule}");
            used.insert(name.to_owned());
        }
    }
    assert!(used.len() > 20, "only {used:?} are asked for");
}

#[test]
fn every_alert_has_its_section_in_the_manual_and_every_section_its_alert() {
    let mut linked = BTreeSet::new();
    for alert in alerts() {
        let name = alert["alert"].as_str().unwrap();
        for place in ["/annotations/summary", "/annotations/description", "/labels/severity"] {
            let text = alert.pointer(place).and_then(Value::as_str).unwrap_or_default();
            assert!(!text.trim().is_empty(), "{name} has no {place}");
        }
        let link = alert["annotations"]["runbook_url"].as_str().unwrap();
        let (file, section) = link.split_once('#').unwrap();
        assert_eq!(file, "docs/operating.md", "{name}");
        assert_eq!(section, name.to_lowercase(), "{name} links another's section");
        linked.insert(section.to_owned());
    }
    assert_eq!(linked, sections());
}
