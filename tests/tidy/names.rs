//! Names that belong to one place: Pingora's, and those of the dialects.

use pixelgate::dialect;

use super::assert_tidy;
use super::paths::words;
use super::source::{Source, finding, src};

const MAY_NAME_PINGORA: &[&str] = &["src/edge", "src/upstream", "src/main.rs"];

/// The module of this name, and its type, are a vendor inside the process; the dialect is called
/// after them.
const PAINTER: &str = "painter";

fn names_pingora(source: &Source) -> Vec<String> {
    if MAY_NAME_PINGORA.iter().any(|place| source.path.starts_with(place)) {
        return Vec::new();
    }
    words(&source.code)
        .into_iter()
        .filter(|(_, word)| word.split('_').any(|part| part == "pingora"))
        .map(|(at, _)| finding(source, at, "only `edge`, `upstream` and `main.rs` name Pingora"))
        .collect()
}

fn names_dialect(source: &Source, dialects: &[&str]) -> Vec<String> {
    if source.module().is_none_or(|module| module == "dialect" || module == PAINTER) {
        return Vec::new();
    }
    words(source.before_tests(&source.uncommented))
        .into_iter()
        .filter(|(at, word)| {
            let named = dialects.iter().any(|name| word.eq_ignore_ascii_case(name));
            let foreign = named && !word.eq_ignore_ascii_case(PAINTER);
            foreign && !is_prose(source, *at, word)
        })
        .map(|(at, word)| finding(source, at, &format!("only `dialect` names `{word}`")))
        .collect()
}

/// Inside a string that holds more than the name, so for people to read.
fn is_prose(source: &Source, at: usize, word: &str) -> bool {
    let quoted =
        source.text[..at].ends_with('"') && source.text[at + word.len()..].starts_with('"');
    source.code[at..].starts_with(' ') && !quoted
}

#[test]
fn pingora_named_elsewhere_is_found() {
    let found = |path: &str, text: &str| names_pingora(&Source::new(path, text)).len();
    assert_eq!(found("src/gateway.rs", "use pingora::http; use pingora_core::x;"), 2);
    assert_eq!(found("src/gateway.rs", "// pingora\nlet x = \"pingora=warn\";"), 0);
    assert_eq!(found("src/edge/admin.rs", "use pingora::http;"), 0);
}

#[test]
fn a_dialect_named_elsewhere_is_found() {
    let dialects = ["openai", PAINTER];
    let found = |path: &str, text: &str| names_dialect(&Source::new(path, text), &dialects).len();
    assert_eq!(found("src/gateway.rs", "if name == \"openai\" { crate::dialect::openai::x() }"), 2);
    assert_eq!(found("src/gateway.rs", "enum Kind { OpenAi }"), 1);
    assert_eq!(found("src/cli.rs", "say(\"An OpenAI client:\")"), 0);
    assert_eq!(found("src/gateway.rs", "// as openai does\ncrate::painter::paint()"), 0);
    assert_eq!(found("src/policy.rs", "fn f() {}\nmod tests {\n const X: &str = \"openai\"; }"), 0);
    assert_eq!(found("src/dialect/openai.rs", "const NAME: &str = \"openai\";"), 0);
}

#[test]
fn only_the_edge_and_upstream_name_pingora() {
    assert_tidy(&src().iter().flat_map(names_pingora).collect::<Vec<_>>());
}

#[test]
fn only_the_dialects_name_a_dialect() {
    let dialects: Vec<_> = dialect::ALL.iter().map(|dialect| dialect.name).collect();
    assert_tidy(
        &src().iter().flat_map(|source| names_dialect(source, &dialects)).collect::<Vec<_>>(),
    );
}
