//! The routes of `v2beta`, and what each of them takes.

use Takes::{Guidance, Mask, Negative, Ratio, RatioToDraw, Style};

/// What one route takes besides a prompt, a seed and a format.
#[derive(Clone, Copy, Debug)]
pub(super) struct Route {
    /// The vendor's name for it: the end of its path, or a model behind `sd3`.
    pub(super) name: &'static str,
    /// Its path below `/v2beta/stable-image/`.
    pub(super) path: &'static str,
    /// The field of the prompt.
    pub(super) prompt: &'static str,
    /// The picture to work on.
    pub(super) image: Image,
    /// The parameters it takes that others may not.
    pub(super) takes: &'static [Takes],
    /// Fields of its own, one of which has to be among the options.
    pub(super) needs: &'static [&'static str],
}

/// The picture that a route works on, by the name of its field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Image {
    /// It only draws.
    None,
    /// It draws, or works on a picture and is told how far to go.
    May(&'static str),
    /// It only works on a picture.
    Must(&'static str),
}

/// A parameter that only some routes take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    /// `aspect_ratio`
    Ratio,
    /// `aspect_ratio`, unless there is a picture to work on.
    RatioToDraw,
    /// `negative_prompt`
    Negative,
    /// `style_preset`
    Style,
    /// `cfg_scale`
    Guidance,
    /// `mask`
    Mask,
}

/// A route that draws.
const DRAWS: Route = Route {
    name: "",
    path: "",
    prompt: "prompt",
    image: Image::None,
    takes: &[Ratio, Negative, Style],
    needs: &[],
};

/// The models behind one route that take all of its parameters.
pub(super) const SD3: Route = Route {
    path: "generate/sd3",
    image: Image::May("image"),
    takes: &[RatioToDraw, Negative, Style, Guidance],
    ..DRAWS
};

/// The models behind the same route that take no negative prompt.
const SD3_FAST: Route = Route { takes: &[RatioToDraw, Style, Guidance], ..SD3 };

/// A route that changes a picture.
const EDITS: Route = Route { image: Image::Must("image"), takes: &[Negative, Style], ..DRAWS };

/// All of them but those that take no prompt, which nobody could ask for.
pub(super) const ROUTES: [Route; 16] = [
    Route { name: "ultra", path: "generate/ultra", image: Image::May("image"), ..DRAWS },
    Route { name: "core", path: "generate/core", ..DRAWS },
    Route { name: "sd3.5-large", ..SD3 },
    Route { name: "sd3.5-medium", ..SD3 },
    Route { name: "sd3.5-large-turbo", ..SD3_FAST },
    Route { name: "sd3.5-flash", ..SD3_FAST },
    Route { name: "inpaint", path: "edit/inpaint", takes: &[Negative, Style, Mask], ..EDITS },
    Route {
        name: "outpaint",
        path: "edit/outpaint",
        takes: &[Style],
        needs: &["left", "right", "up", "down"],
        ..EDITS
    },
    Route {
        name: "search-and-replace",
        path: "edit/search-and-replace",
        needs: &["search_prompt"],
        ..EDITS
    },
    Route {
        name: "search-and-recolor",
        path: "edit/search-and-recolor",
        needs: &["select_prompt"],
        ..EDITS
    },
    Route {
        name: "replace-background-and-relight",
        path: "edit/replace-background-and-relight",
        prompt: "background_prompt",
        image: Image::Must("subject_image"),
        takes: &[Negative],
        ..EDITS
    },
    Route { name: "conservative", path: "upscale/conservative", takes: &[Negative], ..EDITS },
    Route { name: "creative", path: "upscale/creative", takes: &[Negative], ..EDITS },
    Route { name: "sketch", path: "control/sketch", ..EDITS },
    Route { name: "structure", path: "control/structure", ..EDITS },
    Route { name: "style", path: "control/style", takes: &[Ratio, Negative, Style], ..EDITS },
];

/// The ratios that can be drawn.
pub(super) const RATIOS: [(u32, u32, &str); 9] = [
    (1, 1, "1:1"),
    (16, 9, "16:9"),
    (21, 9, "21:9"),
    (2, 3, "2:3"),
    (3, 2, "3:2"),
    (4, 5, "4:5"),
    (5, 4, "5:4"),
    (9, 16, "9:16"),
    (9, 21, "9:21"),
];

/// The styles that are known by name.
pub(super) const STYLES: [&str; 17] = [
    "3d-model",
    "analog-film",
    "anime",
    "cinematic",
    "comic-book",
    "digital-art",
    "enhance",
    "fantasy-art",
    "isometric",
    "line-art",
    "low-poly",
    "modeling-compound",
    "neon-punk",
    "origami",
    "photographic",
    "pixel-art",
    "tile-texture",
];
