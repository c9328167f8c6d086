//! How often faults are played, which, and by what chances.

use std::time::{SystemTime, UNIX_EPOCH};

/// What the command line asks for.
#[derive(Debug)]
pub(crate) struct Options {
    /// Decides all chances.
    pub(crate) seed: u64,
    /// Times that a gateway is killed.
    pub(crate) kills: u32,
    /// Times that other faults strike, more or less.
    pub(crate) times: u32,
    /// Histories that are replayed, for each store.
    pub(crate) seeds: u64,
    /// Names of the faults that are played; all when there are none.
    only: Vec<String>,
}

impl Options {
    /// `None` when nothing is to be played. Options of Rust's own test programs are let pass.
    pub(crate) fn read(arguments: impl Iterator<Item = String>) -> Option<Self> {
        let mut arguments = arguments.peekable();
        let mut options =
            Self { seed: new_seed(), kills: 30, times: 2, seeds: 200, only: Vec::new() };
        while let Some(argument) = arguments.next() {
            let mut number = || {
                let given = arguments.next().and_then(|text| text.parse::<u64>().ok());
                given.unwrap_or_else(|| panic!("{argument} is followed by a whole number"))
            };
            let small = |number: u64| u32::try_from(number).expect("a number that can be played");
            match argument.as_str() {
                "--seed" => options.seed = number(),
                "--kills" => options.kills = small(number()),
                "--seeds" => options.seeds = number(),
                "--times" => options.times = small(number()),
                "--test-threads" => drop(number()),
                "--list" => return None,
                flag if flag.starts_with('-') => {}
                name => options.only.push(name.to_owned()),
            }
        }
        Some(options)
    }

    /// Whether any fault is to be played whose name begins so.
    pub(crate) fn wants_any(&self, start: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only.starts_with(start))
    }

    /// Whether a fault is to be played.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| name.contains(only.as_str()))
    }
}

#[expect(clippy::disallowed_methods, reason = "a seed that nobody chose")]
fn new_seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::from(now.subsec_nanos()) ^ now.as_secs()
}
