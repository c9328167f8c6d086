//! HTTP/2 by hand, for what no library would send: frames, and heads in their plainest form.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{PATIENCE, Siege};

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

pub(super) const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;
const ACK: u8 = 1;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A connection of frames.
pub(super) struct Frames {
    stream: TcpStream,
}

/// What one stream came to.
#[derive(Debug, Default)]
pub(super) struct Ended {
    /// Whether its status was 200.
    pub(super) is_served: bool,
    /// What was said in its body.
    pub(super) body: String,
    /// The code of its reset.
    pub(super) reset: Option<u32>,
    /// Whether the whole connection was ended.
    pub(super) hung_up: bool,
}

impl Frames {
    /// A connection with these settings, of six bytes each.
    pub(super) async fn open(siege: &Siege, settings: &[u8]) -> Self {
        let mut frames = Self { stream: siege.connect().await };
        frames.stream.write_all(PREFACE).await.unwrap();
        assert!(frames.send(SETTINGS, 0, 0, settings).await);
        frames
    }

    /// Whether it could still be sent.
    pub(super) async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> bool {
        self.send_raw(&frame(kind, flags, stream, payload)).await
    }

    /// The same of frames that are written already. A peer that reads no more ends it too.
    pub(super) async fn send_raw(&mut self, bytes: &[u8]) -> bool {
        let written = tokio::time::timeout(PATIENCE, self.stream.write_all(bytes)).await;
        written.is_ok_and(|written| written.is_ok())
    }

    /// The next frame: kind, flags, stream, payload. `None` at the end of the connection.
    pub(super) async fn next(&mut self) -> Option<(u8, u8, u32, Vec<u8>)> {
        let read = tokio::time::timeout(PATIENCE, self.read_frame()).await;
        read.expect("a frame comes, or the end").ok()
    }

    async fn read_frame(&mut self) -> std::io::Result<(u8, u8, u32, Vec<u8>)> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head).await?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        self.stream.read_exact(&mut payload).await?;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        if head[3] == SETTINGS && head[4] & ACK == 0 {
            self.send(SETTINGS, ACK, 0, &[]).await;
        }
        Ok((head[3], head[4], stream, payload))
    }

    /// Reads until a stream, or the connection, is over.
    pub(super) async fn end_of(&mut self, id: u32) -> Ended {
        let mut ended = Ended::default();
        loop {
            let Some((kind, flags, stream, payload)) = self.next().await else {
                ended.hung_up = true;
                return ended;
            };
            match kind {
                GOAWAY => ended.hung_up = true,
                RST_STREAM if stream == id => ended.reset = Some(code(&payload)),
                HEADERS if stream == id => ended.is_served |= is_ok(&payload),
                DATA if stream == id => ended.body.push_str(&String::from_utf8_lossy(&payload)),
                _ => {}
            }
            let is_last = stream == id && kind != RST_STREAM && flags & END_STREAM != 0;
            if ended.hung_up || ended.reset.is_some() || (is_last && kind != WINDOW_UPDATE) {
                return ended;
            }
        }
    }

    /// Reads until so many streams have a head; how many of them were served.
    pub(super) async fn served_of(&mut self, streams: u32) -> u32 {
        let (mut heads, mut served) = (0, 0);
        while heads < streams {
            let (kind, _, _, payload) = self.next().await.expect("the connection goes on");
            heads += u32::from(kind == HEADERS);
            served += u32::from(kind == HEADERS && is_ok(&payload));
        }
        served
    }

    /// Reads until the gateway ends the connection; the code that it gave, if it gave one.
    pub(super) async fn hung_up(&mut self) -> Option<u32> {
        let mut why = None;
        while let Some((kind, _, _, payload)) = self.next().await {
            if kind == GOAWAY {
                why = payload.get(4..).map(code);
            }
        }
        why
    }
}

fn code(payload: &[u8]) -> u32 {
    u32::from_be_bytes([payload[0], payload[1], payload[2], payload[3]])
}

/// One frame.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// One setting.
pub(super) fn setting(id: u16, value: u32) -> Vec<u8> {
    [id.to_be_bytes().as_slice(), value.to_be_bytes().as_slice()].concat()
}

/// One field, written out and not to be remembered.
pub(super) fn field(name: &str, value: &str) -> Vec<u8> {
    let mut bytes = vec![0];
    for text in [name.as_bytes(), value.as_bytes()] {
        length(&mut bytes, text.len());
        bytes.extend(text);
    }
    bytes
}

/// One field that the reader is to remember.
pub(super) fn remembered(name: &str, value: &str) -> Vec<u8> {
    let mut bytes = field(name, value);
    bytes[0] = 0x40;
    bytes
}

fn length(bytes: &mut Vec<u8>, length: usize) {
    let Some(mut rest) = length.checked_sub(127) else {
        bytes.push(u8::try_from(length).unwrap());
        return;
    };
    bytes.push(127);
    while rest >= 128 {
        bytes.push(u8::try_from(rest % 128).unwrap() | 128);
        rest /= 128;
    }
    bytes.push(u8::try_from(rest).unwrap());
}

/// Whether a head's status is 200: the eighth field of HPACK's own table, and the first of every head.
/// Any other byte of it may be 0x88 too, in a random id.
fn is_ok(head: &[u8]) -> bool {
    head.first() == Some(&0x88)
}
