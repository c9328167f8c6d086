//! Asks a running gateway how it is: for containers, which have no shell and no `curl`.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use clap::Args;

use crate::config::Config;

use super::{CliError, say};

/// How long each step of asking may take; whoever asks has a bound of its own, and it is rarely longer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Bytes of an answer that are read: a status and a sentence.
const ANSWER_BYTES_MAX: u64 = 4 << 10;

#[derive(Debug, Args)]
pub(super) struct HealthArgs {
    /// Asks whether it should get traffic, in place of whether it lives.
    #[arg(long)]
    ready: bool,
}

/// Says what the admin listener of the config says; fails unless it says yes.
pub(super) fn health(config: &Config, args: &HealthArgs) -> Result<(), CliError> {
    let path = if args.ready { "/readyz" } else { "/healthz" };
    let address = reachable(config.admin_address);
    let answer = ask(address, path)
        .map_err(|source| CliError::System { what: "ask the admin listener", source })?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let body = body.trim();
    if head.split(' ').nth(1) == Some("200") {
        say(body);
        Ok(())
    } else {
        let message = if body.is_empty() { "the answer is not one of ours" } else { body };
        Err(CliError::Refused { message: message.to_owned() })
    }
}

/// Who listens everywhere is asked at home.
const fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        IpAddr::V4(_) | IpAddr::V6(_) => address.ip(),
    };
    SocketAddr::new(ip, address.port())
}

fn ask(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let head = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
