//! What the writer decides on: all of it, or what one batch touches of it.

use crate::ledger::Ledger;
use crate::pledge::Pledges;

use super::registry::Registry;
use super::writer::OpenJobs;

/// Credits, names of requests, workspaces and keys, and jobs, as they are in memory.
#[derive(Debug, Default)]
pub(super) struct Books {
    pub(super) ledger: Ledger,
    pub(super) pledges: Pledges,
    pub(super) registry: Registry,
    pub(super) jobs: OpenJobs,
}
