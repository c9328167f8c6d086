//! Replicate's API: any model behind one shape of order, whose input each model names in its own
//! way.
//!
//! Vendor side only. An order is waited for as long as the vendor lets us, then asked after.

use super::{Call, Dialect, MaskStyle, Progress, Unsupported, VendorSide, WireReply, WireRequest};
use crate::canonical::ImageRequest;
use crate::catalog::{AuthScheme, Offering};
use crate::fault::VendorFault;

mod failure;
mod files;
mod keys;
mod reply;
mod request;

/// Replicate's API.
pub(super) const DIALECT: Dialect =
    Dialect { name: "replicate", client: None, vendor: Some(&Vendor) };

/// Faces Replicate.
#[derive(Debug)]
struct Vendor;

impl VendorSide for Vendor {
    fn auth_scheme(&self) -> AuthScheme {
        AuthScheme::Bearer
    }

    fn mask_style(&self, _: &Offering) -> MaskStyle {
        MaskStyle::White
    }

    fn answers_by_address(&self, _: &Offering) -> bool {
        true
    }

    fn encode_request(
        &self,
        request: &ImageRequest,
        offering: &Offering,
    ) -> Result<WireRequest, Unsupported> {
        request::next_step(request, offering, &[])
    }

    fn decode_reply(&self, call: &Call<'_>, reply: &WireReply) -> Result<Progress, VendorFault> {
        reply::decode(call, reply)
    }
}
