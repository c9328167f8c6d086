//! Workspaces and keys as rows.

use std::sync::Arc;

use crate::auth::{KeyRecord, KeyStatus, Mode};
use crate::id::{KeyId, WorkspaceId};

use super::super::cells::{Cells, Kind, Query, Value, json};
use super::super::command::KeySummary;
use super::super::error::StoreError;
use super::super::registry::{StoredKey, Workspace};
use super::super::shape::{RowSet, Shape, Way};

pub(in super::super) const WORKSPACES: Query = Query::same("SELECT * FROM workspace");

pub(in super::super) const KEYS: Query = Query::same("SELECT * FROM key ORDER BY id");

static WORKSPACE: Shape = Shape::new(
    "workspace",
    &[
        ("id", Kind::Text),
        ("name", Kind::Text),
        ("suspended", Kind::Flag),
        ("created_at_ms", Kind::Number),
    ],
    Way::Insert { conflict: "ON CONFLICT (id) DO UPDATE SET suspended = excluded.suspended" },
);

static KEY: Shape = Shape::new(
    "key",
    &[
        ("id", Kind::Text),
        ("workspace", Kind::Text),
        ("digest", Kind::Bytes),
        ("scopes", Kind::Text),
        ("mode", Kind::Text),
        ("plan", Kind::Text),
        ("status", Kind::Text),
        ("expires_at_ms", Kind::Number),
        ("name", Kind::Text),
        ("created_at_ms", Kind::Number),
        ("joins_repeats", Kind::Flag),
    ],
    Way::Insert {
        conflict: "ON CONFLICT (id) DO UPDATE SET status = excluded.status,
                       expires_at_ms = excluded.expires_at_ms",
    },
);

static TOUCHED: Shape =
    Shape::new("key", &[("id", Kind::Text), ("last_used_at_ms", Kind::Number)], Way::Update);

pub(super) fn workspaces<'a>(workspaces: impl Iterator<Item = &'a Workspace>) -> RowSet<'a> {
    let rows = workspaces.map(|workspace| {
        vec![
            workspace.id.as_str().into(),
            Value::from(&workspace.name),
            workspace.suspended.into(),
            workspace.created_at_ms.into(),
        ]
    });
    RowSet::new(&WORKSPACE, rows.collect())
}

pub(super) fn keys<'a>(
    keys: impl Iterator<Item = &'a StoredKey>,
) -> Result<RowSet<'a>, StoreError> {
    let rows = keys.map(|key| {
        let record = &key.record;
        Ok(vec![
            record.id.as_str().into(),
            record.workspace.as_str().into(),
            (&record.digest).into(),
            json(&record.scopes)?,
            record.mode.name().into(),
            Value::from(&record.plan),
            record.status.name().into(),
            record.expires_at_ms.into(),
            Value::from(&record.name),
            key.created_at_ms.into(),
            record.joins_repeats.into(),
        ])
    });
    Ok(RowSet::new(&KEY, rows.collect::<Result<_, StoreError>>()?))
}

/// When keys were used last.
pub(super) fn touched(touched: &[(KeyId, i64)]) -> RowSet<'_> {
    let rows = touched.iter().map(|(key, at_ms)| vec![key.as_str().into(), (*at_ms).into()]);
    RowSet::new(&TOUCHED, rows.collect())
}

pub(in super::super) fn workspace(row: &dyn Cells) -> Result<Workspace, StoreError> {
    Ok(Workspace {
        id: WorkspaceId::known(&row.text("id")?),
        name: row.text("name")?,
        suspended: row.flag("suspended")?,
        created_at_ms: row.number("created_at_ms")?,
    })
}

pub(in super::super) fn key(row: &dyn Cells) -> Result<StoredKey, StoreError> {
    Ok(StoredKey {
        record: Arc::new(KeyRecord {
            id: KeyId::known(&row.text("id")?),
            workspace: WorkspaceId::known(&row.text("workspace")?),
            digest: row.digest("digest")?,
            scopes: row.json("scopes")?,
            mode: row.named("mode", Mode::named)?,
            plan: row.text("plan")?,
            status: row.named("status", KeyStatus::named)?,
            expires_at_ms: row.maybe_number("expires_at_ms")?,
            joins_repeats: row.flag("joins_repeats")?,
            name: row.text("name")?,
        }),
        created_at_ms: row.number("created_at_ms")?,
    })
}

/// A key as it is listed.
pub(in super::super) fn key_summary(row: &dyn Cells) -> Result<KeySummary, StoreError> {
    let StoredKey { record, created_at_ms } = key(row)?;
    let record = Arc::unwrap_or_clone(record);
    Ok(KeySummary {
        id: record.id,
        workspace: record.workspace,
        name: record.name,
        plan: record.plan,
        scopes: record.scopes,
        mode: record.mode,
        status: record.status,
        expires_at_ms: record.expires_at_ms,
        created_at_ms,
        last_used_at_ms: row.maybe_number("last_used_at_ms")?,
    })
}
