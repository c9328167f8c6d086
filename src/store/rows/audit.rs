//! Admin tokens, drains and the audit log as rows.

use crate::auth::{Role, TokenRecord};
use crate::id::TokenId;

use super::super::cells::{Cells, Kind, Value};
use super::super::change::Drain;
use super::super::deed::Done;
use super::super::error::StoreError;
use super::super::shape::{RowSet, Shape, Way};

static TOKEN: Shape = Shape::new(
    "admin_token",
    &[
        ("id", Kind::Text),
        ("name", Kind::Text),
        ("role", Kind::Text),
        ("digest", Kind::Bytes),
        ("created_at_ms", Kind::Number),
        ("expires_at_ms", Kind::Number),
        ("revoked_at_ms", Kind::Number),
    ],
    Way::Insert {
        conflict: "ON CONFLICT (id) DO UPDATE SET revoked_at_ms = excluded.revoked_at_ms",
    },
);

static DRAIN: Shape = Shape::new(
    "drain",
    &[
        ("offering", Kind::Text),
        ("at_ms", Kind::Number),
        ("reason", Kind::Text),
        ("name", Kind::Text),
    ],
    Way::Insert { conflict: "ON CONFLICT (offering) DO NOTHING" },
);

static RESUME: Shape = Shape::new("drain", &[("offering", Kind::Text)], Way::Delete);

static AUDIT: Shape = Shape::new(
    "audit",
    &[
        ("at_ms", Kind::Number),
        ("token", Kind::Text),
        ("name", Kind::Text),
        ("role", Kind::Text),
        ("address", Kind::Text),
        ("request", Kind::Text),
        ("action", Kind::Text),
        ("subject", Kind::Text),
        ("workspace", Kind::Text),
        ("was", Kind::Text),
        ("became", Kind::Text),
    ],
    Way::Insert { conflict: "" },
);

/// What operators changed that is no workspace, key or grant, and who changed anything at all.
#[derive(Debug, Default)]
pub(in super::super) struct AuditRows {
    pub(in super::super) done: Vec<Done>,
    pub(in super::super) tokens: Vec<TokenRecord>,
    pub(in super::super) drains: Vec<Drain>,
    pub(in super::super) resumed: Vec<String>,
}

impl AuditRows {
    pub(in super::super) const fn is_empty(&self) -> bool {
        self.done.is_empty()
            && self.tokens.is_empty()
            && self.drains.is_empty()
            && self.resumed.is_empty()
    }

    pub(super) fn sets(&self) -> Vec<RowSet<'_>> {
        let resumed = self.resumed.iter().map(|offering| vec![Value::from(offering)]);
        let drains = self.drains.iter().map(|drain| {
            vec![
                Value::from(&drain.offering),
                drain.at_ms.into(),
                Value::from(&drain.reason),
                Value::from(&drain.name),
            ]
        });
        vec![
            RowSet::new(&TOKEN, self.tokens.iter().map(token_row).collect()),
            RowSet::new(&DRAIN, drains.collect()),
            RowSet::new(&RESUME, resumed.collect()),
            RowSet::new(&AUDIT, self.done.iter().map(done_row).collect()),
        ]
    }
}

fn token_row(token: &TokenRecord) -> Vec<Value<'_>> {
    vec![
        token.id.as_str().into(),
        Value::from(&token.name),
        token.role.name().into(),
        (&token.digest).into(),
        token.created_at_ms.into(),
        token.expires_at_ms.into(),
        token.revoked_at_ms.into(),
    ]
}

fn done_row(done: &Done) -> Vec<Value<'_>> {
    let (actor, deed) = (&done.actor, &done.deed);
    let text = |value: Option<String>| value.map_or(Value::Null, Value::from);
    vec![
        done.at_ms.into(),
        actor.token.as_ref().map(TokenId::as_str).into(),
        Value::from(&actor.name),
        actor.role.map(Role::name).into(),
        text(actor.address.map(|address| address.to_string())),
        actor.request.as_ref().map(crate::id::RequestId::as_str).into(),
        deed.action.into(),
        Value::from(&deed.subject),
        deed.workspace.as_ref().into(),
        text(deed.was.as_ref().map(ToString::to_string)),
        text(deed.became.as_ref().map(ToString::to_string)),
    ]
}

pub(in super::super) fn token(row: &dyn Cells) -> Result<TokenRecord, StoreError> {
    Ok(TokenRecord {
        id: TokenId::known(&row.text("id")?),
        name: row.text("name")?,
        role: row.named("role", Role::named)?,
        digest: row.digest("digest")?,
        created_at_ms: row.number("created_at_ms")?,
        expires_at_ms: row.maybe_number("expires_at_ms")?,
        revoked_at_ms: row.maybe_number("revoked_at_ms")?,
    })
}

pub(in super::super) fn drain(row: &dyn Cells) -> Result<Drain, StoreError> {
    Ok(Drain {
        offering: row.text("offering")?,
        at_ms: row.number("at_ms")?,
        reason: row.text("reason")?,
        name: row.text("name")?,
    })
}
