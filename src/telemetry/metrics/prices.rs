//! The metrics of the price book: what it could not say, and where a vendor went beyond it.

use prometheus::{IntCounterVec, Registry};

use super::counters;

/// What went wrong with prices.
#[derive(Debug)]
pub struct PriceMetrics {
    /// Requests whose `price`, or offerings whose `cost`, policy cannot say.
    pub unpriced: IntCounterVec,
    /// Prices that were capped at their quotes.
    pub overruns: IntCounterVec,
    /// Deliveries without the tokens that they are priced by.
    pub usage_unreported: IntCounterVec,
}

impl PriceMetrics {
    pub(super) fn new(r: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            unpriced: counters(
                r,
                "pixelgate_unpriced_total",
                "Requests whose price, or offerings whose cost, policy cannot say",
                &["model", "what"],
            )?,
            overruns: counters(
                r,
                "pixelgate_price_overruns_total",
                "Prices that were capped at their quotes: a vendor did more than policy bounds",
                &["model"],
            )?,
            usage_unreported: counters(
                r,
                "pixelgate_usage_unreported_total",
                "Deliveries without the tokens that they are priced by",
                &["offering"],
            )?,
        })
    }
}
