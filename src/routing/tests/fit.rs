//! What a candidate does for a request, and that no request makes routing stumble.

use proptest::prelude::*;

use crate::canonical::{Background, Operation, Quality};

use super::*;

/// The one candidate of an offering, or why there is none.
fn only(can: Capabilities, request: &ImageRequest) -> Result<Candidate, String> {
    match route(&model(vec![offering("one", can)]), request) {
        Ok(mut found) => Ok(found.remove(0)),
        Err(no) => Err(no.to_string()),
    }
}

fn changes(found: &Candidate) -> Vec<String> {
    let told = found.changes.iter();
    told.map(|change| format!("{}: {}", change.parameter, change.how)).collect()
}

/// What is there, what is asked, what the vendor is asked, what it draws, and what is said of it.
const FRAMES: &str = "
    sizes  | auto       | auto      | 1024x1024 |
    sizes  | 1024x1536  | 1024x1536 | 1024x1536 |
    sizes  | 3:2        | 1536x1024 | 1536x1024 |
    sizes  | 300x300    | 1024x1024 | 1024x1024 | scaled to 300x300
    sizes  | 4:3        | 1536x1024 | 1536x1024 | cropped to 1365x1024
    sizes  | 1500x1024  | 1536x1024 | 1536x1024 | cropped to 1500x1024
    ratios | 16:9       | 16:9      | 1376x768  |
    ratios | 32:18      | 16:9      | 1376x768  |
    ratios | 1264x848   | 3:2       | 1264x848  |
    ratios | 1536x1024  | 3:2       | 1264x848  | scaled and cropped to 1536x1024
    any    | 512x768    | 512x768   | 512x768   |
    any    | 16:9       | 1360x768  | 1360x768  |
    any    | 500x300    | 512x304   | 512x304   | scaled and cropped to 500x300
    any    | 100x100    | 256x256   | 256x256   | scaled to 100x100
    any    | 4096x2048  | 2048x1024 | 2048x1024 | scaled to 4096x2048
";

#[test]
fn a_frame_is_drawn_by_this_table() {
    for row in FRAMES.lines().filter(|row| row.contains('|')) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let frames = match cells[0] {
            "sizes" => sizes(),
            "ratios" => ratios(),
            _ => any_size(),
        };
        let found = only(can(frames), &request(cells[1])).unwrap();
        assert_eq!(found.native_frame.to_string(), cells[2], "{row}");
        assert_eq!(found.size.to_string(), cells[3], "{row}");
        let told = match cells[4] {
            "" => Vec::new(),
            how => vec![format!("size: drawn at {}, {how}", cells[3])],
        };
        assert_eq!(changes(&found), told, "{row}");
        let made = found.crop_to.map(|size| size.to_string());
        assert_eq!(made.unwrap_or_default(), cells[4].rsplit(' ').next().unwrap());
    }
}

#[test]
fn what_would_be_blown_up_or_mostly_cut_away_cannot_be_drawn() {
    for asked in ["4096x4096", "8:1", "1:9", "4000x100"] {
        let no = only(can(sizes()), &request(asked)).unwrap_err();
        assert_eq!(no, format!("no offering can do this: one: cannot draw {asked}"));
    }
}

#[test]
fn more_pictures_than_a_call_draws_are_spread_over_calls_and_each_is_asked_once() {
    let mut asked = request("auto");
    (asked.count, asked.seed) = (10, Some(7));
    let found = only(can(any_size()), &asked).unwrap();
    assert_eq!((found.calls, found.images_per_call), (3, 4));
    assert_eq!(changes(&found), ["count: 3 calls of up to 4"]);
    let asks = (0..found.calls).map(|call| found.ask(&asked, call));
    let asks: Vec<_> = asks.map(|ask| (ask.count, ask.seed)).collect();
    assert_eq!(asks, [(4, Some(7)), (4, Some(11)), (2, Some(15))]);

    asked.count = 1000;
    assert!(only(can(any_size()), &asked).is_err());
}

#[test]
fn a_format_that_cannot_be_asked_for_is_made_afterwards() {
    let mut asked = request("auto");
    asked.format = Some(Format::Webp);
    let found = only(can(any_size()), &asked).unwrap();
    assert_eq!(found.native_format, Some(Format::Png));
    assert_eq!(found.transcode_to, Some(Format::Webp));
    assert_eq!(changes(&found), ["format: drawn as png, converted to webp"]);

    asked.format = Some(Format::Jpeg);
    let found = only(can(any_size()), &asked).unwrap();
    assert_eq!((found.native_format, found.transcode_to), (asked.format, None));
    assert!(found.is_native());
}

#[test]
fn avif_is_made_here_whatever_the_vendor_could_and_only_up_to_a_size() {
    let mut asked = request("auto");
    asked.format = Some(Format::Avif);
    let could = Capabilities { formats: vec![Format::Avif, Format::Png], ..can(any_size()) };
    let found = only(could, &asked).unwrap();
    assert_eq!(found.native_format, Some(Format::Png));
    assert_eq!(found.transcode_to, Some(Format::Avif));
    let large = Frames::Any { side_min: 16, side_max: 4096, step: 16 };
    asked.frame = "3840x2160".parse().unwrap();
    assert!(only(can(large.clone()), &asked).is_ok());
    asked.frame = "3856x2160".parse().unwrap();
    let why = only(can(large), &asked).unwrap_err();
    assert!(why.contains("8294400 pixels can be made into avif"), "{why}");
}

#[test]
fn a_negative_prompt_is_appended_and_a_seed_dropped_where_there_is_no_other_way() {
    let mut asked = request("auto");
    asked.negative_prompt = Some("text".to_owned());
    asked.seed = Some(1);
    let bare = Capabilities { seed: false, negative_prompt: false, ..can(any_size()) };
    let found = only(bare, &asked).unwrap();
    assert_eq!(changes(&found), ["negative_prompt: appended to the prompt", "seed: dropped"]);
    let ask = found.ask(&asked, 0);
    assert_eq!(ask.prompt, "a fox\nAvoid: text");
    assert_eq!((ask.negative_prompt, ask.seed), (None, None));
}

#[test]
fn a_style_and_a_preset_are_said_in_the_prompt_where_there_is_no_other_way() {
    let mut asked = request("auto");
    (asked.style, asked.preset) = (Some("vivid".to_owned()), Some("banner".to_owned()));
    let found = only(can(any_size()), &asked).unwrap();
    let told = ["style: appended to the prompt", "preset: appended to the prompt"];
    assert_eq!(changes(&found), told);
    assert_eq!(found.ask(&asked, 0).prompt, "a fox\nStyle: vivid\nPreset: banner");
}

#[test]
fn what_nothing_makes_up_for_is_a_no() {
    let unable = Capabilities {
        transparency: false,
        inputs_max: 0,
        negative_prompt: false,
        prompt_chars_max: 10,
        ..can(any_size())
    };
    let mut clear = request("auto");
    clear.background = Some(Background::Transparent);
    let mut edit = request("auto");
    edit.operation = Operation::Edit;
    let mut long = request("auto");
    long.prompt = "ä".repeat(11);
    let mut long_in_all = request("auto");
    long_in_all.negative_prompt = Some("text".to_owned());
    for (asked, why) in [
        (clear, "cannot draw a transparent background"),
        (edit, "cannot work from pictures"),
        (long, "takes prompts of at most 10 characters"),
        (long_in_all, "takes prompts of at most 10 characters"),
    ] {
        let no = only(unable.clone(), &asked).unwrap_err();
        assert_eq!(no, format!("no offering can do this: one: {why}"));
    }
    let mut fits = request("auto");
    fits.prompt = "ä".repeat(10);
    assert!(only(unable, &fits).is_ok());
}

#[test]
fn a_picture_larger_than_the_model_allows_is_a_no() {
    let mut bounded = model(vec![offering("one", can(any_size()))]);
    bounded.pixels_max = Some(1_000_000);
    assert!(route(&bounded, &request("1000x1000")).is_ok());
    assert!(route(&bounded, &request("1001x1000")).is_err());
    assert!(route(&bounded, &request("auto")).is_err());
    let found = route(&bounded, &request("1:1")).unwrap();
    assert_eq!(found[0].size, Size::new(992, 992));
}

fn frames() -> impl Strategy<Value = Frame> {
    let side = prop_oneof![1..64_u32, 500..3000_u32, Just(u32::MAX)];
    prop_oneof![
        Just(Frame::Auto),
        (1..40_u32, 1..40_u32).prop_map(|(w, h)| Frame::Ratio(Ratio::new(w, h))),
        (side.clone(), side).prop_map(|(w, h)| Frame::Pixels(Size::new(w, h))),
    ]
}

fn abilities() -> impl Strategy<Value = Capabilities> {
    let bounds = (0..2000_u32, 0..5000_u32, 0..100_u32);
    let within =
        bounds.prop_map(|(side_min, side_max, step)| Frames::Any { side_min, side_max, step });
    let frames =
        prop_oneof![within, Just(sizes()), Just(ratios()), Just(Frames::Sizes(Vec::new()))];
    (frames, 0..5_u32, prop::array::uniform4(prop::bool::ANY)).prop_map(
        |(frames, count_max, flags)| Capabilities {
            count_max,
            seed: flags[0],
            negative_prompt: flags[1],
            transparency: flags[2],
            formats: if flags[3] { vec![Format::Jpeg] } else { Vec::new() },
            ..can(frames)
        },
    )
}

proptest! {
    #[test]
    fn whatever_is_asked_the_finished_picture_is_what_was_asked_or_a_no(
        able in abilities(),
        frame in frames(),
        count in 0..40_u32,
        quality in prop::option::of(Just(Quality::High)),
    ) {
        let mut asked = request("auto");
        (asked.frame, asked.count, asked.quality) = (frame, count, quality);
        (asked.seed, asked.format) = (Some(i64::MAX), Some(Format::Webp));
        if let Ok(found) = only(able, &asked) {
            let made = found.crop_to.unwrap_or(found.size);
            match frame {
                Frame::Auto => prop_assert_eq!(made, found.size),
                Frame::Pixels(size) => prop_assert_eq!(made, size),
                // A side of few pixels cannot hold a shape any closer.
                Frame::Ratio(ratio) => prop_assert!(
                    ratio.distance(made.width, made.height) < 0.03 || made.width.min(made.height) < 64,
                    "{} for {}", made, ratio
                ),
            }
            let drawn: u32 = (0..found.calls).map(|call| found.ask(&asked, call).count).sum();
            prop_assert_eq!(drawn, count.max(1));
        }
    }
}
