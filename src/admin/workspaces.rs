//! Workspaces: who pays.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::id::WorkspaceId;
use crate::store::{Command, Outcome, Page, Workspace};

use super::answer::{Answer, Listed, moment, place};
use super::refused::{self, Refused};
use super::{Admin, Call};

/// Characters of a name that people give to something.
const NAME_CHARS_MAX: usize = 100;

/// A workspace to be made.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewWorkspace {
    name: String,
}

/// A name that people give to something.
pub(super) fn read_name(name: &str) -> Result<String, Refused> {
    let name = name.trim();
    let is_short = name.chars().count() <= NAME_CHARS_MAX && !name.chars().any(char::is_control);
    if is_short {
        Ok(name.to_owned())
    } else {
        let problem =
            format!("is longer than {NAME_CHARS_MAX} characters, or not all of them print");
        Err(refused::bad_field("name", &problem))
    }
}

impl Admin {
    pub(super) async fn workspaces(&self, call: &Call) -> Result<Answer, Refused> {
        let limit = call.query.limit()?;
        let page = Page { after: place(&call.query)?, limit: limit.saturating_add(1) };
        let found = self.gateway.store.workspaces(page).await?;
        let place = |workspace: &Workspace| workspace.id.to_string();
        Ok(Listed::of(found, limit, place, |workspace| shown(&workspace)).answer())
    }

    pub(super) async fn create_workspace(&self, call: &Call) -> Result<Answer, Refused> {
        let new: NewWorkspace = call.body()?;
        let name = read_name(&new.name)?;
        if name.is_empty() {
            return Err(refused::bad_field("name", "is empty"));
        }
        let command = Command::CreateWorkspace { name };
        let made = self.gateway.store.run_as(call.actor(), command).await?;
        let Outcome::WorkspaceCreated { workspace } = made else {
            return Ok(Answer::ok(&Value::Null));
        };
        let workspace = self.known_workspace(workspace.as_str()).await?;
        Ok(Answer::json(201, &shown(&workspace)))
    }

    pub(super) async fn workspace(&self, call: &Call) -> Result<Answer, Refused> {
        Ok(Answer::ok(&shown(&self.known_workspace(&call.name).await?)))
    }

    pub(super) async fn suspend_workspace(
        &self,
        call: &Call,
        suspended: bool,
    ) -> Result<Answer, Refused> {
        let workspace = WorkspaceId::known(&call.name);
        let command = Command::SuspendWorkspace { workspace, suspended };
        self.gateway.store.run_as(call.actor(), command).await?;
        self.workspace(call).await
    }

    /// The workspace of this name.
    pub(super) async fn known_workspace(&self, id: &str) -> Result<Workspace, Refused> {
        let known = self.gateway.store.workspace(id).await?;
        known.ok_or_else(|| refused::unknown("workspace", id))
    }
}

pub(super) fn shown(workspace: &Workspace) -> Value {
    json!({
        "id": workspace.id,
        "name": workspace.name,
        "suspended": workspace.suspended,
        "created_at": moment(workspace.created_at_ms),
    })
}
