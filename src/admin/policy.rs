//! Policy: what is in force, whether a candidate could be, and reading it again.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::limit::Limit;
use crate::policy::{
    self as law, Period, Plan, Policy, PolicyFault, PolicyText, Quota, SecretPlace,
};
use crate::reload::{Look, ReloadError};
use crate::secret::Secret;
use crate::store::Deed;

use super::answer::Answer;
use super::refused::{self, Refused};
use super::{Admin, Call};

/// Files of a candidate.
const FILES_MAX: usize = 256;

/// A candidate: the text of each file by its name.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Candidate {
    files: BTreeMap<String, String>,
}

/// Whether a candidate could be in force. Credentials that it names are not looked for: whoever
/// posts a text shall not learn from it what is on this machine.
pub(super) async fn check(call: &Call) -> Result<Answer, Refused> {
    let candidate: Candidate = call.body()?;
    if candidate.files.is_empty() || candidate.files.len() > FILES_MAX {
        let problem = format!("holds {} files; send 1 to {FILES_MAX}", candidate.files.len());
        return Err(refused::bad_field("files", &problem));
    }
    let texts: Vec<PolicyText> =
        candidate.files.into_iter().map(|(file, text)| PolicyText { file, text }).collect();
    let supposed = |_: &SecretPlace| Some(Secret::new("supposed".to_owned()));
    let built = tokio::task::spawn_blocking(move || law::build(&texts, &supposed)).await;
    match built {
        Ok(Ok(policy)) => Ok(Answer::ok(&json!({
            "good": true, "policy": told(&policy), "faults": [],
        }))),
        Ok(Err(faults)) => {
            let faults: Vec<Value> = faults.iter().map(fault).collect();
            Ok(Answer::ok(&json!({ "good": false, "policy": null, "faults": faults })))
        }
        Err(error) => Err(refused::internal(&error)),
    }
}

impl Admin {
    pub(super) fn policy(&self) -> Answer {
        Answer::ok(&told(&self.gateway.policy.current()))
    }

    pub(super) fn plans(&self) -> Answer {
        let policy = self.gateway.policy.current();
        let items: Vec<Value> = policy.plans.values().map(|one| plan(one)).collect();
        Answer::ok(&json!({ "policy_version": &*policy.version, "items": items }))
    }

    /// Reads the folder again. It is written down first: what cannot be written is not done.
    pub(super) async fn reload_policy(&self, call: &Call) -> Result<Answer, Refused> {
        let before = Arc::clone(&self.gateway.policy.current().version);
        let deed = Deed::new("policy.reload", &*before).was(json!({ "version": &*before }));
        self.gateway.store.note_deed(call.actor(), deed).await?;
        let gateway = Arc::clone(&self.gateway);
        let look = tokio::task::spawn_blocking(move || gateway.look_at_policy()).await;
        match look {
            Ok(Look::Same | Look::Swapped(_)) => Ok(Answer::ok(&json!({
                "version_before": &*before, "policy": told(&self.gateway.policy.current()),
            }))),
            Ok(Look::Kept(ReloadError::Faults(faults))) => {
                let message = format!("the policy on disk has {} faults", faults.len());
                Err(refused::bad_policy(faults.iter().map(fault).collect(), message))
            }
            Ok(Look::Kept(error)) => Err(refused::bad_policy(Vec::new(), error.to_string())),
            Err(error) => Err(refused::internal(&error)),
        }
    }
}

fn told(policy: &Policy) -> Value {
    json!({
        "version": &*policy.version,
        "vendors": policy.vendors.keys().collect::<Vec<_>>(),
        "models": policy.models.keys().collect::<Vec<_>>(),
        "plans": policy.plans.keys().collect::<Vec<_>>(),
        "warnings": policy.warnings,
    })
}

fn fault(fault: &PolicyFault) -> Value {
    let PolicyFault { file, line, place, problem, hint } = fault;
    json!({ "file": file, "line": line, "place": place, "problem": problem, "hint": hint })
}

fn plan(plan: &Plan) -> Value {
    let limits: Vec<Value> =
        plan.bounds.iter().flat_map(|bounds| &bounds.limits).map(limit).collect();
    let quotas: Vec<Value> = plan.quotas.iter().map(quota).collect();
    json!({
        "name": plan.name,
        "title": plan.title,
        "models": plan.models,
        "monthly_credits": plan.monthly_credits,
        "concurrency_max": plan.concurrency_max,
        "limits": limits,
        "quotas": quotas,
        "passthrough": plan.passthrough,
        "keeps_pictures": plan.storage.is_some(),
        "shows_offering": plan.show_offering,
    })
}

fn limit(limit: &Limit) -> Value {
    json!({
        "name": limit.name,
        "unit": limit.unit.name(),
        "most": limit.most,
        "window_seconds": limit.window.as_secs(),
        "of": limit.of,
        "shadow": limit.shadow,
    })
}

fn quota(quota: &Quota) -> Value {
    let per = match quota.per {
        Period::Day => "day",
        Period::Month => "month",
    };
    json!({
        "name": quota.name,
        "unit": quota.unit.name(),
        "most": quota.most,
        "per": per,
        "of": quota.of,
    })
}
