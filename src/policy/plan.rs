//! The plans of a policy file: windows, quotas and rights.

use std::sync::Arc;
use std::time::Duration;

use toml::Spanned;

use crate::limit::{Limit, Unit};

use super::build::{Faults, there_are};
use super::raw::{RawBatch, RawFile, RawLimit, RawPlan, RawQuota, RawStorage};
use super::{Batch, Plan, Policy, Quota, reach};

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
    let limits = raw.limits.iter().filter_map(|raw| limit(name, raw, faults)).collect();
    let quotas = raw.quotas.iter().filter_map(|raw| quota(name, raw, faults)).collect();
    Plan {
        name: name.to_owned(),
        models: (!all).then(|| raw.models.iter().map(|model| model.get_ref().clone()).collect()),
        limits,
        quotas,
        concurrency_max: raw.concurrency_max.map(std::num::NonZero::get),
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

fn limit(plan: &str, raw: &Spanned<RawLimit>, faults: &mut Faults<'_>) -> Option<Limit> {
    let own = raw.get_ref();
    let counted = one_unit(own.requests, own.images);
    let place = format!("plans.{plan}.limits.{}", own.name);
    let Some((unit, most)) = counted else {
        faults.note(raw.span(), place, NEITHER_OR_BOTH.to_owned(), ONE_UNIT);
        return None;
    };
    if own.per.0 < Duration::from_secs(1) || own.per.0 > WINDOW_MAX {
        let hint = "write between \"1s\" and \"1d\"; for longer, use a quota";
        faults.note(raw.span(), place, "the window is too short or too long".to_owned(), hint);
        return None;
    }
    Some(Limit { name: own.name.clone(), unit, most, window: own.per.0 })
}

/// The longest sliding window; what is remembered for it is bounded by this.
const WINDOW_MAX: Duration = Duration::from_hours(24);

const NEITHER_OR_BOTH: &str = "counts neither or both of requests and images";
const ONE_UNIT: &str = "give exactly one of `requests` and `images`";

fn quota(plan: &str, raw: &Spanned<RawQuota>, faults: &mut Faults<'_>) -> Option<Quota> {
    let own = raw.get_ref();
    let Some((unit, most)) = one_unit(own.requests, own.images) else {
        let place = format!("plans.{plan}.quotas.{}", own.name);
        faults.note(raw.span(), place, NEITHER_OR_BOTH.to_owned(), ONE_UNIT);
        return None;
    };
    Some(Quota { name: own.name.clone(), unit, most, of: own.of, per: own.per })
}

fn one_unit(
    requests: Option<std::num::NonZeroU32>,
    images: Option<std::num::NonZeroU32>,
) -> Option<(Unit, u32)> {
    match (requests, images) {
        (Some(most), None) => Some((Unit::Requests, most.get())),
        (None, Some(most)) => Some((Unit::Images, most.get())),
        (None, None) | (Some(_), Some(_)) => None,
    }
}
