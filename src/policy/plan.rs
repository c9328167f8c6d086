//! The plans of a policy file: windows, quotas and rights.

use std::sync::Arc;

use super::spanned::Spanned;

use crate::limit::Bounds;

use super::build::{Faults, there_are};
use super::raw::{RawBatch, RawFile, RawPlan, RawStorage};
use super::{Batch, Plan, Policy, bounds, reach};

mod rights;

/// Adds the plans of one file.
pub(super) fn plans(policy: &mut Policy, file: &RawFile, faults: &mut Faults<'_>) {
    for (name, spanned) in &file.plans {
        if !faults.is_new(&policy.plans, "plans", name, spanned.span()) {
            continue;
        }
        let plan = plan(name, spanned.get_ref(), policy, faults);
        policy.plans.insert(name.clone(), Arc::new(plan));
    }
}

fn plan(name: &str, raw: &RawPlan, policy: &Policy, faults: &mut Faults<'_>) -> Plan {
    let all = raw.models.iter().any(|model| model.get_ref() == "*");
    for model in raw.models.iter().filter(|model| model.get_ref() != "*") {
        if policy.model(model.get_ref()).is_none() {
            let problem = format!("no model `{}`", model.get_ref());
            let hint = there_are(policy.models.keys().map(String::as_str));
            faults.note(model.span(), format!("plans.{name}.models"), problem, &hint);
        }
    }
    for vendor in &raw.passthrough {
        if !has_fares(policy, vendor.get_ref()) {
            let problem = format!("no vendor `{}` that may be passed through to", vendor.get_ref());
            let known = policy.vendors.keys().map(String::as_str);
            let hint = there_are(known.filter(|name| has_fares(policy, name)));
            faults.note(vendor.span(), format!("plans.{name}.passthrough"), problem, &hint);
        }
    }
    let title = raw.title.as_deref().unwrap_or(name);
    let place = format!("plans.{name}");
    let limits = bounds::limits(&place, &raw.limits, bounds::OF_PLANS, faults);
    let quotas = bounds::quotas(&place, &raw.quotas, bounds::OF_PLANS, faults);
    let concurrency_max = raw.concurrency_max.map(std::num::NonZero::get);
    Plan {
        name: name.to_owned(),
        models: (!all).then(|| raw.models.iter().map(|model| model.get_ref().clone()).collect()),
        bounds: Bounds::of_plan(&limits, concurrency_max),
        quotas,
        concurrency_max,
        fidelity: raw.fidelity,
        show_offering: raw.show_offering,
        pictures_kept: raw.pictures_kept.map(|kept| kept.0),
        pictures_max: raw.pictures_max.map(|most| most.get().into()),
        pictures_bytes_max: raw.pictures_bytes_max.map(|most| to_u64(most.0)),
        passthrough: raw.passthrough.iter().map(|vendor| vendor.get_ref().clone()).collect(),
        without_dialects: rights::without_dialects(name, raw, faults),
        watermark: rights::watermark(name, raw, faults),
        disclaimer: rights::disclaimer(name, raw, faults),
        monthly_credits: rights::monthly_credits(name, raw, faults),
        title: title.to_owned(),
        storage: match &raw.storage {
            Some(RawStorage::Flag(false)) => None,
            Some(RawStorage::Flag(true)) | None => Some(title.to_owned()),
            Some(RawStorage::Title(title)) => Some(title.clone()),
        },
        batch: raw.batch.as_ref().map_or(BATCH_DEFAULT, |raw| batch(name, raw, faults)),
        webhook_hosts: reach::hosts(
            &raw.webhook_hosts,
            &format!("plans.{name}.webhook_hosts"),
            faults,
        ),
    }
}

/// What a plan allows that says nothing of batches.
const BATCH_DEFAULT: Batch = Batch { items_max: 10, concurrency_max: 2 };

/// The most items that a plan may allow: every picture of a batch is in memory until its end.
const BATCH_ITEMS_MAX: u32 = 100;

fn batch(plan: &str, raw: &Spanned<RawBatch>, faults: &mut Faults<'_>) -> Batch {
    let own = raw.get_ref();
    if own.items_max.get() > BATCH_ITEMS_MAX {
        let hint =
            format!("write at most {BATCH_ITEMS_MAX}; all pictures of a batch are in memory");
        let problem = "is more than can be answered at once".to_owned();
        faults.note(raw.span(), format!("plans.{plan}.batch.items_max"), problem, &hint);
    }
    let size = |count: std::num::NonZeroU32| usize::try_from(count.get()).unwrap_or(usize::MAX);
    Batch { items_max: size(own.items_max), concurrency_max: size(own.concurrency_max) }
}

fn to_u64(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

fn has_fares(policy: &Policy, vendor: &str) -> bool {
    policy.vendors.get(vendor).is_some_and(|vendor| !vendor.fares.is_empty())
}
