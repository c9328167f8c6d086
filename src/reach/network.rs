//! Network addresses: those of the open Internet, and those that lead inside.
//!
//! After IANA's registries of special-purpose addresses (RFC 6890 and its updates). What is not
//! known to be of the open Internet counts as inside.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether an address is one of the open Internet.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_shared = a == 100 && (64..128).contains(&b);
    let is_for_protocols = a == 192 && b == 0 && c == 0;
    let is_for_relays = a == 192 && b == 88 && c == 99;
    let is_for_benchmarks = a == 198 && (b == 18 || b == 19);
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || is_shared
        || is_for_protocols
        || is_for_relays
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
    let is_documentation =
        (first == 0x2001 && second == 0x0db8) || (first == 0x3fff && second < 0x1000);
    // 2001::/23 is for protocols, tunnels of Teredo among them; 2002::/16 leads to IPv4 by a detour.
    let is_for_protocols = (first == 0x2001 && second < 0x0200) || first == 0x2002;
    // What is assigned to the open Internet is in 2000::/3.
    (0x2000..0x4000).contains(&first) && !is_documentation && !is_for_protocols
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLIC: &str = "93.184.216.34 100.63.255.255 100.128.0.1 172.32.0.1 198.20.0.1 2606:2800:220:1::1 \
        2001:4860:4860::8888 ::ffff:93.184.216.34 64:ff9b::5db8:d822";

    const INSIDE: &str = "127.0.0.1 127.255.255.254 10.1.2.3 172.16.0.1 172.31.255.255 192.168.1.1 \
        169.254.169.254 100.64.0.1 100.127.255.255 192.0.0.8 192.0.2.1 192.88.99.1 \
        198.18.0.1 198.19.255.255 198.51.100.7 203.0.113.9 224.0.0.1 239.255.255.255 \
        240.0.0.1 0.0.0.0 0.1.2.3 255.255.255.255 :: ::1 ::127.0.0.1 ::ffff:0:127.0.0.1 \
        ::ffff:10.0.0.1 ::ffff:127.0.0.1 64:ff9b::a00:1 64:ff9b:1::a00:1 100::1 2001::1 \
        2001:2::1 2001:20::1 2001:db8::1 2002:a00:1:: 2002:5db8:d822::1 3fff::1 5f00::1 \
        fc00::1 fd00:ec2::254 fe80::1 fec0::1 ff02::1";

    #[test]
    fn an_address_inside_is_told_from_one_outside() {
        for text in PUBLIC.split_whitespace() {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
        for text in INSIDE.split_whitespace() {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
    }
}
