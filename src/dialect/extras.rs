//! What only some client sides have words for: several requests in one body, reports, and tools
//! that write prompts.

use super::{Asked, Pieces, WireReply, WireRequest};
use crate::canonical::{Answer, HealthReport, ImageRequest, PromptAsk, Refusal, UsageReport};

/// One request of a body that holds several, or why it cannot be read.
pub type Item = Result<ImageRequest, Refusal>;

/// What one request of several came to.
pub type ItemAnswer<'a> = Result<Answer<'a>, &'a Refusal>;

/// How a dialect asks for several requests in one body.
pub trait Batching: std::fmt::Debug + Sync {
    /// The requests of a body that holds several, each as it would be alone; `None` for a body that
    /// is one request. Refuses none, and more than `items_max`.
    fn decode_items(
        &self,
        wire: &WireRequest,
        items_max: usize,
    ) -> Result<Option<Vec<Item>>, Refusal>;

    /// What one of them came to, as it stands in the answer to all: the same bytes whenever it is
    /// said.
    fn encode_item(&self, item: &ItemAnswer<'_>) -> Pieces;

    /// The answer to all, from what each came to, in the order in which they were asked.
    fn encode_items(&self, items: Vec<Pieces>, context: &Asked<'_>) -> WireReply;
}

/// How a dialect tells of the gateway and of a caller's account.
pub trait Reporting: std::fmt::Debug + Sync {
    /// What a caller has used and may still use.
    fn encode_usage(&self, report: &UsageReport, context: &Asked<'_>) -> WireReply;

    /// How the gateway is.
    fn encode_health(&self, report: &HealthReport, context: &Asked<'_>) -> WireReply;
}

/// How a dialect asks for prompts to be written.
pub trait Prompting: std::fmt::Debug + Sync {
    /// Body to canonical.
    fn decode_prompt(&self, wire: &WireRequest) -> Result<PromptAsk, Refusal>;

    /// The prompt that was written.
    fn encode_prompt(&self, prompt: &str, context: &Asked<'_>) -> WireReply;
}
