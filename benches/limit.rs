//! What one verdict costs: the usual two windows, a key that is refused, and a large limit.

#![allow(missing_docs, reason = "criterion's macros make public functions without documentation")]

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use pixelgate::clock::Now;
use pixelgate::limit::{Bounds, Limit, Of, Place, Unit, Verdict, Weight, Whose, Windows, admit};
use pixelgate::turnstile::{Answer, Ask, Turnstile};

const MINUTE: u64 = 60_000;

fn limit(name: &str, unit: Unit, most: u64, minutes: u64) -> Limit {
    let window = Duration::from_mins(minutes);
    Limit { name: name.to_owned(), unit, most, window, of: Of::Key, shadow: false }
}

fn usual() -> Vec<Limit> {
    vec![limit("burst", Unit::Requests, 50, 5), limit("hourly", Unit::Requests, 200, 60)]
}

fn of_key(limits: &[Limit]) -> Arc<Bounds> {
    Bounds::of_plan(limits, Some(100)).swap_remove(0)
}

const fn at(tick_ms: u64) -> Now {
    Now { unix_ms: 0, tick_ms }
}

/// Asks over and over, `step_ms` apart, and ends each lease at once.
fn ask(windows: &mut Windows, bounds: &Bounds, images: u32, now: Now) -> bool {
    let weight = Weight { images, pixels: 1_000_000, nanos: 40_000_000 };
    match admit(&mut [Place { windows, bounds }], weight, now) {
        Verdict::Admitted { ticket, .. } => {
            windows.finish(&ticket);
            true
        }
        Verdict::Denied(_) => false,
    }
}

fn repeat(c: &mut Criterion, name: &str, limits: &[Limit], (images, step_ms): (u32, u64)) {
    let limits = &of_key(limits);
    let mut windows = Windows::default();
    let mut tick_ms = 100 * MINUTE;
    for _ in 0..5_000 {
        tick_ms += step_ms;
        ask(&mut windows, limits, images, at(tick_ms));
    }
    c.bench_function(name, |b| {
        b.iter(|| {
            tick_ms += step_ms;
            black_box(ask(&mut windows, limits, images, at(tick_ms)))
        });
    });
}

fn verdicts(c: &mut Criterion) {
    // Every 20 seconds stays below both limits; every millisecond is nearly always refused.
    repeat(c, "limit/admitted", &usual(), (1, 20_000));
    repeat(c, "limit/denied", &usual(), (1, 1));
    let images = [limit("images", Unit::Images, 2000, 60)];
    repeat(c, "limit/admitted by images", &images, (1, 2_000));
    let large = [limit("large", Unit::Images, 100_000, 60)];
    repeat(c, "limit/admitted by a large limit", &large, (4, 500));
    let credits = [limit("credits", Unit::Credits, 1 << 60, 60)];
    repeat(c, "limit/admitted by credits", &credits, (1, 2_000));
}

/// As a request meets it: names, locks and all, for a key alone and for every subject there is.
fn turnstile(c: &mut Criterion) {
    let plan = [limit("burst", Unit::Requests, 50, 5), limit("hourly", Unit::Requests, 200, 60)];
    let shared_by = |name: &str, of| Limit { of, ..limit(name, Unit::Images, 100_000, 60) };
    let shared = [shared_by("workspace", Of::Workspace), shared_by("plan", Of::Plan)];
    let model = Bounds::of_model(&[shared_by("model", Of::Model)], "painter-1");
    let all = [Bounds::of_plan(&[plan.to_vec(), shared.to_vec()].concat(), Some(100)), model];
    for (name, bounds) in [
        ("limit/turnstile, a key", Bounds::of_plan(&plan, Some(100))),
        ("limit/turnstile, key, workspace, plan and model", all.concat()),
    ] {
        let (turnstile, mut tick_ms) = (Turnstile::default(), 100 * MINUTE);
        c.bench_function(name, |b| {
            b.iter(|| {
                tick_ms += 20_000;
                let whose = Whose { key: "key_bench", workspace: "ws_bench", plan: "bench" };
                let places = bounds.iter().map(|one| (one.subject(whose), Arc::clone(one)));
                let weight = Weight { images: 1, pixels: 1_000_000, nanos: 40_000_000 };
                let ask = Ask { places: places.collect(), weight };
                matches!(turnstile.admit_here(&ask, at(tick_ms)), Answer::Passed { .. })
            });
        });
    }
}

/// A hundred thousand keys in turn, so that none is in the processor's cache.
fn cold_keys(c: &mut Criterion) {
    let limits = &of_key(&usual());
    let mut keys: HashMap<u64, Windows> = HashMap::new();
    let mut turn = 0_u64;
    let mut next = || {
        turn += 1;
        (turn.wrapping_mul(48_271) % 100_000, at(100 * MINUTE + turn))
    };
    for _ in 0..1_000_000 {
        let (key, now) = next();
        ask(keys.entry(key).or_default(), limits, 1, now);
    }
    c.bench_function("limit/cold among 100,000 keys", |b| {
        b.iter(|| {
            let (key, now) = next();
            black_box(ask(keys.entry(key).or_default(), limits, 1, now))
        });
    });
}

criterion_group!(benches, verdicts, turnstile, cold_keys);
criterion_main!(benches);
