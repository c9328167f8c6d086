//! The rules of a policy file: what no prompt may hold, and conditions with what follows.

use std::collections::{BTreeMap, BTreeSet};

use super::spanned::Spanned;

use crate::canonical::read_labels;
use crate::catalog::Adjustment;
use crate::credits::Credits;
use crate::expression::BadExpression;
use crate::rules::{DeniedTerm, Follows, Rule, Treatment};

use super::Policy;
use super::build::{Faults, there_are};
use super::passthrough::amount;
use super::raw::{RawAdjustment, RawDeniedPattern, RawDeniedTerm, RawFile, RawRule};

/// Rules of a policy. All of them are worked out for each request.
const RULES_MAX: usize = 200;

/// Patterns of a policy. Each is looked for in every prompt.
const PATTERNS_MAX: usize = 500;

/// The longest name of a rule, which stands in metrics and in versions of prices.
const NAME_CHARS_MAX: usize = 40;

/// The most that a rule may make of a price, in hundredths.
const PERCENT_MAX: u32 = 10_000;

const NAME_HINT: &str = "write at most 40 small letters, digits, `-` and `_`";

/// Adds the rules of one file.
pub(super) fn rules(policy: &mut Policy, file: &RawFile, faults: &mut Faults<'_>) {
    for raw in &file.rules.denied_terms {
        term(policy, raw, faults);
    }
    if let Some(first) = file.rules.denied_patterns.get(PATTERNS_MAX) {
        let problem = format!("are more than {PATTERNS_MAX}");
        let hint = "put words into `denied_terms`, or join patterns by `|`";
        faults.note(first.pattern.span(), "rules.denied_patterns".to_owned(), problem, hint);
    }
    for raw in &file.rules.denied_patterns {
        pattern(policy, raw, faults);
    }
    for spanned in &file.rules.rule {
        if policy.rules.all().count() == RULES_MAX {
            let problem = format!("are more than {RULES_MAX}");
            faults.note(spanned.span(), "rules.rule".to_owned(), problem, "join some by `||`");
            return;
        }
        if let Some(rule) = rule(policy, spanned, faults) {
            policy.rules.add(rule);
        }
    }
}

fn term(policy: &mut Policy, raw: &RawDeniedTerm, faults: &mut Faults<'_>) {
    if raw.term.get_ref().trim().is_empty() {
        let place = "rules.denied_terms.term".to_owned();
        faults.note(raw.term.span(), place, "is empty".to_owned(), "write the word to refuse");
        return;
    }
    let (term, message) = (raw.term.get_ref().clone(), raw.message.clone());
    policy.rules.deny_term(&DeniedTerm { term, message });
}

fn pattern(policy: &mut Policy, raw: &RawDeniedPattern, faults: &mut Faults<'_>) {
    let denied = policy.rules.deny_pattern(raw.pattern.get_ref(), raw.message.clone());
    if let Err(BadExpression { problem, hint }) = denied {
        let place = "rules.denied_patterns.pattern".to_owned();
        faults.note(raw.pattern.span(), place, problem, &hint);
    }
}

/// One rule, and where its faults are noted.
struct Reader<'r, 'f, 'a> {
    policy: &'r Policy,
    raw: &'r Spanned<RawRule>,
    faults: &'f mut Faults<'a>,
}

fn rule(policy: &Policy, raw: &Spanned<RawRule>, faults: &mut Faults<'_>) -> Option<Rule> {
    let mut reader = Reader { policy, raw, faults };
    reader.name();
    let follows = reader.follows();
    let condition = &reader.raw.get_ref().condition;
    let read = Rule::read(reader.raw.get_ref().name.get_ref(), condition.get_ref(), follows);
    match read {
        Ok(mut rule) => {
            rule.is_shadow = reader.raw.get_ref().shadow;
            reader.in_time(&rule);
            Some(rule)
        }
        Err(BadExpression { problem, hint }) => {
            let span = condition.span();
            reader.note(span, "if", problem, &hint);
            None
        }
    }
}

impl Reader<'_, '_, '_> {
    fn note(&mut self, span: std::ops::Range<usize>, key: &str, problem: String, hint: &str) {
        let place = format!("rules.{}.{key}", self.raw.get_ref().name.get_ref());
        self.faults.note(span, place.trim_end_matches('.').to_owned(), problem, hint);
    }

    fn name(&mut self) {
        let name = &self.raw.get_ref().name;
        let text = name.get_ref();
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
        if text.is_empty() || text.len() > NAME_CHARS_MAX || !text.chars().all(is_plain) {
            self.note(name.span(), "name", "is no name".to_owned(), NAME_HINT);
        }
        if self.policy.rules.all().any(|known| *known.name == **text) {
            self.note(name.span(), "name", "is defined twice".to_owned(), "keep one of them");
        }
    }

    fn follows(&mut self) -> Follows {
        let raw = self.raw.get_ref();
        let treatment = Treatment {
            model: self.model(),
            offerings: self.offerings(),
            vendors: self.vendors(),
            set: raw.set.read(),
            most: raw.most.read(),
            labels: self.labels(),
            price: raw.price.as_ref().and_then(|price| self.price(price)),
        };
        let does_nothing = treatment == Treatment::default() && raw.price.is_none();
        match (&raw.deny, does_nothing) {
            (Some(message), true) => Follows::Deny { message: message.clone() },
            (Some(_), false) => {
                let problem = "denies, and does something else".to_owned();
                self.note(self.raw.span(), "", problem, "make two rules of it");
                Follows::Treat(Box::new(treatment))
            }
            (None, true) => {
                let hint =
                    "give it one of: deny, model, offerings, vendors, set, most, labels, price";
                self.note(self.raw.span(), "", "does nothing".to_owned(), hint);
                Follows::Treat(Box::new(treatment))
            }
            (None, false) => Follows::Treat(Box::new(treatment)),
        }
    }

    fn model(&mut self) -> Option<String> {
        let model = self.raw.get_ref().model.as_ref()?;
        if self.policy.model(model.get_ref()).is_none() {
            let problem = format!("no model `{}`", model.get_ref());
            let hint = there_are(self.policy.models.keys().map(String::as_str));
            self.note(model.span(), "model", problem, &hint);
        }
        Some(model.get_ref().clone())
    }

    fn offerings(&mut self) -> BTreeSet<String> {
        let policy = self.policy;
        let all = policy.models.values().flat_map(|model| &model.offerings);
        let known: BTreeSet<&str> = all.map(|offering| &*offering.name).collect();
        self.names("offerings", &self.raw.get_ref().offerings, "offering", &known)
    }

    fn vendors(&mut self) -> BTreeSet<String> {
        let known: BTreeSet<&str> = self.policy.vendors.keys().map(String::as_str).collect();
        self.names("vendors", &self.raw.get_ref().vendors, "vendor", &known)
    }

    fn names(
        &mut self,
        key: &str,
        given: &[Spanned<String>],
        what: &str,
        known: &BTreeSet<&str>,
    ) -> BTreeSet<String> {
        for name in given.iter().filter(|name| !known.contains(name.get_ref().as_str())) {
            let problem = format!("no {what} `{}`", name.get_ref());
            self.note(name.span(), key, problem, &there_are(known.iter().copied()));
        }
        given.iter().map(|name| name.get_ref().clone()).collect()
    }

    /// What an app could have put on a request itself.
    fn labels(&mut self) -> BTreeMap<String, String> {
        let labels = &self.raw.get_ref().labels;
        for (name, value) in labels {
            let pair = format!("{name}={}", value.get_ref());
            let read = read_labels(&pair).unwrap_or_default();
            let is_plain = pair.is_ascii() && read.get(name) == Some(value.get_ref());
            if !is_plain {
                let problem = format!("`{pair}` is no label");
                let hint =
                    "write a name and a value of at most 63 ASCII characters, without commas";
                self.note(value.span(), "labels", problem, hint);
            }
        }
        labels.iter().map(|(name, value)| (name.clone(), value.get_ref().clone())).collect()
    }

    fn price(&mut self, price: &Spanned<RawAdjustment>) -> Option<Adjustment> {
        let raw = price.get_ref();
        if raw.percent > PERCENT_MAX {
            let hint = "write what remains of each hundred, such as 120 for a fifth more";
            let problem = format!("is more than {PERCENT_MAX}");
            self.note(price.span(), "price.percent", problem, hint);
        }
        let place = format!("rules.{}.price.image", self.raw.get_ref().name.get_ref());
        let image = raw.image.as_ref().map(|image| amount::<Credits>(image, &place, self.faults));
        let image_nanos = match image {
            Some(image) => image?.nanos(),
            None => 0,
        };
        Some(Adjustment { percent: raw.percent, image_nanos })
    }

    /// What is decided by the quote comes too late for some things.
    fn in_time(&mut self, rule: &Rule) {
        let Follows::Treat(treatment) = &rule.follows else { return };
        if rule.looks_at_quote() && treatment.is_early() {
            let problem = "looks at the quote, which is made only after this is decided".to_owned();
            let hint = "a rule that looks at the quote may deny, label and change the price";
            self.note(self.raw.get_ref().condition.span(), "if", problem, hint);
        }
    }
}
