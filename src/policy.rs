//! What may change while running: one immutable snapshot of vendors, models, plans and rules.
//!
//! A `Policy` that exists is right: every name in it resolves. Reading files and swapping snapshots
//! is `reload`'s.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::canonical::{Delivery, Frame};
use crate::catalog::{Fidelity, Model, Vendor};
use crate::clock::Now;
use crate::credits::Credits;
use crate::limit::{Bounds, Of, Unit};
use crate::notice::Webhooks;
use crate::reach::Host;
use crate::rules::Rules;
use crate::secret::Secret;

mod bounds;
mod budgets;
mod build;
mod inputs;
mod moderation;
mod offering;
mod passthrough;
mod plan;
mod preset;
mod prompts;
mod quotable;
mod raw;
mod reach;
mod rules;
mod schema;
mod spanned;
mod tariff;
mod vendor;
mod webhooks;

pub use budgets::{Budget, Payer, Pick};
pub use build::build;
pub use inputs::InputPictures;
pub use moderation::{Moderator, OnFailure};
pub use prompts::PromptWriter;
pub use schema::schema;

pub use crate::secret::SecretPlace;

/// One immutable snapshot of all policy.
#[derive(Debug)]
pub struct Policy {
    /// A short hash of the text it was built from.
    pub version: Arc<str>,
    /// Who we call.
    pub vendors: BTreeMap<String, Arc<Vendor>>,
    /// The names that apps ask for.
    pub models: BTreeMap<String, Arc<Model>>,
    /// What serves an app that names no model.
    pub model_default: Option<String>,
    /// How much may be asked of a model, whatever the plan; nothing for models that bound nothing.
    pub model_bounds: BTreeMap<String, ModelBounds>,
    /// What keys may do.
    pub plans: BTreeMap<String, Arc<Plan>>,
    /// What names of presets stand for.
    pub presets: BTreeMap<String, Preset>,
    /// Who writes prompts for apps; `None` leaves it to rules.
    pub prompts: Option<PromptWriter>,
    /// Who is asked about prompts before they are drawn; nobody unless policy says so.
    pub moderator: Option<Moderator>,
    /// Who may be told of the ends of jobs; nobody unless policy lists hosts.
    pub webhooks: Webhooks,
    /// How much may be spent, and who hears of it.
    pub budgets: BTreeMap<String, Arc<Budget>>,
    /// Which addresses of input pictures are fetched.
    pub input_pictures: InputPictures,
    /// What is refused before anything is consumed.
    pub rules: Rules,
    /// What is left out although policy names it, and why: for the log and `check`.
    pub warnings: Vec<String>,
}

/// A named bundle of limits and rights.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// The models it includes; `None` for all.
    pub models: Option<Vec<String>>,
    /// Sliding windows and requests at once, one for each subject that they count.
    pub bounds: Vec<Arc<Bounds>>,
    /// Calendar quotas.
    pub quotas: Vec<Quota>,
    /// Requests at once per key; `None` for no bound of its own.
    pub concurrency_max: Option<u32>,
    /// What becomes of parameters that cannot be expressed; `None` leaves it to the model.
    pub fidelity: Option<Fidelity>,
    /// Whether answers say which offering served and what it cost us.
    pub show_offering: bool,
    /// How long its pictures are kept; `None` until they are erased.
    pub pictures_kept: Option<Duration>,
    /// Pictures that a workspace may keep; `None` for no bound.
    pub pictures_max: Option<u64>,
    /// Bytes of pictures that a workspace may keep; `None` for no bound.
    pub pictures_bytes_max: Option<u64>,
    /// The vendors whose own API may be called; none unless policy names them.
    pub passthrough: Vec<String>,
    /// The dialects that its keys may not speak; none unless policy names them.
    pub without_dialects: Vec<String>,
    /// The words that every picture must carry.
    pub watermark: Option<Arc<str>>,
    /// What is said of its pictures, where a dialect has a place for it.
    pub disclaimer: Option<Arc<str>>,
    /// Credits that come with it each month, and go at the month's end.
    pub monthly_credits: Option<Credits>,
    /// What people call it; its name unless policy says otherwise.
    pub title: String,
    /// What its storage is called; `None` where pictures that apps leave to it are not kept.
    pub storage: Option<String>,
    /// How much one body may ask for.
    pub batch: Batch,
    /// Hosts that its keys may name as webhooks, besides those that all may.
    pub webhook_hosts: Vec<Host>,
}

/// A name that apps may ask by: a frame and a treatment of the prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preset {
    /// The frame of pictures that are asked for without one.
    pub frame: Frame,
    /// What is added to the prompt.
    pub prompt_suffix: Option<String>,
}

/// How much one body may ask for that holds several requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Requests in one body.
    pub items_max: usize,
    /// Of those, the most at work at once.
    pub concurrency_max: usize,
}

/// How much may be asked of one model, whatever the plan.
#[derive(Clone, Debug, Default)]
pub struct ModelBounds {
    /// Sliding windows, one for each subject that they count.
    pub bounds: Vec<Arc<Bounds>>,
    /// Calendar quotas.
    pub quotas: Vec<Quota>,
}

/// How much may be used in one UTC day or month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Its name in answers.
    pub name: String,
    /// What is counted.
    pub unit: Unit,
    /// How many, in the unit's own grains: requests, images, pixels, nano-credits.
    pub most: u64,
    /// Over which period.
    pub per: Period,
    /// Whose use is counted together.
    pub of: Of,
}

/// A calendar period, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Period {
    /// From midnight to midnight.
    Day,
    /// From the first of a month to the first of the next.
    Month,
}

/// One file of policy as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyText {
    /// The file's name.
    pub file: String,
    /// Its content.
    pub text: String,
}

/// One thing that is wrong with a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyFault {
    /// The file it is in.
    pub file: String,
    /// The line it is on, from 1.
    pub line: usize,
    /// The dotted place.
    pub place: String,
    /// What is wrong.
    pub problem: String,
    /// What to do about it; may be empty.
    pub hint: String,
}

/// Finds the credential at a place, if it is there.
pub type FindSecret<'a> = &'a dyn Fn(&SecretPlace) -> Option<Secret>;

impl Policy {
    /// The model of this name.
    pub fn model(&self, name: &str) -> Option<&Arc<Model>> {
        self.models.get(name)
    }

    /// All windows that a request under this plan is counted in, the key's own first.
    pub fn bounds<'a>(
        &'a self,
        plan: &'a Plan,
        model: Option<&str>,
    ) -> impl Iterator<Item = &'a Arc<Bounds>> + use<'a> {
        let of_model = model.and_then(|model| self.model_bounds.get(model));
        plan.bounds.iter().chain(of_model.into_iter().flat_map(|own| &own.bounds))
    }

    /// The credits that plans give each month, by the plan's name.
    pub fn allowances(&self) -> HashMap<String, Credits> {
        let plans = self.plans.values();
        plans.filter_map(|plan| Some((plan.name.clone(), plan.monthly_credits?))).collect()
    }

    /// The plan of this name.
    pub fn plan(&self, name: &str) -> Option<&Arc<Plan>> {
        self.plans.get(name)
    }
}

impl Period {
    /// The UTC day that the period begins with, counted from the Unix epoch.
    pub fn begin(self, now: Now) -> i64 {
        match self {
            Self::Day => now.utc_day(),
            Self::Month => now.utc_month(),
        }
    }

    /// Its name in policy.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// When the one that this moment is in ends, in milliseconds since the Unix epoch.
    pub fn end_ms(self, now: Now) -> i64 {
        let left_ms = i64::try_from(self.until_next(now).as_millis()).unwrap_or(i64::MAX);
        now.unix_ms.saturating_add(left_ms)
    }

    /// How long until the next one begins.
    pub fn until_next(self, now: Now) -> Duration {
        match self {
            Self::Day => now.until_utc_midnight(),
            Self::Month => now.until_utc_month(),
        }
    }
}

impl Plan {
    /// How pictures arrive that were asked for in this way.
    pub const fn delivery(&self, asked: Delivery) -> Delivery {
        match asked {
            Delivery::AsPlanned if self.storage.is_some() => Delivery::Url,
            Delivery::AsPlanned => Delivery::Inline,
            Delivery::Inline | Delivery::Url | Delivery::Bytes => asked,
        }
    }

    /// Whether it includes this model.
    pub fn includes(&self, model: &str) -> bool {
        self.models.as_ref().is_none_or(|models| models.iter().any(|name| name == model))
    }

    /// Whether its keys may speak this dialect.
    pub fn speaks(&self, dialect: &str) -> bool {
        !self.without_dialects.iter().any(|name| name == dialect)
    }

    /// Whether it includes calls of this vendor's own API.
    pub fn passes_through_to(&self, vendor: &str) -> bool {
        self.passthrough.iter().any(|name| name == vendor)
    }
}

impl fmt::Display for PolicyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.file, self.line, self.place, self.problem)?;
        if !self.hint.is_empty() {
            write!(f, "; {}", self.hint)?;
        }
        Ok(())
    }
}
