//! Recraft's API: OpenAI's in shape, with its own words; every picture says what it costs.
//!
//! Vendor side only, and raster models only: a drawing in vectors is no picture here.

use super::{Call, Dialect, MaskStyle, Progress, Unsupported, VendorSide, WireReply, WireRequest};
use crate::canonical::ImageRequest;
use crate::catalog::{AuthScheme, Offering};
use crate::fault::VendorFault;

mod reply;
mod request;
mod words;

/// Recraft's API.
pub(super) const DIALECT: Dialect =
    Dialect { name: "recraft", client: None, vendor: Some(&Vendor) };

/// Faces Recraft.
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
        request::encode(request, offering)
    }

    fn decode_reply(&self, _: &Call<'_>, reply: &WireReply) -> Result<Progress, VendorFault> {
        reply::decode(reply)
    }
}
