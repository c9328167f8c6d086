//! The reference of policy and config in `docs/` is made of the types that files are read into, and the
//! schemas say what the parser does. `UPDATE_GOLDENS=1` writes what they are now; review the difference.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
#![expect(clippy::indexing_slicing, reason = "a test knows what it expects to find")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use pixelgate::{config, policy};
use serde_json::Value;

#[path = "reference/commands.rs"]
mod commands;
#[path = "reference/page.rs"]
mod page;

const POLICY_HEAD: &str = "\
# Policy, key by key

Policy is every `.toml` file of one folder, read as one; it may change while the gateway runs. This page is made of the types that it is
read into. What is required has no default. Money is text: credits where apps pay, dollars where vendors charge. How things work together is
told in [routing](routing.md), [prices](prices.md), [limits](limits.md), [rules](rules.md) and [finance](finance.md).

For an editor that completes and checks as one types (Taplo, Even Better TOML), with `#:schema ./.schema.json` on the first line of each file:

```sh
pixelgate schema policy > policies/.schema.json
```
";

const CONFIG_HEAD: &str = "\
# Config, key by key

What needs a restart to change. `--config FILE` names a file that may hold any part of it; what it leaves out is as here. This page is made of the
types that it is read into and of [config/gateway.toml](../config/gateway.toml), which are the defaults. For an editor:

```sh
pixelgate schema config > config/.schema.json
```
";

const COMMANDS_HEAD: &str = "\
# Commands, one by one

Everything that `pixelgate` can be told; this page is made of the command line itself, and `pixelgate help VERB` says the same. The line below a verb
has what it needs; what is in brackets there, and every other argument of its table, may be left out.

Commands on workspaces, keys, tokens and credits ask the gateway that serves the data folder, if one does, and open the store themselves if none does; either
way they take effect at once. Moments are seconds since the Unix epoch (`date -d 2027-01-01 +%s`). What the exit codes mean:
[operating](operating.md#starting-and-stopping).
";

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn is_current(path: &str, text: &str) {
    #[expect(clippy::disallowed_methods, reason = "how goldens are written anew")]
    if std::env::var("UPDATE_GOLDENS").is_ok() {
        std::fs::create_dir_all(here(path).parent().unwrap()).unwrap();
        std::fs::write(here(path), text).unwrap();
    }
    let there = std::fs::read_to_string(here(path)).unwrap_or_default();
    assert!(there == text, "{path} is not what the types say; UPDATE_GOLDENS=1 writes it anew");
}

#[test]
fn the_committed_reference_is_what_the_types_say() {
    is_current("docs/policy-reference.md", &page::of(POLICY_HEAD, &policy::schema()));
    is_current("docs/config-reference.md", &page::of(CONFIG_HEAD, &config::schema()));
    is_current("docs/commands.md", &commands::of(COMMANDS_HEAD, &pixelgate::cli::verbs()));
    is_current("docs/schema/policy.json", &format!("{:#}\n", policy::schema()));
    is_current("docs/schema/config.json", &format!("{:#}\n", config::schema()));
}

#[test]
fn every_key_is_described() {
    for (of, schema) in [("policy", policy::schema()), ("config", config::schema())] {
        let nameless = page::undescribed(&schema);
        assert!(nameless.is_empty(), "keys of {of} that nothing is said of: {nameless:?}");
    }
}

/// A comment in the file of defaults is of the keys below it up to the next one: each key has its own.
#[test]
fn no_two_keys_of_the_config_share_their_words() {
    let schema = config::schema();
    for (section, own) in schema["properties"].as_object().unwrap() {
        let mut said = BTreeSet::new();
        for (key, value) in own["properties"].as_object().unwrap() {
            let words = value["description"].as_str().unwrap_or_default();
            assert!(said.insert(words), "{section}.{key} has another key's words: {words}");
        }
    }
}

fn read(path: &Path) -> Value {
    let table: toml::Table = toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    serde_json::to_value(table).unwrap()
}

fn tomls(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|end| end == "toml")).collect()
}

#[test]
fn what_the_parser_takes_the_schema_takes() {
    let validator = jsonschema::validator_for(&policy::schema()).unwrap();
    let mut files = tomls(&here("policies"));
    for case in std::fs::read_dir(here("tests/fixtures/litellm")).unwrap() {
        files.extend(tomls(&case.unwrap().path()));
    }
    assert!(files.len() > 12, "{files:?}");
    for file in files {
        let faults: Vec<_> = validator.iter_errors(&read(&file)).map(|e| e.to_string()).collect();
        assert!(faults.is_empty(), "{}: {faults:?}", file.display());
    }
    let validator = jsonschema::validator_for(&config::schema()).unwrap();
    for file in tomls(&here("config")) {
        let faults: Vec<_> = validator.iter_errors(&read(&file)).map(|e| e.to_string()).collect();
        assert!(faults.is_empty(), "{}: {faults:?}", file.display());
    }
}

/// A policy that has each table once.
const WHOLE: &str = r#"
[vendors.one]
dialect = "painter"
base_url = "painter:"
passthrough = [{ method = "GET", path = "/a", price = "0", cost = "0" }]
[models.paint]
balance = {}
price = { images = [{ image = "1" }], megapixel = { each = "1", rounded = "up" }, steps = { usual = 4 }, tokens = { text_in = { million = "1", max_by = [{ tokens = 1 }] } } }
offerings = [{ vendor = "one", sides = { min = 16, max = 4096, step = 1 }, cost = [{ image = "0" }] }]
limits = [{ name = "a", requests = 1, per = "1m" }]
quotas = [{ name = "b", requests = 1, per = "day" }]
[plans.open]
models = ["*"]
batch = { items_max = 1, concurrency_max = 1 }
[rules]
denied_terms = [{ term = "a", message = "b" }]
denied_patterns = [{ pattern = "a", message = "b" }]
moderation = { vendor = "one", model = "m", cost = "0" }
rule = [{ name = "r", if = "true", set = {}, most = {}, price = { percent = 100 } }]
[presets.wide]
frame = "16:9"
[defaults]
model = "paint"
[prompts]
vendor = "one"
model = "m"
price = "0"
cost = "0"
[webhooks]
hosts = []
[budgets.all]
credits = 1
per = "day"
[input_pictures]
hosts = []
"#;

/// What the parser says of a policy, in one text.
fn parsed(policy: &toml::Table) -> String {
    let text = toml::to_string(policy).unwrap();
    let text = policy::PolicyText { file: "p.toml".to_owned(), text };
    match policy::build(&[text], &|_| None) {
        Ok(_) => String::new(),
        Err(faults) => faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    }
}

/// The parser lists the keys that a table may have when it meets one that it does not know; the schema
/// must list the same.
#[test]
fn the_schema_has_every_key_that_the_parser_takes_and_no_other() {
    let schema = policy::schema();
    let whole: toml::Table = toml::from_str(WHOLE).unwrap();
    let (mut compared, mut all) = (BTreeSet::new(), BTreeSet::new());
    for (name, place, definition) in page::tables(&schema) {
        all.insert(name.clone());
        let mut strange = whole.clone();
        let Some(table) = page::table_at(&mut strange, &place) else { continue };
        table.insert("no_such_key".to_owned(), toml::Value::Boolean(true));
        let said = parsed(&strange);
        assert!(said.contains("no_such_key"), "{place:?} takes any key: {said}");
        let (_, listed) =
            said.split_once("expected ").unwrap_or_else(|| panic!("{place:?}: {said}"));
        let listed = listed.lines().next().unwrap();
        let mut taken: Vec<&str> = listed.split('`').skip(1).step_by(2).collect();
        let mut known: Vec<&str> =
            definition["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        taken.sort_unstable();
        known.sort_unstable();
        assert_eq!(taken, known, "{place:?}: {said}");
        compared.insert(name);
    }
    let lost: Vec<_> = all.difference(&compared).collect();
    assert!(lost.is_empty(), "the policy of this test has none of these tables: {lost:?}");
    assert!(compared.len() >= 25, "only {compared:?}");
}
