//! Another gateway's configuration, read into a folder of policy: LiteLLM's `config.yaml` so far.
//!
//! Pure: text in, files and a report out. Every key of what is read stands in the report: taken,
//! changed or left, and why. No credential is copied, and none is repeated.

use std::collections::BTreeMap;

use serde_json::Value;
use thiserror::Error;

mod catalogue;
mod cost;
mod deployment;
mod fallbacks;
mod group;
mod left;
mod report;
mod section;
mod settings;
mod vendor;
mod write;

pub use catalogue::Catalogue;
pub use report::{Line, Report, Verdict};

use deployment::{Deployment, Hand};
use group::Group;
use section::Section;
use settings::Settings;
use vendor::Vendors;

/// The largest file that is read.
pub const BYTES_MAX: usize = 4 << 20;

/// The most entries of a `model_list`.
const ENTRIES_MAX: usize = 2_000;

/// What is looked up while importing.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// What is known of vendors and models.
    pub catalogue: &'a Catalogue,
    /// A variable of the environment; only for addresses, which are part of policy.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
}

/// A folder of policy, and what became of each part of what was read.
#[derive(Debug)]
pub struct Imported {
    /// The files, by name.
    pub files: BTreeMap<&'static str, String>,
    /// What was taken, changed and left.
    pub report: Report,
}

/// Why nothing could be read.
#[derive(Debug, Error)]
pub enum ImportError {
    /// It is not YAML.
    #[error("the file is not YAML: {0}")]
    Yaml(String),
    /// It is YAML of another shape.
    #[error("the file has no `model_list`; is it a config.yaml of LiteLLM's proxy?")]
    NoModels,
    /// It is larger than anyone writes.
    #[error("the file has more than {BYTES_MAX} bytes or {ENTRIES_MAX} entries")]
    TooLarge,
}

/// Reads the `config.yaml` of LiteLLM's proxy.
pub fn litellm(text: &str, known: Known<'_>) -> Result<Imported, ImportError> {
    if text.len() > BYTES_MAX {
        return Err(ImportError::TooLarge);
    }
    let read: Value =
        serde_saphyr::from_str(text).map_err(|error| ImportError::Yaml(error.to_string()))?;
    let mut report = Report::default();
    let mut whole = Section::of("", read).ok_or(ImportError::NoModels)?;
    let Some(Value::Array(list)) = whole.take("model_list") else {
        return Err(ImportError::NoModels);
    };
    if list.len() > ENTRIES_MAX {
        return Err(ImportError::TooLarge);
    }
    let credentials = deployment::credentials(&mut whole, &mut report);
    let settings = Settings::read(&mut whole, &mut report);
    whole.leave(&mut report);
    let mut vendors = Vendors::default();
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    let mut keys = BTreeMap::new();
    for (number, entry) in list.into_iter().enumerate() {
        let place = format!("model_list[{number}]");
        let (credentials, keys, report) = (&credentials, &mut keys, &mut report);
        let mut hand = Hand { known, credentials, keys, report };
        if let Some(deployment) = Deployment::read(&place, entry, &mut hand) {
            let vendor = vendors.of(&deployment, hand.report);
            let group = groups.entry(deployment.name.clone()).or_default();
            group.add(deployment, vendor, hand.report);
        }
    }
    fallbacks::join(&mut groups, &settings, &mut report);
    let known = (&settings, known.catalogue);
    let files = write::files((&vendors, &groups), known, &mut report);
    Ok(Imported { files, report })
}
