//! Fireworks' answers: pictures at once, the name of an order, or where the order stands.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::super::drawn;
use super::super::json::{Text, loose};
use super::super::reply::{
    fault_of_status, garbled, not_json, retry_after, said, shortened, words_of,
};
use super::super::{Pending, Progress, WireReply, WireRequest};
use super::RESULT;
use crate::canonical::Image;
use crate::fault::VendorFault;

/// What an order is answered with as JSON: its name, or what was drawn.
#[derive(Debug, Deserialize)]
struct Ordered<'a> {
    #[serde(borrow, default)]
    request_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    base64: Vec<Text<'a>>,
    #[serde(borrow, default, rename = "finishReason")]
    finish_reason: Option<&'a RawValue>,
    #[serde(borrow, default)]
    seed: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

/// One of the pictures of an older model.
#[derive(Debug, Deserialize)]
struct Sample<'a> {
    #[serde(borrow, default)]
    base64: Option<Text<'a>>,
    #[serde(borrow, default, rename = "finishReason")]
    finish_reason: Option<&'a RawValue>,
    #[serde(borrow, default)]
    seed: Option<&'a RawValue>,
}

/// Where an order stands.
#[derive(Debug, Deserialize)]
struct Standing<'a> {
    #[serde(borrow, default)]
    status: Option<Text<'a>>,
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct Ready<'a> {
    #[serde(borrow)]
    sample: Text<'a>,
    #[serde(borrow, default)]
    seed: Option<&'a RawValue>,
}

/// Reads the answer to an order.
pub(super) fn order(asked: &WireRequest, reply: &WireReply) -> Result<Progress, VendorFault> {
    if reply.status != 200 {
        return Err(fault(reply));
    }
    if let Some(image) = drawn::binary(reply)? {
        return match reply.header("finish-reason") {
            Some(reason) if is_filtered(reason) => Err(filtered()),
            _ => drawn::done(vec![image], None),
        };
    }
    let body = reply.body.to_bytes();
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    if first == Some(&b'[') {
        let samples: Vec<Sample<'_>> =
            serde_json::from_slice(&body).map_err(|fault| not_json(&fault))?;
        return list(&body, &samples);
    }
    let ordered: Ordered<'_> = serde_json::from_slice(&body).map_err(|fault| not_json(&fault))?;
    if ordered.error.is_some() {
        return Err(fault(reply));
    }
    if let Some(id) = &ordered.request_id {
        let question = json!({ "id": id.as_str() }).to_string();
        let path = format!("{}{RESULT}", asked.path);
        return Ok(pending(WireRequest::post_json(path, question), reply));
    }
    if loose(ordered.finish_reason).is_some_and(is_filtered) {
        return Err(filtered());
    }
    let pictures = ordered.base64.iter().filter_map(|text| text.picture(&body));
    let seed = loose(ordered.seed);
    drawn::done(pictures.map(|picture| Image { seed, ..Image::new(picture) }).collect(), None)
}

/// The pictures of an older model, less those that the filter took.
fn list(body: &Bytes, samples: &[Sample<'_>]) -> Result<Progress, VendorFault> {
    let is_taken = |sample: &Sample<'_>| loose(sample.finish_reason).is_some_and(is_filtered);
    if !samples.is_empty() && samples.iter().all(is_taken) {
        return Err(filtered());
    }
    let images = samples.iter().filter(|sample| !is_taken(sample)).filter_map(|sample| {
        let picture = sample.base64.as_ref()?.picture(body)?;
        Some(Image { seed: loose(sample.seed), ..Image::new(picture) })
    });
    drawn::done(images.collect(), None)
}

/// Reads the answer to a question about an order.
///
/// The order is placed and paid for, so only its own end ends it: a question that comes to nothing
/// is asked again, as is one whose answer we do not know.
pub(super) fn result(asked: &WireRequest, reply: &WireReply) -> Result<Progress, VendorFault> {
    match reply.status {
        200 => {}
        408 | 429 | 500..=599 => return Ok(pending(asked.clone(), reply)),
        404 if is_not_found(reply) => return Ok(pending(asked.clone(), reply)),
        _ => return Err(fault(reply)),
    }
    let body = reply.body.to_bytes();
    let standing: Standing<'_> = serde_json::from_slice(&body).map_err(|fault| not_json(&fault))?;
    let status = standing.status.as_ref().map(Text::as_str);
    match status {
        Some("Ready") => {
            let ready: Option<Ready<'_>> = loose(standing.result);
            let ready = ready.ok_or_else(|| garbled("a finished order without a picture"))?;
            let seed = loose(ready.seed);
            let picture = drawn::text(&ready.sample, &body);
            let image = picture.map(|picture| Image { seed, ..Image::new(picture) });
            drawn::done(image.into_iter().collect(), None)
        }
        Some(reason @ ("Request Moderated" | "Content Moderated")) => {
            Err(VendorFault::refused(reason.to_owned()))
        }
        Some("Error" | "Failed") => Err(VendorFault::Broken { status: 500 }),
        None if standing.error.is_some() => Err(fault(reply)),
        Some(_) => Ok(pending(asked.clone(), reply)),
        None => Err(garbled("no word of where the order stands")),
    }
}

/// A job that is not known yet is answered as one that is not known any more.
fn is_not_found(reply: &WireReply) -> bool {
    let body = reply.body.to_bytes();
    let standing = serde_json::from_slice::<Standing<'_>>(&body).ok();
    let status = standing.and_then(|standing| standing.status);
    status.is_some_and(|status| status.as_str() == "Task not found")
}

fn pending(next: WireRequest, reply: &WireReply) -> Progress {
    Progress::Pending(Box::new(Pending {
        next,
        wait: retry_after(reply),
        cancel: None,
        cost: None,
    }))
}

fn is_filtered(reason: &str) -> bool {
    reason == "CONTENT_FILTERED"
}

fn filtered() -> VendorFault {
    VendorFault::refused("CONTENT_FILTERED".to_owned())
}

/// The fault that an error stands for: its status, with whatever words there are.
fn fault(reply: &WireReply) -> VendorFault {
    let said = said(&reply.body.to_bytes());
    let error = said.get("error").unwrap_or(&said);
    let older = said.pointer("/fault/faultstring").and_then(Value::as_str);
    let detail = shortened(older.unwrap_or_else(|| words_of(error)));
    match reply.status {
        200 => VendorFault::Rejected { detail },
        408 => VendorFault::TimedOut,
        // The account is suspended, or may not load what it asks for.
        412 => VendorFault::Denied { detail },
        status => fault_of_status(status, &detail, retry_after(reply)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::Pieces;
    use super::*;

    fn any_value() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<f64>().prop_map(Value::from),
            prop::sample::select(vec!["Ready", "Pending", "Error", "Task not found", "x"])
                .prop_map(Value::from),
            Just(json!({ "sample": "https://a.example/b", "seed": -1.5 })),
            Just(json!({ "sample": ["data:image/png;base64,iVBO"] })),
        ]
    }

    proptest! {
        #[test]
        fn no_answer_to_a_question_makes_the_decoder_panic(
            status in prop_oneof![2 => Just(200_u16), 1 => any::<u16>()],
            words in prop::collection::vec(any_value(), 4),
            cut in 0_usize..120,
        ) {
            let [id, status_word, result_word, error] = words.try_into().unwrap();
            let body = json!({
                "id": id, "status": status_word, "result": result_word, "error": error,
            });
            let body = body.to_string().into_bytes();
            let asked = WireRequest::post_json("/workflows/m/get_result", "{}");
            for body in [body[..cut.min(body.len())].to_vec(), body] {
                let reply = WireReply::json(status, Pieces::one(body));
                if let Ok(Progress::Done(response)) = result(&asked, &reply) {
                    prop_assert!(!response.images.is_empty());
                    prop_assert_eq!(status, 200);
                }
            }
        }
    }
}
