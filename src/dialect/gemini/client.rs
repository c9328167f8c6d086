//! The half of the Gemini dialect that faces apps.

use http::Method;
use serde_json::json;

use super::super::google::path::{Verb, named, verb};
use super::super::google::{key, listing, said};
use super::super::{
    Claim, ClientSide, Example, ListedModel, Pieces, RefusalContext, Streaming, WireReply,
    WireRequest,
};
use crate::canonical::{Answer, ImageRequest, Refusal, RefusalKind, Standing};

mod answer;
mod config;
mod contents;
mod frame;
mod request;
mod stream;

/// Faces apps that speak Gemini.
#[derive(Debug)]
pub(super) struct Client;

/// The lists that are Gemini's alone.
const MODELS: [&str; 2] = ["/v1beta/models", "/v1alpha/models"];

/// The list that OpenAI's dialect has too; whose it is, the key's place says.
const SHARED_MODELS: &str = "/v1/models";

impl ClientSide for Client {
    fn claim(&self, method: &Method, path: &str) -> Option<Claim> {
        let (claim, only, allow) = match verb(path) {
            Some(Verb::Generate | Verb::Stream) => (Claim::Images, Method::POST, "POST"),
            Some(Verb::Predict) => return None,
            None => (MODELS.iter().find_map(|list| listed(list, path))?, Method::GET, "GET"),
        };
        Some(if *method == only { claim } else { Claim::WrongMethod { allow } })
    }

    fn claim_shared(&self, method: &Method, path: &str) -> Option<Claim> {
        let is_ours = method == Method::GET && verb(path).is_none();
        listed(SHARED_MODELS, path).filter(|_| is_ours)
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
        WireReply::json(200, answer::encode(answer))
    }

    fn encode_refusal(&self, refusal: &Refusal, context: &RefusalContext<'_>) -> WireReply {
        if refusal.kind == RefusalKind::ContentRefused {
            let body = blocked(refusal, context).to_string();
            return WireReply::json(200, Pieces::one(body));
        }
        said::encode(refusal, context)
    }

    fn encode_models(&self, models: &[ListedModel<'_>]) -> WireReply {
        listing::models(models)
    }

    fn encode_model(&self, model: &ListedModel<'_>) -> WireReply {
        listing::model(model)
    }

    fn streaming(&self) -> Option<&'static dyn Streaming> {
        Some(&stream::Chunks)
    }

    fn example(&self) -> Example {
        Example {
            title: "A Gemini client: a picture inline, decoded into gemini.png",
            path: "/v1beta/models/gemini-3-pro:generateContent",
            body: r#"{"contents": [{"parts": [{"text": "a lighthouse at dusk"}]}], "generationConfig": {"imageConfig": {"aspectRatio": "16:9"}}}"#,
            then: r#"sed 's/.*"data":"\([^"]*\)".*/\1/' | base64 -d > gemini.png"#,
        }
    }

    /// These APIs have none.
    fn limit_headers(&self, _: &[Standing], _: i64) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

/// The list of models, or one of it, below this path.
fn listed(list: &str, path: &str) -> Option<Claim> {
    match path.strip_prefix(list)? {
        "" => Some(Claim::Models),
        rest => Some(Claim::Model(named(rest.strip_prefix('/')?)?)),
    }
}

/// A refused content, which is a success here: the prompt's, where a rule of ours found it there;
/// otherwise a candidate without a picture, since a vendor does not say which of the two it was.
fn blocked(refusal: &Refusal, context: &RefusalContext<'_>) -> serde_json::Value {
    let id = context.request_id.as_str();
    if refusal.field.is_some() {
        let feedback = json!({ "blockReason": "BLOCKLIST", "blockReasonMessage": refusal.message });
        return json!({ "promptFeedback": feedback, "responseId": id });
    }
    let candidate = json!({
        "finishReason": "IMAGE_SAFETY",
        "finishMessage": refusal.message,
        "index": 0,
    });
    json!({ "candidates": [candidate], "responseId": id })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_claimed_for_what_it_is_and_for_one_method() {
        let claim = |method, path| Client.claim(&method, path);
        for path in ["/v1beta/models/m:generateContent", "/v1/models/m:streamGenerateContent"] {
            assert_eq!(claim(Method::POST, path), Some(Claim::Images), "{path}");
            let wrong = Some(Claim::WrongMethod { allow: "POST" });
            assert_eq!(claim(Method::GET, path), wrong, "{path}");
        }
        assert_eq!(claim(Method::GET, "/v1beta/models"), Some(Claim::Models));
        let model = Some(Claim::Model("lab/flux:2".to_owned()));
        assert_eq!(claim(Method::GET, "/v1beta/models/lab%2Fflux:2"), model);
        for other in
            ["/v1/models", "/v1beta/models/", "/v1beta/modelsx", "/v1beta/models/m:predict"]
        {
            assert_eq!(claim(Method::GET, other), None, "{other}");
        }
    }

    #[test]
    fn what_another_dialect_lists_too_is_claimed_by_the_key_alone() {
        let claim = |path| Client.claim_shared(&Method::GET, path);
        assert_eq!(claim("/v1/models"), Some(Claim::Models));
        assert_eq!(claim("/v1/models/m"), Some(Claim::Model("m".to_owned())));
        assert_eq!(claim("/v1/models/m:predict"), None);
        assert_eq!(Client.claim_shared(&Method::POST, "/v1/models"), None);
    }
}
