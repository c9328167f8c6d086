//! A Gemini request as a canonical one: the model by its path, the rest by its body.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::super::super::WireRequest;
use super::super::super::google::labels::labels;
use super::super::super::google::node::Node;
use super::super::super::google::path::{Verb, called};
use super::super::super::google::picture;
use super::super::DIALECT;
use super::super::request::HARMS;
use super::config::{self, Config};
use super::contents::{self, Contents};
use crate::canonical::{ImageRequest, Operation, Problem, Refusal, Safety};

/// Documented fields that ask for what is not offered here.
const NOT_OFFERED: [&str; 4] = ["tools", "toolConfig", "cachedContent", "continuationToken"];

pub(super) fn decode(wire: &WireRequest) -> Result<ImageRequest, Refusal> {
    let bytes = wire.body.to_bytes();
    let mut body = Node::read(&bytes)?;
    let called = called(&wire.path);
    let model = called.as_ref().map(|(model, _)| model.clone());
    same_model(&mut body, model.as_deref())?;
    body.offers_none(&NOT_OFFERED)?;
    usual_terms(&mut body)?;

    let Contents { prompt, inputs } = contents::read(&mut body)?;
    picture::bounded(bytes.len(), !inputs.is_empty())?;
    let Config { frame, count, seed, format, compression, kept } =
        config::read(body.child("generationConfig")?, !inputs.is_empty())?;
    let mut options = Map::new();
    if !kept.is_empty() {
        options.insert("generationConfig".to_owned(), Value::Object(kept));
    }
    let safety = safety(&mut body, &mut options)?;
    let (end_user, labels) = labels(&mut body)?;
    body.finish()?;

    let mut request = ImageRequest {
        operation: if inputs.is_empty() { Operation::Generate } else { Operation::Edit },
        model,
        prompt,
        inputs: inputs.here,
        named_inputs: inputs.named,
        count,
        frame,
        seed,
        format,
        compression,
        safety,
        end_user,
        labels,
        stream: called.is_some_and(|(_, verb)| verb == Verb::Stream),
        ..ImageRequest::default()
    };
    if !options.is_empty() {
        request.options.insert(DIALECT.name.to_owned(), options);
    }
    Ok(request)
}

/// A model in the body may only repeat the path's.
fn same_model(body: &mut Node, called: Option<&str>) -> Result<(), Refusal> {
    let named = body.text("model", usize::MAX)?;
    match (named.as_deref().map(|name| name.strip_prefix("models/").unwrap_or(name)), called) {
        (Some(named), Some(called)) if named != called => {
            let message = "must be the model of the path, or left out";
            Err(body.bad("model", Problem::BadValue, message))
        }
        _ => Ok(()),
    }
}

/// What costs more or less than the usual, or keeps the request, is not offered.
fn usual_terms(body: &mut Node) -> Result<(), Refusal> {
    let tier = body.text("serviceTier", usize::MAX)?.map(|tier| tier.to_ascii_lowercase());
    let tier = tier.as_deref().map(|tier| tier.trim_start_matches("service_tier_"));
    if tier.is_some_and(|tier| !["standard", "unspecified"].contains(&tier)) {
        return Err(body.not_offered("serviceTier", "must be `standard`; others are not offered"));
    }
    if body.flag("store")? == Some(true) {
        return Err(body.not_offered("store", "must be false; nothing is stored here"));
    }
    Ok(())
}

/// The canonical safety where all filters are turned off, as the vendor side says it. Anything
/// else is kept for vendors of this dialect: no other has the categories.
fn safety(body: &mut Node, options: &mut Map<String, Value>) -> Result<Option<Safety>, Refusal> {
    let mut asked = BTreeMap::new();
    for mut setting in body.list("safetySettings")? {
        let categories = HARMS.map(|category| (category, category));
        let older = [(CIVIC_INTEGRITY, CIVIC_INTEGRITY)];
        let category = setting.word_or("category", &categories, &older)?;
        let category =
            category.ok_or_else(|| setting.bad("category", Problem::Missing, "is required"))?;
        let thresholds = THRESHOLDS.map(|threshold| (threshold, threshold));
        let threshold = setting.word("threshold", &thresholds)?;
        let threshold =
            threshold.ok_or_else(|| setting.bad("threshold", Problem::Missing, "is required"))?;
        // Only Vertex has methods, and they make no difference to pictures.
        setting.offers_none(&["method"])?;
        if asked.insert(category, threshold).is_some() {
            return Err(setting.bad("category", Problem::BadValue, "is there twice; send it once"));
        }
        setting.finish()?;
    }
    let is_off = |harm: &str| matches!(asked.get(harm), Some(&("BLOCK_NONE" | "OFF")));
    if HARMS.into_iter().all(is_off) {
        return Ok(Some(Safety::Low));
    }
    asked.retain(|_, threshold| *threshold != UNSPECIFIED);
    if !asked.is_empty() {
        let settings: Vec<_> = asked
            .iter()
            .map(|(category, threshold)| json!({ "category": category, "threshold": threshold }))
            .collect();
        options.insert("safetySettings".to_owned(), settings.into());
    }
    Ok(None)
}

/// A category that is still taken, and not asked for any more.
const CIVIC_INTEGRITY: &str = "HARM_CATEGORY_CIVIC_INTEGRITY";

const UNSPECIFIED: &str = "HARM_BLOCK_THRESHOLD_UNSPECIFIED";

const THRESHOLDS: [&str; 6] = [
    "BLOCK_LOW_AND_ABOVE",
    "BLOCK_MEDIUM_AND_ABOVE",
    "BLOCK_ONLY_HIGH",
    "BLOCK_NONE",
    "OFF",
    UNSPECIFIED,
];
