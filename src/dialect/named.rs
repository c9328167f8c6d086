//! Addresses in requests where a picture is meant: some hold it, others say where it lies.

use base64::Engine as _;
use bytes::Bytes;
use serde_json::Value;

use crate::canonical::{Format, InputImage, InputName, NamedInput, Picture};

/// What an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Address<'a> {
    /// It holds the picture, as this base64 text.
    Content(&'a str),
    /// It says where the picture lies: on the web, or in our own media library.
    Elsewhere,
    /// It is nothing of the kind.
    Other,
}

/// The encodings that an input picture may have.
pub(crate) const INPUT_FORMATS: &[Format] = &[Format::Png, Format::Jpeg, Format::Webp];

/// What this address is.
pub(crate) fn read(address: &str) -> Address<'_> {
    let starts = |scheme: &str| {
        address.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    if starts("data:") {
        let content = address.split_once(";base64,").map(|(_, text)| text);
        return content.map_or(Address::Other, Address::Content);
    }
    if starts("https://") || starts("http://") || starts("/media/") {
        return Address::Elsewhere;
    }
    Address::Other
}

/// A JSON body in which the named pictures are said as what they turned out to be: for bodies that
/// are kept, so that nothing has to be fetched twice. `None` when the body is not as it was read.
pub fn with_pictures(body: &[u8], named: &[NamedInput], pictures: &[InputImage]) -> Option<Bytes> {
    let mut body: Value = serde_json::from_slice(body).ok()?;
    for (named, picture) in named.iter().zip(pictures) {
        let place = named.field.as_str();
        // A kept picture is named beside where an address would be.
        let (parent, field) = place.rsplit_once('.')?;
        let parent = at(&mut body, parent)?.as_object_mut()?;
        let key = parent.keys().find(|key| is_same(key, field))?.clone();
        let key = match &named.name {
            InputName::Address(_) => key,
            InputName::Kept(_) => {
                parent.remove(&key);
                KEPT_AS.to_owned()
            }
        };
        parent.insert(key, Value::String(content(picture)?));
    }
    serde_json::to_vec(&body).ok().map(Bytes::from)
}

/// The field that holds a picture beside the one that names a kept one.
const KEPT_AS: &str = "image_url";

/// The value at a place such as `contents[0].parts[1]`.
fn at<'v>(value: &'v mut Value, place: &str) -> Option<&'v mut Value> {
    place.split('.').try_fold(value, |value, step| {
        let (name, index) = match step.strip_suffix(']').and_then(|step| step.split_once('[')) {
            Some((name, index)) => (name, Some(index.parse::<usize>().ok()?)),
            None => (step, None),
        };
        let fields = value.as_object_mut()?;
        let key = fields.keys().find(|key| is_same(key, name))?.clone();
        let value = fields.get_mut(&key)?;
        match index {
            Some(index) => value.get_mut(index),
            None => Some(value),
        }
    })
}

/// Whether these are spellings of one name: `fileUri`, `file_uri`.
fn is_same(key: &str, name: &str) -> bool {
    let letters = |text: &str| {
        let letters = text.chars().filter(|letter| *letter != '_');
        letters.map(|letter| letter.to_ascii_lowercase()).collect::<Vec<_>>()
    };
    key == name || letters(key) == letters(name)
}

fn content(picture: &InputImage) -> Option<String> {
    let mime = picture.format.mime();
    match &picture.picture {
        Picture::Base64(text) => {
            Some(format!("data:{mime};base64,{}", std::str::from_utf8(text).ok()?))
        }
        Picture::Binary(bytes) => {
            let text = base64::engine::general_purpose::STANDARD.encode(bytes);
            Some(format!("data:{mime};base64,{text}"))
        }
        Picture::Url(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::canonical::InputRole;

    use super::*;

    #[test]
    fn addresses_are_told_apart() {
        assert_eq!(read("data:image/png;base64,iVBO"), Address::Content("iVBO"));
        assert_eq!(read("DATA:image/png;base64,iVBO"), Address::Content("iVBO"));
        for elsewhere in ["https://a.example/b", "HTTP://a.example", "/media/x/original.png"] {
            assert_eq!(read(elsewhere), Address::Elsewhere, "{elsewhere}");
        }
        for other in
            ["data:image/png,iVBO", "ftp://a.example/b", "gs://b/c", "", "/etc/passwd", "é"]
        {
            assert_eq!(read(other), Address::Other, "{other}");
        }
    }

    fn named(field: &str, name: InputName) -> NamedInput {
        let (role, field) = (InputRole::Input(0), field.to_owned());
        NamedInput { field, role, name, bytes_max: 9, formats: INPUT_FORMATS }
    }

    #[test]
    fn a_body_holds_its_pictures_once_they_are_here() {
        let address = || InputName::Address("https://a.example/b.png".to_owned());
        let picture = InputImage::new(Picture::Binary(Bytes::from_static(b"\x89PNG"))).unwrap();
        let here = "data:image/png;base64,iVBORw==";
        for (body, field, name, wanted) in [
            (
                json!({"images": [{}, {"image_url": "https://a.example/b.png"}], "prompt": "p"}),
                "images[1].image_url",
                address(),
                json!({"images": [{}, {"image_url": here}], "prompt": "p"}),
            ),
            (
                json!({"mask": {"file_id": "x"}}),
                "mask.file_id",
                InputName::Kept("x".to_owned()),
                json!({"mask": {"image_url": here}}),
            ),
            (
                json!({"contents": [{"parts": [{"file_data": {"file_uri": "https://a.example"}}]}]}),
                "contents[0].parts[0].fileData.fileUri",
                address(),
                json!({"contents": [{"parts": [{"file_data": {"file_uri": here}}]}]}),
            ),
        ] {
            let made = with_pictures(
                body.to_string().as_bytes(),
                &[named(field, name)],
                std::slice::from_ref(&picture),
            );
            assert_eq!(serde_json::from_slice::<Value>(&made.unwrap()).unwrap(), wanted);
        }
        let lost = [named("images[3].image_url", address())];
        assert_eq!(with_pictures(b"{\"images\":[]}", &lost, &[picture]), None);
    }
}
