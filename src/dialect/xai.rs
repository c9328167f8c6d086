//! xAI's API for Grok Imagine: like OpenAI's, but with ratios, with edits as JSON, and with what it
//! charges in every answer.
//!
//! Vendor side only. It refuses fields that it does not know, so nothing is sent that is not asked.

use super::{Call, Dialect, Progress, Unsupported, VendorSide, WireReply, WireRequest};
use crate::canonical::ImageRequest;
use crate::catalog::{AuthScheme, Offering};
use crate::fault::VendorFault;

mod reply;
mod request;

/// xAI's API.
pub(super) const DIALECT: Dialect = Dialect { name: "xai", client: None, vendor: Some(&Vendor) };

/// Faces xAI.
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
