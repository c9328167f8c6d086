//! What vendor sides share about successes: pictures in whatever wrapping, and what they cost.

use bytes::Bytes;
use serde_json::value::RawValue;

use crate::canonical::{Format, Image, ImageResponse, Picture};
use crate::credits::Cost;
use crate::fault::VendorFault;

use super::json::Text;
use super::reply::garbled;
use super::{Progress, WireReply};

/// The picture that a whole body is; `None` for a body that is something else.
///
/// Its first bytes say so, whatever it is called. What is called a picture and is none is an answer
/// that makes no sense.
pub(crate) fn binary(reply: &WireReply) -> Result<Option<Image>, VendorFault> {
    let body = reply.body.to_bytes();
    if Format::sniff(&body).is_some() {
        return Ok(Some(Image::new(Picture::Binary(body))));
    }
    let kind = reply.header("content-type").unwrap_or_default();
    if kind.trim_start().to_ascii_lowercase().starts_with("image/") {
        return Err(garbled("what it calls a picture is none"));
    }
    Ok(None)
}

/// A picture as a text of JSON: its address, or its content as base64 or as a `data:` address.
pub(crate) fn text(text: &Text<'_>, body: &Bytes) -> Option<Picture> {
    let url = text.as_str();
    if url.starts_with("https://") || url.starts_with("http://") {
        return Some(Picture::Url(url.to_owned()));
    }
    text.picture(body)
}

/// A success, if there is a picture in it.
pub(crate) fn done(images: Vec<Image>, cost: Option<Cost>) -> Result<Progress, VendorFault> {
    if images.is_empty() {
        return Err(garbled("an answer without a picture"));
    }
    Ok(Progress::Done(ImageResponse { images, cost, ..ImageResponse::default() }))
}

/// The decimal places between a nano-dollar and a dollar.
pub(crate) const DOLLARS: i32 = 9;

/// An amount in JSON, counted in units of ten to the `power` nano-dollars; a part of a nano-dollar
/// counts as a whole one. `None` for what is no amount. Read digit by digit, never as a float.
pub(crate) fn cost(amount: Option<&RawValue>, power: i32) -> Option<Cost> {
    let text = amount?.get().trim().trim_matches('"');
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if whole.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let places = i32::try_from(fraction.len()).ok()?;
    let shift = power.checked_add(exponent.parse().ok()?)?.checked_sub(places)?;
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return Some(Cost::ZERO);
    }
    let left = i32::try_from(digits.len()).ok()?.checked_add(shift)?;
    // More than nineteen digits cannot be counted; fewer than one is less than a nano-dollar.
    let nanos = match usize::try_from(left) {
        Err(_) | Ok(0) => 1,
        Ok(left @ 1..=19) => {
            let kept: i64 =
                format!("{:0<left$}", digits.get(..left).unwrap_or(digits)).parse().ok()?;
            let rest = digits.get(left..).unwrap_or_default();
            kept.checked_add(i64::from(rest.bytes().any(|digit| digit != b'0')))?
        }
        Ok(_) => return None,
    };
    Some(Cost::from_nanos(nanos))
}

#[cfg(test)]
mod tests {
    use super::super::Pieces;
    use super::*;

    fn nanos(text: &str, power: i32) -> Option<i64> {
        let raw = serde_json::from_str::<&RawValue>(text).unwrap();
        cost(Some(raw), power).map(Cost::nanos)
    }

    #[test]
    fn an_amount_is_read_to_the_last_digit_and_a_rest_rounds_up() {
        assert_eq!(nanos("0.0005", DOLLARS), Some(500_000));
        assert_eq!(nanos("5e-4", DOLLARS), Some(500_000));
        assert_eq!(nanos("5.0E-4", DOLLARS), Some(500_000));
        assert_eq!(nanos("\"0.04\"", DOLLARS), Some(40_000_000));
        assert_eq!(nanos("0.00050000000000001", DOLLARS), Some(500_001));
        assert_eq!(nanos("1e-30", DOLLARS), Some(1));
        assert_eq!(nanos("9.223372036e9", DOLLARS), Some(9_223_372_036_000_000_000));
        assert_eq!(nanos("0.0", DOLLARS), Some(0));
        assert_eq!(nanos("200000000", -1), Some(20_000_000));
        assert_eq!(nanos("201", -1), Some(21));
    }

    #[test]
    fn what_is_no_amount_is_none() {
        let bad =
            ["-1", "null", "\"\"", "\"x\"", "1e10", "1e99", "1e99999999999", "[1]", "\"1.-5\""];
        for text in bad {
            assert_eq!(nanos(text, DOLLARS), None, "{text}");
        }
    }

    #[test]
    fn a_body_is_a_picture_by_its_first_bytes_and_not_by_what_it_is_called() {
        let reply = |kind: &str, body: &'static [u8]| {
            WireReply::json(200, Pieces::one(body)).with_header("content-type", kind)
        };
        let png = b"\x89PNG\r\n\x1a\n";
        let image = binary(&reply("application/octet-stream", png)).unwrap().unwrap();
        assert_eq!(image.format, Some(Format::Png));
        assert!(binary(&reply("image/jpeg", png)).unwrap().is_some());
        assert!(binary(&reply("Image/PNG", b"<html>")).is_err());
        assert!(binary(&reply("image/png", b"")).is_err());
        assert!(binary(&reply("application/json", b"{}")).unwrap().is_none());
    }
}
