//! `multipart/form-data` bodies (RFC 7578): written with pictures as pieces of their own, and read
//! with every part as a slice.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use memchr::memmem;

use super::{Pieces, WireRequest};
use crate::canonical::{ImageRequest, InputImage};
use crate::catalog::Offering;

use super::unsupported::{self, Unsupported, no};

mod reader;

pub(crate) use reader::{FormPart, is_form, read};

/// A form being written.
#[derive(Debug, Default)]
pub(crate) struct Form {
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    name: String,
    head: String,
    content: Bytes,
}

impl Form {
    /// Adds a field, after those of its name that are there.
    pub(crate) fn text(&mut self, name: &str, value: impl Into<String>) -> &mut Self {
        let name = escaped(name);
        let head = format!("Content-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        self.parts.push(Part { name, head, content: value.into().into() });
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
        self.parts.push(Part { name: name.to_owned(), head, content });
        Ok(self)
    }

    /// Sets what only this dialect knows: the caller's options, and over them what policy adds. A
    /// list is a field for each of its items, and what is no text is written as JSON.
    pub(crate) fn extras(&mut self, request: &ImageRequest, offering: &Offering) -> &mut Self {
        for (name, value) in unsupported::extras(request, offering) {
            let own = escaped(name);
            self.parts.retain(|part| part.name != own);
            for item in value.as_array().map_or_else(|| std::slice::from_ref(value), Vec::as_slice)
            {
                match item.as_str() {
                    Some(text) => self.text(name, text),
                    None => self.maybe(name, Some(item).filter(|item| !item.is_null())),
                };
            }
        }
        self
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

/// A name that cannot end its quotes or its line early.
fn escaped(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;
    use crate::canonical::Size;
    use crate::catalog::{BaseUrl, Capabilities, Frames, InProcess, Vendor};

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

    #[test]
    fn policy_has_the_last_word_on_a_field() {
        let mut form = Form::default();
        form.text("prompt", "a lighthouse").text("speed", "DEFAULT");
        let own = json!({"speed": "TURBO", "codes": ["AA", "BB"], "palette": {"name": "EMBER"}});
        let mut request = ImageRequest::default();
        request.options.insert("d".to_owned(), own.as_object().unwrap().clone());
        let vendor = Vendor::new("v", "d", BaseUrl::InProcess(InProcess::default()));
        let can = Capabilities::only(Frames::Sizes(Vec::new()), Size::new(1, 1));
        let mut offering = Offering::new("o", Arc::new(vendor), "m", can);
        offering.extra.insert("speed".to_owned(), "FLASH".into());
        offering.extra.insert("prompt\"\r\n".to_owned(), Value::Null);
        form.extras(&request, &offering);
        let fields = form.parts.iter().map(|part| (part.name.as_str(), part.content.as_ref()));
        assert_eq!(
            fields.collect::<Vec<_>>(),
            [
                ("prompt", b"a lighthouse".as_slice()),
                ("codes", b"AA"),
                ("codes", b"BB"),
                ("palette", br#"{"name":"EMBER"}"#),
                ("speed", b"FLASH"),
            ]
        );
    }

    #[test]
    fn no_name_ends_its_quotes_early() {
        let mut form = Form::default();
        form.text("a\"; filename=\"b\r\n\r\n", "c");
        assert!(body(form).contains("name=\"a%22; filename=%22b%0D%0A%0D%0A\"\r\n\r\nc"));
    }
}
