//! Pictures measured, reworked, kept and found.

use base64::engine::general_purpose::STANDARD;
use image::{DynamicImage, Rgba, RgbaImage};

use super::*;

fn encoded(width: u32, height: u32, format: Format) -> Bytes {
    let pixels = RgbaImage::from_fn(width, height, |x, y| {
        let [red, green] = [x * 3, y * 5].map(|c| u8::try_from(c % 256).unwrap());
        Rgba([red, green, 90, if x < width / 2 { 255 } else { 0 }])
    });
    raster::encode(DynamicImage::ImageRgba8(pixels), format, None).unwrap().into()
}

fn wrapped(bytes: &[u8]) -> Picture {
    Picture::Base64(STANDARD.encode(bytes).into())
}

struct World {
    media: Media,
    dir: tempfile::TempDir,
}

fn world() -> World {
    let dir = tempfile::tempdir().unwrap();
    World { media: Media::open(dir.path(), 2).unwrap(), dir }
}

const FORMATS: [Format; 3] = [Format::Png, Format::Jpeg, Format::Webp];

#[test]
fn a_head_tells_format_and_size_in_either_wrapping() {
    for format in FORMATS {
        let bytes = encoded(70, 30, format);
        let expected = Some((format, Size::new(70, 30)));
        assert_eq!(probe(&wrapped(&bytes)), expected);
        assert_eq!(probe(&Picture::Binary(bytes)), expected);
    }
    assert_eq!(probe(&Picture::Url("https://example.com/a.png".into())), None);
}

#[test]
fn a_photograph_with_a_long_preamble_is_measured_too() {
    let bytes = encoded(70, 30, Format::Jpeg);
    let comment = [&[0xFF, 0xFE, 0xFF, 0xFF][..], &vec![7; 65_533]].concat();
    let long = [&bytes[..2], &comment, &comment, &bytes[2..]].concat();
    let expected = Some((Format::Jpeg, Size::new(70, 30)));
    assert_eq!(probe(&wrapped(&long)), expected);
}

#[tokio::test]
async fn every_format_becomes_every_other_at_exactly_the_pixels_asked() {
    let world = world();
    for from in FORMATS {
        for to in FORMATS {
            let size = Size::new(31, 17);
            let job = Rework {
                format: Some(to),
                crop_to: Some(size),
                compression: Some(60),
                watermark: None,
            };
            let image = Image::new(wrapped(&encoded(64, 64, from)));
            let done = world.media.rework(image, job).await.unwrap();
            assert_eq!((done.format, done.size), (Some(to), Some(size)));
            assert_eq!(probe(&done.picture), Some((to, size)));
            assert!(raster::decode(&content(&done.picture).unwrap()).is_ok());
        }
    }
}

#[tokio::test]
async fn a_picture_that_is_right_already_is_not_touched() {
    let world = world();
    let image = Image::new(wrapped(&encoded(64, 64, Format::Png)));
    let asked = Rework {
        format: Some(Format::Png),
        crop_to: Some(Size::new(64, 64)),
        compression: Some(10),
        watermark: None,
    };
    for job in [asked, Rework::default()] {
        let done = world.media.rework(image.clone(), job).await.unwrap();
        assert_eq!(done, image);
    }
}

#[tokio::test]
async fn a_bomb_an_address_and_an_absurd_size_are_refused() {
    let world = world();
    let mut bomb = encoded(8, 8, Format::Png).to_vec();
    bomb[16..20].copy_from_slice(&60_000_u32.to_be_bytes());
    bomb[20..24].copy_from_slice(&60_000_u32.to_be_bytes());
    let crop =
        |width, height| Rework { crop_to: Some(Size::new(width, height)), ..Rework::default() };
    let attempt = |picture, job| world.media.rework(Image::new(picture), job);
    let refused = attempt(wrapped(&bomb), crop(8, 8)).await;
    assert!(matches!(refused, Err(MediaError::Raster(RasterError::TooLarge(_)))));
    let refused = attempt(Picture::Url("https://example.com".into()), crop(8, 8)).await;
    assert!(matches!(refused, Err(MediaError::NotHere)));
    for (width, height) in [(0, 5), (60_000, 60_000)] {
        let refused = attempt(wrapped(&encoded(8, 8, Format::Png)), crop(width, height)).await;
        assert!(matches!(refused, Err(MediaError::BadSize(_))));
    }
}

#[tokio::test]
async fn what_is_kept_is_found_by_its_name_alone() {
    let world = world();
    for format in FORMATS {
        let bytes = encoded(20, 20, format);
        let workspace = WorkspaceId::known("../../acme");
        let kept = world.media.keep(&workspace, wrapped(&bytes), format).await;
        let id = kept.unwrap();
        let found = world.media.find(id.as_str()).await.unwrap();
        assert_eq!(found, Some((format, bytes)));
        assert!(!id.as_str().contains("acme"));
    }
    let folders = std::fs::read_dir(world.dir.path()).unwrap();
    assert_eq!(folders.count(), 1, "one workspace has one folder");
}

#[tokio::test]
async fn a_name_with_a_path_in_it_finds_nothing() {
    let world = world();
    std::fs::write(world.dir.path().join("secret.png"), b"secret").unwrap();
    for name in [
        "",
        "med_",
        "../secret",
        "med_../secret",
        "med_0123456789ab/../../secret......",
        "med_0123456789ab0123456789012345678\0",
        "med_0123456789ab01234567890123456789.png",
        "med_0123456789ab01234567890123456789",
    ] {
        assert_eq!(world.media.find(name).await.unwrap(), None, "{name:?}");
    }
}

#[tokio::test]
async fn a_disk_that_fails_says_what_and_where() {
    let world = world();
    std::fs::remove_dir(world.dir.path()).unwrap();
    std::fs::write(world.dir.path(), b"in the way").unwrap();
    let workspace = WorkspaceId::known("acme");
    let kept = world
        .media
        .keep(&workspace, Picture::Binary(encoded(4, 4, Format::Png)), Format::Png)
        .await;
    let problem = kept.unwrap_err();
    assert!(problem.to_string().starts_with("cannot keep picture "));
    assert!(std::error::Error::source(&problem).is_some());
    std::fs::remove_file(world.dir.path()).unwrap();
    std::fs::create_dir(world.dir.path()).unwrap();
}
