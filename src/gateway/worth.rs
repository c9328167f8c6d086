//! What a request may cost its caller, and what it did cost.

use crate::auth::Caller;
use crate::canonical::{ImageRequest, Refusal};
use crate::catalog::Model;
use crate::credits::Credits;
use crate::price::{self, Work};
use crate::routing::Candidate;

use super::{Delivered, delivered_size, refuse};

/// The most this may cost the caller: the dearest candidate that may come to serve.
pub(super) fn quote(
    model: &Model,
    candidates: &[Candidate],
    request: &ImageRequest,
    caller: &Caller,
) -> Result<Credits, Refusal> {
    if caller.is_test() {
        return Ok(Credits::ZERO);
    }
    let mut most = Credits::ZERO;
    for candidate in candidates {
        let work = Work {
            count: request.count,
            size: delivered_size(candidate),
            quality: request.quality,
        };
        most = most.max(price::quote(&model.price, &work).map_err(|e| refuse::unpriced(model, e))?);
    }
    Ok(most)
}

/// The most pixels that may come of it, of all its pictures together.
pub(super) fn pixels(candidates: &[Candidate], request: &ImageRequest) -> u64 {
    let sizes = candidates.iter().map(|candidate| delivered_size(candidate).pixels());
    sizes.max().unwrap_or(0).saturating_mul(u64::from(request.count))
}

/// What it did cost: never more than was held for it.
pub(super) fn price(
    model: &Model,
    delivered: &Delivered,
    request: &ImageRequest,
    quote: Credits,
    caller: &Caller,
) -> Result<Credits, Refusal> {
    if caller.is_test() {
        return Ok(Credits::ZERO);
    }
    let asked = Work { count: request.count, size: delivered.size, quality: request.quality };
    let count = u32::try_from(delivered.response.images.len()).unwrap_or(u32::MAX);
    let work = asked.delivered(count, delivered.response.quality);
    let price = price::price(&model.price, &work).map_err(|e| refuse::unpriced(model, e))?;
    // Offerings draw different sizes, so the one that served is not always the one that was dearest.
    Ok(price.min(quote))
}
