//! What one verdict costs: the usual two windows, a key that is refused, and a large limit.

#![allow(missing_docs, reason = "criterion's macros make public functions without documentation")]

use std::collections::HashMap;
use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use pixelgate::clock::Now;
use pixelgate::limit::{KeyWindows, Limit, Unit, Verdict, Weight};

const MINUTE: u64 = 60_000;

fn limit(name: &str, unit: Unit, most: u32, minutes: u64) -> Limit {
    Limit { name: name.to_owned(), unit, most, window: Duration::from_mins(minutes) }
}

fn usual() -> Vec<Limit> {
    vec![limit("burst", Unit::Requests, 50, 5), limit("hourly", Unit::Requests, 200, 60)]
}

const fn at(tick_ms: u64) -> Now {
    Now { unix_ms: 0, tick_ms }
}

/// Asks over and over, `step_ms` apart, and ends each lease at once.
fn ask(windows: &mut KeyWindows, limits: &[Limit], images: u32, now: Now) -> bool {
    match windows.admit(limits, Some(100), Weight { images }, now) {
        Verdict::Admitted { ticket, .. } => {
            windows.finish(&ticket);
            true
        }
        Verdict::Denied(_) => false,
    }
}

fn repeat(c: &mut Criterion, name: &str, limits: &[Limit], (images, step_ms): (u32, u64)) {
    let mut windows = KeyWindows::default();
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
}

/// A hundred thousand keys in turn, so that none is in the processor's cache.
fn cold_keys(c: &mut Criterion) {
    let limits = usual();
    let mut keys: HashMap<u64, KeyWindows> = HashMap::new();
    let mut turn = 0_u64;
    let mut next = || {
        turn += 1;
        (turn.wrapping_mul(48_271) % 100_000, at(100 * MINUTE + turn))
    };
    for _ in 0..1_000_000 {
        let (key, now) = next();
        ask(keys.entry(key).or_default(), &limits, 1, now);
    }
    c.bench_function("limit/cold among 100,000 keys", |b| {
        b.iter(|| {
            let (key, now) = next();
            black_box(ask(keys.entry(key).or_default(), &limits, 1, now))
        });
    });
}

criterion_group!(benches, verdicts, cold_keys);
criterion_main!(benches);
