//! Black Forest Labs' API, for the FLUX models: an order is placed, then asked after at the address
//! that the vendor names.
//!
//! Vendor side only. What happened to an order is a word in a success; nothing can be taken back.

use super::{Call, Dialect, MaskStyle, Progress, Unsupported, VendorSide, WireReply, WireRequest};
use crate::canonical::ImageRequest;
use crate::catalog::{AuthScheme, Offering};
use crate::fault::VendorFault;

mod family;
mod reply;
mod request;

/// The API of Black Forest Labs.
pub(super) const DIALECT: Dialect = Dialect { name: "bfl", client: None, vendor: Some(&Vendor) };

/// Faces Black Forest Labs.
#[derive(Debug)]
struct Vendor;

impl VendorSide for Vendor {
    fn auth_scheme(&self) -> AuthScheme {
        AuthScheme::Header("x-key".to_owned())
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
        request::encode(request, offering)
    }

    fn decode_reply(&self, call: &Call<'_>, reply: &WireReply) -> Result<Progress, VendorFault> {
        reply::decode(call, reply)
    }
}
