//! Every entry of one name: a model, and its offerings.

use super::deployment::Deployment;
use super::report::Report;

/// A model of the policy.
#[derive(Clone, Debug, Default)]
pub(super) struct Group {
    pub(super) offerings: Vec<Offering>,
    /// Whether other models stand behind its own offerings.
    pub(super) has_fallbacks: bool,
    /// What it is another name of.
    pub(super) alias_of: Option<String>,
}

/// An offering of the policy.
#[derive(Clone, Debug)]
pub(super) struct Offering {
    pub(super) vendor: String,
    pub(super) deployment: Deployment,
    pub(super) priority: u64,
    pub(super) weight: Option<u64>,
}

impl Group {
    /// Adds an entry; one of the same account and model is the same offering.
    pub(super) fn add(&mut self, deployment: Deployment, vendor: String, report: &mut Report) {
        let params = format!("{}.litellm_params", deployment.place);
        let weight = deployment.weight.or(deployment.rpm).map(|weight| weight.min(1_000_000));
        if deployment.weight.is_some() {
            report.taken(format!("{params}.weight"), "`weight` of the offering");
        }
        if let Some(order) = deployment.order {
            let words = format!("`priority = {order}` of the offering");
            report.taken(format!("{params}.order"), words);
        }
        if let Some(drops) = deployment.drops {
            let words = format!("`fidelity = \"{}\"` of the model", fidelity(drops));
            report.changed(format!("{params}.drop_params"), words);
        }
        let is_same =
            |own: &&mut Offering| own.vendor == vendor && own.deployment.model == deployment.model;
        if let Some(same) = self.offerings.iter_mut().find(is_same) {
            let words = format!("is the same offering as {}", same.deployment.place);
            report.changed(&deployment.place, words);
            same.weight = same.weight.zip(weight).map(|(one, other)| one.saturating_add(other));
            return;
        }
        let priority = deployment.order.unwrap_or(0);
        self.offerings.push(Offering { vendor, deployment, priority, weight });
    }

    /// Whether its offerings have an order.
    pub(super) fn is_ordered(&self) -> bool {
        self.has_fallbacks || self.offerings.iter().any(|own| own.deployment.order.is_some())
    }

    /// Whether what vendors cannot is dropped, if anything says.
    pub(super) fn drops(&self) -> Option<bool> {
        self.offerings.iter().find_map(|own| own.deployment.drops)
    }
}

/// The word of policy for whether what a vendor cannot is dropped.
pub(super) const fn fidelity(drops: bool) -> &'static str {
    if drops { "lenient" } else { "strict" }
}
