//! A fault as goldens show it.

use pixelgate::credits::Cost;
use pixelgate::fault::{Bill, VendorFault};
use serde_json::{Value, json};

/// What went wrong, what follows, and what a refusal is billed as where that is known.
pub(crate) fn shown(fault: &VendorFault) -> Value {
    let mut shown = json!({
        "fault": fault.code(),
        "says": fault.to_string(),
        "next": format!("{:?}", fault.next()),
    });
    if let VendorFault::Busy { retry_after: Some(wait) } = fault {
        shown["retry_after_ms"] = u64::try_from(wait.as_millis()).unwrap().into();
    }
    if let VendorFault::Refused { bill, .. } = fault {
        let billed = match bill {
            Bill::Unsaid => Value::Null,
            Bill::Nothing => "nothing".into(),
            Bill::Drawn => "as drawn".into(),
            Bill::Said(cost) => Cost::nanos(*cost).into(),
        };
        if !billed.is_null() {
            shown["billed"] = billed;
        }
    }
    shown
}
