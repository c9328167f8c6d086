//! What vendor sides of small APIs share: the words that such an API lacks, the shapes it lists,
//! and where an answer holds a picture, or the reason for having none.

use bytes::Bytes;
use serde_json::Value;

use super::WireReply;
use super::json::Text;
use super::reply::{garbled, shortened, words_of};
use super::unsupported::{self, Unsupported, no};
use crate::canonical::{Background, Frame, ImageRequest, Picture, Ratio, Safety, Size};
use crate::catalog::{Capabilities, Frames};
use crate::fault::VendorFault;

/// Everything that an API of one prompt and one picture cannot say. The encoding is not refused:
/// it is mended by transcoding.
pub(crate) fn one_prompt_one_picture(request: &ImageRequest) -> Result<(), Unsupported> {
    unsupported::all_but_generation(request)?;
    unsupported::refuse(&[
        ("count", request.count > 1),
        ("guidance", request.guidance.is_some()),
        ("quality", request.quality.is_some()),
        ("compression", request.compression.is_some()),
        ("background", request.background == Some(Background::Transparent)),
        ("safety", request.safety == Some(Safety::Low)),
        ("end_user", request.end_user.is_some()),
        ("previews", request.previews > 0),
    ])
}

/// Refuses a text that is longer than the API documents.
pub(crate) fn at_most(
    chars_max: usize,
    parameter: &'static str,
    text: &str,
) -> Result<(), Unsupported> {
    // A text never has more characters than bytes, so most need no counting.
    if text.len() <= chars_max || text.chars().count() <= chars_max {
        return Ok(());
    }
    let why = format!("this API takes at most {chars_max} characters").into();
    Err(Unsupported { parameter, why })
}

/// The API's word for a frame; the first word is what it draws when nothing is said.
///
/// Exact pixels have a word only where the offering says that its shape comes out as them. A free
/// frame is the shape that the offering draws by default, so that it is the one that is priced.
pub(crate) fn frame_word(
    frame: Frame,
    can: &Capabilities,
    words: &[(&'static str, Ratio)],
) -> Result<&'static str, Unsupported> {
    let of_size = |wanted| listed(can, |_, size| size == wanted).map(|(ratio, _)| ratio);
    let usual = words.first().map(|(_, ratio)| *ratio);
    let ratio = match frame {
        Frame::Auto => of_size(can.size_default).or(usual),
        Frame::Ratio(ratio) => Some(ratio),
        Frame::Pixels(size) => of_size(size),
    };
    let ratio = ratio.ok_or_else(|| no("frame", "this API draws shapes, not pixels"))?;
    let word = words.iter().find(|(_, own)| *own == ratio);
    word.map(|(word, _)| *word).ok_or_else(|| no("frame", "this API draws no such shape"))
}

/// The first shape that the offering lists and that is wanted.
pub(crate) fn listed(
    can: &Capabilities,
    wanted: impl Fn(Ratio, Size) -> bool,
) -> Option<(Ratio, Size)> {
    let Frames::Ratios(shapes) = &can.frames else {
        return None;
    };
    shapes.iter().copied().find(|(ratio, size)| wanted(*ratio, *size))
}

/// The picture that a text is the whole address of, or the content of.
pub(crate) fn picture(body: &Bytes, text: Option<&Text<'_>>) -> Option<Picture> {
    let text = text?;
    let address = text.as_str();
    if address.starts_with("data:") {
        return text.picture(body);
    }
    let is_whole = address.starts_with("https://") || address.starts_with("http://");
    is_whole.then(|| Picture::Url(address.to_owned()))
}

/// Width and height, where both say something.
pub(crate) fn size(width: Option<u32>, height: Option<u32>) -> Option<Size> {
    let (width, height) = (width.filter(|side| *side > 0)?, height.filter(|side| *side > 0)?);
    Some(Size::new(width, height))
}

/// Whether a name may stand in a path as it is.
pub(crate) fn is_plain_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !name.is_empty() && name.bytes().all(is_plain)
}

/// Whether the vendor says that it did what was asked.
pub(crate) fn is_success(reply: &WireReply) -> bool {
    (200..300).contains(&reply.status)
}

/// What an answer without a picture says of itself.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// The error's code, empty where there is none.
    pub(crate) code: String,
    /// Its code and words for our log, empty where there are none.
    pub(crate) detail: String,
    /// The whole body.
    pub(crate) body: Value,
}

impl Said {
    /// Reads an error wherever in a body it is; what is no JSON says nothing.
    pub(crate) fn read(body: &[u8]) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let error = body.get("error").filter(|error| !error.is_null()).unwrap_or(&body);
        let code = error.get("code").and_then(Value::as_str).unwrap_or_default().to_owned();
        let detail = match (code.as_str(), words_of(error)) {
            ("", words) => shortened(words),
            (code, "") => shortened(code),
            (code, words) => shortened(&format!("{code}: {words}")),
        };
        Self { code, detail, body }
    }

    /// Its code and words, or these where there are none.
    pub(crate) fn detail_or(&self, words: &str) -> String {
        if self.detail.is_empty() { words.to_owned() } else { self.detail.clone() }
    }

    /// Whether its code and words hold one of these; they are written in lower case.
    pub(crate) fn mentions(&self, words: &[&str]) -> bool {
        let said = self.detail.to_lowercase();
        words.iter().any(|word| said.contains(word))
    }
}

/// The fault of a question about an order that is placed, and may be drawn and paid for: a vendor
/// that will not show it leaves it open; it does not undo it.
pub(crate) fn lost(fault: VendorFault) -> VendorFault {
    let (VendorFault::Rejected { detail } | VendorFault::Denied { detail }) = fault else {
        return fault;
    };
    garbled(format!("it took the order and does not show it: {detail}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: [(&str, Ratio); 2] = [("wide", Ratio::new(16, 9)), ("square", Ratio::new(1, 1))];

    fn word(frame: &str, shapes: Vec<(Ratio, Size)>) -> Result<&'static str, &'static str> {
        let can = Capabilities::only(Frames::Ratios(shapes), Size::new(1024, 1024));
        frame_word(frame.parse().unwrap(), &can, &WORDS).map_err(|no| no.parameter)
    }

    #[test]
    fn a_free_frame_is_the_shape_that_is_drawn_by_default() {
        let square = vec![(Ratio::new(1, 1), Size::new(1024, 1024))];
        assert_eq!(word("auto", square), Ok("square"));
        assert_eq!(word("auto", Vec::new()), Ok("wide"));
    }

    #[test]
    fn pixels_are_a_shape_only_if_the_offering_says_so() {
        let wide = vec![(Ratio::new(16, 9), Size::new(1360, 768))];
        assert_eq!(word("1360x768", wide.clone()), Ok("wide"));
        assert_eq!(word("1920x1080", wide), Err("frame"));
    }

    #[test]
    fn a_shape_that_the_api_does_not_know_is_not_said() {
        let tall = vec![(Ratio::new(9, 16), Size::new(768, 1360))];
        assert_eq!(word("9:16", tall.clone()), Err("frame"));
        assert_eq!(word("768x1360", tall), Err("frame"));
    }

    #[test]
    fn a_text_is_as_long_as_its_characters() {
        assert!(at_most(3, "prompt", "äöü").is_ok());
        assert!(at_most(3, "prompt", "äöüß").is_err());
    }

    #[test]
    fn what_could_lead_elsewhere_is_no_name() {
        assert!(is_plain_name("job_2Ngd9KqLmRpW"));
        for name in ["", "..", "a/b", "a?b", "a b", "ä"] {
            assert!(!is_plain_name(name), "{name}");
        }
    }

    #[test]
    fn an_error_is_read_wherever_it_is() {
        let detail = |body: &str| Said::read(body.as_bytes()).detail;
        assert_eq!(detail(r#"{"error":{"code":"c","message":"m"}}"#), "c: m");
        assert_eq!(detail(r#"{"error":"m"}"#), "m");
        assert_eq!(detail(r#"{"error":null,"message":"m"}"#), "m");
        assert_eq!(detail("<html>"), "");
    }
}
