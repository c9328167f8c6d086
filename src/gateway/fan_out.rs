//! One try of one candidate: as many calls as its pictures are spread over, at the same time.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use crate::canonical::{Change, Image, ImageRequest, ImageResponse, TokenUsage};
use crate::catalog::Offering;
use crate::credits::Cost;
use crate::fault::VendorFault;
use crate::job::Order;
use crate::routing::Candidate;
use crate::trail::Trail;
use crate::upstream::Account;

use super::attempt::{Attempt, Delivery, Trace};
use super::exchange::{Terms, no_picture};
use super::health::Trying;
use super::{Gateway, follow, micros, worth};

impl Gateway {
    /// Every call of a candidate; some pictures are a success, and what is missing is said.
    pub(super) async fn fan_out(
        &self,
        candidate: &Candidate,
        request: &ImageRequest,
        (trying, terms): (Trying<'_>, Terms<'_>),
        trace: &mut Trace,
    ) -> Result<Delivery, VendorFault> {
        let offering = &candidate.offering;
        let began = Instant::now();
        let one = async |call| {
            let share = self.ready_for(offering, candidate.ask(request, call)).await?;
            self.exchange(offering, &share, Terms { call, ..terms }).await
        };
        let replies = match candidate.calls {
            // Whoever waits for a vendor holds this and little else.
            1 => vec![Box::pin(one(0)).await],
            calls => join_all((0..calls).map(one)).await,
        };
        let took = began.elapsed();
        trace.vendor_us = trace.vendor_us.saturating_add(micros(took));
        self.learn(offering, (trying, terms.trail), &replies, took);
        gathered(candidate, request, replies, trace)
    }

    /// The orders of a job that were placed before, asked after again. A call that has no order is
    /// one whose outcome nobody knows.
    pub(super) async fn ask_after(
        &self,
        attempt: Attempt<'_>,
        candidate: &Candidate,
        orders: &[Order],
        trace: &mut Trace,
    ) -> Result<Delivery, VendorFault> {
        let Attempt { trail, deadline, errand, live, .. } = attempt;
        let asked = follow::ask(trail, &candidate.offering, candidate.calls);
        let carried = asked.carried.as_ref();
        let (offering, request) = (&candidate.offering, &attempt.work.request);
        let began = Instant::now();
        let calls = orders.iter().map(async |order| {
            let share = self.ready_for(offering, candidate.ask(request, order.call)).await?;
            let account = Account::numbered(order.account);
            let (placed, call) = (None, order.call);
            let terms = Terms { account, deadline, placed, live, errand, trail, carried, call };
            Box::pin(self.exchange_again(offering, &share, terms, order)).await
        });
        let replies = join_all(calls).await;
        let took = began.elapsed();
        trace.vendor_us = trace.vendor_us.saturating_add(micros(took));
        trace.outcome_unknown |= u32::try_from(orders.len()).is_ok_and(|n| n < candidate.calls);
        for reply in &replies {
            let (vendor, fault) = (&offering.vendor.name, reply.as_ref().err());
            self.telemetry.attempt(vendor, took.as_secs_f64(), fault, trail);
        }
        let tried = gathered(candidate, request, replies, trace);
        follow::came(trail, &asked, || follow::ended(&tried));
        tried
    }

    /// Tells the breaker and the metrics how it went.
    fn learn(
        &self,
        offering: &Offering,
        (trying, trail): (Trying<'_>, &Trail),
        replies: &[Result<ImageResponse, VendorFault>],
        took: Duration,
    ) {
        match replies.iter().find_map(|reply| reply.as_ref().err()) {
            None => trying.succeeded(took),
            Some(fault) => trying.failed(fault.is_ill_health()),
        }
        for reply in replies {
            let (vendor, fault) = (&offering.vendor.name, reply.as_ref().err());
            self.telemetry.attempt(vendor, took.as_secs_f64(), fault, trail);
        }
    }
}

/// What the calls of a candidate come to together.
fn gathered(
    candidate: &Candidate,
    request: &ImageRequest,
    replies: Vec<Result<ImageResponse, VendorFault>>,
    trace: &mut Trace,
) -> Result<Delivery, VendorFault> {
    trace.outcome_unknown |=
        replies.iter().any(|reply| reply.as_ref().is_err_and(VendorFault::outcome_unknown));
    let faults = replies.iter().filter_map(|reply| reply.as_ref().err());
    let billed = worth::bill_of(candidate, request, faults);
    let (response, fault) = gather(replies);
    if response.images.is_empty() {
        trace.billed = trace.billed.plus(billed).unwrap_or(trace.billed);
        return Err(fault.unwrap_or_else(no_picture));
    }
    let mut changes = candidate.changes.clone();
    let (asked, got) = (request.count, response.images.len());
    if u32::try_from(got).is_ok_and(|got| got < asked) {
        let how = format!("{got} of {asked} were delivered and paid for");
        changes.push(Change { parameter: "count".into(), how: how.into() });
    }
    let cost = worth::cost_of(candidate, request, &response);
    let cost = cost.and_then(|cost| cost.plus(billed).ok());
    Ok(Delivery { response, candidate: candidate.clone(), changes, cost })
}

/// All pictures that came, and the fault among the rest that decides what follows.
fn gather(
    replies: Vec<Result<ImageResponse, VendorFault>>,
) -> (ImageResponse, Option<VendorFault>) {
    // A sum in which a call is missing would be wrong, so either all say their cost or none does;
    // and so it is with tokens.
    let mut costs = replies.iter().flatten().map(|reply| reply.cost);
    let cost = costs.try_fold(Cost::ZERO, |sum, cost| sum.plus(cost?).ok());
    let mut usages = replies.iter().flatten().map(|reply| reply.usage);
    let usage = usages.try_fold(TokenUsage::default(), |sum, usage| Some(sum.plus(usage?)));
    let mut all = ImageResponse { usage, cost, ..ImageResponse::default() };
    let mut gravest: Option<VendorFault> = None;
    for reply in replies {
        match reply {
            Ok(one) => {
                let images: Vec<Image> = one.images;
                all.images.extend(images);
                all.watermarked |= one.watermarked;
                all.quality = all.quality.or(one.quality);
                all.background = all.background.or(one.background);
            }
            Err(fault) if gravest.as_ref().is_none_or(|before| fault.is_graver_than(before)) => {
                gravest = Some(fault);
            }
            Err(_) => {}
        }
    }
    (all, gravest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_a_later_call_decides_where_it_is_graver() {
        let broken = || Err(VendorFault::Broken { status: 500 });
        let unreachable = || Err(VendorFault::Unreachable { detail: String::new() });
        let refused = || VendorFault::refused("violence".into());
        let cases = [
            (vec![broken(), Err(refused())], refused()),
            (vec![broken(), Err(VendorFault::TimedOut), Err(refused())], refused()),
            (vec![unreachable(), Err(VendorFault::TimedOut)], VendorFault::TimedOut),
            (vec![Err(VendorFault::TimedOut), broken()], VendorFault::TimedOut),
        ];
        for (replies, decides) in cases {
            let (all, fault) = gather(replies);
            assert_eq!((all.images.len(), fault), (0, Some(decides)));
        }
    }
}
