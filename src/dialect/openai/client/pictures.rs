//! The pictures of an edit or a variation: files of a form, or addresses inside JSON.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value};

use crate::canonical::{
    Format, InputImage, InputName, InputRole, NamedInput, Picture, Problem, Refusal, RefusalKind,
};

use super::super::super::json::Fields;
use super::super::super::multipart::{self, FormPart};
use super::super::super::named::{self, Address, INPUT_FORMATS};
use super::parameters::not_offered;

const IMAGES_MAX: usize = 16;
const IMAGE_BYTES_MAX: usize = 50 << 20;
const MASK_BYTES_MAX: usize = 4 << 20;
const ADDRESS_CHARS_MAX: usize = 20_971_520;

/// Our choice; the names of pictures that are kept here are shorter.
const FILE_ID_BYTES_MAX: usize = 256;

/// Fields that are numbers, which a form can only say as text.
const NUMBERS: [&str; 5] =
    ["n", "output_compression", "partial_images", "frame_count", "frame_duration_ms"];

/// What an edit works from.
#[derive(Debug, Default)]
pub(super) struct Pictures {
    pub(super) inputs: Vec<InputImage>,
    pub(super) mask: Option<InputImage>,
    /// Those that are somewhere else.
    pub(super) named: Vec<NamedInput>,
}

/// What a picture in JSON turned out to be.
enum Found {
    Here(Bytes),
    Named(InputName),
}

/// A form, taken apart into its pictures and everything else.
pub(super) fn of_form(content_type: &str, body: &Bytes) -> Result<(Fields, Pictures), Refusal> {
    let (mut pictures, mut texts) = (Pictures::default(), Vec::new());
    for FormPart { name, content } in multipart::read(content_type, body)? {
        match name.as_str() {
            "mask" if pictures.mask.is_some() => {
                return Err(bad("mask", "`mask` is there twice; send it once"));
            }
            "mask" => pictures.mask = Some(mask("mask", content)?),
            "markup" => {
                let message = "`markup` is not offered here; say it in the prompt or by a mask";
                return Err(not_offered("markup", message));
            }
            image if is_image(image) => pictures.inputs.push(picture("image", content)?),
            _ => texts.push((name, typed(&content)?)),
        }
    }
    match pictures.inputs.len() {
        0 => {
            let message = "`image` is required; add a picture to the form as a file";
            Err(Refusal::field("image", Problem::Missing, message))
        }
        1..=IMAGES_MAX => Ok((Fields::of(numbered(texts))?, pictures)),
        _ => Err(bad("image", format!("`image` may be there {IMAGES_MAX} times at most"))),
    }
}

/// JSON, with its pictures taken out.
pub(super) fn of_json(body: &[u8]) -> Result<(Fields, Pictures), Refusal> {
    let mut fields = Fields::read(body)?;
    let images = match fields.value("images") {
        Some(Value::Array(images)) if (1..=IMAGES_MAX).contains(&images.len()) => images,
        Some(Value::Array(_)) => {
            return Err(bad("images", format!("`images` must hold 1 to {IMAGES_MAX} pictures")));
        }
        Some(_) => {
            let message = "`images` must be an array of objects with an `image_url`";
            return Err(Refusal::field("images", Problem::WrongType, message));
        }
        None => {
            let message = "`images` is required; add the pictures to work from";
            return Err(Refusal::field("images", Problem::Missing, message));
        }
    };
    let mut pictures = Pictures::default();
    for (index, image) in images.into_iter().enumerate() {
        match found(format!("images[{index}]"), image)? {
            (place, Found::Here(content)) => pictures.inputs.push(picture(&place, content)?),
            (place, Found::Named(name)) => pictures.name(place, InputRole::Input(index), name),
        }
    }
    if let Some(value) = fields.value("mask") {
        match found("mask".to_owned(), value)? {
            (place, Found::Here(content)) => pictures.mask = Some(mask(&place, content)?),
            (place, Found::Named(name)) => pictures.name(place, InputRole::Mask, name),
        }
    }
    Ok((fields, pictures))
}

impl Pictures {
    fn name(&mut self, field: String, role: InputRole, name: InputName) {
        let (bytes_max, formats) = match role {
            InputRole::Input(_) => (IMAGE_BYTES_MAX, INPUT_FORMATS),
            InputRole::Mask => (MASK_BYTES_MAX, &[Format::Png][..]),
        };
        self.named.push(NamedInput { field, role, name, bytes_max, formats });
    }

    /// The picture to vary.
    pub(super) fn only_one(mut self) -> Result<InputImage, Refusal> {
        if self.mask.is_some() {
            let message = "there is no field `mask` here; leave it out";
            return Err(Refusal::field("mask", Problem::UnknownField, message));
        }
        match (self.inputs.pop(), self.inputs.is_empty()) {
            (Some(image), true) if image.format == Format::Png => Ok(image),
            (Some(_), true) => Err(bad("image", "`image` must be a png")),
            (_, _) => Err(bad("image", "`image` must be one picture")),
        }
    }
}

/// `image`, and the ways of saying that there are several: `image[]`, `image[0]`.
fn is_image(name: &str) -> bool {
    let index = name.strip_prefix("image[").and_then(|rest| rest.strip_suffix(']'));
    name == "image" || index.is_some_and(|index| index.bytes().all(|b| b.is_ascii_digit()))
}

/// Where a picture is in JSON, and what it is.
fn found(place: String, value: Value) -> Result<(String, Found), Refusal> {
    let Value::Object(mut named) = value else {
        let message = format!("`{place}` must be an object with an `image_url`");
        return Err(Refusal::field(place, Problem::WrongType, message));
    };
    let at = |field: &str| format!("{place}.{field}");
    let (file, address) = (taken(&mut named, "file_id"), taken(&mut named, "image_url"));
    if let Some(unknown) = named.keys().next() {
        let unknown: String = unknown.chars().take(64).collect();
        let message = format!("`{place}` has a field that is not there; use `image_url` alone");
        return Err(Refusal::field(at(&unknown), Problem::UnknownField, message));
    }
    if let Some(file) = file {
        let place = at("file_id");
        if address.is_some() {
            return Err(bad(&place, format!("`{place}` cannot be there beside `image_url`")));
        }
        let id = file.as_str().filter(|id| (1..=FILE_ID_BYTES_MAX).contains(&id.len()));
        return match id {
            Some(id) => Ok((place, Found::Named(InputName::Kept(id.to_owned())))),
            None => Err(bad(&place, format!("`{place}` must name a picture of the media library"))),
        };
    }
    let place = at("image_url");
    let (problem, message) = match address {
        Some(Value::String(address)) => {
            let found = at_address(&place, address)?;
            return Ok((place, found));
        }
        Some(_) => (Problem::WrongType, format!("`{place}` must be a string")),
        None => (Problem::Missing, format!("`{place}` is required")),
    };
    Err(Refusal::field(place, problem, message))
}

fn taken(fields: &mut Map<String, Value>, name: &str) -> Option<Value> {
    fields.remove(name).filter(|value| !value.is_null())
}

/// What an address holds, or that it says where that is.
fn at_address(place: &str, address: String) -> Result<Found, Refusal> {
    if address.len() > ADDRESS_CHARS_MAX {
        let message = format!("`{place}` is too long; use at most {ADDRESS_CHARS_MAX} characters");
        return Err(Refusal::field(place.to_owned(), Problem::TooLong, message));
    }
    let content = match named::read(&address) {
        Address::Content(text) => STANDARD.decode(text).ok(),
        Address::Elsewhere => return Ok(Found::Named(InputName::Address(address))),
        Address::Other => None,
    };
    let content = content.map(|content| Found::Here(Bytes::from(content)));
    content.ok_or_else(|| {
        bad(place, format!("`{place}` must be a `data:` address in base64, or one of the web"))
    })
}

fn picture(place: &str, content: Bytes) -> Result<InputImage, Refusal> {
    bounded(place, &content, IMAGE_BYTES_MAX)?;
    let image = InputImage::new(Picture::Binary(content));
    image.ok_or_else(|| bad(place, format!("`{place}` must be a picture in png, jpeg or webp")))
}

fn mask(place: &str, content: Bytes) -> Result<InputImage, Refusal> {
    bounded(place, &content, MASK_BYTES_MAX)?;
    let image = InputImage::new(Picture::Binary(content));
    let image = image.filter(|image| image.format == Format::Png);
    image.ok_or_else(|| bad(place, format!("`{place}` must be a png")))
}

fn bounded(place: &str, content: &Bytes, bytes_max: usize) -> Result<(), Refusal> {
    if content.len() < bytes_max {
        return Ok(());
    }
    Err(bad(place, format!("`{place}` must be smaller than {} MiB", bytes_max >> 20)))
}

/// The text of a part.
fn typed(content: &Bytes) -> Result<String, Refusal> {
    let text = std::str::from_utf8(content).map(str::to_owned);
    text.map_err(|_| {
        let message = "a text in the form is not UTF-8; send all but pictures as UTF-8";
        Refusal::new(RefusalKind::BadRequest, message)
    })
}

/// The texts as the values that JSON would have for them.
fn numbered(texts: Vec<(String, String)>) -> impl Iterator<Item = (String, Value)> {
    texts.into_iter().map(|(name, text)| {
        let value = match (name.as_str(), text.as_str()) {
            ("stream", "true") => Some(Value::Bool(true)),
            ("stream", "false") => Some(Value::Bool(false)),
            (name, text) if NUMBERS.contains(&name) => text.parse::<i64>().ok().map(Value::from),
            _ => None,
        };
        (name, value.unwrap_or(Value::String(text)))
    })
}

fn bad(place: &str, message: impl Into<Cow<'static, str>>) -> Refusal {
    Refusal::field(place.to_owned(), Problem::BadValue, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(bytes: usize) -> Bytes {
        let mut content = b"\x89PNG".to_vec();
        content.resize(bytes, 0);
        content.into()
    }

    #[test]
    fn pictures_and_masks_have_the_documented_bounds() {
        assert!(picture("image", png(IMAGE_BYTES_MAX - 1)).is_ok());
        let no = picture("image", png(IMAGE_BYTES_MAX)).unwrap_err();
        assert_eq!(no.message, "`image` must be smaller than 50 MiB");
        assert!(mask("mask", png(MASK_BYTES_MAX - 1)).is_ok());
        let no = mask("mask", png(MASK_BYTES_MAX)).unwrap_err();
        assert_eq!(no.message, "`mask` must be smaller than 4 MiB");
    }

    #[test]
    fn an_address_has_the_documented_bound() {
        let address = format!("data:image/png;base64,{}", "a".repeat(ADDRESS_CHARS_MAX));
        let no = at_address("images[0].image_url", address).err().unwrap();
        assert_eq!(no.problem, Some(Problem::TooLong));
    }

    #[test]
    fn a_picture_of_a_form_is_a_slice_of_its_body() {
        let part = "--b\r\nContent-Disposition: form-data; name=\"image[7]\"\r\n\r\n";
        let body = [part.as_bytes(), &png(20), b"\r\n--b--\r\n"].concat();
        let body = Bytes::from(body);
        let (_, pictures) = of_form("multipart/form-data; boundary=b", &body).unwrap();
        let Picture::Binary(content) = &pictures.inputs[0].picture else { panic!("not binary") };
        assert!(body.as_ptr_range().contains(&content.as_ptr()));
    }

    #[test]
    fn several_images_are_said_in_every_way_that_libraries_have() {
        assert!(["image", "image[]", "image[0]", "image[15]"].into_iter().all(is_image));
        assert!(!["images", "image[", "image[a]", "image[0", "image0"].into_iter().any(is_image));
    }
}
