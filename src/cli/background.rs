//! What is done for as long as the gateway runs: each under a name, and none of it may end before.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use tokio::task::JoinSet;

use crate::gateway::Gateway;

use super::CliError;
use super::watchdog::Watchdog;

/// Tasks that end when they are told to, and never by themselves.
pub(super) struct Tasks {
    gateway: Arc<Gateway>,
    tasks: JoinSet<()>,
}

/// Tasks that end with the process, and who looks whether it goes on.
pub(super) struct Background {
    tasks: Tasks,
    /// Those that another process does from when it takes over.
    chores: Tasks,
    watchdog: Watchdog,
}

impl Tasks {
    /// None yet.
    pub(super) fn of(gateway: &Arc<Gateway>) -> Self {
        Self { gateway: Arc::clone(gateway), tasks: JoinSet::new() }
    }

    /// Does this until [`Tasks::shutdown`]. If it ends before, by a panic too, that is told.
    pub(super) fn spawn(
        &mut self,
        name: &'static str,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        let gateway = Arc::clone(&self.gateway);
        self.tasks.spawn(async move {
            let ended = AssertUnwindSafe(work).catch_unwind().await;
            gateway.has_ended(name, ended.is_err());
        });
    }

    /// Ends all of it, wherever it is.
    pub(super) async fn shutdown(&mut self) {
        self.tasks.shutdown().await;
    }
}

impl Background {
    /// Looks whether this gateway is stuck, and does nothing else yet.
    pub(super) fn begin(gateway: &Arc<Gateway>) -> Result<Self, CliError> {
        let watchdog = Watchdog::begin(gateway)
            .map_err(|source| CliError::System { what: "begin the watchdog", source })?;
        let mut begun = Self { tasks: Tasks::of(gateway), chores: Tasks::of(gateway), watchdog };
        begun.spawn("beat", Arc::clone(gateway).beat());
        Ok(begun)
    }

    /// Does this until the process ends.
    pub(super) fn spawn(
        &mut self,
        name: &'static str,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        self.tasks.spawn(name, work);
    }

    /// Does this until the process ends, or another takes over.
    pub(super) fn keep_house(
        &mut self,
        name: &'static str,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        self.chores.spawn(name, work);
    }

    /// Leaves to another process what one process does for a folder.
    pub(super) async fn keep_no_house(&mut self) {
        self.chores.shutdown().await;
    }

    /// Everything is served from here on.
    pub(super) fn serves(&self) {
        self.watchdog.serves();
    }

    /// Nothing new is begun any more.
    pub(super) fn stops(&self) {
        self.watchdog.stops();
    }

    /// Ends all of it, wherever it is.
    pub(super) async fn shutdown(&mut self) {
        self.chores.shutdown().await;
        self.tasks.shutdown().await;
    }
}
