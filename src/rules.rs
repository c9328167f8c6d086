//! What policy says of a request before anything is counted or paid: what no prompt may hold, and rules
//! with conditions.
//!
//! A no names the rule and its message, never the prompt.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::canonical::{Change, ImageRequest};
use crate::catalog::Adjustment;
use crate::expression::BadExpression;

mod condition;
mod facts;
mod moderation;
mod names;
mod read;
mod rule;
mod terms;
#[cfg(test)]
mod tests;

pub use condition::RuleError;
pub use facts::{Asker, Facts, NumberFact, Quoted, TextFact, TruthFact};
pub use moderation::Moderation;
pub use rule::{Follows, Most, Rule, Set, Treatment};
pub use terms::{Denied, DeniedTerm};

/// The rules of a policy, ready to judge by.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    refused: Vec<terms::Refused>,
    rules: Vec<Arc<Rule>>,
}

/// Why a rule stops a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// It says no.
    Denied {
        /// The rule.
        rule: Arc<str>,
        /// What the caller is told.
        message: String,
    },
    /// It cannot be worked out.
    Failed {
        /// The rule.
        rule: Arc<str>,
        /// Why not.
        error: RuleError,
    },
}

/// The rules that hold for a request, in their order.
#[derive(Clone, Debug, Default)]
pub struct Holding {
    rules: Vec<Arc<Rule>>,
    /// Those that hold and are only counted.
    pub shadows: Vec<Arc<str>>,
}

impl Rules {
    /// Refuses a term in prompts.
    pub fn deny_term(&mut self, denied: &DeniedTerm) {
        self.refused.push(terms::Refused::term(denied));
    }

    /// Refuses what a pattern finds in prompts.
    pub fn deny_pattern(&mut self, pattern: &str, message: String) -> Result<(), BadExpression> {
        self.refused.push(terms::Refused::pattern(pattern, message)?);
        Ok(())
    }

    /// Adds a rule behind those that are there.
    pub fn add(&mut self, rule: Rule) {
        self.rules.push(Arc::new(rule));
    }

    /// Every rule, in its order.
    pub fn all(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().map(|rule| &**rule)
    }

    /// Whether any rule is decided by the quote.
    pub fn look_at_quotes(&self) -> bool {
        self.rules.iter().any(|rule| rule.looks_at_quote())
    }

    /// Whether any rule, list or pattern is decided by what is said.
    pub fn look_at_words(&self) -> bool {
        !self.refused.is_empty() || self.rules.iter().any(|rule| rule.looks_at_words())
    }

    /// Says no to what no prompt may hold.
    pub fn judge(&self, request: &ImageRequest) -> Result<(), Denied> {
        terms::judge(&self.refused, request)
    }

    /// The rules that hold: without a quote those that do not look at it, with one those that do.
    ///
    /// A shadow that cannot be worked out is left out; nothing follows from it anyway.
    pub fn holding(&self, facts: &Facts<'_>) -> Result<Holding, Stopped> {
        let mut holding = Holding::default();
        let due = |rule: &&Arc<Rule>| rule.looks_at_quote() == facts.quote.is_some();
        for rule in self.rules.iter().filter(due) {
            match (rule.holds(facts), rule.is_shadow) {
                (Ok(false), _) | (Err(_), true) => {}
                (Ok(true), true) => holding.shadows.push(Arc::clone(&rule.name)),
                (Ok(true), false) => match &rule.follows {
                    Follows::Deny { message } => {
                        let (rule, message) = (Arc::clone(&rule.name), message.clone());
                        return Err(Stopped::Denied { rule, message });
                    }
                    Follows::Treat(_) => holding.rules.push(Arc::clone(rule)),
                },
                (Err(error), false) => {
                    return Err(Stopped::Failed { rule: Arc::clone(&rule.name), error });
                }
            }
        }
        Ok(holding)
    }

    /// Those of them that say how it is served, for what is bought already: nothing stops it any
    /// more.
    pub fn holding_of_bought(&self, facts: &Facts<'_>) -> Holding {
        let is_due = |rule: &&Arc<Rule>| rule.looks_at_quote() == facts.quote.is_some();
        let serves =
            |rule: &&Arc<Rule>| !rule.is_shadow && matches!(rule.follows, Follows::Treat(_));
        let due = self.rules.iter().filter(is_due).filter(serves);
        let rules = due.filter(|rule| rule.holds(facts).unwrap_or(false)).cloned().collect();
        Holding { rules, shadows: Vec::new() }
    }
}

impl Holding {
    /// The names of the rules that something follows from.
    pub fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.rules.iter().map(|rule| &rule.name)
    }

    fn treatments(&self) -> impl DoubleEndedIterator<Item = (&Arc<str>, &Treatment)> {
        self.rules.iter().filter_map(|rule| match &rule.follows {
            Follows::Treat(treatment) => Some((&rule.name, &**treatment)),
            Follows::Deny { .. } => None,
        })
    }

    /// The model that serves instead of the one that was asked for, and the rule that says so: the
    /// last one's word counts.
    pub fn model(&self) -> Option<(&str, &str)> {
        self.treatments()
            .rev()
            .find_map(|(rule, treatment)| Some((&**rule, treatment.model.as_deref()?)))
    }

    /// What is told of a model that serves because a rule says so.
    pub fn rerouted(&self, serves: &str) -> Option<Change> {
        let (rule, _) = self.model().filter(|(_, name)| *name == serves)?;
        let how = format!("{serves}, by the rule `{rule}`");
        Some(Change { parameter: "model".into(), how: how.into() })
    }

    /// The first rule that keeps an offering of a vendor from serving.
    pub fn forbids(&self, offering: &str, vendor: &str) -> Option<&str> {
        let mut treatments = self.treatments();
        let (rule, _) = treatments.find(|(_, treatment)| !treatment.may(offering, vendor))?;
        Some(rule)
    }

    /// Puts the rules' labels over an app's.
    pub fn label(&self, labels: &mut BTreeMap<String, String>) {
        for (_, treatment) in self.treatments() {
            let own = treatment.labels.iter();
            labels.extend(own.map(|(name, value)| (name.clone(), value.clone())));
        }
    }

    /// Sets and bounds parameters, and tells each difference that makes.
    pub fn treat(&self, request: &mut ImageRequest) -> Vec<Change> {
        let mut told = Vec::new();
        for (rule, treatment) in self.treatments() {
            treatment.treat(rule, request, &mut told);
        }
        told
    }

    /// What becomes of the price, and the rules that say so.
    pub fn prices(&self) -> impl Iterator<Item = (&str, Adjustment)> {
        self.treatments().filter_map(|(rule, treatment)| Some((&**rule, treatment.price?)))
    }
}
