//! The `NearIQ` API: a prompt, an intent and a look in; the address of one picture out.
//!
use super::Dialect;

mod client;
mod vendor;

/// The `NearIQ` API.
pub(super) const DIALECT: Dialect =
    Dialect { name: "neariq", client: Some(&client::Client), vendor: Some(&vendor::Vendor) };

/// Where a key is shown.
const KEY_HEADER: &str = "X-NearIQ-Key";

const PROMPT_CHARS_MAX: usize = 1_000;

const STYLES: [&str; 4] = ["photorealistic", "illustration", "minimal", "bold"];
