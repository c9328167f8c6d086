//! One rule: its name, when it holds, and what follows.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::canonical::{Background, Change, Format, ImageRequest, Quality, Safety};
use crate::catalog::Adjustment;
use crate::expression::BadExpression;

use super::condition::Truth;
use super::facts::{Facts, background};
use super::{RuleError, read};

/// A rule of policy.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name, in messages, metrics and versions of prices.
    pub name: Arc<str>,
    condition: Truth,
    looks_at_quote: bool,
    looks_at_words: bool,
    /// What follows where it holds.
    pub follows: Follows,
    /// Whether it is only counted.
    pub is_shadow: bool,
}

/// What follows where a rule holds.
#[derive(Clone, Debug)]
pub enum Follows {
    /// The request is refused.
    Deny {
        /// What the caller is told.
        message: String,
    },
    /// The request goes on, treated so.
    Treat(Box<Treatment>),
}

/// What a rule makes of a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Treatment {
    /// The model that serves instead of the one that was asked for.
    pub model: Option<String>,
    /// The only offerings that may serve; any where there are none.
    pub offerings: BTreeSet<String>,
    /// The only vendors that may; any where there are none.
    pub vendors: BTreeSet<String>,
    /// What is set, whatever was asked.
    pub set: Set,
    /// What is at most so.
    pub most: Most,
    /// Labels for finance, over those of the app.
    pub labels: BTreeMap<String, String>,
    /// What becomes of the price.
    pub price: Option<Adjustment>,
}

/// Parameters that a rule sets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Set {
    /// How much effort.
    pub quality: Option<Quality>,
    /// The encoding.
    pub format: Option<Format>,
    /// What is behind the subject.
    pub background: Option<Background>,
    /// How strict content filters are.
    pub safety: Option<Safety>,
    /// A named look.
    pub style: Option<String>,
    /// Denoising steps.
    pub steps: Option<u32>,
}

/// Parameters that a rule bounds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Most {
    /// Pictures.
    pub count: Option<u32>,
    /// Denoising steps.
    pub steps: Option<u32>,
    /// Partial previews.
    pub previews: Option<u8>,
    /// Effort.
    pub quality: Option<Quality>,
}

impl Rule {
    /// A rule whose condition is read from its text.
    pub fn read(name: &str, condition: &str, follows: Follows) -> Result<Self, BadExpression> {
        let read = read::read(condition)?;
        Ok(Self {
            name: name.into(),
            condition: read.truth,
            looks_at_quote: read.looks_at_quote,
            looks_at_words: read.looks_at_words,
            follows,
            is_shadow: false,
        })
    }

    /// Whether it can be worked out only when the quote is known.
    pub const fn looks_at_quote(&self) -> bool {
        self.looks_at_quote
    }

    /// Whether it looks at what is said.
    pub const fn looks_at_words(&self) -> bool {
        self.looks_at_words
    }

    pub(super) fn holds(&self, facts: &Facts<'_>) -> Result<bool, RuleError> {
        self.condition.of(facts)
    }
}

impl Treatment {
    /// Whether it needs to be known before anybody is chosen to draw.
    pub fn is_early(&self) -> bool {
        let later = Self { labels: self.labels.clone(), price: self.price, ..Self::default() };
        *self != later
    }

    /// Whether an offering of a vendor may serve.
    pub(super) fn may(&self, offering: &str, vendor: &str) -> bool {
        (self.offerings.is_empty() || self.offerings.contains(offering))
            && (self.vendors.is_empty() || self.vendors.contains(vendor))
    }

    /// Sets and bounds what it says, and tells each difference that makes.
    pub(super) fn treat(&self, rule: &str, request: &mut ImageRequest, told: &mut Vec<Change>) {
        let Set { quality, format, background: back, safety, style, steps } = &self.set;
        let mut by = By { rule, told };
        by.set("quality", quality.as_ref(), &mut request.quality, |one| one.name().into());
        by.set("format", format.as_ref(), &mut request.format, |one| one.name().into());
        by.set("background", back.as_ref(), &mut request.background, |one| background(*one).into());
        by.set("safety", safety.as_ref(), &mut request.safety, |one| safety_name(*one).into());
        by.set("style", style.as_ref(), &mut request.style, |one| one.clone().into());
        by.set("steps", steps.as_ref(), &mut request.steps, |one| one.to_string().into());
        let Most { count, steps, previews, quality } = self.most;
        by.most("count", count, &mut request.count);
        by.most("previews", previews, &mut request.previews);
        if let Some(own) = &mut request.steps {
            by.most("steps", steps, own);
        }
        if let (Some(most), Some(own)) = (quality, &mut request.quality)
            && *own > most
        {
            *own = most;
            by.tell("quality", most.name());
        }
    }
}

/// Who changes something, and where that is told.
struct By<'a> {
    rule: &'a str,
    told: &'a mut Vec<Change>,
}

impl By<'_> {
    fn set<Value: Clone + PartialEq>(
        &mut self,
        parameter: &'static str,
        value: Option<&Value>,
        place: &mut Option<Value>,
        name: impl Fn(&Value) -> Cow<'_, str>,
    ) {
        let Some(value) = value.filter(|value| place.as_ref() != Some(value)) else { return };
        *place = Some(value.clone());
        self.tell(parameter, &name(value));
    }

    fn most<Value: Copy + Ord + ToString>(
        &mut self,
        parameter: &'static str,
        most: Option<Value>,
        place: &mut Value,
    ) {
        let Some(most) = most.filter(|most| *place > *most) else { return };
        *place = most;
        self.tell(parameter, &most.to_string());
    }

    fn tell(&mut self, parameter: &'static str, value: &str) {
        let how = format!("{value}, by the rule `{}`", self.rule);
        self.told.push(Change { parameter: parameter.into(), how: how.into() });
    }
}

const fn safety_name(safety: Safety) -> &'static str {
    match safety {
        Safety::Standard => "standard",
        Safety::Low => "low",
    }
}
