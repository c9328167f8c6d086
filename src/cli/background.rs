//! What is done for as long as the gateway runs: each under a name, and none of it may end before.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use tokio::task::JoinSet;

use crate::gateway::Gateway;

/// Tasks that end with the process.
pub(super) struct Background {
    gateway: Arc<Gateway>,
    tasks: JoinSet<()>,
}

impl Background {
    /// None yet.
    pub(super) fn new(gateway: &Arc<Gateway>) -> Self {
        Self { gateway: Arc::clone(gateway), tasks: JoinSet::new() }
    }

    /// Does this until the process ends. If it ends before, by a panic too, that is told.
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
