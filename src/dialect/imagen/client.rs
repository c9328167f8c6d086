//! The half of the Imagen dialect that faces apps.

use http::Method;
use serde_json::json;

use super::super::google::path::{Verb, verb};
use super::super::google::{key, listing, said};
use super::super::json::JsonBody;
use super::super::{
    Claim, ClientSide, Example, ListedModel, Pieces, RefusalContext, WireReply, WireRequest,
};
use crate::canonical::{
    Answer, Format, Image, ImageRequest, Picture, Refusal, RefusalKind, Standing,
};

mod request;

/// Faces apps that ask for Imagen's models.
#[derive(Debug)]
pub(super) struct Client;

impl ClientSide for Client {
    fn claim(&self, method: &Method, path: &str) -> Option<Claim> {
        match verb(path)? {
            Verb::Predict if *method == Method::POST => Some(Claim::Images),
            Verb::Predict => Some(Claim::WrongMethod { allow: "POST" }),
            Verb::Generate | Verb::Stream => None,
        }
    }

    fn presented_key<'a>(&self, head: &'a http::HeaderMap) -> Option<&'a str> {
        key::presented(head)
    }

    fn key_parameter(&self) -> Option<&'static str> {
        Some(key::PARAMETER)
    }

    fn shown_key(&self, key: &str) -> (&'static str, String) {
        (key::HEADER, key.to_owned())
    }

    fn scope(&self, _: &Claim) -> &'static str {
        "images"
    }

    fn decode_request(&self, wire: &WireRequest) -> Result<ImageRequest, Refusal> {
        request::decode(wire)
    }

    fn encode_response(&self, answer: &Answer<'_>) -> WireReply {
        let mut body = JsonBody::default();
        body.raw("{\"predictions\":[");
        for (index, image) in answer.response.images.iter().enumerate() {
            if index > 0 {
                body.raw(",");
            }
            prediction(&mut body, image);
        }
        body.raw("]}");
        WireReply::json(200, body.finish())
    }

    /// A refused content is a success here, of a prediction that is only the reason.
    fn encode_refusal(&self, refusal: &Refusal, context: &RefusalContext<'_>) -> WireReply {
        if refusal.kind == RefusalKind::ContentRefused {
            let body = json!({ "predictions": [{ "raiFilteredReason": refusal.message }] });
            return WireReply::json(200, Pieces::one(body.to_string()));
        }
        said::encode(refusal, context)
    }

    /// Never asked over the wire: the list is at Gemini's path.
    fn encode_models(&self, models: &[ListedModel<'_>]) -> WireReply {
        listing::models(models)
    }

    fn example(&self) -> Example {
        Example {
            title: "An Imagen client: a prediction, decoded into imagen.png",
            path: "/v1beta/models/flux-schnell:predict",
            body: r#"{"instances": [{"prompt": "a lighthouse at dusk"}], "parameters": {"sampleCount": 1, "aspectRatio": "4:3"}}"#,
            then: r#"sed 's/.*"bytesBase64Encoded":"\([^"]*\)".*/\1/' | base64 -d > imagen.png"#,
        }
    }

    /// These APIs have none.
    fn limit_headers(&self, _: &[Standing], _: i64) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

/// The media type of bytes that nothing is known of.
const UNKNOWN: &str = "application/octet-stream";

/// A picture as the slice it came in as; one that is somewhere else as its address.
fn prediction(body: &mut JsonBody, image: &Image) {
    let format = image.format.or_else(|| image.picture.sniff());
    body.raw("{\"mimeType\":").value(format.map_or(UNKNOWN, Format::mime));
    if let Some(prompt) = &image.revised_prompt {
        body.raw(",\"prompt\":").value(prompt);
    }
    match &image.picture {
        Picture::Url(url) => body.raw(",\"gcsUri\":").value(url),
        content @ (Picture::Base64(_) | Picture::Binary(_)) => {
            body.raw(",\"bytesBase64Encoded\":\"").picture(content).raw("\"")
        }
    };
    body.raw("}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predictions_alone_are_claimed() {
        let claim = |method, path| Client.claim(&method, path);
        for path in ["/v1beta/models/m:predict", "/v1beta1/publishers/google/models/m:predict"] {
            assert_eq!(claim(Method::POST, path), Some(Claim::Images), "{path}");
            let wrong = Some(Claim::WrongMethod { allow: "POST" });
            assert_eq!(claim(Method::GET, path), wrong, "{path}");
        }
        for other in ["/v1beta/models/m:generateContent", "/v1beta/models/m", "/v1beta/models"] {
            assert_eq!(claim(Method::POST, other), None, "{other}");
        }
    }
}
