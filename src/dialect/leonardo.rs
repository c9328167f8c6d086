//! Leonardo's API: an order is placed and asked after; pictures to work on are uploaded before it,
//! to an address of a store that Leonardo names.
//!
//! Vendor side only.

use super::{Call, Dialect, MaskStyle, Progress, Unsupported, VendorSide, WireReply, WireRequest};
use crate::canonical::ImageRequest;
use crate::catalog::{AuthScheme, Offering};
use crate::fault::VendorFault;

mod error;
mod reply;
mod request;
mod upload;

/// Leonardo's API.
pub(super) const DIALECT: Dialect =
    Dialect { name: "leonardo", client: None, vendor: Some(&Vendor) };

/// Faces Leonardo.
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
        request::encode(request, offering)
    }

    fn decode_reply(&self, call: &Call<'_>, reply: &WireReply) -> Result<Progress, VendorFault> {
        reply::decode(call, reply)
    }
}
