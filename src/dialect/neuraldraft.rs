//! The `NeuralDraft` API: a picture is a job, which is queued and asked after.
//!
//! Vendor side only.

use super::Dialect;

mod vendor;

/// The `NeuralDraft` API.
pub(super) const DIALECT: Dialect =
    Dialect { name: "neuraldraft", client: None, vendor: Some(&vendor::Vendor) };
