//! The models of a policy file, their offerings and their tariffs.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::spanned::Spanned;

use crate::canonical::{Format, Ratio, Size};
use crate::catalog::{Capabilities, Frames, Model, Offering, Tariff, Vendor};

use super::Policy;
use super::build::{Faults, there_are};
use super::quotable;
use super::raw::{self, RawFile, RawModel, RawOffering};
use super::tariff::{Kind, book};

/// The time a whole request may take unless policy says otherwise.
const DEADLINE_DEFAULT: Duration = Duration::from_mins(2);

/// What is drawn when nothing is asked, where the offering can.
const SIZE_USUAL: Size = Size::new(1024, 1024);

/// Characters in a prompt unless policy says otherwise.
const PROMPT_CHARS_MAX_DEFAULT: usize = 4000;

/// Adds the models of one file.
pub(super) fn models(policy: &mut Policy, file: &RawFile, faults: &mut Faults<'_>) {
    for (name, spanned) in &file.models {
        if !faults.is_new(&policy.models, "models", name, spanned.span()) {
            continue;
        }
        let model = model(policy, name, spanned.get_ref(), faults);
        policy.models.insert(name.clone(), Arc::new(model));
    }
}

fn model(policy: &Policy, name: &str, raw: &RawModel, faults: &mut Faults<'_>) -> Model {
    let place = format!("models.{name}.price");
    let price = book(&raw.price, &raw.later_prices, (Kind::Price, &place), faults);
    if raw.offerings.get_ref().is_empty() {
        let place = format!("models.{name}.offerings");
        let hint = "add one, such as { vendor = \"painter\", … }";
        faults.note(
            raw.offerings.span(),
            place,
            "is empty: nothing serves the model".to_owned(),
            hint,
        );
    }
    let mut read = Vec::new();
    let mut offerings: Vec<Arc<Offering>> = Vec::new();
    for (index, spanned) in raw.offerings.get_ref().iter().enumerate() {
        let place = format!("models.{name}.offerings.{index}");
        let Some(mut offering) = offering(policy, name, &place, spanned, faults) else {
            continue;
        };
        if offerings.iter().any(|other| other.name == offering.name) {
            offering.name = format!("{}/{index}", offering.name);
        }
        let offering = Arc::new(offering);
        read.push((Arc::clone(&offering), spanned));
        offerings.push(offering);
    }
    let model = Model {
        name: name.to_owned(),
        strategy: raw.strategy,
        fidelity: raw.fidelity,
        balance: raw.balance,
        price,
        test_offering: test_offering(policy, name, &offerings),
        offerings,
        deadline: raw.deadline.map_or(DEADLINE_DEFAULT, |span| span.0),
        hedge_after: raw.hedge_after.map(|span| span.0),
        after_unknown: raw.after_unknown,
        pixels_max: raw.size_max.map(Size::pixels),
        format: raw.format,
        title: raw.title.clone(),
        description: raw.description.clone(),
    };
    for (offering, spanned) in read {
        unpriced(&model, &offering, spanned, faults);
    }
    model
}

/// Says what an offering can be asked for and nobody could be quoted.
fn unpriced(
    model: &Model,
    offering: &Offering,
    raw: &Spanned<RawOffering>,
    faults: &mut Faults<'_>,
) {
    // A tariff that could not be read is a fault of its own.
    let mut books = [&model.price, &offering.cost].into_iter();
    if books.any(|book| book.versions().any(|tariff| tariff.is_empty())) {
        return;
    }
    for quotable::Hole { what, asked, why } in quotable::holes(model, offering) {
        let problem = format!("{what} says nothing about {asked}: {why}");
        let hint = "add what is missing, or do not let the offering be asked for it";
        let place = format!("models.{}", offering.name);
        faults.note(raw.span(), place, problem, hint);
    }
}

/// What serves test-mode keys: the model's own offering at a vendor that is for tests, or one
/// made for the purpose, so that a test key never reaches a vendor that charges.
fn test_offering(
    policy: &Policy,
    model: &str,
    offerings: &[Arc<Offering>],
) -> Option<Arc<Offering>> {
    let own = offerings.iter().find(|offering| offering.vendor.for_tests);
    own.cloned().or_else(|| {
        let vendor = policy.vendors.values().find(|vendor| vendor.for_tests)?;
        let frames = Frames::Any { side_min: 1, side_max: 4096, step: 1 };
        let can = Capabilities {
            count_max: 10,
            formats: vec![Format::Png, Format::Jpeg, Format::Webp],
            seed: true,
            quality: true,
            compression: true,
            transparency: true,
            inputs_max: 16,
            mask: true,
            variation: true,
            prompt_chars_max: 32_000,
            ..Capabilities::only(frames, SIZE_USUAL)
        };
        let name = format!("{model}/{}", vendor.name);
        let cost = Tariff::flat(0).into();
        Some(Arc::new(Offering { cost, ..Offering::new(name, Arc::clone(vendor), model, can) }))
    })
}

fn offering(
    policy: &Policy,
    model: &str,
    place: &str,
    spanned: &Spanned<RawOffering>,
    faults: &mut Faults<'_>,
) -> Option<Offering> {
    let raw = spanned.get_ref();
    let cost = format!("{place}.cost");
    let cost = book(&raw.cost, &raw.later_costs, (Kind::Cost, &cost), faults);
    let frames = frames(raw, &spanned.span(), place, faults);
    let vendor: Option<&Arc<Vendor>> = policy.vendors.get(raw.vendor.get_ref());
    if vendor.is_none() {
        let problem = format!("no vendor `{}`", raw.vendor.get_ref());
        let hint = there_are(policy.vendors.keys().map(String::as_str));
        faults.note(raw.vendor.span(), format!("{place}.vendor"), problem, &hint);
    }
    if raw.formats.iter().any(|format| !format.is_opened()) {
        let problem = "avif is not asked of vendors, for it could not be worked on".to_owned();
        let hint = "leave it out; the gateway makes it of the other formats";
        faults.note(spanned.span(), format!("{place}.formats"), problem, hint);
    }
    let (vendor, frames) = (vendor?, frames?);
    let size_default = raw.size_default.unwrap_or_else(|| usual_size(&frames));
    let mut can = Capabilities {
        count_max: raw.count_max.map_or(1, std::num::NonZero::get),
        formats: raw.formats.clone(),
        inputs_max: raw.inputs_max,
        prompt_chars_max: raw.prompt_chars_max.unwrap_or(PROMPT_CHARS_MAX_DEFAULT),
        ..Capabilities::only(frames, size_default)
    };
    for ability in &raw.can {
        *can.flag(*ability) = true;
    }
    let name = format!("{model}/{}", vendor.name);
    let vendor_model = raw.model.clone().unwrap_or_else(|| model.to_owned());
    Some(Offering {
        cost,
        priority: raw.priority,
        weight: raw.weight.map_or(1, std::num::NonZero::get),
        extra: raw.extra.clone(),
        workflow: workflow(raw, place, faults),
        stand_in: raw.stand_in,
        ..Offering::new(name, Arc::clone(vendor), vendor_model, can)
    })
}

/// The workflow, which is JSON inside the policy's own text.
fn workflow(
    raw: &RawOffering,
    place: &str,
    faults: &mut Faults<'_>,
) -> Option<Arc<serde_json::Value>> {
    let text = raw.workflow.as_ref()?;
    match serde_json::from_str(text.get_ref()) {
        Ok(workflow) => Some(Arc::new(workflow)),
        Err(error) => {
            let hint = "paste the workflow as the engine exports it for its API";
            let problem = format!("is not JSON: {error}");
            faults.note(text.span(), format!("{place}.workflow"), problem, hint);
            None
        }
    }
}

fn frames(
    raw: &RawOffering,
    span: &Range<usize>,
    place: &str,
    faults: &mut Faults<'_>,
) -> Option<Frames> {
    let mut note = |problem: &str, hint: &str| {
        faults.note(span.clone(), place.to_owned(), problem.to_owned(), hint);
    };
    match (&raw.sizes, &raw.ratios, &raw.sides) {
        (Some(sizes), None, None) if !sizes.is_empty() => Some(Frames::Sizes(sizes.clone())),
        (None, Some(ratios), None) if !ratios.is_empty() => {
            let mut read = Vec::new();
            for (text, size) in ratios {
                let ratio: Option<Ratio> = raw::ratio(text);
                let Some(ratio) = ratio else {
                    note(&format!("`{text}` is not a ratio"), "write it as \"16:9\"");
                    continue;
                };
                read.push((ratio, *size));
            }
            (!read.is_empty()).then_some(Frames::Ratios(read))
        }
        (None, None, Some(sides)) if sides.min >= 1 && sides.min <= sides.max => {
            Some(Frames::Any { side_min: sides.min, side_max: sides.max, step: sides.step.get() })
        }
        _ => {
            note(
                "does not say which frames it draws",
                "give exactly one, not empty: `sizes = [\"1024x1024\"]`, \
                 `ratios = { \"1:1\" = \"1024x1024\" }` or `sides = { min = 256, max = 2048, step = 16 }`",
            );
            None
        }
    }
}

fn usual_size(frames: &Frames) -> Size {
    match frames {
        Frames::Any { side_max, .. } if *side_max < SIZE_USUAL.width => {
            Size::new(*side_max, *side_max)
        }
        Frames::Any { .. } => SIZE_USUAL,
        Frames::Sizes(sizes) => sizes.first().copied().unwrap_or(SIZE_USUAL),
        Frames::Ratios(ratios) => ratios
            .iter()
            .find(|(ratio, _)| ratio.width == ratio.height)
            .or_else(|| ratios.first())
            .map_or(SIZE_USUAL, |(_, size)| *size),
    }
}
