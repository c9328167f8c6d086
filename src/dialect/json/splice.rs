//! Pictures in and out of JSON without a copy: slices of the vendor's body, pieces of ours.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::canonical::Picture;
use crate::dialect::Pieces;

/// A JSON string, borrowed from the body unless it had escapes in it.
#[derive(Debug, Deserialize)]
pub(crate) struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Text<'_> {
    /// The text itself.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The base64 text of a picture, as a slice of the `body` that this was read from.
    ///
    /// `None` when it is empty, or could not stand in a JSON string as it is.
    pub(crate) fn picture(&self, body: &Bytes) -> Option<Picture> {
        let text = match &self.0 {
            // Without escapes it holds no quote, backslash or control character.
            Cow::Borrowed(text) => body.slice_ref(without_scheme(text).as_bytes()),
            Cow::Owned(text) => {
                let text = without_scheme(text);
                let bytes: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
                bytes.iter().copied().all(is_base64).then(|| bytes.into())?
            }
        };
        (!text.is_empty()).then_some(Picture::Base64(text))
    }
}

/// The base64 part of a `data:` address, or the text as it is.
fn without_scheme(text: &str) -> &str {
    match text.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,")) {
        Some((_, base64)) => base64,
        None => text,
    }
}

const fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_')
}

/// A value that is worth having only if it is of the type we know.
pub(crate) fn loose<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>) -> Option<T> {
    serde_json::from_str(raw?.get()).ok()
}

/// A JSON body being written, with pictures as pieces of their own.
#[derive(Debug, Default)]
pub(crate) struct JsonBody {
    done: Pieces,
    open: Vec<u8>,
}

impl JsonBody {
    /// Writes JSON as it stands.
    pub(crate) fn raw(&mut self, json: &str) -> &mut Self {
        self.open.extend_from_slice(json.as_bytes());
        self
    }

    /// Writes a value.
    pub(crate) fn value(&mut self, value: &(impl Serialize + ?Sized)) -> &mut Self {
        let mut json = serde_json::to_vec(value).unwrap_or_else(|_| b"null".to_vec());
        self.open.append(&mut json);
        self
    }

    /// Writes a picture's content: base64 text, or its address; without quotes around it.
    pub(crate) fn picture(&mut self, picture: &Picture) -> &mut Self {
        match picture {
            Picture::Base64(text) => self.piece(text.clone()),
            Picture::Binary(bytes) => self.piece(STANDARD.encode(bytes).into()),
            Picture::Url(url) => {
                let quoted = Value::from(url.as_str()).to_string();
                let inner = quoted.strip_prefix('"').and_then(|q| q.strip_suffix('"'));
                self.raw(inner.unwrap_or_default())
            }
        }
    }

    /// Writes JSON that is written already.
    pub(crate) fn pieces(&mut self, pieces: Pieces) -> &mut Self {
        self.done.push(std::mem::take(&mut self.open));
        for slice in pieces.into_slices() {
            self.done.push(slice);
        }
        self
    }

    /// The whole body.
    pub(crate) fn finish(mut self) -> Pieces {
        self.done.push(self.open);
        self.done
    }

    fn piece(&mut self, bytes: Bytes) -> &mut Self {
        self.done.push(std::mem::take(&mut self.open));
        self.done.push(bytes);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture_in(body: &'static str) -> (Bytes, Option<Picture>) {
        let body = Bytes::from_static(body.as_bytes());
        let picture = serde_json::from_slice::<Text<'_>>(&body).unwrap().picture(&body);
        (body, picture)
    }

    #[test]
    fn a_picture_is_a_slice_of_the_body_it_came_in() {
        let (body, picture) = picture_in(r#""iVBORw0KGgo=""#);
        let Some(Picture::Base64(slice)) = picture else { panic!("no picture") };
        assert_eq!(slice, "iVBORw0KGgo=");
        assert_eq!(slice.as_ptr(), body[1..].as_ptr());
    }

    #[test]
    fn escapes_are_undone_and_nothing_that_is_not_base64_survives_them() {
        let (_, slashes) = picture_in(r#""ab\/cd\n""#);
        assert_eq!(slashes, Some(Picture::Base64("ab/cd".into())));
        assert_eq!(picture_in(r#""a\",\"x\":\"b""#).1, None);
        assert_eq!(picture_in(r#""""#).1, None);
    }

    #[test]
    fn a_data_address_is_read_as_its_content() {
        let (_, picture) = picture_in(r#""data:image/png;base64,iVBO""#);
        assert_eq!(picture, Some(Picture::Base64("iVBO".into())));
    }

    #[test]
    fn a_picture_is_written_without_a_copy() {
        let content = Bytes::from_static(b"iVBORw0KGgo=");
        let mut body = JsonBody::default();
        body.raw("{\"p\":\"").picture(&Picture::Base64(content.clone())).raw("\"}");
        let slices = body.finish().into_slices();
        assert_eq!(slices.len(), 3);
        assert_eq!(slices[1].as_ptr(), content.as_ptr());
    }

    #[test]
    fn a_binary_picture_is_written_as_base64() {
        let mut body = JsonBody::default();
        body.picture(&Picture::Binary(Bytes::from_static(b"\x89PNG")));
        assert_eq!(body.finish().to_bytes(), "iVBORw==");
    }
}
