//! Who changed what: the row of the audit log that goes into the commit of the change.

use std::net::IpAddr;

use serde_json::Value as Json;

use crate::auth::{Operator, Role};
use crate::id::{RequestId, TokenId};

/// Whoever asks for a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The token that was shown; `None` at the machine itself.
    pub token: Option<TokenId>,
    /// What people call it.
    pub name: String,
    /// What it may do; `None` at the machine itself.
    pub role: Option<Role>,
    /// From where.
    pub address: Option<IpAddr>,
    /// The request that it came as.
    pub request: Option<RequestId>,
}

impl Actor {
    /// Somebody at the command line of the machine.
    pub fn at_the_machine() -> Self {
        Self {
            token: None,
            name: "command line".to_owned(),
            role: None,
            address: None,
            request: None,
        }
    }

    /// The gateway itself, which mends what went wrong with a request.
    pub fn itself(request: RequestId) -> Self {
        Self {
            token: None,
            name: "gateway".to_owned(),
            role: None,
            address: None,
            request: Some(request),
        }
    }

    /// Somebody who showed a token.
    pub fn shown(operator: &Operator, address: Option<IpAddr>, request: RequestId) -> Self {
        let record = operator.record();
        Self {
            token: Some(record.id.clone()),
            name: record.name.clone(),
            role: Some(record.role),
            address,
            request: Some(request),
        }
    }
}

/// One change, as the audit log has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// What was done, such as `key.create`.
    pub action: &'static str,
    /// The public name of what it was done to.
    pub subject: String,
    /// Whose that is.
    pub workspace: Option<String>,
    /// What it was before, as far as it changed.
    pub was: Option<Json>,
    /// What it became.
    pub became: Option<Json>,
}

impl Deed {
    /// A change of which nothing else is said.
    pub fn new(action: &'static str, subject: impl Into<String>) -> Self {
        Self { action, subject: subject.into(), workspace: None, was: None, became: None }
    }

    /// With whose it is.
    #[must_use]
    pub fn of(self, workspace: impl Into<String>) -> Self {
        Self { workspace: Some(workspace.into()), ..self }
    }

    /// With what it was.
    #[must_use]
    pub fn was(self, was: Json) -> Self {
        Self { was: Some(was), ..self }
    }

    /// With what it became.
    #[must_use]
    pub fn became(self, became: Json) -> Self {
        Self { became: Some(became), ..self }
    }
}

/// A change, who made it and when.
#[derive(Clone, Debug)]
pub(super) struct Done {
    pub(super) at_ms: i64,
    pub(super) actor: Actor,
    pub(super) deed: Deed,
}
