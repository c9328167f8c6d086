//! The `NearIQ` API: a prompt, an intent and a look in; the address of one picture out.
//!
//! Vendor side only.

use super::Dialect;

mod vendor;

/// The `NearIQ` API.
pub(super) const DIALECT: Dialect =
    Dialect { name: "neariq", client: None, vendor: Some(&vendor::Vendor) };
