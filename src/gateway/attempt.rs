//! One candidate after another, within the deadline.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use crate::canonical::{Change, Image, ImageRequest, ImageResponse, Picture};
use crate::catalog::{Offering, Vendor};
use crate::credits::Cost;
use crate::dialect::{self, Progress, VendorSide, WireRequest};
use crate::fault::{Next, VendorFault};
use crate::price::{self, Work};
use crate::routing::{Candidate, Permit};

use super::{Gateway, Visit, micros};

/// Candidates that one request may go through.
const ATTEMPTS_MAX: usize = 4;

/// Times that one candidate is tried when nothing had been sent.
const TRIES_MAX: usize = 2;

/// Questions about a job that a vendor answers later.
const POLLS_MAX: usize = 600;

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

    /// One candidate, and once more where nothing had been sent. No fault when it rests.
    async fn attempt_one(
        &self,
        visit: &mut Visit,
        candidate: &Candidate,
        request: &ImageRequest,
        deadline: Instant,
    ) -> Result<Delivery, Option<VendorFault>> {
        let mut last = None;
        for _ in 0..TRIES_MAX {
            let now = self.clock.now();
            let Some(permit) = self.health.begin(&candidate.offering.name, now) else {
                return Err(last);
            };
            let tried = self.attempt(visit, candidate, request, (permit, deadline)).await;
            let fault = match tried {
                Ok(delivery) => return Ok(delivery),
                Err(fault) => fault,
            };
            log_fault(visit, candidate, &fault);
            let again = fault.next() == Next::Retry;
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
        (permit, deadline): (Permit, Instant),
    ) -> Result<Delivery, VendorFault> {
        let offering = &candidate.offering;
        visit.receipt.offering = Some(offering.name.clone());
        visit.receipt.vendor = Some(offering.vendor.name.clone());
        visit.receipt.attempts += candidate.calls;

        let began = Instant::now();
        let deadline = deadline.min(began + offering.vendor.timeout);
        let shares = shares(candidate, request);
        let calls = shares.iter().map(|share| self.exchange(offering, share, deadline));
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
            changes.push(Change { parameter: "count", how: how.into() });
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

    /// One call and, where the vendor answers later, the questions that follow it.
    async fn exchange(
        &self,
        offering: &Offering,
        request: &ImageRequest,
        deadline: Instant,
    ) -> Result<ImageResponse, VendorFault> {
        let vendor = &offering.vendor;
        let side = vendor_side(vendor)?;
        let mut wire: WireRequest = side
            .encode_request(request, offering)
            .map_err(|unsupported| VendorFault::Rejected { detail: unsupported.to_string() })?;
        for _ in 0..POLLS_MAX {
            let reply = self.upstream.call(vendor, &wire, deadline).await?;
            match side.decode_reply(&reply, offering)? {
                Progress::Done(response) => return self.here(vendor, response, deadline).await,
                Progress::Pending { next, wait } => {
                    tokio::time::timeout_at(deadline, tokio::time::sleep(wait))
                        .await
                        .map_err(|_| VendorFault::TimedOut)?;
                    wire = *next;
                }
            }
        }
        Err(VendorFault::TimedOut)
    }

    /// The response with every picture here and known to be one.
    async fn here(
        &self,
        vendor: &Vendor,
        mut response: ImageResponse,
        deadline: Instant,
    ) -> Result<ImageResponse, VendorFault> {
        for image in &mut response.images {
            if let Picture::Url(url) = &image.picture {
                let bytes = self.upstream.fetch(vendor, url, deadline).await?;
                image.picture = Picture::Binary(bytes);
            }
            image.format = image.picture.sniff();
            if image.format.is_none() {
                let detail = "what it calls a picture is none".to_owned();
                return Err(VendorFault::Garbled { detail });
            }
        }
        if response.images.is_empty() { Err(no_picture()) } else { Ok(response) }
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

fn no_picture() -> VendorFault {
    VendorFault::Garbled { detail: "it answered without a picture".to_owned() }
}

fn vendor_side(vendor: &Vendor) -> Result<&'static dyn VendorSide, VendorFault> {
    dialect::by_name(vendor.dialect).and_then(|dialect| dialect.vendor).ok_or_else(|| {
        VendorFault::Rejected { detail: "its dialect has no vendor side".to_owned() }
    })
}

/// The request as each call of the fan-out asks it.
fn shares(candidate: &Candidate, request: &ImageRequest) -> Vec<ImageRequest> {
    let share = |call| {
        let mut share = candidate.ask(request, call);
        // A compression is that of the format it was asked with.
        share.compression = share.compression.filter(|_| share.format == request.format);
        share
    };
    (0..candidate.calls).map(share).collect()
}

/// All pictures that came, and the first fault among the rest.
fn gather(
    replies: Vec<Result<ImageResponse, VendorFault>>,
) -> (ImageResponse, Option<VendorFault>) {
    let mut all = ImageResponse::default();
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

/// What the vendor charges for what it drew; nothing where policy has no cost for it.
fn booked_cost(candidate: &Candidate, request: &ImageRequest, response: &ImageResponse) -> Cost {
    let work = Work {
        count: u32::try_from(response.images.len()).unwrap_or(u32::MAX),
        size: candidate.size,
        quality: response.quality.or(request.quality),
    };
    price::cost(&candidate.offering.cost, &work).unwrap_or(Cost::ZERO)
}
