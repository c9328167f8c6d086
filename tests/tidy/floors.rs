//! Floors: a module uses strictly lower ones, as the table in `src/lib.rs` says.

use std::collections::{BTreeMap, BTreeSet};

use super::assert_tidy;
use super::paths::paths;
use super::source::{Source, finding, one, src};

/// Each module's floor.
pub(crate) type Floors = BTreeMap<String, u8>;

/// Shapes are made of shapes, so on this floor neighbours may meet, though never in a circle.
const SHAPES: u8 = 1;

/// From here down nothing touches the world.
const JUDGES: u8 = 2;

/// What judges may not name, and which ground modules may, because it is what they are for.
const WORLD: &[(&str, &[&str])] = &[
    ("tokio", &[]),
    ("std::fs", &["secret"]),
    ("std::net", &[]),
    ("std::env", &["secret"]),
    ("std::time::Instant", &["clock"]),
    ("std::time::SystemTime", &["clock"]),
];

/// The `| floor | modules |` table of the crate's own documentation.
pub(crate) fn floors_of(lib: &str) -> Floors {
    let mut floors = Floors::new();
    for line in lib.lines() {
        let Some(row) = line.strip_prefix("//! |") else {
            continue;
        };
        let Some((floor, modules)) = row.split_once('|') else {
            continue;
        };
        let Some(floor) = floor.trim().get(..1).and_then(|digit| digit.parse().ok()) else {
            continue;
        };
        for module in modules.split('`').skip(1).step_by(2) {
            floors.insert(module.to_owned(), floor);
        }
    }
    floors
}

fn climbing(source: &Source, floors: &Floors) -> Vec<String> {
    let Some(own) = source.module() else {
        return Vec::new();
    };
    let floor = floors.get(own).copied();
    crate_paths(source)
        .filter(|(_, used)| used != own)
        .filter_map(|(at, used)| {
            let problem = match (floor, floors.get(&used).copied()) {
                (_, None) => format!("`crate::{used}` is not in the table of src/lib.rs"),
                (Some(mine), Some(theirs)) if theirs < mine => return None,
                (Some(SHAPES), Some(SHAPES)) => return None,
                (mine, Some(theirs)) => {
                    let mine =
                        mine.map_or_else(|| "no floor".to_owned(), |mine| format!("floor {mine}"));
                    format!("`{own}` ({mine}) uses `{used}` (floor {theirs}); only lower floors")
                }
            };
            Some(finding(source, at, &problem))
        })
        .collect()
}

/// Modules on one floor that need each other, however indirectly.
fn circles(sources: &[Source], floors: &Floors) -> Vec<String> {
    let mut uses: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for source in sources {
        let Some(own) = source.module() else { continue };
        let others = crate_paths(source).map(|(_, used)| used).filter(|used| used != own);
        uses.entry(own).or_default().extend(others);
    }
    let reaches = |from: &str| {
        let mut seen = BTreeSet::new();
        let mut next: Vec<String> = uses.get(from).into_iter().flatten().cloned().collect();
        while let Some(module) = next.pop() {
            next.extend(uses.get(module.as_str()).into_iter().flatten().cloned());
            if !seen.insert(module) {
                next.retain(|module| !seen.contains(module));
            }
        }
        seen
    };
    floors
        .keys()
        .filter(|module| reaches(module).contains(*module))
        .map(|module| format!("src/{module}.rs: `{module}` needs itself, by way of others"))
        .collect()
}

fn crate_paths(source: &Source) -> impl Iterator<Item = (usize, String)> {
    paths(&source.code).into_iter().filter_map(|(at, path)| match path.as_slice() {
        [root, used, ..] if root == "crate" => Some((at, used.clone())),
        _ => None,
    })
}

fn worldly(source: &Source, floors: &Floors) -> Vec<String> {
    let Some(own) = source.module() else {
        return Vec::new();
    };
    if floors.get(own).is_none_or(|floor| *floor > JUDGES) {
        return Vec::new();
    }
    paths(source.before_tests(&source.code))
        .into_iter()
        .filter_map(|(at, path)| {
            let path = path.join("::");
            let (banned, _) = WORLD.iter().find(|(banned, allowed)| {
                let names = path == *banned || path.starts_with(&format!("{banned}::"));
                names && !allowed.contains(&own)
            })?;
            Some(finding(source, at, &format!("`{own}` is a judge or lower: no `{banned}`")))
        })
        .collect()
}

/// Files and rows that do not find each other.
fn unlisted(sources: &[Source], floors: &Floors) -> Vec<String> {
    let modules: BTreeSet<_> = sources.iter().filter_map(Source::module).collect();
    let unplaced = modules
        .iter()
        .filter(|module| !floors.contains_key(**module))
        .map(|module| format!("src/lib.rs: `{module}` has no floor in the table"));
    let gone = floors
        .keys()
        .filter(|module| !modules.contains(module.as_str()))
        .map(|module| format!("src/lib.rs: the table names `{module}`, which is not there"));
    unplaced.chain(gone).collect()
}

#[cfg(test)]
fn example_floors() -> Floors {
    floors_of(
        "//! | floor | modules |\n//! |---|---|\n//! | 4 hands | [`store`] |\n\
         //! | 2 judges | [`limit`], [`ledger`] |\n//! | 1 shapes | [`fault`], [`receipt`] |\n",
    )
}

#[test]
fn a_use_of_the_same_or_a_higher_floor_is_found() {
    let floors = example_floors();
    let found = |path: &str, text: &str| climbing(&Source::new(path, text), &floors);
    assert_eq!(
        found("src/limit/window.rs", "\nuse crate::{fault::A, ledger::B};"),
        ["src/limit/window.rs:2: `limit` (floor 2) uses `ledger` (floor 2); only lower floors"]
    );
    assert_eq!(found("src/limit.rs", "fn f() { crate::store::open() }").len(), 1);
    assert_eq!(found("src/limit.rs", "use crate::nowhere::X;").len(), 1);
    assert_eq!(found("src/limit.rs", "// crate::store\nuse crate::limit::x;").len(), 0);
    assert_eq!(found("src/receipt.rs", "use crate::fault::A;").len(), 0);
}

#[test]
fn a_circle_is_found() {
    let sources = [
        Source::new("src/fault.rs", "use crate::receipt::R;"),
        Source::new("src/receipt.rs", "use crate::fault::F;"),
        Source::new("src/limit.rs", "use crate::fault::F;"),
    ];
    assert_eq!(circles(&sources, &example_floors()).len(), 2);
}

#[test]
fn a_judge_that_touches_the_world_is_found() {
    let found = |path: &str, text: &str| worldly(&Source::new(path, text), &example_floors());
    assert_eq!(found("src/limit.rs", "use std::{fmt, fs::File, time::Instant};").len(), 2);
    assert_eq!(found("src/ledger/grants.rs", "tokio::spawn(x)").len(), 1);
    assert_eq!(found("src/store.rs", "use std::fs;").len(), 0);
    assert_eq!(found("src/limit.rs", "use std::time::Duration;").len(), 0);
}

#[test]
fn a_module_without_a_floor_and_a_floor_without_its_module_are_found() {
    let sources = ["src/store.rs", "src/limit/x.rs", "src/ledger.rs", "src/fault.rs", "src/new.rs"]
        .map(|path| Source::new(path, ""));
    let found = unlisted(&sources, &example_floors());
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn every_module_uses_lower_floors_only() {
    let floors = floors_of(&one("src/lib.rs").text);
    let sources = src();
    let climbs = sources.iter().flat_map(|source| climbing(source, &floors));
    assert_tidy(&climbs.chain(circles(&sources, &floors)).collect::<Vec<_>>());
}

#[test]
fn judges_and_what_is_below_them_touch_nothing() {
    let floors = floors_of(&one("src/lib.rs").text);
    assert_tidy(&src().iter().flat_map(|source| worldly(source, &floors)).collect::<Vec<_>>());
}

#[test]
fn every_module_has_its_floor() {
    assert_tidy(&unlisted(&src(), &floors_of(&one("src/lib.rs").text)));
}
