//! How much may be asked for: truly sliding windows of several subjects, and a concurrency lease,
//! as one step.
//!
//! A request counts for a key, and as policy says for its workspace, plan and model. Never more than
//! a limit's `most` is admitted in any span of its window, however the spans are laid; what one
//! limit refuses is counted by none. Requests and images up to 2,000 are exact; all else is counted
//! by sub-windows and may be refused a sixtieth of a window early. Windows outlive the limits: a
//! policy that changes between calls forgets nothing that it still needs.

#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::as_conversions))]

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::canonical::Standing;
use crate::clock::Now;
use crate::credits::NANOS_PER_UNIT;

mod bounds;
mod coarse;
mod guess;
mod window;
mod windows;

#[cfg(test)]
mod tests;

pub use bounds::{Bounds, Whose};
pub use coarse::SUB_WINDOWS;
pub use guess::{Guesses, GuessesMet};
pub use window::{EXACT_MOST_MAX, EXACT_WINDOW_MS_MAX};
pub use windows::{Windows, hindsight_ms, stamps_kept};

/// What a denial for too many requests at once calls its limit.
pub const CONCURRENCY: &str = "concurrency";

/// A lease ends by itself after this long: a request that was lost cannot hold it for ever.
pub const LEASE_MS_MAX: u64 = 3_600_000;

/// Pixels in what a megapixel window counts as one.
pub const PIXELS_PER_MEGAPIXEL: u64 = 1_000_000;

/// A rule: so much of a unit in any span of a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Its name in policy.
    pub name: String,
    /// What is counted.
    pub unit: Unit,
    /// The most of it, in the unit's own grains: requests, images, pixels, nano-credits.
    pub most: u64,
    /// The window's length.
    pub window: Duration,
    /// Whose requests are counted together.
    pub of: Of,
    /// Whether it only tells when it would have refused.
    pub shadow: bool,
}

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unit {
    /// Requests, whatever they ask for.
    Requests,
    /// Images asked for.
    Images,
    /// Pixels asked for, in millions.
    Megapixels,
    /// Credits: what may be spent at first, what was spent in the end.
    Credits,
}

/// Whose requests a limit counts together.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Of {
    /// Those of one key.
    #[default]
    Key,
    /// Those of all keys of a workspace.
    Workspace,
    /// Those of all keys that have the plan.
    Plan,
    /// Those of all callers for one model.
    Model,
}

/// What one request weighs: one request, and so much of everything else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weight {
    /// Images asked for; none counts as one.
    pub images: u32,
    /// Pixels of all of them.
    pub pixels: u64,
    /// What they may cost their caller, in nano-credits.
    pub nanos: u64,
}

/// One subject that a request counts for.
#[derive(Debug)]
pub struct Place<'a> {
    /// What was admitted of it.
    pub windows: &'a mut Windows,
    /// What binds it.
    pub bounds: &'a Bounds,
}

/// What all limits together say to a request.
#[derive(Debug)]
pub enum Verdict {
    /// Yes; it is counted everywhere.
    Admitted {
        /// What takes it back, or ends its lease.
        ticket: Ticket,
        /// Where the caller stands now.
        standings: Vec<Standing>,
        /// The shadow limits that would have refused it.
        over: Vec<Met>,
    },
    /// No; it is counted nowhere.
    Denied(Denial),
}

/// A limit that was met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Met {
    /// Its name.
    pub limit: String,
    /// Whose requests it counts.
    pub of: Of,
}

/// A limit's no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// The limit that stands in the way longest.
    pub met: Met,
    /// Why it does.
    pub reason: DenialReason,
    /// When it no longer will, if nothing else happens; `None` where waiting tells nothing.
    pub retry_after: Option<Duration>,
    /// Where the caller stands.
    pub standings: Vec<Standing>,
}

/// Why a limit stands in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DenialReason {
    /// The window is full.
    Window,
    /// Too many requests are running.
    Concurrency,
    /// The request alone weighs more than the limit, so no wait will help.
    TooHeavy(Unit),
}

/// Proof that a request was admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a lease lasts until its ticket is finished or taken back"]
pub struct Ticket {
    /// When.
    pub tick_ms: u64,
    /// What it counted as.
    pub weight: Weight,
    /// A bit for each place that counted it: a shadow that would have refused it did not.
    pub counted: u64,
}

/// Counts a request for every subject and takes its leases, or does neither. At most 64 places.
pub fn admit(places: &mut [Place<'_>], weight: Weight, now: Now) -> Verdict {
    let weight = Weight { images: weight.images.max(1), ..weight };
    let now_ms =
        places.iter().fold(now.tick_ms, |latest, place| latest.max(place.windows.latest()));
    for place in &mut *places {
        place.windows.prepare(&place.bounds.limits, now_ms);
    }
    if let Some((met, reason, wait_ms)) = denied(places, weight, now_ms) {
        let mut standings = standings(places, now);
        for standing in &mut standings {
            standing.is_met = standing.limit == met.limit;
        }
        let retry_after = wait_ms.map(Duration::from_millis);
        return Verdict::Denied(Denial { met, reason, retry_after, standings });
    }
    let mut over = Vec::new();
    let mut ticket = Ticket { tick_ms: now_ms, weight, counted: 0 };
    for (number, place) in places.iter_mut().enumerate() {
        let bounds = place.bounds;
        let no = bounds.shadow.then(|| place.windows.fullest(&bounds.limits, weight, now_ms));
        if let Some((limit, _, _)) = no.flatten() {
            over.push(Met { limit: limit.name.clone(), of: limit.of });
            continue;
        }
        place.windows.count(&bounds.limits, now_ms, weight);
        if bounds.leases {
            place.windows.lease(now_ms);
        }
        ticket.counted |= bit(number);
    }
    Verdict::Admitted { ticket, standings: standings(places, now), over }
}

/// Where a caller stands with every limit that binds it, place by place.
pub fn standings(places: &[Place<'_>], now: Now) -> Vec<Standing> {
    let real = places.iter().filter(|place| !place.bounds.shadow);
    real.flat_map(|place| place.windows.standings(&place.bounds.limits, now)).collect()
}

/// The limit that is in the way longest, why, and for how many milliseconds.
fn denied(
    places: &[Place<'_>],
    weight: Weight,
    now_ms: u64,
) -> Option<(Met, DenialReason, Option<u64>)> {
    let mut longest: Option<(&Limit, DenialReason, Option<u64>)> = None;
    for place in places.iter().filter(|place| !place.bounds.shadow) {
        let Some(no) = place.windows.fullest(&place.bounds.limits, weight, now_ms) else {
            continue;
        };
        let is_longer = longest.is_none_or(|(_, _, known)| no.2 > known);
        if no.2.is_none() {
            longest = Some(no);
            break;
        }
        if is_longer {
            longest = Some(no);
        }
    }
    if let Some((limit, reason, free_at)) = longest {
        let met = Met { limit: limit.name.clone(), of: limit.of };
        return Some((met, reason, free_at.map(|free_at| free_at.saturating_sub(now_ms))));
    }
    let mut real = places.iter().filter(|place| !place.bounds.shadow);
    let crowded = real.find(|place| place.windows.is_crowded(place.bounds.concurrency_max))?;
    let met = Met { limit: CONCURRENCY.to_owned(), of: crowded.bounds.of };
    Some((met, DenialReason::Concurrency, None))
}

impl Ticket {
    /// Whether the place of this number counted the request.
    pub fn counts(&self, number: usize) -> bool {
        self.counted & bit(number) != 0
    }
}

/// The bit of a place; places beyond the 64th share the last.
pub(crate) fn bit(number: usize) -> u64 {
    let shift = u32::try_from(number).map_or(63, |number| number.min(63));
    1_u64.wrapping_shl(shift)
}

impl Limit {
    /// The window in whole milliseconds: rounded up, so that it is never shorter than asked.
    pub fn window_ms(&self) -> u64 {
        let nanos = self.window.as_nanos().max(1);
        u64::try_from(nanos.div_ceil(1_000_000)).unwrap_or(u64::MAX)
    }

    /// Whether every admission is remembered one by one.
    pub fn is_exact(&self) -> bool {
        self.unit.is_counted_by_stamps()
            && self.most <= EXACT_MOST_MAX
            && self.window_ms() <= EXACT_WINDOW_MS_MAX
    }

    /// Where a caller stands of whom so much is used and more is free at that tick.
    pub fn standing(&self, used: u64, free_in_ms: u64) -> Standing {
        let grain = self.unit.grain();
        let whole = |grains: u64| grains.checked_div(grain).unwrap_or(grains);
        Standing {
            limit: self.name.clone(),
            is_met: false,
            unit: self.unit.name(),
            most: whole(self.most),
            remaining: whole(self.most.saturating_sub(used)),
            window: self.window,
            resets_in: Duration::from_millis(free_in_ms),
        }
    }
}

impl Unit {
    /// What a request weighs in this unit.
    pub fn of(self, weight: Weight) -> u64 {
        match self {
            Self::Requests => 1,
            Self::Images => u64::from(weight.images),
            Self::Megapixels => weight.pixels,
            Self::Credits => weight.nanos,
        }
    }

    /// Its name in policy, headers and labels.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Images => "images",
            Self::Megapixels => "megapixels",
            Self::Credits => "credits",
        }
    }

    /// How many of what is counted make one of what is told.
    pub const fn grain(self) -> u64 {
        match self {
            Self::Requests | Self::Images => 1,
            Self::Megapixels => PIXELS_PER_MEGAPIXEL,
            Self::Credits => NANOS_PER_UNIT.unsigned_abs(),
        }
    }

    /// Whether each admission weighs at least one, so that so many stamps tell all of a window.
    const fn is_counted_by_stamps(self) -> bool {
        match self {
            Self::Requests | Self::Images => true,
            Self::Megapixels | Self::Credits => false,
        }
    }
}

impl Of {
    /// Its name in policy and labels.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Workspace => "workspace",
            Self::Plan => "plan",
            Self::Model => "model",
        }
    }
}
