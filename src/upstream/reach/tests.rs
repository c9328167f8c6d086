//! The guard against servers on loopback, which stand for everything that is inside.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::clock::{Clock, ManualClock, Now};

use super::*;

/// A server on loopback that says the same to everyone and then leaves the connection open.
struct Server {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn saying(answer: impl Into<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (heads, answer) = (Arc::new(Mutex::new(Vec::new())), answer.into());
        let seen = Arc::clone(&heads);
        std::thread::spawn(move || {
            let mut open = Vec::new();
            for stream in listener.incoming() {
                let (mut stream, mut head) = (stream.unwrap(), [0; 4096]);
                let length = stream.read(&mut head).unwrap();
                seen.lock().unwrap().push(String::from_utf8_lossy(&head[..length]).into_owned());
                let _ = stream.write_all(&answer);
                open.push(stream);
            }
        });
        Self { address, heads }
    }

    fn sending_to(location: &str) -> Self {
        Self::saying(format!(
            "HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n"
        ))
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn calls(&self) -> usize {
        self.heads.lock().unwrap().len()
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

fn reach(hosts: &[&str], inside: &[&str]) -> Reach {
    let listed = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
    Reach { hosts: listed(hosts), inside_hosts: listed(inside) }
}

/// A way out on which every name has these addresses, one set after the other.
fn upstream(found: Vec<Vec<SocketAddr>>) -> (Upstream, Arc<AtomicUsize>) {
    let in_process = Box::new(|_, _| -> futures_util::future::BoxFuture<'static, WireReply> {
        panic!("nothing in this process is asked")
    });
    let clock = Arc::new(ManualClock::at(Now { unix_ms: 0, tick_ms: 0 })) as Arc<dyn Clock>;
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let upstream = Upstream::new(in_process, clock).with_resolver(Box::new(move |_, _| {
        let nth = count.fetch_add(1, Ordering::SeqCst);
        let found = found.get(nth).or_else(|| found.last()).cloned().unwrap_or_default();
        Box::pin(async move { Ok(found) })
    }));
    (upstream, asked)
}

fn within(time: Duration) -> Bounds {
    Bounds { bytes_max: 1000, deadline: Instant::now() + time, redirects_max: 2 }
}

async fn get(upstream: &Upstream, reach: &Reach, url: &str) -> Result<WireReply, Unreached> {
    upstream.reach(reach, &WireRequest::get(url), within(Duration::from_secs(20))).await
}

#[tokio::test]
async fn a_listed_place_is_asked_without_a_credential_on_a_connection_of_its_own() {
    let (server, (upstream, _)) = (Server::saying(OK), upstream(vec![]));
    let reach = reach(&[], &[&server.url("")]);
    for _ in 0..2 {
        let reply = get(&upstream, &reach, &server.url("/a.png?b=c#d")).await.unwrap();
        assert_eq!((reply.status, &reply.body.to_bytes()[..]), (200, &b"hello"[..]));
    }
    let head = server.heads.lock().unwrap().last().unwrap().to_ascii_lowercase();
    assert!(head.starts_with("get /a.png?b=c http/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("\r\nhost: {}\r\n", server.address)), "{head}");
    assert!(
        head.contains("\r\nconnection: close\r\n") && !head.contains("authorization"),
        "{head}"
    );
    assert_eq!(server.calls(), 2);
}

#[tokio::test]
async fn a_name_that_leads_inside_is_not_connected_to_even_if_it_also_leads_outside() {
    let server = Server::saying(OK);
    let outside: SocketAddr = "93.184.216.34:80".parse().unwrap();
    let reach = reach(&[&format!("http://evil.example:{}", server.address.port())], &[]);
    let url = format!("http://evil.example:{}/", server.address.port());
    for found in [vec![server.address], vec![outside, server.address]] {
        let (upstream, _) = upstream(vec![found]);
        let ended = get(&upstream, &reach, &url).await.unwrap_err();
        let inside = Barred::Inside { host: "evil.example".to_owned() };
        assert_eq!(ended, Unreached::Barred(inside));
    }
    assert_eq!(server.calls(), 0);
}

#[tokio::test]
async fn a_name_that_changes_after_it_was_checked_changes_nothing() {
    let server = Server::saying(OK);
    // Of the open Internet, and nobody answers there: what matters is who is not asked.
    let outside = SocketAddr::new([93, 184, 216, 34].into(), server.address.port());
    let (upstream, asked) = upstream(vec![vec![outside], vec![server.address]]);
    let reach = reach(&[&format!("http://evil.example:{}", server.address.port())], &[]);
    let url = format!("http://evil.example:{}/", server.address.port());
    let wire = WireRequest::get(&url);
    let first = upstream.reach(&reach, &wire, within(Duration::from_millis(100))).await;
    assert!(matches!(first, Err(Unreached::Late | Unreached::Broken(_))), "{first:?}");
    assert_eq!((asked.load(Ordering::SeqCst), server.calls()), (1, 0));
    let second = get(&upstream, &reach, &url).await.unwrap_err();
    assert!(matches!(second, Unreached::Barred(Barred::Inside { .. })), "{second}");
    assert_eq!(server.calls(), 0);
}

#[tokio::test]
async fn a_redirect_is_followed_only_to_what_is_listed_too() {
    let (goal, secret) = (Server::saying(OK), Server::saying(OK));
    let (honest, evil) =
        (Server::sending_to(&goal.url("/b")), Server::sending_to(&secret.url("/")));
    let (upstream, _) = upstream(vec![vec![secret.address]]);
    let named = format!("http://evil.example:{}", secret.address.port());
    let crafty = Server::sending_to(&named);
    let inside = [honest.url(""), goal.url(""), evil.url(""), crafty.url("")];
    let reach = reach(&[&named], &inside.each_ref().map(String::as_str));
    assert_eq!(get(&upstream, &reach, &honest.url("/a")).await.unwrap().status, 200);
    let barred = get(&upstream, &reach, &evil.url("/a")).await.unwrap_err();
    assert!(matches!(barred, Unreached::Barred(Barred::Unlisted { .. })), "{barred}");
    let barred = get(&upstream, &reach, &crafty.url("/a")).await.unwrap_err();
    assert!(matches!(barred, Unreached::Barred(Barred::Inside { .. })), "{barred}");
    assert_eq!((goal.calls(), secret.calls()), (1, 0));
}

#[tokio::test]
async fn redirects_have_an_end_and_a_post_has_none() {
    let (server, (upstream, _)) = (Server::sending_to("/again"), upstream(vec![]));
    let reach = reach(&[], &[&server.url("")]);
    assert_eq!(get(&upstream, &reach, &server.url("/")).await.unwrap_err(), Unreached::SentOn);
    assert_eq!(server.calls(), 3);
    let post = WireRequest::post_json(server.url("/"), "{}");
    let reply = upstream.reach(&reach, &post, within(Duration::from_secs(20))).await.unwrap();
    assert_eq!((reply.status, server.calls()), (302, 4));
}

#[tokio::test]
async fn an_answer_ends_by_size_and_by_time() {
    let announced = Server::saying("HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n");
    let endless =
        [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3e9\r\n".as_slice(), &[b'a'; 1001]];
    let endless = Server::saying(endless.concat());
    let slow = Server::saying("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhell");
    let silent = Server::saying("");
    let (upstream, _) = upstream(vec![]);
    for server in [&announced, &endless] {
        let ended = get(&upstream, &reach(&[], &[&server.url("")]), &server.url("/")).await;
        assert_eq!(ended.unwrap_err(), Unreached::TooLarge { bytes_max: 1000 });
    }
    for server in [&slow, &silent] {
        let reach = reach(&[], &[&server.url("")]);
        let wire = WireRequest::get(server.url("/"));
        let ended = upstream.reach(&reach, &wire, within(Duration::from_millis(300))).await;
        assert_eq!(ended.unwrap_err(), Unreached::Late);
    }
}

#[tokio::test]
async fn over_tls_a_certificate_that_nobody_vouches_for_ends_it() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let served = std::thread::spawn(move || {
        let mut tls = rustls::ServerConnection::new(Arc::new(config)).unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        let shaken = tls.complete_io(&mut stream).and_then(|_| tls.complete_io(&mut stream));
        (tls.server_name().map(ToOwned::to_owned), shaken.is_ok())
    });
    let (upstream, _) = upstream(vec![vec![address]]);
    let at = format!("https://localhost:{}", address.port());
    let ended = get(&upstream, &reach(&[], &[&at]), &at).await.unwrap_err();
    assert!(matches!(ended, Unreached::Broken(VendorFault::Unreachable { .. })), "{ended}");
    let (name, was_trusted) = served.join().unwrap();
    assert_eq!((name.as_deref(), was_trusted), (Some("localhost"), false));
}
