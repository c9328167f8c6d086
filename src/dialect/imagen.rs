//! Google's Imagen models: one call of `:predict`, up to four pictures, always inline.
//!
//! Both sides, for Vertex and for what still serves or calls it elsewhere. A picture that the filter
//! took is missing from a success, so what happened is read from what is not there.

use super::{Call, Dialect, MaskStyle, Progress, Unsupported, VendorSide, WireReply, WireRequest};
use crate::canonical::ImageRequest;
use crate::catalog::{AuthScheme, Offering};
use crate::fault::VendorFault;

mod client;
mod reply;
mod request;

/// Imagen's `:predict`.
pub(super) const DIALECT: Dialect =
    Dialect { name: "imagen", client: Some(&client::Client), vendor: Some(&Vendor) };

/// Faces vendors that serve Imagen.
#[derive(Debug)]
struct Vendor;

impl VendorSide for Vendor {
    fn auth_scheme(&self) -> AuthScheme {
        AuthScheme::Header("x-goog-api-key".to_owned())
    }

    /// Documented: what is not zero is changed.
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
