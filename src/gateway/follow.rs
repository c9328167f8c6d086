//! What the way of a request writes on its trail: steps, and attempts at vendors.
//!
//! Where nothing is traced, not even the clock is read.

use std::sync::Arc;

use tokio::time::Instant;

use crate::catalog::{Offering, Vendor};
use crate::dialect::{Claim, WireReply, WireRequest};
use crate::fault::VendorFault;
use crate::id::random_number;
use crate::receipt::Receipt;
use crate::telemetry::Coming;
use crate::trail::{Asked, Came, Context, Step, Trail, Trying};

use super::attempt::Delivery;
use super::{Gateway, Head, Visit};

/// Where a trace is told to whoever asked, as a draft of W3C has it.
const RESPONSE: &str = "traceresponse";

/// The request is at this step from here on.
pub(super) fn enter(receipt: &Receipt, step: Step) {
    if receipt.trail.is_written() {
        receipt.trail.enter(step, Instant::now().into_std().into());
    }
}

/// A vendor is asked for an offering.
pub(super) fn ask(trail: &Trail, offering: &Offering, calls: u32) -> Trying {
    let (vendor, model) = (&offering.vendor, &offering.vendor_model);
    begin(trail, &Asked { vendor, offering: &offering.name, model, calls })
}

/// A vendor is asked.
pub(super) fn begin(trail: &Trail, asked: &Asked<'_>) -> Trying {
    if trail.context().is_none() {
        return Trying::default();
    }
    trail.ask(asked, random_number().max(1), Instant::now().into_std().into())
}

/// A vendor is asked for what is no picture; `what` says for what.
pub(super) fn ask_for(
    trail: &Trail,
    vendor: &Arc<Vendor>,
    what: &str,
    wire: &mut WireRequest,
) -> Trying {
    if trail.context().is_none() {
        return Trying::default();
    }
    let offering = &format!("{what} {}", vendor.name);
    let trying = begin(trail, &Asked { vendor, offering, model: "", calls: 1 });
    if let Some(carried) = &trying.carried {
        carried.put_on(&mut wire.headers);
    }
    trying
}

/// Whether it was answered.
pub(super) fn answered<T>(trail: &Trail, trying: &Trying, answered: &Result<T, VendorFault>) {
    came(trail, trying, || answered.as_ref().map_or_else(fault_of, |_| Came::Answered));
}

/// What an attempt came to.
pub(super) fn came(trail: &Trail, trying: &Trying, came: impl FnOnce() -> Came) {
    if trail.is_written() {
        trail.came(trying, came, Instant::now().into_std().into());
    }
}

/// What pictures, or a fault, are on a trail.
pub(super) fn ended(tried: &Result<Delivery, VendorFault>) -> Came {
    match tried {
        Ok(Delivery { response, cost, .. }) => Came::Pictures {
            count: u32::try_from(response.images.len()).unwrap_or(u32::MAX),
            usage: response.usage,
            cost: *cost,
        },
        Err(fault) => fault_of(fault),
    }
}

/// A fault as it is on a trail.
pub(super) fn fault_of(fault: &VendorFault) -> Came {
    Came::Fault { code: fault.code(), outcome_unknown: fault.outcome_unknown() }
}

impl Visit {
    /// The request is at this step from here on.
    pub(super) fn enter(&self, step: Step) {
        enter(&self.receipt, step);
    }

    /// Its body is here.
    pub(super) fn is_read(&self) {
        self.enter(match self.claim {
            Claim::Images => Step::Repeat,
            Claim::Quote
            | Claim::Models
            | Claim::Model(_)
            | Claim::OpenModels
            | Claim::Usage
            | Claim::Health
            | Claim::Prompt
            | Claim::Preflight { .. }
            | Claim::Jobs
            | Claim::Job(_)
            | Claim::CancelJob(_)
            | Claim::Asset(_)
            | Claim::WebhookSecret
            | Claim::Library(_)
            | Claim::WrongMethod { .. } => Step::Answer,
        });
    }
}

/// The answer with the name of its trace, where spans are made of it.
pub(super) fn traced(receipt: &Receipt, reply: WireReply) -> WireReply {
    match receipt.trail.kept() {
        Some(context) => reply.with_header(RESPONSE, &context.to_string()),
        None => reply,
    }
}

impl Gateway {
    /// The trail of a request that comes in.
    pub(super) fn trail(&self, head: &Head, at: Instant, unix_ms: i64) -> Trail {
        self.telemetry.trail(&coming(head, at, unix_ms))
    }

    /// The trail of one request of several in one body.
    pub(super) fn trail_of_item(&self, whole: &Visit, unix_ms: i64) -> Trail {
        let coming = coming(&whole.head, Instant::now(), unix_ms);
        self.telemetry.trail_of_item(&whole.receipt.trail, &coming)
    }

    /// The trail of a job that is worked on, from now on.
    pub(super) fn trail_of_job(&self, link: Option<Context>, head: &Head) -> Trail {
        let unix_ms = self.clock.now().unix_ms;
        self.telemetry.trail_of_job(link, &coming(head, Instant::now(), unix_ms))
    }
}

fn coming(head: &Head, at: Instant, unix_ms: i64) -> Coming<'_> {
    let Head { method, path, public_url: url, headers, .. } = head;
    Coming { method, path, url, headers, at, unix_ms }
}
