//! How requests are counted, and against whom guessing is guarded.

use std::time::Duration;

use crate::limit::{EXACT_MOST_MAX, EXACT_WINDOW_MS_MAX};
use crate::scalar::Network;

use super::ConfigError;
use super::raw::{RawLimits, set, wrong};

/// How requests are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Different wrong keys that one client address may show in `wrong_keys_per`; 0 for any number.
    pub wrong_keys_max: u32,
    /// In how long.
    pub wrong_keys_per: Duration,
}

impl RawLimits {
    pub(super) fn build(self) -> Result<Limits, ConfigError> {
        let wrong_keys_max = set("limits.wrong_keys_max", self.wrong_keys_max)?;
        if u64::from(wrong_keys_max) > EXACT_MOST_MAX {
            let problem = format!("is more than is remembered; give at most {EXACT_MOST_MAX}");
            return Err(wrong("limits.wrong_keys_max", problem));
        }
        let wrong_keys_per = set("limits.wrong_keys_per", self.wrong_keys_per)?.0;
        let longest = Duration::from_millis(EXACT_WINDOW_MS_MAX);
        if wrong_keys_per.is_zero() || wrong_keys_per > longest {
            let problem = "is no window; give between \"1s\" and \"24d\"";
            return Err(wrong("limits.wrong_keys_per", problem));
        }
        Ok(Limits { wrong_keys_max, wrong_keys_per })
    }
}

/// The networks of proxies, as config writes them.
pub(super) fn networks(place: &'static str, texts: &[String]) -> Result<Vec<Network>, ConfigError> {
    let network = |text: &String| text.parse().map_err(|bad| wrong(place, format!("{bad}")));
    texts.iter().map(network).collect()
}
