//! fal's words for what went wrong: of the model about its input, or of what runs the model.

use serde_json::Value;

use super::super::reply::garbled;
use super::super::{Call, WireReply, later};
use crate::fault::VendorFault;

/// The fault that an error stands for: by its own words first, by the status after.
pub(super) fn fault(call: &Call<'_>, reply: &WireReply, said: &Value) -> VendorFault {
    let in_header = reply.header("x-fal-error-type");
    let types = types_of(said).chain(in_header);
    if let Some(fault) = types.into_iter().find_map(|word| fault_of(word, reply.status)) {
        return fault;
    }
    let is_unbegun = reply.header("x-fal-request-timeout-type") == Some("user");
    if reply.status == 504 && is_unbegun {
        return VendorFault::Busy { retry_after: None };
    }
    // What is listed is the model's own: it says what became of the order.
    let fault = if said.get("detail").is_some_and(Value::is_array) {
        later::fault_of_order(reply)
    } else {
        later::fault(call, reply)
    };
    // It would go well another time, so the request is not what is wrong.
    let is_passing = reply.header("x-fal-retryable") == Some("true");
    if is_passing && matches!(fault, VendorFault::Rejected { .. }) {
        return VendorFault::Broken { status: reply.status };
    }
    fault
}

/// The fault of an order that is completed without its model having drawn.
pub(super) fn of_completed(word: &str) -> VendorFault {
    fault_of(word, 500).unwrap_or(match word {
        "request_timeout" | "generation_timeout" => VendorFault::TimedOut,
        _ => VendorFault::Broken { status: 500 },
    })
}

/// The types of an error: the model's own are listed, any other is one word.
fn types_of(said: &Value) -> impl Iterator<Item = &str> {
    let listed = said.get("detail").and_then(Value::as_array).into_iter().flatten();
    let listed = listed.filter_map(|detail| detail.get("type")?.as_str());
    listed.chain(said.get("error_type").and_then(Value::as_str))
}

/// The fault of a type, where it says more than the status does.
fn fault_of(word: &str, status: u16) -> Option<VendorFault> {
    match word {
        "content_policy_violation" => Some(VendorFault::refused(word.to_owned())),
        "no_media_generated" => Some(garbled(format!("an answer without a picture: {word}"))),
        // Nothing ran yet.
        "startup_timeout" | "runner_scheduling_failure" | "downstream_service_unavailable" => {
            Some(VendorFault::Busy { retry_after: None })
        }
        // Said with 400 too, though the request is not what is wrong.
        "downstream_service_error" => Some(VendorFault::Broken { status }),
        _ => None,
    }
}
