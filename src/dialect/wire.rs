//! Bytes with a method, a path, a status: what dialects decode from and encode to.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

/// A request as it is on the wire, on either side of us.
#[derive(Clone, Debug)]
pub struct WireRequest {
    /// The method.
    pub method: Method,
    /// Path and query; towards a vendor it is appended to the vendor's base. A vendor that names
    /// the whole address of what to ask next is taken at its word only where policy lists the host.
    pub path: String,
    /// Headers, without credentials and framing.
    pub headers: HeaderMap,
    /// The body.
    pub body: Pieces,
}

/// An answer as it is on the wire, on either side of us.
#[derive(Clone, Debug)]
pub struct WireReply {
    /// The HTTP status.
    pub status: u16,
    /// Headers, without framing.
    pub headers: HeaderMap,
    /// The body.
    pub body: Pieces,
}

/// A body as a list of slices, so that a picture is passed on without being copied.
#[derive(Clone, Debug, Default)]
pub struct Pieces(Vec<Bytes>);

impl Pieces {
    /// A body of one slice.
    pub fn one(bytes: impl Into<Bytes>) -> Self {
        Self(vec![bytes.into()])
    }

    /// Adds a slice at the end.
    pub fn push(&mut self, bytes: impl Into<Bytes>) {
        let bytes = bytes.into();
        if !bytes.is_empty() {
            self.0.push(bytes);
        }
    }

    /// All bytes.
    pub fn len(&self) -> usize {
        self.0.iter().map(Bytes::len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The slices, in order.
    pub fn into_slices(self) -> Vec<Bytes> {
        self.0
    }

    /// The body as one slice: free when it is one already, otherwise a copy.
    pub fn to_bytes(&self) -> Bytes {
        match self.0.as_slice() {
            [] => Bytes::new(),
            [one] => one.clone(),
            many => many.concat().into(),
        }
    }
}

impl WireReply {
    /// A JSON answer.
    pub fn json(status: u16, body: Pieces) -> Self {
        Self { status, headers: json_headers(HEADERS_USUAL), body }
    }

    /// The same answer with one more header; an unprintable value is left out.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
        self
    }

    /// A header's value as text, if it is there and printable.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl WireRequest {
    /// A question without a body.
    pub fn get(path: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            headers: HeaderMap::new(),
            body: Pieces::default(),
        }
    }

    /// The same request with one more header; an unprintable value is left out.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
        self
    }

    /// A JSON request.
    pub fn post_json(path: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self {
            method: Method::POST,
            path: path.into(),
            headers: json_headers(1),
            body: Pieces::one(body),
        }
    }

    /// A JSON request whose body is written in pieces, so that pictures in it are not copied.
    pub fn post_pieces(path: impl Into<String>, body: Pieces) -> Self {
        Self { method: Method::POST, path: path.into(), headers: json_headers(1), body }
    }
}

/// As many as an answer has with its limits: room for them is made once.
const HEADERS_USUAL: usize = 12;

fn json_headers(room: usize) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(room);
    headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers
}
