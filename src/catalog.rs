//! What can be bought and what it is worth: vendors, their offerings, and the models apps ask for.
//!
//! Data only. Policy builds these from text; judges read them.

use std::sync::Arc;
use std::time::Duration;

use crate::canonical::Format;

mod book;
mod expression;
mod offering;
mod passthrough;
mod tariff;
mod vendor;

pub use book::PriceBook;
pub use expression::{Expression, Fact, Number, Order, Sign, Truth};
pub use offering::{Ability, Capabilities, Frames, Offering};
pub use passthrough::{Fare, coded, is_plain_path};
pub use tariff::{
    Adjustment, PixelRate, StepRate, Tariff, TariffRow, TokenClass, TokenRate, TokenRow,
};
pub use vendor::{AuthScheme, BaseUrl, InProcess, PlayedFault, Vendor};

/// A public name that apps ask for.
#[derive(Clone, Debug)]
pub struct Model {
    /// The name.
    pub name: String,
    /// How offerings are ranked.
    pub strategy: Strategy,
    /// What becomes of parameters that an offering cannot express.
    pub fidelity: Fidelity,
    /// What counts how much under the `balanced` strategy.
    pub balance: Balance,
    /// What apps pay, in nano-credits.
    pub price: PriceBook,
    /// What sells it.
    pub offerings: Vec<Arc<Offering>>,
    /// What a test-mode key is served by.
    pub test_offering: Option<Arc<Offering>>,
    /// The time a whole request may take, all attempts together.
    pub deadline: Duration,
    /// How long the first candidate may be at work before another is asked beside it; `None` for
    /// never.
    pub hedge_after: Option<Duration>,
    /// What follows when a vendor may have drawn and billed without our knowing.
    pub after_unknown: AfterUnknown,
    /// The largest picture, in pixels; `None` for no bound of its own.
    pub pixels_max: Option<u64>,
    /// How its pictures are encoded where the app does not say; `None` leaves it to the offering.
    pub format: Option<Format>,
    /// What people call it; `None` where its name will do.
    pub title: Option<String>,
    /// What it is good for, in a line.
    pub description: Option<String>,
}

impl Model {
    /// Whether anything that serves it has its credential.
    pub fn is_connected(&self) -> bool {
        self.offerings.iter().any(|offering| offering.vendor.secret_missing.is_none())
    }
}

/// How offerings are ranked.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// The lowest cost first.
    #[default]
    Cheapest,
    /// The lowest expected time to a picture first.
    Fastest,
    /// As policy numbers them.
    Priority,
    /// By chance, as often as their weights say.
    Weighted,
    /// The best in cost, time and failures together.
    Balanced,
}

/// What becomes of a parameter that an offering cannot express.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Fidelity {
    /// The offering is not asked: what is asked is done as it is asked, or refused.
    Strict,
    /// It is made up for where that is honest, left to the vendor where it is a wish, refused
    /// otherwise.
    #[default]
    Emulate,
    /// As `emulate`, and what would be refused is dropped where a picture still makes
    /// sense without it.
    Lenient,
}

/// What counts how much under the `balanced` strategy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Balance {
    /// The cost, as a multiple of the cheapest.
    pub cost: u32,
    /// The time to a picture, as a multiple of the fastest.
    pub latency: u32,
    /// The share of calls that failed lately, in tenths.
    pub failures: u32,
}

impl Default for Balance {
    fn default() -> Self {
        Self { cost: 1, latency: 1, failures: 1 }
    }
}

/// What follows when a vendor may have drawn and billed without our knowing.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum AfterUnknown {
    /// Another vendor is asked: the caller is served and pays once, and we may pay twice.
    #[default]
    Failover,
    /// Nobody is asked again: we never pay twice, and the caller goes without.
    GiveUp,
    /// The same vendor is asked once more, too.
    Retry,
}
