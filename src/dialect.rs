//! How each API spells image requests: the two traits, the wire between, and the registry.
//!
//! A dialect may have a client side (faces apps), a vendor side (faces vendors), or both. All of
//! it is pure: bytes in, values out. No other module names a dialect.

use http::Method;

use crate::canonical::{Answer, ImageRequest, Refusal, RefusalKind, Standing};
use crate::id::RequestId;

mod address;
mod automatic1111;
mod azure;
mod bare;
mod bedrock;
mod bfl;
pub mod chat;
mod claim;
mod cloudflare;
mod comfyui;
mod conventions;
mod deepinfra;
mod drawn;
mod extras;
mod fal;
mod fireworks;
mod gemini;
mod google;
mod head;
mod house;
mod huggingface;
mod ideogram;
mod imageapi;
mod imagen;
mod job;
mod json;
mod later;
mod leonardo;
mod library;
pub mod litellm;
mod measure;
mod mediaposts;
pub mod moderation;
mod multipart;
mod named;
mod native;
mod neariq;
mod neuraldraft;
mod openai;
mod painter;
mod percent;
mod posteverywhere;
mod recraft;
mod replicate;
mod reply;
mod retry;
mod sse;
mod stability;
mod together;
mod unsupported;
mod vendor_side;
mod wire;
mod xai;

pub use claim::Claim;
pub use conventions::traced_as;
pub use extras::{Batching, Item, ItemAnswer, Prompting, Reporting};
pub use job::{AssetShown, JobShown, Step, VersionShown, encode_event};
pub use library::{Asked, Library};
pub use named::with_pictures;
pub use percent::percent_encoded;
pub(crate) use reply::fault_of_status;
pub use retry::retry_headers;
pub use sse::{Event, Events};
pub use vendor_side::{Call, MaskStyle, Pending, Preview, Progress, Unsupported, VendorSide};
pub use wire::{Pieces, WireReply, WireRequest};

/// Every dialect that is spoken here.
pub static ALL: &[Dialect] = &[
    openai::DIALECT,
    automatic1111::DIALECT,
    azure::DIALECT,
    bedrock::DIALECT,
    bfl::DIALECT,
    cloudflare::DIALECT,
    comfyui::DIALECT,
    deepinfra::DIALECT,
    fal::DIALECT,
    fireworks::DIALECT,
    gemini::DIALECT,
    huggingface::DIALECT,
    ideogram::DIALECT,
    imageapi::DIALECT,
    imagen::DIALECT,
    leonardo::DIALECT,
    mediaposts::DIALECT,
    neariq::DIALECT,
    neuraldraft::DIALECT,
    posteverywhere::DIALECT,
    recraft::DIALECT,
    replicate::DIALECT,
    stability::DIALECT,
    together::DIALECT,
    xai::DIALECT,
    painter::DIALECT,
    house::DIALECT,
];

/// One way of spelling image requests.
#[derive(Debug)]
pub struct Dialect {
    /// Its name in policy, metrics and fixture folders.
    pub name: &'static str,
    /// The half that faces apps.
    pub client: Option<&'static dyn ClientSide>,
    /// The half that faces vendors.
    pub vendor: Option<&'static dyn VendorSide>,
}

/// The half of a dialect that faces apps.
pub trait ClientSide: std::fmt::Debug + Sync {
    /// What a request at this path is for; `None` when the path is not this dialect's.
    fn claim(&self, method: &Method, path: &str) -> Option<Claim>;

    /// What a request is for at a path that another dialect claims too; it is this dialect's only
    /// if the key is shown in this dialect's way.
    fn claim_shared(&self, _method: &Method, _path: &str) -> Option<Claim> {
        None
    }

    /// The key as the dialect carries it, from the head alone.
    fn presented_key<'a>(&self, head: &'a http::HeaderMap) -> Option<&'a str>;

    /// The parameter of the query that a key may be in instead; `None` where it may not.
    fn key_parameter(&self) -> Option<&'static str> {
        None
    }

    /// The header that shows a key, for examples and for those who forgot it: its name and value.
    fn shown_key(&self, key: &str) -> (&'static str, String) {
        ("Authorization", format!("Bearer {key}"))
    }

    /// The scope that a key needs for this.
    fn scope(&self, claim: &Claim) -> &'static str;

    /// The scope that the key of a team's member needs besides; `None` where members need no more
    /// than others.
    fn scope_of_members(&self, _: &Claim) -> Option<&'static str> {
        None
    }

    /// Whether successes tell how much of the daily quotas is used, which costs a look at them.
    fn tells_quotas(&self) -> bool {
        false
    }

    /// Body to canonical. Refuses exactly what the dialect's own documentation refuses.
    fn decode_request(&self, wire: &WireRequest) -> Result<ImageRequest, Refusal>;

    /// Canonical to body: a success.
    fn encode_response(&self, answer: &Answer<'_>) -> WireReply;

    /// Canonical to body: a no. Limit headers are added by [`ClientSide::limit_headers`].
    fn encode_refusal(&self, refusal: &Refusal, context: &RefusalContext<'_>) -> WireReply;

    /// The models that this key may ask for, in the dialect's own listing.
    fn encode_models(&self, models: &[ListedModel<'_>]) -> WireReply;

    /// One model of the list; as a list of one unless the dialect shows it in another way.
    fn encode_model(&self, model: &ListedModel<'_>) -> WireReply {
        self.encode_models(std::slice::from_ref(model))
    }

    /// Whether pictures are always a job, which is asked after.
    fn answers_later(&self) -> bool {
        false
    }

    /// A job that came in this dialect; `result` is what it would have been answered with at once.
    fn encode_job(&self, shown: &JobShown<'_>, result: Option<&WireReply>) -> Pieces {
        job::encode(shown, RefusalKind::code, result)
    }

    /// A part of a list of jobs, each in its own dialect; `next` is where the next part begins.
    fn encode_jobs(&self, jobs: Vec<Pieces>, next: Option<&str>) -> Pieces {
        job::encode_list(jobs, next)
    }

    /// A picture by the name that its app gave it.
    fn encode_asset(&self, asset: &AssetShown<'_>) -> Pieces {
        job::encode_asset(asset)
    }

    /// How the dialect streams an answer; `None` where it does not.
    fn streaming(&self) -> Option<&'static dyn Streaming> {
        None
    }

    /// How the dialect asks for several requests in one body; `None` where it does not.
    fn batching(&self) -> Option<&'static dyn Batching> {
        None
    }

    /// How the dialect tells of usage and health; `None` where it does not.
    fn reporting(&self) -> Option<&'static dyn Reporting> {
        None
    }

    /// How the dialect asks for prompts to be written; `None` where it does not.
    fn prompting(&self) -> Option<&'static dyn Prompting> {
        None
    }

    /// Whether pages of other origins may call it from a browser, where config lets them.
    fn is_for_browsers(&self) -> bool {
        false
    }

    /// How the dialect shows the media library; `None` where it has no place for it.
    fn library(&self) -> Option<&'static dyn Library> {
        None
    }

    /// A request to try, for people who have just started.
    fn example(&self) -> Example;

    /// The dialect's own limit headers, for successes and refusals alike.
    fn limit_headers(&self, standings: &[Standing], unix_ms: i64) -> Vec<(&'static str, String)>;
}

/// How a dialect streams an answer as server-sent events.
pub trait Streaming: std::fmt::Debug + Sync {
    /// Whether its clients skip comments. Where they do not, an empty line is the sign of life, and
    /// what was not done as asked is the business of [`Streaming::encode_end`].
    fn has_comments(&self) -> bool {
        true
    }

    /// A picture on the way to the final one.
    fn encode_preview(&self, preview: &Preview, request: &ImageRequest, unix_ms: i64) -> Pieces;

    /// A success, and the end of the stream.
    fn encode_end(&self, answer: &Answer<'_>) -> Pieces;

    /// A no that comes when the stream has begun, and the end of the stream.
    fn encode_no(&self, refusal: &Refusal, context: &RefusalContext<'_>) -> Pieces;
}

/// What every refusal says besides its own words.
#[derive(Debug)]
pub struct RefusalContext<'a> {
    /// The request's name.
    pub request_id: &'a RequestId,
    /// When it is said, in milliseconds since the Unix epoch.
    pub unix_ms: i64,
    /// The public name of the model that was asked for, once that is known.
    pub model: Option<&'a str>,
}

/// A request that shows a dialect at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Example {
    /// Whose client it is, and what comes back.
    pub title: &'static str,
    /// Where it is sent.
    pub path: &'static str,
    /// Its JSON body.
    pub body: &'static str,
    /// What to pipe the answer into for a picture on disk; empty when there is nothing to do.
    pub then: &'static str,
}

/// A model as it is listed to apps.
#[derive(Debug)]
pub struct ListedModel<'a> {
    /// Its public name.
    pub name: &'a str,
    /// Who serves it, for listings that say so.
    pub owner: &'a str,
    /// When it was last changed in policy, in seconds since the Unix epoch.
    pub created: i64,
    /// What people call it; `None` where its name will do.
    pub title: Option<&'a str>,
    /// What it is good for, in a line.
    pub description: Option<&'a str>,
}

/// The dialect of this name.
pub fn by_name(name: &str) -> Option<&'static Dialect> {
    ALL.iter().find(|dialect| dialect.name == name)
}

/// The client side that speaks where no other claims a path.
pub fn fallback() -> &'static dyn ClientSide {
    &house::Client
}

/// The client side that claims this path, and what for; a path that two share goes to the one whose
/// key is shown.
pub fn claim_by_key(
    method: &Method,
    path: &str,
    shows_key: impl Fn(&dyn ClientSide) -> bool,
) -> Option<(&'static Dialect, Claim)> {
    let shared = ALL.iter().find_map(|dialect| {
        let client = dialect.client?;
        let claim = client.claim_shared(method, path).filter(|_| shows_key(client))?;
        Some((dialect, claim))
    });
    shared.or_else(|| claim(method, path))
}

/// The client side that claims this path whatever key is shown, and what for.
pub fn claim(method: &Method, path: &str) -> Option<(&'static Dialect, Claim)> {
    ALL.iter().find_map(|dialect| {
        let claim = dialect.client?.claim(method, path)?;
        Some((dialect, claim))
    })
}

/// Whether pages of other origins may call this path from a browser, where config lets them.
pub fn is_for_browsers(path: &str) -> bool {
    let claimed = claim(&Method::OPTIONS, path);
    claimed.and_then(|(dialect, _)| dialect.client).is_some_and(ClientSide::is_for_browsers)
}
