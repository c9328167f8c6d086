//! Windows and quotas as a policy file writes them, for plans and for models.

use std::num::NonZeroU32;
use std::ops::Range;
use std::time::Duration;

use super::spanned::Spanned;

use crate::credits::Credits;
use crate::limit::{Bounds, Limit, Of, Unit};

use super::build::Faults;
use super::raw::{RawFile, RawLimit, RawQuota};
use super::{ModelBounds, Policy, Quota};

/// Whose requests a plan's limits may count together.
pub(super) const OF_PLANS: &[Of] = &[Of::Key, Of::Workspace, Of::Plan];

/// Whose requests a model's limits may count together.
const OF_MODELS: &[Of] = &[Of::Key, Of::Workspace, Of::Plan, Of::Model];

/// Limits of one plan or model: what a request is counted for must fit 64 places.
const LIMITS_MAX: usize = 16;

/// The longest sliding window; what is remembered for it is bounded by this.
const WINDOW_MAX: Duration = Duration::from_hours(24);

const NOT_ONE_UNIT: &str = "counts none or several of requests, images, megapixels and credits";
const ONE_UNIT: &str = "give exactly one of `requests`, `images`, `megapixels` and `credits`";

/// Adds the bounds of the models of one file.
pub(super) fn of_models(policy: &mut Policy, file: &RawFile, faults: &mut Faults<'_>) {
    for (name, spanned) in &file.models {
        let (raw, place) = (spanned.get_ref(), format!("models.{name}"));
        let limits = limits(&place, &raw.limits, OF_MODELS, faults);
        let quotas = quotas(&place, &raw.quotas, OF_MODELS, faults);
        if limits.is_empty() && quotas.is_empty() {
            continue;
        }
        let bounds = Bounds::of_model(&limits, name);
        policy.model_bounds.insert(name.clone(), ModelBounds { bounds, quotas });
    }
}

/// The windows of one plan or model.
pub(super) fn limits(
    place: &str,
    raw: &[Spanned<RawLimit>],
    subjects: &[Of],
    faults: &mut Faults<'_>,
) -> Vec<Limit> {
    let place = |own: &str| format!("{place}.limits.{own}");
    let names = raw.iter().map(|raw| (raw.get_ref().name.as_str(), raw.span()));
    refuse_crowd(&place(""), names, faults);
    raw.iter().filter_map(|raw| limit(place(&raw.get_ref().name), raw, subjects, faults)).collect()
}

/// The calendar quotas of one plan or model.
pub(super) fn quotas(
    place: &str,
    raw: &[Spanned<RawQuota>],
    subjects: &[Of],
    faults: &mut Faults<'_>,
) -> Vec<Quota> {
    let place = |own: &str| format!("{place}.quotas.{own}");
    let names = raw.iter().map(|raw| (raw.get_ref().name.as_str(), raw.span()));
    refuse_crowd(&place(""), names, faults);
    raw.iter().filter_map(|raw| quota(place(&raw.get_ref().name), raw, subjects, faults)).collect()
}

fn limit(
    place: String,
    raw: &Spanned<RawLimit>,
    subjects: &[Of],
    faults: &mut Faults<'_>,
) -> Option<Limit> {
    let own = raw.get_ref();
    let counts = (own.requests, own.images, own.megapixels, own.credits.as_deref());
    let (unit, most) = one_unit(&place, counts, raw.span(), faults)?;
    if own.per.0 < Duration::from_secs(1) || own.per.0 > WINDOW_MAX {
        let hint = "write between \"1s\" and \"1d\"; for longer, use a quota";
        faults.note(raw.span(), place, "the window is too short or too long".to_owned(), hint);
        return None;
    }
    is_subject(place, own.of, subjects, (raw.span(), faults))?;
    let name = own.name.clone();
    Some(Limit { name, unit, most, window: own.per.0, of: own.of, shadow: own.shadow })
}

fn quota(
    place: String,
    raw: &Spanned<RawQuota>,
    subjects: &[Of],
    faults: &mut Faults<'_>,
) -> Option<Quota> {
    let own = raw.get_ref();
    let counts = (own.requests, own.images, own.megapixels, own.credits.as_deref());
    let (unit, most) = one_unit(&place, counts, raw.span(), faults)?;
    is_subject(place, own.of, subjects, (raw.span(), faults))?;
    Some(Quota { name: own.name.clone(), unit, most, per: own.per, of: own.of })
}

/// What is counted, and the most of it in the unit's own grains.
fn one_unit(
    place: &str,
    counts: (Option<NonZeroU32>, Option<NonZeroU32>, Option<NonZeroU32>, Option<&str>),
    span: Range<usize>,
    faults: &mut Faults<'_>,
) -> Option<(Unit, u64)> {
    let whole = |unit: Unit, most: NonZeroU32| u64::from(most.get()).checked_mul(unit.grain());
    let counted = match counts {
        (Some(most), None, None, None) => Some((Unit::Requests, whole(Unit::Requests, most))),
        (None, Some(most), None, None) => Some((Unit::Images, whole(Unit::Images, most))),
        (None, None, Some(most), None) => Some((Unit::Megapixels, whole(Unit::Megapixels, most))),
        (None, None, None, Some(most)) => Some((Unit::Credits, credits(most))),
        _ => None,
    };
    match counted {
        Some((unit, Some(most))) => Some((unit, most)),
        Some((_, None)) => {
            let hint = "write credits above zero in quotes, such as \"12.5\"";
            faults.note(span, place.to_owned(), "is not an amount of credits".to_owned(), hint);
            None
        }
        None => {
            faults.note(span, place.to_owned(), NOT_ONE_UNIT.to_owned(), ONE_UNIT);
            None
        }
    }
}

fn credits(text: &str) -> Option<u64> {
    let amount: Credits = text.parse().ok()?;
    u64::try_from(amount.nanos()).ok().filter(|nanos| *nanos > 0)
}

fn is_subject(
    place: String,
    of: Of,
    subjects: &[Of],
    (span, faults): (Range<usize>, &mut Faults<'_>),
) -> Option<()> {
    if subjects.contains(&of) {
        return Some(());
    }
    let hint = "write it at the model itself: `limits` and `quotas` of a model may count so";
    faults.note(span, place, "a plan cannot count by model".to_owned(), hint);
    None
}

/// Answers and refusals tell limits by their names, and shadows are counted by them.
fn refuse_crowd<'a>(
    place: &str,
    names: impl Iterator<Item = (&'a str, Range<usize>)>,
    faults: &mut Faults<'_>,
) {
    let mut known: Vec<&str> = Vec::new();
    for (name, span) in names {
        if known.contains(&name) {
            let problem = "the name is taken by another of the same list".to_owned();
            let hint = "give each a name of its own; refusals tell it";
            faults.note(span.clone(), format!("{place}{name}"), problem, hint);
        }
        known.push(name);
        if known.len() == LIMITS_MAX.saturating_add(1) {
            let problem = format!("there are more than {LIMITS_MAX}");
            faults.note(span, format!("{place}{name}"), problem, "leave out what no one will meet");
        }
    }
}
