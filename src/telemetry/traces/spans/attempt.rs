//! The span of one attempt at a vendor, by OpenTelemetry's conventions for generative AI.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanKind, Status};

use crate::canonical::TokenUsage;
use crate::catalog::{BaseUrl, Vendor};
use crate::dialect;
use crate::receipt::Receipt;
use crate::telemetry::units;
use crate::trail::{Attempt, Came};

use super::{Draft, whole_number};

/// What the conventions call the making of pictures: the operation whose output may be of any kind.
pub(super) const OPERATION: &str = "generate_content";

/// The kind of output.
pub(super) const OUTPUT: &str = "image";

pub(super) fn draft(attempt: &Attempt, above: u64, receipt: &Receipt, whole: Duration) -> Draft {
    let vendor = &*attempt.vendor;
    let is_ours = !attempt.model.is_empty();
    let mut attributes = of_vendor(vendor);
    attributes.push(KeyValue::new("pixelgate.offering", attempt.offering.clone()));
    if is_ours {
        attributes.extend([
            KeyValue::new("gen_ai.operation.name", OPERATION),
            KeyValue::new("gen_ai.output.type", OUTPUT),
            KeyValue::new("gen_ai.request.model", attempt.model.clone()),
            KeyValue::new("pixelgate.calls", i64::from(attempt.calls)),
        ]);
        if receipt.images_asked > 1 {
            let count = i64::from(receipt.images_asked);
            attributes.push(KeyValue::new("gen_ai.request.choice.count", count));
        }
    }
    let status = match attempt.came {
        // It lost against another one, or the process lost it.
        None => {
            attributes.push(KeyValue::new("pixelgate.abandoned", true));
            Status::Unset
        }
        Some(came) => of_end(&mut attributes, attempt, came),
    };
    Draft {
        span: attempt.span,
        above: Some((above, false)),
        kind: if is_inside(vendor) { SpanKind::Internal } else { SpanKind::Client },
        name: if is_ours {
            format!("{OPERATION} {}", attempt.model).into()
        } else {
            attempt.offering.clone().into()
        },
        began: attempt.began,
        ended: attempt.ended.unwrap_or(whole),
        attributes,
        status,
    }
}

fn is_inside(vendor: &Vendor) -> bool {
    matches!(vendor.base, BaseUrl::InProcess(_))
}

fn of_vendor(vendor: &Vendor) -> Vec<KeyValue> {
    let company = dialect::traced_as(vendor.dialect).map(str::to_owned);
    let company = company.unwrap_or_else(|| vendor.name.clone());
    let mut said = vec![
        KeyValue::new("gen_ai.provider.name", company),
        KeyValue::new("pixelgate.vendor", vendor.name.clone()),
        KeyValue::new("pixelgate.vendor.dialect", vendor.dialect),
    ];
    if let BaseUrl::Http { host, port, .. } = &vendor.base {
        said.push(KeyValue::new("server.address", host.clone()));
        said.push(KeyValue::new("server.port", i64::from(*port)));
    }
    said
}

fn of_end(attributes: &mut Vec<KeyValue>, attempt: &Attempt, came: Came) -> Status {
    match came {
        Came::Pictures { count, usage, cost } => {
            attributes.push(KeyValue::new("gen_ai.response.model", attempt.model.clone()));
            attributes.push(KeyValue::new("pixelgate.images", i64::from(count)));
            attributes.extend(usage.map(of_usage).into_iter().flatten());
            attributes.extend(
                cost.map(|cost| KeyValue::new("pixelgate.cost.dollars", units(cost.nanos()))),
            );
            Status::Unset
        }
        Came::Fault { code, outcome_unknown } => {
            attributes.push(KeyValue::new("error.type", code));
            if outcome_unknown {
                attributes.push(KeyValue::new("pixelgate.outcome_unknown", true));
            }
            Status::error(code)
        }
        Came::Answered => Status::Unset,
        Came::Status(status) => {
            attributes.push(KeyValue::new("http.response.status_code", i64::from(status)));
            if status < 400 {
                return Status::Unset;
            }
            attributes.push(KeyValue::new("error.type", status.to_string()));
            Status::error("")
        }
    }
}

fn of_usage(usage: TokenUsage) -> [KeyValue; 2] {
    let TokenUsage { text_in, image_in, text_out, image_out, .. } = usage;
    let count = |text: u64, image: u64| whole_number(text.saturating_add(image));
    [
        KeyValue::new("gen_ai.usage.input_tokens", count(text_in, image_in)),
        KeyValue::new("gen_ai.usage.output_tokens", count(text_out, image_out)),
    ]
}
