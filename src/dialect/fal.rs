//! fal's API: each endpoint takes its model's own input, at once or by way of a queue.
//!
//! Vendor side only. Which of both it is follows from the address in policy; what comes back says
//! it by itself.

use super::{Call, Dialect, MaskStyle, Progress, Unsupported, VendorSide, WireReply, WireRequest};
use crate::canonical::ImageRequest;
use crate::catalog::{AuthScheme, Offering};
use crate::fault::VendorFault;

mod error;
mod keys;
mod reply;
mod request;

/// fal's API.
pub(super) const DIALECT: Dialect = Dialect { name: "fal", client: None, vendor: Some(&Vendor) };

/// Faces fal.
#[derive(Debug)]
struct Vendor;

impl VendorSide for Vendor {
    fn auth_scheme(&self) -> AuthScheme {
        AuthScheme::Word("Key".to_owned())
    }

    fn mask_style(&self, _: &Offering) -> MaskStyle {
        MaskStyle::White
    }

    /// Unless `extra` asks for them inside the answer.
    fn answers_by_address(&self, offering: &Offering) -> bool {
        offering.extra.get("sync_mode").and_then(serde_json::Value::as_bool) != Some(true)
    }

    fn encode_request(
        &self,
        request: &ImageRequest,
        offering: &Offering,
    ) -> Result<WireRequest, Unsupported> {
        request::encode(request, offering)
    }

    fn decode_reply(&self, call: &Call<'_>, reply: &WireReply) -> Result<Progress, VendorFault> {
        reply::decode(call, reply)
    }
}
