//! Together's own API: drawing and editing through one route, answered at once.
//!
//! Vendor side only. It looks like OpenAI's and is not: pixels are two numbers, base64 is called
//! `base64`, and input pictures are addresses.

use super::{Call, Dialect, Progress, Unsupported, VendorSide, WireReply, WireRequest};
use crate::canonical::ImageRequest;
use crate::catalog::{AuthScheme, Offering};
use crate::fault::VendorFault;

mod family;
mod reply;
mod request;

/// Together's own API.
pub(super) const DIALECT: Dialect =
    Dialect { name: "together", client: None, vendor: Some(&Vendor) };

/// Faces Together.
#[derive(Debug)]
struct Vendor;

impl VendorSide for Vendor {
    fn auth_scheme(&self) -> AuthScheme {
        AuthScheme::Bearer
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
