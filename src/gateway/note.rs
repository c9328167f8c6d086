//! What the parts of the path note on a receipt.

use crate::auth::Caller;
use crate::canonical::ImageRequest;
use crate::receipt::{Receipt, ReceiptCaller};

use super::{Delivered, delivered_size};

/// Notes what was asked.
pub(super) fn note_asked(receipt: &mut Receipt, asked: &ImageRequest) {
    receipt.operation = Some(asked.operation.name());
    receipt.images_asked = asked.count;
    receipt.quality = asked.quality;
}

/// Notes what was delivered.
pub(super) fn note_delivered(receipt: &mut Receipt, delivered: &Delivered) {
    receipt.images = u32::try_from(delivered.response.images.len()).unwrap_or(u32::MAX);
    receipt.size = Some(delivered_size(&delivered.candidate));
    receipt.status = 200;
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
