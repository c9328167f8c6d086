//! Several requests in one body: each goes the way of a request once, with its own windows, hold
//! and usage row, so many at once as the plan allows; one that fails costs nothing but itself.

use bytes::Bytes;
use futures_util::future::FutureExt as _;
use futures_util::stream::{self, StreamExt as _};
use tokio::time::Instant;

use crate::canonical::{Change, Problem, Refusal};
use crate::dialect::{Asked, Batching, Item, ItemAnswer, WireReply};
use crate::id::RequestId;
use crate::receipt::Receipt;
use crate::telemetry::Bound;

use super::{Fulfilled, Gateway, Visit, micros, note_caller, plan, reply};

/// Changes that the header of a batch names; what each item's are is in its own answer.
const CHANGES_SHOWN_MAX: usize = 16;

/// A body that holds several requests, and how they are answered.
pub(super) struct Batched {
    side: &'static dyn Batching,
    items: Vec<Item>,
    concurrency_max: usize,
}

/// One of them, and what it came to.
type Ended = (Visit, Result<Fulfilled, Refusal>);

impl Gateway {
    /// The requests of a body that holds several; `None` where it is one request.
    pub(super) fn batch(&self, visit: &Visit, body: &Bytes) -> Result<Option<Batched>, Refusal> {
        let Some(side) = visit.client.batching() else {
            return Ok(None);
        };
        let plan = plan(&visit.policy, &visit.caller)?;
        let items = side.decode_items(&visit.wire(body.clone()), plan.batch.items_max);
        let items = items.inspect_err(|refusal| {
            if refusal.field.as_deref() == Some("items")
                && refusal.problem == Some(Problem::TooLarge)
            {
                self.telemetry.metrics().bound_met(Bound::BatchItems);
            }
        })?;
        // More at once than the key may have would only refuse each other.
        let leases = plan.concurrency_max.and_then(|most| usize::try_from(most).ok());
        let concurrency_max = plan.batch.concurrency_max.min(leases.unwrap_or(usize::MAX)).max(1);
        Ok(items.map(|items| Batched { side, items, concurrency_max }))
    }

    /// The answer to all of them, once the last has come to its end.
    pub(super) async fn serve_batch(&self, visit: &mut Visit, batched: Batched) -> WireReply {
        let Batched { side, items, concurrency_max } = batched;
        visit.receipt.operation = Some("batch");
        let begun = items.into_iter().enumerate().map(|(index, item)| (visit.item(index), item));
        let begun: Vec<(Visit, Item)> = begun.collect();
        let ended: Vec<Ended> = stream::iter(begun)
            .map(|(visit, item)| self.serve_item(visit, item).boxed())
            .buffered(concurrency_max)
            .collect()
            .await;
        let now = self.clock.now();
        let answers: Vec<ItemAnswer<'_>> = ended
            .iter()
            .map(|(visit, ended)| Ok(ended.as_ref()?.answer(visit, now.unix_ms)))
            .collect();
        let unix_ms = now.unix_ms;
        let context = Asked { request_id: &visit.receipt.request_id, unix_ms };
        let reply = side.encode_items(&answers, &context);
        let reply = reply::with_standings(reply, visit.client, &self.standings(visit, now), now);
        reply::with_changes(reply, &changes(&ended))
    }

    /// One request of several, from its reading to its receipt.
    async fn serve_item(&self, mut visit: Visit, item: Item) -> Ended {
        visit.began = Instant::now();
        let ended = match item {
            Ok(request) => self.fulfil_request(&mut visit, request).await,
            Err(refusal) => Err(refusal),
        };
        match &ended {
            Ok(_) => visit.receipt.status = 200,
            Err(refusal) => {
                visit.receipt.status = refusal.kind.status();
                self.note_refusal(&mut visit, refusal);
            }
        }
        visit.receipt.total_us = micros(visit.began.elapsed());
        self.telemetry.tell(&visit.receipt, visit.said.as_deref());
        (visit, ended)
    }
}

/// What was not done as asked, once for all that it happened to; their bodies say which.
fn changes(ended: &[Ended]) -> Vec<Change> {
    let mut all: Vec<Change> = Vec::new();
    let fulfilled = ended.iter().filter_map(|(_, ended)| ended.as_ref().ok());
    for change in fulfilled.flat_map(|fulfilled| &fulfilled.changes) {
        let parameter = format!("items.{}", change.parameter).into();
        let change = Change { parameter, how: change.how.clone() };
        if all.len() < CHANGES_SHOWN_MAX && !all.contains(&change) {
            all.push(change);
        }
    }
    all
}

impl Visit {
    /// A visit of its own for one request of several, named after the whole.
    fn item(&self, index: usize) -> Self {
        let whole = &self.receipt;
        let request_id = RequestId::known(&format!("{}.{index}", whole.request_id));
        let version = std::sync::Arc::clone(&whole.policy_version);
        let mut receipt = Receipt::begin(request_id, whole.unix_ms, version);
        receipt.dialect = whole.dialect;
        note_caller(&mut receipt, &self.caller);
        Self {
            head: self.head.clone(),
            client: self.client,
            claim: self.claim.clone(),
            caller: self.caller.clone(),
            policy: std::sync::Arc::clone(&self.policy),
            receipt,
            began: Instant::now(),
            begin_with: None,
            has_begun: false,
            named: None,
            turn: None,
            kept: None,
            became_job: false,
            errand: None,
            said: None,
        }
    }
}
