//! What a moderation model is asked, in the words of the API that OpenAI made and others follow:
//! `POST /moderations`. It draws nothing, so it is no vendor side.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use super::reply::{fault_of_status, garbled, not_json, retry_after};
use super::{WireReply, WireRequest};
use crate::canonical::{Found, Moderated};
use crate::fault::VendorFault;

#[derive(Deserialize)]
struct Reply {
    results: Vec<Verdict>,
}

#[derive(Deserialize)]
struct Verdict {
    flagged: bool,
    #[serde(default)]
    categories: BTreeMap<String, Option<bool>>,
    #[serde(default)]
    category_scores: BTreeMap<String, Option<f64>>,
}

/// Asks about texts, one verdict for each.
pub fn encode(texts: &[&str], model: &str) -> WireRequest {
    let body = json!({ "model": model, "input": texts });
    WireRequest::post_json("/moderations", body.to_string())
}

/// What was found in so many texts, taken together: what one is flagged for, all are.
pub fn decode(reply: &WireReply, texts: usize) -> Result<Moderated, VendorFault> {
    if !(200..300).contains(&reply.status) {
        return Err(fault_of_status(reply.status, "", retry_after(reply)));
    }
    let body = reply.body.to_bytes();
    let read: Reply = serde_json::from_slice(&body).map_err(|fault| not_json(&fault))?;
    if read.results.len() != texts {
        return Err(garbled("not one verdict for each text"));
    }
    let mut all = Moderated::default();
    for verdict in read.results {
        all.is_flagged |= verdict.flagged;
        for (name, is_flagged) in verdict.categories {
            all.categories.entry(name).or_default().is_flagged |= is_flagged.unwrap_or(false);
        }
        for (name, score) in verdict.category_scores {
            let found: &mut Found = all.categories.entry(name).or_default();
            found.score = found.score.max(score.unwrap_or(0.0));
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::super::Pieces;
    use super::*;

    fn said(body: &'static str, texts: usize) -> Result<Moderated, VendorFault> {
        decode(&WireReply::json(200, Pieces::one(body)), texts)
    }

    #[test]
    fn texts_are_asked_about_together() {
        let wire = encode(&["a fox", "noir"], "omni");
        let body: serde_json::Value = serde_json::from_slice(&wire.body.to_bytes()).unwrap();
        assert_eq!(wire.path, "/moderations");
        assert_eq!(body, json!({"model": "omni", "input": ["a fox", "noir"]}));
    }

    #[test]
    fn what_one_text_is_flagged_for_all_are() {
        let body = r#"{"id":"modr-1","model":"omni","results":[
            {"flagged":false,"categories":{"violence":false,"illicit":null},
             "category_scores":{"violence":0.2}},
            {"flagged":true,"categories":{"violence":true},"category_scores":{"violence":0.9}}]}"#;
        let found = said(body, 2).unwrap();
        assert!(found.is_flagged);
        assert_eq!(found.categories["violence"], Found { is_flagged: true, score: 0.9 });
        assert_eq!(found.categories["illicit"], Found::default());
    }

    #[test]
    fn an_answer_without_a_verdict_for_each_text_is_a_fault() {
        for body in ["{}", r#"{"results":[]}"#, r#"{"results":[{"flagged":"no"}]}"#] {
            assert!(matches!(said(body, 1), Err(VendorFault::Garbled { .. })), "{body}");
        }
        let denied = decode(&WireReply::json(401, Pieces::one("{}")), 1);
        assert!(matches!(denied, Err(VendorFault::Denied { .. })));
    }
}
