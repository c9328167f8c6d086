//! Ideogram's API in all its generations: forms for 3.0 and 4.0, JSON before and after them, and
//! always an address that the picture lies at.
//!
//! Vendor side only.

use super::{Call, Dialect, MaskStyle, Progress, Unsupported, VendorSide, WireReply, WireRequest};
use crate::canonical::ImageRequest;
use crate::catalog::{AuthScheme, Offering};
use crate::fault::VendorFault;

mod current;
mod legacy;
mod reply;
mod request;
mod v3;
mod v4;

/// Ideogram's API.
pub(super) const DIALECT: Dialect =
    Dialect { name: "ideogram", client: None, vendor: Some(&Vendor) };

/// Faces Ideogram.
#[derive(Debug)]
struct Vendor;

impl VendorSide for Vendor {
    fn auth_scheme(&self) -> AuthScheme {
        AuthScheme::Header("api-key".to_owned())
    }

    fn mask_style(&self, _: &Offering) -> MaskStyle {
        MaskStyle::Black
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

    fn decode_reply(&self, _: &Call<'_>, reply: &WireReply) -> Result<Progress, VendorFault> {
        reply::decode(reply)
    }
}
