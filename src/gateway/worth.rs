//! What a request may cost its caller and us, and what it did cost.

use std::sync::Arc;

use crate::auth::Caller;
use crate::canonical::{Came, ImageRequest, ImageResponse, Picture, Refusal, Size, TokenUsage};
use crate::catalog::{Fact, Model, Tariff};
use crate::credits::{Cost, Credits};
use crate::fault::{Bill, VendorFault};
use crate::price::{self, PriceError, Work};
use crate::raster;
use crate::routing::Candidate;

use super::{Delivered, Gateway, delivered_size, refuse};

/// What could not be priced, as a label.
const PRICE: &str = "price";
const COST: &str = "cost";

impl Gateway {
    /// The most this may cost the caller: the dearest candidate that may come to serve. One whose
    /// cost to us cannot be said is asked by nobody.
    pub(super) fn worth_at_most(
        &self,
        model: &Model,
        tariff: &Tariff,
        candidates: &mut Vec<Candidate>,
        (request, caller): (&ImageRequest, &Caller),
    ) -> Result<Credits, Refusal> {
        if caller.is_test() {
            return Ok(Credits::ZERO);
        }
        let mut most = Credits::ZERO;
        for candidate in &*candidates {
            let work = asked(tariff, candidate, request);
            let quote = price::quote(tariff, &work).map_err(|error| {
                self.count_unpriced(&model.name, PRICE);
                refuse::unpriced(&model.name, error)
            })?;
            most = most.max(quote);
        }
        if let Some(unknown) = candidates.iter().find(|candidate| candidate.cost_most.is_none()) {
            self.count_unpriced(&model.name, COST);
            let offering = &*unknown.offering.name;
            tracing::error!(offering, "an offering is not asked: its cost cannot be said");
            candidates.retain(|candidate| candidate.cost_most.is_some());
        }
        if candidates.is_empty() {
            return Err(refuse::unpriced(&model.name, PriceError::Unpriced));
        }
        Ok(most)
    }

    /// What it did cost the caller: never more than was held for it.
    pub(super) fn charge(
        &self,
        work: &super::Work,
        delivered: &Delivered,
        caller: &Caller,
    ) -> Result<Credits, Refusal> {
        if caller.is_test() {
            return Ok(Credits::ZERO);
        }
        let super::Work { model, tariff, request, quote, .. } = work;
        let asked = asked(tariff, &delivered.candidate, request);
        let done = done(asked, &delivered.response);
        let charge = price::charge(tariff, &done, *quote).map_err(|error| {
            self.count_unpriced(&model.name, PRICE);
            refuse::unpriced(&model.name, error)
        })?;
        if charge.overrun > Credits::ZERO {
            self.telemetry.metrics().prices.overruns.with_label_values(&[&model.name]).inc();
            let offering = &*delivered.candidate.offering.name;
            let (quote, overrun) = (quote.to_string(), charge.overrun.to_string());
            tracing::warn!(offering, quote, overrun, "more was done than policy bounds");
        }
        Ok(charge.price)
    }

    /// What a delivery cost us, for the books: a cost that cannot be said is booked as the most
    /// that was expected.
    pub(super) fn booked(
        &self,
        model: &Model,
        candidate: &Candidate,
        (cost, usage): (Option<Cost>, Option<TokenUsage>),
    ) -> Cost {
        let offering = &*candidate.offering.name;
        if usage.is_none() && !candidate.tariff.tokens.is_empty() {
            self.telemetry.metrics().prices.usage_unreported.with_label_values(&[offering]).inc();
        }
        cost.unwrap_or_else(|| {
            self.count_unpriced(&model.name, COST);
            tracing::error!(offering, "what was delivered has no cost; the most is booked");
            candidate.cost_most.unwrap_or(Cost::ZERO)
        })
    }

    pub(super) fn count_unpriced(&self, model: &str, what: &str) {
        self.telemetry.metrics().prices.unpriced.with_label_values(&[model, what]).inc();
    }
}

/// The most that this may cost a caller; whoever's cost to us cannot be said is left out.
pub(super) fn most_of(
    tariff: &Tariff,
    candidates: &mut Vec<Candidate>,
    request: &ImageRequest,
) -> Result<Credits, PriceError> {
    let mut quotes =
        candidates.iter().map(|candidate| price::quote(tariff, &asked(tariff, candidate, request)));
    let most = quotes.try_fold(Credits::ZERO, |most, quote| quote.map(|quote| most.max(quote)))?;
    candidates.retain(|candidate| candidate.cost_most.is_some());
    if candidates.is_empty() { Err(PriceError::Unpriced) } else { Ok(most) }
}

/// What a caller pays for what came, by this tariff.
pub(super) fn charge_of_came(
    (tariff, quote): (&Tariff, Credits),
    candidate: &Candidate,
    request: &ImageRequest,
    came: &Came,
) -> Result<Credits, PriceError> {
    let asked = asked(tariff, candidate, request);
    let done = asked.delivered(came.count, came.quality, came.usage);
    Ok(price::charge(tariff, &done, quote)?.price)
}

/// What a vendor charges for what came, by policy where it does not say so itself.
pub(super) fn cost_of_came(
    candidate: &Candidate,
    request: &ImageRequest,
    came: &Came,
) -> Option<Cost> {
    if let Some(nanos) = came.cost_nanos {
        return Some(Cost::from_nanos(nanos));
    }
    let asked = drawn(candidate, request);
    let quality = came.quality.or(asked.quality);
    let work = Work { quality, count: came.count, ..asked };
    let done = work.delivered(came.count, came.quality, came.usage);
    price::cost(&candidate.tariff, &done).ok()
}

/// The most pixels that may come of it, of all its pictures together.
pub(super) fn pixels(candidates: &[Candidate], request: &ImageRequest) -> u64 {
    let sizes = candidates.iter().map(|candidate| delivered_size(candidate).pixels());
    sizes.max().unwrap_or(0).saturating_mul(u64::from(request.count))
}

/// The most that a candidate may cost us; `None` where policy does not say.
pub(super) fn cost_most(candidate: &Candidate, request: &ImageRequest) -> Option<Cost> {
    price::cost_quote(&candidate.tariff, &drawn(candidate, request)).ok()
}

/// What is asked of a candidate, as what apps pay is reckoned: by the finished pictures.
pub(super) fn asked(tariff: &Tariff, candidate: &Candidate, request: &ImageRequest) -> Work {
    work(tariff, candidate, request, delivered_size(candidate))
}

/// The same as what vendors charge is reckoned: by the pictures that they draw.
pub(super) fn drawn(candidate: &Candidate, request: &ImageRequest) -> Work {
    work(&candidate.tariff, candidate, request, candidate.size)
}

/// Work as it came out.
fn done(work: Work, response: &ImageResponse) -> Work {
    let count = u32::try_from(response.images.len()).unwrap_or(u32::MAX);
    work.delivered(count, response.quality, response.usage)
}

/// What the vendor charges for what it drew: what it says itself, what policy says otherwise;
/// nothing where neither has a word for it.
pub(super) fn cost_of(
    candidate: &Candidate,
    request: &ImageRequest,
    response: &ImageResponse,
) -> Option<Cost> {
    if response.cost.is_some() {
        return response.cost;
    }
    let asked = drawn(candidate, request);
    // What the vendor resolved is what it charges for, whatever was asked.
    let resolved = Work { quality: response.quality.or(asked.quality), ..asked };
    let count = u32::try_from(response.images.len()).unwrap_or(u32::MAX);
    // More than were asked for are a gift to the caller, and a bill to us.
    let count = Work { count, ..resolved };
    price::cost(&candidate.tariff, &done(count, response)).ok()
}

/// What a vendor bills for calls whose content it refused.
pub(super) fn bill_of<'f>(
    candidate: &Candidate,
    request: &ImageRequest,
    faults: impl Iterator<Item = &'f VendorFault>,
) -> Cost {
    let refused = Cost::from_nanos(candidate.tariff.refused_nanos);
    let bills = faults.map(|fault| match fault {
        VendorFault::Refused { bill: Bill::Unsaid, .. } => refused,
        VendorFault::Refused { bill: Bill::Said(cost), .. } => *cost,
        VendorFault::Refused { bill: Bill::Drawn, .. } => {
            let count = candidate.images_per_call.min(request.count.max(1));
            let call = Work { count, calls: 1, ..drawn(candidate, request) };
            price::cost(&candidate.tariff, &call).unwrap_or(refused)
        }
        VendorFault::Refused { bill: Bill::Nothing, .. }
        | VendorFault::Busy { .. }
        | VendorFault::Rejected { .. }
        | VendorFault::Inexpressible { .. }
        | VendorFault::Denied { .. }
        | VendorFault::Garbled { .. }
        | VendorFault::Broken { .. }
        | VendorFault::TimedOut
        | VendorFault::Cut { .. }
        | VendorFault::Unreachable { .. } => Cost::ZERO,
    });
    bills.fold(Cost::ZERO, |sum, bill| sum.plus(bill).unwrap_or(sum))
}

/// What is asked, with what the request names and nobody has fetched yet as if it were here.
fn work(tariff: &Tariff, candidate: &Candidate, request: &ImageRequest, size: Size) -> Work {
    let can = &candidate.offering.can;
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let texts = [
        Some(&request.prompt),
        candidate.prompt_suffix.as_ref(),
        request.negative_prompt.as_ref(),
        request.style.as_ref(),
    ];
    let bytes: usize = texts.into_iter().flatten().map(String::len).sum();
    let (input_pixels, unseen_pixels) =
        if by_input_pixels(tariff) { input_pixels(request) } else { (None, 0) };
    Work {
        operation: request.operation,
        count: request.count,
        size,
        quality: request.quality,
        steps: request.steps.filter(|_| can.steps),
        inputs: count(request.inputs_count()),
        input_pixels,
        unseen_pixels,
        masks: u32::from(request.has_mask()),
        previews: if can.previews { u32::from(request.previews) } else { 0 },
        text_bytes: u64::try_from(bytes).unwrap_or(u64::MAX),
        calls: candidate.calls,
        usage: None,
    }
}

/// Whether anything depends on how large input pictures are: else nobody looks at them.
fn by_input_pixels(tariff: &Tariff) -> bool {
    let formula = tariff.expression.as_ref();
    tariff.input_megapixel.is_some() || formula.is_some_and(|f| f.uses(Fact::InputPixels))
}

/// The pixels of all input pictures, by what their heads declare, and how many more there may be: a
/// named picture that is not here yet has one at least, and no more than may be taken in.
fn input_pixels(request: &ImageRequest) -> (Option<u64>, u64) {
    let pixels = |picture: &Picture| Some(crate::media::probe(picture)?.1.pixels());
    let mut inputs = request.inputs.iter().map(|input| pixels(&input.picture));
    let unseen = request.inputs_count().saturating_sub(request.inputs.len());
    let unseen = u64::try_from(unseen).unwrap_or(u64::MAX);
    let least = inputs.try_fold(unseen, |sum, pixels| sum.checked_add(pixels?));
    (least, unseen.saturating_mul(raster::PIXELS_MAX.saturating_sub(1)))
}

/// Refuses named pictures that have come, and do not say how large they are where the price
/// depends on it: as if they had been sent.
pub(super) fn measured(
    model: &str,
    tariff: &Tariff,
    request: &ImageRequest,
) -> Result<(), Refusal> {
    if by_input_pixels(tariff) && input_pixels(request).0.is_none() {
        let unknown = PriceError::Unknown(Fact::InputPixels.name());
        return Err(refuse::unpriced(model, unknown));
    }
    Ok(())
}

/// The version of the model's price that a request is quoted and settled by.
pub(super) fn tariff_at(model: &Model, unix_ms: i64) -> Arc<Tariff> {
    Arc::clone(model.price.at(unix_ms))
}
