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
    /// Jobs of the caller's workspace.
    Jobs,
    /// One job.
    Job(String),
    /// One job, which is wanted no more.
    CancelJob(String),
    /// The picture that has this name.
    Asset(String),
    /// The media library.
    Library(LibraryAsk),
    /// The path exists, with these methods only.
    WrongMethod {
        /// The `Allow` header's value.
        allow: &'static str,
    },
}
