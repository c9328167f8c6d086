//! The moderation model of a policy file.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::spanned::Spanned;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::catalog::{BaseUrl, Vendor};
use crate::credits::Cost;
use crate::rules::Moderation;
use crate::scalar::Span;

use super::Policy;
use super::build::{Faults, there_are};
use super::passthrough::amount;
use super::raw::RawFile;

/// How long a check may take unless policy says otherwise.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(5);

const MESSAGE_DEFAULT: &str = "the prompt asks for what is not drawn here";

/// A model that is asked about prompts before anything is held, and what follows.
#[derive(Clone, Debug)]
pub struct Moderator {
    /// Who is asked.
    pub vendor: Arc<Vendor>,
    /// Their name of the model.
    pub model: String,
    /// What is denied.
    pub rule: Moderation,
    /// What a check costs us, whatever it finds. The caller pays nothing for it.
    pub cost: Cost,
    /// How long it may take.
    pub timeout: Duration,
    /// What follows where it fails.
    pub on_failure: OnFailure,
}

/// What follows where a check fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// The request is refused.
    #[default]
    Refuse,
    /// The request goes on.
    Allow,
}

/// A model that is asked about every prompt before anything is held.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Moderation")]
pub(super) struct RawModeration {
    /// Who is asked: a vendor with the usual moderation API.
    vendor: Spanned<String>,
    /// The vendor's name of the model.
    model: String,
    /// Categories that deny where the model flags them.
    #[serde(default)]
    deny: Vec<String>,
    /// Categories that deny from this score on, from 0 to 1.
    #[serde(default)]
    deny_from: BTreeMap<String, Spanned<f64>>,
    /// What the app is told.
    message: Option<String>,
    /// What a check costs us, in dollars; apps pay nothing for it.
    cost: Spanned<String>,
    /// How long it may take. 5 s unless said.
    timeout: Option<Span>,
    /// What follows where it fails. `refuse` unless said.
    #[serde(default)]
    on_failure: OnFailure,
}

/// Adds what one file says of moderation.
pub(super) fn moderation(policy: &mut Policy, file: &RawFile, faults: &mut Faults<'_>) {
    let Some(raw) = &file.rules.moderation else { return };
    if policy.moderator.is_some() {
        let place = "rules.moderation".to_owned();
        faults.note(raw.span(), place, "is defined twice".to_owned(), "keep one of them");
        return;
    }
    policy.moderator = moderator(policy, raw.get_ref(), faults);
}

fn moderator(policy: &Policy, raw: &RawModeration, faults: &mut Faults<'_>) -> Option<Moderator> {
    let name = raw.vendor.get_ref();
    let is_server = |vendor: &&Arc<Vendor>| matches!(vendor.base, BaseUrl::Http { .. });
    let vendor = policy.vendors.get(name).filter(is_server);
    if vendor.is_none() {
        let known = policy.vendors.values().filter(is_server);
        let hint = there_are(known.map(|vendor| vendor.name.as_str()));
        let problem = format!("no vendor `{name}` that is a server");
        faults.note(raw.vendor.span(), "rules.moderation.vendor".to_owned(), problem, &hint);
    }
    for (category, score) in &raw.deny_from {
        if !(0.0..=1.0).contains(score.get_ref()) {
            let place = format!("rules.moderation.deny_from.{category}");
            let problem = "is no score".to_owned();
            faults.note(score.span(), place, problem, "write a number from 0 to 1");
        }
    }
    let cost = amount(&raw.cost, "rules.moderation.cost", faults);
    let flagged = raw.deny.iter().map(|category| (category.clone(), None));
    let scored = raw.deny_from.iter();
    let scored = scored.map(|(category, score)| (category.clone(), Some(*score.get_ref())));
    let message = raw.message.clone().unwrap_or_else(|| MESSAGE_DEFAULT.to_owned());
    Some(Moderator {
        vendor: Arc::clone(vendor?),
        model: raw.model.clone(),
        rule: Moderation { denied: flagged.chain(scored).collect(), message },
        cost: cost?,
        timeout: raw.timeout.map_or(TIMEOUT_DEFAULT, |span| span.0),
        on_failure: raw.on_failure,
    })
}
