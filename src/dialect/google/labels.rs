//! Labels of a request to Google's APIs.

use std::collections::BTreeMap;

use serde_json::Value;

use super::node::Node;
use crate::canonical::{LABEL_CHARS_MAX, LABELS_MAX, Problem, Refusal};

/// The app's own end user, and the rest of the labels.
pub(crate) type Labels = (Option<String>, BTreeMap<String, String>);

/// The labels of a body, which finance reads: 64 of 63 characters each side, as documented; one of them is a tag for the app's own end user.
pub(crate) fn labels(body: &mut Node) -> Result<Labels, Refusal> {
    let labels = match body.value("labels") {
        None => return Ok(Labels::default()),
        Some(Value::Object(labels)) => labels,
        Some(_) => {
            return Err(body.bad("labels", Problem::WrongType, "must be an object of texts"));
        }
    };
    if labels.len() > LABELS_MAX {
        return Err(body.bad("labels", Problem::TooLarge, "may hold at most 64 labels"));
    }
    let mut read = BTreeMap::new();
    for (name, value) in labels {
        let Value::String(value) = value else {
            return Err(body.bad("labels", Problem::WrongType, "must be an object of texts"));
        };
        if name.chars().count().max(value.chars().count()) > LABEL_CHARS_MAX {
            let message = "must have names and values of at most 63 characters";
            return Err(body.bad("labels", Problem::TooLong, message));
        }
        read.insert(name, value);
    }
    Ok((read.remove("end_user"), read))
}
