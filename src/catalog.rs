//! What can be bought and what it is worth: vendors, their offerings, and the models apps ask for.
//!
//! Data only. Policy builds these from text; judges read them.

use std::sync::Arc;
use std::time::Duration;

use crate::canonical::{Format, Ratio, Size};
use crate::secret::Secret;

mod tariff;

pub use tariff::{Tariff, TariffRow};

/// A company or engine that we call.
#[derive(Clone, Debug)]
pub struct Vendor {
    /// Its name in policy, logs and labels.
    pub name: String,
    /// The registered name of the dialect it speaks.
    pub dialect: &'static str,
    /// Where it is.
    pub base: BaseUrl,
    /// How our credential is shown.
    pub auth: AuthScheme,
    /// Our credential; `None` when policy names none.
    pub secret: Option<Secret>,
    /// The place policy says the credential is in, when it was not there.
    pub secret_missing: Option<String>,
    /// How long one exchange may take.
    pub timeout: Duration,
    /// The largest answer that is read.
    pub answer_bytes_max: usize,
    /// Hosts that pictures may be fetched from when the vendor answers with an address.
    pub picture_hosts: Vec<String>,
    /// The most calls per minute we send; `None` for no pacing.
    pub calls_per_minute_max: Option<std::num::NonZeroU32>,
    /// Whether test-mode keys are served from here, at no charge.
    pub for_tests: bool,
}

/// Where a vendor is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BaseUrl {
    /// Inside this process: the painter.
    InProcess(InProcess),
    /// A server.
    Http {
        /// Whether the connection is TLS.
        tls: bool,
        /// Host name or address.
        host: String,
        /// TCP port.
        port: u16,
        /// What precedes every path, without a slash at its end.
        prefix: String,
    },
}

/// How the in-process painter behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InProcess {
    /// How long it pretends to think.
    pub latency: Duration,
    /// The fault it plays on every call, for people who test their own apps.
    pub fault: Option<PlayedFault>,
}

/// A fault that the painter can play.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlayedFault {
    /// Status 429.
    Busy,
    /// Status 500.
    Broken,
    /// Success without a picture.
    Empty,
    /// The content filter says no.
    Refused,
    /// Never answers.
    Hang,
    /// HTML in place of JSON.
    Garbled,
}

/// How a credential is shown to a vendor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthScheme {
    /// `Authorization: Bearer <secret>`
    Bearer,
    /// `<header>: <secret>`
    Header(String),
    /// Not at all.
    None,
}

/// One thing a vendor sells.
#[derive(Clone, Debug)]
pub struct Offering {
    /// `<model>/<vendor>`, or with the vendor's model where two share both: unique in a policy.
    pub name: String,
    /// Who sells it.
    pub vendor: Arc<Vendor>,
    /// The vendor's own name for the model.
    pub vendor_model: String,
    /// What it can do.
    pub can: Capabilities,
    /// What it costs us, in nano-dollars.
    pub cost: Tariff,
    /// Lower goes first under the `priority` strategy.
    pub priority: u32,
    /// Whether it serves only while no other offering of the model has its credential.
    pub stand_in: bool,
}

/// What an offering can do natively.
#[expect(clippy::struct_excessive_bools, reason = "each is one independent ability")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// The frames it draws.
    pub frames: Frames,
    /// What it draws when nothing is asked.
    pub size_default: Size,
    /// Pictures per call.
    pub count_max: u32,
    /// Encodings that can be asked for; empty when it cannot be chosen.
    pub formats: Vec<Format>,
    /// Whether a seed is taken.
    pub seed: bool,
    /// Whether a quality is taken.
    pub quality: bool,
    /// Whether a negative prompt is taken.
    pub negative_prompt: bool,
    /// Whether the background can be transparent.
    pub transparency: bool,
    /// Whether it works from input pictures.
    pub edit: bool,
    /// Characters in a prompt.
    pub prompt_chars_max: usize,
}

/// The frames an offering draws.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frames {
    /// Any size whose sides are within bounds and divisible by the step.
    Any {
        /// The shortest side.
        side_min: u32,
        /// The longest side.
        side_max: u32,
        /// Both sides are divisible by this.
        step: u32,
    },
    /// These sizes only.
    Sizes(Vec<Size>),
    /// These ratios, each with the pixels it comes out as.
    Ratios(Vec<(Ratio, Size)>),
}

/// A public name that apps ask for.
#[derive(Clone, Debug)]
pub struct Model {
    /// The name.
    pub name: String,
    /// How offerings are ranked.
    pub strategy: Strategy,
    /// What apps pay, in nano-credits.
    pub price: Tariff,
    /// What sells it.
    pub offerings: Vec<Arc<Offering>>,
    /// What a test-mode key is served by.
    pub test_offering: Option<Arc<Offering>>,
    /// The time a whole request may take, all attempts together.
    pub deadline: Duration,
    /// The largest picture, in pixels; `None` for no bound of its own.
    pub pixels_max: Option<u64>,
}

/// How offerings are ranked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// The lowest cost first.
    #[default]
    Cheapest,
    /// The lowest expected time to a picture first.
    Fastest,
    /// As policy numbers them.
    Priority,
}
