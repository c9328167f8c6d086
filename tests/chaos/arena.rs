//! Where faults are played: a vendor that remembers what it drew, the policy that sells it, and
//! chances that a seed decides.

use std::fmt::Write as _;
use std::time::Duration;

use tokio::time::Instant;

use crate::vendor::{Answers, FakeVendor};
use crate::world::{PAINTED, World};

use super::audit::Rows;
use super::load::{Load, Told};
use super::table::Row;
use super::weather::Weather;

/// Longer than anything may take that needs no hand.
const PATIENCE: Duration = Duration::from_secs(90);

/// Longer than any hold lives, in milliseconds.
pub(crate) const HOLDS_END_MS: i64 = 10 * 60 * 1000;

/// Numbers that look random and are the same for the same seed.
pub(crate) struct Chances(u64);

impl Chances {
    pub(crate) fn of(seed: u64, fault: &str) -> Self {
        let mixed = fault.bytes().fold(seed ^ 0x9e37_79b9_7f4a_7c15, |sum, byte| {
            (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(mixed | 1)
    }

    pub(crate) fn any(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// From `least`, and less than `most`.
    pub(crate) fn between(&mut self, least: u32, most: u32) -> u32 {
        least + u32::try_from(self.any() % u64::from(most - least)).unwrap()
    }
}

/// A vendor, and all that was asked of the gateways before it.
pub(crate) struct Arena {
    pub(crate) vendor: FakeVendor,
    pub(crate) chances: Chances,
    /// Requests of the plan in five minutes, where there is such a limit.
    pub(crate) admitted_max: Option<usize>,
    told: Vec<Told>,
    in_flight: usize,
    injected: usize,
    fault: &'static str,
}

impl Arena {
    pub(crate) async fn of(fault: &'static str, seed: u64) -> Self {
        let vendor = FakeVendor::start(Answers::OpenAi).await;
        vendor.now_takes(Duration::from_millis(20));
        let chances = Chances::of(seed, fault);
        Self {
            vendor,
            chances,
            admitted_max: None,
            told: Vec::new(),
            in_flight: 0,
            injected: 0,
            fault,
        }
    }

    /// What gateways sell here: pictures of the vendor, at one credit.
    pub(crate) fn policy(&self) -> String {
        let bounds = match self.admitted_max {
            Some(most) => format!(
                "limits = [{{ name = \"all\", requests = {most}, per = \"5m\", of = \"plan\" }}]"
            ),
            None => "concurrency_max = 1000".to_owned(),
        };
        let painted = PAINTED.replace("concurrency_max = 1000", &bounds);
        let mut policy = format!("{painted}\n{}\n", self.vendor.policy("acme", "openai"));
        write!(
            policy,
            "[models.remote]\ndeadline = \"2s\"\nprice = [{{ image = \"1\" }}]\n\
             offerings = [{{ vendor = \"acme\", sizes = [\"64x64\"], cost = [{{ image = \"1\" }}] }}]\n"
        )
        .unwrap();
        policy
    }

    /// A gateway with plenty of credits in this weather.
    pub(crate) fn world(&self, weather: &Weather, config: &str) -> World {
        let environment = weather.environment();
        let environment: Vec<(&str, &str)> =
            environment.iter().map(|(name, value)| (&**name, &**value)).collect();
        tokio::task::block_in_place(|| {
            World::with_environment(&self.policy(), "1000000", config, &environment)
        })
    }

    /// Waits until the vendor was called so often more.
    pub(crate) async fn calls_go_on(&self, calls: u32) {
        let enough = self.vendor.calls() + usize::try_from(calls).unwrap();
        until("the vendor is called", || async { self.vendor.calls() >= enough }).await;
    }

    /// The fault strikes now.
    pub(crate) fn strikes(&mut self, load: &Load) {
        self.injected += 1;
        self.in_flight += load.in_flight();
    }

    /// Takes down what everyone was told.
    pub(crate) async fn end(&mut self, load: Load) {
        self.told.extend(load.end().await);
    }

    /// The calls that the vendor drew for. A request that was cut off on its way to it has no prompt,
    /// and nothing is drawn for it.
    pub(crate) fn drawn(&self) -> Vec<u64> {
        let bodies = self.vendor.bodies();
        let prompts = bodies.iter().filter_map(|body| body["prompt"].as_str());
        prompts.map(|prompt| prompt.parse().unwrap()).collect()
    }

    /// One row of the table; all holds have ended by now.
    pub(crate) fn row(self, rows: &Rows<'_>) -> Row {
        let drawn = self.drawn();
        let served = self.told.iter().filter(|told| told.status == Some(200)).count();
        Row {
            fault: self.fault,
            injected: self.injected,
            in_flight: self.in_flight,
            calls: (self.told.len(), served),
            findings: rows.audit(&self.told, &drawn),
        }
    }
}

/// Asks a gateway of its own until it is served: it mends itself.
pub(crate) async fn is_served_again(world: &World) {
    until("the gateway serves again", || async { world.paint().await.status == 200 }).await;
}

/// All holds of the embedded store expire, and its books verify.
pub(crate) async fn holds_expire(world: &World, weather: &Weather, ahead_ms: i64) {
    weather.set_clock(ahead_ms + HOLDS_END_MS);
    let rows = Rows::Of(world);
    until("all holds end", || async { rows.open_holds() == 0 }).await;
    world.verify();
}

/// Waits until it is so; fails when that takes too long.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, is_so: impl Fn() -> F) {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < PATIENCE, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
