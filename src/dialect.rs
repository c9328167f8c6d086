//! How each API spells image requests: the two traits, the wire between, and the registry.
//!
//! A dialect may have a client side (faces apps), a vendor side (faces vendors), or both. All of
//! it is pure: bytes in, values out. No other module names a dialect.

use std::borrow::Cow;
use std::time::Duration;

use http::Method;

use crate::canonical::{
    Answer, ImageRequest, ImageResponse, LibraryAsk, Picture, Refusal, Standing,
};
use crate::catalog::{AuthScheme, Offering};
use crate::credits::Cost;
use crate::fault::VendorFault;
use crate::id::RequestId;

mod address;
mod automatic1111;
mod azure;
mod bare;
mod bedrock;
mod bfl;
mod cloudflare;
mod comfyui;
mod deepinfra;
mod drawn;
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
mod json;
mod later;
mod leonardo;
mod library;
mod measure;
mod mediaposts;
mod multipart;
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
mod wire;
mod xai;

pub use library::{Asked, Library};
pub use percent::percent_encoded;
pub(crate) use reply::fault_of_status;
pub use retry::retry_headers;
pub use sse::{Event, Events};
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

    /// The key as the dialect carries it, from the head alone.
    fn presented_key<'a>(&self, head: &'a http::HeaderMap) -> Option<&'a str>;

    /// The scope that a key needs for this.
    fn scope(&self, claim: &Claim) -> &'static str;

    /// The scope that the key of a team's member needs besides; `None` where members need no more
    /// than others.
    fn scope_of_members(&self, _: &Claim) -> Option<&'static str> {
        None
    }

    /// The header line that carries a key, for examples and for those who forgot it.
    fn key_line(&self, key: &str) -> String {
        format!("Authorization: Bearer {key}")
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

    /// How the dialect streams an answer; `None` where it does not.
    fn streaming(&self) -> Option<&'static dyn Streaming> {
        None
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
    /// A picture on the way to the final one.
    fn encode_preview(&self, preview: &Preview, request: &ImageRequest, unix_ms: i64) -> Pieces;

    /// A success, and the end of the stream.
    fn encode_end(&self, answer: &Answer<'_>) -> Pieces;

    /// A no that comes when the stream has begun, and the end of the stream.
    fn encode_no(&self, refusal: &Refusal, context: &RefusalContext<'_>) -> Pieces;
}

/// What a request at a client side's path is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Pictures.
    Images,
    /// What pictures would come to, without any being drawn.
    Quote,
    /// The list of models.
    Models,
    /// One model of the list.
    Model(String),
    /// The media library.
    Library(LibraryAsk),
    /// The path exists, with these methods only.
    WrongMethod {
        /// The `Allow` header's value.
        allow: &'static str,
    },
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
}

/// The half of a dialect that faces vendors. Never does I/O, never sees a credential.
pub trait VendorSide: std::fmt::Debug + Sync {
    /// How a credential is shown unless policy says otherwise.
    fn auth_scheme(&self) -> AuthScheme;

    /// The dialect whose vendor-only options this one understands; `None` for its own.
    fn options_of(&self) -> Option<&'static str> {
        None
    }

    /// How the area to change is marked in a mask.
    fn mask_style(&self, _offering: &Offering) -> MaskStyle {
        MaskStyle::Alpha
    }

    /// Whether an order must carry a seed: without one, this vendor would draw for everyone who
    /// asks the same the same picture.
    fn needs_seed(&self, _offering: &Offering) -> bool {
        false
    }

    /// Canonical to body. `Unsupported` means: try the next candidate.
    fn encode_request(
        &self,
        request: &ImageRequest,
        offering: &Offering,
    ) -> Result<WireRequest, Unsupported>;

    /// The vendor's answer to where the exchange stands.
    fn decode_reply(&self, call: &Call<'_>, reply: &WireReply) -> Result<Progress, VendorFault>;

    /// One event of an answer that is streamed, while more may follow: a preview, if it is one.
    /// The whole stream is read by [`VendorSide::decode_reply`] once it has ended.
    fn decode_event(&self, _call: &Call<'_>, _event: &Event) -> Option<Preview> {
        None
    }
}

/// What was said to a vendor, for reading its answer: sides keep nothing between steps.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// What is wanted.
    pub request: &'a ImageRequest,
    /// Of what.
    pub offering: &'a Offering,
    /// What was sent last.
    pub asked: &'a WireRequest,
}

/// How the area to change is marked in a mask. Canonical masks are [`MaskStyle::Alpha`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MaskStyle {
    /// It is transparent.
    Alpha,
    /// It is white on black.
    White,
    /// It is black on white.
    Black,
}

/// A parameter that a vendor side cannot say.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{parameter}` cannot be expressed: {why}")]
pub struct Unsupported {
    /// The canonical parameter.
    pub parameter: &'static str,
    /// What stands against it.
    pub why: Cow<'static, str>,
}

/// Where an exchange stands after one reply.
#[derive(Debug)]
pub enum Progress {
    /// The pictures are here.
    Done(ImageResponse),
    /// The order is not placed yet: send this next, once.
    Then(Box<WireRequest>),
    /// The order is placed and not served yet.
    Pending(Box<Pending>),
}

/// An order that a vendor is at work on.
#[derive(Clone, Debug)]
pub struct Pending {
    /// What to ask; asked again when the question, not the order, comes to nothing.
    pub next: WireRequest,
    /// The wait that the vendor advises; `None` leaves it to us.
    pub wait: Option<Duration>,
    /// What takes the order back, where the vendor can.
    pub cancel: Option<WireRequest>,
    /// What the vendor says it charges, if it says so before it is done.
    pub cost: Option<Cost>,
}

/// A picture on the way to the final one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// Which of the previews, from 0.
    pub index: u32,
    /// Its content.
    pub picture: Picture,
}

/// The dialect of this name.
pub fn by_name(name: &str) -> Option<&'static Dialect> {
    ALL.iter().find(|dialect| dialect.name == name)
}

/// The client side that speaks where no other claims a path.
pub fn fallback() -> &'static dyn ClientSide {
    &house::Client
}

/// The client side that claims this path, and what for.
pub fn claim(method: &Method, path: &str) -> Option<(&'static Dialect, Claim)> {
    ALL.iter().find_map(|dialect| {
        let claim = dialect.client?.claim(method, path)?;
        Some((dialect, claim))
    })
}
