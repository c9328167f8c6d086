//! DeepInfra's native inference route: a model in the path, `data:` addresses back, and the price.
//!
//! Vendor side only, and only this form: its OpenAI-compatible routes, which also edit, are policy.

use super::{Call, Dialect, Progress, Unsupported, VendorSide, WireReply, WireRequest};
use crate::canonical::ImageRequest;
use crate::catalog::{AuthScheme, Offering};
use crate::fault::VendorFault;

mod reply;
mod request;

/// DeepInfra's native form.
pub(super) const DIALECT: Dialect =
    Dialect { name: "deepinfra", client: None, vendor: Some(&Vendor) };

/// Faces DeepInfra.
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
