//! The keeper of one call that is passed through: a task of its own, which owns what was granted,
//! is told what the edge sees, and ends the hold once, whatever becomes of the client.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::canonical::{Refusal, RefusalKind};
use crate::catalog::Fare;
use crate::credits::Credits;
use crate::dialect;
use crate::fault::VendorFault;
use crate::id::HoldId;
use crate::receipt::Receipt;

use crate::trail::{Came, Step, Trying};
use crate::turnstile::Lease;

use super::super::follow::{self, enter};
use super::super::{Gateway, micros, refuse};

/// How long after the vendor's time is up the keeper still waits to be told of the end. Nothing is
/// passed on by then; what is left is a read or a write that has not noticed.
const LATE: Duration = Duration::from_secs(30);

/// How a call ended, as the edge saw it.
#[derive(Clone, Debug)]
pub enum Ended {
    /// The vendor's answer was passed on to its last byte.
    Passed,
    /// The client was no longer there.
    ClientLeft,
    /// We ended it: a bound was met, or we failed.
    Stopped(Box<Refusal>),
    /// The vendor did not answer, or not to the end.
    Fault(VendorFault),
}

/// What the edge has seen of a call.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// The vendor's status, once there is one.
    pub(super) status: Option<u16>,
    /// Whether the vendor was sent all of the request.
    pub(super) is_sent: bool,
    /// Bytes of the answer's body so far.
    pub(super) answer_bytes: u64,
    pub(super) ended: Option<Ended>,
}

/// What was granted to a call.
pub(super) struct Granted {
    pub(super) fare: Fare,
    pub(super) hold: HoldId,
    pub(super) lease: Lease,
    pub(super) receipt: Receipt,
    pub(super) asked: Trying,
    pub(super) began: Instant,
    pub(super) deadline: Instant,
}

/// What the attempt came to, where the vendor had a word in it.
fn came(seen: &Seen, reckoning: &Reckoning) -> Option<Came> {
    let fault = reckoning.fault.as_ref().map(follow::fault_of);
    fault.or_else(|| seen.status.map(Came::Status))
}

/// What follows from what was seen.
#[derive(Debug)]
struct Reckoning {
    is_paid: bool,
    /// What went wrong at the vendor, if it did.
    fault: Option<VendorFault>,
    /// The no of it, if it was one.
    refusal: Option<Refusal>,
    /// Whether the vendor may have billed what nobody pays for, or the other way round.
    outcome_unknown: bool,
}

impl Gateway {
    /// Waits for the end of a call, and ends its hold.
    pub(super) async fn keep(self: Arc<Self>, granted: Granted, mut told: watch::Receiver<Seen>) {
        let sent_on = Instant::now();
        let _watched = self.watch.request(&granted.receipt.request_id, granted.deadline + LATE);
        let ended = told.wait_for(|seen| seen.ended.is_some());
        let in_time = tokio::time::timeout_at(granted.deadline + LATE, ended).await.is_ok();
        let seen = told.borrow().clone();
        if seen.ended.is_none() {
            let request_id = granted.receipt.request_id.as_str();
            tracing::error!(request_id, in_time, "a call that was passed through has no end");
        }
        self.reckon(granted, seen, sent_on.elapsed()).await;
    }

    async fn reckon(&self, granted: Granted, seen: Seen, vendor_time: Duration) {
        let Granted { fare, hold, lease, mut receipt, asked, began, .. } = granted;
        let reckoning = reckon(&seen);
        if let Some(came) = came(&seen, &reckoning) {
            follow::came(&receipt.trail, &asked, || came);
        }
        enter(&receipt, if reckoning.is_paid { Step::Settle } else { Step::Void });
        if matches!(seen.ended, Some(Ended::ClientLeft)) {
            self.telemetry.metrics().clients_gone.inc();
        }
        let vendor = receipt.vendor.clone().unwrap_or_default();
        if seen.status.is_some() || reckoning.fault.is_some() {
            let seconds = vendor_time.as_secs_f64();
            let fault = reckoning.fault.as_ref();
            self.telemetry.attempt(&vendor, seconds, fault, &receipt.trail);
            receipt.attempts = 1;
        } else if reckoning.outcome_unknown {
            self.telemetry.metrics().outcomes_unknown.with_label_values(&[&vendor]).inc();
            receipt.attempts = 1;
        }
        receipt.vendor_us = micros(vendor_time);
        receipt.outcome_unknown = reckoning.outcome_unknown;
        receipt.answer_bytes = seen.answer_bytes;
        receipt.refusal = reckoning.refusal.as_ref().map(|refusal| refusal.kind);
        let of_refusal = receipt.refusal.map(RefusalKind::status);
        receipt.status = seen.status.or(of_refusal).unwrap_or_default();
        receipt.total_us = micros(began.elapsed());
        let mut said = reckoning.refusal.map(|refusal| refusal.message);
        if reckoning.is_paid {
            receipt.cost = fare.cost;
            said = self.settle_passage(hold, &fare, &mut receipt).await.or(said);
        } else {
            self.give_back(hold, &mut receipt).await;
        }
        drop(lease);
        receipt.total_us = micros(began.elapsed());
        self.telemetry.tell(&receipt, said.as_deref());
    }

    /// Takes the price. The answer is out already, so what cannot be written is told and lost.
    async fn settle_passage(
        &self,
        hold: HoldId,
        fare: &Fare,
        receipt: &mut Receipt,
    ) -> Option<Cow<'static, str>> {
        receipt.charged = fare.price;
        // What a free call asks after was paid for by another.
        receipt.images = u32::from(fare.price > Credits::ZERO);
        self.spent(&hold, fare.price);
        let began = Instant::now();
        let settled = self.store.settle(hold, fare.price, receipt.clone()).await;
        receipt.store_us += micros(began.elapsed());
        let error = settled.err()?;
        let refusal = refuse::store(&error, self.clock.now());
        self.telemetry.metrics().settlements_lost.inc();
        tracing::error!(
            request_id = %receipt.request_id,
            price = %fare.price,
            error = refuse::chain(&error),
            "an answer was passed on and cannot be charged"
        );
        receipt.charged = Credits::ZERO;
        receipt.refusal = Some(refusal.kind);
        Some(refusal.message)
    }
}

/// Who pays, and what it is called.
fn reckon(seen: &Seen) -> Reckoning {
    let is_answer = seen.status.is_some_and(|status| status < 400);
    // An answer that was under way when its end was lost counts as one that the client left.
    let lost = || if is_answer { Ended::ClientLeft } else { Ended::Fault(VendorFault::TimedOut) };
    let ended = seen.ended.clone().unwrap_or_else(lost);
    if let Ended::Fault(fault) = ended {
        let may_be_done = seen.is_sent || seen.ended.is_none();
        let outcome_unknown = is_answer || (fault.outcome_unknown() && may_be_done);
        return of_fault(fault, outcome_unknown);
    }
    if let Ended::Stopped(refusal) = &ended
        && refusal.kind == RefusalKind::Internal
    {
        return Reckoning { outcome_unknown: seen.is_sent, ..refused(*refusal.clone()) };
    }
    match seen.status {
        Some(status) if status < 400 => paid(false),
        Some(status) => {
            let fault = dialect::fault_of_status(status, "", None);
            let outcome_unknown = fault.outcome_unknown();
            of_fault(fault, outcome_unknown)
        }
        None => match ended {
            Ended::ClientLeft if seen.is_sent => paid(true),
            Ended::Stopped(refusal) => refused(*refusal),
            Ended::Passed | Ended::ClientLeft | Ended::Fault(_) => {
                refused(Refusal::new(RefusalKind::BadFraming, ENDED_EARLY))
            }
        },
    }
}

const ENDED_EARLY: &str = "the body ended before its end; send all of it";

const fn paid(outcome_unknown: bool) -> Reckoning {
    Reckoning { is_paid: true, fault: None, refusal: None, outcome_unknown }
}

fn of_fault(fault: VendorFault, outcome_unknown: bool) -> Reckoning {
    let refusal = Some(refused_by(&fault));
    Reckoning { is_paid: false, fault: Some(fault), refusal, outcome_unknown }
}

fn refused(refusal: Refusal) -> Reckoning {
    Reckoning { is_paid: false, fault: None, refusal: Some(refusal), outcome_unknown: false }
}

/// Our no when a vendor's fault stands in the way, or what to call the vendor's own.
pub fn refused_by(fault: &VendorFault) -> Refusal {
    let (kind, message) = match fault {
        // Nothing stood between the caller's words and the vendor's ears.
        VendorFault::Rejected { .. } => {
            (RefusalKind::BadRequest, "the vendor rejected the request; nothing was charged")
        }
        VendorFault::Denied { .. } => (
            RefusalKind::VendorFailed,
            "the vendor does not accept the gateway's account; nothing was charged, tell the operator",
        ),
        VendorFault::Garbled { .. } => (
            RefusalKind::VendorFailed,
            "the vendor's answer cannot be passed on; nothing was charged",
        ),
        VendorFault::Unreachable { .. } => (
            RefusalKind::VendorFailed,
            "the vendor cannot be reached; nothing was charged, try again",
        ),
        VendorFault::Broken { .. } | VendorFault::Cut { .. } => {
            (RefusalKind::VendorFailed, "the vendor failed; nothing was charged, try again")
        }
        VendorFault::Refused { .. }
        | VendorFault::Inexpressible { .. }
        | VendorFault::Busy { .. }
        | VendorFault::TimedOut => return refuse::fault(fault),
    };
    let retry_after = refuse::fault(fault).retry_after;
    Refusal { retry_after, ..Refusal::new(kind, message) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(status: u16, is_sent: bool, ended: Option<Ended>) -> (bool, &'static str, bool) {
        let status = (status > 0).then_some(status);
        let reckoning = reckon(&Seen { status, is_sent, answer_bytes: 0, ended });
        let outcome = reckoning.refusal.map_or("ok", |refusal| refusal.kind.code());
        (reckoning.is_paid, outcome, reckoning.outcome_unknown)
    }

    fn stopped() -> Ended {
        Ended::Stopped(Box::new(Refusal::new(RefusalKind::BodyTooLarge, "too large")))
    }

    fn cut() -> Ended {
        Ended::Fault(VendorFault::Cut { detail: String::new() })
    }

    #[test]
    fn an_answer_is_paid_for_unless_the_vendor_itself_cuts_it() {
        for status in [200, 202, 204, 302, 304] {
            assert_eq!(told(status, true, Some(Ended::Passed)), (true, "ok", false), "{status}");
        }
        assert_eq!(told(200, true, Some(Ended::ClientLeft)), (true, "ok", false));
        assert_eq!(told(200, true, Some(stopped())), (true, "ok", false));
        assert_eq!(told(200, true, None), (true, "ok", false));
        assert_eq!(told(200, true, Some(cut())), (false, "vendor_failed", true));
    }

    #[test]
    fn nobody_pays_for_our_own_failure() {
        let failed = Refusal::new(RefusalKind::Internal, "failed");
        let stopped = Some(Ended::Stopped(Box::new(failed)));
        assert_eq!(told(200, true, stopped.clone()), (false, "internal", true));
        assert_eq!(told(0, false, stopped), (false, "internal", false));
    }

    #[test]
    fn a_vendors_no_is_not_paid_for() {
        for (status, outcome, unknown) in [
            (400, "bad_request", false),
            (404, "bad_request", false),
            (403, "vendor_failed", false),
            (429, "none_available", false),
            (500, "vendor_failed", false),
            (504, "vendor_timed_out", true),
        ] {
            let passed = Some(Ended::Passed);
            assert_eq!(told(status, true, passed), (false, outcome, unknown), "{status}");
            assert!(!told(status, true, Some(Ended::ClientLeft)).0, "{status}");
        }
    }

    #[test]
    fn without_an_answer_only_who_leaves_after_asking_pays() {
        let left = Some(Ended::ClientLeft);
        assert_eq!(told(0, true, left.clone()), (true, "ok", true));
        assert_eq!(told(0, false, left), (false, "bad_framing", false));
        assert_eq!(told(0, false, Some(stopped())), (false, "body_too_large", false));
        assert_eq!(told(0, true, Some(cut())), (false, "vendor_failed", true));
        assert_eq!(told(0, false, Some(cut())), (false, "vendor_failed", false));
        let timed_out = Some(Ended::Fault(VendorFault::TimedOut));
        assert_eq!(told(0, true, timed_out), (false, "vendor_timed_out", true));
        assert_eq!(told(0, true, None), (false, "vendor_timed_out", true));
        let unreachable = VendorFault::Unreachable { detail: String::new() };
        assert_eq!(told(0, true, Some(Ended::Fault(unreachable))), (false, "vendor_failed", false));
    }
}
