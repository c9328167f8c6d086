//! The one shape between dialects: what was asked, what came back, and our no.
//!
//! Client sides decode into [`ImageRequest`] and encode from [`Answer`] or [`Refusal`]; vendor
//! sides do the reverse. Nothing here knows how any dialect spells it.

mod frame;
mod labels;
mod library;
mod moderated;
mod named_input;
mod picture;
mod prompt;
mod refusal;
mod report;
mod request;
mod response;
mod simulate;
mod sketch;

pub use frame::{BadFrame, Frame, Ratio, Size};
pub use labels::{LABEL_CHARS_MAX, LABELS_HEADER, LABELS_MAX, bad_labels, read_labels};
pub use library::{Kept, LibraryAsk, Page, Place, Shown};
pub use moderated::{Found, Moderated};
pub use named_input::{InputName, InputRole, NamedInput};
pub use picture::{AVIF_PIXELS_MAX, Format, Picture};
pub use prompt::{PromptAsk, PromptParts};
pub use refusal::{Blame, Problem, Refusal, RefusalKind};
pub use report::{Check, HealthReport, Tally, UsageReport};
pub use request::{Background, Delivery, ImageRequest, InputImage, Operation, Quality, Safety};
pub use response::{
    Answer, Change, Image, ImageResponse, QuotaStanding, Standing, Stored, TokenUsage,
};
pub use simulate::{SIMULATE_HEADER, bad_simulation};
pub use sketch::{Came, Length, Sketch};

/// The header by which an app says, in any dialect, where it wants to be told of its job's end.
pub const WEBHOOK_HEADER: &str = "pixelgate-webhook";
