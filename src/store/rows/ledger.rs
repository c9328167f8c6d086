//! Entries, grants, holds and quotas as rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::credits::Credits;
use crate::id::{AdjustmentId, GrantId, HoldId, KeyId, RequestId, WorkspaceId};
use crate::ledger::{
    Balance, Ended, Ending, Entry, Grant, Held, Hold, HoldAsk, NewGrant, Pinned, QuotaAsk,
    QuotaUnit, QuotaUse, Weighed,
};

use super::super::cells::{Cells, Kind, Query, Value, json, unreadable};
use super::super::command::GrantSummary;
use super::super::error::StoreError;
use super::super::shape::{RowSet, Shape, Way};

/// The grants of a workspace with something left, in the order they are spent.
pub(in super::super) const GRANTS_LEFT: Query = Query::same(
    "SELECT * FROM \"grant\" WHERE workspace = $1 AND available_nanos + held_nanos > 0
     ORDER BY priority, coalesce(expires_at_ms, 9223372036854775807), promotional DESC,
              effective_at_ms, granted_at_ms, id",
);

/// An entry and its number.
pub(super) struct Numbered<'a>(pub(super) i64, pub(super) &'a Entry);

static ENTRY: Shape = Shape::new(
    "entry",
    &[
        ("seq", Kind::Number),
        ("workspace", Kind::Text),
        ("kind", Kind::Text),
        ("source", Kind::Text),
        ("target", Kind::Text),
        ("\"grant\"", Kind::Text),
        ("hold", Kind::Text),
        ("amount_nanos", Kind::Number),
        ("request", Kind::Text),
        ("key", Kind::Text),
        ("at_ms", Kind::Number),
        ("adjustment", Kind::Text),
    ],
    Way::Insert { conflict: "" },
);

static GRANT: Shape = Shape::new(
    "\"grant\"",
    &[
        ("id", Kind::Text),
        ("workspace", Kind::Text),
        ("amount_nanos", Kind::Number),
        ("source", Kind::Text),
        ("priority", Kind::Number),
        ("promotional", Kind::Flag),
        ("effective_at_ms", Kind::Number),
        ("expires_at_ms", Kind::Number),
        ("granted_at_ms", Kind::Number),
        ("available_nanos", Kind::Number),
        ("held_nanos", Kind::Number),
        ("spent_nanos", Kind::Number),
        ("expired_nanos", Kind::Number),
        ("memo", Kind::Text),
    ],
    Way::Insert {
        conflict: "ON CONFLICT (id) DO UPDATE SET available_nanos = excluded.available_nanos,
                       held_nanos = excluded.held_nanos, spent_nanos = excluded.spent_nanos,
                       expired_nanos = excluded.expired_nanos",
    },
);

static HOLD: Shape = Shape::new(
    "hold",
    &[
        ("id", Kind::Text),
        ("workspace", Kind::Text),
        ("key", Kind::Text),
        ("request", Kind::Text),
        ("amount_nanos", Kind::Number),
        ("opened_at_ms", Kind::Number),
        ("expires_at_ms", Kind::Number),
        ("policy_version", Kind::Text),
        ("pinned", Kind::Text),
        ("quotas", Kind::Text),
        ("remaining_nanos", Kind::Number),
        ("weighs", Kind::Text),
        ("price_version", Kind::Text),
        ("state", Kind::Text),
    ],
    Way::Insert { conflict: "" },
);

static HOLD_END: Shape = Shape::new(
    "hold",
    &[
        ("id", Kind::Text),
        ("state", Kind::Text),
        ("ended_at_ms", Kind::Number),
        ("charged_nanos", Kind::Number),
        ("images", Kind::Number),
        ("ended_remaining_nanos", Kind::Number),
    ],
    Way::Update,
);

static QUOTA: Shape = Shape::new(
    "quota",
    &[
        ("period", Kind::Number),
        ("subject", Kind::Text),
        ("unit", Kind::Text),
        ("used", Kind::Number),
        ("spent", Kind::Number),
        ("told", Kind::Number),
    ],
    Way::Insert {
        conflict: "ON CONFLICT (period, subject, unit) DO UPDATE SET used = excluded.used,
                       spent = excluded.spent, told = excluded.told",
    },
);

pub(super) fn entries<'a>(entries: impl Iterator<Item = Numbered<'a>>) -> RowSet<'a> {
    let rows = entries.map(|Numbered(seq, entry)| {
        vec![
            seq.into(),
            entry.workspace.as_str().into(),
            entry.kind.name().into(),
            entry.source.name().into(),
            entry.target.name().into(),
            entry.grant.as_str().into(),
            entry.hold.as_ref().map(HoldId::as_str).into(),
            entry.amount.into(),
            entry.request.as_ref().map(RequestId::as_str).into(),
            entry.key.as_ref().map(KeyId::as_str).into(),
            entry.at_ms.into(),
            entry.adjustment.as_ref().map(AdjustmentId::as_str).into(),
        ]
    });
    RowSet::new(&ENTRY, rows.collect())
}

pub(super) fn grants<'a>(grants: impl Iterator<Item = &'a Grant>) -> RowSet<'a> {
    let rows = grants.map(|grant| {
        let (new, balance) = (&grant.new, &grant.balance);
        vec![
            new.id.as_str().into(),
            new.workspace.as_str().into(),
            new.amount.into(),
            Value::from(&new.source),
            new.priority.into(),
            new.promotional.into(),
            new.effective_at_ms.into(),
            new.expires_at_ms.into(),
            grant.granted_at_ms.into(),
            balance.available.into(),
            balance.held.into(),
            balance.spent.into(),
            balance.expired.into(),
            Value::from(&new.memo),
        ]
    });
    RowSet::new(&GRANT, rows.collect())
}

/// Holds as they were opened.
pub(super) fn opened<'a>(holds: impl Iterator<Item = &'a Hold>) -> Result<RowSet<'a>, StoreError> {
    let rows = holds.map(|hold| {
        let ask = &hold.ask;
        let pinned: Vec<(&str, i64)> =
            hold.pinned.iter().map(|(grant, amount)| (grant.as_str(), amount.nanos())).collect();
        Ok(vec![
            ask.hold.as_str().into(),
            ask.workspace.as_str().into(),
            ask.key.as_str().into(),
            ask.request.as_str().into(),
            ask.amount.into(),
            hold.opened_at_ms.into(),
            ask.expires_at_ms.into(),
            (&*ask.policy_version).into(),
            json(&pinned)?,
            if ask.quotas.is_empty() { "".into() } else { json(&ask.quotas)? },
            hold.held.remaining.into(),
            json(&ask.weighs)?,
            ask.price_version.as_deref().into(),
            "open".into(),
        ])
    });
    Ok(RowSet::new(&HOLD, rows.collect::<Result<_, StoreError>>()?))
}

/// How holds ended.
pub(super) fn ended<'a>(holds: impl Iterator<Item = &'a Hold>) -> RowSet<'a> {
    let rows = holds.filter_map(|hold| {
        let Ended { way, at_ms, remaining } = hold.ended?;
        let (state, charged, images) = match way {
            Ending::Settled { price, images } => ("settled", Some(price), Some(images)),
            Ending::Voided => ("voided", None, None),
            Ending::Expired => ("expired", None, None),
        };
        Some(vec![
            hold.ask.hold.as_str().into(),
            state.into(),
            at_ms.into(),
            charged.into(),
            images.into(),
            remaining.into(),
        ])
    });
    RowSet::new(&HOLD_END, rows.collect())
}

pub(super) fn quotas(quotas: &BTreeMap<(i64, Arc<str>, QuotaUnit), QuotaUse>) -> RowSet<'_> {
    let rows = quotas.values().map(|quota| {
        let QuotaUse { subject, unit, period, used, spent, told } = quota;
        vec![
            (*period).into(),
            (&**subject).into(),
            unit.name().into(),
            (*used).into(),
            (*spent).into(),
            (*told).into(),
        ]
    });
    RowSet::new(&QUOTA, rows.collect())
}

pub(in super::super) fn grant(row: &dyn Cells) -> Result<Grant, StoreError> {
    let amount = row.nanos("amount_nanos")?;
    Ok(Grant {
        new: NewGrant {
            id: GrantId::known(&row.text("id")?),
            workspace: WorkspaceId::known(&row.text("workspace")?),
            amount,
            source: row.text("source")?,
            priority: row.small("priority")?,
            promotional: row.flag("promotional")?,
            effective_at_ms: row.number("effective_at_ms")?,
            expires_at_ms: row.maybe_number("expires_at_ms")?,
            memo: row.text("memo")?,
        },
        granted_at_ms: row.number("granted_at_ms")?,
        balance: Balance {
            granted: amount,
            available: row.nanos("available_nanos")?,
            held: row.nanos("held_nanos")?,
            spent: row.nanos("spent_nanos")?,
            expired: row.nanos("expired_nanos")?,
        },
    })
}

/// A grant as it is listed.
pub(in super::super) fn grant_left(row: &dyn Cells) -> Result<GrantSummary, StoreError> {
    let Grant { new, balance, .. } = grant(row)?;
    let left = balance.available.plus(balance.held);
    let left = left.map_err(|overflow| unreadable("held_nanos", overflow.to_string()))?;
    let NewGrant { id, amount, source, expires_at_ms, memo, .. } = new;
    Ok(GrantSummary { id, amount, left, source, expires_at_ms, memo })
}

pub(in super::super) fn hold(row: &dyn Cells) -> Result<Hold, StoreError> {
    let pinned: Vec<(String, i64)> = row.json("pinned")?;
    let quotas: Vec<QuotaAsk> =
        if row.text("quotas")?.is_empty() { Vec::new() } else { row.json("quotas")? };
    Ok(Hold {
        ask: HoldAsk {
            hold: HoldId::known(&row.text("id")?),
            workspace: WorkspaceId::known(&row.text("workspace")?),
            key: KeyId::known(&row.text("key")?),
            request: RequestId::known(&row.text("request")?),
            amount: row.nanos("amount_nanos")?,
            expires_at_ms: row.number("expires_at_ms")?,
            quotas,
            policy_version: row.text("policy_version")?.into(),
            weighs: match row.text("weighs")?.as_str() {
                "" => Weighed::default(),
                _ => row.json("weighs")?,
            },
            price_version: row.maybe_text("price_version")?.map(Into::into),
        },
        pinned: pinned
            .into_iter()
            .map(|(grant, amount)| (GrantId::known(&grant), Credits::from_nanos(amount)))
            .collect::<Pinned>(),
        held: Held { remaining: row.nanos("remaining_nanos")? },
        opened_at_ms: row.number("opened_at_ms")?,
        ended: end(row)?,
    })
}

fn end(row: &dyn Cells) -> Result<Option<Ended>, StoreError> {
    let way = match row.text("state")?.as_str() {
        "open" => return Ok(None),
        "settled" => {
            Ending::Settled { price: row.nanos("charged_nanos")?, images: row.small("images")? }
        }
        "voided" => Ending::Voided,
        "expired" => Ending::Expired,
        other => return Err(unreadable("state", format!("no hold is `{other}`"))),
    };
    Ok(Some(Ended {
        way,
        at_ms: row.number("ended_at_ms")?,
        remaining: row.nanos("ended_remaining_nanos")?,
    }))
}

pub(in super::super) fn quota(row: &dyn Cells) -> Result<QuotaUse, StoreError> {
    Ok(QuotaUse {
        subject: row.text("subject")?.into(),
        unit: row.named("unit", QuotaUnit::named)?,
        period: row.number("period")?,
        used: row.count("used")?,
        spent: row.count("spent")?,
        told: row.small("told")?,
    })
}
