//! A receipt as a row of the usage table.

use std::sync::Arc;

use crate::canonical::Quality;
use crate::credits::Credits;
use crate::id::{HoldId, KeyId, WorkspaceId};
use crate::ledger::HoldAsk;
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

/// What is written of one request.
#[derive(Debug)]
pub(in super::super) struct UsageRow {
    pub(in super::super) receipt: Arc<Receipt>,
    /// What the ledger took, whatever the receipt says.
    pub(in super::super) charged: Credits,
    /// Whoever the ledger took it from.
    pub(in super::super) payer: Option<Payer>,
}

/// Whoever paid, and by which hold: the row names what the ledger knows, so that usage and ledger sum up alike.
#[derive(Debug)]
pub(in super::super) struct Payer {
    hold: HoldId,
    workspace: WorkspaceId,
    key: KeyId,
}

impl UsageRow {
    /// Of a request that was charged nothing.
    pub(in super::super) const fn of(receipt: Arc<Receipt>) -> Self {
        Self { receipt, charged: Credits::ZERO, payer: None }
    }
}

impl Payer {
    pub(in super::super) fn of(ask: &HoldAsk) -> Self {
        Self { hold: ask.hold.clone(), workspace: ask.workspace.clone(), key: ask.key.clone() }
    }
}

/// The usage rows as they are written.
pub(super) fn set(usage: &[UsageRow]) -> Result<RowSet<'_>, StoreError> {
    let rows: Result<_, StoreError> = usage.iter().map(row).collect();
    Ok(RowSet::new(&USAGE, rows?))
}

fn row(UsageRow { receipt, charged, payer }: &UsageRow) -> Result<Vec<Value<'_>>, StoreError> {
    let (caller, payer) = (receipt.caller.as_ref(), payer.as_ref());
    let paid = payer.map(|payer| (&payer.workspace, &payer.key));
    let asked = || caller.map(|caller| (&caller.workspace, &caller.key));
    let (workspace, key) = paid.or_else(asked).unzip();
    let hold = payer.map(|payer| &payer.hold).or(receipt.hold.as_ref());
    let plan = caller.map(|caller| caller.plan.as_str()).or_else(|| payer.map(|_| ""));
    Ok(vec![
        receipt.request_id.as_str().into(),
        receipt.unix_ms.into(),
        workspace.map(WorkspaceId::as_str).into(),
        key.map(KeyId::as_str).into(),
        plan.into(),
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
        hold.map(HoldId::as_str).into(),
        (*charged).into(),
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
