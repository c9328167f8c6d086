//! What policy's rules make of a request: first by what is asked, then once more by what it may
//! come to.

use std::borrow::Cow;
use std::sync::Arc;

use crate::auth::Caller;
use crate::canonical::{ImageRequest, Refusal};
use crate::catalog::{Model, Offering, Tariff};
use crate::clock::Now;
use crate::credits::Credits;
use crate::job::Job;
use crate::policy::{Plan, Policy};
use crate::routing::Candidate;
use crate::rules::{Asker, Facts, Holding, Quoted, Stopped};

use super::permit::{model, named_model};
use super::{Gateway, Visit, refuse, worth};

/// What a rule says no by.
pub(super) enum No {
    /// The rule itself.
    Rule(Stopped),
    /// What follows from it cannot be done.
    Refused(Refusal),
}

impl From<No> for Refusal {
    fn from(no: No) -> Self {
        match no {
            No::Rule(stopped) => refuse::stopped(stopped),
            No::Refused(refusal) => refusal,
        }
    }
}

/// Whom a rule sees.
pub(super) fn asker(caller: &Caller) -> Asker<'_> {
    Asker {
        workspace: caller.workspace().as_str(),
        key: caller.key().as_str(),
        key_name: caller.key_name(),
        plan: caller.plan(),
        scopes: caller.scopes(),
        is_test: caller.is_test(),
    }
}

/// Who serves, and the rules that hold.
pub(super) fn early(
    (policy, plan): (&Policy, &Plan),
    model: Arc<Model>,
    facts: &Facts<'_>,
) -> Result<(Arc<Model>, Holding), No> {
    let holding = policy.rules.holding(facts).map_err(No::Rule)?;
    let model = match holding.model() {
        Some((_, name)) if name != model.name => {
            named_model(policy, plan, name).map_err(No::Refused)?
        }
        Some(_) | None => model,
    };
    Ok((model, holding))
}

/// A model with those of its offerings that may serve.
pub(super) fn left_of<'m>(model: &'m Model, ruled: &Holding) -> Result<Cow<'m, Model>, Refusal> {
    let forbids = |offering: &Offering| ruled.forbids(&offering.name, &offering.vendor.name);
    let Some(rule) = model.offerings.iter().find_map(|offering| forbids(offering)) else {
        return Ok(Cow::Borrowed(model));
    };
    let left = model.offerings.iter().filter(|offering| forbids(offering).is_none());
    let left: Vec<_> = left.cloned().collect();
    if left.is_empty() {
        return Err(refuse::none_left(&model.name, rule));
    }
    Ok(Cow::Owned(Model { offerings: left, ..model.clone() }))
}

/// A tariff with what rules make of it.
pub(super) fn adjusted(tariff: Arc<Tariff>, holding: &Holding) -> Arc<Tariff> {
    let adjust =
        |tariff: Arc<Tariff>, (rule, adjustment)| Arc::new(tariff.adjusted(rule, adjustment));
    holding.prices().fold(tariff, adjust)
}

/// The rules' word on a job that is drawn now, as it was asked then.
pub(super) fn ruled_again(
    visit: &Visit,
    plan: &Plan,
    asked: &ImageRequest,
    job: &Job,
) -> Result<Holding, Refusal> {
    let (named, then) = (named_then(visit, plan, asked, job), then(job));
    visit.policy.rules.holding(&facts(visit, asked, &named, then)).map_err(refuse::stopped)
}

/// The same for one whose order is placed: it is bought, and no rule stops it any more.
pub(super) fn ruled_as_bought(
    visit: &Visit,
    plan: &Plan,
    asked: &ImageRequest,
    job: &Job,
) -> Holding {
    let (named, then) = (named_then(visit, plan, asked, job), then(job));
    visit.policy.rules.holding_of_bought(&facts(visit, asked, &named, then))
}

/// The model that rules see: the one that was asked for; the job has the one that serves.
fn named_then(visit: &Visit, plan: &Plan, asked: &ImageRequest, job: &Job) -> String {
    let named = model(&visit.policy, plan, asked).map(|model| model.name.clone());
    named.unwrap_or_else(|_| job.model.clone())
}

const fn then(job: &Job) -> Now {
    Now { unix_ms: job.created_at_ms, tick_ms: 0 }
}

impl Gateway {
    /// The rules' word on a request before anybody is chosen to draw it: who serves it.
    pub(super) fn rule(
        &self,
        visit: &mut Visit,
        (plan, model): (&Plan, Arc<Model>),
        asked: &ImageRequest,
    ) -> Result<(Arc<Model>, Holding), Refusal> {
        let policy = Arc::clone(&visit.policy);
        let name = model.name.clone();
        let facts = facts(visit, asked, &name, self.clock.now());
        let (model, holding) = self.counted(early((&policy, plan), model, &facts))?;
        self.note_holding(visit, &holding);
        Ok((model, holding))
    }

    /// The tariff that the caller is quoted by, as the rules leave it, and the quote.
    pub(super) fn quote_by_rules(
        &self,
        visit: &mut Visit,
        (model, ruled): (&Model, &Holding),
        candidates: &mut Vec<Candidate>,
        request: &ImageRequest,
    ) -> Result<(Arc<Tariff>, Credits), Refusal> {
        let now = self.clock.now();
        let policy = Arc::clone(&visit.policy);
        let tariff = adjusted(worth::tariff_at(model, now.unix_ms), ruled);
        let quote = self.worth_at_most(model, &tariff, candidates, (request, &visit.caller))?;
        if !policy.rules.look_at_quotes() {
            return Ok((tariff, quote));
        }
        let quoted = quoted(quote, candidates, request);
        let facts = Facts { quote: quoted, ..facts(visit, request, &model.name, now) };
        let holding = self.counted(policy.rules.holding(&facts).map_err(No::Rule))?;
        self.note_holding(visit, &holding);
        if holding.prices().next().is_none() {
            return Ok((tariff, quote));
        }
        let tariff = adjusted(tariff, &holding);
        let quote = self.worth_at_most(model, &tariff, candidates, (request, &visit.caller))?;
        Ok((tariff, quote))
    }

    fn counted<Said>(&self, said: Result<Said, No>) -> Result<Said, Refusal> {
        let rules = &self.telemetry.metrics().rules.rules;
        match &said {
            Err(No::Rule(Stopped::Denied { rule, .. })) => {
                rules.with_label_values(&[rule, "denied"]).inc();
            }
            Err(No::Rule(Stopped::Failed { rule, error })) => {
                tracing::error!(rule = &**rule, error = %error, "a rule cannot be worked out");
                rules.with_label_values(&[rule, "failed"]).inc();
            }
            Err(No::Refused(_)) | Ok(_) => {}
        }
        said.map_err(Refusal::from)
    }

    fn note_holding(&self, visit: &mut Visit, holding: &Holding) {
        holding.label(&mut visit.labels);
        holding.label(&mut visit.receipt.labels);
        let rules = &self.telemetry.metrics().rules.rules;
        for name in holding.names() {
            rules.with_label_values(&[name, "held"]).inc();
        }
        for name in &holding.shadows {
            rules.with_label_values(&[name, "shadow"]).inc();
        }
    }
}

fn facts<'a>(visit: &'a Visit, request: &'a ImageRequest, model: &'a str, now: Now) -> Facts<'a> {
    let dialect = visit.receipt.dialect;
    Facts { request, dialect, model, caller: asker(&visit.caller), now, quote: None }
}

/// What a rule sees of a quote.
pub(super) fn quoted<'a>(
    price: Credits,
    candidates: &'a [Candidate],
    request: &ImageRequest,
) -> Option<Quoted<'a>> {
    let first = candidates.first()?;
    Some(Quoted {
        price,
        cost: first.cost_most.unwrap_or_default(),
        pixels: worth::pixels(candidates, request),
        offering: &first.offering.name,
        vendor: &first.offering.vendor.name,
    })
}
