//! Adjustments as rows.

use crate::id::{AdjustmentId, GrantId, WorkspaceId};
use crate::ledger::NewAdjustment;

use super::super::cells::{Cells, Kind, Query, Value};
use super::super::error::StoreError;
use super::super::shape::{RowSet, Shape, Way};

pub(in super::super) const FIND: Query = Query::same("SELECT * FROM adjustment WHERE id = $1");

static ADJUSTMENT: Shape = Shape::new(
    "adjustment",
    &[
        ("id", Kind::Text),
        ("workspace", Kind::Text),
        ("\"grant\"", Kind::Text),
        ("amount_nanos", Kind::Number),
        ("memo", Kind::Text),
        ("at_ms", Kind::Number),
    ],
    Way::Insert { conflict: "" },
);

pub(super) fn made(made: &[(NewAdjustment, i64)]) -> RowSet<'_> {
    let rows = made.iter().map(|(new, at_ms)| {
        vec![
            new.id.as_str().into(),
            new.workspace.as_str().into(),
            new.grant.as_ref().map(GrantId::as_str).into(),
            new.amount.into(),
            Value::from(&new.memo),
            (*at_ms).into(),
        ]
    });
    RowSet::new(&ADJUSTMENT, rows.collect())
}

/// An adjustment as its row tells it.
pub(in super::super) fn adjustment(row: &dyn Cells) -> Result<NewAdjustment, StoreError> {
    Ok(NewAdjustment {
        id: AdjustmentId::known(&row.text("id")?),
        workspace: WorkspaceId::known(&row.text("workspace")?),
        grant: row.maybe_text("grant")?.map(|id| GrantId::known(&id)),
        amount: row.nanos("amount_nanos")?,
        memo: row.text("memo")?,
    })
}
