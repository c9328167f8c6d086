//! What is done for as long as the gateway runs: each under a name, and none of it may end before.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use tokio::task::JoinSet;

use crate::gateway::Gateway;

use super::CliError;
use super::watchdog::Watchdog;

/// Tasks that end with the process, and who looks whether they do.
pub(super) struct Background {
    gateway: Arc<Gateway>,
    tasks: JoinSet<()>,
    /// Those that one process does for a folder at a time.
    house: JoinSet<()>,
    watchdog: Watchdog,
}

impl Background {
    /// Looks whether this gateway is stuck, and does nothing else yet.
    pub(super) fn begin(gateway: &Arc<Gateway>) -> Result<Self, CliError> {
        let watchdog = Watchdog::begin(gateway)
            .map_err(|source| CliError::System { what: "begin the watchdog", source })?;
        let mut begun = Self {
            gateway: Arc::clone(gateway),
            tasks: JoinSet::new(),
            house: JoinSet::new(),
            watchdog,
        };
        begun.spawn("beat", Arc::clone(gateway).beat());
        Ok(begun)
    }

    /// Does this until the process ends. If it ends before, by a panic too, that is told.
    pub(super) fn spawn(
        &mut self,
        name: &'static str,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        self.tasks.spawn(watched(Arc::clone(&self.gateway), name, work));
    }

    /// The same for what another process does from when it takes over.
    pub(super) fn keep_house(
        &mut self,
        name: &'static str,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        self.house.spawn(watched(Arc::clone(&self.gateway), name, work));
    }

    /// Leaves that to another process.
    pub(super) async fn keep_no_house(&mut self) {
        self.house.shutdown().await;
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
        self.house.shutdown().await;
        self.tasks.shutdown().await;
    }
}

/// The same work, whose end is told if it comes by itself.
async fn watched(gateway: Arc<Gateway>, name: &'static str, work: impl Future<Output = ()>) {
    let ended = AssertUnwindSafe(work).catch_unwind().await;
    gateway.has_ended(name, ended.is_err());
}
