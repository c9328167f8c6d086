//! Every no of the admin API: a status, a code, what is wrong and what to do about it.

use std::time::Duration;

use http::Method;
use serde_json::json;

use crate::auth::{Role, TokenError};
use crate::job::JobError;
use crate::store::StoreError;

use super::answer::Answer;

/// A no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) remedy: String,
    pub(super) more: Vec<(&'static str, String)>,
    /// What was found in detail, such as the faults of a policy.
    pub(super) details: Vec<serde_json::Value>,
}

impl Refused {
    fn new(
        (status, code): (u16, &'static str),
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        let (message, remedy) = (message.into(), remedy.into());
        Self { status, code, message, remedy, more: Vec::new(), details: Vec::new() }
    }

    fn with(mut self, name: &'static str, value: String) -> Self {
        self.more.push((name, value));
        self
    }

    pub(super) fn answer(&self) -> Answer {
        let Self { code, message, remedy, details, .. } = self;
        let mut error = json!({ "code": code, "message": message, "remedy": remedy });
        if let (Some(error), false) = (error.as_object_mut(), details.is_empty()) {
            error.insert("details".to_owned(), details.clone().into());
        }
        let answer = Answer::json(self.status, &json!({ "error": error }));
        self.more.iter().fold(answer, |answer, (name, value)| answer.with(name, value))
    }
}

pub(super) fn token(error: TokenError) -> Refused {
    let remedy = match error {
        TokenError::Missing => "send `Authorization: Bearer pgadm_…`",
        TokenError::Unknown | TokenError::Revoked | TokenError::Expired => {
            "make one with `pixelgate admin token create --role … --name …`"
        }
    };
    let code = match error {
        TokenError::Missing => "token_missing",
        TokenError::Unknown => "token_unknown",
        TokenError::Revoked => "token_revoked",
        TokenError::Expired => "token_expired",
    };
    let bearer = "Bearer realm=\"pixelgate admin\"".to_owned();
    Refused::new((401, code), error.to_string(), remedy).with("www-authenticate", bearer)
}

pub(super) fn guesses(retry_after: Duration) -> Refused {
    let seconds = retry_after.as_secs().saturating_add(1).to_string();
    let message = "this address has shown too many wrong admin tokens";
    let remedy = format!("wait {seconds} seconds, then show the right one");
    Refused::new((429, "too_many_wrong_tokens"), message, remedy).with("retry-after", seconds)
}

pub(super) fn role(has: Role, needs: Role) -> Refused {
    let message =
        format!("this needs the role {}; the token has the role {}", needs.name(), has.name());
    let remedy = format!("use a token of the role {} or above", needs.name());
    Refused::new((403, "role_needed"), message, remedy)
}

pub(super) fn foreign() -> Refused {
    let message = "a page of another origin may not change anything here";
    Refused::new((403, "foreign_origin"), message, "use the console of this gateway, or no browser")
}

pub(super) fn busy() -> Refused {
    let message = "too many admin requests are being answered";
    Refused::new((429, "busy"), message, "try again in a moment")
        .with("retry-after", "1".to_owned())
}

pub(super) fn unknown_path(path: &str) -> Refused {
    let shown: String = path.chars().take(200).collect();
    Refused::new(
        (404, "path_unknown"),
        format!("nothing is at {shown}"),
        "see docs/openapi-admin.yaml",
    )
}

pub(super) fn wrong_method(method: &Method, allow: &str) -> Refused {
    Refused::new(
        (405, "wrong_method"),
        format!("{method} is not served here"),
        format!("use {allow}"),
    )
    .with("allow", allow.to_owned())
}

pub(super) fn bad_body(fault: &serde_json::Error) -> Refused {
    let message = format!("the body cannot be read: {fault}");
    Refused::new(
        (400, "bad_body"),
        message,
        "send a JSON object with the fields that are described",
    )
}

pub(super) fn bad_field(field: &str, problem: &str) -> Refused {
    Refused::new((400, "bad_field"), format!("`{field}`: {problem}"), format!("correct `{field}`"))
}

pub(super) fn bad_query(problem: String) -> Refused {
    Refused::new((400, "bad_query"), problem, "correct the query")
}

pub(super) fn unknown_parameter(name: &str, takes: &[&str]) -> Refused {
    let shown: String = name.chars().take(100).collect();
    let remedy = if takes.is_empty() {
        "leave the query out".to_owned()
    } else {
        format!("use {}", takes.join(", "))
    };
    Refused::new((400, "bad_query"), format!("there is no parameter `{shown}`"), remedy)
}

pub(super) fn bad_cursor() -> Refused {
    let message = "the cursor is not one that was given out";
    Refused::new((400, "bad_cursor"), message, "use `next` of the page before, or none")
}

pub(super) fn unknown(what: &str, name: &str) -> Refused {
    let shown: String = name.chars().take(100).collect();
    Refused::new((404, "not_found"), format!("no {what} is called `{shown}`"), "list what there is")
}

pub(super) fn conflict(message: String, remedy: &str) -> Refused {
    Refused::new((409, "conflict"), message, remedy)
}

pub(super) fn too_much(message: &str, remedy: &str) -> Refused {
    Refused::new((422, "too_much"), message, remedy)
}

pub(super) fn too_slow() -> Refused {
    let message = "reading this took longer than it may";
    Refused::new((503, "too_slow"), message, "ask for fewer days, or use `pixelgate usage export`")
}

pub(super) fn bad_policy(details: Vec<serde_json::Value>, message: String) -> Refused {
    let remedy = "correct what is listed; the policy in force stays";
    Refused { details, ..Refused::new((422, "bad_policy"), message, remedy) }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        let said = error.to_string();
        match error {
            StoreError::Unknown { .. } => Self::new((404, "not_found"), said, "list what there is"),
            StoreError::NameTaken { .. } => {
                Self::new((409, "name_taken"), said, "choose another name")
            }
            StoreError::KeyRevoked { .. } => {
                Self::new((409, "key_revoked"), said, "create another key")
            }
            StoreError::Ledger(_) => {
                Self::new((409, "ledger_refused"), said, "correct the request")
            }
            StoreError::Job(JobError::Unknown) => {
                Self::new((404, "not_found"), said, "list the jobs")
            }
            StoreError::Job(_) => Self::new((409, "job_refused"), said, "look at the job again"),
            StoreError::Busy
            | StoreError::Full
            | StoreError::Away
            | StoreError::Closed
            | StoreError::Poisoned => {
                Self::new((503, "store_unavailable"), said, "try again; look at /readyz")
            }
            StoreError::Pledged(_)
            | StoreError::Locked { .. }
            | StoreError::Unwritten
            | StoreError::Directory { .. }
            | StoreError::Database(_)
            | StoreError::Postgres(_)
            | StoreError::NoAddress
            | StoreError::Runtime { .. }
            | StoreError::Unreadable { .. }
            | StoreError::OldSqlite { .. }
            | StoreError::OtherSchema { .. } => internal(&error),
        }
    }
}

pub(super) fn too_large() -> Refused {
    let message = format!("the body is larger than {} bytes", super::BODY_BYTES_MAX);
    Refused::new((413, "body_too_large"), message, "send less")
}

pub(super) fn cut_short() -> Refused {
    let message = "the body did not come whole in its time";
    Refused::new((400, "bad_body"), message, "send all of it at once")
}

pub(super) fn failed() -> Refused {
    Refused::new((500, "internal"), "the gateway could not do it", "look at the gateway's log")
}

/// What is ours: told to the log in full, to the caller in a word.
pub(super) fn internal(error: &dyn std::error::Error) -> Refused {
    let cause = error.source().map(ToString::to_string);
    tracing::error!(%error, cause, "an admin request failed");
    failed()
}
