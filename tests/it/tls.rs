//! TLS when a certificate is configured, and a clear word when it cannot be used.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::json;
use tokio::sync::Notify;

use crate::vendor::{TlsVendor, spawn};
use crate::world::{OPENAI, PAINTED, World};

fn certificate(folder: &std::path::Path) -> (String, String) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    (certificate.display().to_string(), key.display().to_string())
}

/// A world behind TLS, and where its certificate is.
fn over_tls(folder: &std::path::Path) -> (World, String) {
    let (certificate, key) = certificate(folder);
    let config =
        format!("public.tls_certificate = \"{certificate}\"\npublic.tls_key = \"{key}\"\n");
    (World::with(PAINTED, "10", &config), certificate)
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_certificate_http_1_and_http_2_are_served_over_tls() {
    let folder = tempfile::tempdir().unwrap();
    let (world, certificate) = over_tls(folder.path());
    let port = world.public.rsplit(':').next().unwrap().to_owned();
    for (option, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
        let done = tokio::task::block_in_place(|| {
            Command::new("curl")
                .args([
                    "-s",
                    option,
                    "--cacert",
                    &certificate,
                    "-w",
                    "\n%{http_version} %{http_code}",
                ])
                .args(["-H", &format!("Authorization: Bearer {}", world.key)])
                .arg(format!("https://localhost:{port}/v1/models"))
                .output()
                .unwrap()
        });
        let said = String::from_utf8(done.stdout).unwrap();
        assert!(said.ends_with(&format!("\n{version} 200")), "{option}: {said}");
    }
}

/// A connection that is in the middle of its handshake.
struct Handshake {
    socket: TcpStream,
    tls: ClientConnection,
    unsent: Vec<u8>,
}

impl Handshake {
    /// Connects, and says the first of what it has to say.
    fn begin(world: &World, certificate: &str) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(certificate).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = "localhost".try_into().unwrap();
        let mut tls = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut hello = Vec::new();
        tls.write_tls(&mut hello).unwrap();
        let unsent = hello.split_off(20);
        let mut socket = TcpStream::connect(world.public.strip_prefix("http://").unwrap()).unwrap();
        socket.write_all(&hello).unwrap();
        Self { socket, tls, unsent }
    }

    /// Says the rest, asks for the list of models, and hears what comes until the connection ends.
    fn ask_for_models(mut self, key: &str) -> String {
        self.socket.write_all(&self.unsent).unwrap();
        let mut stream = StreamOwned::new(self.tls, self.socket);
        let head =
            format!("host: localhost\r\nauthorization: Bearer {key}\r\nconnection: close\r\n");
        stream.write_all(format!("GET /v1/models HTTP/1.1\r\n{head}\r\n").as_bytes()).unwrap();
        let mut said = Vec::new();
        // Not every end of a connection is announced.
        let _ = stream.read_to_end(&mut said);
        String::from_utf8(said).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_in_its_handshake_when_the_gateway_is_told_to_stop_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let (mut world, certificate) = over_tls(folder.path());
    let said = tokio::task::block_in_place(|| {
        let first = Handshake::begin(&world, &certificate);
        // Whoever comes later is accepted later, so the first has been.
        let later = Handshake::begin(&world, &certificate).ask_for_models(&world.key);
        assert!(later.starts_with("HTTP/1.1 200 "), "{later}");
        world.signal("-TERM");
        world.log_line("stopping");
        first.ask_for_models(&world.key)
    });
    assert!(said.starts_with("HTTP/1.1 200 "), "{said}");
    assert!(tokio::task::block_in_place(|| world.has_stopped()).success());
}

#[test]
fn a_certificate_that_is_none_is_said_to_be_none() {
    let folder = tempfile::tempdir().unwrap();
    let (_, key) = certificate(folder.path());
    let wrong = folder.path().join("wrong.pem");
    std::fs::write(&wrong, "hello").unwrap();
    let config = folder.path().join("gateway.toml");
    std::fs::create_dir(folder.path().join("policies")).unwrap();
    std::fs::write(folder.path().join("policies/p.toml"), PAINTED).unwrap();
    let text = format!(
        "public.address = \"127.0.0.1:0\"\nadmin.address = \"127.0.0.1:0\"\n\
         policy.directory = \"{0}/policies\"\nstore.directory = \"{0}/data\"\n\
         public.tls_certificate = \"{1}\"\npublic.tls_key = \"{key}\"\n",
        folder.path().display(),
        wrong.display(),
    );
    std::fs::write(&config, text).unwrap();
    let tried = Command::new(env!("CARGO_BIN_EXE_pixelgate"))
        .args(["serve", "--config"])
        .arg(&config)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&tried.stderr).into_owned();
    assert_eq!(tried.status.code(), Some(2), "{said}");
    assert!(said.contains("wrong.pem holds no PEM block of a CERTIFICATE"), "{said}");
}

/// A gateway whose vendor is at this port over TLS, and what it trusts.
fn trusting(vendor: &TlsVendor, authority: &str) -> (World, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let trusted = folder.path().join("authority.pem");
    std::fs::write(&trusted, authority).unwrap();
    let policy = format!(
        "{PAINTED}\n[vendors.acme]\ndialect = \"openai\"\nbase_url = \"https://localhost:{}/v1\"\n\
         [models.remote]\ndeadline = \"5s\"\nprice = [{{ image = \"2\" }}]\n\
         offerings = [{{ vendor = \"acme\", sizes = [\"64x64\"], cost = [{{ image = \"1\" }}] }}]\n",
        vendor.port
    );
    let trusted = trusted.display().to_string();
    let world = World::with_environment(&policy, "10", "", &[("SSL_CERT_FILE", &trusted)]);
    (world, folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_behind_tls_is_called_over_h2_or_http_1_as_it_can() {
    let asked = json!({"model": "remote", "prompt": "a fox", "size": "64x64"});
    let both: &[&[u8]] = &[b"h2", b"http/1.1"];
    for (protocols, over_h2) in [(both, 3), (&both[1..], 0)] {
        let vendor = TlsVendor::start(protocols).await;
        let (world, _folder) = trusting(&vendor, &vendor.authority);
        for _ in 0..3 {
            let reply = world.post(OPENAI, &asked).await;
            assert_eq!(reply.status, 200, "{}", reply.json());
        }
        assert_eq!(vendor.h2_calls.load(Ordering::SeqCst), over_h2);
        assert_eq!(world.available(), "4");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_whose_certificate_nobody_vouches_for_is_not_called() {
    let (vendor, other) = (TlsVendor::start(&[b"h2"]).await, TlsVendor::start(&[b"h2"]).await);
    let (world, _folder) = trusting(&vendor, &other.authority);
    let asked = json!({"model": "remote", "prompt": "a fox", "size": "64x64"});
    let reply = world.post(OPENAI, &asked).await;
    assert_eq!(reply.status, 502, "{}", reply.json());
    assert_eq!((vendor.h2_calls.load(Ordering::SeqCst), world.available().as_str()), (0, "10"));
}

/// A way to a port. What is connected when it dies is never told so, and hears no more; who connects later comes through.
async fn way_to(port: u16) -> (u16, Arc<Notify>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (own, dies) = (listener.local_addr().unwrap().port(), Arc::<Notify>::default());
    let dead = Arc::clone(&dies);
    spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let mut server = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let dead = Arc::clone(&dead);
            spawn(async move {
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
                    () = dead.notified() => std::future::pending().await,
                }
            });
        }
    });
    (own, dies)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_to_a_vendor_that_died_without_a_word_is_found_out() {
    let vendor = TlsVendor::start(&[b"h2"]).await;
    let (port, dies) = way_to(vendor.port).await;
    let vendor = TlsVendor { port, ..vendor };
    let (world, _folder) = trusting(&vendor, &vendor.authority);
    let asked = json!({"model": "remote", "prompt": "a fox", "size": "64x64"});
    assert_eq!(world.post(OPENAI, &asked).await.status, 200);
    dies.notify_waiters();
    let reply = world.post(OPENAI, &asked).await;
    assert_eq!(reply.status, 504, "{}", reply.json());
    // Whoever asks meanwhile waits in vain too; without being found out the connection would be used for many minutes.
    let began = tokio::time::Instant::now();
    while world.post(OPENAI, &asked).await.status != 200 {
        assert!(began.elapsed().as_secs() < 60, "it is still used");
    }
    assert_eq!(vendor.h2_calls.load(Ordering::SeqCst), 2);
}
