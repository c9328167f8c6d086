//! After how long something is stuck.

use std::time::Duration;

use crate::scalar::Span;

use super::ConfigError;
use super::raw::{RawWatchdog, set, wrong};

/// What is stuck, and after how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watchdog {
    /// A request, past its own deadline.
    pub request_grace: Duration,
    /// A writer of the store that comes to an end of nothing.
    pub store_writer: Duration,
    /// A process that does not get round to what is due.
    pub runtime: Duration,
}

impl RawWatchdog {
    pub(super) fn build(self) -> Result<Watchdog, ConfigError> {
        Ok(Watchdog {
            request_grace: bound("watchdog.request_grace", self.request_grace)?,
            store_writer: bound("watchdog.store_writer", self.store_writer)?,
            runtime: bound("watchdog.runtime", self.runtime)?,
        })
    }
}

fn bound(place: &'static str, value: Option<Span>) -> Result<Duration, ConfigError> {
    match set(place, value)?.0 {
        Duration::ZERO => Err(wrong(place, "is 0, and everything would be stuck; give \"30s\"")),
        bound => Ok(bound),
    }
}
