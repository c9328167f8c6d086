//! Gemini's words for what went wrong, in errors and in answers without a picture.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::super::reply::{fault_of_status, shortened};
use crate::fault::VendorFault;

/// An error as Google's APIs write it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Failed {
    pub(super) code: u16,
    message: String,
    status: String,
    details: Vec<Value>,
}

/// What a candidate's `finishReason` says about the picture that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The content filter took it.
    Blocked,
    /// The model answered in words, or not at all.
    Wordy,
    /// There was no room left for it.
    CutOff,
}

/// Only what is documented as a block counts as one.
pub(super) fn ending(finish_reason: &str) -> Ending {
    match finish_reason {
        "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION"
        | "IMAGE_OTHER"
        | "SAFETY"
        | "PROHIBITED_CONTENT"
        | "RECITATION"
        | "BLOCKLIST"
        | "SPII" => Ending::Blocked,
        "MAX_TOKENS" | "CONTINUATION" => Ending::CutOff,
        _ => Ending::Wordy,
    }
}

/// The fault that an error stands for.
pub(super) fn fault(status: u16, said: &Failed) -> VendorFault {
    let detail = match said.status.as_str() {
        "" => shortened(&said.message),
        word => shortened(&format!("{word}: {}", said.message)),
    };
    let is_ours = match status {
        400 => said.status == "FAILED_PRECONDITION" || said.is_about_our_key(),
        429 => said.is_used_up(),
        _ => false,
    };
    if is_ours {
        return VendorFault::Denied { detail };
    }
    fault_of_status(status, &detail, said.retry_delay())
}

impl Failed {
    fn is_about_our_key(&self) -> bool {
        let reasons = self.details.iter().filter_map(|d| d.get("reason")?.as_str());
        let mut ours = reasons.filter(|reason| reason.starts_with("API_KEY_"));
        ours.next().is_some() || self.message.contains("API key not valid")
    }

    /// Whether a quota is gone for the day, or was never there: waiting does not help.
    fn is_used_up(&self) -> bool {
        let violations = self.details.iter().filter_map(|d| d.get("violations")?.as_array());
        let mut ids = violations.flatten().filter_map(|v| v.get("quotaId")?.as_str());
        ids.any(|id| id.contains("PerDay")) || self.message.contains("limit: 0")
    }

    /// The wait that the error's details name, such as `34.07s`.
    fn retry_delay(&self) -> Option<Duration> {
        let mut delays = self.details.iter().filter_map(|d| d.get("retryDelay")?.as_str());
        let seconds = delays.next()?.strip_suffix('s')?.parse().ok()?;
        Duration::try_from_secs_f64(seconds).ok()
    }
}
