//! The OpenAI images API, both ways: what most apps speak, and what most vendors answer.
//!
//! Any vendor that is "OpenAI-compatible" is served by the vendor side with policy alone.

use super::Dialect;

mod client;
mod error;
mod size;
pub(super) mod vendor;

/// The OpenAI images API.
pub(super) const DIALECT: Dialect =
    Dialect { name: "openai", client: Some(&client::Client), vendor: Some(&vendor::Vendor) };
