//! What answers and refusals are given to say: limits and quotas, the same for every dialect.

use std::time::Duration;

use pixelgate::canonical::{QuotaStanding, Standing};
use serde_json::Value;

/// A daily quota of which so much is used.
pub(crate) fn quota(golden: &Value) -> QuotaStanding {
    QuotaStanding {
        name: "day".to_owned(),
        most: number(golden, "most"),
        used: number(golden, "used"),
        // The midnight after the moment at which goldens are written.
        resets_at_ms: 1_795_305_600_000,
    }
}

fn number(golden: &Value, key: &str) -> u64 {
    golden[key].as_u64().unwrap()
}

/// A caller with two limits, of which the second is the tighter.
pub(crate) fn standings() -> Vec<Standing> {
    let standing = |limit: &str, most, remaining, window, resets_in| Standing {
        limit: limit.to_owned(),
        is_met: remaining == 0,
        unit: "requests",
        most,
        remaining,
        window: Duration::from_secs(window),
        resets_in: Duration::from_millis(resets_in),
    };
    vec![
        standing("hourly", 200, 180, 3_600, 1_800_000),
        standing("five minutes", 50, 3, 300, 58_891),
    ]
}
