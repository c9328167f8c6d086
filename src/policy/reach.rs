//! The lists of hosts in a policy file.

use super::spanned::Spanned;

use crate::reach::{Host, Reach};

use super::build::Faults;

/// The hosts of a list; what is none is a fault.
pub(super) fn hosts(texts: &[Spanned<String>], place: &str, faults: &mut Faults<'_>) -> Vec<Host> {
    let host = |text: &Spanned<String>| {
        let host = text.get_ref().parse().ok();
        if host.is_none() {
            let problem = format!("`{}` is no host", text.get_ref());
            faults.note(text.span(), place.to_owned(), problem, HOST);
        }
        host
    };
    texts.iter().filter_map(host).collect()
}

/// The hosts that a vendor may name: not every host, and none without TLS.
pub(super) fn hosts_of_vendor(
    texts: &[Spanned<String>],
    place: &str,
    faults: &mut Faults<'_>,
) -> Vec<Host> {
    for text in texts {
        let is_open = |host: Host| host.is_any() || !host.is_tls();
        if text.get_ref().parse().is_ok_and(is_open) {
            let problem = format!("`{}` is every host, or is without TLS", text.get_ref());
            faults.note(text.span(), place.to_owned(), problem, HOST);
        }
    }
    hosts(texts, place, faults)
}

/// What may be reached for a purpose: the lists `hosts` and `inside_hosts` at `place`.
pub(super) fn reach(
    hosts: &[Spanned<String>],
    inside_hosts: &[Spanned<String>],
    place: &str,
    faults: &mut Faults<'_>,
) -> Reach {
    let inside_place = format!("{place}.inside_hosts");
    let reach = Reach {
        hosts: self::hosts(hosts, &format!("{place}.hosts"), faults),
        inside_hosts: self::hosts(inside_hosts, &inside_place, faults),
    };
    for text in inside_hosts {
        if text.get_ref().parse::<Host>().is_ok_and(|host| host.is_any()) {
            let problem = "opens all of our own network".to_owned();
            faults.note(text.span(), inside_place.clone(), problem, "name each host");
        }
    }
    reach
}

/// How a host is written.
const HOST: &str = "write a name such as \"cdn.example.com\", \"*.example.com\" for all below it, or \
                    \"https://cdn.example.com:8443\" for a port of its own";
