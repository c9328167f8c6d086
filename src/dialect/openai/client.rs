//! The half of the OpenAI dialect that faces apps.

use std::time::Duration;

use http::Method;
use serde_json::json;

use super::super::google;
use super::super::head::{bearer, percent_decoded, tightest};
use super::super::json::JsonBody;
use super::super::{
    Claim, ClientSide, Example, ListedModel, Pieces, RefusalContext, Streaming, WireReply,
    WireRequest,
};
use super::error;
use crate::canonical::{Answer, ImageRequest, Refusal, Standing};

mod answer;
mod parameters;
mod pictures;
mod request;
mod stream;

/// Faces apps that speak OpenAI.
#[derive(Debug)]
pub(super) struct Client;

const GENERATIONS: &str = "/v1/images/generations";
const EDITS: &str = "/v1/images/edits";
const VARIATIONS: &str = "/v1/images/variations";
const MODELS: &str = "/v1/models";

impl ClientSide for Client {
    fn claim(&self, method: &Method, path: &str) -> Option<Claim> {
        let (claim, only, allow) = match path {
            GENERATIONS | EDITS | VARIATIONS => (Claim::Images, Method::POST, "POST"),
            MODELS => (Claim::Models, Method::GET, "GET"),
            // `/v1/models/{model}:generateContent` and its like are Google's.
            longer if google::path::verb(longer).is_some() => return None,
            longer => {
                let id = longer.strip_prefix(MODELS)?.strip_prefix('/')?;
                let id = Some(percent_decoded(id)?).filter(|id| !id.is_empty())?;
                (Claim::Model(id), Method::GET, "GET")
            }
        };
        Some(if *method == only { claim } else { Claim::WrongMethod { allow } })
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

    fn encode_refusal(&self, refusal: &Refusal, _: &RefusalContext<'_>) -> WireReply {
        let (kind, code) = error::said_to_clients(refusal.kind, refusal.problem);
        let mut body = JsonBody::default();
        body.raw("{\"error\":{\"message\":")
            .value(&refusal.message)
            .raw(",\"type\":")
            .value(kind)
            .raw(",\"param\":")
            .value(&refusal.field)
            .raw(",\"code\":")
            .value(code)
            .raw("}}");
        WireReply::json(refusal.kind.status(), body.finish())
    }

    fn encode_models(&self, models: &[ListedModel<'_>]) -> WireReply {
        let listed: Vec<_> = models.iter().map(listing).collect();
        let body = json!({ "object": "list", "data": listed });
        WireReply::json(200, Pieces::one(body.to_string()))
    }

    fn encode_model(&self, model: &ListedModel<'_>) -> WireReply {
        WireReply::json(200, Pieces::one(listing(model).to_string()))
    }

    fn streaming(&self) -> Option<&'static dyn Streaming> {
        Some(&stream::Events)
    }

    fn example(&self) -> Example {
        Example {
            title: "An OpenAI client: a picture as base64, decoded into picture.png",
            path: GENERATIONS,
            body: r#"{"model": "gpt-image-2", "prompt": "a lighthouse at dusk", "size": "1024x1024", "quality": "low"}"#,
            then: r#"sed 's/.*"b64_json":"\([^"]*\)".*/\1/' | base64 -d > picture.png"#,
        }
    }

    fn limit_headers(&self, standings: &[Standing], _: i64) -> Vec<(&'static str, String)> {
        let Some(limit) = tightest(standings) else {
            return Vec::new();
        };
        vec![
            ("x-ratelimit-limit-requests", limit.most.to_string()),
            ("x-ratelimit-remaining-requests", limit.remaining.to_string()),
            ("x-ratelimit-reset-requests", short(limit.resets_in)),
        ]
    }
}

fn listing(model: &ListedModel<'_>) -> serde_json::Value {
    json!({
        "id": model.name,
        "object": "model",
        "created": model.created,
        "owned_by": model.owner,
    })
}

/// A duration as this API's headers spell it: `120ms`, `58.891s`, `6m0s`.
fn short(wait: Duration) -> String {
    let (minutes, seconds) = (wait.as_secs() / 60, wait.as_secs() % 60);
    let ms = wait.subsec_millis();
    if wait.as_secs() == 0 {
        return if ms == 0 { "0s".to_owned() } else { format!("{ms}ms") };
    }
    let decimals =
        if ms == 0 { String::new() } else { format!(".{ms:03}").trim_end_matches('0').to_owned() };
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{seconds}{decimals}s"),
        (0, minutes) => format!("{minutes}m{seconds}{decimals}s"),
        (hours, minutes) => format!("{hours}h{minutes}m{seconds}{decimals}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_claimed_for_what_it_is_and_for_one_method() {
        let claim = |method, path| Client.claim(&method, path);
        for path in [GENERATIONS, EDITS, VARIATIONS] {
            assert_eq!(claim(Method::POST, path), Some(Claim::Images));
        }
        assert_eq!(claim(Method::GET, MODELS), Some(Claim::Models));
        assert_eq!(
            claim(Method::GET, "/v1/models/lab%2Fflux/dev"),
            Some(Claim::Model("lab/flux/dev".into()))
        );
        let wrong = Some(Claim::WrongMethod { allow: "POST" });
        assert_eq!(claim(Method::GET, GENERATIONS), wrong);
        for other in ["/v1/images", "/v1/models/", "/v1/modelsx", "/v1/models/%zz"] {
            assert_eq!(claim(Method::GET, other), None, "{other}");
        }
    }

    #[test]
    fn a_reset_is_spelled_as_this_api_spells_it() {
        let spelled = |ms| short(Duration::from_millis(ms));
        assert_eq!(spelled(0), "0s");
        assert_eq!(spelled(120), "120ms");
        assert_eq!(spelled(58_891), "58.891s");
        assert_eq!(spelled(360_000), "6m0s");
        assert_eq!(spelled(3_723_500), "1h2m3.5s");
    }
}
