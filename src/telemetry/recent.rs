//! The last minutes, for looking at: how requests ended, and the last of those that were refused.
//!
//! A ring of short spans and a short list, both of fixed size, in this process alone. Without
//! prompts, without money. What is asked about longer ago is in the usage rows.

use std::collections::{BTreeMap, VecDeque};

use parking_lot::Mutex;

use crate::receipt::Receipt;

/// The length of one span.
pub const SPAN_MS: i64 = 5_000;

/// Spans that are remembered: fifteen minutes.
pub const SPANS_MAX: usize = 180;

/// Refusals that are remembered.
pub(super) const REFUSALS_MAX: usize = 100;

/// The longest message that is remembered, in characters.
const MESSAGE_CHARS_MAX: usize = 200;

/// What was answered lately.
#[derive(Debug, Default)]
pub struct Recent {
    spans: Mutex<VecDeque<Span>>,
    refusals: Mutex<VecDeque<Refused>>,
}

/// What was answered in one span of time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// When it begins, in milliseconds since the Unix epoch.
    pub begins_ms: i64,
    /// Requests by how they ended: `ok`, `cancelled`, or the code of the refusal. As many as there
    /// are codes at most.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// Pictures delivered.
    pub images: u64,
    /// From head to answer, of all requests together, in microseconds.
    pub total_us: u64,
    /// Of that, what vendors took.
    pub vendor_us: u64,
    /// The longest of all, in microseconds.
    pub longest_us: u64,
}

/// A request that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// When it came, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// Its name.
    pub request: String,
    /// The dialect that it was asked in; empty when none claimed the path.
    pub dialect: &'static str,
    /// Who would have paid.
    pub workspace: Option<String>,
    /// The key that asked.
    pub key: Option<String>,
    /// The public name of the model, once known to policy.
    pub model: Option<String>,
    /// The offering that was tried last.
    pub offering: Option<String>,
    /// The code.
    pub code: &'static str,
    /// Whose it is.
    pub blame: &'static str,
    /// The status.
    pub status: u16,
    /// The words, as the log has them.
    pub message: String,
}

impl Recent {
    /// One request more.
    pub(super) fn add(&self, receipt: &Receipt, message: Option<&str>) {
        let took_ms = i64::try_from(receipt.total_us / 1000).unwrap_or(i64::MAX);
        let ended_ms = receipt.unix_ms.saturating_add(took_ms);
        self.count(ended_ms.div_euclid(SPAN_MS).saturating_mul(SPAN_MS), receipt);
        if let Some(refused) = refused(receipt, message) {
            let mut refusals = self.refusals.lock();
            if refusals.len() >= REFUSALS_MAX {
                refusals.pop_front();
            }
            refusals.push_back(refused);
        }
    }

    fn count(&self, begins_ms: i64, receipt: &Receipt) {
        let mut spans = self.spans.lock();
        // Answers come nearly in order, so the place is nearly always the last.
        let place = spans.iter().rposition(|span| span.begins_ms <= begins_ms);
        let is_there =
            place.and_then(|at| spans.get(at)).is_some_and(|span| span.begins_ms == begins_ms);
        let place = if is_there {
            place.unwrap_or(0)
        } else {
            let at = place.map_or(0, |at| at.saturating_add(1));
            spans.insert(at, Span { begins_ms, ..Span::default() });
            at
        };
        if let Some(span) = spans.get_mut(place) {
            *span.outcomes.entry(receipt.outcome()).or_default() += 1;
            span.images = span.images.saturating_add(receipt.images.into());
            span.total_us = span.total_us.saturating_add(receipt.total_us);
            span.vendor_us = span.vendor_us.saturating_add(receipt.vendor_us);
            span.longest_us = span.longest_us.max(receipt.total_us);
        }
        while spans.len() > SPANS_MAX {
            spans.pop_front();
        }
    }

    /// The spans that began since then, the oldest first; those in which nothing was answered are
    /// not among them.
    pub fn spans(&self, since_ms: i64) -> Vec<Span> {
        let spans = self.spans.lock();
        spans.iter().filter(|span| span.begins_ms >= since_ms).cloned().collect()
    }

    /// The last refusals, the newest first.
    pub fn refusals(&self) -> Vec<Refused> {
        self.refusals.lock().iter().rev().cloned().collect()
    }
}

fn refused(receipt: &Receipt, message: Option<&str>) -> Option<Refused> {
    let kind = receipt.refusal?;
    let caller = receipt.caller.as_ref();
    Some(Refused {
        at_ms: receipt.unix_ms,
        request: receipt.request_id.to_string(),
        dialect: receipt.dialect,
        workspace: caller.map(|caller| caller.workspace.to_string()),
        key: caller.map(|caller| caller.key.to_string()),
        model: receipt.model.clone(),
        offering: receipt.offering.clone(),
        code: kind.code(),
        blame: kind.blame().name(),
        status: receipt.status,
        message: message.unwrap_or_default().chars().take(MESSAGE_CHARS_MAX).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::RefusalKind;
    use crate::id::RequestId;

    fn receipt(at_ms: i64, refusal: Option<RefusalKind>) -> Receipt {
        let mut receipt = Receipt::begin(RequestId::known("req_1"), at_ms, "v1".into());
        receipt.refusal = refusal;
        receipt.total_us = 1_000;
        receipt
    }

    #[test]
    fn answers_are_counted_where_they_ended_whatever_their_order() {
        let recent = Recent::default();
        for at_ms in [12_000, 1_000, 11_000, 4_998, 4_999] {
            recent.add(&receipt(at_ms, None), None);
        }
        let counts: Vec<_> =
            recent.spans(0).iter().map(|span| (span.begins_ms, span.outcomes["ok"])).collect();
        assert_eq!(counts, [(0, 2), (5_000, 1), (10_000, 2)]);
        assert_eq!(recent.spans(10_000).len(), 1);
    }

    #[test]
    fn what_is_remembered_has_an_end() {
        let recent = Recent::default();
        for at in 0..1_000 {
            let refusal = Some(RefusalKind::UnknownPath);
            recent.add(&receipt(at * SPAN_MS, refusal), Some(&"x".repeat(1_000)));
        }
        assert_eq!(recent.spans(0).len(), SPANS_MAX);
        let refusals = recent.refusals();
        assert_eq!((refusals.len(), refusals[0].at_ms), (REFUSALS_MAX, 999 * SPAN_MS));
        assert_eq!(refusals[0].message.len(), MESSAGE_CHARS_MAX);
    }
}
