//! Fireworks' own API: three families of routes, of which one answers later.
//!
//! Vendor side only. Drawn at once means the picture itself in the body; the kontext models are
//! asked after, by a POST that buys nothing.

use super::{Call, Dialect, Progress, Unsupported, VendorSide, WireReply, WireRequest};
use crate::canonical::ImageRequest;
use crate::catalog::{AuthScheme, Offering};
use crate::fault::VendorFault;

mod reply;
mod request;

/// Fireworks' own API.
pub(super) const DIALECT: Dialect =
    Dialect { name: "fireworks", client: None, vendor: Some(&Vendor) };

/// Faces Fireworks.
#[derive(Debug)]
struct Vendor;

/// What is put after an order's path to ask after it.
const RESULT: &str = "/get_result";

impl VendorSide for Vendor {
    fn auth_scheme(&self) -> AuthScheme {
        AuthScheme::Bearer
    }

    fn answers_by_address(&self, offering: &Offering) -> bool {
        request::answers_by_address(&offering.vendor_model)
    }

    fn encode_request(
        &self,
        request: &ImageRequest,
        offering: &Offering,
    ) -> Result<WireRequest, Unsupported> {
        request::encode(request, offering)
    }

    fn decode_reply(&self, call: &Call<'_>, reply: &WireReply) -> Result<Progress, VendorFault> {
        if call.asked.path.ends_with(RESULT) {
            return reply::result(call.asked, reply);
        }
        reply::order(call.asked, reply)
    }
}
