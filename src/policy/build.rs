//! Policy text to a [`Policy`], collecting every fault on the way.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::catalog::Offering;
use crate::dialect;
use crate::rules::Rules;

use super::raw::RawFile;
use super::{
    FindSecret, InputPictures, Policy, PolicyFault, PolicyText, bounds, budgets, inputs,
    moderation, offering, plan, preset, prompts, rules, vendor, webhooks,
};

/// Every fault found so far, and the file that is being read.
pub(super) struct Faults<'a> {
    found: Vec<PolicyFault>,
    source: &'a PolicyText,
}

/// Builds one policy from all its files, or says everything that is wrong with them.
pub fn build(
    texts: &[PolicyText],
    find_secret: FindSecret<'_>,
) -> Result<Policy, Vec<PolicyFault>> {
    let Some(first) = texts.first() else {
        return Err(vec![PolicyFault {
            file: "(no file)".to_owned(),
            line: 1,
            place: "policy".to_owned(),
            problem: "the folder holds no .toml file".to_owned(),
            hint: "start from the sample files in `policies/`".to_owned(),
        }]);
    };
    let mut faults = Faults { found: Vec::new(), source: first };
    let files: Vec<(&PolicyText, RawFile)> =
        texts.iter().filter_map(|text| faults.parse(text).map(|file| (text, file))).collect();

    let mut policy = Policy {
        version: version(texts),
        vendors: BTreeMap::new(),
        models: BTreeMap::new(),
        model_default: None,
        model_bounds: BTreeMap::new(),
        plans: BTreeMap::new(),
        presets: BTreeMap::new(),
        prompts: None,
        moderator: None,
        webhooks: crate::notice::Webhooks::default(),
        budgets: BTreeMap::new(),
        input_pictures: InputPictures::default(),
        rules: Rules::default(),
        warnings: Vec::new(),
    };
    // Vendors first, wherever they stand: models refer to them, and plans to models.
    for (text, file) in &files {
        faults.source = text;
        vendor::vendors(&mut policy, file, find_secret, &mut faults);
    }
    for (text, file) in &files {
        faults.source = text;
        offering::models(&mut policy, file, &mut faults);
        bounds::of_models(&mut policy, file, &mut faults);
    }
    let mut missing = webhooks::Missing::default();
    for (text, file) in &files {
        faults.source = text;
        plan::plans(&mut policy, file, &mut faults);
        preset::presets(&mut policy, file, &mut faults);
        prompts::prompts(&mut policy, file, &mut faults);
        missing.look(&mut policy, file, (find_secret, &mut faults));
        inputs::input_pictures(&mut policy, file, &mut faults);
        moderation::moderation(&mut policy, file, &mut faults);
        rules::rules(&mut policy, file, &mut faults);
        defaults(&mut policy, file, &mut faults);
    }
    for (text, file) in &files {
        faults.source = text;
        budgets::budgets(&mut policy, file, &mut faults);
    }
    policy.warnings = left_out(&policy);
    policy.warnings.extend(out_of_reach(&policy));
    policy.warnings.extend(missing.told());
    if faults.found.is_empty() { Ok(policy) } else { Err(faults.found) }
}

/// What is there and cannot be used for want of a credential, a line each for vendors and models.
fn left_out(policy: &Policy) -> Vec<String> {
    let missing = policy.vendors.values().filter_map(|vendor| {
        Some(format!("{} ({})", vendor.name, vendor.secret_missing.as_ref()?))
    });
    let unserved = policy.models.values().filter(|model| !model.is_connected());
    let unserved = unserved.map(|model| model.name.clone());
    let lines = [
        ("vendors left out, their credentials are not there", missing.collect::<Vec<_>>()),
        ("models that are not listed, none of their vendors is connected", unserved.collect()),
    ];
    let told = lines.into_iter().filter(|(_, names)| !names.is_empty());
    told.map(|(what, names)| format!("{what}: {}", names.join(", "))).collect()
}

/// Offerings whose pictures come by address, from vendors of which no host but the API's is listed.
/// They are drawn and billed, and then they may lie where nobody may fetch them.
fn out_of_reach(policy: &Policy) -> Option<String> {
    let offerings = policy.models.values().flat_map(|model| &model.offerings);
    let is_unlisted = |offering: &&Arc<Offering>| {
        let vendor = &offering.vendor;
        let side = dialect::by_name(vendor.dialect).and_then(|dialect| dialect.vendor);
        let is_listed = !vendor.hosts.is_empty() || !vendor.picture_hosts.is_empty();
        !is_listed && side.is_some_and(|side| side.answers_by_address(offering))
    };
    let names: Vec<&str> = offerings.filter(is_unlisted).map(|offering| &*offering.name).collect();
    let what = "offerings whose pictures come by address, and no picture_hosts of their vendors are listed";
    (!names.is_empty()).then(|| format!("{what}: {}", names.join(", ")))
}

/// A short hash of the text, so that two nodes can be seen to run the same policy.
fn version(texts: &[PolicyText]) -> Arc<str> {
    let mut hasher = Sha256::new();
    for text in texts {
        hasher.update(text.file.as_bytes());
        hasher.update([0]);
        hasher.update(text.text.as_bytes());
        hasher.update([0]);
    }
    let hash = hasher.finalize();
    let short = hash.iter().take(6).fold(0_u64, |short, byte| (short << 8) | u64::from(*byte));
    format!("{short:012x}").into()
}

impl<'a> Faults<'a> {
    /// Notes a fault at a span of the current file.
    pub(super) fn note(&mut self, span: Range<usize>, place: String, problem: String, hint: &str) {
        self.found.push(PolicyFault {
            file: self.source.file.clone(),
            line: line_of(&self.source.text, span.start),
            place,
            problem,
            hint: hint.to_owned(),
        });
    }

    /// Whether a name is defined for the first time; a second definition is a fault.
    pub(super) fn is_new<Known>(
        &mut self,
        known: &BTreeMap<String, Known>,
        table: &str,
        name: &str,
        span: Range<usize>,
    ) -> bool {
        let new = !known.contains_key(name);
        if !new {
            let place = format!("{table}.{name}");
            self.note(span, place, "is defined twice".to_owned(), "keep one of them");
        }
        new
    }

    fn parse(&mut self, text: &'a PolicyText) -> Option<RawFile> {
        self.source = text;
        if text.text.trim().is_empty() {
            // It is just being written, or whoever wrote it failed: no plan and no vendor goes for that.
            let hint = "write policy into it, or remove it";
            self.note(0..0, "file".to_owned(), "is empty".to_owned(), hint);
            return None;
        }
        match toml::from_str(&text.text) {
            Ok(file) => Some(file),
            Err(error) => {
                let span = error.span().unwrap_or(0..0);
                self.note(span, "file".to_owned(), one_line(error.message()), "");
                None
            }
        }
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count().saturating_add(1)
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// "there are: a, b", for a hint beside a name that is not among them.
pub(super) fn there_are<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let names: Vec<_> = names.collect();
    if names.is_empty() {
        "there are none".to_owned()
    } else {
        format!("there are: {}", names.join(", "))
    }
}

fn defaults(policy: &mut Policy, file: &RawFile, faults: &mut Faults<'_>) {
    if let Some(model) = &file.defaults.model {
        if policy.model(model.get_ref()).is_none() {
            let problem = format!("no model `{}`", model.get_ref());
            let hint = there_are(policy.models.keys().map(String::as_str));
            faults.note(model.span(), "defaults.model".to_owned(), problem, &hint);
        }
        policy.model_default = Some(model.get_ref().clone());
    }
}
