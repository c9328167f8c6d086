//! What is noted in a receipt along the way.

use crate::auth::Caller;
use crate::canonical::ImageRequest;
use crate::receipt::{Receipt, ReceiptCaller};

use super::Delivered;

/// Notes what was asked.
pub(super) fn note_asked(receipt: &mut Receipt, asked: &ImageRequest) {
    receipt.operation = Some(asked.operation.name());
    receipt.images_asked = asked.count;
    receipt.quality = asked.quality;
}

/// Notes what was delivered, and what it cost us.
pub(super) fn note_delivered(receipt: &mut Receipt, delivered: &Delivered) {
    receipt.cost = delivered.cost;
    receipt.images = u32::try_from(delivered.response.images.len()).unwrap_or(u32::MAX);
    receipt.size = Some(delivered.size);
    receipt.status = 200;
}

/// Notes who asks.
pub(super) fn note_caller(receipt: &mut Receipt, caller: &Caller) {
    receipt.caller = Some(ReceiptCaller {
        workspace: caller.workspace().clone(),
        key: caller.key().clone(),
        plan: caller.plan().to_owned(),
        test: caller.is_test(),
    });
}
