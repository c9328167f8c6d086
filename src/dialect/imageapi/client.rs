//! The half of the `ImageAPI` dialect that faces apps.
//!
//! Fields that its documentation does not name are ignored, because the documentation says nothing
//! of refusing them and its users send them.

use http::Method;

use super::super::head::bearer;
use super::super::{
    Batching, Claim, ClientSide, Example, ListedModel, Prompting, RefusalContext, Reporting,
    WireReply, WireRequest,
};
use crate::canonical::{Answer, ImageRequest, Refusal, Standing};

mod answer;
mod prompt;
mod report;
mod request;

/// Faces apps that speak `ImageAPI`.
#[derive(Debug)]
pub(super) struct Client;

const GENERATE: &str = "/api/v1/generate";
const PRODUCT: &str = "/api/v1/generate/product";
const LOGO: &str = "/api/v1/generate/logo";
const MODELS: &str = "/api/v1/models";
const USAGE: &str = "/api/v1/usage";
const HEALTH: &str = "/api/v1/health";
const ENHANCE: &str = "/api/v1/prompt/enhance";
const BUILD: &str = "/api/v1/prompt/build";

impl ClientSide for Client {
    fn claim(&self, method: &Method, path: &str) -> Option<Claim> {
        let (claim, allow) = match path {
            GENERATE | PRODUCT | LOGO => (Claim::Images, "POST"),
            ENHANCE | BUILD => (Claim::Prompt, "POST"),
            MODELS => (Claim::OpenModels, "GET"),
            USAGE => (Claim::Usage, "GET"),
            HEALTH => (Claim::Health, "GET"),
            _ => return None,
        };
        Some(match *method {
            Method::OPTIONS => Claim::Preflight { allow },
            Method::HEAD if allow == "GET" => claim,
            _ if method.as_str() == allow => claim,
            _ => Claim::WrongMethod { allow },
        })
    }

    fn presented_key<'a>(&self, head: &'a http::HeaderMap) -> Option<&'a str> {
        bearer(head)
    }

    fn scope(&self, _: &Claim) -> &'static str {
        "images"
    }

    fn decode_request(&self, wire: &WireRequest) -> Result<ImageRequest, Refusal> {
        request::decode(wire)
    }

    fn encode_response(&self, answer: &Answer<'_>) -> WireReply {
        answer::encode(answer)
    }

    fn encode_refusal(&self, refusal: &Refusal, context: &RefusalContext<'_>) -> WireReply {
        answer::encode_refusal(refusal, context)
    }

    fn encode_models(&self, models: &[ListedModel<'_>]) -> WireReply {
        report::encode_models(models)
    }

    fn batching(&self) -> Option<&'static dyn Batching> {
        Some(&request::Items)
    }

    fn reporting(&self) -> Option<&'static dyn Reporting> {
        Some(&report::Reports)
    }

    fn prompting(&self) -> Option<&'static dyn Prompting> {
        Some(&prompt::Tools)
    }

    fn is_for_browsers(&self) -> bool {
        true
    }

    fn example(&self) -> Example {
        Example {
            title: "An ImageAPI client: a picture by its address, and the seed that draws it again",
            path: GENERATE,
            body: r#"{"prompt": "a lighthouse at dusk", "width": 512, "height": 512}"#,
            then: "",
        }
    }

    /// None are documented; the wait is in `Retry-After` and in the body.
    fn limit_headers(&self, _: &[Standing], _: i64) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_claimed_for_what_it_is_and_for_one_method() {
        let claim = |method, path| Client.claim(&method, path);
        for path in [GENERATE, PRODUCT, LOGO] {
            assert_eq!(claim(Method::POST, path), Some(Claim::Images));
            let wrong = Some(Claim::WrongMethod { allow: "POST" });
            assert_eq!(claim(Method::GET, path), wrong);
        }
        assert_eq!(claim(Method::GET, USAGE), Some(Claim::Usage));
        assert_eq!(claim(Method::HEAD, HEALTH), Some(Claim::Health));
        assert_eq!(claim(Method::OPTIONS, MODELS), Some(Claim::Preflight { allow: "GET" }));
        assert_eq!(claim(Method::DELETE, MODELS), Some(Claim::WrongMethod { allow: "GET" }));
        for other in ["/api/v1/generate/", "/api/v1/generate/cat", "/api/v1", "/v1/generate"] {
            assert_eq!(claim(Method::POST, other), None, "{other}");
        }
    }
}
