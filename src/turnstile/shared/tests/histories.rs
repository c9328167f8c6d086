//! The same random histories, played into memory and into a real server: every answer is equal.
//!
//! The server's clock is replaced by a key, so that a history can be played at its own pace;
//! everything else is as it is served.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;
use crate::limit::Ticket;
use crate::turnstile::memory::{Memory, Seat};

#[derive(Clone, Debug)]
enum Event {
    Ask {
        key: usize,
        weight: Weight,
        after_ms: u64,
        keeps_lease: bool,
    },
    /// The same, so many times at once.
    AskOften {
        key: usize,
        images: u32,
        times: usize,
    },
    /// A reload: what binds everyone is this of all that may.
    Bind(prop::sample::Index),
    TakeBack(prop::sample::Index),
    Less(prop::sample::Index, u64),
    Finish(prop::sample::Index),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let index = any::<prop::sample::Index>;
    let asks = (0_usize..3, 1_u32..5, 0_u64..40, 0_u64..6, 0_u64..25, any::<bool>());
    let asks = asks.prop_map(|(key, images, pixels, nanos, after_ms, keeps_lease)| Event::Ask {
        key,
        weight: Weight { images, pixels, nanos },
        after_ms,
        keeps_lease,
    });
    let event = prop_oneof![
        8 => asks,
        1 => index().prop_map(Event::TakeBack),
        1 => (index(), 0_u64..6).prop_map(|(index, nanos)| Event::Less(index, nanos)),
        1 => index().prop_map(Event::Finish),
    ];
    prop::collection::vec(event, 1..60)
}

/// Hours, in which stamps are forgotten for their age and for their number, and reloads.
fn long_events() -> impl Strategy<Value = Vec<Event>> {
    let index = any::<prop::sample::Index>;
    let images = prop_oneof![3 => 1_u32..5, 1 => 300_u32..900];
    let asks = (0_usize..2, images, 0_u64..6, 0_u64..2_400_000);
    let asks = asks.prop_map(|(key, images, nanos, after_ms)| Event::Ask {
        key,
        weight: Weight { images, pixels: 3, nanos },
        after_ms,
        keeps_lease: true,
    });
    let often = (0_usize..2, 1_u32..4, 190_usize..230);
    let event = prop_oneof![
        16 => asks,
        1 => often.prop_map(|(key, images, times)| Event::AskOften { key, images, times }),
        8 => index().prop_map(Event::Bind),
        2 => index().prop_map(Event::TakeBack),
        1 => (index(), 0_u64..6).prop_map(|(index, nanos)| Event::Less(index, nanos)),
    ];
    prop::collection::vec(event, 1..40)
}

/// What binds everyone, one after the other: the same few units and windows, now large, now small.
fn many_bounds() -> impl Strategy<Value = Vec<Vec<Arc<Bounds>>>> {
    const MINUTE: u64 = 60_000;
    let windows = prop::sample::select(vec![2 * MINUTE, 90 * MINUTE, 240 * MINUTE]);
    let unit =
        prop::sample::select(vec![Unit::Requests, Unit::Images, Unit::Images, Unit::Credits]);
    let of = prop::sample::select(vec![Of::Key, Of::Workspace]);
    let most = prop_oneof![2_u64..30, 100_u64..1_000, 2_001_u64..2_010];
    let own = (unit, most, windows, of, prop::bool::weighted(0.1));
    let own = own.prop_map(|(unit, most, ms, of, shadow)| limit(unit, most, ms, of, shadow));
    let one = prop::collection::vec(own, 0..4).prop_map(|limits| Bounds::of_plan(&limits, None));
    prop::collection::vec(one, 2..5)
}

fn bounds() -> impl Strategy<Value = Vec<Arc<Bounds>>> {
    let unit =
        prop::sample::select(vec![Unit::Requests, Unit::Images, Unit::Megapixels, Unit::Credits]);
    let of = prop::sample::select(vec![Of::Key, Of::Workspace, Of::Plan]);
    let most = prop_oneof![2_u64..30, 2_001_u64..2_010];
    let own = (unit, most, 1_u64..400, of, prop::bool::weighted(0.2));
    let own = own.prop_map(|(unit, most, ms, of, shadow)| limit(unit, most, ms, of, shadow));
    (prop::collection::vec(own, 1..5), prop::option::of(1_u32..6))
        .prop_map(|(limits, at_once)| Bounds::of_plan(&limits, at_once))
}

/// Everything that is compared of an answer: whether it passed, why not, for how long, and where its
/// caller stands.
type Told = (bool, Option<(String, Option<Duration>)>, Vec<(u64, u64, Duration)>, usize);

fn told(standings: &[crate::canonical::Standing]) -> Vec<(u64, u64, Duration)> {
    standings.iter().map(|s| (s.most, s.remaining, s.resets_in)).collect()
}

/// A request that passed both, and whether it has ended.
#[derive(Clone)]
struct Passed {
    remote: Remote,
    seats: Vec<Seat>,
    ticket: Ticket,
    is_over: bool,
}

impl Passed {
    /// The windows that counted it.
    fn counted(&self) -> impl Iterator<Item = &Seat> {
        let seats = self.seats.iter().enumerate();
        seats.filter(|(number, _)| self.ticket.counts(*number)).map(|(_, seat)| seat)
    }
}

/// The same history, asked of a server and of memory.
struct Pair {
    shared: Arc<Shared>,
    clock: redis::Connection,
    memory: Memory,
    passed: Vec<Passed>,
}

impl Pair {
    async fn ask(&mut self, ask: &Ask, keeps_lease: bool, now_ms: u64) -> (Told, Told) {
        redis::cmd("SET").arg("{pixelgate}:clock").arg(now_ms).exec(&mut self.clock).unwrap();
        let (seats, here) = self.memory.admit(ask, 1, at(now_ms));
        let here_told = match &here {
            crate::limit::Verdict::Admitted { standings, over, .. } => {
                (true, None, told(standings), over.len())
            }
            crate::limit::Verdict::Denied(denial) => {
                let why = (denial.met.limit.clone(), denial.retry_after);
                (false, Some(why), told(&denial.standings), 0)
            }
        };
        let there = self.shared.admit(ask).await.expect("the server answers");
        let there_told = match there {
            Verdict::Passed { ref standings, ref over, .. } => {
                (true, None, told(&crate::turnstile::told(ask, standings)), over.len())
            }
            Verdict::Denied(ref denial) => {
                let why = (denial.met.limit.clone(), denial.retry_after);
                (false, Some(why), told(&denial.standings), 0)
            }
        };
        if let (
            crate::limit::Verdict::Admitted { ticket, .. },
            Verdict::Passed { remote, counted, .. },
        ) = (here, there)
        {
            let places = 0..ask.places.len();
            let same =
                |place: usize| ticket.counts(place) == (counted & crate::limit::bit(place) != 0);
            assert!(places.clone().all(same), "the same shadows counted it");
            self.passed.push(Passed { remote, seats, ticket, is_over: false });
            if !keeps_lease {
                self.finish(self.passed.len() - 1).await;
            }
        }
        (here_told, there_told)
    }

    fn link(&self) -> Link {
        self.shared.link.read().clone().unwrap()
    }

    async fn finish(&mut self, place: usize) {
        let passed = &mut self.passed[place];
        if std::mem::replace(&mut passed.is_over, true) {
            return;
        }
        let passed = passed.clone();
        passed.counted().for_each(|seat| seat.lock().finish(&passed.ticket));
        self.shared.deliver(&self.link(), Letter::Finish(passed.remote)).await;
    }

    async fn take_back(&mut self, place: usize) {
        if self.passed[place].is_over {
            return;
        }
        let passed = self.passed.swap_remove(place);
        passed.counted().for_each(|seat| seat.lock().take_back(&passed.ticket));
        let letter = Letter::TakeBack(passed.remote, passed.ticket.weight);
        self.shared.deliver(&self.link(), letter).await;
    }

    async fn less(&mut self, place: usize, nanos: u64) {
        let passed = &mut self.passed[place];
        let rest = passed.ticket.weight.nanos.saturating_sub(nanos);
        passed.counted().for_each(|seat| seat.lock().give_back(passed.ticket.tick_ms, rest));
        passed.ticket.weight.nanos -= rest;
        let less = Weight { nanos: rest, ..Weight::default() };
        let letter = Letter::Less(passed.remote.clone(), less);
        self.shared.deliver(&self.link(), letter).await;
    }
}

const TEST_CLOCK: &str =
    "local function clock() return tonumber(redis.call('GET', '{pixelgate}:clock')) end\n";

#[test]
fn the_server_says_what_memory_says_of_every_history() {
    let server = Server::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let cases = Config { cases: 150, ..Config::default() };
    let played = TestRunner::new(cases).run(&(bounds(), events()), |(bounds, events)| {
        runtime.block_on(play(&server, &[bounds], events))
    });
    played.unwrap();
}

#[test]
fn the_server_says_what_memory_says_whatever_binds_a_caller_meanwhile() {
    let server = Server::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let cases = Config { cases: 100, ..Config::default() };
    let played = TestRunner::new(cases).run(&(many_bounds(), long_events()), |(bounds, events)| {
        runtime.block_on(play(&server, &bounds, events))
    });
    played.unwrap();
}

async fn play(
    server: &Server,
    all: &[Vec<Arc<Bounds>>],
    events: Vec<Event>,
) -> Result<(), TestCaseError> {
    let mut clock = server.connection();
    redis::cmd("FLUSHALL").exec(&mut clock).unwrap();
    // The windows look back an hour, so a history that began at zero would not be told apart.
    let mut now_ms = 10_000_000;
    redis::cmd("SET").arg("{pixelgate}:clock").arg(now_ms).exec(&mut clock).unwrap();
    redis::cmd("SET").arg("{pixelgate}:era").arg("test:0").exec(&mut clock).unwrap();
    let settings = settings(server, Policy::Refuse);
    let shared = Arc::new(Shared::with_clock(settings, &server.address(), TEST_CLOCK).unwrap());
    let connection = shared.client.get_multiplexed_async_connection().await.unwrap();
    *shared.link.write() = Some(Link { connection, era: "test".into(), number: 1 });
    let mut pair = Pair { shared, clock, memory: Memory::default(), passed: Vec::new() };
    let mut bounds = &all[0];
    for event in events {
        match event {
            Event::Ask { key, weight, after_ms, keeps_lease } => {
                now_ms += after_ms;
                let ask = ask(bounds, ["a", "b", "c"][key], weight);
                let (here, there) = pair.ask(&ask, keeps_lease, now_ms).await;
                prop_assert_eq!(here, there);
            }
            Event::AskOften { key, images, times } => {
                let weight = Weight { images, ..Weight::default() };
                let ask = ask(bounds, ["a", "b", "c"][key], weight);
                for _ in 0..times {
                    let (here, there) = pair.ask(&ask, true, now_ms).await;
                    prop_assert_eq!(here, there);
                }
            }
            Event::Bind(index) => bounds = &all[index.index(all.len())],
            Event::TakeBack(index) if !pair.passed.is_empty() => {
                pair.take_back(index.index(pair.passed.len())).await;
            }
            Event::Less(index, nanos) if !pair.passed.is_empty() => {
                pair.less(index.index(pair.passed.len()), nanos).await;
            }
            Event::Finish(index) if !pair.passed.is_empty() => {
                let place = index.index(pair.passed.len());
                pair.finish(place).await;
            }
            Event::TakeBack(_) | Event::Less(..) | Event::Finish(_) => {}
        }
    }
    Ok(())
}
