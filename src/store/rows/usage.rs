//! A receipt as a row of the usage table.

use crate::canonical::Quality;
use crate::id::HoldId;
use crate::receipt::Receipt;

use super::super::cells::{Kind, Value, json};
use super::super::error::StoreError;
use super::super::shape::{RowSet, Shape, Way};

static USAGE: Shape = Shape::new(
    "usage",
    &[
        ("request", Kind::Text),
        ("at_ms", Kind::Number),
        ("workspace", Kind::Text),
        ("key", Kind::Text),
        ("plan", Kind::Text),
        ("test", Kind::Flag),
        ("dialect", Kind::Text),
        ("operation", Kind::Text),
        ("model", Kind::Text),
        ("vendor", Kind::Text),
        ("offering", Kind::Text),
        ("images_asked", Kind::Number),
        ("images", Kind::Number),
        ("size", Kind::Text),
        ("quality", Kind::Text),
        ("hold", Kind::Text),
        ("charged_nanos", Kind::Number),
        ("cost_nanos", Kind::Number),
        ("attempts", Kind::Number),
        ("outcome", Kind::Text),
        ("status", Kind::Number),
        ("total_us", Kind::Number),
        ("vendor_us", Kind::Number),
        ("store_us", Kind::Number),
        ("answer_bytes", Kind::Number),
        ("policy_version", Kind::Text),
        ("outcome_unknown", Kind::Flag),
        ("labels", Kind::Text),
        ("pixels_asked", Kind::Number),
        ("price_version", Kind::Text),
        ("cost_version", Kind::Text),
        ("sketch", Kind::Text),
    ],
    Way::Insert { conflict: "" },
);

/// The usage rows of these receipts.
pub(super) fn set(receipts: &[Receipt]) -> Result<RowSet<'_>, StoreError> {
    let rows: Result<_, StoreError> = receipts.iter().map(row).collect();
    Ok(RowSet::new(&USAGE, rows?))
}

fn row(receipt: &Receipt) -> Result<Vec<Value<'_>>, StoreError> {
    let caller = receipt.caller.as_ref();
    Ok(vec![
        receipt.request_id.as_str().into(),
        receipt.unix_ms.into(),
        caller.map(|caller| caller.workspace.as_str()).into(),
        caller.map(|caller| caller.key.as_str()).into(),
        caller.map(|caller| caller.plan.as_str()).into(),
        caller.is_some_and(|caller| caller.test).into(),
        receipt.dialect.into(),
        receipt.operation.into(),
        receipt.model.as_deref().into(),
        receipt.vendor.as_deref().into(),
        receipt.offering.as_deref().into(),
        receipt.images_asked.into(),
        receipt.images.into(),
        receipt.size.map(|size| size.to_string()).into(),
        receipt.quality.map(Quality::name).into(),
        receipt.hold.as_ref().map(HoldId::as_str).into(),
        receipt.charged.into(),
        receipt.cost.nanos().into(),
        receipt.attempts.into(),
        receipt.outcome().into(),
        receipt.status.into(),
        receipt.total_us.into(),
        receipt.vendor_us.into(),
        receipt.store_us.into(),
        receipt.answer_bytes.into(),
        (&*receipt.policy_version).into(),
        receipt.outcome_unknown.into(),
        json(&receipt.labels)?,
        receipt.pixels_asked.into(),
        receipt.price_version.as_deref().into(),
        receipt.cost_version.as_deref().into(),
        receipt.sketch.as_deref().map(json).transpose()?.into(),
    ])
}
