//! The files of the tree, and Rust text with its comments and strings taken out.

use std::fs;
use std::path::{Path, PathBuf};

/// One text file of the tree.
#[derive(Debug)]
pub(crate) struct Source {
    /// From the root of the repository, with forward slashes.
    pub(crate) path: String,
    /// As it is on disk.
    pub(crate) text: String,
    /// With comments blanked, strings kept. Lines stay where they are.
    pub(crate) uncommented: String,
    /// With comments and the insides of strings blanked. Lines stay where they are.
    pub(crate) code: String,
}

impl Source {
    /// A file of this path and text.
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let is_rust = Path::new(path).extension().is_some_and(|end| end == "rs");
        let blank = |keep| {
            if is_rust { blank(text, keep) } else { text.to_owned() }
        };
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            uncommented: blank(Strings::Kept),
            code: blank(Strings::Blanked),
        }
    }

    /// The top-level module that it belongs to; `None` for the roots and for files outside `src`.
    pub(crate) fn module(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("src/")?;
        let first = inside.split('/').next()?;
        let name = first.strip_suffix(".rs").unwrap_or(first);
        (!matches!(name, "lib" | "main")).then_some(name)
    }

    /// Whether all of it is compiled for tests only, going by its place.
    pub(crate) fn is_tests(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }

    /// The code before an inline `mod tests {`, which is last in a file.
    pub(crate) fn before_tests<'a>(&self, code: &'a str) -> &'a str {
        if self.is_tests() {
            return "";
        }
        code.find("\nmod tests {").and_then(|end| code.get(..end)).unwrap_or(code)
    }
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of these endings in these folders (or the file itself), in order of path.
pub(crate) fn read(places: &[&str], endings: &[&str]) -> Vec<Source> {
    let mut paths = Vec::new();
    for place in places {
        collect(&root().join(place), &mut paths);
    }
    paths.sort();
    paths
        .iter()
        .filter(|path| {
            let ending = path.extension().and_then(|end| end.to_str());
            ending.is_some_and(|end| endings.contains(&end))
        })
        .map(|path| {
            let shown = path.strip_prefix(root()).unwrap_or(path);
            let text = fs::read_to_string(path)
                .unwrap_or_else(|fault| panic!("cannot read {}: {fault}", shown.display()));
            Source::new(&shown.to_string_lossy().replace('\\', "/"), &text)
        })
        .collect()
}

/// Every Rust file of the library and the binary.
pub(crate) fn src() -> Vec<Source> {
    read(&["src"], &["rs"])
}

/// The one file of this path; empty when there is none.
pub(crate) fn one(path: &str) -> Source {
    Source::new(path, &fs::read_to_string(root().join(path)).unwrap_or_default())
}

/// A finding: where, and what is wrong.
pub(crate) fn finding(source: &Source, offset: usize, problem: &str) -> String {
    let before = source.text.get(..offset).unwrap_or_default();
    let line = 1 + before.matches('\n').count();
    format!("{}:{line}: {problem}", source.path)
}

fn collect(place: &Path, into: &mut Vec<PathBuf>) {
    if place.is_file() {
        into.push(place.to_owned());
    }
    for entry in fs::read_dir(place).into_iter().flatten().flatten() {
        collect(&entry.path(), into);
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Strings {
    Kept,
    Blanked,
}

/// Comments, and strings if asked, become spaces of the same length in bytes.
fn blank(text: &str, strings: Strings) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(&first) = rest.first() {
        let (length, keep) = match lexeme(rest, out.last().copied()) {
            Lexeme::Comment(length) => (length, false),
            Lexeme::Literal(length) => (length, strings == Strings::Kept),
            Lexeme::Other => {
                out.push(first);
                rest = &rest[1..];
                continue;
            }
        };
        let (lexeme, after) = rest.split_at(length.min(rest.len()));
        out.extend(lexeme.iter().map(|&byte| if keep || byte == b'\n' { byte } else { b' ' }));
        rest = after;
    }
    String::from_utf8(out).unwrap()
}

enum Lexeme {
    Comment(usize),
    Literal(usize),
    Other,
}

fn lexeme(rest: &[u8], before: Option<u8>) -> Lexeme {
    if rest.starts_with(b"//") {
        return Lexeme::Comment(until(rest, b"\n"));
    }
    if rest.starts_with(b"/*") {
        return Lexeme::Comment(block_comment(rest));
    }
    let in_word = before.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !in_word && (rest[0] == b'r' || rest.starts_with(b"br")) {
        let start = usize::from(rest[0] == b'b') + 1;
        let hashes = rest[start..].iter().take_while(|byte| **byte == b'#').count();
        if rest.get(start + hashes) == Some(&b'"') {
            let close = [b"\"".as_slice(), &vec![b'#'; hashes]].concat();
            let body = start + hashes + 1;
            return Lexeme::Literal(body + until(&rest[body..], &close) + close.len());
        }
    }
    match rest {
        [b'"', ..] => Lexeme::Literal(quoted(rest, b'"')),
        // A character, and not a lifetime: it closes again at once.
        [b'\'', b'\\', ..] => Lexeme::Literal(quoted(rest, b'\'')),
        [b'\'', _, b'\'', ..] => Lexeme::Literal(3),
        _ => Lexeme::Other,
    }
}

fn until(rest: &[u8], end: &[u8]) -> usize {
    rest.windows(end.len()).position(|window| window == end).unwrap_or(rest.len())
}

fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    at + 1
}

fn block_comment(rest: &[u8]) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                break;
            }
        } else {
            at += 1;
        }
    }
    at
}

#[test]
fn comments_and_strings_are_blanked_and_the_rest_stays() {
    let text = "let a = \"x // y\"; // b\n/* c /* d */ e */ f('\"', 'g, r#\"h \" i\"#, '\\'');";
    let source = Source::new("src/x.rs", text);
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(words(&source.code), "let a = ; f( , 'g, , );");
    assert_eq!(
        words(&source.uncommented),
        "let a = \"x // y\"; f('\"', 'g, r#\"h \" i\"#, '\\'');"
    );
    assert_eq!(source.code.len(), text.len());
}
