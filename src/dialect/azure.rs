//! Azure OpenAI: OpenAI's words at a deployment's own path, with a key in a header of its own.
//!
//! Vendor side only. Azure's errors, which have an envelope of their own, are read where OpenAI's
//! are: its older words are spoken by others too.

use super::openai::vendor::{self, Family, Manner};
use super::unsupported::no;
use super::{Call, Dialect, Event, Preview, Progress, Unsupported, VendorSide};
use super::{WireReply, WireRequest};
use crate::canonical::ImageRequest;
use crate::catalog::{AuthScheme, Offering};
use crate::fault::VendorFault;

/// Azure OpenAI.
pub(super) const DIALECT: Dialect = Dialect { name: "azure", client: None, vendor: Some(&Vendor) };

/// The version of the API that the paths of deployments are asked in.
const VERSION: &str = "?api-version=2025-04-01-preview";

/// Faces Azure OpenAI.
#[derive(Debug)]
struct Vendor;

impl VendorSide for Vendor {
    fn auth_scheme(&self) -> AuthScheme {
        AuthScheme::Header("api-key".to_owned())
    }

    fn options_of(&self) -> Option<&'static str> {
        Some("openai")
    }

    fn encode_request(
        &self,
        request: &ImageRequest,
        offering: &Offering,
    ) -> Result<WireRequest, Unsupported> {
        let own = offering.vendor_model.as_str();
        let (deployment, model) = own.split_once('/').unwrap_or((own, own));
        if !is_a_name(deployment) {
            return Err(no("model", "a deployment's name has letters, digits, `-`, `_` and `.`"));
        }
        let before = format!("/openai/deployments/{deployment}");
        // The deployment stands for the model: naming the model too breaks some of them.
        let family = family(model);
        let manner = Manner { before: &before, after: VERSION, model: None, family };
        vendor::encode(request, offering, &manner)
    }

    fn decode_reply(&self, _: &Call<'_>, reply: &WireReply) -> Result<Progress, VendorFault> {
        vendor::decode(reply)
    }

    fn decode_event(&self, _: &Call<'_>, event: &Event) -> Option<Preview> {
        vendor::preview(event)
    }
}

/// The family of a model; a name that says nothing is taken for a GPT image model.
fn family(model: &str) -> Family {
    let family = Family::of(model);
    if matches!(family, Family::Compatible | Family::StableCpp) { Family::Gpt2 } else { family }
}

fn is_a_name(deployment: &str) -> bool {
    let is_letter = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    !deployment.is_empty() && deployment.bytes().all(is_letter)
}
