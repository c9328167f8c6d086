//! One candidate after another, within the deadline.

use std::sync::Arc;

use tokio::time::Instant;

use crate::canonical::{Change, ImageResponse};
use crate::catalog::{AfterUnknown, Vendor};
use crate::credits::Cost;
use crate::fault::{Next, VendorFault};
use crate::id::RequestId;
use crate::receipt::Receipt;
use crate::routing::Candidate;
use crate::trail::Trail;

use super::exchange::Terms;
use super::hedge::Placed;
use super::job::Errand;
use super::live::Live;
use super::note::note_away;
use super::{Gateway, Visit, Work, follow};

/// Candidates that one request may go through.
const ATTEMPTS_MAX: usize = 4;

/// Accounts at one vendor that one request may go through.
const ACCOUNTS_TRIED_MAX: usize = 4;

/// Pictures, and the candidate that drew them.
pub(super) struct Delivery {
    pub(super) response: ImageResponse,
    pub(super) candidate: Candidate,
    pub(super) changes: Vec<Change>,
    /// What it cost us; `None` where neither the vendor nor policy has a word for it.
    pub(super) cost: Option<Cost>,
}

/// What the tries of one candidate leave in the receipt.
#[derive(Debug, Default)]
pub(super) struct Trace {
    offering: Option<String>,
    vendor: Option<String>,
    /// Calls that were made, or are about to be.
    pub(super) calls: u32,
    /// What it costs us, by this version of its book.
    cost_version: Option<Arc<str>>,
    /// What was billed where nothing was delivered: for content that the vendor refused, for what
    /// lost a hedge and was drawn all the same.
    pub(super) billed: Cost,
    /// Microseconds that the vendor took.
    pub(super) vendor_us: u64,
    /// Whether it may have drawn and billed without our knowing.
    pub(super) outcome_unknown: bool,
}

/// How often one candidate may still be tried.
struct Tries {
    /// The same once more: nothing was sent, or policy would have it so.
    once_more: bool,
    /// Accounts of ours that were not tried yet, as far as one request goes through them.
    accounts: usize,
}

/// What one candidate came to. No fault when it rests after all.
pub(super) type Tried = Result<Delivery, Option<VendorFault>>;

/// What is attempted, for whom, until when.
#[derive(Clone, Copy)]
pub(super) struct Attempt<'a> {
    pub(super) request_id: &'a RequestId,
    pub(super) trail: &'a Trail,
    pub(super) work: &'a Work,
    pub(super) deadline: Instant,
    /// Where previews go.
    pub(super) live: Option<&'a Live>,
    /// The job that it is for.
    pub(super) errand: Option<&'a Errand>,
}

impl Trace {
    /// That of a candidate which is asked after again.
    pub(super) fn of(candidate: &Candidate) -> Self {
        let offering = &candidate.offering;
        let (name, vendor) = (offering.name.clone(), offering.vendor.name.clone());
        let cost_version = Some(Arc::clone(&candidate.tariff.version));
        Self { offering: Some(name), vendor: Some(vendor), cost_version, ..Self::default() }
    }

    /// Writes it down; what served last is what the receipt names.
    pub(super) fn tell(self, receipt: &mut Receipt) {
        receipt.attempts = receipt.attempts.saturating_add(self.calls);
        receipt.vendor_us = receipt.vendor_us.saturating_add(self.vendor_us);
        receipt.outcome_unknown |= self.outcome_unknown;
        receipt.cost = receipt.cost.plus(self.billed).unwrap_or(receipt.cost);
        if self.offering.is_some() {
            receipt.offering = self.offering;
            receipt.vendor = self.vendor;
            receipt.cost_version = self.cost_version;
        }
    }
}

impl Gateway {
    /// Asks candidates in their order until one draws, or until asking another cannot help.
    pub(super) async fn attempt_each(
        &self,
        visit: &mut Visit,
        work: &Work,
        (deadline, live): (Instant, Option<&Live>),
    ) -> Result<Delivery, VendorFault> {
        let request_id = visit.receipt.request_id.clone();
        let errand = visit.errand.clone();
        let errand = errand.as_deref();
        let trail = &visit.receipt.trail.clone();
        let attempt = Attempt { request_id: &request_id, trail, work, deadline, live, errand };
        let mut last = VendorFault::Unreachable { detail: "no candidate was tried".to_owned() };
        let mut left = work.candidates.get(..ATTEMPTS_MAX).unwrap_or(&work.candidates);
        while let Some((first, rest)) = left.split_first() {
            let beside = rest.first().filter(|other| attempt.may_hedge(first, other));
            let (tried, taken) = if let Some(other) = beside {
                Box::pin(self.attempt_beside(visit, attempt, [first, other])).await
            } else {
                let mut trace = Trace::default();
                let tried = self.attempt_one(attempt, first, None, &mut trace).await;
                trace.tell(&mut visit.receipt);
                (tried, 1)
            };
            match tried {
                Ok(delivery) => return Ok(delivery),
                Err(Some(fault)) if attempt.next(&fault) == Next::GiveUp => return Err(fault),
                Err(Some(fault)) => {
                    note_away(&mut visit.receipt, &first.offering.name);
                    last = fault;
                }
                // It rests after all; another request took its one trial.
                Err(None) => {}
            }
            if Instant::now() >= deadline {
                break;
            }
            left = left.get(taken..).unwrap_or_default();
        }
        Err(last)
    }

    /// One candidate, and once more where nothing had been sent or another account of ours may do
    /// better.
    pub(super) async fn attempt_one(
        &self,
        attempt: Attempt<'_>,
        candidate: &Candidate,
        placed: Option<&Placed>,
        trace: &mut Trace,
    ) -> Tried {
        let vendor = &candidate.offering.vendor;
        *trace = Trace::of(candidate);
        let (mut left, mut last) = (Tries::at(vendor), None);
        loop {
            if let Some(errand) = attempt.errand
                && !errand.may_begin().await
            {
                return Err(last);
            }
            let Some(trying) = self.health.begin(&candidate.offering.name, &*self.clock) else {
                return Err(last);
            };
            let in_time = || attempt.deadline.min(Instant::now() + vendor.timeout);
            // Our own pace may keep us from asking; that says nothing about the offering, and what it
            // takes is not the vendor's time.
            let account = self.upstream.account(vendor, candidate.calls, in_time()).await?;
            let deadline = in_time();
            trace.calls = trace.calls.saturating_add(candidate.calls);
            let Attempt { live, errand, trail, .. } = attempt;
            let asked = follow::ask(trail, &candidate.offering, candidate.calls);
            let carried = asked.carried.as_ref();
            let terms = Terms { account, deadline, placed, live, errand, trail, carried, call: 0 };
            let request = &attempt.work.request;
            let tried = self.fan_out(candidate, request, (trying, terms), trace).await;
            follow::came(trail, &asked, || follow::ended(&tried));
            let fault = match tried {
                Ok(delivery) => return Ok(delivery),
                Err(fault) => fault,
            };
            log_fault(attempt.request_id, candidate, &fault);
            let has_another = self.upstream.note_fault(vendor, account, &fault);
            let again = left.again(attempt.next(&fault), has_another);
            last = Some(fault);
            if !again {
                return Err(last);
            }
        }
    }
}

impl Tries {
    fn at(vendor: &Vendor) -> Self {
        let accounts = vendor.secrets.len().min(ACCOUNTS_TRIED_MAX);
        Self { once_more: true, accounts: accounts.saturating_sub(1) }
    }

    /// Whether there is one more try. Another account is for what the account was at fault in: what
    /// may have been drawn is bought once more at most, however many accounts there are.
    fn again(&mut self, next: Next, has_another: bool) -> bool {
        if next == Next::Retry {
            return std::mem::take(&mut self.once_more);
        }
        let again = has_another && self.accounts > 0;
        self.accounts = self.accounts.saturating_sub(1);
        again
    }
}

impl Attempt<'_> {
    /// What follows a fault, where policy has a word in it.
    pub(super) fn next(&self, fault: &VendorFault) -> Next {
        if !fault.outcome_unknown() {
            return fault.next();
        }
        match self.work.model.after_unknown {
            AfterUnknown::Failover => fault.next(),
            AfterUnknown::GiveUp => Next::GiveUp,
            AfterUnknown::Retry => Next::Retry,
        }
    }
}

fn log_fault(request_id: &RequestId, candidate: &Candidate, fault: &VendorFault) {
    tracing::warn!(
        %request_id,
        offering = candidate.offering.name,
        fault = fault.code(),
        detail = %fault,
        "an attempt failed"
    );
}
