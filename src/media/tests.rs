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
    let library = crate::config::Config::defaults().unwrap().library;
    World { media: Media::open(&library, dir.path(), 2).unwrap(), dir }
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

/// Keeps a picture and says under which digest.
async fn keep(media: &Media, bytes: &Bytes) -> Result<String, MediaError> {
    let weighed = media.weigh(wrapped(bytes)).await.unwrap();
    assert_eq!(weighed.bytes, bytes);
    let digest = weighed.digest.clone();
    let lock = media.lock(&digest).await;
    media.keep(&lock, weighed).await.map(|()| digest)
}

fn files_in(dir: &Path) -> usize {
    let folders = std::fs::read_dir(dir.join("media")).unwrap();
    folders.map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap().count()).sum()
}

#[tokio::test]
async fn the_same_bytes_are_kept_once_and_read_in_any_part() {
    let world = world();
    for format in FORMATS {
        let bytes = encoded(20, 20, format);
        let digest = keep(&world.media, &bytes).await.unwrap();
        assert_eq!(keep(&world.media, &bytes).await.unwrap(), digest);
        let length = u64::try_from(bytes.len()).unwrap();
        let whole = world.media.read(&digest, 0..length).await.unwrap();
        assert_eq!(whole.as_ref(), Some(&bytes));
        let part = world.media.read(&digest, 3..7).await.unwrap();
        assert_eq!(part, Some(bytes.slice(3..7)));
    }
    assert_eq!(files_in(world.dir.path()), FORMATS.len());
}

#[tokio::test]
async fn what_is_erased_is_gone_and_may_be_erased_again() {
    let world = world();
    let digest = keep(&world.media, &encoded(20, 20, Format::Png)).await.unwrap();
    let lock = world.media.lock(&digest).await;
    for _ in 0..2 {
        world.media.erase(&lock).await.unwrap();
        assert_eq!(world.media.read(&digest, 0..1).await.unwrap(), None);
    }
    assert_eq!(files_in(world.dir.path()), 0);
}

#[tokio::test]
async fn whoever_keeps_a_digest_is_not_disturbed_by_whoever_erases_it() {
    let world = world();
    let digest = "ab".repeat(32);
    let lock = world.media.lock(&digest).await;
    let mut second = Box::pin(world.media.lock(&digest));
    assert!(futures_util::poll!(second.as_mut()).is_pending());
    drop(lock);
    second.await;
}

#[tokio::test]
async fn half_written_files_are_swept_and_nothing_else() {
    let world = world();
    let digest = keep(&world.media, &encoded(20, 20, Format::Png)).await.unwrap();
    let folder = world.dir.path().join("media").join(digest.get(..2).unwrap());
    std::fs::write(folder.join(format!("{digest}#1")), b"half").unwrap();
    std::fs::write(folder.join("notes#1"), b"not ours").unwrap();
    assert_eq!(world.media.erase_drafts(0).await.unwrap(), 0, "younger than that");
    assert_eq!(world.media.erase_drafts(i64::MAX).await.unwrap(), 1);
    assert_eq!(files_in(world.dir.path()), 2);
    assert_eq!(world.media.kept_before(i64::MAX).await.unwrap(), [digest]);
}

#[tokio::test]
async fn a_disk_that_fails_says_what_and_why() {
    let world = world();
    let folder = world.dir.path().join("media");
    std::fs::remove_dir(&folder).unwrap();
    std::fs::write(&folder, b"in the way").unwrap();
    let problem = keep(&world.media, &encoded(4, 4, Format::Png)).await.unwrap_err();
    assert!(problem.to_string().starts_with("cannot "), "{problem}");
    assert!(std::error::Error::source(&problem).is_some());
}

#[test]
fn a_key_that_config_names_and_that_is_not_there_is_told_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let mut library = crate::config::Config::defaults().unwrap().library;
    library.addresses_last = Some(std::time::Duration::from_mins(1));
    library.address_key = Some("file:/nowhere/key".parse().unwrap());
    let problem = Media::open(&library, dir.path(), 1).unwrap_err();
    assert_eq!(
        problem.to_string(),
        "there is no credential at file:/nowhere/key, which config names"
    );
}
