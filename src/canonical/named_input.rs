//! A picture that an app names instead of sending it: by an address, or as one that we keep.

use serde::Serialize;

use super::picture::Format;
use super::request::{ImageRequest, InputImage};

/// One picture that has to be fetched or looked up before anyone can work from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NamedInput {
    /// The client's own spelling of the field that names it, such as `images[0].image_url`.
    pub field: String,
    /// What it is for.
    pub role: InputRole,
    /// What the field says.
    pub name: InputName,
    /// Bytes that it must be smaller than.
    #[serde(skip)]
    pub bytes_max: usize,
    /// What it may be encoded as.
    #[serde(skip)]
    pub formats: &'static [Format],
}

/// What a named picture is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum InputRole {
    /// To work from, in this place among all inputs.
    Input(usize),
    /// The area to edit.
    Mask,
}

/// How a picture is named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum InputName {
    /// By an address, which may be one of ours.
    Address(String),
    /// As a picture of the media library: by its name there, or by the name its app gave it.
    Kept(String),
}

impl ImageRequest {
    /// Pictures to work from, the named ones among them.
    pub fn inputs_count(&self) -> usize {
        let is_input = |named: &&NamedInput| matches!(named.role, InputRole::Input(_));
        self.inputs.len().saturating_add(self.named_inputs.iter().filter(is_input).count())
    }

    /// Whether there is a mask, here or named.
    pub fn has_mask(&self) -> bool {
        self.mask.is_some() || self.named_inputs.iter().any(|named| named.role == InputRole::Mask)
    }

    /// Puts the named pictures, which come in the order they are named in, into their places.
    pub fn take_in(&mut self, pictures: Vec<InputImage>) {
        for (named, picture) in std::mem::take(&mut self.named_inputs).into_iter().zip(pictures) {
            match named.role {
                // Named in the order of their places, so those before it are there already.
                InputRole::Input(index) => {
                    self.inputs.insert(index.min(self.inputs.len()), picture);
                }
                InputRole::Mask => self.mask = Some(picture),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::picture::Picture;
    use super::*;

    fn picture(tag: u8) -> InputImage {
        let bytes = Bytes::from(vec![0x89, b'P', b'N', b'G', tag]);
        InputImage::new(Picture::Binary(bytes)).unwrap()
    }

    fn named(role: InputRole) -> NamedInput {
        let name = InputName::Address("https://example.com/a.png".to_owned());
        NamedInput { field: String::new(), role, name, bytes_max: 9, formats: &[] }
    }

    #[test]
    fn named_pictures_come_to_stand_where_they_were_named() {
        let mut request = ImageRequest {
            inputs: vec![picture(1), picture(3)],
            named_inputs: vec![
                named(InputRole::Input(0)),
                named(InputRole::Input(2)),
                named(InputRole::Mask),
                named(InputRole::Input(4)),
            ],
            ..ImageRequest::default()
        };
        assert_eq!((request.inputs_count(), request.has_mask()), (5, true));
        request.take_in(vec![picture(0), picture(2), picture(9), picture(4)]);
        assert_eq!(request.inputs, [0, 1, 2, 3, 4].map(picture));
        assert_eq!((request.mask, request.named_inputs), (Some(picture(9)), Vec::new()));
    }
}
