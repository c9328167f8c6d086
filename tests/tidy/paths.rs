//! Paths such as `crate::limit::Window` as Rust code spells them, groups opened.

/// Every path of two or more segments, with where it starts. Groups give one path each.
pub(crate) fn paths(code: &str) -> Vec<(usize, Vec<String>)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = next_word(code, at) {
        at = read_path(code, start, start, &[], &mut found);
    }
    found.retain(|(_, segments): &(usize, Vec<String>)| segments.len() > 1);
    found
}

/// Every word that could be an identifier, with where it starts.
pub(crate) fn words(code: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = next_word(code, at) {
        at = word_end(code, start);
        found.push((start, &code[start..at]));
    }
    found
}

/// Reads one path or use-tree; returns where it ends.
fn read_path(
    code: &str,
    start: usize,
    at: usize,
    before: &[String],
    found: &mut Vec<(usize, Vec<String>)>,
) -> usize {
    let mut segments = before.to_vec();
    let mut at = at;
    loop {
        let end = word_end(code, at);
        segments.push(code[at..end].to_owned());
        let after = skip_space(code, end);
        if !code[after..].starts_with("::") {
            found.push((start, segments));
            return end;
        }
        at = skip_space(code, after + 2);
        if code[at..].starts_with('{') {
            return read_group(code, at + 1, &segments, found);
        }
        if !code[at..].starts_with(is_word) {
            // A glob, or the generics of a call.
            found.push((start, segments));
            return at;
        }
    }
}

fn read_group(
    code: &str,
    at: usize,
    before: &[String],
    found: &mut Vec<(usize, Vec<String>)>,
) -> usize {
    let mut at = skip_space(code, at);
    while at < code.len() && !code[at..].starts_with('}') {
        if code[at..].starts_with(is_word) {
            at = read_path(code, at, at, before, found);
        } else {
            at += code[at..].chars().next().map_or(1, char::len_utf8);
        }
        at = skip_space(code, at);
    }
    at + 1
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

fn next_word(code: &str, at: usize) -> Option<usize> {
    Some(at + code.get(at..)?.find(is_word)?)
}

fn word_end(code: &str, at: usize) -> usize {
    let rest = &code[at..];
    at + rest.find(|letter| !is_word(letter)).unwrap_or(rest.len())
}

fn skip_space(code: &str, at: usize) -> usize {
    let rest = &code[at.min(code.len())..];
    code.len() - rest.trim_start().len()
}

#[test]
fn groups_are_opened_into_one_path_each() {
    let code = "use crate::{a, b::{C, d::*}};\nlet x = std::fs::read::<u8>(y);";
    let found: Vec<_> = paths(code).into_iter().map(|(_, path)| path.join("::")).collect();
    assert_eq!(found, ["crate::a", "crate::b::C", "crate::b::d", "std::fs::read"]);
}
