//! Server-sent events: a stream of bytes as the events it holds, whole or while it arrives.

use bytes::{Bytes, BytesMut};

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its name; empty when it has none.
    pub name: String,
    /// What it holds: a slice of the stream, unless it came in several lines.
    pub content: Bytes,
}

/// Events of a stream that is still arriving.
#[derive(Debug, Default)]
pub struct Events {
    /// What came after the last whole event.
    rest: BytesMut,
    /// How much of it is known to hold no end of an event.
    searched: usize,
}

impl Events {
    /// The events that these bytes complete.
    pub fn push(&mut self, chunk: &[u8]) -> Vec<Event> {
        self.rest.extend_from_slice(chunk);
        // An end may have been cut in two by the chunk's own end.
        let from = self.searched.saturating_sub(3);
        let Some(end) = last_end(self.rest.get(from..).unwrap_or_default()) else {
            self.searched = self.rest.len();
            return Vec::new();
        };
        let whole = self.rest.split_to(from + end).freeze();
        self.searched = 0;
        events(&whole)
    }
}

/// The events of a stream that has ended; a last one without its blank line counts.
pub(crate) fn events(stream: &Bytes) -> Vec<Event> {
    let mut found = Vec::new();
    let mut open = Open::default();
    for line in lines(stream) {
        if line.is_empty() {
            found.extend(std::mem::take(&mut open).close());
        } else {
            open.take(stream, line);
        }
    }
    found.extend(open.close());
    found
}

/// Where the last blank line ends.
fn last_end(bytes: &[u8]) -> Option<usize> {
    [&b"\n\n"[..], b"\r\n\r\n", b"\r\r"]
        .iter()
        .filter_map(|blank| Some(memchr::memmem::rfind(bytes, blank)? + blank.len()))
        .max()
}

fn lines(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(stream);
    std::iter::from_fn(move || {
        let bytes = rest.take().filter(|bytes| !bytes.is_empty())?;
        let Some(end) = memchr::memchr2(b'\n', b'\r', bytes) else {
            return Some(bytes);
        };
        let (line, tail) = bytes.split_at(end);
        rest = tail.strip_prefix(b"\r\n").or_else(|| tail.get(1..));
        Some(line)
    })
}

/// An event whose blank line has not come yet.
#[derive(Default)]
struct Open {
    name: String,
    /// Its first line of data.
    first: Option<Bytes>,
    /// All of its lines, once there are several.
    lines: BytesMut,
}

impl Open {
    fn take(&mut self, stream: &Bytes, line: &[u8]) {
        let colon = memchr::memchr(b':', line).unwrap_or(line.len());
        let (field, value) = line.split_at(colon);
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"event" => self.name = String::from_utf8_lossy(value).into_owned(),
            b"data" => match &self.first {
                None => self.first = Some(stream.slice_ref(value)),
                Some(first) => {
                    if self.lines.is_empty() {
                        self.lines.extend_from_slice(first);
                    }
                    self.lines.extend_from_slice(b"\n");
                    self.lines.extend_from_slice(value);
                }
            },
            // Comments, ids and reconnection times are not ours to act on.
            _ => {}
        }
    }

    fn close(self) -> Option<Event> {
        let first = self.first?;
        let content = if self.lines.is_empty() { first } else { self.lines.freeze() };
        Some(Event { name: self.name, content })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STREAM: &str =
        ": hello\r\n\r\nevent: one\ndata: {\"a\":1}\n\ndata:two\rdata: lines\r\rdata: end";

    fn event(name: &str, content: &'static str) -> Event {
        Event { name: name.to_owned(), content: content.into() }
    }

    #[test]
    fn a_stream_is_read_whatever_ends_its_lines() {
        let read = events(&Bytes::from_static(STREAM.as_bytes()));
        let expected = [event("one", "{\"a\":1}"), event("", "two\nlines"), event("", "end")];
        assert_eq!(read, expected);
    }

    #[test]
    fn the_data_of_one_line_is_a_slice_of_the_stream() {
        let stream = Bytes::from_static(b"data: abc\n\n");
        let read = events(&stream);
        assert_eq!(read.first().map(|event| event.content.as_ptr()), Some(stream[6..].as_ptr()));
    }

    #[test]
    fn an_event_of_a_million_lines_costs_no_more_than_they_are_long() {
        // Copied anew for each line, this would be half a terabyte.
        let read = events(&"data:\n".repeat(1_000_000).into());
        assert_eq!(read.len(), 1);
        assert!(read[0].content.iter().all(|byte| *byte == b'\n'));
        assert_eq!(read[0].content.len(), 1_000_000 - 1);
    }

    proptest! {
        #[test]
        fn chunks_change_nothing(cuts in proptest::collection::vec(1..9_usize, 1..40)) {
            let stream = format!("{STREAM}\n\n");
            let whole = events(&Bytes::copy_from_slice(stream.as_bytes()));
            let (mut reader, mut read, mut at) = (Events::default(), Vec::new(), 0);
            for cut in cuts.iter().cycle() {
                let end = stream.len().min(at + cut);
                read.extend(reader.push(&stream.as_bytes()[at..end]));
                at = end;
                if at == stream.len() {
                    break;
                }
            }
            prop_assert_eq!(read, whole);
        }
    }
}
