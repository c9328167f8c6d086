//! What comes with a plan and what it asks of pictures: dialects, watermark, disclaimer, credits.

use std::sync::Arc;

use crate::credits::Credits;
use crate::dialect;
use crate::raster::{WATERMARK_CHARS_MAX, undrawable};

use super::super::build::{Faults, there_are};
use super::super::raw::{RawAmount, RawPlan, RawWatermark};

/// What `watermark = true` stands for.
const WATERMARK_USUAL: &str = "AI generated";

/// The longest disclaimer, in characters.
const DISCLAIMER_CHARS_MAX: usize = 500;

pub(super) fn without_dialects(plan: &str, raw: &RawPlan, faults: &mut Faults<'_>) -> Vec<String> {
    let known = || dialect::ALL.iter().filter(|d| d.client.is_some()).map(|d| d.name);
    for named in &raw.without_dialects {
        if !known().any(|name| name == named.get_ref()) {
            let problem = format!("no dialect `{}` that apps may speak", named.get_ref());
            let place = format!("plans.{plan}.without_dialects");
            faults.note(named.span(), place, problem, &there_are(known()));
        }
    }
    raw.without_dialects.iter().map(|named| named.get_ref().clone()).collect()
}

pub(super) fn watermark(plan: &str, raw: &RawPlan, faults: &mut Faults<'_>) -> Option<Arc<str>> {
    let spanned = raw.watermark.as_ref()?;
    let words = match spanned.get_ref() {
        RawWatermark::Flag(false) => return None,
        RawWatermark::Flag(true) => WATERMARK_USUAL,
        RawWatermark::Words(words) => words.trim(),
    };
    let mut note = |problem: String, hint: &str| {
        faults.note(spanned.span(), format!("plans.{plan}.watermark"), problem, hint);
    };
    if words.is_empty() {
        note("is empty".to_owned(), "write the words, true for the usual ones, or leave it out");
    }
    if words.chars().count() > WATERMARK_CHARS_MAX {
        let hint = format!("use at most {WATERMARK_CHARS_MAX} characters");
        note("is too long to be read in a picture".to_owned(), &hint);
    }
    if let Some(letter) = undrawable(words) {
        let hint = "use Latin, Greek or Cyrillic letters, digits and common signs, on one line";
        note(format!("{letter:?} cannot be drawn"), hint);
    }
    if !raw.passthrough.is_empty() {
        let hint = "remove `passthrough` or `watermark`";
        note("cannot be drawn into what is passed through".to_owned(), hint);
    }
    Some(words.into())
}

pub(super) fn disclaimer(plan: &str, raw: &RawPlan, faults: &mut Faults<'_>) -> Option<Arc<str>> {
    let spanned = raw.disclaimer.as_ref()?;
    let words = spanned.get_ref().trim();
    if words.is_empty() || words.chars().count() > DISCLAIMER_CHARS_MAX {
        let hint = format!("write at most {DISCLAIMER_CHARS_MAX} characters, or leave it out");
        let problem = "is empty or too long".to_owned();
        faults.note(spanned.span(), format!("plans.{plan}.disclaimer"), problem, &hint);
    }
    Some(words.into())
}

pub(super) fn monthly_credits(
    plan: &str,
    raw: &RawPlan,
    faults: &mut Faults<'_>,
) -> Option<Credits> {
    let spanned = raw.monthly_credits.as_ref()?;
    let (amount, shown) = match spanned.get_ref() {
        RawAmount::Whole(whole) => (Credits::from_whole(*whole), whole.to_string()),
        RawAmount::Text(text) => (text.parse().ok(), text.clone()),
    };
    let amount = amount.filter(|amount| *amount > Credits::ZERO);
    if amount.is_none() {
        let hint = "write credits, such as 500 or \"0.5\"; leave it out for none";
        let problem = format!("`{shown}` is not an amount above zero");
        faults.note(spanned.span(), format!("plans.{plan}.monthly_credits"), problem, hint);
    }
    amount
}
