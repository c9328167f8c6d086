//! The metrics that the code declares, read from their table.

use std::collections::BTreeMap;

/// One row of the table.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Metric {
    pub(crate) histogram: bool,
    pub(crate) labels: Vec<String>,
}

pub(crate) type Declared = BTreeMap<String, Metric>;

/// Every `"pixelgate_…"` literal, by the call it stands in: `counters(&r, "pixelgate_…", …)?`.
pub(crate) fn declared(table: &str) -> Declared {
    let mut calls = table.split("\"pixelgate_");
    let mut before = calls.next().unwrap();
    let mut found = Declared::new();
    for call in calls {
        let (name, rest) = call.split_once('"').unwrap();
        let metric = Metric {
            histogram: is_histogram(called(before)),
            labels: labels(rest.split(")?").next().unwrap()),
        };
        let earlier = found.insert(format!("pixelgate_{name}"), metric);
        assert!(earlier.is_none(), "pixelgate_{name} is declared twice");
        before = call;
    }
    found.extend(
        OF_THE_PROCESS
            .iter()
            .map(|name| ((*name).to_owned(), Metric { histogram: false, labels: Vec::new() })),
    );
    found
}

/// What the library says of the process; `tests/it/watch.rs` asks for them.
const OF_THE_PROCESS: [&str; 7] = [
    "process_cpu_seconds_total",
    "process_max_fds",
    "process_open_fds",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "process_threads",
    "process_virtual_memory_bytes",
];

/// What is being called where this text ends.
fn called(before: &str) -> &str {
    let (opening, _) = before.rsplit_once('(').unwrap();
    opening.rsplit(char::is_whitespace).next().unwrap()
}

fn is_histogram(call: &str) -> bool {
    match call {
        "histogram" | "histograms" => true,
        "counter" | "counters" | "floats" | "gauge" | "gauges" | "float_gauges" => false,
        other => panic!("say here whether `{other}` declares a histogram"),
    }
}

/// The first `&["…", "…"]`, if there is one.
fn labels(arguments: &str) -> Vec<String> {
    let list = arguments.split_once("&[").and_then(|(_, list)| list.split_once(']'));
    let quoted = list.map_or("", |(list, _)| list).split('"');
    quoted.skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_table_is_read_with_its_kinds_and_labels() {
    let table = r#"
        waits: histogram(&r, "pixelgate_wait_seconds", "Waits", OWN_BUCKETS)?,
        calls: counters(
            &r,
            "pixelgate_calls_total",
            "Calls",
            &["vendor", "outcome"],
        )?,"#;
    let mut found = declared(table);
    found.retain(|name, _| name.starts_with("pixelgate_"));
    let metric = |histogram, labels: &[&str]| Metric {
        histogram,
        labels: labels.iter().map(|&label| label.to_owned()).collect(),
    };
    let expected = Declared::from([
        ("pixelgate_wait_seconds".to_owned(), metric(true, &[])),
        ("pixelgate_calls_total".to_owned(), metric(false, &["vendor", "outcome"])),
    ]);
    assert_eq!(found, expected);
}
