//! What is asked of Redis, and how its answers are read.

use redis::{Script, ScriptInvocation};

use crate::limit::{Bounds, Unit, Weight, hindsight_ms, stamps_kept};

use super::super::Ask;

/// The clock of the server itself: no node's clock decides.
pub(super) const SERVER_CLOCK: &str = include_str!("clock.lua");

const WINDOWS: &str = include_str!("windows.lua");

/// The era that all windows are of. Every key has the same hash tag, so that they lie together.
pub(super) const ERA_KEY: &str = "{pixelgate}:era";

/// Lua counts in doubles; no amount may be larger than they count exactly.
const EXACT_MAX: u64 = 1 << 53;

/// One script for each question; each is one call and one step of the server.
#[derive(Debug)]
pub(super) struct Scripts {
    admit: Script,
    amend: Script,
    restore: Script,
    era: Script,
    beat: Script,
}

/// The server's answer to a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// It passes.
    Passed {
        /// When, by the server's clock.
        time_ms: u64,
        /// The places of shadows that would refuse it.
        over: Vec<usize>,
        /// For each limit what is used, and in how many milliseconds more is free.
        standings: Vec<(u64, u64)>,
    },
    /// It does not.
    Denied {
        /// Why, by number.
        reason: i64,
        /// The place that refuses, and which of its limits.
        place: (usize, usize),
        /// For how long.
        wait_ms: u64,
        /// As above.
        standings: Vec<(u64, u64)>,
    },
    /// The era is over, or has not begun.
    NoEra,
}

impl Scripts {
    pub(super) fn new(clock: &str) -> Self {
        let script = |own: &str| Script::new(&[clock, WINDOWS, own].concat());
        Self {
            admit: script(include_str!("admit.lua")),
            amend: script(include_str!("amend.lua")),
            restore: script(include_str!("restore.lua")),
            era: script(include_str!("era.lua")),
            beat: script(include_str!("beat.lua")),
        }
    }

    /// A request, for all its subjects.
    pub(super) fn admit(
        &self,
        era: &str,
        ask: &Ask,
        (lease, lease_ms): (&str, u64),
    ) -> ScriptInvocation<'_> {
        let mut call = self.admit.prepare_invoke();
        call.key(ERA_KEY);
        for (subject, _) in &ask.places {
            call.key(windows_key(era, subject)).key(leases_key(era, subject));
        }
        let Weight { images, pixels, nanos } = ask.weight;
        call.arg(era).arg(lease).arg(lease_ms);
        call.arg(images.max(1)).arg(pixels.min(EXACT_MAX)).arg(nanos.min(EXACT_MAX));
        call.arg(ask.places.len());
        for (_, bounds) in &ask.places {
            push_bounds(&mut call, bounds);
        }
        call
    }

    /// What was counted then is so much less; or never was at all.
    pub(super) fn amend(
        &self,
        windows: &[String],
        time_ms: u64,
        (less, is_whole): (Weight, bool),
    ) -> ScriptInvocation<'_> {
        let mut call = self.amend.prepare_invoke();
        for key in windows {
            call.key(key);
        }
        call.arg(time_ms).arg(less.images.max(1)).arg(less.pixels.min(EXACT_MAX));
        call.arg(less.nanos.min(EXACT_MAX)).arg(u8::from(is_whole));
        call
    }

    /// What this node admitted of a subject, each thing with how long ago.
    pub(super) fn restore(
        &self,
        era: &str,
        (subject, bounds): (&str, &Bounds),
        stamps: &[(u64, u32)],
        counts: &[(Unit, u64, u64, u64)],
    ) -> ScriptInvocation<'_> {
        let mut call = self.restore.prepare_invoke();
        call.key(ERA_KEY).key(windows_key(era, subject)).arg(era);
        push_bounds(&mut call, bounds);
        call.arg(counts.len());
        for (unit, window_ms, ago_ms, amount) in counts {
            call.arg(number(*unit)).arg(window_ms).arg(ago_ms).arg((*amount).min(EXACT_MAX));
        }
        call.arg(stamps.len());
        for (ago_ms, images) in stamps {
            call.arg(ago_ms).arg(images);
        }
        call
    }

    /// Which era it is; a new one where this run of the server has none.
    pub(super) fn era(&self, run: &str, new: &str, quiet_ms: u64) -> ScriptInvocation<'_> {
        let mut call = self.era.prepare_invoke();
        call.key(ERA_KEY).arg(run).arg(new).arg(quiet_ms);
        call
    }

    /// These leases are still held.
    pub(super) fn beat(
        &self,
        leases: &[(String, String)],
        lease_ms: u64,
        is_new_era: bool,
    ) -> ScriptInvocation<'_> {
        let mut call = self.beat.prepare_invoke();
        call.arg(lease_ms).arg(u8::from(is_new_era));
        for (key, lease) in leases {
            call.key(key).arg(lease);
        }
        call
    }
}

impl Said {
    /// What the numbers say; `None` where they say nothing that is known.
    pub(super) fn read(reply: &[i64]) -> Option<Self> {
        let count = |number: &i64| u64::try_from(*number).ok();
        let place = |number: i64| usize::try_from(number).ok()?.checked_sub(1);
        let standings = |rest: &[i64]| -> Option<Vec<(u64, u64)>> {
            let pairs = rest.as_chunks::<2>().0.iter();
            pairs.map(|[used, free_in_ms]| Some((count(used)?, count(free_in_ms)?))).collect()
        };
        match reply {
            [-1 | -2, ..] => Some(Self::NoEra),
            [1, time_ms, over, rest @ ..] => {
                let (over, rest) = rest.split_at_checked(usize::try_from(*over).ok()?)?;
                Some(Self::Passed {
                    time_ms: count(time_ms)?,
                    over: over.iter().map(|number| place(*number)).collect::<Option<_>>()?,
                    standings: standings(rest)?,
                })
            }
            [0, _, reason, number, limit, wait_ms, rest @ ..] => Some(Self::Denied {
                reason: *reason,
                place: (place(*number)?, place(*limit).unwrap_or(0)),
                wait_ms: count(wait_ms)?,
                standings: standings(rest)?,
            }),
            _ => None,
        }
    }
}

/// Where the windows of a subject are.
pub(super) fn windows_key(era: &str, subject: &str) -> String {
    format!("{{pixelgate}}:{era}:{subject}")
}

/// Where its leases are.
pub(super) fn leases_key(era: &str, subject: &str) -> String {
    format!("{{pixelgate}}:{era}:leases:{subject}")
}

fn push_bounds(call: &mut ScriptInvocation<'_>, bounds: &Bounds) {
    let at_once = bounds.concurrency_max.filter(|_| bounds.leases && !bounds.shadow);
    call.arg(u8::from(bounds.shadow)).arg(at_once.map_or(-1, i64::from));
    call.arg(stamps_kept(&bounds.limits)).arg(hindsight_ms(&bounds.limits));
    call.arg(bounds.limits.len());
    for limit in &bounds.limits {
        call.arg(number(limit.unit)).arg(limit.most.min(EXACT_MAX));
        call.arg(limit.window_ms()).arg(u8::from(limit.is_exact()));
    }
}

const fn number(unit: Unit) -> u8 {
    match unit {
        Unit::Requests => 0,
        Unit::Images => 1,
        Unit::Megapixels => 2,
        Unit::Credits => 3,
    }
}
