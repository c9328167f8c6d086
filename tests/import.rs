//! Configurations of other gateways, and the folder of policy that each comes to: golden files.
//! `UPDATE_GOLDENS=1` writes what comes of them now; review the difference.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pixelgate::import::{Catalogue, ImportError, Imported, Known, Verdict, litellm};
use pixelgate::policy::{self, PolicyText};
use pixelgate::secret::Secret;
use serde_json::Value;

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn imported(text: &str) -> Result<Imported, ImportError> {
    let (vendors, models) = (here("policies/vendors.toml"), here("policies/models.toml"));
    let catalogue = Catalogue::read(&read(&vendors), &read(&models)).unwrap();
    litellm(text, Known { catalogue: &catalogue, variable: &|_| None })
}

fn cases() -> Vec<PathBuf> {
    let folders = std::fs::read_dir(here("tests/fixtures/litellm")).unwrap();
    let mut cases: Vec<_> = folders.map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= 4, "{cases:?}");
    cases
}

#[test]
fn every_configuration_comes_to_its_golden_folder() {
    for case in cases() {
        let imported = imported(&read(&case.join("config.yaml"))).unwrap();
        let page = imported.report.page("config.yaml");
        let mut files: BTreeMap<&str, String> = imported.files;
        files.insert("import-report.md", page);
        #[expect(clippy::disallowed_methods, reason = "how goldens are written anew")]
        if std::env::var("UPDATE_GOLDENS").is_ok() {
            for (name, text) in &files {
                std::fs::write(case.join(name), text).unwrap();
            }
        }
        for (name, text) in &files {
            assert_eq!(*text, read(&case.join(name)), "{}/{name}", case.display());
        }
        let there = std::fs::read_dir(&case).unwrap().count();
        assert_eq!(there, files.len() + 1, "{} holds a file that is not written", case.display());
    }
}

#[test]
fn every_folder_passes_the_check() {
    for case in cases() {
        let imported = imported(&read(&case.join("config.yaml"))).unwrap();
        let texts: Vec<PolicyText> = imported
            .files
            .into_iter()
            .map(|(file, text)| PolicyText { file: file.to_owned(), text })
            .collect();
        let made_up = |_: &_| Some(Secret::new("made up".to_owned()));
        let policy = policy::build(&texts, &made_up).unwrap_or_else(|faults| {
            let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
            panic!("{}: {}", case.display(), faults.join("\n"))
        });
        assert!(!policy.models.is_empty(), "{}", case.display());
        assert!(policy.warnings.is_empty(), "{}: {:?}", case.display(), policy.warnings);
    }
}

/// What a line on a whole entry stands for.
const NAMES: [&str; 9] = [
    ".model_name",
    ".litellm_params.model",
    ".custom_llm_provider",
    ".model_info.mode",
    ".model_info.base_model",
    ".vertex_location",
    ".credential_name",
    ".credential_values.vertex_project",
    ".credential_values.vertex_credentials",
];

/// The dotted place of every leaf.
fn leaves(place: &str, value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(table) if !table.is_empty() => table.iter().for_each(|(key, value)| {
            let place = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
            leaves(&place, value, found);
        }),
        Value::Array(list) if !list.is_empty() => list
            .iter()
            .enumerate()
            .for_each(|(number, value)| leaves(&format!("{place}[{number}]"), value, found)),
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Object(_)
        | Value::Array(_) => found.push(place.to_owned()),
    }
}

#[test]
fn nothing_is_dropped_without_a_word() {
    for case in cases() {
        let text = read(&case.join("config.yaml"));
        let report = imported(&text).unwrap().report;
        let mut found = Vec::new();
        leaves("", &serde_saphyr::from_str(&text).unwrap(), &mut found);
        for leaf in found {
            // An entry that is taken stands for its names alone; every other key has a line of its own.
            let is_name = NAMES.iter().any(|name| leaf.ends_with(name));
            let is_named = report.lines.iter().any(|line| {
                let is_whole = line.place.ends_with(']') || line.place.ends_with(".litellm_params");
                let tells = !is_whole || is_name || line.verdict == Verdict::Left;
                tells && leaf.starts_with(&line.place)
            });
            assert!(is_named, "{}: nothing is said of {leaf}", case.display());
        }
    }
}

#[test]
fn no_credential_is_copied_or_repeated() {
    for case in cases() {
        let imported = imported(&read(&case.join("config.yaml"))).unwrap();
        let all: String = imported.files.into_values().collect();
        let all = all + &imported.report.page("config.yaml");
        for secret in ["sk-", "secret@db", "postgresql:"] {
            assert!(!all.contains(secret), "{} repeats {secret}", case.display());
        }
    }
}

#[test]
fn what_is_no_configuration_is_refused_with_why() {
    let why = |text: &str| imported(text).unwrap_err().to_string();
    assert!(why("model_list: [").contains("not YAML"));
    assert!(why("- a list").contains("no `model_list`"));
    assert!(why("models: []").contains("no `model_list`"));
    assert!(why(&format!("# {}", "x".repeat(5 << 20))).contains("bytes"));
}
