//! Every metric: its name, its labels and what it means, in one table.
//!
//! Labels are bounded: dialects and codes by the build, models and offerings by policy, workspaces
//! by config, which names none unless it is told to. Keys are never labels.

use prometheus::{
    CounterVec, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry,
};

use crate::policy::Policy;

use super::bound::Bound;
use super::kinds::{
    OWN_BUCKETS, VENDOR_BUCKETS, counter, counters, float_gauges, floats, gauge, gauges, histogram,
    histograms,
};

mod answers;
mod budgets;
mod offerings;
mod pictures;
mod prices;
mod process;
mod room;
mod roster;
mod rules;
mod shadow;
mod shared;
mod store;
mod stuck;
mod traces;
mod webhooks;
mod workspaces;

pub use answers::AnswerMetrics;
pub use budgets::{BudgetGauge, BudgetMetrics};
pub use offerings::{OFFERING_STATES, OfferingGauge, OfferingMetrics};
pub use pictures::PictureMetrics;
pub use prices::PriceMetrics;
pub use room::RoomMetrics;
pub use rules::RuleMetrics;
pub use shadow::ShadowMetrics;
pub use shared::SharedMetrics;
pub use store::StoreMetrics;
pub use stuck::StuckMetrics;
pub use traces::TraceMetrics;
pub use webhooks::WebhookMetrics;
pub use workspaces::WorkspaceMetrics;

/// Every metric of this process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Requests to the admin API, by route and outcome.
    pub admin_requests: IntCounterVec,
    /// What was told of budgets.
    pub budgets: BudgetMetrics,
    /// How offerings stand.
    pub offerings: OfferingMetrics,
    /// What becomes of pictures.
    pub pictures: PictureMetrics,
    /// What went wrong with prices.
    pub prices: PriceMetrics,
    /// How much room there is.
    pub room: RoomMetrics,
    /// What rules came to.
    pub rules: RuleMetrics,
    /// What a shadow policy would have made of requests.
    pub shadow: ShadowMetrics,
    /// What stops the store.
    pub store: StoreMetrics,
    /// What is stuck.
    pub stuck: StuckMetrics,
    /// What became of spans.
    pub traces: TraceMetrics,
    /// What workspaces do, where config has them named.
    pub workspaces: WorkspaceMetrics,
    /// What vendors' answers take up.
    pub answers: AnswerMetrics,
    /// Requests answered, by dialect and outcome (`ok` or a refusal's code).
    pub requests: IntCounterVec,
    /// Refusals, by code and whose they are.
    pub refusals: IntCounterVec,
    /// Pictures delivered, by model and offering.
    pub images: IntCounterVec,
    /// Credits charged, by model.
    pub credits: CounterVec,
    /// What vendors charge us, by offering.
    pub cost: CounterVec,
    /// From head read to answer ready, by dialect.
    pub request_seconds: HistogramVec,
    /// Our own share of that: all, less vendors and store.
    pub overhead_seconds: HistogramVec,
    /// Waiting for the store to be durable, per request.
    pub store_seconds: Histogram,
    /// One exchange with a vendor, by vendor and outcome.
    pub vendor_seconds: HistogramVec,
    /// Exchanges after which a vendor may have drawn and billed without our knowing.
    pub outcomes_unknown: IntCounterVec,
    /// Requests for which a second vendor was asked beside a slow first.
    pub hedges: IntCounter,
    /// Jobs by what happened to them: `accepted`, `resumed`, or how they ended.
    pub jobs: IntCounterVec,
    /// Jobs that have not ended.
    pub jobs_open: IntGauge,
    /// Jobs being worked on now.
    pub jobs_running: IntGauge,
    /// What became of webhooks.
    pub webhooks: WebhookMetrics,
    /// Repeats that were told what the first came to: `replayed` or `joined`.
    pub replays: IntCounterVec,
    /// Bytes of answers that are kept for repeats.
    pub answers_bytes: IntGauge,
    /// Answers that are not kept for repeats, by why.
    pub answers_not_kept: IntCounterVec,
    /// Holds that have not ended.
    pub holds_open: IntGauge,
    /// Proofs of the books by result: `balanced`, `faulty`, or `failed` when they could not be read.
    pub ledger_audits: IntCounterVec,
    /// Faults that the last proof of the books found.
    pub ledger_faults: IntGauge,
    /// Lines of the log that were lost, because nobody read those before them.
    pub log_lines_lost: IntCounter,
    /// Requests being served now.
    pub in_flight: IntGauge,
    /// Bytes of request bodies held now.
    pub in_flight_bytes: IntGauge,
    /// Connections of clients that are open now.
    pub connections: IntGauge,
    /// Requests that met a bound.
    pub bounds_met: IntCounterVec,
    /// Limits that were met, by name, whose they are and whether they refused.
    pub limits_met: IntCounterVec,
    /// How it is with windows that nodes share.
    pub shared: SharedMetrics,
    /// Policy reloads by result: `swapped` or `kept`.
    pub policy_reloads: IntCounterVec,
    /// 1 for the version of policy in force.
    pub policy_version: IntGaugeVec,
    /// 1 while what lies in the policy folder cannot be used, and an older policy is in force.
    pub policy_rejected: IntGauge,
    /// Usage rows of refused requests that the store had no room for.
    pub usage_rows_lost: IntCounter,
    /// Clients that left before their answer was ready.
    pub clients_gone: IntCounter,
    /// Settlements that could not be written after the answer had been sent.
    pub settlements_lost: IntCounter,
}

impl Metrics {
    /// All of them, registered, at zero; so many workspaces may have series of their own.
    #[expect(clippy::too_many_lines, reason = "it is a table: one metric a row")]
    pub(super) fn new(workspaces_named_max: usize) -> Result<Self, prometheus::Error> {
        let r = Registry::new();
        process::register(&r)?;
        let metrics = Self {
            budgets: BudgetMetrics::new(&r)?,
            offerings: OfferingMetrics::new(&r)?,
            pictures: PictureMetrics::new(&r)?,
            prices: PriceMetrics::new(&r)?,
            admin_requests: counters(
                &r,
                "pixelgate_admin_requests_total",
                "Requests to the admin API, by route and outcome",
                &["route", "outcome"],
            )?,
            room: RoomMetrics::new(&r)?,
            rules: RuleMetrics::new(&r)?,
            shadow: ShadowMetrics::new(&r)?,
            store: StoreMetrics::new(&r)?,
            stuck: StuckMetrics::new(&r)?,
            traces: TraceMetrics::new(&r)?,
            workspaces: WorkspaceMetrics::new(&r, workspaces_named_max)?,
            answers: AnswerMetrics::new(&r)?,
            requests: counters(
                &r,
                "pixelgate_requests_total",
                "Requests answered",
                &["dialect", "outcome"],
            )?,
            refusals: counters(
                &r,
                "pixelgate_refusals_total",
                "Refusals by code and blame",
                &["code", "blame"],
            )?,
            images: counters(
                &r,
                "pixelgate_images_total",
                "Pictures delivered",
                &["model", "offering"],
            )?,
            credits: floats(&r, "pixelgate_credits_total", "Credits charged", &["model"])?,
            cost: floats(
                &r,
                "pixelgate_cost_dollars_total",
                "What vendors charge us",
                &["offering"],
            )?,
            request_seconds: histograms(
                &r,
                "pixelgate_request_duration_seconds",
                "From head read to answer ready",
                &["dialect"],
                VENDOR_BUCKETS,
            )?,
            overhead_seconds: histograms(
                &r,
                "pixelgate_overhead_seconds",
                "Our own share: all, less vendors and store",
                &["dialect"],
                OWN_BUCKETS,
            )?,
            store_seconds: histogram(
                &r,
                "pixelgate_store_duration_seconds",
                "Waiting for the store to be durable, per request",
                OWN_BUCKETS,
            )?,
            vendor_seconds: histograms(
                &r,
                "pixelgate_vendor_duration_seconds",
                "One exchange with a vendor",
                &["vendor", "outcome"],
                VENDOR_BUCKETS,
            )?,
            outcomes_unknown: counters(
                &r,
                "pixelgate_outcomes_unknown_total",
                "Exchanges that may have been billed without our knowing",
                &["vendor"],
            )?,
            hedges: counter(
                &r,
                "pixelgate_hedges_total",
                "Requests for which a second vendor was asked beside a slow first",
            )?,
            jobs: counters(
                &r,
                "pixelgate_jobs_total",
                "Jobs by what happened to them: accepted, resumed, or how they ended",
                &["event"],
            )?,
            jobs_open: gauge(&r, "pixelgate_jobs_open", "Jobs that have not ended")?,
            jobs_running: gauge(&r, "pixelgate_jobs_running", "Jobs being worked on now")?,
            webhooks: WebhookMetrics::new(&r)?,
            replays: counters(
                &r,
                "pixelgate_replays_total",
                "Repeats that were told what the first came to",
                &["how"],
            )?,
            answers_bytes: gauge(
                &r,
                "pixelgate_answers_kept_bytes",
                "Bytes of answers that are kept for repeats",
            )?,
            answers_not_kept: counters(
                &r,
                "pixelgate_answers_not_kept_total",
                "Answers that are not kept for repeats, by why",
                &["why"],
            )?,
            holds_open: gauge(&r, "pixelgate_holds_open", "Holds that have not ended")?,
            ledger_audits: counters(
                &r,
                "pixelgate_ledger_audits_total",
                "Proofs of the books by result",
                &["result"],
            )?,
            ledger_faults: gauge(
                &r,
                "pixelgate_ledger_audit_faults",
                "Faults that the last proof of the books found",
            )?,
            log_lines_lost: counter(
                &r,
                "pixelgate_log_lines_lost_total",
                "Lines of the log that were lost, because nobody read those before them",
            )?,
            in_flight: gauge(&r, "pixelgate_in_flight_requests", "Requests being served now")?,
            in_flight_bytes: gauge(
                &r,
                "pixelgate_in_flight_bytes",
                "Bytes of request bodies held now",
            )?,
            connections: gauge(&r, "pixelgate_connections", "Open connections of clients")?,
            bounds_met: counters(
                &r,
                "pixelgate_bounds_met_total",
                "Requests that met a bound, by its name in config",
                &["bound"],
            )?,
            limits_met: counters(
                &r,
                "pixelgate_limits_met_total",
                "Limits of policy that were met: refused, or would have (shadow)",
                &["limit", "of", "mode"],
            )?,
            shared: SharedMetrics::new(&r)?,
            policy_reloads: counters(
                &r,
                "pixelgate_policy_reloads_total",
                "Policy reloads by result",
                &["result"],
            )?,
            policy_version: gauges(
                &r,
                "pixelgate_policy_version",
                "1 for the version of policy in force",
                &["version"],
            )?,
            policy_rejected: gauge(
                &r,
                "pixelgate_policy_rejected",
                "Whether the policy on disk cannot be used: then an older one is in force",
            )?,
            usage_rows_lost: counter(
                &r,
                "pixelgate_usage_rows_lost_total",
                "Usage rows of refused requests that the store had no room for",
            )?,
            clients_gone: counter(
                &r,
                "pixelgate_clients_gone_total",
                "Clients that left before their answer was ready",
            )?,
            settlements_lost: counter(
                &r,
                "pixelgate_settlements_lost_total",
                "Settlements that could not be written after the answer had been sent",
            )?,
            registry: r,
        };
        metrics.begin_at_zero();
        Ok(metrics)
    }

    /// What alerts look at is there from the start: an increase does not see a series begin.
    fn begin_at_zero(&self) {
        for result in ["swapped", "kept"] {
            self.policy_reloads.with_label_values(&[result]);
        }
        for result in ["balanced", "faulty", "failed"] {
            self.ledger_audits.with_label_values(&[result]);
        }
        for outcome in ["passed", "denied", "failed"] {
            self.rules.moderations.with_label_values(&[outcome]);
        }
    }

    pub(super) const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// A request met this bound.
    pub fn bound_met(&self, bound: Bound) {
        self.bounds_met_often(bound, 1);
    }

    /// The same, so many times since the last look.
    pub fn bounds_met_often(&self, bound: Bound, times: u64) {
        self.bounds_met.with_label_values(&[bound.name()]).inc_by(times);
    }

    /// A limit of policy was met.
    pub fn limit_met(&self, limit: &str, of: &str, mode: &str) {
        self.limits_met.with_label_values(&[limit, of, mode]).inc();
    }

    /// This policy is in force, and no other. What it names has its series from now on, at zero.
    pub fn policy_in_force(&self, policy: &Policy) {
        self.policy_version.reset();
        self.policy_version.with_label_values(&[&*policy.version]).set(1);
        self.policy_rejected.set(0);
        for rule in policy.rules.all() {
            self.rules.rules.with_label_values(&[&*rule.name, "failed"]);
        }
        for model in policy.models.keys() {
            for what in ["price", "cost"] {
                self.prices.unpriced.with_label_values(&[&**model, what]);
            }
        }
        for budget in policy.budgets.keys() {
            self.budgets.refused.with_label_values(&[budget]);
        }
    }
}
