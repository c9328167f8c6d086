//! Faults of three gateways that share a PostgreSQL, and a Redis.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tempfile::NamedTempFile;

use crate::server::{Server, database_of};
use crate::world::World;

use super::arena::{Arena, HOLDS_END_MS, is_served_again, until};
use super::audit::Rows;
use super::load::Load;
use super::proxy::{Mode, Proxy};
use super::table::Row;
use super::weather::Weather;

/// Clients at each of the gateways.
const CLIENTS: usize = 6;

/// Requests that a plan may make in five minutes, where Redis counts them.
const ADMITTED_MAX: usize = 200;

/// A server of PostgreSQL in a weather of its own.
pub(crate) struct Shared {
    pub(crate) server: Server,
    weather: Arc<Weather>,
}

/// Three gateways on one database, over a wire.
struct Nodes<'a> {
    shared: &'a Shared,
    arena: Arena,
    database: String,
    wire: Proxy,
    worlds: Vec<World>,
    weather: Weather,
    _secret: NamedTempFile,
}

impl Shared {
    pub(crate) fn begin(seed: u64) -> Self {
        let weather = Arc::new(Weather::fair(seed));
        let server = Server::begin_in("off", weather.environment());
        Self { server, weather }
    }
}

/// Host and port of an address.
fn place(address: &str) -> &str {
    address.split(['@', '/']).nth(3).unwrap()
}

impl<'a> Nodes<'a> {
    async fn on(shared: &'a Shared, fault: &'static str, seed: u64, config: &str) -> Self {
        let mut arena = Arena::of(fault, seed).await;
        arena.admitted_max = config.contains("limits.redis").then_some(ADMITTED_MAX);
        shared.weather.set_clock(0);
        let address = tokio::task::block_in_place(|| shared.server.new_database());
        let place = place(&address);
        let wire = Proxy::before(place.parse().unwrap()).await;
        let mut secret = NamedTempFile::new().unwrap();
        let over_wire = address.replace(place, &format!("127.0.0.1:{}", wire.port));
        secret.write_all(over_wire.as_bytes()).unwrap();
        let config = format!(
            "store.postgres = \"file:{}\"\nmedia.place = \"s3://nowhere\"\n\
             media.s3_endpoint = \"http://127.0.0.1:9\"\n{config}",
            secret.path().display()
        );
        let weather = Weather::fair(seed);
        let one = arena.world(&weather, &config);
        let worlds =
            tokio::task::block_in_place(|| vec![one.another_node(), one.another_node(), one]);
        let database = database_of(&address).to_owned();
        Self { shared, arena, database, wire, worlds, weather, _secret: secret }
    }

    fn load(&self) -> Load {
        Load::on(&self.worlds, CLIENTS)
    }

    /// Whatever struck is over: all gateways serve again, and nobody lent a hand.
    async fn recover(&self) {
        for world in &self.worlds {
            is_served_again(world).await;
        }
    }

    /// All holds expire by the database's clock, the books verify.
    async fn row(self) -> Row {
        let rows = Rows::In(&self.shared.server, self.database);
        self.shared.weather.set_clock(2 * HOLDS_END_MS);
        until("all holds end", || async { rows.open_holds() == 0 }).await;
        self.worlds[0].verify();
        self.shared.weather.set_clock(0);
        self.arena.row(&rows)
    }
}

/// `PostgreSQL` is stopped as by a power cut, and started again.
pub(crate) async fn restarted(shared: &Shared, seed: u64, times: u32) -> Row {
    let mut nodes = Nodes::on(shared, "Postgres restarted", seed, "").await;
    for _ in 0..times {
        let load = nodes.load();
        nodes.arena.calls_go_on(30).await;
        nodes.arena.strikes(&load);
        let away_ms = nodes.arena.chances.between(0, 1_500);
        tokio::task::block_in_place(|| shared.server.stop());
        tokio::time::sleep(Duration::from_millis(away_ms.into())).await;
        tokio::task::block_in_place(|| shared.server.start());
        nodes.arena.calls_go_on(30).await;
        nodes.arena.end(load).await;
    }
    nodes.recover().await;
    nodes.row().await
}

/// The server dies, and the one that followed it takes its place: commits wait for both, so that what was
/// told stands there too, and of what was under way nobody can know but by asking it.
pub(crate) async fn failed_over(seed: u64, times: u32) -> Row {
    // They live as long as the tests: a server that died is not started again.
    let keep = |shared| -> &'static Shared { Box::leak(Box::new(shared)) };
    let shared = tokio::task::block_in_place(|| keep(Shared::begin(seed)));
    let mut nodes = Nodes::on(shared, "Postgres failed over", seed, "").await;
    for _ in 0..times {
        let standby = tokio::task::block_in_place(|| nodes.shared.server.standby());
        let load = nodes.load();
        nodes.arena.calls_go_on(30).await;
        nodes.arena.strikes(&load);
        let dead = nodes.shared;
        tokio::task::block_in_place(|| {
            dead.server.stop();
            standby.promote();
        });
        nodes.wire.leads_to(place(&standby.address("postgres")).parse().unwrap());
        nodes.shared = keep(Shared { server: standby, weather: Arc::clone(&dead.weather) });
        nodes.arena.calls_go_on(30).await;
        nodes.arena.end(load).await;
    }
    nodes.recover().await;
    nodes.row().await
}

/// The wire falls silent: for less than a round trip is waited for, and for longer.
pub(crate) async fn partitioned(shared: &Shared, seed: u64, times: u32) -> Row {
    let mut nodes = Nodes::on(shared, "Postgres partitioned", seed, "").await;
    for time in 0..times {
        let load = nodes.load();
        nodes.arena.calls_go_on(30).await;
        nodes.arena.strikes(&load);
        nodes.wire.set(Mode::Silent);
        let silent = Duration::from_secs(if time % 2 == 0 { 2 } else { 13 });
        tokio::time::sleep(silent).await;
        nodes.wire.set(Mode::Flows);
        nodes.arena.calls_go_on(30).await;
        nodes.arena.end(load).await;
    }
    nodes.recover().await;
    nodes.row().await
}

/// The wire is slow.
pub(crate) async fn slow(shared: &Shared, seed: u64, times: u32) -> Row {
    let mut nodes = Nodes::on(shared, "Postgres slow", seed, "").await;
    for _ in 0..times {
        let load = nodes.load();
        nodes.arena.calls_go_on(30).await;
        nodes.arena.strikes(&load);
        let delay_ms = nodes.arena.chances.between(20, 300);
        nodes.wire.set(Mode::Slow(Duration::from_millis(delay_ms.into())));
        nodes.arena.calls_go_on(20).await;
        nodes.wire.set(Mode::Flows);
        nodes.arena.end(load).await;
    }
    nodes.recover().await;
    nodes.row().await
}

/// One of three gateways is killed in mid-flight, the others serve on.
pub(crate) async fn one_killed(shared: &Shared, seed: u64, times: u32) -> Row {
    let mut nodes = Nodes::on(shared, "one node of three killed", seed, "").await;
    for _ in 0..times {
        let load = nodes.load();
        let calls = nodes.arena.chances.between(10, 60);
        nodes.arena.calls_go_on(calls).await;
        nodes.arena.strikes(&load);
        let dying = nodes.worlds.remove(0);
        let risen = tokio::task::block_in_place(|| dying.kill_and_restart());
        nodes.worlds.push(risen);
        nodes.arena.calls_go_on(30).await;
        nodes.arena.end(load).await;
    }
    nodes.recover().await;
    nodes.row().await
}

/// The clocks of the database and of one gateway jump, both ways.
pub(crate) async fn jumped(shared: &Shared, seed: u64, times: u32) -> Row {
    let mut nodes = Nodes::on(shared, "clocks jump, three nodes", seed, "").await;
    let load = nodes.load();
    for time in 0..times {
        nodes.arena.calls_go_on(30).await;
        nodes.arena.strikes(&load);
        // Less than holds live, so that they do not all end here, and more.
        let ahead_ms = i64::from(nodes.arena.chances.between(0, 240_000)) - 120_000;
        let weather = if time % 2 == 0 { &nodes.weather } else { &shared.weather };
        weather.set_clock(ahead_ms);
        tokio::time::sleep(Duration::from_millis(1_100)).await;
    }
    nodes.weather.set_clock(0);
    shared.weather.set_clock(0);
    nodes.arena.calls_go_on(30).await;
    nodes.arena.end(load).await;
    nodes.row().await
}

/// What becomes of Redis.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RedisFault {
    Restarted,
    Flushed,
    Partitioned,
}

/// Redis forgets or is silent: the limit holds, and money has nothing to do with it.
pub(crate) async fn redis(shared: &Shared, (seed, times): (u64, u32), fault: RedisFault) -> Row {
    let named = match fault {
        RedisFault::Restarted => "Redis restarted",
        RedisFault::Flushed => "Redis flushed",
        RedisFault::Partitioned => "Redis partitioned",
    };
    let mut redis = Redis::start();
    let wire = Proxy::before(redis.address).await;
    let config = format!(
        "limits.redis = \"redis://127.0.0.1:{}\"\nlimits.redis_deadline = \"500ms\"\n",
        wire.port
    );
    let mut nodes = Nodes::on(shared, named, seed, &config).await;
    let load = nodes.load();
    nodes.arena.calls_go_on(40).await;
    for _ in 0..times {
        nodes.arena.strikes(&load);
        match fault {
            RedisFault::Restarted => redis.restart(),
            RedisFault::Flushed => redis.flush(),
            RedisFault::Partitioned => {
                wire.set(Mode::Silent);
                tokio::time::sleep(Duration::from_secs(2)).await;
                wire.set(Mode::Flows);
            }
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    // Served on, up to the limit and no further. What was admitted and not told in time counts.
    let mut before = 0;
    while before < nodes.arena.vendor.calls() {
        before = nodes.arena.vendor.calls();
        tokio::time::sleep(Duration::from_secs(4)).await;
    }
    nodes.arena.end(load).await;
    let mut row = nodes.row().await;
    let beyond = row.calls.1.saturating_sub(ADMITTED_MAX);
    row.findings.overspent += i64::try_from(beyond).unwrap() * 1_000_000_000;
    row
}

/// A Redis that can be ended, started again and made to forget.
struct Redis {
    process: Child,
    address: SocketAddr,
}

impl Redis {
    fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        Self { process: Self::spawn(address), address }
    }

    fn spawn(address: SocketAddr) -> Child {
        Command::new("redis-server")
            .args(["--port", &address.port().to_string(), "--bind", "127.0.0.1", "--save", ""])
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is there; `scripts/need redis-server` installs it")
    }

    fn restart(&mut self) {
        self.end();
        self.process = Self::spawn(self.address);
    }

    fn flush(&self) {
        let mut wire = std::net::TcpStream::connect(self.address).unwrap();
        wire.write_all(b"FLUSHALL\r\n").unwrap();
        let mut said = [0; 5];
        std::io::Read::read_exact(&mut wire, &mut said).unwrap();
        assert_eq!(&said, b"+OK\r\n");
    }

    fn end(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.end();
    }
}
