//! What vendor sides share about saying a request natively: models in paths, frames, encodings.

use crate::canonical::{Format, Frame, ImageRequest, Ratio, Size};
use crate::catalog::{Capabilities, Frames, Offering};

use super::unsupported::{Unsupported, no};

/// The vendor's model as it stands in a path, slashes included.
///
/// Nothing is escaped: a name that would need it, or that would lead elsewhere, is no model's.
pub(crate) fn in_path(offering: &Offering) -> Result<&str, Unsupported> {
    let name = offering.vendor_model.as_str();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~@:+".contains(&byte);
    let is_segment = |segment: &str| {
        let leads_elsewhere = matches!(segment, "" | "." | "..");
        !leads_elsewhere && segment.bytes().all(is_plain)
    };
    if name.split('/').all(is_segment) {
        return Ok(name);
    }
    Err(no("model", "this name cannot stand in a path; mend the offering's model in policy"))
}

/// The pixels to ask for, of an API that takes pixels only; `None` leaves them to the vendor.
pub(crate) fn pixels(frame: Frame) -> Result<Option<Size>, Unsupported> {
    match frame {
        Frame::Auto => Ok(None),
        Frame::Pixels(size) => Ok(Some(size)),
        Frame::Ratio(_) => Err(no("frame", "this API takes pixels, not ratios")),
    }
}

/// A ratio to ask for, and the pixels that it comes out as, where the offering says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) ratio: Ratio,
    pub(crate) size: Option<Size>,
}

/// The shape to ask for, of an API that takes ratios only; `None` leaves it to the vendor. Pixels
/// are said as the listed ratio that comes out as exactly them.
pub(crate) fn shape(frame: Frame, can: &Capabilities) -> Result<Option<Shape>, Unsupported> {
    let listed = |wanted: &dyn Fn(Ratio, Size) -> bool| match &can.frames {
        Frames::Ratios(shapes) => shapes.iter().copied().find(|(r, s)| wanted(*r, *s)),
        Frames::Any { .. } | Frames::Sizes(_) => None,
    };
    match frame {
        Frame::Auto => Ok(None),
        Frame::Ratio(ratio) => {
            let size = listed(&|own, _| own == ratio).map(|(_, size)| size);
            Ok(Some(Shape { ratio, size }))
        }
        Frame::Pixels(size) => match listed(&|_, own| own == size) {
            Some((ratio, size)) => Ok(Some(Shape { ratio, size: Some(size) })),
            None => Err(no("frame", "this API takes ratios, not pixels")),
        },
    }
}

/// How a documented list of ratios spells this one.
pub(crate) fn spelt(
    ratio: Ratio,
    ratios: &[(u32, u32, &'static str)],
) -> Result<&'static str, Unsupported> {
    let product = |one: u32, other: u32| u64::from(one).saturating_mul(u64::from(other));
    let is_same = |(width, height, _): &&(u32, u32, &str)| {
        product(*width, ratio.height) == product(ratio.width, *height)
    };
    let found = ratios.iter().find(is_same);
    found.map(|(_, _, text)| *text).ok_or_else(|| no("frame", "this API has no such ratio"))
}

/// The encoding to ask for, of an API that can be asked for jpeg and png and draws jpeg otherwise:
/// said even where nothing is asked, so that its default is not ours to guess.
pub(crate) fn jpeg_or_png(request: &ImageRequest, offering: &Offering) -> Option<Format> {
    let wanted = request.format.unwrap_or(Format::Jpeg);
    let has_a_word = matches!(wanted, Format::Jpeg | Format::Png);
    (has_a_word && offering.can.formats.contains(&wanted)).then_some(wanted)
}

/// A number within bounds that the vendor documents.
pub(crate) fn within<T: PartialOrd>(
    parameter: &'static str,
    asked: Option<T>,
    (least, most): (T, T),
) -> Result<Option<T>, Unsupported> {
    match asked {
        Some(number) if !(least..=most).contains(&number) => {
            Err(no(parameter, "this model takes no such value"))
        }
        asked => Ok(asked),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::catalog::{BaseUrl, InProcess, Vendor};

    fn offering(model: &str) -> Offering {
        let base = BaseUrl::InProcess(InProcess::default());
        let frames = Frames::Ratios(vec![(Ratio::new(16, 9), Size::new(1280, 720))]);
        let can = Capabilities::only(frames, Size::new(1024, 1024));
        Offering::new("o", Arc::new(Vendor::new("v", "d", base)), model, can)
    }

    #[test]
    fn a_models_name_leads_nowhere_else() {
        for name in ["@cf/black-forest-labs/flux-1-schnell", "accounts/x/models/y-1.0", "a..b"] {
            assert_eq!(in_path(&offering(name)), Ok(name));
        }
        let bad = [
            "",
            "/",
            "a/",
            "/a",
            "a//b",
            ".",
            "..",
            "a/../b",
            "a/./b",
            "../a",
            "a?b",
            "a#b",
            "a b",
            "a%2Fb",
            "a\\b",
            "a\nb",
            "a;b",
            "mödel",
            "https://evil.example/",
        ];
        for name in bad {
            let unsupported = in_path(&offering(name)).expect_err(name);
            assert_eq!(unsupported.parameter, "model", "{name}");
        }
    }

    #[test]
    fn pixels_are_said_as_the_ratio_that_comes_out_as_them() {
        let can = &offering("m").can;
        let (ratio, size) = (Ratio::new(16, 9), Some(Size::new(1280, 720)));
        let wide = Some(Shape { ratio, size });
        assert_eq!(shape(Frame::Pixels(Size::new(1280, 720)), can), Ok(wide));
        assert_eq!(shape(Frame::Ratio(Ratio::new(16, 9)), can), Ok(wide));
        let unlisted = Shape { ratio: Ratio::new(1, 1), size: None };
        assert_eq!(shape(Frame::Ratio(unlisted.ratio), can), Ok(Some(unlisted)));
        assert!(shape(Frame::Pixels(Size::new(16, 9)), can).is_err());
        assert_eq!(shape(Frame::Auto, can), Ok(None));
    }

    #[test]
    fn a_ratio_is_spelt_as_the_list_spells_it() {
        let ratios = [(39, 18, "19.5:9"), (1, 1, "1:1")];
        assert_eq!(spelt(Ratio::new(13, 6), &ratios), Ok("19.5:9"));
        assert_eq!(spelt(Ratio::new(u32::MAX, u32::MAX), &ratios), Ok("1:1"));
        assert!(spelt(Ratio::new(2, 1), &ratios).is_err());
    }
}
