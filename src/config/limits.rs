//! How requests are counted, and against whom guessing is guarded.

use std::time::Duration;

use crate::limit::{EXACT_MOST_MAX, EXACT_WINDOW_MS_MAX};
use crate::scalar::Network;
use crate::secret::SecretPlace;

use super::ConfigError;
use super::raw::{RawLimits, positive, set, wrong};

/// How requests are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Different wrong keys that one client address may show in `wrong_keys_per`; 0 for any number.
    pub wrong_keys_max: u32,
    /// In how long.
    pub wrong_keys_per: Duration,
    /// Where several nodes count together; `None` where this one counts alone.
    pub redis: Option<Redis>,
}

/// A Redis or Valkey in which several nodes count together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redis {
    /// Where it is.
    pub address: RedisAddress,
    /// What becomes of requests while it cannot be asked.
    pub lost: Lost,
    /// How long one decision may take; then it cannot be asked.
    pub deadline: Duration,
    /// Decisions that may be waited for at once.
    pub in_flight_max: usize,
}

/// Where a Redis is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedisAddress {
    /// At this address, which holds no password.
    Known(String),
    /// At the address that is found there, with its password.
    Kept(SecretPlace),
}

/// What becomes of requests that cannot be counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// They are refused.
    Refuse,
    /// Each of so many nodes allows its share of every limit, counted alone.
    LocalShare {
        /// All nodes.
        nodes: u32,
    },
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
        Ok(Limits { wrong_keys_max, wrong_keys_per, redis: self.redis()? })
    }

    fn redis(self) -> Result<Option<Redis>, ConfigError> {
        let lost = set("limits.lost", self.lost)?;
        let nodes = set("limits.nodes", self.nodes)?;
        let deadline = set("limits.redis_deadline", self.redis_deadline)?.0;
        if deadline.is_zero() {
            let problem = "is 0, in which nothing can be asked; give such as \"100ms\"";
            return Err(wrong("limits.redis_deadline", problem));
        }
        let in_flight_max = positive("limits.redis_in_flight_max", self.redis_in_flight_max)?;
        let lost = match (lost.as_str(), nodes) {
            ("refuse", _) => Lost::Refuse,
            ("local_share", 0) => {
                let problem = "is 0, of which nobody has a share; give the number of nodes";
                return Err(wrong("limits.nodes", problem));
            }
            ("local_share", nodes) => Lost::LocalShare { nodes },
            _ => return Err(wrong("limits.lost", "is neither \"refuse\" nor \"local_share\"")),
        };
        let address = address(&set("limits.redis", self.redis)?)?;
        Ok(address.map(|address| Redis { address, lost, deadline, in_flight_max }))
    }
}

fn address(text: &str) -> Result<Option<RedisAddress>, ConfigError> {
    let place = "limits.redis";
    if text.is_empty() {
        return Ok(None);
    }
    if text.starts_with("env:") || text.starts_with("file:") {
        let found = text.parse().map_err(|no| wrong(place, format!("{no}")))?;
        return Ok(Some(RedisAddress::Kept(found)));
    }
    let host = text.strip_prefix("redis://").or_else(|| text.strip_prefix("rediss://"));
    match host {
        // It may hold a password, so it is not repeated.
        Some(host) if host.contains('@') => Err(wrong(
            place,
            "holds a password; keep the address at \"env:NAME\" or \"file:/path\"",
        )),
        Some(host) if !host.is_empty() => Ok(Some(RedisAddress::Known(text.to_owned()))),
        Some(_) | None => {
            Err(wrong(place, "is no address such as \"redis://127.0.0.1:6379\" or \"env:NAME\""))
        }
    }
}

/// The networks of proxies, as config writes them.
pub(super) fn networks(place: &'static str, texts: &[String]) -> Result<Vec<Network>, ConfigError> {
    let network = |text: &String| text.parse().map_err(|bad| wrong(place, format!("{bad}")));
    texts.iter().map(network).collect()
}
