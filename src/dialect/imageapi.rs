//! The `ImageAPI`: pixels, steps and a seed in; one picture out, inline or by its address.

use super::Dialect;

mod client;
mod vendor;

/// The `ImageAPI`.
pub(super) const DIALECT: Dialect =
    Dialect { name: "imageapi", client: Some(&client::Client), vendor: Some(&vendor::Vendor) };

const PROMPT_CHARS_MAX: usize = 2_000;

const NEGATIVE_PROMPT_CHARS_MAX: usize = 1_000;

const SIDE: std::ops::RangeInclusive<u32> = 256..=1024;

const STEPS: std::ops::RangeInclusive<u32> = 1..=50;

/// The largest whole number that the API's own kind of number holds exactly.
const SEED_MAX: u64 = (1 << 53) - 1;
