//! A real server, held against the windows in memory and against a count that knows nothing of either.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::clock::Now;
use crate::config::{Lost as Policy, RedisAddress};
use crate::limit::{Bounds, Limit, Of, Unit, Whose};

mod histories;
mod nodes;
mod owed;

/// A server of one's own, which ends with the test.
struct Server {
    process: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Server {
    fn start() -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let process = launch(port, folder.path());
        Self { process, port, folder }
    }

    fn address(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Ends it without a word and starts it again, empty.
    fn restart(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.process = launch(self.port, self.folder.path());
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.process.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    fn connection(&self) -> redis::Connection {
        redis::Client::open(self.address()).unwrap().get_connection().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[expect(clippy::zombie_processes, reason = "the server waits for it when it goes")]
fn launch(port: u16, folder: &std::path::Path) -> Child {
    let process = Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
        .args(["--appendonly", "no", "--dir"])
        .arg(folder)
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server is there; `scripts/need redis-server` installs it");
    let client = redis::Client::open(format!("redis://127.0.0.1:{port}")).unwrap();
    let is_there = || client.get_connection().is_ok();
    for _ in 0..1000 {
        if is_there() {
            return process;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("redis-server did not start");
}

fn settings(server: &Server, lost: Policy) -> Redis {
    Redis {
        address: RedisAddress::Known(server.address()),
        lost,
        deadline: Duration::from_millis(500),
        in_flight_max: 64,
    }
}

fn limit(unit: Unit, most: u64, window_ms: u64, of: Of, shadow: bool) -> Limit {
    let name = format!("{} {most} {window_ms} {} {shadow}", unit.name(), of.name());
    Limit { name, unit, most, window: Duration::from_millis(window_ms), of, shadow }
}

fn ask(bounds: &[Arc<Bounds>], key: &str, weight: Weight) -> Ask {
    let workspace = if key == "c" { "v" } else { "w" };
    let whose = Whose { key, workspace, plan: "p" };
    let places = bounds.iter().map(|one| (one.subject(whose), Arc::clone(one)));
    Ask { places: places.collect(), weight }
}

fn one(nanos: u64) -> Weight {
    Weight { images: 1, pixels: 7, nanos }
}

const fn at(tick_ms: u64) -> Now {
    Now { unix_ms: 0, tick_ms }
}
