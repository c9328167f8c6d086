//! Documents that name what is in the code, held against the code.

use std::collections::{BTreeMap, BTreeSet};

use pixelgate::canonical::RefusalKind;

use super::assert_tidy;
use super::floors::{Floors, floors_of};
use super::source::{Source, finding, one, read};

/// What Prometheus adds to a histogram's name.
const HISTOGRAM_ENDINGS: &[&str] = &["_bucket", "_sum", "_count"];

/// The cells of every table row whose first cell is a name in backticks.
fn named_rows(text: &str) -> impl Iterator<Item = (&str, Vec<&str>)> {
    text.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.trim_end_matches('|').split('|').map(str::trim);
        let name = cells.next()?.strip_suffix('`')?;
        Some((name, cells.collect()))
    })
}

/// The code map against the table of `src/lib.rs`, both ways.
fn stray_map(map: &Source, floors: &Floors) -> Vec<String> {
    let rows: BTreeMap<_, _> = named_rows(&map.text)
        .map(|(module, cells)| (module, cells.first().and_then(|floor| floor.parse().ok())))
        .collect();
    let wrong = floors.iter().filter_map(|(module, floor)| match rows.get(module.as_str()) {
        None => Some(format!("`{module}` has no row in the code map")),
        Some(row) if *row != Some(*floor) => Some(format!("`{module}` is on floor {floor}")),
        Some(_) => None,
    });
    let gone = rows.keys().filter(|module| !floors.contains_key(**module));
    let gone = gone.map(|module| format!("the code map names `{module}`, which is not there"));
    wrong.chain(gone).map(|problem| finding(map, 0, &problem)).collect()
}

/// The refusal table against the code's own, both ways.
fn stray_refusals(manual: &Source) -> Vec<String> {
    let rows: BTreeMap<_, _> = named_rows(&manual.text)
        .filter_map(|(code, cells)| match cells.as_slice() {
            [status, blame, ..] if status.parse::<u16>().is_ok() => {
                Some((code, format!("{status} {blame}")))
            }
            _ => None,
        })
        .collect();
    let wrong = RefusalKind::ALL.iter().filter_map(|kind| {
        let (status, code, blame) = kind.facts();
        let facts = format!("{status} {}", blame.name());
        match rows.get(code) {
            None => Some(format!("no row says what `{code}` means")),
            Some(row) if *row != facts => Some(format!("`{code}` is {facts}, not {row}")),
            Some(_) => None,
        }
    });
    let codes: BTreeSet<_> = RefusalKind::ALL.iter().map(|kind| kind.code()).collect();
    let gone = rows.keys().filter(|code| !codes.contains(**code));
    let gone = gone.map(|code| format!("`{code}` is no refusal"));
    wrong.chain(gone).map(|problem| finding(manual, 0, &problem)).collect()
}

/// Every `pixelgate_…` name with where it starts. One that ends in `_` is a pattern, not a name.
fn metrics(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.match_indices("pixelgate_").filter_map(|(at, _)| {
        let rest = text.get(at..)?;
        let end = rest.find(|letter: char| !letter.is_ascii_lowercase() && letter != '_');
        let name = rest.get(..end.unwrap_or(rest.len()))?;
        (!name.ends_with('_')).then_some((at, name))
    })
}

/// Metrics that a document or dashboard names and the code does not have.
fn stray_metrics(document: &Source, known: &BTreeSet<String>) -> Vec<String> {
    metrics(&document.text)
        .filter(|(_, name)| {
            let base = HISTOGRAM_ENDINGS.iter().find_map(|ending| name.strip_suffix(ending));
            !known.contains(*name) && !base.is_some_and(|base| known.contains(base))
        })
        .map(|(at, name)| finding(document, at, &format!("there is no metric `{name}`")))
        .collect()
}

/// The names that `telemetry` spells out.
fn known_metrics() -> BTreeSet<String> {
    read(&["src/telemetry.rs", "src/telemetry"], &["rs"])
        .iter()
        .flat_map(|source| metrics(&source.uncommented).map(|(_, name)| name.to_owned()))
        .collect()
}

/// Relative links whose file is not there.
fn dead_links(document: &Source, exists: impl Fn(&str) -> bool) -> Vec<String> {
    document
        .text
        .match_indices("](")
        .filter_map(|(at, _)| {
            let link = document.text.get(at + 2..)?.split([')', '#']).next()?;
            let outward = link.is_empty() || link.contains("://") || link.contains(' ');
            let folder = document.path.rsplit_once('/').map_or("", |(folder, _)| folder);
            let dead = !outward && !exists(&format!("{folder}/{link}"));
            dead.then(|| finding(document, at, &format!("`{link}` is not there")))
        })
        .collect()
}

#[test]
fn a_code_map_that_lies_is_found() {
    let map = "| module | floor | |\n|---|---|---|\n| `limit` | 3 | x |\n| `gone` | 2 | x |\n";
    let floors = floors_of("//! | 2 judges | [`limit`], [`ledger`] |");
    let found = stray_map(&Source::new("docs/architecture.md", map), &floors);
    assert_eq!(found.len(), 3, "{found:?}");
}

#[test]
fn a_refusal_table_that_lies_is_found() {
    let table = "| `bad_request` | 404 | caller | x |\n| `made_up` | 400 | us | x |\n";
    let found = stray_refusals(&Source::new("docs/operating.md", table));
    assert_eq!(found.len(), RefusalKind::ALL.len() + 1);
    assert!(found.iter().any(|line| line.ends_with("`bad_request` is 400 caller, not 404 caller")));
}

#[test]
fn a_metric_that_does_not_exist_is_found() {
    let known = BTreeSet::from(["pixelgate_wait_seconds".to_owned()]);
    let text = "pixelgate_wait_seconds_bucket, `pixelgate_lost_total`, pixelgate_<noun>_<unit>";
    let found = stray_metrics(&Source::new("docs/x.md", text), &known);
    assert_eq!(found, ["docs/x.md:1: there is no metric `pixelgate_lost_total`"]);
}

#[test]
fn a_dead_link_is_found() {
    let text = "[a](gone.md) [b](here.md#part) [c](https://example.com/x) [d](#part)";
    let found = dead_links(&Source::new("docs/x.md", text), |path| path == "docs/here.md");
    assert_eq!(found, ["docs/x.md:1: `gone.md` is not there"]);
}

#[test]
fn the_code_map_is_true() {
    let floors = floors_of(&one("src/lib.rs").text);
    assert_tidy(&stray_map(&one("docs/architecture.md"), &floors));
}

#[test]
fn the_manual_explains_every_refusal() {
    assert_tidy(&stray_refusals(&one("docs/operating.md")));
}

#[test]
fn every_metric_that_is_written_about_exists() {
    let documents = read(&["docs", "dashboards", "README.md"], &["md", "json"]);
    let known = known_metrics();
    let found = documents.iter().flat_map(|document| stray_metrics(document, &known));
    assert_tidy(&found.collect::<Vec<_>>());
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    let documents = read(&["docs", "README.md", "CHANGELOG.md"], &["md"]);
    let exists = |path: &str| super::source::root().join(path.trim_start_matches('/')).exists();
    let found = documents.iter().flat_map(|document| dead_links(document, exists));
    assert_tidy(&found.collect::<Vec<_>>());
}
