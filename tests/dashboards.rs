//! Every dashboard asks only for what the code declares, and can be read once it is imported.
//!
//! Each rule is first shown to fire on a small bad example and then run over the files.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};

#[path = "dashboards/declared.rs"]
mod declared;
#[path = "dashboards/expression.rs"]
mod expression;
#[path = "dashboards/rules.rs"]
mod rules;

use declared::Declared;

/// Grafana lays panels out on a grid of so many columns.
const COLUMNS: u64 = 24;

const SCHEMA_VERSION_MIN: u64 = 39;

/// What is wrong with a dashboard.
fn faults(dashboard: &Value, declared: &Declared) -> Vec<String> {
    let mut faults = of_the_whole(dashboard);
    let panels = dashboard["panels"].as_array().unwrap();
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        let of_panel = of_text(panel).into_iter().chain(of_targets(panel, declared));
        faults.extend(of_panel.map(|fault| format!("panel {}: {fault}", panel["id"])));
    }
    faults.extend(of_ids(panels));
    faults.extend(of_places(panels));
    faults
}

fn of_the_whole(dashboard: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    for field in ["uid", "title", "description"] {
        if is_blank(&dashboard[field]) {
            faults.push(format!("has no {field}"));
        }
    }
    if dashboard["schemaVersion"].as_u64() < Some(SCHEMA_VERSION_MIN) {
        faults.push(format!("its schema is older than {SCHEMA_VERSION_MIN}"));
    }
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let declares_source = variables.iter().any(|variable| {
        variable["name"] == "datasource"
            && variable["type"] == "datasource"
            && variable["query"] == "prometheus"
    });
    if !declares_source {
        faults.push("has no variable `datasource` of type prometheus".to_owned());
    }
    let known: Vec<&str> =
        variables.iter().filter_map(|variable| variable["name"].as_str()).collect();
    let missing = used_variables(&dashboard.to_string())
        .into_iter()
        .filter(|name| !name.starts_with("__") && !known.contains(&name.as_str()))
        .map(|name| format!("uses the variable `{name}`, which it does not declare"));
    faults.extend(missing);
    faults
}

/// Every name that is used as `$name` or `${name}`.
fn used_variables(text: &str) -> BTreeSet<String> {
    let names = text.split('$').skip(1).map(|rest| {
        let rest = rest.strip_prefix('{').unwrap_or(rest);
        rest.chars()
            .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
            .collect::<String>()
    });
    names.filter(|name| !name.is_empty()).collect()
}

fn of_text(panel: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    for field in ["/title", "/description", "/fieldConfig/defaults/unit"] {
        if panel.pointer(field).is_none_or(is_blank) {
            faults.push(format!("has no {}", field.rsplit('/').next().unwrap()));
        }
    }
    if !asks_the_variable(panel) {
        faults.push("does not ask `${datasource}`".to_owned());
    }
    faults
}

fn of_targets(panel: &Value, declared: &Declared) -> Vec<String> {
    let Some(targets) = panel["targets"].as_array() else {
        return vec!["has no targets".to_owned()];
    };
    let mut faults = Vec::new();
    for target in targets {
        let text = |field: &str| target[field].as_str().unwrap_or_default();
        let mut of_target = expression::faults(text("expr"), text("legendFormat"), declared);
        if !asks_the_variable(target) {
            of_target.push("does not ask `${datasource}`".to_owned());
        }
        let name = text("refId");
        faults.extend(of_target.iter().map(|fault| format!("{name}: {fault}")));
    }
    faults
}

fn asks_the_variable(part: &Value) -> bool {
    part["datasource"] == json!({ "type": "prometheus", "uid": "${datasource}" })
}

fn is_blank(value: &Value) -> bool {
    value.as_str().is_none_or(|text| text.trim().is_empty())
}

fn of_ids(panels: &[Value]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let ids = panels.iter().map(|panel| panel["id"].as_u64());
    ids.filter_map(|id| match id {
        Some(id) => (!seen.insert(id)).then(|| format!("two panels have the id {id}")),
        None => Some("a panel has no id".to_owned()),
    })
    .collect()
}

fn of_places(panels: &[Value]) -> Vec<String> {
    let mut taken: BTreeMap<(u64, u64), &Value> = BTreeMap::new();
    let mut faults = BTreeSet::new();
    for panel in panels {
        let id = &panel["id"];
        let place = |side: &str| panel["gridPos"][side].as_u64();
        let (Some(x), Some(y), Some(w @ 1..), Some(h @ 1..)) =
            (place("x"), place("y"), place("w"), place("h"))
        else {
            faults.insert(format!("panel {id} has no place"));
            continue;
        };
        if x + w > COLUMNS {
            faults.insert(format!("panel {id} leaves the grid"));
        }
        for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            if let Some(other) = taken.insert(cell, id) {
                faults.insert(format!("panel {id} overlaps panel {other}"));
            }
        }
    }
    faults.into_iter().collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn declared_by_the_code() -> Declared {
    let folder = root().join("src/telemetry/metrics");
    let parts = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = parts.chain([root().join("src/telemetry/metrics.rs")]);
    let texts: Vec<String> = files.map(|file| std::fs::read_to_string(file).unwrap()).collect();
    declared::declared(&texts.concat())
}

/// Every dashboard by its file's name.
fn dashboards() -> BTreeMap<String, Value> {
    let folder = std::fs::read_dir(root().join("dashboards")).unwrap();
    folder
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let text = std::fs::read_to_string(&path).unwrap();
            let dashboard = serde_json::from_str(&text)
                .unwrap_or_else(|fault| panic!("{name} is not JSON: {fault}"));
            (name, dashboard)
        })
        .collect()
}

/// A small dashboard without a fault.
fn sound() -> Value {
    let source = json!({ "type": "prometheus", "uid": "${datasource}" });
    let panel = |id: u64, x: u64| {
        json!({
            "id": id,
            "title": "Calls",
            "description": "Calls a second.",
            "datasource": source,
            "gridPos": { "x": x, "y": 0, "w": 12, "h": 8 },
            "fieldConfig": { "defaults": { "unit": "reqps" } },
            "targets": [{
                "refId": "A",
                "datasource": source,
                "expr": "sum by (vendor) (rate(pixelgate_calls_total[$__rate_interval]))",
                "legendFormat": "{{vendor}}",
            }],
        })
    };
    json!({
        "uid": "calls",
        "title": "Calls",
        "description": "Calls.",
        "schemaVersion": 39,
        "templating": {
            "list": [{ "name": "datasource", "type": "datasource", "query": "prometheus" }],
        },
        "panels": [panel(1, 0), panel(2, 12)],
    })
}

#[test]
fn each_fault_of_a_dashboard_is_reported() {
    let table = r#"calls: counters(&r, "pixelgate_calls_total", "Calls", &["vendor"])?,"#;
    let declared = declared::declared(table);
    assert_eq!(faults(&sound(), &declared), [""; 0]);

    let unknown = json!("sum by (vendor) (pixelgate_made_up_total)");
    for (place, value, fault) in [
        ("/title", json!(" "), "has no title"),
        ("/schemaVersion", json!(38), "its schema is older than 39"),
        (
            "/templating/list/0/query",
            json!("loki"),
            "has no variable `datasource` of type prometheus",
        ),
        ("/description", json!("Of ${job}."), "uses the variable `job`, which it does not declare"),
        ("/panels/1/id", json!(1), "two panels have the id 1"),
        ("/panels/1/title", json!(""), "panel 2: has no title"),
        ("/panels/1/fieldConfig", json!({}), "panel 2: has no unit"),
        ("/panels/1/datasource/uid", json!("abc"), "panel 2: does not ask `${datasource}`"),
        ("/panels/1/targets/0/datasource", Value::Null, "panel 2: A: does not ask `${datasource}`"),
        (
            "/panels/1/targets/0/expr",
            unknown,
            "panel 2: A: there is no metric `pixelgate_made_up_total`",
        ),
        ("/panels/1/targets", Value::Null, "panel 2: has no targets"),
        ("/panels/1/gridPos/x", json!(11), "panel 2 overlaps panel 1"),
        ("/panels/1/gridPos/w", json!(13), "panel 2 leaves the grid"),
        ("/panels/1/gridPos/h", json!(0), "panel 2 has no place"),
    ] {
        let mut dashboard = sound();
        *dashboard.pointer_mut(place).unwrap() = value;
        assert_eq!(faults(&dashboard, &declared), [fault], "{place}");
    }
}

#[test]
fn every_dashboard_asks_only_for_what_is_declared_and_can_be_read() {
    let declared = declared_by_the_code();
    let found: Vec<String> = dashboards()
        .iter()
        .flat_map(|(name, dashboard)| {
            let faults = faults(dashboard, &declared).into_iter();
            faults.map(move |fault| format!("{name}: {fault}"))
        })
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_dashboard_has_an_address_of_its_own_and_a_line_in_the_readme() {
    let readme = std::fs::read_to_string(root().join("dashboards/README.md")).unwrap();
    let mut addresses = BTreeSet::new();
    for (name, dashboard) in dashboards() {
        let address = dashboard["uid"].to_string();
        assert!(addresses.insert(address), "{name} takes another's uid");
        assert!(
            readme.contains(&format!("| [{name}]({name}) |")),
            "the README does not say what {name} shows"
        );
    }
    assert!(addresses.len() >= 2, "only {addresses:?} were found");
}
