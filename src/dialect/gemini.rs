//! Google's Gemini API, for its models that draw: one call, one picture, always inline.
//!
//! Both sides, for the Gemini API and for Vertex: the path below the base is the same. It answers
//! 200 to nearly everything, so what happened is read from words in the body, and said there.

use super::{Call, Dialect, Progress, Unsupported, VendorSide, WireReply, WireRequest};
use crate::canonical::ImageRequest;
use crate::catalog::{AuthScheme, Offering};
use crate::fault::VendorFault;

mod client;
mod family;
mod reply;
mod request;

/// The Gemini API.
pub(super) const DIALECT: Dialect =
    Dialect { name: "gemini", client: Some(&client::Client), vendor: Some(&Vendor) };

/// Faces vendors that speak Gemini.
#[derive(Debug)]
struct Vendor;

impl VendorSide for Vendor {
    fn auth_scheme(&self) -> AuthScheme {
        AuthScheme::Header("x-goog-api-key".to_owned())
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
