//! Notices as rows.

use crate::id::{JobId, NoticeId, WorkspaceId};
use crate::job::Job;
use crate::notice::{About, Lane, Notice, Verdict};

use super::super::cells::{Cells, Kind, Query, Value};
use super::super::error::StoreError;
use super::super::notices::{Tried, notice_of};
use super::super::shape::{RowSet, Shape, Way};

/// Every notice that is not over, the oldest first; of several nodes, those of jobs of the node `$1`.
pub(in super::super) const WAITING: Query = Query::each(
    "SELECT * FROM notice WHERE state = 'waiting' ORDER BY seq",
    "SELECT notice.* FROM notice JOIN job ON job.id = notice.job
     WHERE notice.state = 'waiting' AND job.run = $1 ORDER BY notice.seq",
);

static NOTICE: Shape = Shape::new(
    "notice",
    &[
        ("id", Kind::Text),
        ("job", Kind::Text),
        ("workspace", Kind::Text),
        ("origin", Kind::Text),
        ("created_at_ms", Kind::Number),
        ("at_ms", Kind::Number),
        ("tries", Kind::Number),
        ("state", Kind::Text),
    ],
    Way::Insert { conflict: "" },
);

/// One that is tried again; there is no row of what was forgotten meanwhile.
static AGAIN: Shape = Shape::new(
    "notice",
    &[("id", Kind::Text), ("at_ms", Kind::Number), ("tries", Kind::Number)],
    Way::Update,
);

static ANSWERED: Shape =
    Shape::new("notice", &[("id", Kind::Text), ("answer", Kind::Text)], Way::Update);

/// One that is over.
static OVER: Shape = Shape::new(
    "notice",
    &[("id", Kind::Text), ("state", Kind::Text), ("why", Kind::Text), ("tries", Kind::Number)],
    Way::Update,
);

/// Somebody is to be told, where a job has just ended and its app wants to be.
pub(super) fn opened<'a>(jobs: impl Iterator<Item = &'a Job>) -> RowSet<'a> {
    let rows = jobs.filter_map(notice_of).map(|notice| {
        vec![
            notice.id.as_str().to_owned().into(),
            notice.about.as_str().to_owned().into(),
            notice.lane.workspace.as_str().to_owned().into(),
            notice.lane.origin.into(),
            notice.created_at_ms.into(),
            notice.at_ms.into(),
            notice.tries.into(),
            "waiting".into(),
        ]
    });
    RowSet::new(&NOTICE, rows.collect())
}

/// What became of them. A notice is tried by one at a time, so that a commit has each but once.
pub(super) fn tried(tried: &[Tried]) -> [RowSet<'_>; 3] {
    let id = |tried: &'_ Tried| Value::from(tried.id.as_str().to_owned());
    let mut again = Vec::new();
    let mut over = Vec::new();
    for one in tried {
        match one.verdict {
            Verdict::Again { at_ms } => again.push(vec![id(one), at_ms.into(), one.tries.into()]),
            Verdict::Told => {
                over.push(vec![id(one), "told".into(), Value::Null, one.tries.into()]);
            }
            Verdict::Dead(why) => {
                over.push(vec![id(one), "dead".into(), why.name().into(), one.tries.into()]);
            }
        }
    }
    let answered = tried.iter().filter(|one| one.answer.is_some());
    let answered = answered.map(|one| vec![id(one), one.answer.as_deref().into()]);
    [
        RowSet::new(&AGAIN, again),
        RowSet::new(&OVER, over),
        RowSet::new(&ANSWERED, answered.collect()),
    ]
}

/// A notice as its row tells it.
pub(in super::super) fn notice(row: &dyn Cells) -> Result<Notice, StoreError> {
    Ok(Notice {
        id: NoticeId::known(&row.text("id")?),
        about: About::Job(JobId::known(&row.text("job")?)),
        lane: Lane {
            workspace: WorkspaceId::known(&row.text("workspace")?),
            origin: row.text("origin")?,
        },
        created_at_ms: row.number("created_at_ms")?,
        at_ms: row.number("at_ms")?,
        tries: row.small("tries")?,
    })
}
