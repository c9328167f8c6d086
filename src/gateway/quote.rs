//! What a request would come to, buying nothing: who can serve it, in which order and why, the
//! price, what would be changed, which limits are near.

use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;

use crate::canonical::{Change, Format, ImageRequest, InputImage, Picture, Refusal, Standing};
use crate::catalog::{Fidelity, Model, Offering, Strategy, Tariff};
use crate::clock::Now;
use crate::credits::{Cost, Credits};
use crate::dialect::{self, Pieces, WireReply};
use crate::policy::{Plan, Policy};
use crate::price::{self, Part, Parts};
use crate::routing::{self, Candidate, HealthView, NoCandidate, Survey, Views, Want};
use crate::rules::{Asker, Facts};

use super::meet::labels;
use super::treat::{Treated, treat};
use super::{Gateway, Visit, decode, delivered_size, model, plan, refuse, rules, worth};

/// A limit is near when no more than this share of it is left.
const NEAR_PERCENT: u64 = 20;

/// What a request would come to.
#[derive(Debug, Serialize)]
pub struct Quote {
    /// The public model that would serve.
    model: String,
    /// What becomes of what an offering cannot express.
    fidelity: Fidelity,
    /// How offerings are put in order.
    strategy: Strategy,
    /// The most that the caller may pay: what would be held. Nothing for a test-mode key.
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<Credits>,
    /// The version of the price that says so.
    price_version: Arc<str>,
    /// Why there is nothing to pay for.
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<Reason>,
    /// Who would serve, the one that is asked first in front.
    offerings: Vec<Choice>,
    /// Who would not, and why.
    passed_over: Vec<PassedOver>,
    /// Where the caller stands.
    limits: Vec<LimitView>,
    /// What the caller has, and whether it is enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    credits: Option<Purse>,
}

/// An offering that would serve.
#[derive(Debug, Serialize)]
struct Choice {
    /// Its name, where the plan lets it be seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    offering: Option<String>,
    /// Why it stands where it stands.
    why: String,
    /// What the caller would pay if this one serves.
    price: Credits,
    /// What that is for.
    price_parts: Vec<PartView>,
    /// The most that it would cost us, where the plan lets it be seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<Cost>,
    /// What that is for, and the version of the cost that says so.
    #[serde(flatten)]
    cost_parts: Option<CostView>,
    /// The pixels of each finished picture.
    size: crate::canonical::Size,
    /// Calls that it takes.
    calls: u32,
    /// What would not be done as asked.
    changed: Vec<Changed>,
}

/// A component of a price or a cost, rounded up by itself.
#[derive(Debug, Serialize)]
struct PartView {
    part: &'static str,
    amount: String,
}

#[derive(Debug, Serialize)]
struct CostView {
    cost_parts: Vec<PartView>,
    cost_version: Arc<str>,
}

/// A parameter that would not be done as asked.
#[derive(Debug, Serialize)]
struct Changed {
    parameter: String,
    how: String,
}

/// An offering that would not serve.
#[derive(Debug, Serialize)]
struct PassedOver {
    #[serde(skip_serializing_if = "Option::is_none")]
    offering: Option<String>,
    why: String,
}

/// A no that the request itself would get.
#[derive(Debug, Serialize)]
struct Reason {
    code: &'static str,
    message: String,
}

#[derive(Debug, Serialize)]
struct LimitView {
    name: String,
    most: u64,
    remaining: u64,
    resets_in_seconds: u64,
    is_near: bool,
}

#[derive(Debug, Serialize)]
struct Purse {
    remaining: Credits,
    is_enough: bool,
}

/// For whom, and under what, a request is looked at.
pub struct Terms<'a> {
    /// The policy.
    pub policy: &'a Policy,
    /// The plan of the caller's key.
    pub plan: &'a Plan,
    /// Who asks, as rules see it.
    pub asker: Asker<'a>,
    /// The dialect that the request was read from.
    pub dialect: &'a str,
    /// How offerings are doing, by name.
    pub health: &'a dyn Fn(&str) -> HealthView,
    /// The time.
    pub now: Now,
}

impl Gateway {
    /// The answer to someone who asks what a request would come to.
    pub(super) async fn quote(&self, visit: &Visit, body: Bytes) -> Result<WireReply, Refusal> {
        let policy = Arc::clone(&visit.policy);
        let mut request = decode(visit.client, &visit.wire(body))?;
        request.labels.extend(labels(&visit.head.headers)?);
        Self::may_name(visit, &request)?;
        let plan = plan(&policy, &visit.caller)?;
        let now = self.clock.now();
        let mut quote = {
            let health = |offering: &str| self.health.routed(offering, now);
            let (asker, dialect) = (rules::asker(&visit.caller), visit.receipt.dialect);
            let (policy, plan) = (&policy, &plan);
            quote(&Terms { policy, plan, asker, dialect, health: &health, now }, &request)?
        };
        quote.limits = self.standings(visit, now).iter().map(limit_view).collect();
        let balance = self.store.balance(visit.caller.workspace()).await;
        let available = balance.map_err(|error| refuse::store(&error, now))?.available;
        quote.credits = Some(Purse {
            remaining: available,
            is_enough: quote.price.is_some_and(|price| price <= available),
        });
        let body = serde_json::to_vec(&quote).unwrap_or_default();
        Ok(WireReply::json(200, Pieces::one(body)))
    }
}

/// Nothing is fetched for a quote: to those who put it into words, what is named is as good as any
/// picture.
fn with_stand_ins(request: &ImageRequest) -> ImageRequest {
    let picture = InputImage { format: Format::Png, picture: Picture::Binary(NO_PICTURE.into()) };
    let mut request = request.clone();
    request.take_in(vec![picture; request.named_inputs.len()]);
    request
}

/// As much of a picture as vendor sides look at.
const NO_PICTURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// What a request would come to. A refusal when it would not come as far as to offerings.
pub fn quote(terms: &Terms<'_>, request: &ImageRequest) -> Result<Quote, Refusal> {
    terms.policy.rules.judge(request).map_err(refuse::denied)?;
    let model = model(terms.policy, terms.plan, request)?;
    let facts = Facts {
        request,
        dialect: terms.dialect,
        model: &model.name.clone(),
        caller: terms.asker,
        now: terms.now,
        quote: None,
    };
    let (model, ruled) = rules::early((terms.policy, terms.plan), model, &facts)?;
    let Treated { request: treated, changes, .. } =
        treat(terms.policy, (terms.plan, &model), request, &ruled).kept(terms.plan, &model)?;
    let request = &treated;
    let fidelity = terms.plan.fidelity.unwrap_or(model.fidelity);
    let (mut offerings, mut passed_over, mut refusal) = (Vec::new(), Vec::new(), None);
    let unix_ms = terms.now.unix_ms;
    let want = Want { request, test_mode: terms.asker.is_test, fidelity, dice: 0, unix_ms };
    let cost = |candidate: &Candidate| worth::cost_most(candidate, request);
    let tariff = rules::adjusted(worth::tariff_at(&model, unix_ms), &ruled);
    let mut price_version = Arc::clone(&tariff.version);
    let left = rules::left_of(&model, &ruled)?;
    match routing::survey(&left, want, Views { health: terms.health, cost: &cost }) {
        Ok(survey) => {
            let tariff = late(terms, &facts, (&model, tariff), &survey)?;
            price_version = Arc::clone(&tariff.version);
            let asked = (&*model, &*tariff, request);
            look(terms, asked, survey, (&mut offerings, &mut passed_over))?;
        }
        Err(none) => refusal = Some(none),
    }
    for choice in &mut offerings {
        choice.changed.splice(0..0, changes.iter().map(changed));
    }
    if offerings.is_empty() && refusal.is_none() {
        let why = passed_over.iter().map(|over: &PassedOver| over.why.clone()).collect();
        refusal = Some(NoCandidate::NoneCan { why });
    }
    let refusal = refusal.map(|none| {
        let refusal = refuse::no_candidate(&model.name, none);
        Reason { code: refusal.kind.code(), message: refusal.message.into_owned() }
    });
    Ok(Quote {
        model: model.name.clone(),
        fidelity,
        strategy: model.strategy,
        price: offerings.iter().map(|choice: &Choice| choice.price).max(),
        price_version,
        refusal,
        offerings,
        passed_over,
        limits: Vec::new(),
        credits: None,
    })
}

/// The tariff, with what those rules make of it that look at the quote.
fn late(
    terms: &Terms<'_>,
    facts: &Facts<'_>,
    (model, tariff): (&Model, Arc<Tariff>),
    survey: &Survey,
) -> Result<Arc<Tariff>, Refusal> {
    let candidates: Vec<_> = survey.ranked.iter().map(|(candidate, _)| candidate.clone()).collect();
    let asked = |candidate| worth::asked(&tariff, candidate, facts.request);
    let quotes = candidates.iter().map(|candidate| price::quote(&tariff, &asked(candidate)));
    let most = quotes.flatten().max().unwrap_or_default();
    let facts = Facts {
        quote: rules::quoted(most, &candidates, facts.request),
        model: &model.name,
        ..*facts
    };
    if facts.quote.is_none() {
        return Ok(tariff);
    }
    let holding = terms.policy.rules.holding(&facts).map_err(refuse::stopped)?;
    Ok(rules::adjusted(tariff, &holding))
}

/// Tells the survey's findings, as much of them as the plan lets be seen.
fn look(
    terms: &Terms<'_>,
    (model, tariff, request): (&Model, &Tariff, &ImageRequest),
    survey: Survey,
    (offerings, passed_over): (&mut Vec<Choice>, &mut Vec<PassedOver>),
) -> Result<(), Refusal> {
    let seen = |offering: &Offering| terms.plan.show_offering.then(|| offering.name.clone());
    let imagined = with_stand_ins(request);
    for (candidate, health) in &survey.ranked {
        let offering = &candidate.offering;
        let unsaid = candidate.cost_most.is_none().then(|| "its cost cannot be said".to_owned());
        if let Some(why) = unsaid.or_else(|| inexpressible(candidate, &imagined)) {
            passed_over.push(PassedOver { offering: seen(offering), why });
            continue;
        }
        let work = worth::asked(tariff, candidate, request);
        let (price, parts) = if terms.asker.is_test {
            (Credits::ZERO, Vec::new())
        } else {
            let quoted = price::quote(tariff, &work)
                .and_then(|price| Ok((price, price::quoted_parts(tariff, &work)?)));
            let unpriced = |error| refuse::unpriced(&model.name, error);
            quoted.map(|(price, parts)| (price, parts_view(&parts))).map_err(unpriced)?
        };
        let shows = terms.plan.show_offering;
        offerings.push(Choice {
            offering: seen(offering),
            why: why(model.strategy, candidate, *health, shows),
            price,
            price_parts: parts,
            cost: candidate.cost_most.filter(|_| shows),
            cost_parts: shows.then(|| cost_view(candidate, request)),
            size: delivered_size(candidate),
            calls: candidate.calls,
            changed: candidate.changes.iter().map(changed).collect(),
        });
    }
    for (offering, why) in survey.unable {
        passed_over.push(PassedOver { offering: seen(&offering), why });
    }
    for (offering, until_ms) in survey.resting {
        let rests_ms = until_ms.saturating_sub(terms.now.tick_ms);
        let why = format!("fails lately and rests for {} s more", rests_ms.div_ceil(1000));
        passed_over.push(PassedOver { offering: seen(&offering), why });
    }
    Ok(())
}

fn parts_view(parts: &Parts) -> Vec<PartView> {
    let view = |(part, nanos): (Part, i64)| PartView {
        part: part.name(),
        amount: Credits::from_nanos(nanos).to_string(),
    };
    parts.told().map(view).collect()
}

fn cost_view(candidate: &Candidate, request: &ImageRequest) -> CostView {
    let parts = price::quoted_parts(&candidate.tariff, &worth::drawn(candidate, request));
    CostView {
        cost_parts: parts.map(|parts| parts_view(&parts)).unwrap_or_default(),
        cost_version: Arc::clone(&candidate.tariff.version),
    }
}

/// What a candidate's dialect has no words for.
fn inexpressible(candidate: &Candidate, request: &ImageRequest) -> Option<String> {
    let side = dialect::by_name(candidate.offering.vendor.dialect)?.vendor?;
    let said = side.encode_request(&candidate.ask(request, 0), &candidate.offering);
    said.err().map(|unsupported| unsupported.to_string())
}

fn why(strategy: Strategy, candidate: &Candidate, health: HealthView, shows: bool) -> String {
    let offering = &candidate.offering;
    let time = health.expected_ms.map_or_else(
        || "no picture yet".to_owned(),
        |expected_ms| format!("{:.1} s to a picture", expected_ms / 1000.0),
    );
    let failing = health.ill_percent;
    match strategy {
        Strategy::Cheapest if shows => "by cost".to_owned(),
        Strategy::Cheapest => "the order is by what it costs the gateway".to_owned(),
        Strategy::Fastest => format!("by time: {time}"),
        Strategy::Priority => format!("by priority: {}", offering.priority),
        Strategy::Weighted => format!("by chance, with weight {}", offering.weight),
        Strategy::Balanced => format!("by cost, time and failures: {time}, {failing} % failing"),
    }
}

fn changed(change: &Change) -> Changed {
    Changed { parameter: change.parameter.to_string(), how: change.how.to_string() }
}

fn limit_view(standing: &Standing) -> LimitView {
    LimitView {
        name: standing.limit.clone(),
        most: standing.most,
        remaining: standing.remaining,
        resets_in_seconds: u64::try_from(standing.resets_in.as_millis().div_ceil(1000))
            .unwrap_or(u64::MAX),
        is_near: standing.remaining.saturating_mul(100)
            <= standing.most.saturating_mul(NEAR_PERCENT),
    }
}
