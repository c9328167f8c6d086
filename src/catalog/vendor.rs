//! A vendor: where it is, how our credential is shown, what is read of its answers.

use std::time::Duration;

use http::Method;

use crate::reach::Host;
use crate::secret::Secret;

use super::passthrough::{self, Fare};

/// A company or engine that we call.
#[derive(Clone, Debug)]
pub struct Vendor {
    /// Its name in policy, logs and labels.
    pub name: String,
    /// The registered name of the dialect it speaks.
    pub dialect: &'static str,
    /// The dialect whose vendor-only options it understands, its own as a rule.
    pub options_of: &'static str,
    /// Where it is.
    pub base: BaseUrl,
    /// How our credential is shown.
    pub auth: AuthScheme,
    /// Our credentials, one for each account; empty when policy names none.
    pub secrets: Vec<Secret>,
    /// The place policy says the credential is in, when it was not there.
    pub secret_missing: Option<String>,
    /// How long one exchange may take.
    pub timeout: Duration,
    /// The largest answer that is read.
    pub answer_bytes_max: usize,
    /// Further hosts of its API, that our credential may be shown to when an answer names them.
    pub hosts: Vec<Host>,
    /// Hosts that pictures may be fetched from, without our credential.
    pub picture_hosts: Vec<Host>,
    /// The most calls per minute that each account is sent; `None` for no pacing.
    pub calls_per_minute_max: Option<std::num::NonZeroU32>,
    /// Whether an order that is taken back in time costs nothing.
    pub cancel_free: bool,
    /// Whether test-mode keys are served from here, at no charge.
    pub for_tests: bool,
    /// Whether it is told the trace that a request belongs to.
    pub trace_context: bool,
    /// What of its own API may be passed through, and at which price.
    pub fares: Vec<Fare>,
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
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
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
    /// `Authorization: <word> <secret>`
    Word(String),
    /// `Authorization: Basic <base64 of the secret>`, the secret being `user:password`.
    Basic,
    /// `Authorization: Bearer <token>`, the token being what Google gives for the secret, which is
    /// the key file of a service account.
    GoogleAccount,
    /// Never shown: the request is signed with it, in the way of AWS. The secret is
    /// `ACCESS_KEY_ID:SECRET_ACCESS_KEY[:SESSION_TOKEN]`.
    SigV4 {
        /// Where the vendor is, in AWS's words.
        region: String,
        /// What AWS calls the API in signatures.
        service: String,
    },
    /// Not at all.
    None,
}

impl Vendor {
    /// A vendor of which nothing else is said: a minute for a call, 64 MiB for an answer.
    pub fn new(name: impl Into<String>, dialect: &'static str, base: BaseUrl) -> Self {
        Self {
            name: name.into(),
            dialect,
            options_of: dialect,
            base,
            auth: AuthScheme::None,
            secrets: Vec::new(),
            secret_missing: None,
            timeout: Duration::from_mins(1),
            answer_bytes_max: 64 << 20,
            hosts: Vec::new(),
            picture_hosts: Vec::new(),
            calls_per_minute_max: None,
            cancel_free: false,
            for_tests: false,
            trace_context: false,
            fares: Vec::new(),
        }
    }

    /// The fare of a call of its own API, if that may be passed through.
    pub fn fare(&self, method: &Method, path: &str) -> Option<&Fare> {
        passthrough::fare(&self.fares, method, path)
    }

    /// What precedes every path, at a vendor that is a server.
    pub fn prefix(&self) -> &str {
        match &self.base {
            BaseUrl::Http { prefix, .. } => prefix,
            BaseUrl::InProcess(_) => "",
        }
    }
}

impl AuthScheme {
    /// Whether it is one header that does not depend on what is sent.
    pub const fn is_one_header(&self) -> bool {
        match self {
            Self::Bearer | Self::Header(_) | Self::Word(_) | Self::Basic | Self::None => true,
            Self::GoogleAccount | Self::SigV4 { .. } => false,
        }
    }

    /// The header of its own that it shows a credential in.
    pub fn header(&self) -> Option<&str> {
        if let Self::Header(name) = self { Some(name) } else { None }
    }

    /// The word of its own that it shows a credential with.
    pub fn word(&self) -> Option<&str> {
        if let Self::Word(word) = self { Some(word) } else { None }
    }
}
