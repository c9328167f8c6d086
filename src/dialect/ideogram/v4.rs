//! A request to 4.0: a form that says little, for one picture.

use super::super::WireRequest;
use super::super::multipart::Form;
use super::super::unsupported::{self, Unsupported, no};
use super::request::{draws, speed};
use crate::canonical::{Background, Frame, ImageRequest};
use crate::catalog::Offering;

pub(super) fn encode(
    request: &ImageRequest,
    offering: &Offering,
) -> Result<WireRequest, Unsupported> {
    unsupported::all_but_generation(request)?;
    unsupported::refuse(&[
        ("count", request.count > 1),
        ("negative_prompt", request.negative_prompt.is_some()),
        ("seed", request.seed.is_some()),
        ("style", request.style.is_some()),
        ("background", request.background == Some(Background::Transparent)),
    ])?;
    let mut form = Form::default();
    form.text("text_prompt", request.prompt.as_str());
    match request.frame {
        Frame::Auto => {}
        Frame::Pixels(size) if draws(size) => {
            form.text("resolution", size.to_string());
        }
        Frame::Pixels(_) => return Err(no("frame", "this model draws no such size")),
        Frame::Ratio(_) => return Err(no("frame", "this model takes pixels, not ratios")),
    }
    form.maybe("rendering_speed", speed(request.quality)?);
    form.extras(request, offering);
    Ok(form.post("/v1/ideogram-v4/generate"))
}
