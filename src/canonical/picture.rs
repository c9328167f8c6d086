//! A picture as it travels: encoded bytes, still in whatever wrapping they came in.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// One picture's content. None of these is decoded, copied or re-scanned in passing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Picture {
    /// Standard base64 text, usually a slice of the vendor's answer.
    Base64(Bytes),
    /// The encoded picture itself.
    Binary(Bytes),
    /// An address that the vendor serves it at.
    Url(String),
}

/// How a picture is encoded.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Portable Network Graphics: lossless, may be transparent.
    Png,
    /// JPEG: lossy, never transparent.
    Jpeg,
    /// WebP: small, may be transparent.
    Webp,
    /// AVIF: smallest, may be transparent. Made here, and never opened.
    Avif,
}

/// The most pixels that are made into AVIF, which takes seconds: the largest that models draw.
pub const AVIF_PIXELS_MAX: u64 = 3840 * 2160;

impl Format {
    /// Its name in bodies and file names.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::Webp => "webp",
            Self::Avif => "avif",
        }
    }

    /// Its media type.
    pub const fn mime(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
            Self::Avif => "image/avif",
        }
    }

    /// Whether pictures of it can be opened here: to be cropped, marked, or made into another.
    pub const fn is_opened(self) -> bool {
        match self {
            Self::Png | Self::Jpeg | Self::Webp => true,
            // No maintained decoder has both a licence and an interface that could be used.
            Self::Avif => false,
        }
    }

    /// The format that a picture's first bytes declare; twelve are enough.
    pub fn sniff(head: &[u8]) -> Option<Self> {
        match head {
            [0x89, b'P', b'N', b'G', ..] => Some(Self::Png),
            [0xFF, 0xD8, 0xFF, ..] => Some(Self::Jpeg),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::Webp),
            [_, _, _, _, b'f', b't', b'y', b'p', b'a', b'v', b'i', b'f' | b's', ..] => {
                Some(Self::Avif)
            }
            _ => None,
        }
    }
}

impl Picture {
    /// Whether the text of a picture can be base64 to its end. Only its ends are looked at: text
    /// that was cut off or is something else shows there, and the middle is not ours to read.
    pub fn is_whole(&self) -> bool {
        use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
        use base64::{Engine as _, alphabet};
        const LENIENT: GeneralPurpose = GeneralPurpose::new(
            &alphabet::STANDARD,
            GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
        );
        match self {
            Self::Base64(text) => {
                let tail = text.len().saturating_sub(1) / 4 * 4;
                let last = text.get(tail.saturating_sub(12)..).unwrap_or_default();
                LENIENT.decode(last).is_ok()
            }
            Self::Binary(_) | Self::Url(_) => true,
        }
    }

    /// The encoded picture itself; `None` for an address and for text that is not base64.
    pub fn to_binary(&self) -> Option<Bytes> {
        use base64::Engine as _;
        match self {
            Self::Binary(bytes) => Some(bytes.clone()),
            Self::Base64(text) => {
                base64::engine::general_purpose::STANDARD.decode(text).ok().map(Bytes::from)
            }
            Self::Url(_) => None,
        }
    }

    /// The format that the content itself declares; `None` for an address or no known picture.
    pub fn sniff(&self) -> Option<Format> {
        use base64::Engine as _;
        match self {
            Self::Binary(bytes) => Format::sniff(bytes),
            Self::Base64(text) => {
                let start = text.get(..text.len().min(16))?;
                let head = base64::engine::general_purpose::STANDARD.decode(start).ok()?;
                Format::sniff(&head)
            }
            Self::Url(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_says_its_own_format_in_either_wrapping() {
        let png = Picture::Base64(Bytes::from_static(b"iVBORw0KGgoAAAANSUhEUgAA"));
        assert_eq!(png.sniff(), Some(Format::Png));
        let webp = Picture::Binary(Bytes::from_static(b"RIFF\0\0\0\0WEBPVP8 "));
        assert_eq!(webp.sniff(), Some(Format::Webp));
        let avif = Picture::Binary(Bytes::from_static(b"\0\0\0\x1cftypavif"));
        assert_eq!(avif.sniff(), Some(Format::Avif));
        let heic = Picture::Binary(Bytes::from_static(b"\0\0\0\x1cftypheic"));
        assert_eq!(heic.sniff(), None);
        assert_eq!(Picture::Base64(Bytes::from_static(b"not base64 at all")).sniff(), None);
        assert_eq!(Picture::Binary(Bytes::from_static(b"<html>")).sniff(), None);
    }
}
