//! Pictures that apps send to Google's APIs: base64 in either alphabet, with its padding or without.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::named::{self, Address, INPUT_FORMATS};
use super::node::Node;
use crate::canonical::{
    InputImage, InputName, InputRole, NamedInput, Picture, Problem, Refusal, RefusalKind,
};

/// The largest body that is documented to be taken with pictures in it.
pub(crate) const BODY_BYTES_MAX: usize = 20 << 20;

/// The picture that this text holds, in whatever of the formats it really is.
pub(crate) fn of_base64(place: &str, text: String) -> Result<InputImage, Refusal> {
    let bad = |message: &str| {
        Refusal::field(place.to_owned(), Problem::BadValue, format!("`{place}` {message}"))
    };
    let text = standard(text).ok_or_else(|| bad("must be base64"))?;
    let image = InputImage::new(Picture::Base64(text.into()));
    image.ok_or_else(|| bad("must be a picture in png, jpeg or webp"))
}

/// Pictures in the order they come in: those that are here, and those that are only named.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    pub(crate) here: Vec<InputImage>,
    pub(crate) named: Vec<NamedInput>,
}

impl Inputs {
    /// All of them.
    pub(crate) fn len(&self) -> usize {
        self.here.len().saturating_add(self.named.len())
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds the picture at an address: one that holds it, or that says where it lies.
    pub(crate) fn add_at(
        &mut self,
        node: &Node,
        field: &'static str,
        address: String,
    ) -> Result<(), Refusal> {
        let place = node.place(field);
        match named::read(&address) {
            Address::Content(text) => self.here.push(of_base64(&place, text.to_owned())?),
            Address::Elsewhere => self.named.push(NamedInput {
                role: InputRole::Input(self.len()),
                field: place,
                name: InputName::Address(address),
                bytes_max: BODY_BYTES_MAX,
                formats: INPUT_FORMATS,
            }),
            Address::Other => {
                let message = "must be an address of the web; nothing else is read from here";
                return Err(node.not_offered(field, message));
            }
        }
        Ok(())
    }
}

/// A no to a body with pictures that is beyond the documented size.
pub(crate) fn bounded(body_bytes: usize, has_pictures: bool) -> Result<(), Refusal> {
    if has_pictures && body_bytes > BODY_BYTES_MAX {
        let message = "a request with pictures may have 20 MiB in all; send smaller ones";
        return Err(Refusal::new(RefusalKind::BodyTooLarge, message));
    }
    Ok(())
}

/// The text in the standard alphabet and padded: the text itself where it is so already.
fn standard(text: String) -> Option<String> {
    let is_url_safe = text.bytes().any(|byte| matches!(byte, b'-' | b'_'));
    let mut text = if is_url_safe { text.replace('-', "+").replace('_', "/") } else { text };
    let letters = text.trim_end_matches('=').len();
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    if !text.bytes().take(letters).all(is_base64) || text.len() - letters > 2 {
        return None;
    }
    while text.len() % 4 != 0 && text.len() - letters < 2 {
        text.push('=');
    }
    // Its end shows whether it was cut off; the rest was looked at above.
    let tail = text.get(text.len().saturating_sub(4)..)?;
    (text.len() % 4 == 0 && STANDARD.decode(tail).is_ok()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_alphabets_are_read_with_padding_or_without() {
        for (sent, read) in [
            ("iVBO", "iVBO"),
            ("iV-_", "iV+/"),
            ("iVBORw", "iVBORw=="),
            ("iVBORw0", "iVBORw0="),
            ("iVBORw==", "iVBORw=="),
        ] {
            assert_eq!(standard(sent.to_owned()).as_deref(), Some(read), "{sent}");
        }
    }

    #[test]
    fn what_is_no_base64_is_no_picture() {
        for text in ["iVBOR", "iV BO", "iVBO====", "iV=O", "data:image/png;base64,iVBO", "=", "é"]
        {
            assert_eq!(standard(text.to_owned()), None, "{text}");
        }
        assert!(of_base64("x", String::new()).is_err());
    }

    #[test]
    fn a_body_with_pictures_has_the_documented_bound() {
        assert!(bounded(BODY_BYTES_MAX, true).is_ok());
        assert!(bounded(BODY_BYTES_MAX + 1, false).is_ok());
        assert!(bounded(BODY_BYTES_MAX + 1, true).is_err());
    }
}
