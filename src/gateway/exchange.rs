//! One order at one vendor: placed once, asked after until it is served, taken back when its time
//! is over.

use std::time::Duration;

use tokio::time::Instant;

use crate::canonical::{ImageRequest, ImageResponse};
use crate::catalog::{Offering, Vendor};
use crate::credits::Cost;
use crate::dialect::{self, Call, MaskStyle, Pending, Progress, VendorSide, WireRequest};
use crate::fault::{Bill, VendorFault};
use crate::job;
use crate::trail::{Carried, Trail};
use crate::upstream::{Account, Ear};

use super::Gateway;
use super::hedge::Placed;
use super::job::{Errand, again, kept};
use super::live::Live;

mod pictures;

/// Steps of an order that is not placed yet, uploads among them.
const STEPS_MAX: usize = 24;

/// Questions about an order that is placed.
const POLLS_MAX: usize = 600;

/// Questions in a row that may come to nothing before the order is given up.
const POLLS_LOST_MAX: u32 = 5;

/// The first wait between questions, where the vendor advises none.
const WAIT_FIRST: Duration = Duration::from_millis(500);

/// The longest wait between questions of our own choosing.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// How long an order that was taken back is still asked after: it may be served all the same.
const TAKEN_BACK_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a vendor may take to take an order back.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(10);

/// On what terms an order is placed.
#[derive(Clone, Copy)]
pub(super) struct Terms<'a> {
    /// In whose name.
    pub(super) account: Account,
    /// Until when.
    pub(super) deadline: Instant,
    /// Who wants to know that it is placed and can be taken back.
    pub(super) placed: Option<&'a Placed>,
    /// Where previews go.
    pub(super) live: Option<&'a Live>,
    /// The job that it is for.
    pub(super) errand: Option<&'a Errand>,
    /// What it is told on.
    pub(super) trail: &'a Trail,
    /// What the vendor is told of the trace.
    pub(super) carried: Option<&'a Carried>,
    /// Which call of the fan-out it is.
    pub(super) call: u32,
}

/// Where an order stands. One that is dropped before its end is taken back, if it can be.
struct Order<'a> {
    gateway: &'a Gateway,
    vendor: &'a Vendor,
    terms: Terms<'a>,
    steps: usize,
    polls: usize,
    lost: u32,
    wait: Option<Duration>,
    may_ask_again: bool,
    taken_back: bool,
    cancel: Option<WireRequest>,
    cost: Option<Cost>,
}

impl Gateway {
    /// An order, from the first byte sent to pictures that are here and known to be some.
    pub(super) async fn exchange(
        &self,
        offering: &Offering,
        request: &ImageRequest,
        terms: Terms<'_>,
    ) -> Result<ImageResponse, VendorFault> {
        let side = vendor_side(&offering.vendor)?;
        let wire = side.encode_request(request, offering).map_err(|unsupported| {
            let dialect::Unsupported { parameter, why } = unsupported;
            VendorFault::Inexpressible { parameter, why }
        })?;
        let order = Order::new(self, &offering.vendor, terms);
        self.see_through(offering, request, order, wire).await
    }

    /// The same for an order that was placed before.
    pub(super) async fn exchange_again(
        &self,
        offering: &Offering,
        request: &ImageRequest,
        terms: Terms<'_>,
        known: &job::Order,
    ) -> Result<ImageResponse, VendorFault> {
        let pending = again(known).ok_or_else(|| {
            let detail = "what was kept of its order cannot be read".to_owned();
            VendorFault::Garbled { detail }
        })?;
        let mut order = Order::new(self, &offering.vendor, terms);
        order.may_ask_again = true;
        order.cost = pending.cost;
        order.cancel = pending.cancel;
        if order.is_unwanted() {
            Box::pin(order.take_back()).await;
        }
        self.see_through(offering, request, order, pending.next).await
    }

    /// Takes back an order that is not asked after again, where its vendor can.
    pub(super) fn forsake(&self, vendor: &Vendor, known: &job::Order) {
        if let Some(cancel) = again(known).and_then(|pending| pending.cancel) {
            self.call_off(vendor.clone(), Account::numbered(known.account), cancel);
        }
    }

    /// Tells a vendor that an order is not wanted, and nobody waits for that.
    fn call_off(&self, vendor: Vendor, account: Account, cancel: WireRequest) {
        let upstream = std::sync::Arc::clone(&self.upstream);
        self.tasks.spawn(async move {
            let deadline = Instant::now() + CANCEL_TIMEOUT;
            let told = upstream.call(&vendor, account, &cancel, deadline).await;
            let status = told.map_or(0, |reply| reply.status);
            tracing::info!(vendor = vendor.name, status, "an order was taken back");
        });
    }

    async fn see_through(
        &self,
        offering: &Offering,
        request: &ImageRequest,
        mut order: Order<'_>,
        wire: WireRequest,
    ) -> Result<ImageResponse, VendorFault> {
        let asked = self.ask(offering, request, &mut order, wire).await;
        if asked.as_ref().err().is_none_or(|fault| !fault.outcome_unknown()) {
            order.cancel = None;
        }
        // An order that was taken said what it costs; a refusal of what it drew does not take that
        // back.
        let mut response = asked.map_err(|fault| match (&fault, order.cost) {
            (VendorFault::Refused { bill: Bill::Drawn, .. }, Some(cost)) => {
                fault.billed(Bill::Said(cost))
            }
            _ => fault,
        })?;
        response.cost = response.cost.or(order.cost);
        self.here(&offering.vendor, order.terms, response).await
    }

    async fn ask(
        &self,
        offering: &Offering,
        request: &ImageRequest,
        order: &mut Order<'_>,
        mut wire: WireRequest,
    ) -> Result<ImageResponse, VendorFault> {
        let vendor = &offering.vendor;
        let side = vendor_side(vendor)?;
        loop {
            let Terms { account, deadline, live, carried, .. } = order.terms;
            if let Some(carried) = carried {
                carried.put_on(&mut wire.headers);
            }
            let call = Call { request, offering, asked: &wire };
            let replied = match live.filter(|_| request.previews > 0) {
                None => self.upstream.call(vendor, account, &wire, deadline).await,
                Some(live) => {
                    let ear = live.ear(side, call, &*self.clock);
                    let terms = (deadline, Some(&ear as Ear<'_>));
                    Box::pin(self.upstream.call_heard(vendor, account, &wire, terms)).await
                }
            };
            // A vendor that answers the question has answered it; only a question that came to
            // nothing is asked again.
            let is_answered = replied.as_ref().is_ok_and(|r| (200..300).contains(&r.status));
            let decoded = replied.and_then(|reply| side.decode_reply(&call, &reply));
            match decoded {
                Ok(Progress::Done(response)) => return Ok(response),
                Ok(Progress::Then(next)) => {
                    wire = *next;
                    order.step(&wire)?;
                }
                Ok(Progress::Pending(pending)) => {
                    let wait = order.is_pending(&pending)?;
                    order.write_down(&offering.name, &pending).await;
                    wire = pending.next;
                    order.pause(wait).await?;
                }
                Err(fault) if is_answered => return Err(fault),
                Err(fault) => {
                    let wait = order.is_lost(fault)?;
                    order.pause(wait).await?;
                }
            }
        }
    }

    /// The request with a seed where the vendor would always draw the same without one, and with
    /// its mask marked as the vendor reads masks.
    pub(super) async fn ready_for(
        &self,
        offering: &Offering,
        mut request: ImageRequest,
    ) -> Result<ImageRequest, VendorFault> {
        let side = vendor_side(&offering.vendor)?;
        if request.seed.is_none() && side.needs_seed(offering) {
            request.seed = Some(drawn_seed());
        }
        let style = side.mask_style(offering);
        let (Some(mask), Some(over)) = (&request.mask, request.inputs.first()) else {
            return Ok(request);
        };
        if style == MaskStyle::Alpha {
            return Ok(request);
        }
        let redrawn = self.media.redraw_mask(mask.clone(), over.clone(), style).await;
        let inexpressible = |error: crate::media::MediaError| VendorFault::Inexpressible {
            parameter: "mask",
            why: super::refuse::chain(&error).into(),
        };
        request.mask = Some(redrawn.map_err(inexpressible)?);
        Ok(request)
    }
}

impl<'a> Order<'a> {
    const fn new(gateway: &'a Gateway, vendor: &'a Vendor, terms: Terms<'a>) -> Self {
        Self {
            gateway,
            vendor,
            terms,
            steps: 0,
            polls: 0,
            lost: 0,
            wait: None,
            may_ask_again: false,
            taken_back: false,
            cancel: None,
            cost: None,
        }
    }

    fn step(&mut self, next: &WireRequest) -> Result<(), VendorFault> {
        self.may_ask_again &= next.method == http::Method::GET;
        self.steps += 1;
        if self.steps < STEPS_MAX { Ok(()) } else { Err(VendorFault::TimedOut) }
    }

    /// The wait before the next question.
    fn is_pending(&mut self, pending: &Pending) -> Result<Duration, VendorFault> {
        self.may_ask_again = true;
        self.lost = 0;
        if !self.taken_back {
            self.cancel = pending.cancel.clone().or_else(|| self.cancel.take());
        }
        self.cost = pending.cost.or(self.cost);
        if let Some(placed) = self.terms.placed.filter(|_| self.cancel.is_some()) {
            placed.note();
        }
        self.polls += 1;
        if self.polls >= POLLS_MAX {
            return Err(VendorFault::TimedOut);
        }
        Ok(pending.wait.unwrap_or_else(|| self.next_wait()))
    }

    /// The wait before the same question again, where only the question came to nothing: it buys
    /// nothing, so it may be asked again, and what is drawn and billed is not given up for it.
    fn is_lost(&mut self, fault: VendorFault) -> Result<Duration, VendorFault> {
        self.lost += 1;
        if !self.may_ask_again || !fault.may_pass() {
            return Err(fault);
        }
        if self.lost > POLLS_LOST_MAX {
            // The order stands, so it may be served and billed without our knowing.
            let detail = format!("its questions came to nothing, the last one because {fault}");
            return Err(VendorFault::Cut { detail });
        }
        if let VendorFault::Busy { retry_after: Some(wait) } = fault {
            return Ok(wait);
        }
        Ok(self.next_wait())
    }

    /// For a job: what it takes to go on asking is on disk before it is needed.
    async fn write_down(&self, offering: &str, pending: &Pending) {
        let Terms { errand: Some(errand), account, call, .. } = self.terms else { return };
        let stands =
            Pending { cancel: self.cancel.clone(), cost: self.cost, wait: None, ..pending.clone() };
        errand.is_placed(kept(offering, (account, call), &stands)).await;
    }

    fn is_unwanted(&self) -> bool {
        !self.taken_back && self.terms.errand.is_some_and(Errand::is_unwanted)
    }

    /// Waits; shorter when the job turns out to be wanted no more, and the order is taken back.
    async fn pause(&mut self, wait: Duration) -> Result<(), VendorFault> {
        match self.terms.errand.filter(|_| !self.taken_back) {
            None => pause(wait, self.terms.deadline).await?,
            Some(errand) => tokio::select! {
                paused = pause(wait, self.terms.deadline) => paused?,
                () = errand.unwanted() => {}
            },
        }
        if self.is_unwanted() {
            Box::pin(self.take_back()).await;
        }
        Ok(())
    }

    /// Tells the vendor, where it can be told, and goes on asking for a while: what it says then is
    /// what becomes of the order.
    async fn take_back(&mut self) {
        self.taken_back = true;
        let Some(cancel) = self.cancel.take() else { return };
        let (upstream, account) = (&self.gateway.upstream, self.terms.account);
        let deadline = Instant::now() + CANCEL_TIMEOUT;
        let told = upstream.call(self.vendor, account, &cancel, deadline).await;
        let status = told.map_or(0, |reply| reply.status);
        tracing::info!(vendor = self.vendor.name, status, "an order was taken back");
        self.terms.deadline = self.terms.deadline.min(Instant::now() + TAKEN_BACK_TIMEOUT);
    }

    fn next_wait(&mut self) -> Duration {
        let wait = self.wait.map_or(WAIT_FIRST, longer);
        self.wait = Some(wait);
        wait
    }
}

impl Drop for Order<'_> {
    fn drop(&mut self) {
        // Nobody waits for the order any more.
        let Some(cancel) = self.cancel.take() else { return };
        self.gateway.call_off(self.vendor.clone(), self.terms.account, cancel);
    }
}

/// A seed of 29 bits: within the range of every vendor that needs one.
fn drawn_seed() -> i64 {
    i64::try_from(crate::id::random_number() >> 35).unwrap_or_default()
}

fn longer(wait: Duration) -> Duration {
    (wait * 3 / 2).min(WAIT_MAX)
}

async fn pause(wait: Duration, deadline: Instant) -> Result<(), VendorFault> {
    let pause = tokio::time::timeout_at(deadline, tokio::time::sleep(wait)).await;
    pause.map_err(|_| VendorFault::TimedOut)
}

pub(super) fn no_picture() -> VendorFault {
    VendorFault::Garbled { detail: "it answered without a picture".to_owned() }
}

fn vendor_side(vendor: &Vendor) -> Result<&'static dyn VendorSide, VendorFault> {
    dialect::by_name(vendor.dialect).and_then(|dialect| dialect.vendor).ok_or_else(|| {
        VendorFault::Rejected { detail: "its dialect has no vendor side".to_owned() }
    })
}
