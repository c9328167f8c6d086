//! The shipped policy loads, and every bad one gives its golden message. `UPDATE_GOLDENS=1`
//! writes what is said now; review the difference.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::path::Path;

use pixelgate::policy::{self, PolicyText};
use pixelgate::secret::Secret;

#[path = "policies/examples.rs"]
mod examples;
#[path = "policies/promises.rs"]
mod promises;
#[path = "policies/rules.rs"]
mod rules;

fn texts(folder: &Path) -> Vec<PolicyText> {
    let mut texts: Vec<PolicyText> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .map(|path| PolicyText {
            file: path.file_name().unwrap().to_str().unwrap().to_owned(),
            text: std::fs::read_to_string(&path).unwrap(),
        })
        .collect();
    texts.sort_by(|a, b| a.file.cmp(&b.file));
    texts
}

/// The shipped policy, with every credential it names.
fn shipped() -> policy::Policy {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    policy::build(&texts(&folder), &|_| Some(Secret::new("made up".to_owned()))).unwrap()
}

#[test]
fn the_shipped_policy_loads_and_says_which_credentials_are_missing() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let policy = policy::build(&texts(&shipped), &|_| None).unwrap();
    let [vendors, ..] = policy.warnings.as_slice() else { panic!("nothing is left out") };
    assert!(vendors.contains("openai (env:OPENAI_API_KEY)"), "{vendors}");
    assert!(policy.models.values().all(|model| !model.offerings.is_empty()));
    assert!(policy.models.values().all(|model| model.test_offering.is_some()));
}

#[test]
fn no_shipped_offering_draws_pictures_that_nobody_may_fetch() {
    let warnings = shipped().warnings;
    assert!(warnings.iter().all(|told| !told.contains("picture_hosts")), "{warnings:?}");
}

#[test]
fn an_offering_whose_pictures_come_by_address_from_no_listed_host_is_told() {
    let told = |vendor: &str, model: &str| {
        let text = format!(
            "[vendors.acme]\nbase_url = \"https://api.acme.example\"\n{vendor}\n\
             [vendors.painter]\ndialect = \"painter\"\nbase_url = \"painter:\"\nfor_tests = true\n\
             [models.one]\nprice = [{{ image = \"1\" }}]\n\
             offerings = [{{ vendor = \"acme\", model = \"{model}\", sizes = [\"64x64\"], cost = [{{ image = \"1\" }}] }}]\n"
        );
        let texts = [PolicyText { file: "policy.toml".to_owned(), text }];
        let policy = policy::build(&texts, &|_| None).unwrap();
        policy.warnings.into_iter().find(|told| told.contains("picture_hosts"))
    };
    let kontext = "accounts/fireworks/models/flux-kontext-pro";
    let why = "offerings whose pictures come by address, and no picture_hosts of their vendors are listed";
    let fireworks = "dialect = \"fireworks\"";
    assert_eq!(told(fireworks, kontext), Some(format!("{why}: one/acme")));
    assert_eq!(told(fireworks, "accounts/fireworks/models/flux-1-schnell-fp8"), None);
    let listed = format!("{fireworks}\npicture_hosts = [\"cdn.acme.example\"]");
    assert_eq!(told(&listed, kontext), None);
    assert_eq!(told("dialect = \"openai\"", "gpt-image-2"), None);
}

#[test]
fn a_shipped_gpt_image_model_is_asked_for_no_more_pixels_than_it_draws() {
    for (name, model) in shipped().models.iter().filter(|(name, _)| name.starts_with("gpt-image-2"))
    {
        assert_eq!(model.pixels_max, Some(3840 * 2160), "{name}");
    }
}

/// The dialects that a vendor may have, as a hint lists them.
fn dialects() -> String {
    let vendors = pixelgate::dialect::ALL.iter().filter(|dialect| dialect.vendor.is_some());
    vendors.map(|dialect| dialect.name).collect::<Vec<_>>().join(", ")
}

#[test]
fn every_bad_policy_is_explained_in_full() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/policies/bad");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let case = entry.unwrap().path();
        let faults = policy::build(&texts(&case), &|_| None).unwrap_err();
        let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
        let said = lines.join("\n") + "\n";
        // A new dialect is nothing to mend here.
        let said = said.replace(&dialects(), "every dialect of a vendor");
        let golden = case.join("message.txt");
        #[expect(clippy::disallowed_methods, reason = "how goldens are written anew")]
        if std::env::var("UPDATE_GOLDENS").is_ok() {
            std::fs::write(&golden, &said).unwrap();
        }
        let expected = std::fs::read_to_string(&golden).unwrap_or_default();
        assert_eq!(said, expected, "{}", case.display());
        seen += 1;
    }
    assert!(seen >= 5, "only {seen} bad policies were found");
}
