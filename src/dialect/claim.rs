//! What an app may come for.

use crate::canonical::LibraryAsk;

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
    /// The list of every model that is connected, for whoever asks: no key is needed.
    OpenModels,
    /// What the caller has used and may still use.
    Usage,
    /// How the gateway is; no key is needed.
    Health,
    /// A prompt, and no picture.
    Prompt,
    /// What a browser asks before it lets a page of another origin ask; no key is needed.
    Preflight {
        /// The methods that the path takes.
        allow: &'static str,
    },
    /// Jobs of the caller's workspace.
    Jobs,
    /// One job.
    Job(String),
    /// One job, which is wanted no more.
    CancelJob(String),
    /// The picture that has this name.
    Asset(String),
    /// What the caller's workspace checks the signatures of its webhooks with.
    WebhookSecret,
    /// The media library.
    Library(LibraryAsk),
    /// The path exists, with these methods only.
    WrongMethod {
        /// The `Allow` header's value.
        allow: &'static str,
    },
}

impl Claim {
    /// Whether it is about jobs, which are asked after at the same paths whatever dialect they came in.
    pub const fn is_about_jobs(&self) -> bool {
        matches!(self, Self::Jobs | Self::Job(_) | Self::CancelJob(_))
    }
}
