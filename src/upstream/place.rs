//! Where a question to a vendor goes, and whether our credential may be shown there.
//!
//! A vendor's answer may name an address: what to ask next, or where a picture lies. It is
//! followed only to the vendor itself and to hosts that policy lists, and to none of those at an
//! address inside our own network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::catalog::{BaseUrl, Vendor};
use crate::fault::VendorFault;

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
    let uri: http::Uri =
        path.parse().map_err(|_| garbled("the address it names is not a URL".to_owned()))?;
    let uses_tls = uri.scheme_str() == Some("https");
    let named = uri.host().unwrap_or_default().to_ascii_lowercase();
    let named_port = uri.port_u16().unwrap_or(if uses_tls { 443 } else { 80 });
    let is_base = *tls == uses_tls && *host == named && *port == named_port;
    let is_listed = |hosts: &[String]| uses_tls && hosts.iter().any(|host| covers(host, &named));
    let is_api = is_base || is_listed(&vendor.hosts);
    if !is_api && !is_listed(&vendor.picture_hosts) {
        let name = &vendor.name;
        return Err(garbled(format!(
            "it names an address at {named}, which is not among vendors.{name}.picture_hosts or \
             vendors.{name}.hosts, or not TLS"
        )));
    }
    let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str).to_owned();
    Ok(Place { tls: uses_tls, host: named, port: named_port, path, is_api, is_named: !is_base })
}

/// Whether a listed host stands for this one; `*.` stands for every name before the rest.
fn covers(listed: &str, host: &str) -> bool {
    match listed.strip_prefix('*') {
        Some(tail) => host.strip_suffix(tail).is_some_and(|name| !name.is_empty()),
        None => listed == host,
    }
}

/// Whether an address is one of the open Internet.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_shared = a == 100 && (64..128).contains(&b);
    let is_for_protocols = a == 192 && b == 0 && c == 0;
    let is_for_benchmarks = a == 198 && (b == 18 || b == 19);
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || is_shared
        || is_for_protocols
        || is_for_benchmarks
        || a == 0
        || a >= 240)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let [first, second, ..] = segments;
    // An IPv4 address inside an IPv6 one: mapped, or behind a translator.
    let embedded = address.to_ipv4_mapped().or_else(|| {
        let [_, _, _, _, _, _, high, low] = segments;
        let is_translated = segments.starts_with(&[0x64, 0xff9b, 0, 0, 0, 0]);
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        is_translated.then(|| Ipv4Addr::new(a, b, c, d))
    });
    if let Some(v4) = embedded {
        return is_public_v4(v4);
    }
    let is_documentation = first == 0x2001 && second == 0x0db8;
    // What is assigned to the open Internet is in 2000::/3; 2002::/16 leads to IPv4 by a detour.
    (0x2000..0x4000).contains(&first) && first != 0x2002 && !is_documentation
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
            hosts: vec!["*.api.vendor.example".to_owned()],
            picture_hosts: vec!["cdn.vendor.example".to_owned()],
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

    #[test]
    fn an_address_inside_is_told_from_one_outside() {
        let public = ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34"];
        let inside = [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
        ];
        assert!(public.iter().all(|text| is_public(text.parse().unwrap())));
        assert!(!inside.iter().any(|text| is_public(text.parse().unwrap())));
    }
}
