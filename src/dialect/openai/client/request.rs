//! An OpenAI request as a canonical one: a generation, an edit or a variation, by its path.

use bytes::Bytes;

use crate::canonical::{ImageRequest, Operation, Refusal, RefusalKind};

use super::super::super::WireRequest;
use super::super::super::json::Fields;
use super::super::super::multipart;
use super::parameters::{common, drawing, option, safety, square, style};
use super::pictures::{Pictures, of_form, of_json};

pub(super) fn decode(wire: &WireRequest) -> Result<ImageRequest, Refusal> {
    let body = wire.body.to_bytes();
    let content_type = wire.headers.get(http::header::CONTENT_TYPE);
    let content_type = content_type.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    match wire.path.rsplit('/').next() {
        Some("edits") => edit(content_type, &body),
        Some("variations") => variation(content_type, &body),
        _ => generation(&body),
    }
}

fn generation(body: &[u8]) -> Result<ImageRequest, Refusal> {
    let mut fields = Fields::read(body)?;
    let request = ImageRequest {
        style: style(&mut fields)?,
        safety: safety(&mut fields)?,
        ..drawing(&mut fields)?
    };
    fields.finish()?;
    Ok(request)
}

/// Comes as a form or as JSON, which differ in how they hold pictures and in one field more.
fn edit(content_type: &str, body: &Bytes) -> Result<ImageRequest, Refusal> {
    let is_form = multipart::is_form(content_type);
    if !is_form && !content_type.contains("json") {
        return Err(of_another_type("an edit is sent as multipart/form-data or application/json"));
    }
    let (mut fields, Pictures { inputs, mask, named }) =
        if is_form { of_form(content_type, body)? } else { of_json(body)? };
    let mut request = ImageRequest {
        operation: Operation::Edit,
        inputs,
        mask,
        named_inputs: named,
        safety: if is_form { None } else { safety(&mut fields)? },
        ..drawing(&mut fields)?
    };
    option(&mut fields, &mut request, "input_fidelity", &["high", "low"])?;
    fields.finish()?;
    Ok(request)
}

fn variation(content_type: &str, body: &Bytes) -> Result<ImageRequest, Refusal> {
    if !multipart::is_form(content_type) {
        return Err(of_another_type("a variation is sent as multipart/form-data"));
    }
    let (mut fields, pictures) = of_form(content_type, body)?;
    let request = ImageRequest {
        operation: Operation::Variation,
        inputs: vec![pictures.only_one()?],
        frame: square(&mut fields)?,
        ..common(&mut fields)?
    };
    fields.finish()?;
    Ok(request)
}

fn of_another_type(message: &'static str) -> Refusal {
    Refusal::new(RefusalKind::BadRequest, message)
}
