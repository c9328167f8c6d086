//! Orders that nobody can ask after any more, because policy has lost what that takes.

use std::sync::Arc;

use crate::catalog::Vendor;
use crate::job::{Job, Order};
use crate::policy::Policy;

use super::super::{Gateway, Visit};

impl Gateway {
    /// Takes the orders of a job back where their vendor can; it may have drawn and billed all the
    /// same.
    pub(super) fn forsake_all(&self, visit: &mut Visit, job: &Job) {
        visit.receipt.outcome_unknown = true;
        for order in &job.orders {
            visit.receipt.offering = Some(order.offering.clone());
            if let Some(vendor) = vendor_of(&visit.policy, job, order) {
                visit.receipt.vendor = Some(vendor.name.clone());
                self.forsake(&vendor, order);
            }
        }
    }
}

/// The vendor that an order was placed at, whose name stands behind the model's in the offering's.
fn vendor_of(policy: &Policy, job: &Job, order: &Order) -> Option<Arc<Vendor>> {
    let name = order.offering.strip_prefix(&job.model)?.strip_prefix('/')?;
    // A vendor's second offering for the same model has a number behind it.
    let numbered = || policy.vendors.get(name.rsplit_once('/')?.0);
    policy.vendors.get(name).or_else(numbered).cloned()
}
