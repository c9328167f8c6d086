//! More connections than the gateway keeps: the newest is told so and let go.

use std::time::Duration;

use bytes::Bytes;
use pingora::protocols::{ALPN, Stream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt};

use crate::id::RequestId;

/// How long a connection that is turned away may stay to hear why.
const FAREWELL: Duration = Duration::from_secs(1);

/// A connection that is ended with its request unread loses what it was told.
const READ_BYTES: usize = 16 << 10;

/// What a client hears that comes to a full house.
fn no_room() -> Bytes {
    let id = RequestId::random();
    let body = r#"{"error":{"code":"overloaded","message":"too many connections are open; try again in a moment, and use one for many requests","type":"us","param":null}}"#;
    let length = body.len();
    format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\nretry-after: 1\r\nx-request-id: {id}\r\n\
         connection: close\r\n\r\n{body}"
    )
    .into()
}

/// Says no to a connection, in words where it speaks HTTP/1, and ends it.
pub(super) async fn turn_away(mut stream: Stream) {
    let speaks_h2 = stream.selected_alpn_proto().is_some_and(|spoken| spoken == ALPN::H2);
    let telling = async {
        if !speaks_h2 {
            let mut request = vec![0; READ_BYTES];
            let _read = stream.read(&mut request).await?;
            stream.write_all(&no_room()).await?;
        }
        stream.flush().await?;
        AsyncWriteExt::shutdown(&mut stream).await
    };
    // Whoever does not listen is let go all the same.
    let _ = tokio::time::timeout(FAREWELL, telling).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_503_says_its_own_length_and_its_id() {
        let text = String::from_utf8(no_room().to_vec()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())));
        assert!(head.contains("x-request-id: req_"));
        assert!(serde_json::from_str::<serde_json::Value>(body).is_ok());
    }
}
