//! The trace that a request belongs to, as programs tell it to each other: W3C Trace Context, level 2
//! (<https://www.w3.org/TR/trace-context-2/>).

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};

/// Where a trace and a span in it are named.
pub const TRACE_HEADER: HeaderName = HeaderName::from_static("traceparent");

/// Where tracing systems tell each other what is theirs.
pub const STATE_HEADER: HeaderName = HeaderName::from_static("tracestate");

/// Entries of a `tracestate` that are carried on.
const STATE_ENTRIES_MAX: usize = 32;

/// Bytes of it, as many as every program must carry.
const STATE_BYTES_MAX: usize = 512;

/// The length of version 00: `00-<32>-<16>-<2>`.
const LENGTH: usize = 55;

/// A trace, and one span of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// The trace; never 0.
    pub trace: u128,
    /// The span; never 0.
    pub span: u64,
    /// Whether whoever began it makes spans.
    pub sampled: bool,
    /// Whether the trace is named at random, so that others may sample by its name.
    pub random: bool,
}

/// A trace as it is told to a vendor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    parent: HeaderValue,
    state: Option<HeaderValue>,
}

impl Context {
    /// From the text of a `traceparent`; `None` for what does not name one, which is ignored then.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let known = bytes.get(..LENGTH)?;
        let (version, rest) = (number(known.get(..2)?)?, bytes.get(LENGTH..)?);
        // A later version may say more, behind a dash; none is called ff.
        let is_whole = match version {
            0 => rest.is_empty(),
            0xff => false,
            _ => rest.first().is_none_or(|byte| *byte == b'-'),
        };
        let dashes = [2, 35, 52].iter().all(|at| known.get(*at) == Some(&b'-'));
        if !is_whole || !dashes {
            return None;
        }
        let trace = number(known.get(3..35)?)?;
        let span = u64::try_from(number(known.get(36..52)?)?).ok()?;
        let flags = number(known.get(53..55)?)?;
        let named = trace != 0 && span != 0;
        named.then_some(Self { trace, span, sampled: flags & 1 != 0, random: flags & 2 != 0 })
    }
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = u8::from(self.sampled) | u8::from(self.random) << 1;
        write!(f, "00-{:032x}-{:016x}-{flags:02x}", self.trace, self.span)
    }
}

impl Carried {
    pub(super) fn new(context: Context, state: Option<&str>) -> Self {
        let parent = HeaderValue::from_str(&context.to_string());
        // Hexadecimal digits and dashes are always a header's value.
        let parent = parent.unwrap_or_else(|_| HeaderValue::from_static(""));
        let state = state.and_then(|state| HeaderValue::from_str(state).ok());
        Self { parent, state }
    }

    /// Puts it on a head, in place of what is there.
    pub fn put_on(&self, headers: &mut HeaderMap) {
        headers.insert(TRACE_HEADER, self.parent.clone());
        match &self.state {
            Some(state) => headers.insert(STATE_HEADER, state.clone()),
            None => headers.remove(STATE_HEADER),
        };
    }
}

/// The trace of a head; `None` where there is none, more than one, or a malformed one.
pub fn read(headers: &HeaderMap) -> Option<Context> {
    let mut values = headers.get_all(TRACE_HEADER).iter();
    let only = values.next()?;
    if values.next().is_some() {
        return None;
    }
    Context::parse(only.to_str().ok()?)
}

/// What a head says in `tracestate`: all its lines as one, as much as every program must carry; `None`
/// where there is nothing, or where it is malformed.
pub fn read_state(headers: &HeaderMap) -> Option<Box<str>> {
    let (mut kept, mut entries) = (String::new(), 0);
    for value in headers.get_all(STATE_HEADER) {
        let listed = value.to_str().ok()?.split(',').map(|entry| entry.trim_matches([' ', '\t']));
        for entry in listed.filter(|entry| !entry.is_empty()) {
            entries += 1;
            let is_right = is_entry(entry) && entries <= STATE_ENTRIES_MAX;
            is_right.then(|| add(&mut kept, entry))?;
        }
    }
    (!kept.is_empty()).then(|| kept.into())
}

/// Adds an entry, where there is room for it.
fn add(kept: &mut String, entry: &str) {
    let comma = if kept.is_empty() { "" } else { "," };
    if kept.len() + comma.len() + entry.len() <= STATE_BYTES_MAX {
        kept.push_str(comma);
        kept.push_str(entry);
    }
}

/// `key=value`, in the letters that either may have.
fn is_entry(entry: &str) -> bool {
    let Some((key, value)) = entry.split_once('=') else { return false };
    let of_key =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-*/@".contains(&byte);
    let is_key = key.bytes().all(of_key) && (1..=256).contains(&key.len());
    let of_value = |byte: u8| (0x20..=0x7e).contains(&byte) && byte != b'=';
    is_key && value.bytes().all(of_value) && (1..=256).contains(&value.len())
}

/// Lower-case hexadecimal digits, at most 32.
fn number(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0_u128, |sum, byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        Some(sum << 4 | u128::from(digit))
    })
}
