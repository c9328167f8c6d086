//! Pledges as rows: what one commit opens, ends and forgets of them, and how they are read back.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::id::{HoldId, KeyId, RequestId};
use crate::pledge::{Fingerprint, Gone, Pledge, Scope, State};

use super::super::answers::AnswerKept;
use super::super::cells::{Cells, Kind, Query, Value, unreadable};
use super::super::error::StoreError;
use super::super::shape::{RowSet, Shape, Way};

mod embedded;

/// What is known of a pledge beside its answer.
macro_rules! known {
    ($rest:literal) => {
        concat!(
            "SELECT scope, key, fingerprint, implied, hold, request, run, opened_at_ms, until_ms, \
             state, gone FROM pledge WHERE ",
            $rest
        )
    };
}

/// Every pledge whose hold is open.
pub(in super::super) const OPEN: Query = Query::same(known!("state = 'open'"));

/// What is known under a name.
pub(in super::super) const FIND: Query = Query::same(known!("scope = $1"));

/// The latest call of this key that did not name itself and asked this.
pub(in super::super) const FIND_IMPLIED: Query =
    Query::same(known!("implied AND key = $1 AND fingerprint = $2 ORDER BY seq DESC LIMIT 1"));

/// How many forgotten rows one commit removes at most.
const FORGOTTEN_MAX: u32 = 1_000;

static OPENED: Shape = Shape::new(
    "pledge",
    &[
        ("scope", Kind::Bytes),
        ("key", Kind::Text),
        ("fingerprint", Kind::Bytes),
        ("implied", Kind::Flag),
        ("hold", Kind::Text),
        ("request", Kind::Text),
        ("run", Kind::Number),
        ("opened_at_ms", Kind::Number),
        ("until_ms", Kind::Number),
        ("state", Kind::Text),
    ],
    Way::Insert { conflict: "" },
);

static DONE: Shape = Shape::new(
    "pledge",
    &[
        ("hold", Kind::Text),
        ("state", Kind::Text),
        ("until_ms", Kind::Number),
        ("gone", Kind::Text),
        ("bytes", Kind::Number),
        ("head", Kind::Text),
        ("digest", Kind::Bytes),
        ("body", Kind::Bytes),
    ],
    Way::Update,
);

/// Everything about pledges that waits for the commit, in its order.
#[derive(Debug, Default)]
pub(in super::super) struct PledgeRows {
    changes: Vec<Change>,
    /// Removes what is to be forgotten by then.
    pub(in super::super) forget_at_ms: Option<i64>,
}

#[derive(Debug)]
enum Change {
    /// Whatever was known under its name goes.
    Opened(Pledge),
    Done(Pledge, Option<Arc<AnswerKept>>),
    Freed(Scope, HoldId),
}

/// What a batch has made of a name.
#[derive(Debug)]
pub(in super::super) enum InBatch<'a> {
    /// Nothing: the tables know.
    Untouched,
    /// It is free.
    Freed,
    /// This is known under it.
    Named(&'a Pledge),
}

impl PledgeRows {
    pub(in super::super) const fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.forget_at_ms.is_none()
    }

    pub(in super::super) fn open(&mut self, pledge: Pledge) {
        self.changes.push(Change::Opened(pledge));
    }

    /// The pledge of this hold has ended: it is done, or its name is free.
    pub(in super::super) fn end(
        &mut self,
        (scope, hold): (Scope, HoldId),
        done: Option<Pledge>,
        kept: Option<Arc<AnswerKept>>,
    ) {
        self.changes.push(match done {
            Some(done) => Change::Done(done, kept),
            None => Change::Freed(scope, hold),
        });
    }

    /// What this batch has made of a name.
    pub(in super::super) fn find(&self, scope: &Scope) -> InBatch<'_> {
        let found = self.changes.iter().rev().find_map(|change| match change {
            Change::Opened(pledge) | Change::Done(pledge, _) => {
                (pledge.scope == *scope).then_some(InBatch::Named(pledge))
            }
            Change::Freed(freed, _) => (freed == scope).then_some(InBatch::Freed),
        });
        found.unwrap_or(InBatch::Untouched)
    }
}

/// Removes what is to be forgotten by `$1`, at most `$2` rows; answers go with them.
const FORGET: &str = "DELETE FROM pledge WHERE seq IN
     (SELECT seq FROM pledge WHERE state <> 'open' AND until_ms <= $1 LIMIT $2)";

static CLEARED: Shape = Shape::new("pledge", &[("scope", Kind::Bytes)], Way::Delete);

static FREED: Shape = Shape::new("pledge", &[("hold", Kind::Text)], Way::Delete);

impl PledgeRows {
    /// All changes as sets of rows, for a database that removes what belongs to a pledge itself.
    pub(in super::super) fn sets(&self) -> Vec<RowSet<'_>> {
        let scopes: BTreeSet<&Scope> = self.changes.iter().map(Change::scope).collect();
        if scopes.len() == self.changes.len() {
            // Each name is changed once, so that their order does not matter.
            return sets_of(self.changes.iter().collect());
        }
        self.changes.iter().flat_map(|change| sets_of(vec![change])).collect()
    }

    /// What [`FORGET`] is to be told, when anything is to be forgotten.
    pub(in super::super) fn forget(&self) -> Option<(&'static str, [Value<'static>; 2])> {
        let at_ms = self.forget_at_ms?;
        Some((FORGET, [at_ms.into(), FORGOTTEN_MAX.into()]))
    }
}

fn sets_of(changes: Vec<&Change>) -> Vec<RowSet<'_>> {
    let (mut cleared, mut opened, mut done, mut freed) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for change in changes {
        match change {
            Change::Opened(pledge) => {
                cleared.push(vec![Value::from(&pledge.scope.0)]);
                opened.push(opened_row(pledge));
            }
            Change::Done(pledge, kept) => done.extend(done_row(pledge, kept.as_deref())),
            Change::Freed(_, hold) => freed.push(vec![hold.as_str().into()]),
        }
    }
    let sets = [(&CLEARED, cleared), (&OPENED, opened), (&DONE, done), (&FREED, freed)];
    let sets = sets.into_iter().map(|(shape, rows)| RowSet::new(shape, rows));
    sets.filter(|set| !set.rows.is_empty()).collect()
}

impl Change {
    const fn scope(&self) -> &Scope {
        match self {
            Self::Opened(pledge) | Self::Done(pledge, _) => &pledge.scope,
            Self::Freed(scope, _) => scope,
        }
    }
}

fn opened_row(pledge: &Pledge) -> Vec<Value<'_>> {
    let (State::Open { until_ms } | State::Done { until_ms, .. }) = pledge.state;
    vec![
        (&pledge.scope.0).into(),
        pledge.key.as_str().into(),
        (&pledge.fingerprint.0).into(),
        pledge.is_implied.into(),
        pledge.hold.as_str().into(),
        pledge.request.as_str().into(),
        pledge.run.into(),
        pledge.opened_at_ms.into(),
        until_ms.into(),
        "open".into(),
    ]
}

/// `None` for a pledge that is not done.
fn done_row<'a>(pledge: &'a Pledge, kept: Option<&'a AnswerKept>) -> Option<Vec<Value<'a>>> {
    let State::Done { until_ms, gone } = pledge.state else { return None };
    let prepared = kept.and_then(|kept| kept.0.as_ref().ok()).filter(|_| gone.is_none());
    // A pledge that ended without anyone keeping its answer was served all the same.
    let gone = if prepared.is_none() { Some(gone.unwrap_or(Gone::Lost)) } else { None };
    Some(vec![
        pledge.hold.as_str().into(),
        if gone.is_none() { "kept" } else { "gone" }.into(),
        until_ms.into(),
        gone.map(Gone::name).into(),
        prepared.map_or(0, |prepared| prepared.bytes).into(),
        prepared.map(|prepared| &prepared.head).into(),
        prepared.map(|prepared| &prepared.digest).into(),
        prepared.and_then(|prepared| prepared.body.as_deref()).into(),
    ])
}

/// A pledge as its row tells it.
pub(in super::super) fn pledge(row: &dyn Cells) -> Result<Pledge, StoreError> {
    let until_ms = row.number("until_ms")?;
    let state = match row.text("state")?.as_str() {
        "open" => State::Open { until_ms },
        "kept" => State::Done { until_ms, gone: None },
        "gone" => State::Done { until_ms, gone: Some(row.named("gone", Gone::named)?) },
        other => return Err(unreadable("state", format!("no pledge is `{other}`"))),
    };
    Ok(Pledge {
        scope: Scope(row.digest("scope")?),
        key: KeyId::known(&row.text("key")?),
        fingerprint: Fingerprint(row.digest("fingerprint")?),
        is_implied: row.flag("implied")?,
        hold: HoldId::known(&row.text("hold")?),
        request: RequestId::known(&row.text("request")?),
        run: row.number("run")?,
        opened_at_ms: row.number("opened_at_ms")?,
        state,
    })
}
