//! Form: how a file opens, how long it is, what it is called, and that nothing is left undone.

use super::assert_tidy;
use super::source::{Source, finding, read, src};

const LINES_MAX: usize = 400;

/// Spelt in halves, so that this file does not find itself.
const UNDONE: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("to", "do!"),
    concat!("unimple", "mented!"),
    concat!("#[ign", "ore"),
];

fn undocumented(source: &Source) -> Option<String> {
    let opens = source.text.starts_with("//! ");
    (!opens).then(|| finding(source, 0, "opens without a `//!` line that says what it is"))
}

fn too_long(source: &Source) -> Option<String> {
    let lines = source.text.lines().count();
    (lines > LINES_MAX).then(|| {
        let problem = format!("{lines} lines; {LINES_MAX} is a wall, so give part of it a file");
        finding(source, source.text.len(), &problem)
    })
}

fn undone(source: &Source) -> Vec<String> {
    UNDONE
        .iter()
        .flat_map(|mark| source.text.match_indices(mark))
        .map(|(at, mark)| finding(source, at, &format!("`{mark}`: do it, or file it as an issue")))
        .collect()
}

fn is_mod_rs(source: &Source) -> Option<String> {
    let named_mod = source.path.ends_with("/mod.rs");
    named_mod.then(|| finding(source, 0, "a module's file is `name.rs`, beside its folder"))
}

fn ours() -> Vec<Source> {
    read(&["src", "tests", "benches", "fuzz", "build.rs"], &["rs"])
}

#[test]
fn a_file_without_its_opening_line_is_found() {
    assert!(undocumented(&Source::new("src/x.rs", "// What\nfn f() {}")).is_some());
    assert!(undocumented(&Source::new("src/x.rs", "//! What.\n")).is_none());
}

#[test]
fn a_long_file_is_found() {
    assert!(too_long(&Source::new("src/x.rs", &"\n".repeat(LINES_MAX + 1))).is_some());
    assert!(too_long(&Source::new("src/x.rs", &"\n".repeat(LINES_MAX))).is_none());
}

#[test]
fn what_is_left_undone_is_found() {
    for mark in UNDONE {
        assert_eq!(undone(&Source::new("src/x.rs", &format!("fn f() {{ {mark} }}"))).len(), 1);
    }
}

#[test]
fn a_mod_rs_is_found() {
    assert!(is_mod_rs(&Source::new("src/limit/mod.rs", "")).is_some());
    assert!(is_mod_rs(&Source::new("src/limit.rs", "")).is_none());
}

#[test]
fn every_file_says_what_it_is() {
    assert_tidy(&src().iter().filter_map(undocumented).collect::<Vec<_>>());
}

#[test]
fn no_file_is_too_long_to_hold_in_the_head() {
    assert_tidy(&ours().iter().filter_map(too_long).collect::<Vec<_>>());
}

#[test]
fn nothing_is_left_undone() {
    assert_tidy(&ours().iter().flat_map(undone).collect::<Vec<_>>());
}

#[test]
fn no_file_is_called_mod() {
    assert_tidy(&ours().iter().filter_map(is_mod_rs).collect::<Vec<_>>());
}
