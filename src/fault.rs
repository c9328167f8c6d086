//! What went wrong at a vendor, and what we do next: one table.

use std::borrow::Cow;
use std::time::Duration;

use thiserror::Error;

use crate::credits::Cost;

/// Why a vendor did not deliver. Messages are for our log; callers read a refusal.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum VendorFault {
    /// Too many calls, or overloaded: nothing was done.
    #[error("the vendor is busy")]
    Busy {
        /// How long the vendor asks us to wait.
        retry_after: Option<Duration>,
    },
    /// The vendor's filter said no to the content.
    #[error("the vendor refused the content: {reason}")]
    Refused {
        /// The vendor's word for why, without the prompt.
        reason: String,
        /// What it bills all the same.
        bill: Bill,
    },
    /// The vendor says that our request is wrong.
    #[error("the vendor rejected the request: {detail}")]
    Rejected {
        /// The vendor's own words, shortened.
        detail: String,
    },
    /// Its dialect has no words for a parameter, so nothing was sent.
    #[error("`{parameter}` cannot be said to the vendor: {why}")]
    Inexpressible {
        /// The canonical parameter.
        parameter: &'static str,
        /// What stands against it.
        why: Cow<'static, str>,
    },
    /// Our credential, quota or bill is not good there.
    #[error("the vendor denies us: {detail}")]
    Denied {
        /// The vendor's own words, shortened.
        detail: String,
    },
    /// An answer that is not what the dialect documents, or holds no picture.
    #[error("the vendor's answer makes no sense: {detail}")]
    Garbled {
        /// What was wrong with it.
        detail: String,
    },
    /// The vendor failed and says so.
    #[error("the vendor failed with status {status}")]
    Broken {
        /// The HTTP status.
        status: u16,
    },
    /// No answer in time: whether it was done is unknown.
    #[error("the vendor did not answer in time")]
    TimedOut,
    /// The connection ended after the request was sent: whether it was done is unknown.
    #[error("the vendor hung up before its answer was complete: {detail}")]
    Cut {
        /// What the connection said.
        detail: String,
    },
    /// No connection, so nothing was done.
    #[error("the vendor cannot be reached: {detail}")]
    Unreachable {
        /// What the connection said.
        detail: String,
    },
}

/// What a vendor bills for content that it refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bill {
    /// It does not say: policy does, by the offering's `refused`.
    #[default]
    Unsaid,
    /// Nothing, as it documents.
    Nothing,
    /// The pictures that it drew and keeps to itself.
    Drawn,
    /// So much, by its own word.
    Said(Cost),
}

/// What follows a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The same candidate once more, then the next.
    Retry,
    /// The next candidate.
    Failover,
    /// Nobody else: the answer would be the same, or a second picture might be bought.
    GiveUp,
}

impl VendorFault {
    /// Content that was refused by a vendor that does not say what it bills for that.
    pub const fn refused(reason: String) -> Self {
        Self::Refused { reason, bill: Bill::Unsaid }
    }

    /// The same fault, billed like this if it is a refusal that does not say otherwise.
    #[must_use]
    pub const fn billed(mut self, bill: Bill) -> Self {
        if let Self::Refused { bill: own @ (Bill::Unsaid | Bill::Drawn), .. } = &mut self {
            *own = bill;
        }
        self
    }

    /// What follows this fault.
    ///
    /// Content refusals give up, so that no prompt is shopped around. Where the vendor may have
    /// drawn and billed already, another vendor may serve the caller (who pays once), but the same
    /// vendor is never asked twice.
    pub const fn next(&self) -> Next {
        match self {
            Self::Refused { .. } => Next::GiveUp,
            Self::Unreachable { .. } => Next::Retry,
            Self::Busy { .. }
            | Self::Rejected { .. }
            | Self::Inexpressible { .. }
            | Self::Denied { .. }
            | Self::Garbled { .. }
            | Self::Broken { .. }
            | Self::TimedOut
            | Self::Cut { .. } => Next::Failover,
        }
    }

    /// Whether it, of two faults of one request, is the one that decides what follows.
    ///
    /// A refusal is never shopped around, whatever else went wrong beside it. Then comes what may
    /// have been drawn and billed, so that policy has its word in it.
    pub const fn is_graver_than(&self, other: &Self) -> bool {
        self.gravity() > other.gravity()
    }

    const fn gravity(&self) -> u8 {
        match self {
            Self::Refused { .. } => 2,
            Self::TimedOut | Self::Cut { .. } | Self::Garbled { .. } => 1,
            Self::Busy { .. }
            | Self::Rejected { .. }
            | Self::Inexpressible { .. }
            | Self::Denied { .. }
            | Self::Broken { .. }
            | Self::Unreachable { .. } => 0,
        }
    }

    /// Whether the vendor may have done the work and billed for it.
    pub const fn outcome_unknown(&self) -> bool {
        match self {
            Self::TimedOut | Self::Cut { .. } | Self::Garbled { .. } => true,
            Self::Busy { .. }
            | Self::Refused { .. }
            | Self::Rejected { .. }
            | Self::Inexpressible { .. }
            | Self::Denied { .. }
            | Self::Broken { .. }
            | Self::Unreachable { .. } => false,
        }
    }

    /// Whether a question that only reads may come to more when it is asked again.
    pub const fn may_pass(&self) -> bool {
        match self {
            Self::Busy { .. }
            | Self::Broken { .. }
            | Self::Cut { .. }
            | Self::Unreachable { .. } => true,
            Self::Refused { .. }
            | Self::Rejected { .. }
            | Self::Inexpressible { .. }
            | Self::Denied { .. }
            | Self::Garbled { .. }
            | Self::TimedOut => false,
        }
    }

    /// Whether it speaks against the offering's health. What the caller caused does not.
    pub const fn is_ill_health(&self) -> bool {
        match self {
            Self::Refused { .. } | Self::Rejected { .. } | Self::Inexpressible { .. } => false,
            Self::Busy { .. }
            | Self::Denied { .. }
            | Self::Garbled { .. }
            | Self::Broken { .. }
            | Self::TimedOut
            | Self::Cut { .. }
            | Self::Unreachable { .. } => true,
        }
    }

    /// One name for the log field and the metric label.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Busy { .. } => "busy",
            Self::Refused { .. } => "refused",
            Self::Rejected { .. } => "rejected",
            Self::Inexpressible { .. } => "inexpressible",
            Self::Denied { .. } => "denied",
            Self::Garbled { .. } => "garbled",
            Self::Broken { .. } => "broken",
            Self::TimedOut => "timed_out",
            Self::Cut { .. } => "cut",
            Self::Unreachable { .. } => "unreachable",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_refusal_is_never_shopped_around() {
        assert_eq!(VendorFault::refused("violence".into()).next(), Next::GiveUp);
    }

    #[test]
    fn of_two_faults_a_refusal_weighs_most_and_then_what_may_have_been_billed() {
        let refused = VendorFault::refused("violence".into());
        let cut = VendorFault::Cut { detail: String::new() };
        let (broken, busy) =
            (VendorFault::Broken { status: 500 }, VendorFault::Busy { retry_after: None });
        let in_order = [[&refused, &refused], [&cut, &VendorFault::TimedOut], [&broken, &busy]];
        for (nth, graver) in in_order.iter().enumerate() {
            let lesser = in_order.get(nth + 1..).unwrap_or_default();
            for one in graver {
                assert!(lesser.iter().flatten().all(|other| one.is_graver_than(other)), "{one}");
                assert!(!graver.iter().any(|other| one.is_graver_than(other)), "{one}");
            }
        }
    }

    #[test]
    fn a_vendor_that_may_have_billed_is_never_asked_again() {
        let faults = [
            VendorFault::TimedOut,
            VendorFault::Cut { detail: String::new() },
            VendorFault::Garbled { detail: String::new() },
        ];
        for fault in faults {
            assert!(fault.outcome_unknown());
            assert_ne!(fault.next(), Next::Retry, "{fault}");
        }
    }
}
