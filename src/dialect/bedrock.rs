//! Amazon Bedrock's models that draw: Stability's, and Amazon's own of which little is left.
//!
//! Vendor side only. One call answers with the pictures inside; each family of models has a body
//! of its own, and all of them the same errors.

use super::unsupported::no;
use super::{
    Call, Dialect, MaskStyle, Progress, Unsupported, VendorSide, WireReply, WireRequest,
    percent_encoded,
};
use crate::canonical::ImageRequest;
use crate::catalog::{AuthScheme, Offering};
use crate::fault::VendorFault;

mod amazon;
mod reply;
mod stability;

/// Bedrock.
pub(super) const DIALECT: Dialect =
    Dialect { name: "bedrock", client: None, vendor: Some(&Vendor) };

/// Faces Bedrock.
#[derive(Debug)]
struct Vendor;

/// Models that are told things in the same words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    /// Stability's that draw from a prompt.
    Draws {
        /// Whether they can start from a picture.
        from_pictures: bool,
    },
    /// Stability's that change a picture.
    Changes {
        /// Whether they must be told where.
        by_mask: bool,
    },
    /// Nova Canvas.
    Nova,
    /// Titan.
    Titan,
}

/// Models by their names up to the version. Those that take no prompt are left out, and so is the
/// one that takes two pictures of different meaning: no app could ask for what they do.
const FAMILIES: [(&str, Family); 14] = [
    ("stability.sd3-5-large", Family::Draws { from_pictures: true }),
    ("stability.stable-image-ultra", Family::Draws { from_pictures: true }),
    ("stability.stable-image-core", Family::Draws { from_pictures: false }),
    ("stability.stable-image-inpaint", Family::Changes { by_mask: true }),
    ("stability.stable-image-search-replace", Family::Changes { by_mask: false }),
    ("stability.stable-image-search-recolor", Family::Changes { by_mask: false }),
    ("stability.stable-image-style-guide", Family::Changes { by_mask: false }),
    ("stability.stable-image-control-sketch", Family::Changes { by_mask: false }),
    ("stability.stable-image-control-structure", Family::Changes { by_mask: false }),
    ("stability.stable-outpaint", Family::Changes { by_mask: false }),
    ("stability.stable-conservative-upscale", Family::Changes { by_mask: false }),
    ("stability.stable-creative-upscale", Family::Changes { by_mask: false }),
    ("amazon.nova-canvas", Family::Nova),
    ("amazon.titan-image-generator", Family::Titan),
];

impl Family {
    /// The family of a model, whose name may have a region before it or be the end of an ARN.
    fn of(vendor_model: &str) -> Option<Self> {
        let is_of = |name: &str| {
            let at = vendor_model.rsplit_once(name);
            at.is_some_and(|(_, version)| version.is_empty() || version.starts_with("-v"))
        };
        FAMILIES.iter().find(|(name, _)| is_of(name)).map(|(_, family)| *family)
    }
}

/// What policy adds under these names goes into the head, not into the body.
const HEADERS: [&str; 5] = [
    "x-amzn-bedrock-guardrailidentifier",
    "x-amzn-bedrock-guardrailversion",
    "x-amzn-bedrock-trace",
    "x-amzn-bedrock-performanceconfig-latency",
    "x-amzn-bedrock-service-tier",
];

fn header_of(name: &str) -> Option<&'static str> {
    HEADERS.into_iter().find(|header| name.eq_ignore_ascii_case(header))
}

impl VendorSide for Vendor {
    fn auth_scheme(&self) -> AuthScheme {
        AuthScheme::Bearer
    }

    fn mask_style(&self, offering: &Offering) -> MaskStyle {
        match Family::of(&offering.vendor_model) {
            Some(Family::Nova | Family::Titan) => MaskStyle::Black,
            Some(Family::Draws { .. } | Family::Changes { .. }) | None => MaskStyle::White,
        }
    }

    /// Amazon's own models have a seed by default that is always the same.
    fn needs_seed(&self, offering: &Offering) -> bool {
        matches!(Family::of(&offering.vendor_model), Some(Family::Nova | Family::Titan))
    }

    fn encode_request(
        &self,
        request: &ImageRequest,
        offering: &Offering,
    ) -> Result<WireRequest, Unsupported> {
        let model = &offering.vendor_model;
        let path = format!("/model/{}/invoke", percent_encoded(model));
        let mut bare = None;
        if offering.extra.keys().any(|name| header_of(name).is_some()) {
            let bare = bare.insert(offering.clone());
            bare.extra.retain(|name, _| header_of(name).is_none());
        }
        let told = bare.as_ref().unwrap_or(offering);
        let wire = match Family::of(model) {
            Some(Family::Draws { from_pictures }) => {
                stability::draw(&path, request, told, from_pictures)
            }
            Some(Family::Changes { by_mask }) => stability::change(&path, request, told, by_mask),
            Some(Family::Nova) => amazon::encode(&path, request, told, amazon::NOVA),
            Some(Family::Titan) => amazon::encode(&path, request, told, amazon::TITAN),
            None => Err(no("model", "this is none of the models whose parameters are known")),
        };
        let mut wire = wire?.with_header("accept", "application/json");
        for (name, value) in &offering.extra {
            if let Some(header) = header_of(name) {
                let written = value.to_string();
                wire = wire.with_header(header, value.as_str().unwrap_or(&written));
            }
        }
        Ok(wire)
    }

    fn decode_reply(&self, call: &Call<'_>, reply: &WireReply) -> Result<Progress, VendorFault> {
        reply::decode(call, reply)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_known_in_every_region_and_by_its_arn() {
        let inpaint = Some(Family::Changes { by_mask: true });
        let families = [
            ("stability.stable-image-core-v1:1", Some(Family::Draws { from_pictures: false })),
            ("us.stability.stable-image-inpaint-v1:0", inpaint),
            (
                "arn:aws:bedrock:us-east-1:1:inference-profile/us.stability.stable-image-inpaint-v1:0",
                inpaint,
            ),
            ("amazon.nova-canvas-v1:0", Some(Family::Nova)),
            ("amazon.titan-image-generator-v2:0", Some(Family::Titan)),
            ("stability.stable-image-erase-object-v1:0", None),
            ("stability.stable-fast-upscale-v1:0", None),
            ("anthropic.claude", None),
        ];
        for (name, family) in families {
            assert_eq!(Family::of(name), family, "{name}");
        }
    }
}
