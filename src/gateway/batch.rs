//! Several requests in one body: each goes the way of a request once, with its own windows, hold
//! and usage row, so many at once as the plan allows; one that fails costs nothing but itself.

use bytes::Bytes;
use futures_util::future::FutureExt as _;
use futures_util::stream::{self, StreamExt as _};
use tokio::time::Instant;

use crate::canonical::{Change, Problem, Refusal};
use crate::dialect::{Asked, Batching, Item, Pieces, WireReply};
use crate::id::RequestId;
use crate::receipt::Receipt;
use crate::telemetry::Bound;

use super::once::{First, marked};
use super::{Gateway, Visit, micros, note_caller, plan, reply};

/// Changes that the header of a batch names; what each item's are is in its own answer.
const CHANGES_SHOWN_MAX: usize = 16;

/// A body that holds several requests, and how they are answered.
pub(super) struct Batched {
    side: &'static dyn Batching,
    items: Vec<Item>,
    concurrency_max: usize,
}

/// What one of them came to.
struct Ended {
    answer: Pieces,
    changes: Vec<Change>,
}

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

    /// The answer to all of them, once the last has come to its end. Under a name, what was
    /// answered before is said again, and what cost nothing is tried again.
    pub(super) async fn serve_batch(
        &self,
        visit: &mut Visit,
        batched: Batched,
    ) -> Result<WireReply, Refusal> {
        let Batched { side, items, concurrency_max } = batched;
        visit.receipt.operation = Some("batch");
        let mut lent = self.lend();
        let mut begun = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let mut one = visit.item(index, side);
            one.receipt.trail = self.trail_of_item(visit, self.clock.now().unix_ms);
            let first = self.item_again(&one, &mut lent).await?;
            begun.push((one, item, first));
        }
        let original = repeated(&begun);
        let ended: Vec<Ended> = stream::iter(begun)
            .map(|(visit, item, first)| self.serve_item(side, visit, (item, first)).boxed())
            .buffered(concurrency_max)
            .collect()
            .await;
        let now = self.clock.now();
        let changes = changes(&ended);
        let answers = ended.into_iter().map(|ended| ended.answer).collect();
        let request_id = original.as_ref().unwrap_or(&visit.receipt.request_id);
        let context = Asked { request_id, unix_ms: now.unix_ms };
        let reply = side.encode_items(answers, &context);
        let reply = WireReply { body: lent.hold(reply.body), ..reply };
        let reply = reply::with_standings(reply, visit.client, &self.standings(visit, now), now);
        let reply = reply::with_changes(reply, &changes);
        Ok(match &original {
            Some(original) => marked(reply, original),
            None => reply,
        })
    }

    /// One request of several, from its reading to its receipt.
    async fn serve_item(
        &self,
        side: &dyn Batching,
        mut visit: Visit,
        (item, first): (Item, Option<First>),
    ) -> Ended {
        visit.began = Instant::now();
        let (answer, changes) = if let Some(first) = first {
            self.note_replay(&mut visit, &first, "replayed");
            (first.answer.body, Vec::new())
        } else {
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
            let kept = visit.kept.take().map(|kept| kept.body);
            let unix_ms = self.clock.now().unix_ms;
            let said = ended.as_ref().map(|fulfilled| fulfilled.answer(&visit, unix_ms));
            let answer = kept.unwrap_or_else(|| side.encode_item(&said));
            (answer, ended.map_or_else(|_| Vec::new(), |fulfilled| fulfilled.changes))
        };
        visit.receipt.total_us = micros(visit.began.elapsed());
        self.telemetry.tell(&visit.receipt, visit.said.as_deref());
        Ended { answer, changes }
    }
}

/// The batch of which this is nothing but a repeat.
fn repeated(begun: &[(Visit, Item, Option<First>)]) -> Option<RequestId> {
    let all = begun.iter().map(|(_, _, first)| first.as_ref());
    let first = all.collect::<Option<Vec<_>>>()?.first()?.request.as_str();
    // It is named after the whole.
    Some(RequestId::known(first.rsplit_once('.').map_or(first, |(whole, _)| whole)))
}

/// What was not done as asked, once for all that it happened to; their bodies say which.
fn changes(ended: &[Ended]) -> Vec<Change> {
    let mut all: Vec<Change> = Vec::new();
    for change in ended.iter().flat_map(|ended| &ended.changes) {
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
    fn item(&self, index: usize, side: &'static dyn Batching) -> Self {
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
            item_of: Some(side),
            named: self.named.map(|named| named.item(index)),
            turn: None,
            kept: None,
            became_job: false,
            labels: std::collections::BTreeMap::new(),
            errand: None,
            said: None,
            played: self.played_for(index),
        }
    }
}
