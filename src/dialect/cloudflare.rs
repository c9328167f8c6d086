//! Cloudflare's Workers AI: one route for every model, and bodies that differ from model to model.
//!
//! Vendor side only. Some models answer with JSON and some with the picture itself, so an answer
//! is told by what it is and not by who gave it. Errors are numbered.

use super::{Call, Dialect, MaskStyle, Progress, Unsupported, VendorSide, WireReply, WireRequest};
use crate::canonical::ImageRequest;
use crate::catalog::{AuthScheme, Offering};
use crate::fault::VendorFault;

mod family;
mod reply;
mod request;

/// Workers AI.
pub(super) const DIALECT: Dialect =
    Dialect { name: "cloudflare", client: None, vendor: Some(&Vendor) };

/// Faces Workers AI.
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
