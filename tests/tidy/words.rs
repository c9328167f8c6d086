//! Words: one for each thing, so the other words for it are not used in names.

use super::assert_tidy;
use super::paths::words;
use super::source::{Source, finding, one, src};

/// A word that is not used in names, the word that is, and the files where others' names hold it.
struct Banned {
    word: &'static str,
    instead: &'static str,
    allowed_in: &'static [&'static str],
}

/// Pingora's and the TLS library's own types keep their names where they are used.
const FOREIGN: &[&str] = &["src/edge", "src/upstream", "src/store/postgres"];

/// A cloud's own word, in the ways of showing a credential to it.
const OF_CLOUDS: &[&str] = &["src/edge", "src/upstream", "src/catalog/vendor", "src/policy/vendor"];

const BANNED: &[Banned] = &[
    Banned { word: "provider", instead: "vendor", allowed_in: FOREIGN },
    Banned { word: "backend", instead: "offering or vendor", allowed_in: FOREIGN },
    Banned { word: "utils", instead: "the name of what it does", allowed_in: &[] },
    Banned { word: "helper", instead: "the name of what it does", allowed_in: &[] },
    Banned { word: "manager", instead: "the name of what it does", allowed_in: &[] },
    Banned { word: "service", instead: "the name of what it does", allowed_in: OF_CLOUDS },
    // `--data` is the operator's word for the data folder, and the demo's ready line repeats it.
    Banned { word: "data", instead: "the name of what it holds", allowed_in: &["src/cli"] },
];

/// `data` is banned as a whole name only: `metadata` and `database` are other words.
fn holds(name: &str, word: &str) -> bool {
    if word == "data" {
        return name == word;
    }
    parts(name).any(|part| part == word || part.strip_suffix('s') == Some(word))
}

/// `VendorReply` and `vendor_reply` alike: vendor, reply.
fn parts(name: &str) -> impl Iterator<Item = String> {
    let mut parts = vec![String::new()];
    let mut was_small = false;
    for letter in name.chars() {
        if letter == '_' || (letter.is_uppercase() && was_small) {
            parts.push(String::new());
        }
        was_small = letter.is_lowercase();
        if letter != '_' {
            parts.last_mut().unwrap().extend(letter.to_lowercase());
        }
    }
    parts.into_iter()
}

fn banned(source: &Source) -> Vec<String> {
    let stem = source.path.trim_end_matches(".rs");
    let file_names = stem.split('/').skip(1).map(|name| (0, name));
    file_names
        .chain(words(&source.code))
        .filter_map(|(at, name)| {
            let ban = BANNED.iter().find(|ban| {
                let allowed = ban.allowed_in.iter().any(|place| source.path.starts_with(place));
                holds(name, ban.word) && !allowed
            })?;
            Some(finding(source, at, &format!("`{name}`: say {} instead", ban.instead)))
        })
        .collect()
}

/// The word and the words not to say of each row.
fn rows(glossary: &str) -> Vec<(String, Vec<String>)> {
    glossary
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| **")?.split('|');
            let word = cells.next()?.trim().trim_end_matches("**").to_owned();
            let not = cells.nth(1)?.split(',').map(|word| word.trim().to_owned());
            Some((word, not.filter(|word| !word.is_empty()).collect()))
        })
        .collect()
}

fn muddled(glossary: &Source) -> Vec<String> {
    let rows = rows(&glossary.text);
    let mut found = Vec::new();
    for (index, (word, not)) in rows.iter().enumerate() {
        if rows.iter().take(index).any(|(earlier, _)| earlier == word) {
            found.push(finding(glossary, 0, &format!("**{word}** has two rows")));
        }
        for other in not.iter().filter(|other| rows.iter().any(|(word, _)| word == *other)) {
            let problem = format!("\"{other}\" is both a word and not to be said for {word}");
            found.push(finding(glossary, 0, &problem));
        }
    }
    for Banned { word, .. } in BANNED {
        if !rows.iter().any(|(_, not)| not.iter().any(|other| other == word)) {
            found.push(finding(glossary, 0, &format!("\"{word}\" is banned; no row says so")));
        }
    }
    found
}

#[test]
fn a_banned_word_is_found_in_every_spelling() {
    let found = |path: &str, text: &str| banned(&Source::new(path, text)).len();
    assert_eq!(found("src/x.rs", "struct ImageProvider; let providers = 1; fn provider() {}"), 3);
    assert_eq!(found("src/x.rs", "struct KeyManager; trait Service {} let data = 1;"), 3);
    assert_eq!(found("src/limit/utils.rs", ""), 1);
    assert_eq!(found("src/x.rs", "let metadata = \"data\"; // data\nuse tokio_util::x;"), 0);
    assert_eq!(found("src/edge/public.rs", "use pingora::services::Service;"), 0);
}

#[test]
fn a_muddled_glossary_is_found() {
    let rows = "| **vendor** | a company | provider, key |\n| **key** | shown | |\n\
                | **key** | again | |\n";
    let found = muddled(&Source::new("docs/glossary.md", rows));
    assert!(found.iter().any(|line| line.contains("both a word")), "{found:?}");
    assert!(found.iter().any(|line| line.contains("two rows")), "{found:?}");
    assert!(found.iter().any(|line| line.contains("\"backend\" is banned")), "{found:?}");
    assert!(!found.iter().any(|line| line.contains("\"provider\"")), "{found:?}");
}

#[test]
fn names_use_the_words_of_the_glossary() {
    assert_tidy(&src().iter().flat_map(banned).collect::<Vec<_>>());
}

#[test]
fn the_glossary_has_one_word_for_each_thing() {
    assert_tidy(&muddled(&one("docs/glossary.md")));
}
