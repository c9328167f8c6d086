//! `multipart/form-data` bodies (RFC 7578): written with pictures as pieces of their own, and read
//! with every part as a slice.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use memchr::memmem;

use super::{Pieces, WireRequest};
use crate::canonical::InputImage;

use super::unsupported::{Unsupported, no};

mod reader;

pub(crate) use reader::{FormPart, is_form, read};

/// A form being written.
#[derive(Debug, Default)]
pub(crate) struct Form {
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    head: String,
    content: Bytes,
}

impl Form {
    /// Adds a field. Names are ours and need no escaping.
    pub(crate) fn text(&mut self, name: &str, value: impl Into<String>) -> &mut Self {
        let head = format!("Content-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        self.parts.push(Part { head, content: value.into().into() });
        self
    }

    /// Adds a field, if there is a value for it.
    pub(crate) fn maybe(&mut self, name: &str, value: Option<impl ToString>) -> &mut Self {
        if let Some(value) = value {
            self.text(name, value.to_string());
        }
        self
    }

    /// Adds a picture as a file.
    pub(crate) fn file(
        &mut self,
        name: &str,
        image: &InputImage,
    ) -> Result<&mut Self, Unsupported> {
        let content = image.picture.to_binary().ok_or_else(|| no("inputs", "it is not base64"))?;
        let head = format!(
            "Content-Disposition: form-data; name=\"{name}\"; filename=\"{}.{}\"\r\n\
             Content-Type: {}\r\n\r\n",
            name.trim_end_matches("[]"),
            image.format.name(),
            image.format.mime(),
        );
        self.parts.push(Part { head, content });
        Ok(self)
    }

    /// The request that carries it.
    pub(crate) fn post(self, path: impl Into<String>) -> WireRequest {
        let boundary = self.boundary();
        let kind = format!("multipart/form-data; boundary={boundary}");
        let mut body = Pieces::default();
        for part in self.parts {
            body.push(format!("--{boundary}\r\n{}", part.head));
            body.push(part.content);
            body.push("\r\n");
        }
        body.push(format!("--{boundary}--\r\n"));
        let kind = HeaderValue::from_str(&kind).ok();
        let headers = kind.map(|kind| (http::header::CONTENT_TYPE, kind));
        WireRequest {
            method: Method::POST,
            path: path.into(),
            headers: headers.into_iter().collect::<HeaderMap>(),
            body,
        }
    }

    /// A line that is in none of the parts, so that no content can end its part early. Not random:
    /// the same form is the same bytes.
    fn boundary(&self) -> String {
        let is_free = |boundary: &String| {
            let found = |part: &Part| memmem::find(&part.content, boundary.as_bytes()).is_some();
            !self.parts.iter().any(found)
        };
        let numbered = (0_u32..).map(|number| format!("pixelgate-form-{number:08x}"));
        numbered.into_iter().find(is_free).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(form: Form) -> String {
        String::from_utf8(form.post("/").body.to_bytes().to_vec()).unwrap()
    }

    #[test]
    fn a_form_is_written_part_by_part() {
        let mut form = Form::default();
        form.text("prompt", "a lighthouse").maybe("seed", Some(7)).maybe("n", None::<u32>);
        assert_eq!(
            body(form),
            "--pixelgate-form-00000000\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\n\
             a lighthouse\r\n--pixelgate-form-00000000\r\nContent-Disposition: form-data; \
             name=\"seed\"\r\n\r\n7\r\n--pixelgate-form-00000000--\r\n"
        );
    }

    #[test]
    fn no_content_ends_its_part_early() {
        let mut form = Form::default();
        form.text("prompt", "--pixelgate-form-00000000--\r\n--pixelgate-form-00000001");
        assert!(body(form).starts_with("--pixelgate-form-00000002\r\n"));
    }
}
