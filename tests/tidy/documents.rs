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

/// The words in backticks of a cell.
fn ticked(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// Tests that the tables of a document name, in columns that are headed `test`, and nobody wrote.
fn missing_tests(document: &Source, is_test: impl Fn(&str) -> bool) -> Vec<String> {
    let mut names_test = false;
    let mut missing = Vec::new();
    for (at, line) in document.text.lines().enumerate() {
        let row = line.strip_prefix('|').and_then(|row| row.strip_suffix('|'));
        let Some(last) = row.and_then(|row| row.rsplit('|').next()).map(str::trim) else {
            names_test = false;
            continue;
        };
        if last == "test" {
            names_test = true;
        } else if names_test && !last.starts_with("---") {
            let gone = ticked(last).filter(|name| !is_test(name));
            missing.extend(
                gone.map(|name| format!("{}:{}: there is no test `{name}`", document.path, at + 1)),
            );
            if ticked(last).next().is_none() {
                missing.push(format!("{}:{}: this row names no test", document.path, at + 1));
            }
        }
    }
    missing
}

/// The names of all tests.
fn known_tests() -> BTreeSet<String> {
    let sources = read(&["src", "tests"], &["rs"]);
    let names = sources.iter().flat_map(|source| {
        source.text.match_indices("fn ").filter_map(|(at, start)| {
            let rest = source.text.get(at + start.len()..)?;
            Some(rest.split(['(', '<']).next()?.to_owned())
        })
    });
    names.collect()
}

/// Bounds that requests meet and no row explains.
fn untold_bounds(manual: &Source, code: &str) -> Vec<String> {
    let rows: Vec<&str> = named_rows(&manual.text).map(|(name, _)| name).collect();
    let names = code.split("=> \"").skip(1).filter_map(|rest| rest.split('"').next());
    let untold = names
        .filter(|name| !rows.iter().any(|row| row == name || row.ends_with(&format!(".{name}"))));
    untold.map(|name| finding(manual, 0, &format!("no row says what `{name}` bounds"))).collect()
}

#[test]
fn a_test_that_is_not_there_is_found() {
    let table = "| what | test |\n|---|---|\n| a | `is_there` |\n| b | `is_gone` |\n| c | |\n\n| d | `x` |\n";
    let found = missing_tests(&Source::new("docs/x.md", table), |name| name == "is_there");
    assert_eq!(
        found,
        ["docs/x.md:4: there is no test `is_gone`", "docs/x.md:5: this row names no test"]
    );
}

#[test]
fn a_bound_that_nobody_explains_is_found() {
    let table = "| `public.body_bytes_max` | 1 | x |\n";
    let code = "A => \"body_bytes_max\", B => \"other_max\",";
    let found = untold_bounds(&Source::new("docs/x.md", table), code);
    assert_eq!(found.len(), 1, "{found:?}");
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
fn every_test_that_a_table_names_exists() {
    let known = known_tests();
    let documents = read(&["docs"], &["md"]);
    let found =
        documents.iter().flat_map(|document| missing_tests(document, |name| known.contains(name)));
    assert_tidy(&found.collect::<Vec<_>>());
}

#[test]
fn the_manual_explains_every_bound() {
    let code = one("src/telemetry/bound.rs").text;
    assert_tidy(&untold_bounds(&one("docs/security.md"), &code));
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    let documents = read(&["docs", "README.md", "CHANGELOG.md"], &["md"]);
    let exists = |path: &str| super::source::root().join(path.trim_start_matches('/')).exists();
    let found = documents.iter().flat_map(|document| dead_links(document, exists));
    assert_tidy(&found.collect::<Vec<_>>());
}
