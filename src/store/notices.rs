//! Notices in the store: each is written with the end of its job, and what becomes of it is durable
//! when answered.

use crate::id::NoticeId;
use crate::job::Job;
use crate::notice::{About, Answer, Lane, Notice, Verdict};
use crate::reach::Target;

use super::Store;
use super::ask::Ask;
use super::desk::Line;
use super::error::StoreError;
use super::jobs::JobAsk;
use super::rows::notices as rows;

/// What became of a notice.
#[derive(Clone, Debug)]
pub struct Tried {
    /// Its name.
    pub id: NoticeId,
    /// How often it was tried by now.
    pub tries: u32,
    /// What the receiver said last, in one word; `None` when nobody was asked.
    pub answer: Option<String>,
    /// What follows.
    pub verdict: Verdict,
}

impl Tried {
    /// The word for an answer: its status, or what went wrong.
    pub fn word(answer: Answer) -> String {
        match answer {
            Answer::Status { status, .. } => status.to_string(),
            Answer::TimedOut | Answer::Unreachable | Answer::Inside | Answer::Unsigned => {
                answer.name().to_owned()
            }
        }
    }
}

/// The notice of a job that has ended and whose app wants to be told.
pub fn notice_of(job: &Job) -> Option<Notice> {
    let address = job.webhook.as_deref().filter(|_| job.state.is_end())?;
    // It was read before the job was accepted, so it can be read again.
    let origin = Target::parse(address).map(|target| target.origin()).unwrap_or_default();
    Some(Notice {
        id: NoticeId::of(&job.id),
        about: About::Job(job.id.clone()),
        lane: Lane { workspace: job.workspace.clone(), origin },
        created_at_ms: job.updated_at_ms,
        at_ms: job.updated_at_ms,
        tries: 0,
    })
}

impl Store {
    /// Every notice that is not over and that is for this process to tell, the oldest first.
    pub async fn waiting_notices(&self) -> Result<Vec<Notice>, StoreError> {
        let run = if self.is_shared() { vec![self.run.into()] } else { Vec::new() };
        self.rows(Line::Looks, rows::WAITING, run, rows::notice).await
    }

    /// What became of a notice.
    pub async fn note_tried(&self, tried: Tried) -> Result<(), StoreError> {
        self.ask(|reply| Ask::Job(JobAsk::Tried(tried, reply))).await
    }
}
