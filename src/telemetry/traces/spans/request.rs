//! The span of a whole request, of one request of several, or of a job.

use std::borrow::Cow;
use std::time::Duration;

use http::Method;
use opentelemetry::trace::{SpanKind, Status};
use opentelemetry::{Array, KeyValue, StringValue, Value};

use crate::canonical::{Quality, RefusalKind};
use crate::receipt::Receipt;
use crate::telemetry::units;
use crate::trail::{Beginning, Marks, Of};

use super::attempt::{OPERATION, OUTPUT};
use super::{Draft, is_request, whole_number};

/// From here on a status is the fault of a server, to whoever draws traces.
const SERVER_FAULT: u16 = 500;

pub(super) fn draft(
    receipt: &Receipt,
    beginning: &Beginning,
    marks: &Marks,
    whole: Duration,
) -> Draft {
    let mut attributes = of_path(&beginning.of);
    if is_request(&beginning.of) {
        let status = i64::from(receipt.status);
        attributes.push(KeyValue::new("http.response.status_code", status));
    }
    if receipt.images_asked > 0 {
        attributes.extend(receipt.model.clone().map(|m| KeyValue::new("gen_ai.request.model", m)));
        attributes.push(KeyValue::new("gen_ai.operation.name", OPERATION));
        attributes.push(KeyValue::new("gen_ai.output.type", OUTPUT));
    }
    attributes.extend(of_receipt(receipt));
    attributes.extend(of_caller(receipt));
    attributes.extend(of_worth(receipt));
    if !marks.changed.is_empty() {
        let changed = marks.changed.iter().map(|name| StringValue::from(name.to_string()));
        let changed = Value::Array(Array::String(changed.collect()));
        attributes.push(KeyValue::new("pixelgate.changed", changed));
    }
    let fault = receipt.refusal.filter(|_| receipt.status >= SERVER_FAULT);
    let status = match fault {
        Some(kind) => {
            attributes.push(KeyValue::new("error.type", kind.code()));
            Status::error(kind.code())
        }
        None => Status::Unset,
    };
    Draft {
        span: beginning.context.span,
        above: beginning.parent,
        kind: if is_request(&beginning.of) { SpanKind::Server } else { SpanKind::Internal },
        name: name(receipt, &beginning.of),
        began: Duration::ZERO,
        ended: whole,
        attributes,
        status,
    }
}

/// The method and the dialect: few enough names to group by.
fn name(receipt: &Receipt, of: &Of) -> Cow<'static, str> {
    match of {
        Of::Request { method, .. } if receipt.dialect.is_empty() => known(method).into(),
        Of::Request { method, .. } => format!("{} {}", known(method), receipt.dialect).into(),
        Of::Item => "item".into(),
        Of::Job => "job".into(),
    }
}

/// The method, if it is one that is known.
const fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::CONNECT => "CONNECT",
        Method::OPTIONS => "OPTIONS",
        Method::TRACE => "TRACE",
        Method::PATCH => "PATCH",
        _ => "_OTHER",
    }
}

/// What OpenTelemetry's conventions for HTTP servers say of a request. Not the client's address, which is
/// a person's, and not the query, which may hold a key.
fn of_path(of: &Of) -> Vec<KeyValue> {
    let Of::Request { method, path, url } = of else { return Vec::new() };
    let mut said = vec![
        KeyValue::new("http.request.method", known(method)),
        KeyValue::new("url.path", path.to_string()),
    ];
    if let Ok(url) = url::Url::parse(url) {
        said.push(KeyValue::new("url.scheme", url.scheme().to_owned()));
        said.extend(url.host_str().map(|host| KeyValue::new("server.address", host.to_owned())));
        said.extend(
            url.port_or_known_default().map(|p| KeyValue::new("server.port", i64::from(p))),
        );
    }
    said
}

fn of_receipt(receipt: &Receipt) -> Vec<KeyValue> {
    let mut said = vec![
        KeyValue::new("pixelgate.request.id", receipt.request_id.to_string()),
        KeyValue::new("pixelgate.outcome", receipt.outcome()),
        KeyValue::new("pixelgate.policy.version", receipt.policy_version.to_string()),
        KeyValue::new("pixelgate.attempts", i64::from(receipt.attempts)),
    ];
    let texts = [
        ("pixelgate.dialect", Some(receipt.dialect).filter(|name| !name.is_empty())),
        ("pixelgate.operation", receipt.operation),
        ("pixelgate.refusal", receipt.refusal.map(RefusalKind::code)),
        ("pixelgate.blame", receipt.refusal.map(|kind| kind.blame().name())),
        ("pixelgate.quality", receipt.quality.map(Quality::name)),
    ];
    said.extend(texts.into_iter().filter_map(|(k, v)| Some(KeyValue::new(k, v?))));
    let owned = [
        ("pixelgate.offering", receipt.offering.clone()),
        ("pixelgate.vendor", receipt.vendor.clone()),
        ("pixelgate.size", receipt.size.map(|size| size.to_string())),
        ("pixelgate.price.version", receipt.price_version.as_deref().map(str::to_owned)),
        ("pixelgate.cost.version", receipt.cost_version.as_deref().map(str::to_owned)),
    ];
    said.extend(owned.into_iter().filter_map(|(k, v)| Some(KeyValue::new(k, v?))));
    if receipt.outcome_unknown {
        said.push(KeyValue::new("pixelgate.outcome_unknown", true));
    }
    said
}

fn of_caller(receipt: &Receipt) -> Vec<KeyValue> {
    let Some(caller) = &receipt.caller else { return Vec::new() };
    vec![
        KeyValue::new("pixelgate.workspace", caller.workspace.to_string()),
        KeyValue::new("pixelgate.key", caller.key.to_string()),
        KeyValue::new("pixelgate.plan", caller.plan.clone()),
        KeyValue::new("pixelgate.test", caller.test),
    ]
}

/// What it was worth. A span is a hint, as a metric is; the ledger is the book.
fn of_worth(receipt: &Receipt) -> Vec<KeyValue> {
    if receipt.images_asked == 0 {
        return Vec::new();
    }
    vec![
        KeyValue::new("pixelgate.images.asked", whole_number(receipt.images_asked)),
        KeyValue::new("pixelgate.images", whole_number(receipt.images)),
        KeyValue::new("pixelgate.credits", units(receipt.charged.nanos())),
        KeyValue::new("pixelgate.cost.dollars", units(receipt.cost.nanos())),
        KeyValue::new("pixelgate.vendor.us", whole_number(receipt.vendor_us)),
        KeyValue::new("pixelgate.store.us", whole_number(receipt.store_us)),
    ]
}
