//! Workers AI's answer: a picture, a picture inside an envelope, or a numbered error.

use serde::Deserialize;
use serde_json::Value;

use super::super::drawn;
use super::super::json::Text;
use super::super::reply::{fault_of_status, not_json, retry_after, said, shortened, words_of};
use super::super::{Progress, WireReply};
use crate::canonical::Image;
use crate::fault::VendorFault;

#[derive(Debug, Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    result: Option<Drawn<'a>>,
    #[serde(default)]
    errors: Value,
}

#[derive(Debug, Deserialize)]
struct Drawn<'a> {
    #[serde(borrow, default)]
    image: Option<Text<'a>>,
}

/// What an error's number says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Topic {
    /// The content filter, or bad input: its words tell which.
    ContentOrInput,
    /// Our request.
    Input,
    /// Our token, our account or its free share.
    Account,
    /// Its own time ran out.
    Time,
    /// Too much at once.
    Pace,
    /// Itself.
    Trouble,
}

/// What a documented number stands for.
const fn topic(code: u64) -> Option<Topic> {
    match code {
        3030 => Some(Topic::ContentOrInput),
        3003 | 3006 | 3039 | 3042 | 5004..=5007 | 5019 | 7000 | 7003 => Some(Topic::Input),
        3023 | 3036 | 3041 | 5016 | 5018 | 10000 => Some(Topic::Account),
        3007 | 3008 => Some(Topic::Time),
        971 | 3040 | 10429 => Some(Topic::Pace),
        3043 | 8001 => Some(Topic::Trouble),
        _ => None,
    }
}

pub(super) fn decode(reply: &WireReply) -> Result<Progress, VendorFault> {
    let body = reply.body.to_bytes();
    if reply.status != 200 {
        let said = said(&body);
        return Err(fault(reply, said.get("errors").unwrap_or(&said)));
    }
    if let Some(image) = drawn::binary(reply)? {
        return drawn::done(vec![image], None);
    }
    let envelope: Envelope<'_> = serde_json::from_slice(&body).map_err(|fault| not_json(&fault))?;
    let text = envelope.result.and_then(|drawn| drawn.image);
    let picture = text.and_then(|text| text.picture(&body));
    if picture.is_none() && envelope.errors.get(0).is_some() {
        return Err(fault(reply, &envelope.errors));
    }
    drawn::done(picture.map(Image::new).into_iter().collect(), None)
}

/// The fault that the errors of an envelope stand for: the first whose number we know.
fn fault(reply: &WireReply, errors: &Value) -> VendorFault {
    let listed = errors.as_array().map(Vec::as_slice).unwrap_or_default();
    let number = |error: &Value| error.get("code").and_then(Value::as_u64);
    let known = listed.iter().find(|error| number(error).and_then(topic).is_some());
    let said = known.or_else(|| listed.first()).unwrap_or(errors);
    let words = words_of(said);
    let detail = match number(said) {
        Some(code) => shortened(&format!("{code}: {words}")),
        None => shortened(words),
    };
    let is_success = reply.status == 200;
    match number(said).and_then(topic) {
        Some(Topic::ContentOrInput) if is_about_content(words) => VendorFault::refused(detail),
        Some(Topic::ContentOrInput | Topic::Input) => VendorFault::Rejected { detail },
        Some(Topic::Account) => VendorFault::Denied { detail },
        Some(Topic::Time) => VendorFault::TimedOut,
        Some(Topic::Pace) => VendorFault::Busy { retry_after: retry_after(reply) },
        Some(Topic::Trouble) if is_success => VendorFault::Broken { status: 500 },
        None if is_success => VendorFault::Rejected { detail },
        Some(Topic::Trouble) | None => fault_of_status(reply.status, &detail, retry_after(reply)),
    }
}

/// Whether the words of error 3030 are those of the content filter.
fn is_about_content(words: &str) -> bool {
    words.contains("NSFW") || words.contains("flagged")
}
