//! The watchdog's own thread: it looks whether anything is stuck, and tells systemd that all is well
//! for as long as it is. What is stuck cannot say so, so nothing here waits for the runtime.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use crate::gateway::Gateway;

use super::systemd::Systemd;

#[cfg(test)]
mod tests;

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A watchdog that looks until this is dropped.
pub(super) struct Watchdog {
    system: Option<Arc<Systemd>>,
    _looks: Sender<()>,
}

impl Watchdog {
    /// Looks from here on.
    pub(super) fn begin(gateway: &Arc<Gateway>) -> io::Result<Self> {
        let system = Systemd::find().map(Arc::new);
        let (looks, told) = channel();
        let (gateway, telling) = (Arc::clone(gateway), system.clone());
        thread::Builder::new().name("watchdog".to_owned()).spawn(move || {
            keep_looking((LOOK_EVERY, &told), telling.as_deref(), || gateway.look_for_stuck());
        })?;
        Ok(Self { system, _looks: looks })
    }

    /// Everything is served from here on.
    pub(super) fn serves(&self) {
        self.tell("READY=1\nSTATUS=serving");
    }

    /// Nothing new is begun any more.
    pub(super) fn stops(&self) {
        self.tell("STOPPING=1\nSTATUS=finishing what is in flight");
    }

    fn tell(&self, state: &str) {
        if let Some(system) = &self.system {
            system.tell(state);
        }
    }
}

/// Looks until nobody is there to tell it to end; systemd hears of every look that finds all well.
fn keep_looking(
    (every, told): (Duration, &Receiver<()>),
    system: Option<&Systemd>,
    look: impl Fn() -> bool,
) {
    while told.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
        let is_well = look();
        if let Some(system) = system.filter(|_| is_well) {
            system.tell("WATCHDOG=1");
        }
    }
}
