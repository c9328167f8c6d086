//! The `ImageAPI`: pixels, steps and a seed in; one picture out, inline or by its address.
//!
//! Vendor side only.

use super::Dialect;

mod vendor;

/// The `ImageAPI`.
pub(super) const DIALECT: Dialect =
    Dialect { name: "imageapi", client: None, vendor: Some(&vendor::Vendor) };
