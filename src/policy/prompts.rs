//! The text model of a policy file that writes prompts for apps.

use std::sync::Arc;
use std::time::Duration;

use super::spanned::Spanned;

use crate::catalog::{BaseUrl, Vendor};
use crate::credits::{Cost, Credits};

use super::Policy;
use super::build::{Faults, there_are};
use super::passthrough::amount;
use super::raw::{RawFile, RawPrompts};

/// How long a prompt may take to be written unless policy says otherwise.
const DEADLINE_DEFAULT: Duration = Duration::from_secs(20);

/// A text model behind the chat API that most vendors understand, and what a prompt of it is worth.
#[derive(Clone, Debug)]
pub struct PromptWriter {
    /// Who is asked.
    pub vendor: Arc<Vendor>,
    /// Their name of the model.
    pub model: String,
    /// What an app pays for a prompt.
    pub price: Credits,
    /// What a prompt costs us.
    pub cost: Cost,
    /// How long it may take.
    pub deadline: Duration,
    /// What is added to every order.
    pub extra: serde_json::Map<String, serde_json::Value>,
}

/// Adds what one file says of the writing of prompts.
pub(super) fn prompts(policy: &mut Policy, file: &RawFile, faults: &mut Faults<'_>) {
    let Some(raw) = &file.prompts else { return };
    if policy.prompts.is_some() {
        let problem = "is defined twice".to_owned();
        faults.note(raw.span(), "prompts".to_owned(), problem, "keep one of them");
        return;
    }
    policy.prompts = writer(policy, raw, faults);
}

fn writer(
    policy: &Policy,
    raw: &Spanned<RawPrompts>,
    faults: &mut Faults<'_>,
) -> Option<PromptWriter> {
    let raw = raw.get_ref();
    let name = raw.vendor.get_ref();
    let is_server = |vendor: &&Arc<Vendor>| matches!(vendor.base, BaseUrl::Http { .. });
    let vendor = policy.vendors.get(name).filter(is_server);
    if vendor.is_none() {
        let known = policy.vendors.values().filter(is_server);
        let hint = there_are(known.map(|vendor| vendor.name.as_str()));
        let problem = format!("no vendor `{name}` that is a server");
        faults.note(raw.vendor.span(), "prompts.vendor".to_owned(), problem, &hint);
    }
    let price = amount(&raw.price, "prompts.price", faults);
    let cost = amount(&raw.cost, "prompts.cost", faults);
    Some(PromptWriter {
        vendor: Arc::clone(vendor?),
        model: raw.model.clone(),
        price: price?,
        cost: cost?,
        deadline: raw.deadline.map_or(DEADLINE_DEFAULT, |span| span.0),
        extra: raw.extra.clone(),
    })
}
