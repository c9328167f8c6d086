//! From the tables back to values, when a store is opened or something forgotten is asked for.

use std::error::Error;

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row};

use crate::auth::{KeyRecord, KeyStatus, Mode};
use crate::clock::Now;
use crate::credits::Credits;
use crate::id::{GrantId, HoldId, JobId, KeyId, RequestId, WorkspaceId};
use crate::job::Job;
use crate::ledger::{
    Balance, Ended, Ending, Grant, Held, Hold, HoldAsk, Ledger, NewGrant, Pinned, QUOTA_DAYS_MAX,
    QuotaAsk, QuotaUnit, QuotaUse, Weighed,
};

use super::command::{GrantSummary, KeySummary};
use super::error::StoreError;
use super::registry::{Registry, StoredKey, Workspace};
use super::rows::jobs;

/// The ledger as the tables tell it: every grant, the open holds, the recent quotas.
pub(super) fn ledger(database: &Connection, now: Now) -> Result<Ledger, StoreError> {
    let grants = all(database, "SELECT * FROM \"grant\"", grant)?;
    let holds = all(database, "SELECT * FROM hold WHERE state = 'open'", hold)?;
    let oldest = now.utc_day().saturating_sub(QUOTA_DAYS_MAX);
    let recent = format!("SELECT * FROM quota WHERE period >= {oldest}");
    let quotas = all(database, &recent, quota)?;
    Ok(Ledger::restore(grants, holds, quotas)?)
}

/// Every workspace and every key.
pub(super) fn registry(database: &Connection) -> Result<Registry, StoreError> {
    let workspaces = all(database, "SELECT * FROM workspace", workspace)?;
    let keys = all(database, "SELECT * FROM key", key)?;
    Ok(Registry {
        workspaces: workspaces
            .into_iter()
            .map(|workspace| (workspace.id.clone(), workspace))
            .collect(),
        keys: keys.into_iter().map(|key| (key.record.id.clone(), key)).collect(),
    })
}

/// The grants of a workspace with something left, in the order they are spent.
pub(super) fn grants_left(
    database: &Connection,
    workspace: &WorkspaceId,
) -> Result<Vec<GrantSummary>, StoreError> {
    let mut query = database.prepare_cached(
        "SELECT * FROM \"grant\" WHERE workspace = ?1 AND available_nanos + held_nanos > 0
         ORDER BY priority, ifnull(expires_at_ms, 9223372036854775807), promotional DESC,
                  effective_at_ms, granted_at_ms, id",
    )?;
    let rows = query.query_map([workspace.as_str()], |row| {
        let Grant { new, balance, .. } = grant(row)?;
        let left = balance.available.plus(balance.held);
        let left = left.map_err(|overflow| unreadable(overflow.to_string()))?;
        let NewGrant { id, amount, source, expires_at_ms, .. } = new;
        Ok(GrantSummary { id, amount, left, source, expires_at_ms })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Every key as it is listed.
pub(super) fn key_summaries(database: &Connection) -> Result<Vec<KeySummary>, StoreError> {
    Ok(all(database, "SELECT * FROM key ORDER BY id", |row| {
        let StoredKey { record, created_at_ms } = key(row)?;
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
            last_used_at_ms: row.get("last_used_at_ms")?,
        })
    })?)
}

/// The number of the last entry.
pub(super) fn entry_seq(database: &Connection) -> rusqlite::Result<i64> {
    database.query_row("SELECT ifnull(max(seq), 0) FROM entry", [], |row| row.get(0))
}

/// A hold by its name, however long ago it ended.
pub(super) fn find_hold(database: &Connection, id: &HoldId) -> rusqlite::Result<Option<Hold>> {
    database
        .prepare_cached("SELECT * FROM hold WHERE id = ?1")?
        .query_row([id.as_str()], hold)
        .optional()
}

/// Every job that has not ended.
pub(super) fn open_jobs(database: &Connection) -> Result<Vec<Job>, StoreError> {
    Ok(all(database, "SELECT * FROM job WHERE forgotten_at_ms IS NULL", jobs::job)?)
}

/// A job by its name, ended or not.
pub(super) fn find_job(database: &Connection, id: &JobId) -> rusqlite::Result<Option<Job>> {
    database
        .prepare_cached("SELECT * FROM job WHERE id = ?1")?
        .query_row([id.as_str()], jobs::job)
        .optional()
}

fn all<T>(
    database: &Connection,
    query: &str,
    read: fn(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    database.prepare(query)?.query_map([], read)?.collect()
}

fn grant(row: &Row<'_>) -> rusqlite::Result<Grant> {
    let amount = nanos(row, "amount_nanos")?;
    Ok(Grant {
        new: NewGrant {
            id: GrantId::known(&text(row, "id")?),
            workspace: WorkspaceId::known(&text(row, "workspace")?),
            amount,
            source: row.get("source")?,
            priority: row.get("priority")?,
            promotional: row.get("promotional")?,
            effective_at_ms: row.get("effective_at_ms")?,
            expires_at_ms: row.get("expires_at_ms")?,
        },
        granted_at_ms: row.get("granted_at_ms")?,
        balance: Balance {
            granted: amount,
            available: nanos(row, "available_nanos")?,
            held: nanos(row, "held_nanos")?,
            spent: nanos(row, "spent_nanos")?,
            expired: nanos(row, "expired_nanos")?,
        },
    })
}

fn hold(row: &Row<'_>) -> rusqlite::Result<Hold> {
    let pinned: Vec<(String, i64)> = from_json(&text(row, "pinned")?)?;
    let quotas: Vec<QuotaAsk> = match text(row, "quotas")?.as_str() {
        "" => Vec::new(),
        quotas => from_json(quotas)?,
    };
    Ok(Hold {
        ask: HoldAsk {
            hold: HoldId::known(&text(row, "id")?),
            workspace: WorkspaceId::known(&text(row, "workspace")?),
            key: KeyId::known(&text(row, "key")?),
            request: RequestId::known(&text(row, "request")?),
            amount: nanos(row, "amount_nanos")?,
            expires_at_ms: row.get("expires_at_ms")?,
            quotas,
            policy_version: text(row, "policy_version")?.into(),
            weighs: match text(row, "weighs")?.as_str() {
                "" => Weighed::default(),
                weighs => from_json(weighs)?,
            },
            price_version: row.get::<_, Option<String>>("price_version")?.map(Into::into),
        },
        pinned: pinned
            .into_iter()
            .map(|(grant, amount)| (GrantId::known(&grant), Credits::from_nanos(amount)))
            .collect::<Pinned>(),
        held: Held { remaining: nanos(row, "remaining_nanos")? },
        opened_at_ms: row.get("opened_at_ms")?,
        ended: ended(row)?,
    })
}

fn ended(row: &Row<'_>) -> rusqlite::Result<Option<Ended>> {
    let way = match text(row, "state")?.as_str() {
        "open" => return Ok(None),
        "settled" => {
            Ending::Settled { price: nanos(row, "charged_nanos")?, images: row.get("images")? }
        }
        "voided" => Ending::Voided,
        "expired" => Ending::Expired,
        other => return Err(unreadable(format!("no hold is `{other}`"))),
    };
    Ok(Some(Ended {
        way,
        at_ms: row.get("ended_at_ms")?,
        remaining: nanos(row, "ended_remaining_nanos")?,
    }))
}

fn quota(row: &Row<'_>) -> rusqlite::Result<QuotaUse> {
    Ok(QuotaUse {
        subject: row.get::<_, String>("subject")?.into(),
        unit: named(row, "unit", QuotaUnit::named)?,
        period: row.get("period")?,
        used: row.get::<_, i64>("used")?.unsigned_abs(),
    })
}

fn workspace(row: &Row<'_>) -> rusqlite::Result<Workspace> {
    Ok(Workspace {
        id: WorkspaceId::known(&text(row, "id")?),
        name: row.get("name")?,
        suspended: row.get("suspended")?,
        created_at_ms: row.get("created_at_ms")?,
    })
}

fn key(row: &Row<'_>) -> rusqlite::Result<StoredKey> {
    Ok(StoredKey {
        record: KeyRecord {
            id: KeyId::known(&text(row, "id")?),
            workspace: WorkspaceId::known(&text(row, "workspace")?),
            digest: row.get("digest")?,
            scopes: from_json(&text(row, "scopes")?)?,
            mode: named(row, "mode", Mode::named)?,
            plan: row.get("plan")?,
            status: named(row, "status", KeyStatus::named)?,
            expires_at_ms: row.get("expires_at_ms")?,
            joins_repeats: row.get("joins_repeats")?,
            name: row.get("name")?,
        },
        created_at_ms: row.get("created_at_ms")?,
    })
}

fn text(row: &Row<'_>, column: &str) -> rusqlite::Result<String> {
    row.get(column)
}

fn nanos(row: &Row<'_>, column: &str) -> rusqlite::Result<Credits> {
    row.get(column).map(Credits::from_nanos)
}

fn named<T>(row: &Row<'_>, column: &str, read: fn(&str) -> Option<T>) -> rusqlite::Result<T> {
    let name = text(row, column)?;
    read(&name).ok_or_else(|| unreadable(format!("`{name}` is no {column}")))
}

fn from_json<T: serde::de::DeserializeOwned>(json: &str) -> rusqlite::Result<T> {
    serde_json::from_str(json).map_err(unreadable)
}

fn unreadable(why: impl Into<Box<dyn Error + Send + Sync>>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Text, why.into())
}
