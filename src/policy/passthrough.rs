//! The fares of a policy file: what of a vendor's own API may be passed through, at which price.

use std::str::FromStr;

use super::spanned::Spanned;
use http::Method;

use crate::catalog::{AuthScheme, BaseUrl, Fare, Vendor, is_plain_path};

use super::build::Faults;
use super::raw::{RawFare, RawVendor};

/// The methods that may be passed through.
const METHODS: [Method; 5] =
    [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// The fares of a vendor, as far as nothing speaks against them.
pub(super) fn fares(vendor: &Vendor, raw: &RawVendor, faults: &mut Faults<'_>) -> Vec<Fare> {
    let mut fares: Vec<Fare> = Vec::new();
    for (index, spanned) in raw.passthrough.iter().enumerate() {
        let place = format!("vendors.{}.passthrough.{index}", vendor.name);
        if let Some((problem, hint)) = unable(vendor) {
            faults.note(spanned.span(), place, problem.to_owned(), hint);
            break;
        }
        let Some(fare) = fare(vendor, &place, spanned.get_ref(), faults) else { continue };
        if fares.iter().any(|other| other.name() == fare.name()) {
            let problem = format!("`{}` has a fare already", fare.name());
            faults.note(spanned.span(), place, problem, "keep one of them");
            continue;
        }
        fares.push(fare);
    }
    fares
}

/// Why nothing can be passed through to a vendor.
fn unable(vendor: &Vendor) -> Option<(&'static str, &'static str)> {
    if let BaseUrl::InProcess(_) = vendor.base {
        let problem = "the vendor is inside this process and has no API of its own";
        return Some((problem, "remove it"));
    }
    if AuthScheme::is_one_header(&vendor.auth) {
        return None;
    }
    let problem = "its credential depends on what is sent, which is not read when it is passed on";
    Some((problem, "remove it; only a credential that is a header can be added"))
}

fn fare(vendor: &Vendor, place: &str, raw: &RawFare, faults: &mut Faults<'_>) -> Option<Fare> {
    let method = METHODS.into_iter().find(|method| method.as_str() == raw.method.get_ref());
    if method.is_none() {
        let problem = format!("`{}` is no method that is passed through", raw.method.get_ref());
        let hint = "write \"GET\", \"POST\", \"PUT\", \"PATCH\" or \"DELETE\"";
        faults.note(raw.method.span(), format!("{place}.method"), problem, hint);
    }
    let path = path(vendor, place, &raw.path, faults);
    let price = amount(&raw.price, &format!("{place}.price"), faults);
    let cost = amount(&raw.cost, &format!("{place}.cost"), faults);
    let (path, is_prefix) = path?;
    Some(Fare { method: method?, path, is_prefix, price: price?, cost: cost? })
}

/// A path, and whether it is only how a path begins.
fn path(
    vendor: &Vendor,
    place: &str,
    raw: &Spanned<String>,
    faults: &mut Faults<'_>,
) -> Option<(String, bool)> {
    let text = raw.get_ref();
    let (path, is_prefix) = text.strip_suffix('*').map_or((text.as_str(), false), |t| (t, true));
    let mut note = |problem: String, hint: &str| {
        faults.note(raw.span(), format!("{place}.path"), problem, hint);
    };
    if path.contains('*') || !is_plain_path(path) {
        let hint = "write it as the vendor documents it, such as \"/v1/upscale\", or \"/v1/jobs/*\" \
                    for all below; no query, no dot segments";
        note(format!("`{text}` is no path that can be passed through"), hint);
        return None;
    }
    let prefix = vendor.prefix();
    if !path.strip_prefix(prefix).is_some_and(|below| below.starts_with('/')) {
        let hint = format!("write the whole path, which begins with \"{prefix}/\"");
        note(format!("`{text}` is not below base_url, so no call can have it"), &hint);
        return None;
    }
    Some((path.to_owned(), is_prefix))
}

/// An amount of money as it is written.
pub(super) fn amount<Money: FromStr<Err: std::fmt::Display>>(
    raw: &Spanned<String>,
    place: &str,
    faults: &mut Faults<'_>,
) -> Option<Money> {
    match raw.get_ref().parse() {
        Ok(amount) => Some(amount),
        Err(error) => {
            faults.note(raw.span(), place.to_owned(), error.to_string(), "");
            None
        }
    }
}
