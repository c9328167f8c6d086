//! What one request leaves behind at each step, for spans: when a step began, whom an attempt asked and
//! what it came to.
//!
//! It is carried by the receipt, written along the way and read once, by whoever makes spans of it. No
//! logic reads it back. Where nothing is traced it is empty, and writing to it does nothing.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use parking_lot::Mutex;

use crate::canonical::TokenUsage;
use crate::catalog::Vendor;
use crate::clock::Moment;
use crate::credits::Cost;

mod context;
mod step;
#[cfg(test)]
mod tests;

pub use context::{Carried, Context, STATE_HEADER, TRACE_HEADER, read, read_state};
pub use step::Step;

/// Steps that one trail holds; a request takes some twenty.
pub const STEPS_MAX: usize = 64;

/// Attempts that one trail holds.
pub const ATTEMPTS_MAX: usize = 32;

/// The trail of one request; a copy is the same trail.
#[derive(Clone, Debug, Default)]
pub struct Trail(Option<Arc<Path>>);

/// What is known of a trail when it begins.
#[derive(Debug)]
pub struct Beginning {
    /// Its trace, and its own span in it.
    pub context: Context,
    /// The span above it, and whether that is another program's.
    pub parent: Option<(u64, bool)>,
    /// What it belongs to without being below it.
    pub link: Option<Context>,
    /// What other tracing systems say in `tracestate`.
    pub state: Option<Box<str>>,
    /// What it is the trail of.
    pub of: Of,
    /// What is to become of it.
    pub fate: Fate,
    /// When it began.
    pub at: Moment,
    /// The same, in nanoseconds since the Unix epoch.
    pub unix_nanos: u64,
}

/// What a trail is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Of {
    /// A request, as it came.
    Request {
        /// Its method.
        method: Method,
        /// Its path, without the query, which may hold a key.
        path: Box<str>,
        /// Where it came to: scheme, host and port.
        url: Box<str>,
    },
    /// One request of several in one body.
    Item,
    /// A job, from when it is worked on.
    Job,
}

/// What becomes of a trail at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Nothing is written on it: an app's trace that goes through us.
    Carried,
    /// Spans, if it ends in a fault that is a vendor's or ours.
    KeptOnFault,
    /// Spans.
    Kept,
}

/// A trail as it was begun, and what was written on it since.
#[derive(Debug)]
pub struct Path {
    /// How it began.
    pub beginning: Beginning,
    marks: Mutex<Marks>,
}

/// What was written on a trail. Times are since its beginning.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    /// Each step with its beginning; it ends where the next begins.
    pub steps: Vec<(Step, Duration)>,
    /// Each attempt at a vendor.
    pub attempts: Vec<Attempt>,
    /// The parameters that were not done as asked.
    pub changed: Vec<Cow<'static, str>>,
}

/// One attempt at a vendor.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Its span.
    pub span: u64,
    /// Who was asked.
    pub vendor: Arc<Vendor>,
    /// What was bought.
    pub offering: String,
    /// The vendor's own name for the model; empty where there is none.
    pub model: String,
    /// Calls that its pictures are spread over.
    pub calls: u32,
    /// When it began.
    pub began: Duration,
    /// When it ended; `None` for one that nobody waited for.
    pub ended: Option<Duration>,
    /// What it came to.
    pub came: Option<Came>,
}

/// What an attempt came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// Pictures.
    Pictures {
        /// How many.
        count: u32,
        /// The tokens that the vendor reported.
        usage: Option<TokenUsage>,
        /// What it cost us, where that is known.
        cost: Option<Cost>,
    },
    /// A fault.
    Fault {
        /// Its code.
        code: &'static str,
        /// Whether the vendor may have drawn and billed without our knowing.
        outcome_unknown: bool,
    },
    /// An answer that is no picture.
    Answered,
    /// An answer with this status, which was passed through.
    Status(u16),
}

/// Whom an attempt asks.
#[derive(Debug)]
pub struct Asked<'a> {
    /// The vendor.
    pub vendor: &'a Arc<Vendor>,
    /// What is bought.
    pub offering: &'a str,
    /// The vendor's own name for the model.
    pub model: &'a str,
    /// Calls that its pictures are spread over.
    pub calls: u32,
}

/// An attempt that is under way.
#[derive(Debug, Default)]
pub struct Trying {
    index: Option<usize>,
    /// What the vendor may be told of the trace.
    pub carried: Option<Carried>,
}

impl Trail {
    /// A trail that begins.
    pub fn begin(beginning: Beginning) -> Self {
        Self(Some(Arc::new(Path { beginning, marks: Mutex::default() })))
    }

    /// The trail, unless nothing is to be made of it.
    pub fn path(&self) -> Option<&Path> {
        self.0.as_deref().filter(|path| path.beginning.fate != Fate::Carried)
    }

    /// Whether it is written on.
    pub fn is_written(&self) -> bool {
        self.path().is_some()
    }

    /// Its trace: ours, or the app's that goes through us.
    pub fn context(&self) -> Option<Context> {
        Some(self.0.as_deref()?.beginning.context)
    }

    /// Its trace, if spans are made of it whatever happens: what may be pointed at.
    pub fn kept(&self) -> Option<Context> {
        let beginning = &self.0.as_deref()?.beginning;
        (beginning.fate == Fate::Kept).then_some(beginning.context)
    }

    /// A moment on its clock, in seconds since the Unix epoch.
    pub fn unix_seconds(&self, at: Moment) -> Option<f64> {
        let path = self.0.as_deref()?;
        let began = Duration::from_nanos(path.beginning.unix_nanos);
        Some(began.saturating_add(path.since(at)).as_secs_f64())
    }

    /// From here on it is at this step. The first one begins with the trail.
    pub fn enter(&self, step: Step, at: Moment) {
        let Some(path) = self.path() else { return };
        let mut marks = path.marks.lock();
        if marks.steps.len() < STEPS_MAX {
            let began = if marks.steps.is_empty() { Duration::ZERO } else { path.since(at) };
            marks.steps.push((step, began));
        }
    }

    /// A vendor is asked; `span` is the name of the attempt.
    pub fn ask(&self, asked: &Asked<'_>, span: u64, at: Moment) -> Trying {
        let Some(path) = self.0.as_deref() else {
            return Trying::default();
        };
        let carried = asked.vendor.trace_context.then(|| path.carried(span));
        if !self.is_written() {
            return Trying { index: None, carried };
        }
        let mut marks = path.marks.lock();
        if marks.attempts.len() >= ATTEMPTS_MAX {
            return Trying { index: None, carried };
        }
        marks.attempts.push(Attempt {
            span,
            vendor: Arc::clone(asked.vendor),
            offering: asked.offering.to_owned(),
            model: asked.model.to_owned(),
            calls: asked.calls,
            began: path.since(at),
            ended: None,
            came: None,
        });
        Trying { index: marks.attempts.len().checked_sub(1), carried }
    }

    /// What an attempt came to.
    pub fn came(&self, trying: &Trying, came: impl FnOnce() -> Came, at: Moment) {
        let (Some(path), Some(index)) = (self.path(), trying.index) else { return };
        let mut marks = path.marks.lock();
        if let Some(attempt) = marks.attempts.get_mut(index) {
            attempt.ended = Some(path.since(at));
            attempt.came = Some(came());
        }
    }

    /// The parameters that were not done as asked.
    pub fn changed(&self, parameters: impl Iterator<Item = Cow<'static, str>>) {
        if let Some(path) = self.path() {
            path.marks.lock().changed.extend(parameters.take(STEPS_MAX));
        }
    }
}

impl Path {
    /// The spans that it comes to: its own, and one for each step and attempt.
    pub fn spans(&self) -> usize {
        let marks = self.marks.lock();
        marks.steps.len().saturating_add(marks.attempts.len()).saturating_add(1)
    }

    /// What was written on it so far.
    pub fn marks(&self) -> Marks {
        self.marks.lock().clone()
    }

    fn since(&self, at: Moment) -> Duration {
        at.since(self.beginning.at)
    }

    /// What goes on to a vendor: our span where one is made, and the app's own otherwise.
    fn carried(&self, span: u64) -> Carried {
        let Beginning { context, state, fate, .. } = &self.beginning;
        let own = Context { span, ..*context };
        let context = if *fate == Fate::Carried { *context } else { own };
        Carried::new(context, state.as_deref())
    }
}
