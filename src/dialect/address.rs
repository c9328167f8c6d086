//! What client sides share that answer with the address of a picture.

use crate::canonical::{Format, Image, Picture};

use super::json::JsonBody;

/// Where the picture is. One that was stored nowhere still reaches who paid for it.
pub(crate) fn address(body: &mut JsonBody, image: Option<&Image>) {
    let Some(image) = image else {
        body.raw("null");
        return;
    };
    match (&image.stored, &image.picture) {
        (Some(stored), _) => body.value(&stored.url),
        (None, Picture::Url(url)) => body.value(url),
        (None, content @ (Picture::Base64(_) | Picture::Binary(_))) => {
            let mime = image.format.map_or("application/octet-stream", Format::mime);
            body.raw("\"data:").raw(mime).raw(";base64,");
            body.picture(content).raw("\"")
        }
    };
}
