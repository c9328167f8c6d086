//! Stability's own API: one route for each model and each kind of edit, always a form, answered
//! with the picture's own bytes; and its older engines.
//!
//! Vendor side only.

use super::{Call, Dialect, MaskStyle, Progress, Unsupported, VendorSide, WireReply, WireRequest};
use crate::canonical::ImageRequest;
use crate::catalog::{AuthScheme, Offering};
use crate::fault::VendorFault;

mod engine;
mod reply;
mod request;
mod routes;

/// Stability's API.
pub(super) const DIALECT: Dialect =
    Dialect { name: "stability", client: None, vendor: Some(&Vendor) };

/// Faces Stability.
#[derive(Debug)]
struct Vendor;

impl VendorSide for Vendor {
    fn auth_scheme(&self) -> AuthScheme {
        AuthScheme::Bearer
    }

    fn mask_style(&self, _: &Offering) -> MaskStyle {
        MaskStyle::White
    }

    fn encode_request(
        &self,
        request: &ImageRequest,
        offering: &Offering,
    ) -> Result<WireRequest, Unsupported> {
        if offering.vendor_model.starts_with(engine::PREFIX) {
            return engine::encode(request, offering);
        }
        request::encode(request, offering)
    }

    fn decode_reply(&self, call: &Call<'_>, reply: &WireReply) -> Result<Progress, VendorFault> {
        reply::decode(call, reply)
    }
}
