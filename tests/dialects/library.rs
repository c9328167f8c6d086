//! The media library as a dialect shows it.

use pixelgate::canonical::{Format, Kept, LibraryAsk, Shown, Size};
use pixelgate::dialect::{Asked, Library};
use pixelgate::id::{MediaId, RequestId, WorkspaceId};
use serde_json::Value;

use super::{UNIX_MS, shapes};

/// What is answered when all goes well: two pictures, of which the second is over one day, or one
/// of them.
pub(crate) fn shown(side: &dyn Library, ask: &LibraryAsk) -> Value {
    let request_id = RequestId::known("req_golden");
    let asked = Asked { request_id: &request_id, unix_ms: UNIX_MS };
    let reply = match ask {
        LibraryAsk::List => {
            let both = [picture("one", None), picture("two", Some(UNIX_MS))];
            side.encode_page(&both, Some("1795255200007.two"), &asked)
        }
        LibraryAsk::Show(id) => side.encode_shown(&picture(id, None), &asked),
        LibraryAsk::Erase(id) => side.encode_erased(&MediaId::known(id), &asked),
    };
    shapes::reply_shown(&reply)
}

fn picture(id: &str, expires_at_ms: Option<i64>) -> Shown {
    let kept = Kept {
        id: MediaId::known(id),
        workspace: WorkspaceId::known("ws_golden"),
        digest: "0".repeat(64),
        format: Format::Webp,
        size: Some(Size::new(1920, 1080)),
        bytes: 123_456,
        model: "paint".to_owned(),
        request: RequestId::known("req_before"),
        created_at_ms: 1_795_255_200_007,
        expires_at_ms,
    };
    let url = format!("https://gateway.example/media/{id}/original.webp");
    Shown { kept, url }
}
