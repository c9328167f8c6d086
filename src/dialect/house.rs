//! Our own way of asking, for what no vendor's dialect has a word for: what a request would come to.
//!
//! Client side only. Its refusals are also what is said where no dialect claims a path.

use http::{HeaderMap, Method};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::head::bearer;
use super::{
    Claim, ClientSide, Dialect, Example, ListedModel, Pieces, RefusalContext, WireReply,
    WireRequest, by_name,
};
use crate::canonical::{Answer, ImageRequest, Problem, Refusal, RefusalKind, Standing};

/// Our own way of asking.
pub(super) const DIALECT: Dialect = Dialect { name: "house", client: Some(&Client), vendor: None };

/// Faces apps that ask for what is ours alone.
#[derive(Debug)]
pub(super) struct Client;

const QUOTE: &str = "/v1/quote";

/// A request in some dialect, to be looked at and not served.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Quoted<'a> {
    dialect: String,
    /// Where it would be sent, for dialects that have a word of theirs in the path.
    path: Option<String>,
    #[serde(borrow)]
    request: &'a RawValue,
}

impl ClientSide for Client {
    fn claim(&self, method: &Method, path: &str) -> Option<Claim> {
        let is_post = method == Method::POST;
        let claim = if is_post { Claim::Quote } else { Claim::WrongMethod { allow: "POST" } };
        (path == QUOTE).then_some(claim)
    }

    fn presented_key<'a>(&self, head: &'a HeaderMap) -> Option<&'a str> {
        bearer(head)
    }

    fn scope(&self, _: &Claim) -> &'static str {
        "images"
    }

    fn decode_request(&self, wire: &WireRequest) -> Result<ImageRequest, Refusal> {
        let body = wire.body.to_bytes();
        let quoted: Quoted<'_> = serde_json::from_slice(&body).map_err(|error| misread(&error))?;
        let spoken = by_name(&quoted.dialect).filter(|dialect| dialect.name != DIALECT.name);
        let client = spoken.and_then(|dialect| dialect.client).ok_or_else(unknown_dialect)?;
        let path = quoted.path.unwrap_or_else(|| client.example().path.to_owned());
        if client.claim(&Method::POST, &path) != Some(Claim::Images) {
            let message = "`path` is none where this dialect is asked for pictures; leave it out";
            return Err(Refusal::field("path", Problem::BadValue, message));
        }
        client.decode_request(&WireRequest::post_json(path, quoted.request.get().to_owned()))
    }

    fn encode_response(&self, answer: &Answer<'_>) -> WireReply {
        let body = json!({ "model": answer.model, "charged": answer.charged });
        WireReply::json(200, Pieces::one(body.to_string()))
    }

    fn encode_refusal(&self, refusal: &Refusal, context: &RefusalContext<'_>) -> WireReply {
        let kind: RefusalKind = refusal.kind;
        // OpenAI's clients read this shape too, and so does the eye.
        let body = json!({
            "error": {
                "code": kind.code(),
                "message": refusal.message,
                "type": kind.blame().name(),
                "param": refusal.field,
            },
            "request_id": context.request_id.as_str(),
        });
        WireReply::json(kind.status(), Pieces::one(body.to_string()))
    }

    fn encode_models(&self, models: &[ListedModel<'_>]) -> WireReply {
        let names: Vec<_> = models.iter().map(|model| model.name).collect();
        WireReply::json(200, Pieces::one(json!({ "models": names }).to_string()))
    }

    fn example(&self) -> Example {
        Example {
            title: "What a picture would come to: who can draw it, its price, what would be changed",
            path: QUOTE,
            body: r#"{"dialect": "openai", "request": {"model": "gpt-image-2", "prompt": "a lighthouse at dusk", "size": "1008x1008", "quality": "low"}}"#,
            then: "",
        }
    }

    fn limit_headers(&self, _: &[Standing], _: i64) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

fn misread(error: &serde_json::Error) -> Refusal {
    let at = format!("line {} column {}", error.line(), error.column());
    let message = format!(
        "the body must be `{{\"dialect\": …, \"request\": …}}` and nothing else; it is not at {at}"
    );
    Refusal::new(RefusalKind::BadRequest, message)
}

fn unknown_dialect() -> Refusal {
    let spoken = super::ALL.iter().filter(|dialect| dialect.client.is_some());
    let names: Vec<_> = spoken.map(|d| d.name).filter(|name| *name != DIALECT.name).collect();
    let message = format!("`dialect` must be one of: {}", names.join(", "));
    Refusal::field("dialect", Problem::BadValue, message)
}
