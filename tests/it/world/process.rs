//! The process of a world: how it is told to stop, and what it says.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use super::{World, begin, serving};

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

    /// Starts another process that takes over; returns the one that served until then.
    pub(crate) fn hand_over(&mut self) -> Before {
        let before = self.begin_to_hand_over();
        self.still_serves();
        before
    }

    /// So many processes take over from each other, each begun when the one before the last has ended, whether or not
    /// the last serves by then.
    pub(crate) fn hand_on(&mut self, times: usize) {
        for _ in 0..times {
            self.begin_to_hand_over().ends_well();
        }
        self.still_serves();
    }

    /// Starts the gateway again as a process whose log nobody reads, once it has said where it serves.
    pub(crate) fn restart_unread(&mut self) -> Unread {
        assert!(self.stop().success());
        let mut process = Command::new(env!("CARGO_BIN_EXE_pixelgate"))
            .args(["serve", "--config"])
            .arg(self.folder.path().join("gateway.toml"))
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap());
        let public = loop {
            let mut line = String::new();
            assert!(log.read_line(&mut line).unwrap() > 0, "it did not start");
            let line: serde_json::Value = serde_json::from_str(&line).unwrap();
            if let Some(public) = line["public_address"].as_str() {
                break format!("http://{public}");
            }
        };
        Unread { process, public, _log: log }
    }

    fn begin_to_hand_over(&mut self) -> Before {
        let environment: Vec<(&str, &str)> =
            self.environment.iter().map(|(name, value)| (&**name, &**value)).collect();
        let config = self.folder.path().join("gateway.toml");
        let (process, log) = begin(&config, &environment, &["--take-over"]);
        let log = std::mem::replace(&mut self.log, log);
        Before { process: std::mem::replace(&mut self.process, process), log }
    }

    fn still_serves(&self) {
        let (public, admin) = serving(&self.log);
        assert_eq!((&public, &admin), (&self.public, &self.admin), "the same listeners");
    }
}

/// A process whose log nobody reads.
pub(crate) struct Unread {
    process: Child,
    /// Where it serves.
    pub(crate) public: String,
    _log: BufReader<ChildStderr>,
}

impl Unread {
    /// It is told to stop, and does.
    pub(crate) fn ends_well(mut self) {
        let told = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status();
        assert!(told.unwrap().success());
        let ended = self.process.wait().unwrap();
        assert!(ended.success(), "{ended}");
    }
}

/// A process that another took over from.
pub(crate) struct Before {
    process: Child,
    log: Receiver<String>,
}

impl Before {
    /// It has finished what was in flight, and ended.
    pub(crate) fn ends_well(mut self) {
        let ended = self.process.wait().unwrap();
        assert!(ended.success(), "{ended}: {:#?}", self.log.iter().collect::<Vec<_>>());
    }
}
