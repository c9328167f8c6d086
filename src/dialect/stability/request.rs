//! A canonical request as the form that a route of `v2beta` takes.

use super::super::WireRequest;
use super::super::multipart::Form;
use super::super::native;
use super::super::unsupported::{self, Unsupported, no};
use super::routes::{Image, RATIOS, ROUTES, Route, SD3, STYLES, Takes};
use crate::canonical::{Background, Format, Frame, ImageRequest, Operation, Safety};
use crate::catalog::Offering;

/// How far to go from a picture where a number has to be said and none was asked for; the older
/// engines' own default.
const STRENGTH_USUAL: f32 = 0.65;

/// The header that carries a tag for the app's own end user.
const USER: &str = "stability-client-user-id";

/// The most characters of such a tag.
const USER_CHARS_MAX: usize = 256;

pub(super) fn encode(
    request: &ImageRequest,
    offering: &Offering,
) -> Result<WireRequest, Unsupported> {
    let route = ROUTES.iter().find(|route| route.name == offering.vendor_model);
    let route = route.ok_or_else(|| no("model", "this API has no such model"))?;
    refuse_what_has_no_word(request, route)?;
    let mut extras = unsupported::extras(request, offering);
    if !route.needs.is_empty() && !extras.any(|(name, _)| route.needs.contains(&name.as_str())) {
        return Err(no("options", "this route needs an option of its own, which is not there"));
    }
    let mut form = Form::default();
    form.text(route.prompt, request.prompt.as_str());
    form.maybe("negative_prompt", request.negative_prompt.as_deref());
    if route.path == SD3.path {
        form.text("model", route.name);
    }
    picture(&mut form, request, route)?;
    if let Some(shape) = native::shape(request.frame, &offering.can)? {
        form.text("aspect_ratio", native::spelt(shape.ratio, &RATIOS)?);
    }
    form.maybe("seed", seed(request, 4_294_967_294)?);
    form.maybe("style_preset", style(request)?);
    form.maybe("cfg_scale", native::within("guidance", request.guidance, (1.0, 10.0))?);
    let format = request.format.filter(|format| offering.can.formats.contains(format));
    form.maybe("output_format", format.map(Format::name));
    form.extras(request, offering);
    let wire = form.post(format!("/v2beta/stable-image/{}", route.path));
    in_the_name_of(request.end_user.as_deref(), wire.with_header("accept", "image/*"))
}

fn refuse_what_has_no_word(request: &ImageRequest, route: &Route) -> Result<(), Unsupported> {
    unsupported::refuse(&[
        ("operation", request.operation == Operation::Variation),
        ("count", request.count > 1),
        ("steps", request.steps.is_some()),
        ("quality", request.quality.is_some()),
        ("compression", request.compression.is_some()),
        ("background", request.background == Some(Background::Transparent)),
        ("safety", request.safety == Some(Safety::Low)),
        ("previews", request.previews > 0),
    ])?;
    let lacks = |one: Takes| !route.takes.contains(&one);
    let draws_ratios = match route.takes {
        takes if takes.contains(&Takes::Ratio) => true,
        takes => takes.contains(&Takes::RatioToDraw) && request.inputs.is_empty(),
    };
    let asked = [
        ("frame", request.frame != Frame::Auto && !draws_ratios),
        ("negative_prompt", request.negative_prompt.is_some() && lacks(Takes::Negative)),
        ("style", request.style.is_some() && lacks(Takes::Style)),
        ("guidance", request.guidance.is_some() && lacks(Takes::Guidance)),
        ("mask", request.mask.is_some() && lacks(Takes::Mask)),
    ];
    match asked.iter().find(|(_, asked)| *asked) {
        Some((parameter, _)) => Err(no(parameter, "this model takes none")),
        None => Ok(()),
    }
}

/// The picture to work on, and what to do with it.
fn picture(form: &mut Form, request: &ImageRequest, route: &Route) -> Result<(), Unsupported> {
    let goes_far = matches!(route.image, Image::May(_)) && !request.inputs.is_empty();
    if request.strength.is_some() && !goes_far {
        return Err(no("strength", "this model cannot be told how far to go from a picture"));
    }
    let field = match (route.image, request.inputs.as_slice()) {
        (Image::None | Image::May(_), []) if request.operation == Operation::Generate => {
            return Ok(());
        }
        (Image::None, _) => return Err(no("inputs", "this model only draws")),
        (_, []) => return Err(no("inputs", "there is no picture to work on; send one")),
        (_, [_, _, ..]) => return Err(no("inputs", "this model works on one picture")),
        (Image::May(field) | Image::Must(field), [_]) => field,
    };
    for input in &request.inputs {
        form.file(field, input)?;
    }
    if let Some(mask) = &request.mask {
        form.file("mask", mask)?;
    }
    if goes_far {
        form.maybe("mode", (route.path == SD3.path).then_some("image-to-image"));
        form.text("strength", strength(request)?.unwrap_or(STRENGTH_USUAL).to_string());
    }
    Ok(())
}

/// A seed up to the largest; 0 would be any.
pub(super) fn seed(request: &ImageRequest, largest: i64) -> Result<Option<i64>, Unsupported> {
    native::within("seed", request.seed, (1, largest))
}

/// A style that is known by name.
pub(super) fn style(request: &ImageRequest) -> Result<Option<&str>, Unsupported> {
    match request.style.as_deref() {
        Some(style) if !STYLES.contains(&style) => Err(no("style", "this API has no such style")),
        style => Ok(style),
    }
}

/// How far to go, between 0 and 1.
pub(super) fn strength(request: &ImageRequest) -> Result<Option<f32>, Unsupported> {
    native::within("strength", request.strength, (0.0, 1.0))
}

/// The call with a tag for the app's own end user, which travels as a header.
fn in_the_name_of(user: Option<&str>, wire: WireRequest) -> Result<WireRequest, Unsupported> {
    let Some(user) = user else { return Ok(wire) };
    let is_printable = user.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if !is_printable || user.len() > USER_CHARS_MAX {
        return Err(no("end_user", "it travels as a header: at most 256 printable letters"));
    }
    Ok(wire.with_header(USER, user))
}
