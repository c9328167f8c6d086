//! What the parts of the path note on a receipt.

use crate::auth::Caller;
use crate::canonical::{Came, ImageRequest, Sketch};
use crate::clock::Now;
use crate::credits::Cost;
use crate::id::random_number;
use crate::receipt::{Receipt, ReceiptCaller};

use super::attempt::Delivery as Attempted;
use super::{Delivered, delivered_size};

/// Notes what was asked.
pub(super) fn note_asked(receipt: &mut Receipt, asked: &ImageRequest) {
    receipt.operation = Some(asked.operation.name());
    receipt.images_asked = asked.count;
    receipt.quality = asked.quality;
    let dice = random_number();
    receipt.sketch = Some(Box::new(Sketch { dice, ..Sketch::of(asked) }));
}

/// Notes when it was judged.
pub(super) fn note_judged(receipt: &mut Receipt, now: Now) {
    let waited_ms = now.unix_ms.saturating_sub(receipt.unix_ms).max(0);
    if let Some(sketch) = receipt.sketch.as_mut() {
        sketch.waited_ms = u32::try_from(waited_ms).unwrap_or(u32::MAX);
    }
}

/// Notes an offering that was asked and failed.
pub(super) fn note_away(receipt: &mut Receipt, offering: &str) {
    if let Some(sketch) = receipt.sketch.as_mut() {
        sketch.away.push(offering.to_owned());
    }
}

/// Notes what a vendor delivered and what else was booked beside its own cost.
pub(super) fn note_came(receipt: &mut Receipt, request: &ImageRequest, came: (&Attempted, Cost)) {
    let (Attempted { response, .. }, own) = came;
    let beside_nanos = receipt.cost.nanos().saturating_sub(own.nanos());
    let Some(sketch) = receipt.sketch.as_mut() else { return };
    if !request.inputs.is_empty() {
        let size = |picture| crate::media::probe(picture).map(|(_, size)| size);
        sketch.measure(request.inputs.iter().map(|input| size(&input.picture)));
    }
    sketch.came = Some(Came {
        count: u32::try_from(response.images.len()).unwrap_or(u32::MAX),
        quality: response.quality,
        usage: response.usage,
        cost_nanos: response.cost.map(Cost::nanos),
        beside_nanos,
    });
}

/// Notes what was delivered.
pub(super) fn note_delivered(receipt: &mut Receipt, delivered: &Delivered) {
    receipt.images = u32::try_from(delivered.response.images.len()).unwrap_or(u32::MAX);
    receipt.size = Some(delivered_size(&delivered.candidate));
    receipt.status = 200;
    receipt.trail.changed(delivered.changes.iter().map(|change| change.parameter.clone()));
}

/// Writes what was noted about a receipt by the parts of the path.
pub(super) fn note_caller(receipt: &mut Receipt, caller: &Caller) {
    receipt.caller = Some(ReceiptCaller {
        workspace: caller.workspace().clone(),
        key: caller.key().clone(),
        plan: caller.plan().to_owned(),
        test: caller.is_test(),
    });
}
