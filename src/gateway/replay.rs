//! Recorded requests, judged again by another policy: what they would have cost, earned and been
//! refused, beside what they did.
//!
//! The judges are those of the way of a request: rules, routing, prices, windows, quotas and budgets
//! take the time as an argument, so they are given the time of then. Words, health and balances of
//! then are not known; docs/decisions/0023-replay.md says what is made of that.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use crate::auth::{Caller, KeyRecord, KeyRing, KeyStatus, Mode};
use crate::canonical::{Came, ImageRequest, RefusalKind};
use crate::catalog::Strategy;
use crate::clock::Now;
use crate::credits::{Cost, Credits, Overflow};
use crate::dialect;
use crate::finance::Recorded;
use crate::id::{KeyId, RequestId, WorkspaceId};
use crate::policy::{Plan, Policy};
use crate::receipt::Receipt;
use crate::routing::{Candidate, OfferingHealth};

use super::foresee::{Foreseen, Words, foresee};
use super::quote::Terms;
use super::{rules, worth};

mod bounds;
mod tally;

use bounds::{Admitted, Bounds};
pub use tally::{Credit, Notes, Pair, Replayed, Row, Sums};

/// What a row came to, or would have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Outcome {
    charged: i64,
    cost: i64,
    images: u32,
    offering: Option<String>,
    /// `ok`, or the code of the refusal.
    code: String,
}

/// Judges recorded requests in the order in which they came.
struct Replay<'p> {
    policy: &'p Policy,
    bounds: Bounds,
    callers: HashMap<(String, bool, String), Caller>,
    /// What is under way, by when it ends.
    under_way: BinaryHeap<Reverse<(i64, usize)>>,
    admitted: HashMap<usize, (Admitted, Outcome)>,
    notes: Notes,
}

/// What recorded requests would have come to under a policy. Those that came before `since` fill the
/// windows and quotas, and are not counted themselves.
pub fn replay(
    policy: &Policy,
    mut recorded: Vec<Recorded>,
    since: i64,
    worth: Credit,
) -> Result<Replayed, Overflow> {
    recorded.sort_by_key(|one| (judged_ms(one), one.line.seq));
    let mut replay = Replay {
        policy,
        bounds: Bounds::default(),
        callers: HashMap::new(),
        under_way: BinaryHeap::new(),
        admitted: HashMap::new(),
        notes: Notes::of(policy),
    };
    let mut told = Replayed::default();
    for (number, one) in recorded.iter().enumerate() {
        replay.end_until(judged_ms(one));
        let counts = one.line.at_ms >= since;
        let before = replay.notes.clone();
        let would = replay.judge(number, one);
        if counts {
            told.add(one, &was(one), &would, worth)?;
        } else {
            replay.notes = before;
        }
    }
    told.notes = replay.notes;
    Ok(told)
}

/// How long before a span requests must be read for its windows and quotas to be right: the first
/// moment, in milliseconds since the Unix epoch.
pub fn warm_from(policy: &Policy, since: i64) -> i64 {
    bounds::warm_from(policy, since)
}

fn judged_ms(one: &Recorded) -> i64 {
    let waited = one.sketch.as_ref().map_or(0, |sketch| sketch.waited_ms);
    one.line.at_ms.saturating_add(i64::from(waited))
}

fn was(one: &Recorded) -> Outcome {
    let line = &one.line;
    Outcome {
        charged: line.charged_nanos,
        cost: line.cost_nanos,
        images: line.images,
        offering: line.offering.clone().filter(|_| line.outcome == "ok"),
        code: line.outcome.clone(),
    }
}

/// What no policy decides: what came of the words, of vendors, of balances, or of ourselves.
fn is_beyond_policy(one: &Recorded) -> bool {
    const DECIDED: [RefusalKind; 9] = [
        RefusalKind::PlanMissing,
        RefusalKind::ModelUnknown,
        RefusalKind::ModelForbidden,
        RefusalKind::Unsupported,
        RefusalKind::RuleDenied,
        RefusalKind::RateLimited,
        RefusalKind::QuotaExhausted,
        RefusalKind::ConcurrencyExceeded,
        RefusalKind::Unpriced,
    ];
    let line = &one.line;
    let is_decided = DECIDED.iter().any(|kind| kind.code() == line.outcome);
    line.hold.is_none() && !is_decided
}

impl Replay<'_> {
    /// Ends what had ended by then: leases are free, what was not used is given back.
    fn end_until(&mut self, now_ms: i64) {
        while let Some(Reverse((end_ms, number))) = self.under_way.peek().copied() {
            if end_ms > now_ms {
                break;
            }
            self.under_way.pop();
            if let Some((admitted, outcome)) = self.admitted.remove(&number) {
                self.bounds.end(&admitted, (outcome.charged, outcome.images), end_ms);
            }
        }
    }

    fn judge(&mut self, number: usize, one: &Recorded) -> Outcome {
        let line = &one.line;
        let asked = one.sketch.as_ref().and_then(|sketch| self.asked(sketch));
        let caller = line.workspace.as_ref().zip(line.key.as_ref());
        let (Some(sketch), Some(asked), Some(_)) = (&one.sketch, asked, caller) else {
            self.notes.unsketched += u64::from(line.hold.is_some());
            self.notes.as_was += 1;
            return was(one);
        };
        if is_beyond_policy(one) {
            self.notes.as_was += 1;
            return was(one);
        }
        self.notes.judged += 1;
        let refused =
            |kind: RefusalKind| Outcome { code: kind.code().to_owned(), ..<_>::default() };
        let policy = self.policy;
        let Some(caller) = self.caller(one) else { return was(one) };
        let Some(plan) = policy.plan(caller.plan()) else {
            return refused(RefusalKind::PlanMissing);
        };
        if !plan.speaks(&line.dialect) {
            return refused(RefusalKind::ModelForbidden);
        }
        let unix_ms = judged_ms(one);
        let now = Now { unix_ms, tick_ms: u64::try_from(unix_ms).unwrap_or(0) };
        let foreseen = self.foreseen((&caller, plan), (one, &asked), (now, sketch.dice));
        let foreseen = match foreseen {
            Ok(foreseen) => foreseen,
            Err(kind) => return refused(kind),
        };
        let receipt = receipt_of(one, &asked, policy);
        let at = (now, line.outcome == RefusalKind::CreditsShort.code());
        let admitted = match self.bounds.admit((policy, &caller, plan), &foreseen, &receipt, at) {
            Ok(admitted) => admitted,
            Err(kind) => return refused(kind),
        };
        let outcome = self.came_to(one, &foreseen);
        let end_ms = line.at_ms.saturating_add(i64::try_from(one.took_ms).unwrap_or(i64::MAX));
        self.under_way.push(Reverse((end_ms.max(unix_ms), number)));
        self.admitted.insert(number, (admitted, outcome.clone()));
        outcome
    }

    fn asked(&self, sketch: &crate::canonical::Sketch) -> Option<ImageRequest> {
        let mut asked = sketch.request()?;
        let known = |name: &String| self.policy.model(name).is_some();
        asked.model = asked.model.or_else(|| sketch.model_default.clone().filter(known));
        Some(asked)
    }

    fn foreseen(
        &self,
        (caller, plan): (&Caller, &Plan),
        (one, asked): (&Recorded, &ImageRequest),
        (now, dice): (Now, u64),
    ) -> Result<Foreseen, RefusalKind> {
        let rested = OfferingHealth::default();
        let terms = Terms {
            policy: self.policy,
            plan,
            asker: rules::asker(caller),
            dialect: &one.line.dialect,
            health: &|_: &str| rested.view(now),
            now,
        };
        foresee(&terms, (asked, Words::Unknown), dice).map_err(|refusal| refusal.kind)
    }

    /// What an admitted request comes to: what came of it then, at the prices of this policy.
    fn came_to(&mut self, one: &Recorded, foreseen: &Foreseen) -> Outcome {
        let line = &one.line;
        let sketch = one.sketch.as_ref();
        let came = sketch.and_then(|sketch| sketch.came.as_ref());
        match (came.filter(|_| line.outcome == "ok"), line.hold.is_some()) {
            (Some(came), _) => self.priced(one, foreseen, came),
            // It failed after it was admitted, as it would have under any policy.
            (None, true) => was(one),
            (None, false) => {
                self.notes.estimated += 1;
                let first = foreseen.candidates.first();
                Outcome {
                    charged: foreseen.quote.nanos(),
                    cost: first.and_then(|first| first.cost_most).unwrap_or_default().nanos(),
                    images: foreseen.request.count,
                    offering: first.map(|first| first.offering.name.clone()),
                    code: "ok".to_owned(),
                }
            }
        }
    }

    fn priced(&mut self, one: &Recorded, foreseen: &Foreseen, came: &Came) -> Outcome {
        let Foreseen { model, tariff, request, quote, .. } = foreseen;
        let Some(candidate) = server(one, foreseen) else { return was(one) };
        let is_same = one.line.offering.as_ref() == Some(&candidate.offering.name);
        let elsewhere = Came { count: came.count, ..Came::default() };
        let drawn = if is_same { came } else { &elsewhere };
        self.notes.elsewhere += u64::from(!is_same);
        let cost = worth::cost_of_came(candidate, request, drawn);
        let cost = cost.or(candidate.cost_most).unwrap_or_default();
        let charged = if one.line.test {
            Credits::ZERO
        } else {
            worth::charge_of_came((tariff, *quote), candidate, request, drawn).unwrap_or_else(
                |_| {
                    tracing::debug!(model = model.name, "what came has no price; the quote counts");
                    *quote
                },
            )
        };
        let beside = Cost::from_nanos(came.beside_nanos);
        Outcome {
            charged: charged.nanos(),
            cost: cost.plus(beside).unwrap_or(cost).nanos(),
            images: came.count.min(request.count),
            offering: Some(candidate.offering.name.clone()),
            code: "ok".to_owned(),
        }
    }

    /// The caller as its key was then; its scopes are those of now.
    fn caller(&mut self, one: &Recorded) -> Option<Caller> {
        let line = &one.line;
        let key = line.key.clone().unwrap_or_default();
        let plan = line.plan.clone().unwrap_or_default();
        let id = KeyId::known(&key);
        let fresh = || {
            let record = KeyRecord {
                id: id.clone(),
                workspace: WorkspaceId::known(line.workspace.as_deref().unwrap_or_default()),
                digest: [0; 32],
                scopes: one.scopes.clone(),
                mode: if line.test { Mode::Test } else { Mode::Live },
                plan: plan.clone(),
                status: KeyStatus::Active,
                expires_at_ms: None,
                joins_repeats: false,
                name: line.key_name.clone().unwrap_or_default(),
            };
            KeyRing::new([record], &[]).recall(&id)
        };
        if let Some(known) = self.callers.get(&(key.clone(), line.test, plan.clone())) {
            return Some(known.clone());
        }
        let caller = fresh()?;
        self.callers.insert((key, line.test, plan), caller.clone());
        Some(caller)
    }
}

/// Who serves: the first that had not failed or rested then. Where time and failures decide, which
/// nobody kept, whoever served then does if it still may.
fn server<'f>(one: &Recorded, foreseen: &'f Foreseen) -> Option<&'f Candidate> {
    let candidates = &foreseen.candidates;
    let served = one.line.offering.as_deref();
    let same = candidates.iter().find(|candidate| Some(&*candidate.offering.name) == served);
    let by_health = match foreseen.model.strategy {
        Strategy::Fastest | Strategy::Balanced => true,
        Strategy::Cheapest | Strategy::Priority | Strategy::Weighted => false,
    };
    if by_health && same.is_some() {
        return same;
    }
    let away = one.sketch.as_ref().map_or(&[][..], |sketch| &sketch.away);
    let is_there = |candidate: &&Candidate| {
        let name = &candidate.offering.name;
        Some(&**name) == served || !away.contains(name)
    };
    candidates.iter().find(is_there).or(same).or_else(|| candidates.first())
}

fn receipt_of(one: &Recorded, asked: &ImageRequest, policy: &Policy) -> Receipt {
    let line = &one.line;
    let request = RequestId::known(&line.request);
    let mut receipt = Receipt::begin(request, line.at_ms, std::sync::Arc::clone(&policy.version));
    receipt.dialect = dialect::by_name(&line.dialect).map_or("", |dialect| dialect.name);
    receipt.labels = line.labels.clone();
    receipt.labels.extend(asked.labels.clone());
    receipt
}
