//! From a request that is paid for to pictures that are ready: played, attempted, booked, priced.

use tokio::time::Instant;

use crate::canonical::{Change, ImageResponse, Refusal, Size};
use crate::credits::Credits;
use crate::played::Moment;
use crate::routing::Candidate;
use crate::trail::Step;

use super::note::note_came;
use super::{Gateway, Visit, Work, attempt, refuse, worth};

/// What was delivered, reworked and ready to be written, and by whom.
pub(super) struct Delivered {
    pub(super) response: ImageResponse,
    pub(super) changes: Vec<Change>,
    pub(super) candidate: Candidate,
}

impl Gateway {
    /// Pictures from the first candidate that delivers, made ready for the caller, and their price.
    pub(super) async fn draw(
        &self,
        visit: &mut Visit,
        work: &Work,
    ) -> Result<(Delivered, Credits), Refusal> {
        let deadline = visit.deadline(work.model.deadline);
        visit.play(Moment::Early, deadline).await?;
        let live = self.begin(visit, &work.request);
        visit.play(Moment::Drawing, deadline).await?;
        visit.enter(Step::Attempt);
        let attempted = self.attempt_each(visit, work, (deadline, live.as_ref())).await;
        let delivery = attempted.map_err(|fault| refuse::fault(&fault))?;
        let delivery = visit.cut_short(delivery, work.request.count);
        // In a place of its own, that nobody holds who waits for a vendor.
        Box::pin(self.hand_over(visit, work, delivery, deadline)).await
    }

    /// A delivery made ready for the caller, and its price.
    pub(super) async fn hand_over(
        &self,
        visit: &mut Visit,
        work: &Work,
        delivery: attempt::Delivery,
        deadline: Instant,
    ) -> Result<(Delivered, Credits), Refusal> {
        visit.enter(Step::Media);
        let attempt::Delivery { response, candidate, cost, .. } = &delivery;
        let cost = self.booked(&work.model, candidate, (*cost, response.usage));
        // Booked even if the rest fails: the vendor has drawn.
        visit.receipt.cost = visit.receipt.cost.plus(cost).unwrap_or(cost);
        let own = worth::cost_of(candidate, &work.request, response).unwrap_or(cost);
        note_came(&mut visit.receipt, &work.request, (&delivery, own));
        let delivered = self.deliver(visit, work, delivery, deadline).await?;
        let price = self.charge(work, &delivered, &visit.caller)?;
        Ok((delivered, price))
    }
}

/// The pixels that the caller will get from this candidate.
pub(super) fn delivered_size(candidate: &Candidate) -> Size {
    candidate.crop_to.unwrap_or(candidate.size)
}
