//! Whose request it is, by its address: the peer's own, or the one that a proxy of ours tells.

use std::net::IpAddr;

use http::HeaderMap;

use crate::scalar::Network;

/// The header that proxies tell the client's address in.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The client's address. A header is believed only where the peer is a proxy of ours, and of its
/// list only the part that proxies of ours wrote: the last address that is none of theirs. `None`
/// where a proxy of ours tells no address.
pub(super) fn client_address(
    peer: Option<IpAddr>,
    headers: &HeaderMap,
    proxies: &[Network],
) -> Option<IpAddr> {
    let peer = peer?.to_canonical();
    let is_proxy = |address: IpAddr| proxies.iter().any(|proxy| proxy.contains(address));
    if !is_proxy(peer) {
        return Some(peer);
    }
    let lines: Vec<&str> =
        headers.get_all(FORWARDED_FOR).iter().filter_map(|line| line.to_str().ok()).collect();
    let told = lines.iter().rev().flat_map(|line| line.rsplit(','));
    for text in told {
        let address = address(text.trim())?;
        if !is_proxy(address) {
            return Some(address);
        }
    }
    None
}

/// An address as proxies write it; some add the port.
fn address(text: &str) -> Option<IpAddr> {
    let with_port = || text.parse::<std::net::SocketAddr>().ok().map(|socket| socket.ip());
    text.parse().ok().or_else(with_port).map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn client(peer: &str, lines: &[&str]) -> Option<String> {
        let proxies = ["10.0.0.0/8", "::1"].map(|network| network.parse().unwrap());
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, HeaderValue::from_str(line).unwrap());
        }
        let found = client_address(Some(peer.parse().unwrap()), &headers, &proxies);
        found.map(|address| address.to_string())
    }

    #[test]
    fn a_peer_that_is_no_proxy_of_ours_is_the_client_whatever_it_says() {
        assert_eq!(client("203.0.113.7", &["1.2.3.4"]).as_deref(), Some("203.0.113.7"));
        assert_eq!(client("::ffff:203.0.113.7", &[]).as_deref(), Some("203.0.113.7"));
    }

    #[test]
    fn behind_proxies_of_ours_the_last_address_that_is_not_theirs_is_the_client() {
        assert_eq!(client("10.0.0.1", &["1.1.1.1, 2.2.2.2"]).as_deref(), Some("2.2.2.2"));
        assert_eq!(
            client("10.0.0.1", &["1.1.1.1", "2.2.2.2, 10.9.9.9"]).as_deref(),
            Some("2.2.2.2")
        );
        assert_eq!(client("::1", &["2.2.2.2:4711"]).as_deref(), Some("2.2.2.2"));
        assert_eq!(client("::1", &["[2001:db8::1]:80"]).as_deref(), Some("2001:db8::1"));
    }

    #[test]
    fn a_proxy_of_ours_that_tells_nothing_is_nobody() {
        assert_eq!(client("10.0.0.1", &[]), None);
        assert_eq!(client("10.0.0.1", &["10.0.0.2"]), None);
        assert_eq!(client("10.0.0.1", &["1.1.1.1, unknown"]), None);
    }
}
