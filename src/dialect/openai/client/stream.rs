//! An answer as OpenAI streams it: events with the name of what was asked, one picture each.

use crate::canonical::{Answer, ImageRequest, Operation, Refusal};

use super::super::super::json::JsonBody;
use super::super::super::{ClientSide as _, Pieces, Preview, RefusalContext, Streaming};
use super::Client;
use super::answer::{ends, preview_echo, usage};

/// Events as OpenAI's clients read them.
#[derive(Debug)]
pub(super) struct Events;

impl Streaming for Events {
    fn encode_preview(&self, preview: &Preview, request: &ImageRequest, unix_ms: i64) -> Pieces {
        let mut body = begin(request, "partial_image", unix_ms);
        body.raw(",\"partial_image_index\":").value(&preview.index);
        preview_echo(&mut body, request, preview.picture.sniff());
        body.raw(",\"b64_json\":\"").picture(&preview.picture).raw("\"}\n\n");
        body.finish()
    }

    fn encode_end(&self, answer: &Answer<'_>) -> Pieces {
        let mut all = Pieces::default();
        for (index, image) in answer.response.images.iter().enumerate() {
            let mut body = begin(answer.request, "completed", answer.unix_ms);
            ends(&mut body, answer, image);
            body.raw(",\"b64_json\":\"").picture(&image.picture).raw("\"");
            // All of it at the last one, so that a sum over the events is right.
            let is_last = index + 1 == answer.response.images.len();
            if let Some(tokens) = answer.response.usage.as_ref().filter(|_| is_last) {
                usage(&mut body, tokens);
            }
            body.raw("}\n\n");
            for slice in body.finish().into_slices() {
                all.push(slice);
            }
        }
        all
    }

    fn encode_no(&self, refusal: &Refusal, context: &RefusalContext<'_>) -> Pieces {
        let reply = Client.encode_refusal(refusal, context);
        let mut body = Pieces::one("event: error\ndata: ");
        for slice in reply.body.into_slices() {
            body.push(slice);
        }
        body.push("\n\n");
        body
    }
}

fn begin(request: &ImageRequest, what: &str, unix_ms: i64) -> JsonBody {
    let stem = match request.operation {
        Operation::Generate => "image_generation",
        Operation::Edit | Operation::Variation => "image_edit",
    };
    let name = format!("{stem}.{what}");
    let mut body = JsonBody::default();
    body.raw("event: ").raw(&name).raw("\ndata: {\"type\":").value(&name);
    body.raw(",\"created_at\":").value(&unix_ms.div_euclid(1000));
    body
}
