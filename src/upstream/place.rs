//! Where a question to a vendor goes, and whether our credential may be shown there.
//!
//! A vendor's answer may name an address: what to ask next, or where a picture lies. It is
//! followed only to the vendor itself and to hosts that policy lists, and to none of those at an
//! address inside our own network.

use crate::catalog::{BaseUrl, Vendor};
use crate::fault::VendorFault;
use crate::reach::{Host, Target};

/// One place to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Whether the connection is TLS.
    pub(super) tls: bool,
    /// Host name or address.
    pub(super) host: String,
    /// TCP port.
    pub(super) port: u16,
    /// Path and query.
    pub(super) path: String,
    /// Whether it is the vendor's API, so that our credential is shown.
    pub(super) is_api: bool,
    /// Whether the vendor named it, so that it must not be inside our own network.
    pub(super) is_named: bool,
}

/// The place of a path below the vendor's base, or of a whole address that the vendor named.
pub(super) fn place(vendor: &Vendor, path: &str) -> Result<Place, VendorFault> {
    let BaseUrl::Http { tls, host, port, prefix } = &vendor.base else {
        return Err(garbled("it is inside this process and has no address".to_owned()));
    };
    if path.starts_with('/') {
        return Ok(Place {
            tls: *tls,
            host: host.clone(),
            port: *port,
            path: format!("{prefix}{path}"),
            is_api: true,
            is_named: false,
        });
    }
    let named = Target::parse(path)
        .map_err(|barred| garbled(format!("it names an address that {barred}")))?;
    let is_base =
        *tls == named.tls && host.eq_ignore_ascii_case(&named.host) && *port == named.port;
    let is_listed = |hosts: &[Host]| hosts.iter().any(|host| host.covers(&named));
    let is_api = is_base || is_listed(&vendor.hosts);
    if !is_api && !is_listed(&vendor.picture_hosts) {
        let (name, at) = (&vendor.name, named.origin());
        return Err(garbled(format!(
            "it names an address at {at}, which is not among vendors.{name}.picture_hosts or \
             vendors.{name}.hosts"
        )));
    }
    let Target { tls, host, port, path } = named;
    Ok(Place { tls, host, port, path, is_api, is_named: !is_base })
}

fn garbled(detail: String) -> VendorFault {
    VendorFault::Garbled { detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vendor() -> Vendor {
        let base = BaseUrl::Http {
            tls: true,
            host: "api.vendor.example".to_owned(),
            port: 443,
            prefix: "/v1".to_owned(),
        };
        Vendor {
            hosts: vec!["*.api.vendor.example".parse().unwrap()],
            picture_hosts: vec!["cdn.vendor.example".parse().unwrap()],
            ..Vendor::new("v", "painter", base)
        }
    }

    fn found(path: &str) -> Option<(String, bool, bool)> {
        let place = place(&vendor(), path).ok()?;
        Some((format!("{}{}", place.host, place.path), place.is_api, place.is_named))
    }

    #[test]
    fn our_credential_is_for_the_vendors_api_only() {
        let is = |place: &str, is_api, is_named| Some((place.to_owned(), is_api, is_named));
        assert_eq!(found("/images"), is("api.vendor.example/v1/images", true, false));
        let own = "https://api.vendor.example/v1/jobs/1?x=y";
        assert_eq!(found(own), is("api.vendor.example/v1/jobs/1?x=y", true, false));
        let region = "https://eu4.api.vendor.example/v1/jobs/1";
        assert_eq!(found(region), is("eu4.api.vendor.example/v1/jobs/1", true, true));
        let picture = "https://CDN.vendor.example/a.png";
        assert_eq!(found(picture), is("cdn.vendor.example/a.png", false, true));
    }

    #[test]
    fn what_is_behind_the_hash_of_an_address_is_never_sent() {
        let upload = "https://cdn.vendor.example/put?x=y#eyJhIjoxfQ";
        let place = ("cdn.vendor.example/put?x=y".to_owned(), false, true);
        assert_eq!(found(upload), Some(place));
    }

    #[test]
    fn an_address_that_nobody_listed_is_not_followed() {
        for address in [
            "https://vendor.example/a.png",
            "https://api.vendor.example.evil.example/",
            "https://evilapi.vendor.example/",
            "http://api.vendor.example/a.png",
            "https://api.vendor.example:8443/a.png",
            "http://169.254.169.254/latest/meta-data",
            "https://cdn.vendor.example@evil.example/",
            "file:///etc/passwd",
            "a.png",
            "",
        ] {
            assert_eq!(found(address), None, "{address}");
        }
    }
}
