//! Two candidates side by side, where policy wants no one to wait for a slow vendor and the one
//! that loses can be taken back for nothing.
//!
//! The second is asked only once the first has been at work for the model's `hedge_after`, and only
//! when both vendors are said to take orders back free (`cancel_free`) and the first is known to.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::fault::{Next, VendorFault};
use crate::routing::Candidate;

use super::attempt::{Attempt, Delivery, Trace, Tried};
use super::{Gateway, Visit, micros};

/// How long an order that lost may take to be placed, so that it can be taken back.
const PLACED_TIMEOUT: Duration = Duration::from_secs(5);

/// What two candidates side by side come to.
struct Ended {
    tried: Tried,
    /// Whether that is what the second came to.
    is_other: bool,
    lost: Lost,
}

/// What became of the order that lost.
enum Lost {
    /// It was dropped while the vendor had a name for it, or it came to a fault: its trace says all.
    Nothing,
    /// It was drawn before it could be taken back.
    Drawn(Box<Delivery>),
    /// It was dropped while nobody knew whether it was placed.
    Unplaced,
}

/// Whether an order is placed and can be taken back.
pub(super) struct Placed(watch::Sender<bool>);

impl Placed {
    fn not_yet() -> Self {
        Self(watch::Sender::new(false))
    }

    /// From now on it is.
    pub(super) fn note(&self) {
        self.0.send_replace(true);
    }

    fn is_so(&self) -> bool {
        *self.0.borrow()
    }

    async fn wait(&self) {
        // The sender is ours, so that waiting cannot fail.
        let _ = self.0.subscribe().wait_for(|placed| *placed).await;
    }
}

impl Attempt<'_> {
    /// Whether the second may be asked beside the first.
    pub(super) fn may_hedge(&self, first: &Candidate, other: &Candidate) -> bool {
        let is_free = |one: &Candidate| one.offering.vendor.cancel_free && one.calls == 1;
        // Nobody waits for a job.
        self.errand.is_none()
            && self.work.model.hedge_after.is_some()
            && is_free(first)
            && is_free(other)
    }
}

impl Gateway {
    /// What the first of two candidates to deliver delivers, and how many of them were asked.
    pub(super) async fn attempt_beside(
        &self,
        visit: &mut Visit,
        attempt: Attempt<'_>,
        [first, other]: [&Candidate; 2],
    ) -> (Tried, usize) {
        let began = Instant::now();
        let (mut trace, mut other_trace) = (Trace::default(), Trace::default());
        let (placed, other_placed) = (Placed::not_yet(), Placed::not_yet());
        let (ended, taken) = {
            let mut one = pin!(self.attempt_one(attempt, first, Some(&placed), &mut trace));
            let after = attempt.work.model.hedge_after.unwrap_or(Duration::MAX);
            match tokio::time::timeout(after, &mut one).await {
                Ok(tried) => (Ended::of_one(tried), 1),
                // It could not be taken back for nothing, so nobody else is asked.
                Err(_) if !placed.is_so() => (Ended::of_one(one.await), 1),
                Err(_) => {
                    self.telemetry.metrics().hedges.inc();
                    // Previews are those of the first: two pictures at once would be neither.
                    let alone = Attempt { live: None, ..attempt };
                    let two = self.attempt_one(alone, other, Some(&other_placed), &mut other_trace);
                    (race((one, &placed), (pin!(two), &other_placed)).await, 2)
                }
            }
        };
        // Both were at work at the same time, so the time is counted once.
        let took = micros(began.elapsed());
        (trace.vendor_us, other_trace.vendor_us) = (took, 0);
        let Ended { tried, is_other, lost } = ended;
        let (last, mut before) = if is_other { (other_trace, trace) } else { (trace, other_trace) };
        self.note_lost(attempt, lost, &mut before);
        before.tell(&mut visit.receipt);
        last.tell(&mut visit.receipt);
        (tried, taken)
    }

    /// Writes down what the order that lost costs, where it was not taken back in time.
    fn note_lost(&self, attempt: Attempt<'_>, lost: Lost, trace: &mut Trace) {
        match lost {
            Lost::Nothing => {}
            Lost::Drawn(delivery) => {
                let Delivery { response, candidate, cost, .. } = *delivery;
                let cost = self.booked(&attempt.work.model, &candidate, (cost, response.usage));
                trace.billed = trace.billed.plus(cost).unwrap_or(trace.billed);
                let (request_id, offering) = (attempt.request_id, &*candidate.offering.name);
                tracing::info!(%request_id, offering, "an order that lost was drawn all the same");
            }
            // One that waited for our own pace was not sent.
            Lost::Unplaced => trace.outcome_unknown |= trace.calls > 0,
        }
    }
}

impl Ended {
    /// The first alone.
    const fn of_one(tried: Tried) -> Self {
        Self { tried, is_other: false, lost: Lost::Nothing }
    }
}

/// The first delivery of two; else the fault that decides what follows.
async fn race(
    (one, placed): (impl Future<Output = Tried> + Unpin, &Placed),
    (two, other_placed): (impl Future<Output = Tried> + Unpin, &Placed),
) -> Ended {
    match select(one, two).await {
        Either::Left((tried, two)) if ends(&tried) => {
            Ended { tried, is_other: false, lost: let_go(two, other_placed).await }
        }
        Either::Right((tried, one)) if ends(&tried) => {
            Ended { tried, is_other: true, lost: let_go(one, placed).await }
        }
        Either::Left((before, two)) => settled(before, (two.await, true)),
        Either::Right((before, one)) => settled(before, (one.await, false)),
    }
}

/// What two come to where the first to end brought no picture: what the last one says, unless what
/// was said before is graver.
fn settled(before: Tried, (last, is_other): (Tried, bool)) -> Ended {
    let stands = match (&before, &last) {
        (Err(Some(before)), Err(Some(last))) => before.is_graver_than(last),
        (Err(before), Err(None)) => before.is_some(),
        (_, Ok(_) | Err(Some(_))) | (Ok(_), Err(None)) => false,
    };
    let (tried, is_other) = if stands { (before, !is_other) } else { (last, is_other) };
    Ended { tried, is_other, lost: Lost::Nothing }
}

/// Whether there is nothing more to wait for: pictures, or a no that is everybody's.
fn ends(tried: &Tried) -> bool {
    match tried {
        Ok(_) => true,
        Err(fault) => fault.as_ref().map(VendorFault::next) == Some(Next::GiveUp),
    }
}

/// Drops an order that lost, which takes it back; one that is just being placed is waited for,
/// because only a placed order has a name by which it can be taken back.
async fn let_go(order: impl Future<Output = Tried> + Unpin, placed: &Placed) -> Lost {
    let is_placed = tokio::time::timeout(PLACED_TIMEOUT, placed.wait());
    match select(order, pin!(is_placed)).await {
        Either::Left((Ok(delivery), _)) => Lost::Drawn(Box::new(delivery)),
        Either::Left((Err(_), _)) | Either::Right((Ok(()), _)) => Lost::Nothing,
        Either::Right((Err(_), _)) => Lost::Unplaced,
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;

    async fn raced(one: Option<VendorFault>, two: Option<VendorFault>) -> Ended {
        let (placed, other_placed) = (Placed::not_yet(), Placed::not_yet());
        race((ready(Err(one)), &placed), (ready(Err(two)), &other_placed)).await
    }

    #[tokio::test]
    async fn the_graver_fault_of_a_hedge_decides_whoever_failed_last() {
        let broken = || Some(VendorFault::Broken { status: 500 });
        let timed_out = || Some(VendorFault::TimedOut);
        let cases = [
            ((timed_out(), broken()), (timed_out(), false)),
            ((broken(), timed_out()), (timed_out(), true)),
            ((broken(), None), (broken(), false)),
            ((broken(), broken()), (broken(), true)),
        ];
        for ((one, two), (decides, is_other)) in cases {
            let ended = raced(one, two).await;
            assert_eq!((ended.tried.err(), ended.is_other), (Some(decides), is_other));
        }
    }
}
