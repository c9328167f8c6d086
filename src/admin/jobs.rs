//! Jobs of every workspace: listed, looked at, ended. Never with their prompts.

use serde_json::{Value, json};

use crate::job::{Job, Outcome, State};
use crate::store::{Deed, JobLine, Page};

use super::answer::{Answer, Listed, moment, number, with};
use super::refused::{self, Refused};
use super::{Admin, Call};

impl Admin {
    pub(super) async fn jobs(&self, call: &Call) -> Result<Answer, Refused> {
        let limit = call.query.limit()?;
        let state = call.query.filter("state").map(|name| {
            let unknown = || refused::bad_query(format!("there is no state `{name}`"));
            State::named(&name).ok_or_else(unknown)
        });
        let state = state.transpose()?.map(State::name);
        let page = Page { after: number(&call.query)?, limit: limit.saturating_add(1) };
        let whose = (call.query.filter("workspace"), state);
        let found = self.gateway.store.job_page(page, whose).await?;
        let place = |line: &JobLine| line.seq.to_string();
        Ok(Listed::of(found, limit, place, |line| shown(&line.job, call)).answer())
    }

    pub(super) async fn job(&self, call: &Call) -> Result<Answer, Refused> {
        let job = self.gateway.store.job(&call.name).await?;
        let job = job.ok_or_else(|| refused::unknown("job", &call.name))?;
        Ok(Answer::ok(&shown(&job, call)))
    }

    pub(super) async fn cancel_job(&self, call: &Call) -> Result<Answer, Refused> {
        let store = &self.gateway.store;
        let unknown = || refused::unknown("job", &call.name);
        let job = store.job(&call.name).await?.ok_or_else(unknown)?;
        if job.state.is_end() {
            let message = format!("job `{}` has ended: it is {}", job.id, job.state.name());
            return Err(refused::conflict(message, "there is nothing to cancel"));
        }
        let deed = Deed::new("job.cancel", job.id.as_str())
            .of(job.workspace.as_str())
            .was(json!({ "state": job.state.name() }))
            .became(json!({ "unwanted": true }));
        store.note_deed(call.actor(), deed).await?;
        let job = self.gateway.cancel_job_of_anyone(&call.name).await?;
        Ok(Answer::json(202, &shown(&job.ok_or_else(unknown)?, call)))
    }
}

/// A job, with its amounts for whoever may be shown some.
fn shown(job: &Job, call: &Call) -> Value {
    let (charged, images, failure) = match &job.outcome {
        Some(Outcome::Completed(done)) => (Some(done.charged), done.pictures.len(), None),
        Some(Outcome::Failed(failure)) => (None, 0, Some(failure.code.clone())),
        Some(Outcome::Cancelled) | None => (None, 0, None),
    };
    let shown = json!({
        "id": job.id,
        "workspace": job.workspace,
        "key": job.key,
        "test": job.test,
        "request": job.request,
        "hold": job.hold,
        "dialect": job.dialect,
        "operation": job.operation,
        "model": job.model,
        "state": job.state.name(),
        "unwanted": job.unwanted,
        "orders": job.orders.len(),
        "images": images,
        "failure": failure,
        "created_at": moment(job.created_at_ms),
        "updated_at": moment(job.updated_at_ms),
        "ends_by": moment(job.ends_by_ms),
    });
    let amounts = || [("quote", json!(job.quote)), ("charged", json!(charged))];
    with(shown, call.sees_money().then(amounts).into_iter().flatten())
}
