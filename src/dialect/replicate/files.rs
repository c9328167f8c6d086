//! Pictures that are too large to be sent within an order: uploaded first, one after another, and
//! named in the order by the addresses that the vendor gave them.

use serde::Deserialize;

use super::super::bare::is_success;
use super::super::multipart::Form;
use super::super::reply::{garbled, not_json};
use super::super::unsupported::{self, Unsupported};
use super::super::{Call, Progress, WireReply, WireRequest, later};
use super::request::next_step;
use crate::canonical::{ImageRequest, InputImage, Picture};
use crate::fault::VendorFault;

/// Where files are sent to.
pub(super) const PATH: &str = "/files";

/// The letters that a picture within an order may have; documented as 256 kB.
const LETTERS_MAX: usize = 256_000;

/// Carries the addresses of what was uploaded before from one upload to the next.
const UPLOADED: &str = "x-pixelgate-uploaded";

/// What the vendor says of a file that it took.
#[derive(Debug, Deserialize)]
struct File {
    urls: Urls,
}

#[derive(Debug, Deserialize)]
struct Urls {
    get: String,
}

/// The addresses of pictures, in the order in which a request has them.
#[derive(Debug)]
pub(super) struct Addresses<'a> {
    uploaded: std::slice::Iter<'a, String>,
}

impl<'a> Addresses<'a> {
    pub(super) fn new(uploaded: &'a [String]) -> Self {
        Self { uploaded: uploaded.iter() }
    }

    /// A picture's address; nothing yet for a large one that is still to be uploaded.
    pub(super) fn of(&mut self, image: &InputImage) -> Result<String, Unsupported> {
        if is_large(image) {
            return Ok(self.uploaded.next().cloned().unwrap_or_default());
        }
        unsupported::data_address(image)
    }
}

/// The pictures that are uploaded, in the order in which they are.
pub(super) fn large(request: &ImageRequest) -> impl Iterator<Item = &InputImage> {
    request.inputs.iter().chain(&request.mask).filter(|image| is_large(image))
}

fn is_large(image: &InputImage) -> bool {
    let letters = match &image.picture {
        Picture::Base64(text) => text.len(),
        Picture::Binary(bytes) => bytes.len().saturating_mul(4) / 3,
        Picture::Url(_) => 0,
    };
    letters > LETTERS_MAX
}

/// One more upload.
pub(super) fn upload(image: &InputImage, uploaded: &[String]) -> Result<WireRequest, Unsupported> {
    let mut form = Form::default();
    form.file("content", image)?;
    let request = form.post(PATH);
    if uploaded.is_empty() {
        return Ok(request);
    }
    Ok(request.with_header(UPLOADED, &uploaded.join(" ")))
}

/// What follows an upload.
pub(super) fn uploaded(call: &Call<'_>, reply: &WireReply) -> Result<Progress, VendorFault> {
    let body = reply.body.to_bytes();
    if !is_success(reply) {
        return Err(later::fault(call, reply));
    }
    let file: File = serde_json::from_slice(&body).map_err(|fault| not_json(&fault))?;
    let address = file.urls.get;
    if address.is_empty() || !address.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(garbled("a file without an address"));
    }
    let before = call.asked.headers.get(UPLOADED).and_then(|list| list.to_str().ok());
    let before = before.unwrap_or_default().split_whitespace().map(str::to_owned);
    let all: Vec<_> = before.chain([address]).collect();
    let next = next_step(call.request, call.offering, &all);
    let next = next
        .map_err(|Unsupported { parameter, why }| VendorFault::Inexpressible { parameter, why })?;
    Ok(Progress::Then(Box::new(next)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::Value;

    use super::super::super::Pieces;
    use super::*;
    use crate::canonical::{Operation, Size};
    use crate::catalog::{BaseUrl, Capabilities, Frames, InProcess, Offering, Vendor};

    fn offering() -> Offering {
        let base = BaseUrl::InProcess(InProcess::default());
        let frames = Frames::Any { side_min: 16, side_max: 4096, step: 16 };
        let can = Capabilities::everything(frames, Size::new(1024, 1024));
        let vendor = Arc::new(Vendor::new("v", "replicate", base));
        Offering::new("o", vendor, "black-forest-labs/flux-2-pro", can)
    }

    fn input(letters: usize) -> InputImage {
        let text = format!("iVBORw0KGgoA{}", "AAAA".repeat(letters / 4));
        InputImage::new(Picture::Base64(text.into())).unwrap()
    }

    fn taken(address: &str) -> WireReply {
        let body = format!(r#"{{"id":"f","urls":{{"get":"{address}"}}}}"#);
        WireReply::json(201, Pieces::one(body))
    }

    #[test]
    fn large_pictures_are_uploaded_one_by_one_and_named_in_the_order() {
        let (offering, small, large) = (offering(), input(4), input(LETTERS_MAX));
        let request = ImageRequest {
            operation: Operation::Edit,
            prompt: "x".to_owned(),
            count: 1,
            inputs: vec![large.clone(), small, large],
            ..ImageRequest::default()
        };
        let mut asked = next_step(&request, &offering, &[]).unwrap();
        for address in ["https://api.example/1", "https://api.example/2"] {
            assert_eq!(asked.path, PATH);
            let call = Call { request: &request, offering: &offering, asked: &asked };
            let Ok(Progress::Then(next)) = uploaded(&call, &taken(address)) else {
                panic!("nothing follows {address}");
            };
            asked = *next;
        }
        let body: Value = serde_json::from_slice(&asked.body.to_bytes()).unwrap();
        let inputs = &body["input"]["input_images"];
        assert_eq!(inputs[0], "https://api.example/1");
        assert!(inputs[1].as_str().unwrap().starts_with("data:image/png;base64,"));
        assert_eq!(inputs[2], "https://api.example/2");
    }

    #[test]
    fn what_cannot_be_said_is_known_before_anything_is_uploaded() {
        let request = ImageRequest {
            inputs: vec![input(LETTERS_MAX)],
            strength: Some(0.5),
            ..ImageRequest::default()
        };
        assert_eq!(next_step(&request, &offering(), &[]).unwrap_err().parameter, "strength");
    }

    #[test]
    fn a_file_without_an_address_is_garbled() {
        let (offering, request) = (offering(), ImageRequest::default());
        let asked = WireRequest::get(PATH);
        let call = Call { request: &request, offering: &offering, asked: &asked };
        assert!(uploaded(&call, &taken("")).is_err());
        assert!(uploaded(&call, &taken("a b")).is_err());
    }
}
