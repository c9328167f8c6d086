//! What a request would come to under a policy, asking and counting nothing: who could draw it, the
//! quote, or the refusal.

use std::sync::Arc;

use crate::canonical::{ImageRequest, Refusal};
use crate::catalog::{Model, Tariff};
use crate::credits::Credits;
use crate::routing::{self, Candidate, Views, Want};
use crate::rules::{Facts, Holding};

use super::quote::Terms;
use super::treat::{Treated, treat};
use super::{model, refuse, rules, worth};

/// What a request would come to.
pub(super) struct Foreseen {
    pub(super) model: Arc<Model>,
    pub(super) tariff: Arc<Tariff>,
    pub(super) request: ImageRequest,
    pub(super) candidates: Vec<Candidate>,
    pub(super) quote: Credits,
}

/// Whether what is said is looked at: a sketch has only stand-ins for its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Words {
    Known,
    Unknown,
}

/// What this would come to. `dice` decides what chance decides.
pub(super) fn foresee(
    terms: &Terms<'_>,
    (asked, words): (&ImageRequest, Words),
    dice: u64,
) -> Result<Foreseen, Refusal> {
    let Terms { policy, plan, asker, dialect, now, .. } = *terms;
    if words == Words::Known {
        policy.rules.judge(asked).map_err(refuse::denied)?;
    }
    let model = model(policy, plan, asked)?;
    let name = model.name.clone();
    let facts = Facts { request: asked, dialect, model: &name, caller: asker, now, quote: None };
    let (model, ruled) = rules::early((policy, plan), model, &facts)?;
    let Treated { request, .. } =
        treat(policy, (plan, &model), asked, &ruled).kept(plan, &model)?;
    let mut candidates = candidates(terms, (&model, &request), &ruled, dice)?;
    let tariff = rules::adjusted(worth::tariff_at(&model, now.unix_ms), &ruled);
    let most = |tariff: &Tariff, candidates: &mut Vec<Candidate>| {
        if asker.is_test {
            return Ok(Credits::ZERO);
        }
        let most = worth::most_of(tariff, candidates, &request);
        most.map_err(|error| refuse::unpriced(&model.name, error))
    };
    let quote = most(&tariff, &mut candidates)?;
    if !policy.rules.look_at_quotes() {
        return Ok(Foreseen { model, tariff, request, candidates, quote });
    }
    let quoted = rules::quoted(quote, &candidates, &request);
    let facts = Facts { request: &request, model: &model.name, quote: quoted, ..facts };
    let late = policy.rules.holding(&facts).map_err(refuse::stopped)?;
    let (tariff, quote) = if late.prices().next().is_none() {
        (tariff, quote)
    } else {
        let tariff = rules::adjusted(tariff, &late);
        let quote = most(&tariff, &mut candidates)?;
        (tariff, quote)
    };
    Ok(Foreseen { model, tariff, request, candidates, quote })
}

fn candidates(
    terms: &Terms<'_>,
    (model, request): (&Model, &ImageRequest),
    ruled: &Holding,
    dice: u64,
) -> Result<Vec<Candidate>, Refusal> {
    let want = Want {
        request,
        test_mode: terms.asker.is_test,
        fidelity: terms.plan.fidelity.unwrap_or(model.fidelity),
        dice,
        unix_ms: terms.now.unix_ms,
    };
    let cost = |candidate: &Candidate| worth::cost_most(candidate, request);
    let left = rules::left_of(model, ruled)?;
    routing::candidates(&left, want, Views { health: terms.health, cost: &cost }, terms.now)
        .map_err(|none| refuse::no_candidate(&model.name, none))
}
