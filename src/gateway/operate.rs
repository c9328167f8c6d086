//! What operators do with a gateway that runs: offerings in and out of use, jobs of anybody ended,
//! policy read again.

use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::catalog::Model;
use crate::job::{Job, State};
use crate::reload::Look;
use crate::routing::HealthView;
use crate::store::{Drain, StoreError};

use super::{Gateway, refuse};

/// How often a node looks what other nodes have taken out of use.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// One offering of one model, and how it has been doing.
#[derive(Clone, Debug)]
pub struct OfferingStanding {
    /// The public name of the model.
    pub model: String,
    /// Its name in policy.
    pub offering: String,
    /// Who sells it.
    pub vendor: String,
    /// The vendor's own name for the model.
    pub vendor_model: String,
    /// Whether it serves test keys.
    pub for_tests: bool,
    /// Whether its credential is there.
    pub is_connected: bool,
    /// What has been seen of it.
    pub health: HealthView,
    /// Until it may be asked again, where it rests.
    pub rests_for: Option<Duration>,
    /// Who took it out of use, since when and why.
    pub drain: Option<Drain>,
}

impl Gateway {
    /// Every offering of the policy in force, and how it has been doing in this process.
    pub fn offerings(&self) -> Vec<OfferingStanding> {
        let policy = self.policy.current();
        policy.models.values().flat_map(|model| self.offerings_of(model)).collect()
    }

    fn offerings_of(&self, model: &Model) -> Vec<OfferingStanding> {
        let (now, drained) = (self.clock.now(), self.health.drained());
        let own = model.offerings.iter().map(|offering| (offering, false));
        let tests = model.test_offering.iter().map(|offering| (offering, true));
        let is_listed = |name: &str| model.offerings.iter().any(|own| own.name == name);
        let all = own.chain(tests.filter(|(offering, _)| !is_listed(&offering.name)));
        let standing =
            |(offering, for_tests): (&std::sync::Arc<crate::catalog::Offering>, bool)| {
                let health = self.health.view(&offering.name, now);
                OfferingStanding {
                    model: model.name.clone(),
                    offering: offering.name.clone(),
                    vendor: offering.vendor.name.clone(),
                    vendor_model: offering.vendor_model.clone(),
                    for_tests,
                    is_connected: offering.vendor.secret_missing.is_none(),
                    rests_for: health.rests_for(now),
                    health,
                    drain: drained.get(&offering.name).cloned(),
                }
            };
        all.map(standing).collect()
    }

    /// Takes up what is out of use by now.
    pub async fn look_at_drains(&self) -> Result<(), StoreError> {
        self.health.set_drained(self.store.drains().await?);
        Ok(())
    }

    /// The same now and again, where other nodes may change it. Ends with its task.
    pub async fn follow_drains(&self) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            if let Err(error) = self.look_at_drains().await {
                let error = refuse::chain(&error);
                tracing::debug!(error, "what other nodes drained cannot be looked at");
            }
        }
    }

    /// The wish that a job be ended, whoever's it is; as it stands after that. `None` when there is
    /// no such job.
    pub fn cancel_job_of_anyone<'a>(
        &'a self,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Job>, StoreError>> {
        Box::pin(async move {
            let Some(job) = self.store.job(id).await? else { return Ok(None) };
            if job.state.is_end() {
                return Ok(Some(job));
            }
            let job = self.store.cancel_job(job.id).await?;
            self.wish_ended(&job).await;
            if job.state == State::Queued { self.store.job(id).await } else { Ok(Some(job)) }
        })
    }

    /// Reads policy again at once, and says what came of it. Waits on the disk.
    pub fn look_at_policy(&self) -> Look {
        let look = self.policy.look(true);
        self.tell_of_policy(&look);
        look
    }

    /// What a look at the policy folder means for everything else.
    pub fn tell_of_policy(&self, look: &Look) {
        let metrics = self.telemetry.metrics();
        match look {
            Look::Same => {}
            Look::Swapped(policy) => {
                metrics.policy_reloads.with_label_values(&["swapped"]).inc();
                metrics.policy_in_force(policy);
                self.store.set_allowances(policy.allowances());
                tracing::info!(policy_version = &*policy.version, "a new policy is in force");
                for warning in &policy.warnings {
                    tracing::warn!(warning, "policy");
                }
            }
            Look::Kept(error) => {
                metrics.policy_reloads.with_label_values(&["kept"]).inc();
                metrics.policy_rejected.set(1);
                tracing::error!(%error, "the policy on disk cannot be used; the old one stays in force");
            }
        }
    }
}
