//! The paths: what is described is served, and what is served is described.

use std::collections::BTreeSet;
use std::path::Path;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use pixelgate::dialect::{self, Claim, ClientSide, Dialect};

use super::assert_none;
use super::description::{METHODS, Operation, is_described, operations};

/// What is served without a dialect: kept pictures, and what is passed through.
pub(crate) const OF_THE_EDGE: [&str; 2] = ["/media/{media}/{file}", "/passthrough/{vendor}/{path}"];

/// Segments in one path of a vocabulary; longer ones have goldens.
const SEGMENTS_MAX: u32 = 4;

/// The claim of a request that shows its key in this way, and whose it is.
pub(crate) fn claim(
    method: &Method,
    path: &str,
    scheme: Option<&str>,
) -> Option<(&'static Dialect, Claim)> {
    let (header, parameter) = shown(scheme);
    let shows_key = |side: &dyn ClientSide| {
        let is_named = parameter.is_some() && side.key_parameter() == parameter;
        side.presented_key(&header).is_some() || is_named
    };
    dialect::claim_by_key(method, path, shows_key)
}

/// A key as a security scheme has it: in the head, or the name of its parameter.
fn shown(scheme: Option<&str>) -> (HeaderMap, Option<&'static str>) {
    let header = |name: &'static str, value: &'static str| {
        let pair = (HeaderName::from_static(name), HeaderValue::from_static(value));
        HeaderMap::from_iter([pair])
    };
    match scheme {
        None => (HeaderMap::new(), None),
        Some("bearer") => (header("authorization", "Bearer k"), None),
        Some("googleKey") => (header("x-goog-api-key", "k"), None),
        Some("googleKeyInQuery") => (HeaderMap::new(), Some("key")),
        Some("neariqKey") => (header("x-neariq-key", "k"), None),
        Some(other) => panic!("no security scheme is called {other}"),
    }
}

/// The operations that dialects serve.
pub(crate) fn of_dialects() -> impl Iterator<Item = &'static Operation> {
    operations().iter().filter(|one| !OF_THE_EDGE.contains(&one.path.as_str()))
}

/// Every way of showing a key that an operation names, or that none is needed.
pub(crate) fn ways(operation: &Operation) -> Vec<Option<&'static str>> {
    let keys = operation.keys();
    if keys.is_empty() { vec![None] } else { keys.into_iter().map(Some).collect() }
}

#[test]
fn every_described_operation_is_served_to_the_keys_that_it_names() {
    let mut faults = Vec::new();
    for operation in of_dialects() {
        let path = operation.example();
        for way in ways(operation) {
            let found = claim(&operation.method, &path, way);
            let is_open = matches!(
                found,
                Some((_, Claim::OpenModels | Claim::Health | Claim::Preflight { .. }))
            );
            let name = operation.name();
            match found {
                None => faults.push(format!("{name} is not served")),
                Some((_, Claim::WrongMethod { allow })) => {
                    faults.push(format!("{name} is not served; {allow} is"));
                }
                Some(_) if is_open == way.is_some() => {
                    faults.push(format!("{name}: whether it needs a key is described wrongly"));
                }
                Some((dialect, _)) if way.is_some() && !sees(dialect, way) => {
                    faults.push(format!("{name}: {} sees no such key", dialect.name));
                }
                Some(_) => {}
            }
        }
    }
    assert_none(&faults);
}

fn sees(dialect: &Dialect, way: Option<&str>) -> bool {
    let (header, parameter) = shown(way);
    let client = dialect.client.unwrap();
    client.presented_key(&header).is_some()
        || (parameter.is_some() && client.key_parameter() == parameter)
}

#[test]
fn a_method_that_is_not_described_is_refused_with_those_that_are() {
    let mut faults = Vec::new();
    for operation in of_dialects() {
        let path = operation.example();
        let described = operations().iter().filter(|one| one.path == operation.path);
        let described: BTreeSet<_> = described.map(|one| one.method.to_string()).collect();
        let all = METHODS.iter().map(|method| method.to_uppercase());
        for method in all.filter(|method| !described.contains(method)) {
            let found = claim(&method.parse().unwrap(), &path, ways(operation)[0]);
            let Some((_, Claim::WrongMethod { allow })) = found else {
                faults.push(format!("{method} {path} is served and not described"));
                continue;
            };
            let allow: BTreeSet<_> = allow.split(", ").map(str::to_owned).collect();
            // Every path may have these two, and `Allow` is silent of them.
            let told = described.iter().filter(|one| !["HEAD", "OPTIONS"].contains(&one.as_str()));
            if allow != told.cloned().collect() {
                faults.push(format!("{method} {path}: allows {allow:?}, and not {described:?}"));
            }
        }
    }
    assert_none(&faults);
}

#[test]
fn no_path_is_served_that_is_not_described() {
    let words: Vec<String> = vocabulary().into_iter().collect();
    let starts: BTreeSet<&str> =
        operations().iter().filter_map(|one| one.path.split('/').nth(1)).collect();
    let versions = ["v1", "v1beta", "v1beta1", "v1alpha"];
    let may_begin = |word: &&String| {
        let word = word.as_str();
        starts.contains(word) || versions.contains(&word) || word == "api"
    };
    let spelled = words.iter().filter(may_begin).flat_map(|first| paths_from(first, &words));
    let undescribed = spelled.filter(|path| is_claimed(path) && !is_described(path));
    assert_none(&undescribed.collect::<Vec<_>>());
}

fn is_claimed(path: &str) -> bool {
    let ways = ["bearer", "googleKey"];
    ways.iter().any(|way| claim(&Method::GET, path, Some(way)).is_some())
}

/// Every path of a vocabulary that begins with this word.
fn paths_from(first: &str, words: &[String]) -> impl Iterator<Item = String> {
    (0..SEGMENTS_MAX).flat_map(move |depth| {
        let count = words.len().pow(depth);
        (0..count).map(move |number| spelled(first, words, depth, number))
    })
}

/// The path whose further segments are the digits of a number.
fn spelled(first: &str, words: &[String], depth: u32, mut number: usize) -> String {
    let mut path = format!("/{first}");
    for _ in 0..depth {
        let word = words.get(number % words.len()).unwrap();
        path.push('/');
        path.push_str(word);
        number /= words.len();
    }
    path
}

/// Every segment that the code or the description spells, and some that stand for a name.
fn vocabulary() -> BTreeSet<String> {
    let mut texts = Vec::new();
    gather(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/dialect"), &mut texts);
    let literals = texts.iter().flat_map(|text| {
        let before_tests = text.split("\nmod tests {").next().unwrap_or_default();
        before_tests.split('"').filter(|literal| is_path(literal)).map(str::to_owned)
    });
    let described = operations().iter().map(|one| one.path.clone());
    let mut words: BTreeSet<String> = literals
        .filter(|literal| literal.starts_with("/v1/") || literal.starts_with("/api/"))
        .chain(described)
        .flat_map(|path| path.split('/').map(str::to_owned).collect::<Vec<_>>())
        .filter(|word| !word.is_empty() && !word.contains('{'))
        .collect();
    words.extend(["name", "v1beta", "name:generateContent"].map(str::to_owned));
    words
}

fn is_path(literal: &str) -> bool {
    literal.starts_with('/')
        && literal.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-".contains(&b))
}

fn gather(folder: &Path, texts: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather(&path, texts);
        } else if path.file_name().is_some_and(|name| name == "client.rs" || name == "house.rs") {
            texts.push(std::fs::read_to_string(&path).unwrap());
        }
    }
}
