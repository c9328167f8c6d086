//! Every command in the book (README.md and docs/*.md) is run, page by page, in a fresh folder with a real
//! gateway; what a page shows of their output is what they print. docs/README.md has the notation.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should stop and say what it saw"
)]
#![expect(clippy::indexing_slicing, reason = "a test knows what it expects to find")]

use std::path::{Path, PathBuf};

use pixelgate::dialect;

#[path = "book/page.rs"]
mod page;
#[path = "book/run.rs"]
mod run;
#[path = "postgres/server.rs"]
#[expect(dead_code, reason = "the store's own tests do more with it")]
mod server;

use page::{Block, Fate, blocks};

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// The pages of the book: the front page and everything in docs/, not its folders.
fn pages() -> Vec<(String, Vec<Block>)> {
    let mut files: Vec<String> = std::fs::read_dir(here("docs"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| Path::new(name).extension().is_some_and(|end| end == "md"))
        .map(|name| format!("docs/{name}"))
        .collect();
    files.push("README.md".to_owned());
    files.sort();
    files.into_iter().map(|file| (file.clone(), blocks(&file, &read(&here(&file))))).collect()
}

/// Blocks that are not run here, each with its reason beside it on the page. More than these are too many.
const NOT_RUN: usize = 13;

#[test]
fn what_is_not_run_says_why_and_is_counted() {
    let mut told = Vec::new();
    for (file, blocks) in pages() {
        for block in blocks {
            if let Fate::NotRun(why) = &block.fate {
                assert!(why.len() > 15, "{file}:{}: `{why}` is no reason", block.line);
                told.push(format!("{file}:{}: {why}", block.line));
            }
        }
    }
    let all = told.join("\n");
    println!("{all}");
    assert_eq!(told.len(), NOT_RUN, "the number of blocks that are not run has changed:\n{all}");
}

#[test]
fn what_another_test_runs_is_named_there() {
    for (file, blocks) in pages() {
        for block in blocks {
            if let Fate::RunBy(test) = &block.fate {
                let text = read(&here(test));
                assert!(text.contains(&file), "{file}:{}: {test} does not name it", block.line);
            }
        }
    }
}

#[test]
fn every_command_of_the_book_does_what_its_page_says() {
    let pages = pages();
    let runs: Vec<_> = pages
        .iter()
        .filter(|(_, blocks)| blocks.iter().any(|block| block.fate == Fate::Run))
        .collect();
    assert!(runs.len() >= 8, "only {} pages have commands", runs.len());
    let faults: Vec<String> = std::thread::scope(|scope| {
        let (even, odd): (Vec<_>, Vec<_>) =
            runs.iter().enumerate().partition(|(at, _)| at % 2 == 0);
        let hands = [even, odd].map(|hand| {
            scope.spawn(move || {
                let faults = hand.into_iter().map(|(_, (file, blocks))| run::page(file, blocks));
                faults.filter_map(Result::err).collect::<Vec<_>>()
            })
        });
        hands.into_iter().flat_map(|hand| hand.join().unwrap()).collect()
    });
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

#[test]
fn every_dialect_has_its_page_and_the_index_names_every_page() {
    let index = read(&here("docs/README.md"));
    for dialect in dialect::ALL {
        let page = format!("dialects/{}.md", dialect.name);
        assert!(here("docs").join(&page).exists(), "docs/{page} is missing");
        assert!(index.contains(&format!("({page})")), "docs/README.md does not name {page}");
    }
    for (file, _) in pages() {
        let Some(name) = file.strip_prefix("docs/").filter(|name| *name != "README.md") else {
            continue;
        };
        assert!(index.contains(&format!("({name})")), "docs/README.md does not name {name}");
    }
}

/// The parts of a heading that an address names.
fn anchors(text: &str) -> Vec<String> {
    let heading = |line: &str| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    text.lines().filter(|line| line.starts_with('#')).map(heading).collect()
}

#[test]
fn every_link_of_the_book_leads_somewhere() {
    let mut lost = Vec::new();
    for (file, _) in pages() {
        let path = here(&file);
        let text = read(&path);
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if target.starts_with("http") || target.contains(' ') || target.is_empty() {
                continue;
            }
            let (to, anchor) = target.split_once('#').unwrap_or((target, ""));
            let to = if to.is_empty() { path.clone() } else { path.parent().unwrap().join(to) };
            let is_page = to.extension().is_some_and(|end| end == "md");
            let leads = to.exists()
                && (anchor.is_empty()
                    || !is_page
                    || anchors(&read(&to)).iter().any(|own| own == anchor));
            if !leads {
                lost.push(format!("{file}: {target}"));
            }
        }
    }
    assert!(lost.is_empty(), "{}", lost.join("\n"));
}
