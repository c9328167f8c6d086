//! Which places outside may be reached on someone else's word: what an address names, which hosts
//! are listed, and which network addresses are of the open Internet.
//!
//! Nothing here resolves a name or opens a connection: `upstream` does, and asks here first what is
//! listed, and once more, when it knows the network address, whether that may be connected to.

use std::fmt;
use std::str::FromStr;

mod network;

pub use network::is_public;

/// The longest address that is read.
pub const ADDRESS_BYTES_MAX: usize = 2048;

/// One place to ask, as an address names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Whether the connection is TLS.
    pub tls: bool,
    /// Host name in lower case and in ASCII, or a network address; one of IPv6 has its brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Path and query; what is behind a `#` is never sent.
    pub path: String,
}

/// One line of a list: a host, on one port, with or without TLS.
///
/// Written `[https://|http://]host[:port]`, HTTPS and its usual port where nothing is said. The host
/// is a name, a network address, `*.` and a name for every name below it, or `*` for every name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    tls: bool,
    name: Name,
    port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Name {
    /// Every name; no bare network address.
    Any,
    /// Every name before this tail, which begins with a dot.
    Below(String),
    /// This name or network address.
    Exactly(String),
}

/// What may be reached for one purpose. Nothing, unless something is listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Hosts on the open Internet.
    pub hosts: Vec<Host>,
    /// Hosts that policy itself says may be inside our own network.
    pub inside_hosts: Vec<Host>,
}

/// A target that is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// The place.
    pub target: Target,
    /// Whether it may turn out to be inside our own network.
    pub may_be_inside: bool,
}

/// Why an address is not followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Barred {
    /// It is no address of the web, or has parts that no honest one has.
    #[error("is not a whole address that begins with https:// or http://")]
    Malformed,
    /// It carries a user name or a password.
    #[error("carries a user name or a password")]
    Userinfo,
    /// Its host is not listed on this port with this scheme.
    #[error("is at {at}, which is not listed")]
    Unlisted {
        /// Scheme, host and port.
        at: String,
    },
    /// Its host is listed, but is inside our own network.
    #[error("is at {host}, which is not on the open Internet")]
    Inside {
        /// The host.
        host: String,
    },
}

impl Target {
    /// The place that a whole address names, in the reading of web browsers.
    pub fn parse(address: &str) -> Result<Self, Barred> {
        // A browser drops line ends and tabs, and blanks around; whoever sends those is trying
        // something.
        let is_plain = |byte: u8| byte > b' ' && byte != 0x7F && byte != b'\\';
        // A browser also guesses where slashes are missing or too many.
        let has_host = address.split_once("://").is_some_and(|(_, rest)| !rest.starts_with('/'));
        if address.len() > ADDRESS_BYTES_MAX || !address.bytes().all(is_plain) || !has_host {
            return Err(Barred::Malformed);
        }
        let url = url::Url::parse(address).map_err(|_| Barred::Malformed)?;
        let tls = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(Barred::Malformed),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Barred::Userinfo);
        }
        let host = url.host_str().unwrap_or_default();
        // The dot at the end of a whole name is no part of what it is called.
        let host = host.strip_suffix('.').unwrap_or(host);
        if host.is_empty() || host.ends_with('.') {
            return Err(Barred::Malformed);
        }
        let port = url.port().unwrap_or_else(|| usual_port(tls));
        let path = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        Ok(Self { tls, host: host.to_owned(), port, path })
    }

    /// The place that an answer from here sends us to: a whole address, or one relative to this.
    pub fn join(&self, location: &str) -> Result<Self, Barred> {
        let own = format!("{}{}", self.origin(), self.path);
        let own = url::Url::parse(&own).map_err(|_| Barred::Malformed)?;
        let next = own.join(location).map_err(|_| Barred::Malformed)?;
        Self::parse(next.as_str())
    }

    /// Scheme, host and port, as an address begins.
    pub fn origin(&self) -> String {
        let Self { tls, host, port, .. } = self;
        let scheme = if *tls { "https" } else { "http" };
        if *port == usual_port(*tls) {
            format!("{scheme}://{host}")
        } else {
            format!("{scheme}://{host}:{port}")
        }
    }

    /// Whether the host is a network address rather than a name.
    pub fn is_bare(&self) -> bool {
        self.host.starts_with('[') || self.host.parse::<core::net::Ipv4Addr>().is_ok()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin(), self.path)
    }
}

const fn usual_port(tls: bool) -> u16 {
    if tls { 443 } else { 80 }
}

impl Host {
    /// Whether this line stands for a place.
    pub fn covers(&self, target: &Target) -> bool {
        let is_named = match &self.name {
            Name::Any => !target.is_bare(),
            Name::Below(tail) => {
                !target.is_bare()
                    && target.host.strip_suffix(tail).is_some_and(|name| !name.is_empty())
            }
            Name::Exactly(name) => *name == target.host,
        };
        is_named && self.tls == target.tls && self.port == target.port
    }

    /// Whether it is with TLS.
    pub const fn is_tls(&self) -> bool {
        self.tls
    }

    /// Whether it stands for every name.
    pub const fn is_any(&self) -> bool {
        matches!(self.name, Name::Any)
    }
}

impl FromStr for Host {
    type Err = Barred;

    fn from_str(text: &str) -> Result<Self, Barred> {
        let (tls, rest) = match text.split_once("://") {
            None => (true, text),
            Some(("https", rest)) => (true, rest),
            Some(("http", rest)) => (false, rest),
            Some(_) => return Err(Barred::Malformed),
        };
        // A star is no part of a name, so what stands for one is read in its place.
        let (star, named) = match rest.strip_prefix('*') {
            None => (false, rest.to_owned()),
            Some(below) if below.starts_with('.') => (true, below.replacen('.', "", 1)),
            Some(port) if port.is_empty() || port.starts_with(':') => (true, format!("any{port}")),
            Some(_) => return Err(Barred::Malformed),
        };
        let is_any = star && !rest.starts_with("*.");
        let scheme = if tls { "https" } else { "http" };
        let target = Target::parse(&format!("{scheme}://{named}"))?;
        if target.path != "/" || named.contains(['/', '?', '#', '*']) {
            return Err(Barred::Malformed);
        }
        if star && target.is_bare() {
            return Err(Barred::Malformed);
        }
        let name = match (star, is_any) {
            (true, true) => Name::Any,
            (true, false) => Name::Below(format!(".{}", target.host)),
            (false, _) => Name::Exactly(target.host),
        };
        Ok(Self { tls, name, port: target.port })
    }
}

impl Reach {
    /// Whether nothing may be reached.
    pub const fn is_nothing(&self) -> bool {
        self.hosts.is_empty() && self.inside_hosts.is_empty()
    }

    /// The place that an address names, if it is listed.
    pub fn judge(&self, address: &str) -> Result<Allowed, Barred> {
        self.allow(Target::parse(address)?)
    }

    /// A place, if it is listed.
    pub fn allow(&self, target: Target) -> Result<Allowed, Barred> {
        let is_among = |hosts: &[Host]| hosts.iter().any(|host| host.covers(&target));
        let may_be_inside = is_among(&self.inside_hosts);
        if may_be_inside || is_among(&self.hosts) {
            Ok(Allowed { target, may_be_inside })
        } else {
            Err(Barred::Unlisted { at: target.origin() })
        }
    }
}

#[cfg(test)]
mod tests;
