//! One candidate after another, within the deadline.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use crate::canonical::{Change, Image, ImageRequest, ImageResponse};
use crate::catalog::Offering;
use crate::credits::Cost;
use crate::fault::{Next, VendorFault};
use crate::price::{self, Work};
use crate::routing::{Candidate, Permit};
use crate::upstream::Account;

use super::exchange::no_picture;
use super::{Gateway, Visit, micros};

/// Candidates that one request may go through.
const ATTEMPTS_MAX: usize = 4;

/// Times that one candidate is tried when nothing had been sent.
const TRIES_MAX: usize = 2;

/// Accounts at one vendor that one request may go through.
const ACCOUNTS_TRIED_MAX: usize = 4;

/// Pictures, and the candidate that drew them.
pub(super) struct Delivery {
    pub(super) response: ImageResponse,
    pub(super) candidate: Candidate,
    pub(super) changes: Vec<Change>,
    pub(super) cost: Cost,
}

impl Gateway {
    /// Asks candidates in their order until one draws, or until asking another cannot help.
    pub(super) async fn attempt_each(
        &self,
        visit: &mut Visit,
        candidates: &[Candidate],
        request: &ImageRequest,
        deadline: Instant,
    ) -> Result<Delivery, VendorFault> {
        let mut last = VendorFault::Unreachable { detail: "no candidate was tried".to_owned() };
        for candidate in candidates.iter().take(ATTEMPTS_MAX) {
            match self.attempt_one(visit, candidate, request, deadline).await {
                Ok(delivery) => return Ok(delivery),
                Err(Some(fault)) if fault.next() == Next::GiveUp => return Err(fault),
                Err(Some(fault)) => last = fault,
                // It rests after all; another request took its one trial.
                Err(None) => {}
            }
            if Instant::now() >= deadline {
                break;
            }
        }
        Err(last)
    }

    /// One candidate, and once more where nothing had been sent or another account of ours may do
    /// better. No fault when it rests.
    async fn attempt_one(
        &self,
        visit: &mut Visit,
        candidate: &Candidate,
        request: &ImageRequest,
        deadline: Instant,
    ) -> Result<Delivery, Option<VendorFault>> {
        let vendor = &candidate.offering.vendor;
        let mut last = None;
        for _ in 0..TRIES_MAX.max(vendor.secrets.len().min(ACCOUNTS_TRIED_MAX)) {
            let now = self.clock.now();
            let Some(permit) = self.health.begin(&candidate.offering.name, now) else {
                return Err(last);
            };
            let began = Instant::now();
            let deadline = deadline.min(began + vendor.timeout);
            let (account, tried) = match self.upstream.account(vendor, deadline).await {
                Ok(account) => {
                    let terms = (permit, account, deadline);
                    (Some(account), self.attempt(visit, candidate, request, terms).await)
                }
                Err(fault) => {
                    // It was our own pace that kept us from asking.
                    self.health.failed(&candidate.offering.name, permit, false, now);
                    (None, Err(fault))
                }
            };
            let fault = match tried {
                Ok(delivery) => return Ok(delivery),
                Err(fault) => fault,
            };
            log_fault(visit, candidate, &fault);
            let has_another =
                account.is_some_and(|account| self.upstream.note_fault(vendor, account, &fault));
            let again = fault.next() == Next::Retry || has_another;
            last = Some(fault);
            if !again {
                break;
            }
        }
        Err(last)
    }

    /// One try of one candidate: as many calls as its fan-out needs, at the same time.
    async fn attempt(
        &self,
        visit: &mut Visit,
        candidate: &Candidate,
        request: &ImageRequest,
        (permit, account, deadline): (Permit, Account, Instant),
    ) -> Result<Delivery, VendorFault> {
        let offering = &candidate.offering;
        visit.receipt.offering = Some(offering.name.clone());
        visit.receipt.vendor = Some(offering.vendor.name.clone());
        visit.receipt.attempts += candidate.calls;

        let began = Instant::now();
        let calls = shares(candidate, request).into_iter().map(async |share| {
            let share = self.with_mask_for(&offering.vendor, share).await?;
            self.exchange(offering, &share, (account, deadline)).await
        });
        let replies = join_all(calls).await;
        let took = began.elapsed();
        visit.receipt.vendor_us += micros(took);
        self.learn(offering, permit, &replies, took);

        if replies.iter().any(|reply| reply.as_ref().is_err_and(VendorFault::outcome_unknown)) {
            visit.receipt.outcome_unknown = true;
        }
        let (response, fault) = gather(replies);
        if response.images.is_empty() {
            return Err(fault.unwrap_or_else(no_picture));
        }
        let mut changes = candidate.changes.clone();
        let (asked, got) = (request.count, response.images.len());
        if u32::try_from(got).is_ok_and(|got| got < asked) {
            let how = format!("{got} of {asked} were delivered and paid for");
            changes.push(Change { parameter: "count".into(), how: how.into() });
        }
        let cost = booked_cost(candidate, request, &response);
        Ok(Delivery { response, candidate: candidate.clone(), changes, cost })
    }

    /// Tells the breaker and the metrics how an attempt went.
    fn learn(
        &self,
        offering: &Offering,
        permit: Permit,
        replies: &[Result<ImageResponse, VendorFault>],
        took: Duration,
    ) {
        let now = self.clock.now();
        match replies.iter().find_map(|reply| reply.as_ref().err()) {
            None => self.health.succeeded(&offering.name, permit, took, now),
            Some(fault) => self.health.failed(&offering.name, permit, fault.is_ill_health(), now),
        }
        for reply in replies {
            self.telemetry.attempt(&offering.vendor.name, took.as_secs_f64(), reply.as_ref().err());
        }
    }
}

fn log_fault(visit: &Visit, candidate: &Candidate, fault: &VendorFault) {
    tracing::warn!(
        request_id = %visit.receipt.request_id,
        offering = candidate.offering.name,
        fault = fault.code(),
        detail = %fault,
        "an attempt failed"
    );
}

/// The request as each call of the fan-out asks it.
fn shares(candidate: &Candidate, request: &ImageRequest) -> Vec<ImageRequest> {
    (0..candidate.calls).map(|call| candidate.ask(request, call)).collect()
}

/// All pictures that came, and the first fault among the rest.
fn gather(
    replies: Vec<Result<ImageResponse, VendorFault>>,
) -> (ImageResponse, Option<VendorFault>) {
    // A sum in which a call is missing would be wrong, so either all say their cost or none does.
    let mut costs = replies.iter().flatten().map(|reply| reply.cost);
    let cost = costs.try_fold(Cost::ZERO, |sum, cost| sum.plus(cost?).ok());
    let mut all = ImageResponse { cost, ..ImageResponse::default() };
    let mut first = None;
    for reply in replies {
        match reply {
            Ok(one) => {
                let images: Vec<Image> = one.images;
                all.images.extend(images);
                all.quality = all.quality.or(one.quality);
                all.background = all.background.or(one.background);
                all.usage = match (all.usage, one.usage) {
                    (Some(sum), Some(more)) => Some(sum.plus(more)),
                    (sum, more) => sum.or(more),
                };
            }
            Err(fault) => first = first.or(Some(fault)),
        }
    }
    (all, first)
}

/// What the vendor charges for what it drew: what it says itself, what policy says otherwise;
/// nothing where neither has a word for it.
fn booked_cost(candidate: &Candidate, request: &ImageRequest, response: &ImageResponse) -> Cost {
    if let Some(cost) = response.cost {
        return cost;
    }
    let work = Work {
        count: u32::try_from(response.images.len()).unwrap_or(u32::MAX),
        size: candidate.size,
        quality: response.quality.or(request.quality),
    };
    price::cost(&candidate.offering.cost, &work).unwrap_or(Cost::ZERO)
}
