//! An answer as Gemini streams it: one chunk with the whole picture.
//!
//! Google's library for Python takes every line for JSON that is neither empty nor begins with
//! `data: `, so there are no comments and no names of events.

use serde_json::{Value, json};

use super::super::super::google::said;
use super::super::super::json::JsonBody;
use super::super::super::{Pieces, Preview, RefusalContext, Streaming};
use super::{answer, blocked};
use crate::canonical::{Answer, ImageRequest, Refusal, RefusalKind};

/// Chunks as Gemini's clients read them.
#[derive(Debug)]
pub(super) struct Chunks;

impl Streaming for Chunks {
    fn has_comments(&self) -> bool {
        false
    }

    /// As the API shows pictures on the way: among the model's thoughts.
    fn encode_preview(&self, preview: &Preview, _: &ImageRequest, _: i64) -> Pieces {
        let mut body = JsonBody::default();
        body.raw("data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{");
        body.raw("\"thought\":true,");
        answer::part(&mut body, None, &preview.picture);
        body.raw("}]},\"index\":0}]}\r\n\r\n");
        body.finish()
    }

    /// What was not done as asked stands in the chunk itself: the head is gone by then.
    fn encode_end(&self, answer: &Answer<'_>) -> Pieces {
        let mut body = JsonBody::default();
        body.raw("data: ");
        answer::write(&mut body, answer);
        if !answer.changes.is_empty() {
            let changes = answer.changes.iter();
            let changes: Vec<Value> = changes
                .map(|change| json!({ "parameter": change.parameter, "how": change.how }))
                .collect();
            body.raw(",\"pixelgateChanged\":").value(&changes);
        }
        body.raw("}\r\n\r\n");
        body.finish()
    }

    fn encode_no(&self, refusal: &Refusal, context: &RefusalContext<'_>) -> Pieces {
        let no = if refusal.kind == RefusalKind::ContentRefused {
            blocked(refusal, context)
        } else {
            said::body(refusal, context)
        };
        Pieces::one(format!("data: {no}\r\n\r\n"))
    }
}
