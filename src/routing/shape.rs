//! The shape of a picture: what to ask an offering to draw, and what to make of it afterwards.

use crate::canonical::{Change, Frame, Ratio, Size};
use crate::catalog::{Capabilities, Frames};

/// Shapes no further apart than this (about 2 %) count as the same.
const SAME_SHAPE: f64 = 0.02;

/// The most that a picture is scaled up, per side: beyond it, it would show.
const SCALE_UP_MAX: f64 = 2.0;

/// The least of a drawn picture that cropping may leave: beyond it, the subject would be lost.
const KEPT_SHARE_MIN: f64 = 0.5;

/// What to draw for a frame, and what to make of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plan {
    /// The frame to ask the vendor for.
    pub(super) frame: Frame,
    /// The pixels that the vendor draws for it.
    pub(super) drawn: Size,
    /// The pixels to scale and crop to afterwards.
    pub(super) crop_to: Option<Size>,
}

/// Plans a frame with what an offering can draw; `None` where it cannot come near enough.
///
/// A lenient plan takes the nearest shape as it is where too little of it would be left.
pub(super) fn plan(
    can: &Capabilities,
    frame: Frame,
    pixels_max: Option<u64>,
    is_lenient: bool,
) -> Option<Plan> {
    let natives = Natives { can, pixels_max };
    let bearable = |native, drawn, crop_to| {
        let plan = bearable(native, drawn, crop_to);
        plan.or_else(|| is_lenient.then_some(Plan { frame: native, drawn, crop_to: None }))
    };
    match frame {
        Frame::Auto => Some(Plan { frame, drawn: can.size_default, crop_to: None }),
        Frame::Ratio(ratio) => {
            let (frame, drawn) = natives.nearest(ratio, None)?;
            let same = ratio.distance(drawn.width, drawn.height) <= SAME_SHAPE;
            let crop_to = (!same).then(|| within(drawn, ratio));
            bearable(frame, drawn, crop_to)
        }
        Frame::Pixels(size) => {
            let ratio = Ratio::new(size.width, size.height);
            let (frame, drawn) = natives.nearest(ratio, Some(size))?;
            bearable(frame, drawn, (drawn != size).then_some(size))
        }
    }
}

impl Plan {
    /// The pixels of the finished picture.
    pub(super) fn finished(&self) -> Size {
        self.crop_to.unwrap_or(self.drawn)
    }

    /// What the caller is told, when the picture is made up afterwards.
    pub(super) fn change(&self, asked: Frame) -> Option<Change> {
        let drawn = self.drawn;
        let Some(made) = self.crop_to else {
            let is_other = match asked {
                Frame::Auto => false,
                Frame::Ratio(ratio) => ratio.distance(drawn.width, drawn.height) > SAME_SHAPE,
                Frame::Pixels(size) => drawn != size,
            };
            let how = format!("drawn at {drawn}, the nearest there is");
            return is_other.then(|| Change { parameter: "size".into(), how: how.into() });
        };
        let fits_a_side = drawn.width == made.width || drawn.height == made.height;
        let how = if Ratio::new(made.width, made.height).distance(drawn.width, drawn.height) < 1e-9
        {
            "scaled"
        } else if fits_a_side && scale(drawn, made) <= 1.0 {
            "cropped"
        } else {
            "scaled and cropped"
        };
        Some(Change {
            parameter: "size".into(),
            how: format!("drawn at {drawn}, {how} to {made}").into(),
        })
    }
}

/// What an offering draws natively, within the model's bound.
struct Natives<'a> {
    can: &'a Capabilities,
    pixels_max: Option<u64>,
}

impl Natives<'_> {
    /// The native frame nearest to a shape, and the pixels it comes out as.
    fn nearest(&self, ratio: Ratio, exact: Option<Size>) -> Option<(Frame, Size)> {
        match &self.can.frames {
            Frames::Any { side_min, side_max, step } => {
                let sides = Sides {
                    least: (*side_min).max(1),
                    most: (*side_max).max(*side_min).max(1),
                    step: (*step).max(1),
                };
                let size = exact.map_or_else(
                    || sides.clamp(self.of_shape(ratio, &sides)),
                    |size| sides.cover(size),
                );
                Some((Frame::Pixels(size), size))
            }
            Frames::Sizes(sizes) => {
                let sizes = sizes.iter().map(|size| (Frame::Pixels(*size), *size));
                self.best(sizes, ratio, exact)
            }
            Frames::Ratios(ratios) => {
                let ratios = ratios.iter().map(|(own, size)| (Frame::Ratio(*own), *size));
                self.best(ratios, ratio, exact)
            }
        }
    }

    /// As many pixels of a shape as are drawn by default, but no more than the model and the
    /// longest side allow.
    fn of_shape(&self, ratio: Ratio, sides: &Sides) -> Size {
        let step = sides.step;
        let longest = u64::from(sides.most);
        let (long, short) = (ratio.width.max(ratio.height), ratio.width.min(ratio.height).max(1));
        let within_sides = longest.saturating_mul(longest).saturating_mul(u64::from(short))
            / u64::from(long.max(1));
        let most = self.pixels_max.unwrap_or(u64::MAX).min(within_sides);
        let size = ratio.size_of(self.can.size_default.pixels().min(most), step);
        if size.pixels() <= most {
            return size;
        }
        // Snapping to the step went up, so one step less is surely below.
        Size::new(size.width.saturating_sub(step).max(1), size.height.saturating_sub(step).max(1))
    }

    /// The most alike in shape; of those, one that need not be scaled up, and then the one
    /// nearest in pixels to what was asked or is drawn by default.
    fn best(
        &self,
        natives: impl Iterator<Item = (Frame, Size)>,
        ratio: Ratio,
        exact: Option<Size>,
    ) -> Option<(Frame, Size)> {
        let wanted = exact.unwrap_or(self.can.size_default);
        let unlike = |size: Size| {
            let distance = ratio.distance(size.width, size.height);
            if distance <= SAME_SHAPE { 0.0 } else { distance }
        };
        let up = |size: Size| exact.map_or(1.0, |exact| scale(size, exact).max(1.0));
        let key = |size: Size| {
            let apart = size.pixels().abs_diff(wanted.pixels());
            (unlike(size), up(size), apart)
        };
        natives.filter(|(_, size)| self.pixels_max.is_none_or(|most| size.pixels() <= most)).min_by(
            |(_, one), (_, other)| {
                let (one, other) = (key(*one), key(*other));
                let by_shape = one.0.total_cmp(&other.0);
                by_shape.then(one.1.total_cmp(&other.1)).then(one.2.cmp(&other.2))
            },
        )
    }
}

/// The bounds of an offering that draws any size.
struct Sides {
    least: u32,
    most: u32,
    step: u32,
}

impl Sides {
    /// The same shape, scaled into the bounds, both sides up to a step so that it still covers.
    fn cover(&self, size: Size) -> Size {
        let (short, long) =
            (size.width.min(size.height).max(1), size.width.max(size.height).max(1));
        let (least, most) = (f64::from(self.least), f64::from(self.most));
        let factor = (least / f64::from(short)).max(1.0).min(most / f64::from(long));
        let scaled = |side: u32| round(f64::from(side) * factor).max(1);
        self.clamp(Size::new(self.step_up(scaled(size.width)), self.step_up(scaled(size.height))))
    }

    /// Each side by itself within the bounds, on a step.
    fn clamp(&self, size: Size) -> Size {
        let lowest = self.step_up(self.least);
        let steps = self.most.checked_div(self.step).unwrap_or(1);
        let highest = steps.saturating_mul(self.step).max(lowest);
        let bound = |side: u32| side.clamp(lowest, highest);
        Size::new(bound(size.width), bound(size.height))
    }

    fn step_up(&self, side: u32) -> u32 {
        side.div_ceil(self.step).saturating_mul(self.step)
    }
}

/// A plan, unless too little of the drawn picture would be left or it would be blown up too far.
fn bearable(frame: Frame, drawn: Size, crop_to: Option<Size>) -> Option<Plan> {
    if let Some(made) = crop_to {
        let shape = Ratio::new(made.width.max(1), made.height.max(1));
        let kept_share = (-shape.distance(drawn.width.max(1), drawn.height.max(1))).exp();
        if kept_share < KEPT_SHARE_MIN - 1e-9 || scale(drawn, made) > SCALE_UP_MAX {
            return None;
        }
    }
    Some(Plan { frame, drawn, crop_to })
}

/// How far a drawn picture is scaled to cover the made one; above one it is blown up.
fn scale(drawn: Size, made: Size) -> f64 {
    let across = f64::from(made.width) / f64::from(drawn.width.max(1));
    let down = f64::from(made.height) / f64::from(drawn.height.max(1));
    across.max(down)
}

/// The largest picture of a shape inside a drawn one.
fn within(drawn: Size, ratio: Ratio) -> Size {
    let shape = f64::from(ratio.width) / f64::from(ratio.height.max(1));
    let (width, height) = (f64::from(drawn.width), f64::from(drawn.height));
    if width > height * shape {
        Size::new(round(height * shape).max(1), drawn.height)
    } else {
        Size::new(drawn.width, round(width / shape).max(1))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sides are positive and `as` saturates"
)]
fn round(side: f64) -> u32 {
    side.round() as u32
}
