//! From a trail and its receipt to spans: one for the request, one below it for each step, and one
//! for each attempt at a vendor.
//!
//! The names of attributes are OpenTelemetry's where it has conventions (HTTP, generative AI) and begin with
//! `pixelgate.` where it has none. Prompts, pictures and keys are on none of them.

use std::borrow::Cow;
use std::str::FromStr as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{
    Link, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{SpanData as Span, SpanEvents, SpanLinks};

use crate::trail::{Beginning, Context, Marks, Of, Path, Step};

use super::Ended;
use super::sampling::fresh;

mod attempt;
mod request;

/// A span in the making.
struct Draft {
    span: u64,
    above: Option<(u64, bool)>,
    kind: SpanKind,
    name: Cow<'static, str>,
    began: Duration,
    ended: Duration,
    attributes: Vec<KeyValue>,
    status: Status,
}

/// All spans of a request.
pub(super) fn spans(ended: &Ended, scope: &InstrumentationScope) -> Vec<Span> {
    let Some(path) = ended.receipt.trail.path() else { return Vec::new() };
    let Path { beginning, .. } = path;
    let marks = path.marks();
    let whole = ended.at.since(beginning.at);
    let made = Making { beginning, scope, state: state(beginning) };
    let mut root = made.span(request::draft(&ended.receipt, beginning, &marks, whole));
    root.links = SpanLinks::default();
    root.links.links.extend(beginning.link.map(|link| Link::with_context(told(link))));
    let steps = steps(&marks, beginning.context.span, whole);
    let attempts = marks.attempts.iter().map(|attempt| {
        let above = step_of(&steps, attempt.began).unwrap_or(beginning.context.span);
        attempt::draft(attempt, above, &ended.receipt, whole)
    });
    let attempts: Vec<Draft> = attempts.collect();
    let below = steps.into_iter().map(|(_, draft)| draft).chain(attempts);
    std::iter::once(root).chain(below.map(|draft| made.span(draft))).collect()
}

/// A span for each step, from its beginning to that of the next.
fn steps(marks: &Marks, root: u64, whole: Duration) -> Vec<(Step, Draft)> {
    let ends = marks.steps.iter().skip(1).map(|(_, began)| *began).chain([whole]);
    let steps = marks.steps.iter().zip(ends).map(|((step, began), ended)| {
        let draft = Draft {
            span: fresh(),
            above: Some((root, false)),
            kind: SpanKind::Internal,
            name: step.name().into(),
            began: *began,
            ended,
            attributes: Vec::new(),
            status: Status::Unset,
        };
        (*step, draft)
    });
    steps.collect()
}

/// The step in which a vendor was asked.
fn step_of(steps: &[(Step, Draft)], began: Duration) -> Option<u64> {
    let mut asking = steps.iter().rev().filter(|(step, draft)| {
        matches!(step, Step::Attempt | Step::Moderate) && draft.began <= began
    });
    asking.next().map(|(_, draft)| draft.span)
}

/// What all spans of a request have in common.
struct Making<'a> {
    beginning: &'a Beginning,
    scope: &'a InstrumentationScope,
    state: TraceState,
}

impl Making<'_> {
    fn span(&self, draft: Draft) -> Span {
        let Context { trace, .. } = self.beginning.context;
        // What is exported is sampled, whatever was said of it when it began.
        let context = SpanContext::new(
            TraceId::from(trace),
            SpanId::from(draft.span),
            TraceFlags::SAMPLED,
            false,
            self.state.clone(),
        );
        let (above, is_remote) = draft.above.unwrap_or_default();
        Span {
            span_context: context,
            parent_span_id: SpanId::from(above),
            parent_span_is_remote: is_remote,
            span_kind: draft.kind,
            name: draft.name,
            start_time: self.at(draft.began),
            end_time: self.at(draft.ended.max(draft.began)),
            attributes: draft.attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: draft.status,
            instrumentation_scope: self.scope.clone(),
        }
    }

    fn at(&self, since: Duration) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(self.beginning.unix_nanos) + since
    }
}

fn state(beginning: &Beginning) -> TraceState {
    let state = beginning.state.as_deref().map(TraceState::from_str);
    state.and_then(Result::ok).unwrap_or_default()
}

/// A trace that is pointed at.
fn told(context: Context) -> SpanContext {
    let flags = if context.sampled { TraceFlags::SAMPLED } else { TraceFlags::NOT_SAMPLED };
    let (trace, span) = (TraceId::from(context.trace), SpanId::from(context.span));
    SpanContext::new(trace, span, flags, true, TraceState::default())
}

fn is_request(of: &Of) -> bool {
    match of {
        Of::Request { .. } => true,
        Of::Item | Of::Job => false,
    }
}

fn whole_number(value: impl TryInto<i64>) -> i64 {
    value.try_into().unwrap_or(i64::MAX)
}
