//! What vendor sides that answer later share: frames, fields of a body, and faults that are about
//! an order or only about a question.

use std::time::Duration;

use http::Method;
use serde_json::{Map, Value};

use crate::canonical::{Frame, ImageRequest, Size};
use crate::catalog::Offering;
use crate::fault::VendorFault;

use super::bare;
use super::native::{self, Shape};
use super::reply::{fault_of_status, retry_after, said, shortened, words_of};
use super::unsupported::{Unsupported, no};
use super::{Call, WireReply};

/// The pixels to ask for, of a model that takes pixels.
///
/// A free frame is the offering's default, for the price is that of its pixels; from an input
/// picture it is left to the vendor, which keeps to that picture. A ratio is the pixels that it is
/// listed with.
pub(crate) fn pixels(
    request: &ImageRequest,
    offering: &Offering,
) -> Result<Option<Size>, Unsupported> {
    match request.frame {
        Frame::Auto => Ok(request.inputs.is_empty().then_some(offering.can.size_default)),
        Frame::Pixels(size) => Ok(Some(size)),
        Frame::Ratio(_) => {
            let listed = native::shape(request.frame, &offering.can)?.and_then(|shape| shape.size);
            listed.map_or_else(|| native::pixels(request.frame), |size| Ok(Some(size)))
        }
    }
}

/// The ratio to ask for, of a model that takes ratios. A free frame is what the offering draws by
/// default, or left to the vendor, as it is for pixels.
pub(crate) fn ratio(
    request: &ImageRequest,
    offering: &Offering,
) -> Result<Option<Shape>, Unsupported> {
    let can = &offering.can;
    match request.frame {
        Frame::Auto if request.inputs.is_empty() => {
            Ok(native::shape(Frame::Pixels(can.size_default), can).ok().flatten())
        }
        Frame::Auto => Ok(None),
        asked @ (Frame::Ratio(_) | Frame::Pixels(_)) => native::shape(asked, can),
    }
}

/// The usual name of a size class.
pub(crate) fn size_class(size: Size) -> &'static str {
    match size.pixels().isqrt() {
        0..768 => "0.5K",
        768..1536 => "1K",
        1536..3072 => "2K",
        3072.. => "4K",
    }
}

/// Sets a field, if there is a value for it.
pub(crate) fn set(body: &mut Map<String, Value>, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        body.insert(name.to_owned(), value.into());
    }
}

/// Says a parameter under the key that a model has for it.
pub(crate) fn say(
    body: &mut Map<String, Value>,
    parameter: &'static str,
    key: Option<&str>,
    value: Option<impl Into<Value>>,
) -> Result<(), Unsupported> {
    match (key, value) {
        (_, None) => {}
        (Some(key), value) => set(body, key, value),
        (None, Some(_)) => return Err(no(parameter, "this model has no key for it")),
    }
    Ok(())
}

/// A number as people write it: by way of its text, or 0.1 would become 0.10000000149011612.
pub(crate) fn number(number: f32) -> Value {
    number.to_string().parse().unwrap_or(Value::Null)
}

/// The fault that an answer to an order, or to a question about one, stands for where its words say
/// no more.
///
/// A vendor may not know an order for a moment after it took it, so a 404 to a question is asked
/// again; any other no leaves open what became of the order.
pub(crate) fn fault(call: &Call<'_>, reply: &WireReply) -> VendorFault {
    match (&call.asked.method, reply.status) {
        (&Method::GET, 404) => VendorFault::Broken { status: 404 },
        (&Method::GET, _) => bare::lost(fault_of_order(reply)),
        _ => fault_of_order(reply),
    }
}

/// The fault that an answer stands for which says what became of an order.
pub(crate) fn fault_of_order(reply: &WireReply) -> VendorFault {
    let error = said(&reply.body.to_bytes());
    let wait = retry_after(reply).or_else(|| {
        let seconds = error.get("retry_after")?.as_f64()?;
        Duration::try_from_secs_f64(seconds).ok()
    });
    fault_of_status(reply.status, &words(&error), wait)
}

/// A vendor's words for an error, with the field that they are about where it is named.
fn words(error: &Value) -> String {
    let place = error.pointer("/detail/0/loc").and_then(Value::as_array);
    let place = place.into_iter().flatten().map(|part| match part.as_str() {
        Some(name) => name.to_owned(),
        None => part.to_string(),
    });
    let place: Vec<_> = place.collect();
    let title = error.get("title").and_then(Value::as_str).unwrap_or_default();
    let said = words_of(error);
    let before = if place.is_empty() { title.to_owned() } else { place.join(".") };
    if before.is_empty() || before == said {
        return shortened(said);
    }
    shortened(&format!("{before}: {said}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_written_as_people_write_it() {
        assert_eq!(number(0.1).to_string(), "0.1");
        assert_eq!(number(1.0 - 0.4).to_string(), "0.6");
        assert_eq!(number(f32::NAN), Value::Null);
    }

    #[test]
    fn a_size_has_the_class_that_vendors_call_it_by() {
        let class = |width, height| size_class(Size::new(width, height));
        assert_eq!(class(512, 512), "0.5K");
        assert_eq!(class(1376, 768), "1K");
        assert_eq!(class(2752, 1536), "2K");
        assert_eq!(class(4096, 4096), "4K");
    }
}
