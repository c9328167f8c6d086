//! What a condition may look at: the request, who asks, the quote and the clock.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::canonical::{Background, Delivery, Format, Frame, ImageRequest, Quality, Size};
use crate::clock::Now;
use crate::credits::{Cost, Credits};

/// Everything that is known when a rule is worked out.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// What is asked.
    pub request: &'a ImageRequest,
    /// In which dialect.
    pub dialect: &'a str,
    /// The public model that was asked for, or that serves who names none.
    pub model: &'a str,
    /// Who asks.
    pub caller: Asker<'a>,
    /// When.
    pub now: Now,
    /// What it may come to, once that is known.
    pub quote: Option<Quoted<'a>>,
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub struct Asker<'a> {
    /// Who pays.
    pub workspace: &'a str,
    /// The key's public name.
    pub key: &'a str,
    /// What people call the key.
    pub key_name: &'a str,
    /// The key's plan.
    pub plan: &'a str,
    /// What the key may do.
    pub scopes: &'a [String],
    /// Whether it is a test-mode key.
    pub is_test: bool,
}

/// What a request may come to.
#[derive(Clone, Copy, Debug)]
pub struct Quoted<'a> {
    /// The most that the caller may pay, before any rule changes it.
    pub price: Credits,
    /// The most that the first offering may cost us.
    pub cost: Cost,
    /// Pixels of all pictures.
    pub pixels: u64,
    /// The offering that is asked first.
    pub offering: &'a str,
    /// Its vendor.
    pub vendor: &'a str,
}

macro_rules! facts {
    ($(#[$what:meta])* $kind:ident { $($(#[$doc:meta])* $fact:ident = $name:literal,)* }) => {
        $(#[$what])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $kind { $($(#[$doc])* $fact,)* }

        impl $kind {
            /// Every one of them.
            pub const ALL: &'static [Self] = &[$(Self::$fact,)*];

            /// Its name in a condition.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$fact => $name,)* }
            }
        }
    };
}

facts!(
    /// A whole number; 0 where an app did not say.
    NumberFact {
        /// Pictures.
        Count = "request.count",
        /// Pixels across, where exact pixels are asked for.
        Width = "request.width",
        /// Pixels down, where exact pixels are asked for.
        Height = "request.height",
        /// Denoising steps.
        Steps = "request.steps",
        /// Input pictures, without the mask.
        Inputs = "request.inputs",
        /// Partial previews.
        Previews = "request.previews",
        /// The most that the caller may pay, in nano-credits.
        Price = "quote.price",
        /// The most that the first offering may cost us, in nano-dollars.
        Cost = "quote.cost",
        /// Pixels of all pictures.
        Pixels = "quote.pixels",
        /// The hour of the UTC day, 0 to 23.
        Hour = "clock.hour",
        /// The day of the week in UTC, from 1 for Monday to 7.
        Weekday = "clock.weekday",
        /// The day of the month in UTC.
        Day = "clock.day",
        /// The month in UTC.
        Month = "clock.month",
        /// The year in UTC.
        Year = "clock.year",
        /// Seconds since the Unix epoch.
        Seconds = "clock.unix_seconds",
    }
);

facts!(
    /// A text; empty where an app did not say.
    TextFact {
        /// `generate`, `edit` or `variation`.
        Operation = "request.operation",
        /// The public model.
        Model = "request.model",
        /// What to draw.
        Prompt = "request.prompt",
        /// What not to draw.
        NegativePrompt = "request.negative_prompt",
        /// `auto`, a ratio or a size.
        Frame = "request.frame",
        /// `low`, `medium`, `high`, `xhigh` or `max`.
        Quality = "request.quality",
        /// A named look.
        Style = "request.style",
        /// A preset of policy.
        Preset = "request.preset",
        /// `png`, `jpeg`, `webp` or `avif`.
        Format = "request.format",
        /// `transparent` or `opaque`.
        Background = "request.background",
        /// `inline`, `url`, `bytes` or `as_planned`.
        Delivery = "request.delivery",
        /// The app's own end user.
        EndUser = "request.end_user",
        /// The dialect that the app speaks.
        Dialect = "request.dialect",
        /// Who pays.
        Workspace = "caller.workspace",
        /// The key's public name.
        Key = "caller.key",
        /// What people call the key.
        KeyName = "caller.key_name",
        /// The key's plan.
        Plan = "caller.plan",
        /// The offering that is asked first.
        Offering = "quote.offering",
        /// The vendor that is asked first.
        Vendor = "quote.vendor",
    }
);

facts!(
    /// Something that is so or not.
    TruthFact {
        /// Whether a mask says where to edit.
        HasMask = "request.has_mask",
        /// Whether a stream of events is wanted.
        IsStreamed = "request.is_streamed",
        /// Whether a test-mode key asks.
        IsTest = "caller.is_test",
    }
);

/// The name of the scopes of a key, a list of texts.
pub(super) const SCOPES: &str = "caller.scopes";

/// The name of the labels of a request, a map of texts.
pub(super) const LABELS: &str = "request.labels";

impl NumberFact {
    /// Whether it is known only with the quote.
    pub(super) const fn is_of_quote(self) -> bool {
        matches!(self, Self::Price | Self::Cost | Self::Pixels)
    }

    /// `None` where it is not known or does not fit.
    pub(super) fn of(self, facts: &Facts<'_>) -> Option<i64> {
        let request = facts.request;
        let count = |count: usize| i64::try_from(count).ok();
        let pixels = match request.frame {
            Frame::Pixels(size) => Some(size),
            Frame::Auto | Frame::Ratio(_) => None,
        };
        let side = |side: fn(Size) -> u32| i64::from(pixels.map_or(0, side));
        match self {
            Self::Count => Some(i64::from(request.count)),
            Self::Width => Some(side(|size| size.width)),
            Self::Height => Some(side(|size| size.height)),
            Self::Steps => Some(i64::from(request.steps.unwrap_or(0))),
            Self::Inputs => count(request.inputs_count()),
            Self::Previews => Some(i64::from(request.previews)),
            Self::Price => facts.quote.map(|quote| quote.price.nanos()),
            Self::Cost => facts.quote.map(|quote| quote.cost.nanos()),
            Self::Pixels => i64::try_from(facts.quote?.pixels).ok(),
            Self::Hour => Some(i64::from(moment(facts)?.hour())),
            Self::Weekday => Some(i64::from(moment(facts)?.weekday().number_from_monday())),
            Self::Day => Some(i64::from(moment(facts)?.day())),
            Self::Month => Some(i64::from(u8::from(moment(facts)?.month()))),
            Self::Year => Some(i64::from(moment(facts)?.year())),
            Self::Seconds => Some(facts.now.unix_seconds()),
        }
    }
}

fn moment(facts: &Facts<'_>) -> Option<time::OffsetDateTime> {
    time::OffsetDateTime::from_unix_timestamp(facts.now.unix_seconds()).ok()
}

impl TextFact {
    /// Whether it is known only with the quote.
    pub(super) const fn is_of_quote(self) -> bool {
        matches!(self, Self::Offering | Self::Vendor)
    }

    /// Whether it is what is said: of that nothing but its length is kept.
    pub(super) const fn is_of_words(self) -> bool {
        matches!(self, Self::Prompt | Self::NegativePrompt | Self::Style | Self::EndUser)
    }

    pub(super) fn of<'a>(self, facts: &Facts<'a>) -> Cow<'a, str> {
        let Facts { request, caller, .. } = *facts;
        match self {
            Self::Operation => request.operation.name().into(),
            Self::Model => facts.model.into(),
            Self::Prompt => request.prompt.as_str().into(),
            Self::NegativePrompt => said(request.negative_prompt.as_ref()),
            Self::Frame => request.frame.to_string().into(),
            Self::Quality => request.quality.map_or("", Quality::name).into(),
            Self::Style => said(request.style.as_ref()),
            Self::Preset => said(request.preset.as_ref()),
            Self::Format => request.format.map_or("", Format::name).into(),
            Self::Background => request.background.map_or("", background).into(),
            Self::Delivery => delivery(request.delivery).into(),
            Self::EndUser => said(request.end_user.as_ref()),
            Self::Dialect => facts.dialect.into(),
            Self::Workspace => caller.workspace.into(),
            Self::Key => caller.key.into(),
            Self::KeyName => caller.key_name.into(),
            Self::Plan => caller.plan.into(),
            Self::Offering => facts.quote.map_or("", |quote| quote.offering).into(),
            Self::Vendor => facts.quote.map_or("", |quote| quote.vendor).into(),
        }
    }
}

fn said(text: Option<&String>) -> Cow<'_, str> {
    text.map_or("", String::as_str).into()
}

/// Its name in a condition.
pub(super) const fn background(background: Background) -> &'static str {
    match background {
        Background::Transparent => "transparent",
        Background::Opaque => "opaque",
    }
}

const fn delivery(delivery: Delivery) -> &'static str {
    match delivery {
        Delivery::Inline => "inline",
        Delivery::Url => "url",
        Delivery::Bytes => "bytes",
        Delivery::AsPlanned => "as_planned",
    }
}

impl TruthFact {
    pub(super) fn of(self, facts: &Facts<'_>) -> bool {
        match self {
            Self::HasMask => facts.request.has_mask(),
            Self::IsStreamed => facts.request.stream,
            Self::IsTest => facts.caller.is_test,
        }
    }
}

/// The labels of the request.
pub(super) const fn labels<'a>(facts: &Facts<'a>) -> &'a BTreeMap<String, String> {
    &facts.request.labels
}
