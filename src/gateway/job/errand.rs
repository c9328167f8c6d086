//! What the path is told of the job that it works on: what must be on disk before it goes on, until
//! when it may, and whether it is still wanted.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, HeaderValue};
use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::credits::Cost;
use crate::dialect::{Pending, Pieces, WireRequest};
use crate::id::JobId;
use crate::job::{Order, Question};
use crate::store::Store;
use crate::upstream::Account;

use super::refuse;

/// A job that is being worked on.
pub(in super::super) struct Errand {
    pub(in super::super) id: JobId,
    /// Until when it may be worked on.
    pub(in super::super) until: Instant,
    wish: CancellationToken,
    store: Store,
    /// The orders as they are on disk, by their call.
    told: Mutex<BTreeMap<u32, Order>>,
}

impl std::fmt::Debug for Errand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Errand").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Errand {
    pub(super) fn new(id: JobId, until: Instant, wish: CancellationToken, store: Store) -> Self {
        Self { id, until, wish, store, told: Mutex::default() }
    }

    /// It was wanted no more before this process took it up.
    pub(super) fn is_wanted_no_more(&self) {
        self.wish.cancel();
    }

    /// Whether a candidate may be asked: it is on disk that something may have been sent.
    pub(in super::super) async fn may_begin(&self) -> bool {
        self.told.lock().clear();
        match self.store.begin_job(self.id.clone()).await {
            Ok(()) => true,
            Err(error) => {
                tracing::info!(job = %self.id, error = refuse::chain(&error), "no one is asked");
                false
            }
        }
    }

    /// Writes an order down, unless it is on disk as it is.
    pub(in super::super) async fn is_placed(&self, order: Order) {
        if self.told.lock().get(&order.call) == Some(&order) {
            return;
        }
        match self.store.place_job(self.id.clone(), order.clone()).await {
            Ok(()) => {
                self.told.lock().insert(order.call, order);
            }
            // The order stands; what cannot be written is only missed after a crash.
            Err(error) => {
                let error = refuse::chain(&error);
                tracing::error!(job = %self.id, error, "an order could not be written down");
            }
        }
    }

    pub(in super::super) fn is_unwanted(&self) -> bool {
        self.wish.is_cancelled()
    }

    /// Waits until it is wanted no more, which may be never.
    pub(in super::super) async fn unwanted(&self) {
        self.wish.cancelled().await;
    }
}

/// An order as it is kept.
pub(in super::super) fn kept(
    offering: &str,
    (account, call): (Account, u32),
    pending: &Pending,
) -> Order {
    Order {
        offering: offering.to_owned(),
        account: account.number(),
        call,
        next: question(&pending.next),
        cancel: pending.cancel.as_ref().map(question),
        cost_nanos: pending.cost.map(Cost::nanos),
    }
}

/// An order as it is asked after. `None` when it cannot be, which a store that was not meddled with
/// never brings about.
pub(in super::super) fn again(order: &Order) -> Option<Pending> {
    Some(Pending {
        next: wire(&order.next)?,
        wait: None,
        cancel: match &order.cancel {
            Some(cancel) => Some(wire(cancel)?),
            None => None,
        },
        cost: order.cost_nanos.map(Cost::from_nanos),
    })
}

fn question(wire: &WireRequest) -> Question {
    let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
    Question {
        method: wire.method.as_str().to_owned(),
        path: wire.path.clone(),
        headers: wire.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        body: wire.body.to_bytes().to_vec(),
    }
}

fn wire(question: &Question) -> Option<WireRequest> {
    let mut headers = HeaderMap::new();
    for (name, value) in &question.headers {
        let name: HeaderName = name.parse().ok()?;
        headers.append(name, HeaderValue::from_str(value).ok()?);
    }
    let mut body = Pieces::default();
    body.push(question.body.clone());
    let method = question.method.parse().ok()?;
    Some(WireRequest { method, path: question.path.clone(), headers, body })
}
