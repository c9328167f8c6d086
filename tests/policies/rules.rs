//! Every example of `docs/rules.md` is policy, and every name that a condition may use is in its table.

use pixelgate::policy::{self, PolicyText};
use pixelgate::rules::{NumberFact, TextFact, TruthFact};
use pixelgate::secret::Secret;

const BASE: &str = r#"
[vendors.openai]
dialect = "openai"
base_url = "https://api.openai.com/v1"
secret = "env:OPENAI_API_KEY"

[models.paint]
price = [{ image = "1" }]
offerings = [{ vendor = "openai", sizes = ["64x64"], cost = [{ image = "0" }] }]
"#;

fn manual() -> String {
    let manual = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/rules.md");
    std::fs::read_to_string(manual).unwrap()
}

#[test]
fn every_example_of_the_page_on_rules_is_policy() {
    let manual = manual();
    let examples = manual.split("```toml\n").skip(1);
    let examples: Vec<&str> = examples.filter_map(|rest| Some(rest.split_once("```")?.0)).collect();
    assert_eq!(examples.len(), 3);
    for example in examples {
        let text = PolicyText { file: "rules.toml".to_owned(), text: format!("{BASE}\n{example}") };
        let built = policy::build(&[text], &|_| Some(Secret::new("made up".to_owned())));
        let policy = built.unwrap_or_else(|faults| panic!("{example}\n{}", faults[0]));
        let is_there = policy.rules.all().count() == 4 || policy.moderator.is_some();
        assert!(is_there || example.contains("denied_patterns"));
    }
}

#[test]
fn the_page_on_rules_names_everything_that_a_condition_may_look_at() {
    let manual = manual();
    let numbers = NumberFact::ALL.iter().map(|fact| fact.name());
    let texts = TextFact::ALL.iter().map(|fact| fact.name());
    let truths = TruthFact::ALL.iter().map(|fact| fact.name());
    for name in numbers.chain(texts).chain(truths) {
        assert!(manual.contains(&format!("`{name}`")), "{name}");
    }
}
