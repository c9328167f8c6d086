//! The process of a world: how it is told to stop, and what it says.

use std::process::Command;
use std::time::Duration;

use super::World;

impl World {
    /// Tells it to stop, and waits until it has.
    pub(crate) fn stop(&mut self) -> std::process::ExitStatus {
        self.signal("-TERM");
        self.has_stopped()
    }

    /// Waits until it has stopped, having been told to.
    pub(crate) fn has_stopped(&mut self) -> std::process::ExitStatus {
        self.process.wait().unwrap()
    }

    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.process.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// The first log line from now on that holds this; fails after ten silent seconds.
    pub(crate) fn log_line(&self, with: &str) -> String {
        loop {
            let line = self.log.recv_timeout(Duration::from_secs(10));
            let line = line.unwrap_or_else(|_| panic!("no log line with {with}"));
            if line.contains(with) {
                return line;
            }
        }
    }

    /// Every log line that nobody has taken, of a gateway that has stopped.
    pub(crate) fn rest_of_log(&self) -> Vec<String> {
        self.log.iter().collect()
    }

    /// The process, as the system names it.
    pub(crate) fn process_id(&self) -> u32 {
        self.process.id()
    }
}
