//! What is told of budgets, as rows.

use crate::id::{KeyId, NoticeId, RequestId, WorkspaceId};
use crate::ledger::Alert;
use crate::notice::Verdict;

use super::super::alerts::{AlertTried, Untold};
use super::super::cells::{Cells, Kind, Query, Value};
use super::super::error::StoreError;
use super::super::notices::Tried;
use super::super::shape::{RowSet, Shape, Way};

/// What is still to be told, the oldest first. Of several nodes, the node `$1` takes over what those
/// that have not beaten for `$2` milliseconds were to tell.
pub(in super::super) const WAITING: Query = Query::each(
    "SELECT * FROM budget_alert WHERE state = 'waiting' ORDER BY seq",
    "UPDATE budget_alert SET run = $1 WHERE state = 'waiting'
         AND (run IS NULL OR run = $1 OR run NOT IN (SELECT run FROM node WHERE beat_at_ms >
             CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint) - $2::bigint))
     RETURNING *",
);

static ALERT: Shape = Shape::new(
    "budget_alert",
    &[
        ("id", Kind::Text),
        ("budget", Kind::Text),
        ("subject", Kind::Text),
        ("period", Kind::Number),
        ("percent", Kind::Number),
        ("limit_nanos", Kind::Number),
        ("spent_nanos", Kind::Number),
        ("request", Kind::Text),
        ("workspace", Kind::Text),
        ("key", Kind::Text),
        ("reached_at_ms", Kind::Number),
        ("at_ms", Kind::Number),
    ],
    Way::Insert { conflict: "ON CONFLICT (id) DO NOTHING" },
);

static SAID: Shape =
    Shape::new("budget_alert", &[("id", Kind::Text), ("said", Kind::Flag)], Way::Update);

static AGAIN: Shape = Shape::new(
    "budget_alert",
    &[("id", Kind::Text), ("at_ms", Kind::Number), ("tries", Kind::Number), ("answer", Kind::Text)],
    Way::Update,
);

static OVER: Shape = Shape::new(
    "budget_alert",
    &[
        ("id", Kind::Text),
        ("state", Kind::Text),
        ("why", Kind::Text),
        ("tries", Kind::Number),
        ("answer", Kind::Text),
    ],
    Way::Update,
);

/// The name of what is told: the same at every try.
pub(super) fn id(alert: &Alert) -> NoticeId {
    NoticeId::of_budget(&alert.subject, alert.period, alert.percent)
}

/// What is to be told from now on.
pub(super) fn opened(alerts: &[Alert]) -> RowSet<'_> {
    let rows = alerts.iter().map(|alert| {
        vec![
            id(alert).as_str().to_owned().into(),
            Value::from(&alert.budget),
            (&*alert.subject).into(),
            alert.period.into(),
            alert.percent.into(),
            alert.limit.into(),
            alert.spent.into(),
            alert.request.as_str().into(),
            alert.workspace.as_str().into(),
            alert.key.as_str().into(),
            alert.at_ms.into(),
            alert.at_ms.into(),
        ]
    });
    RowSet::new(&ALERT, rows.collect())
}

/// What became of them.
pub(super) fn tried(tried: &[AlertTried]) -> [RowSet<'_>; 3] {
    let (mut said, mut again, mut over) = (Vec::new(), Vec::new(), Vec::new());
    for one in tried {
        match one {
            AlertTried::Said(id) => said.push(vec![id.as_str().into(), true.into()]),
            AlertTried::Told(Tried { id, tries, answer, verdict }) => {
                let (id, answer) = (id.as_str(), answer.as_deref());
                match verdict {
                    Verdict::Again { at_ms } => {
                        again.push(vec![
                            id.into(),
                            (*at_ms).into(),
                            (*tries).into(),
                            answer.into(),
                        ]);
                    }
                    Verdict::Told | Verdict::Dead(_) => {
                        let (state, why) = match verdict {
                            Verdict::Dead(why) => ("dead", Some(why.name())),
                            Verdict::Told | Verdict::Again { .. } => ("told", None),
                        };
                        let row = [id.into(), state.into(), why.into(), (*tries).into()];
                        over.push(row.into_iter().chain([answer.into()]).collect());
                    }
                }
            }
        }
    }
    [RowSet::new(&SAID, said), RowSet::new(&AGAIN, again), RowSet::new(&OVER, over)]
}

/// What is to be told, as its row tells it.
pub(in super::super) fn untold(row: &dyn Cells) -> Result<Untold, StoreError> {
    Ok(Untold {
        id: NoticeId::known(&row.text("id")?),
        alert: Alert {
            budget: row.text("budget")?,
            subject: row.text("subject")?.into(),
            period: row.number("period")?,
            percent: row.small("percent")?,
            limit: row.count("limit_nanos")?,
            spent: row.count("spent_nanos")?,
            request: RequestId::known(&row.text("request")?),
            workspace: WorkspaceId::known(&row.text("workspace")?),
            key: KeyId::known(&row.text("key")?),
            at_ms: row.number("reached_at_ms")?,
        },
        is_said: row.flag("said")?,
        at_ms: row.number("at_ms")?,
        tries: row.small("tries")?,
    })
}
