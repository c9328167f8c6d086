//! A vendor on loopback that speaks a real wire form, or fails in the ways vendors fail.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

#[path = "../dialects/filled.rs"]
pub(crate) mod talk;

/// One request as a vendor saw it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) headers: hyper::HeaderMap,
    pub(crate) body: Value,
}

/// How a vendor answers.
#[derive(Clone, Debug, Default)]
pub(crate) enum Answers {
    /// A picture, in OpenAI's form, of the size that was asked for.
    #[default]
    OpenAi,
    /// The same for this credential only, and status 401 for any other.
    OnlyFor(&'static str),
    /// A picture in Gemini's form.
    Gemini,
    /// An address of its own that the picture lies at.
    Address,
    /// This status and JSON body.
    Json(u16, Value),
    /// This status, type and body.
    Raw(u16, &'static str, Vec<u8>),
    /// A recorded order's answers, one after the other and then from the start; `{png}` and
    /// `{vendor}` in them are filled, and pictures lie below `/pictures/` and at `/view`.
    Talk(Arc<Vec<Value>>),
    /// Orders, which it serves when it is told to.
    Orders(Arc<crate::clerk::Clerk>),
    /// Nothing, ever.
    Hangs,
    /// Half an answer, then the end of the connection.
    ClosesEarly,
    /// A picture, then the end of the connection, which was not announced.
    ClosesWithoutNotice,
    /// A picture for the first request of a connection; the second is read, and a while later the connection ends.
    ClosesWhileDrawing,
}

/// A vendor on loopback.
pub(crate) struct FakeVendor {
    pub(crate) address: SocketAddr,
    behaviour: Behaviour,
}

/// What a vendor does, and what it has seen.
#[derive(Clone, Default)]
struct Behaviour {
    answers: Answers,
    calls: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<Seen>>>,
    delay: Arc<Mutex<Duration>>,
    /// How often its pictures are still not to be had.
    away: Arc<AtomicUsize>,
}

impl FakeVendor {
    pub(crate) async fn start(answers: Answers) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let vendor = Self {
            address: listener.local_addr().unwrap(),
            behaviour: Behaviour {
                answers,
                calls: Arc::default(),
                seen: Arc::default(),
                delay: Arc::default(),
                away: Arc::default(),
            },
        };
        let behaviour = vendor.behaviour.clone();
        spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let behaviour = behaviour.clone();
                spawn(behaviour.meet(stream));
            }
        });
        vendor
    }

    /// From the next call on, it takes so long.
    pub(crate) fn now_takes(&self, delay: Duration) {
        *self.behaviour.delay.lock().unwrap() = delay;
    }

    /// The next so many times that somebody comes for a picture, it is not to be had.
    pub(crate) fn keeps_its_pictures(&self, times: usize) {
        self.behaviour.away.store(times, Ordering::SeqCst);
    }

    pub(crate) fn calls(&self) -> usize {
        self.behaviour.calls.load(Ordering::SeqCst)
    }

    pub(crate) fn last(&self) -> Seen {
        self.behaviour.seen.lock().unwrap().last().expect("the vendor was called").clone()
    }

    /// The bodies of all requests, as far as they were JSON.
    pub(crate) fn bodies(&self) -> Vec<Value> {
        self.behaviour.seen.lock().unwrap().iter().map(|seen| seen.body.clone()).collect()
    }

    /// Policy for this vendor under a name.
    pub(crate) fn policy(&self, name: &str, dialect: &str) -> String {
        let address = self.address;
        format!(
            "[vendors.{name}]\ndialect = \"{dialect}\"\nbase_url = \"http://{address}/v1\"\ntimeout = \"2s\"\n"
        )
    }
}

/// A vendor as vendors are: behind TLS, with h2 for those who can. Counts what came over h2.
pub(crate) struct TlsVendor {
    pub(crate) port: u16,
    pub(crate) h2_calls: Arc<AtomicUsize>,
    /// The authority that vouches for it, as PEM.
    pub(crate) authority: String,
}

impl TlsVendor {
    pub(crate) async fn start(protocols: &[&[u8]]) -> Self {
        let (config, authority) = tls_config(protocols);
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let h2_calls = Arc::<AtomicUsize>::default();
        let counter = Arc::clone(&h2_calls);
        spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                spawn(meet_over_tls(acceptor.clone(), stream, Arc::clone(&counter)));
            }
        });
        Self { port, h2_calls, authority }
    }
}

async fn meet_over_tls(
    acceptor: tokio_rustls::TlsAcceptor,
    stream: tokio::net::TcpStream,
    h2_calls: Arc<AtomicUsize>,
) {
    // A client that does not trust the certificate hangs up here.
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let service = service_fn(move |request: Request<Incoming>| {
        let over_h2 = request.version() == hyper::Version::HTTP_2;
        h2_calls.fetch_add(usize::from(over_h2), Ordering::SeqCst);
        answer(request, Behaviour::default())
    });
    let server = hyper_util::server::conn::auto::Builder::new(hyper_util::rt::TokioExecutor::new());
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}

pub(crate) fn tls_config(protocols: &[&[u8]]) -> (rustls::ServerConfig, String) {
    use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
    let mut of_authority = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
    of_authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let authority = of_authority.self_signed(&authority_key).unwrap();
    let issuer = rcgen::Issuer::new(of_authority, authority_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    (config, authority.pem())
}

/// Work beside a test; it ends with the test's runtime.
#[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
pub(crate) fn spawn<Out: Send + 'static>(
    work: impl Future<Output = Out> + Send + 'static,
) -> tokio::task::JoinHandle<Out> {
    tokio::spawn(work)
}

/// The start of an answer that never comes to its end.
const HALF: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
    content-length: 5000\r\n\r\n{\"data\":[";

/// Reads a request, says something or nothing ever, and ends the connection.
async fn misbehave(mut stream: tokio::net::TcpStream, calls: &AtomicUsize, says: Option<String>) {
    let mut buffer = vec![0; 64 << 10];
    if stream.read(&mut buffer).await.unwrap_or(0) == 0 {
        return;
    }
    calls.fetch_add(1, Ordering::SeqCst);
    let Some(says) = says else { return std::future::pending().await };
    // The gateway may have hung up.
    let _ = stream.write_all(says.as_bytes()).await;
    let _ = stream.shutdown().await;
}

impl Behaviour {
    /// One connection, from its first byte to its last.
    async fn meet(self, stream: tokio::net::TcpStream) {
        let misbehaves = match self.answers {
            Answers::Hangs => Some(None),
            Answers::ClosesEarly => Some(Some(HALF.to_owned())),
            Answers::ClosesWithoutNotice => {
                let body = json!({"data": [{"b64_json": png(64, 64)}]}).to_string();
                let length = body.len();
                Some(Some(format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
                )))
            }
            Answers::OpenAi
            | Answers::OnlyFor(_)
            | Answers::Gemini
            | Answers::Address
            | Answers::Json(..)
            | Answers::Talk(..)
            | Answers::Orders(..)
            | Answers::ClosesWhileDrawing
            | Answers::Raw(..) => None,
        };
        if let Some(says) = misbehaves {
            return misbehave(stream, &self.calls, says).await;
        }
        let used = AtomicBool::new(false);
        let service = service_fn(move |request| {
            let (behaviour, is_used) = (self.clone(), used.swap(true, Ordering::SeqCst));
            let ends = is_used && matches!(behaviour.answers, Answers::ClosesWhileDrawing);
            answer_or_end(request, behaviour, ends)
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service);
        // The gateway may hang up when it likes.
        let _ = connection.await;
    }
}

/// Answers, or draws for a while and ends the connection.
async fn answer_or_end(
    request: Request<Incoming>,
    behaviour: Behaviour,
    ends: bool,
) -> std::io::Result<Response<Full<Bytes>>> {
    let Ok(answered) = answer(request, behaviour).await;
    if ends {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        return Err(std::io::Error::other("the connection ends"));
    }
    Ok(answered)
}

async fn answer(
    request: Request<Incoming>,
    behaviour: Behaviour,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let Behaviour { answers, calls, seen, delay, away } = behaviour;
    let delay = *delay.lock().unwrap();
    let path = request.uri().path();
    if path.contains("/pictures/") || path.ends_with("/view") {
        let one_less = |left: usize| left.checked_sub(1);
        if away.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok() {
            return Ok(Response::builder().status(503).body(Full::default()).unwrap());
        }
        let is_recorded = matches!(answers, Answers::Talk(_));
        let picture = if is_recorded { talk::PNG.to_owned() } else { png(512, 512) };
        let response = Response::builder().header("content-type", "image/png");
        return Ok(response.body(Full::new(talk::binary(&picture).into())).unwrap());
    }
    let call = calls.fetch_add(1, Ordering::SeqCst);
    let (head, body) = request.into_parts();
    let host = head.headers.get("host").map(|h| h.to_str().unwrap().to_owned()).unwrap_or_default();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let shown = head.headers.get("authorization").and_then(|value| value.to_str().ok());
    let shown = shown.unwrap_or_default().to_owned();
    seen.lock().unwrap().push(Seen {
        path: head.uri.path().to_owned(),
        headers: head.headers,
        body: body.clone(),
    });
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    if let Answers::Orders(clerk) = &answers {
        return Ok(scripted(&clerk.answer(&head.method, head.uri.path()), &host));
    }
    if let Answers::Talk(replies) = &answers {
        return Ok(scripted(&replies[call % replies.len()], &host));
    }
    let (status, kind, bytes) = match answers {
        Answers::OnlyFor(credential) if shown != credential => {
            let error = json!({"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}});
            (401, "application/json", error.to_string().into_bytes())
        }
        Answers::OpenAi | Answers::OnlyFor(_) | Answers::ClosesWhileDrawing => {
            (200, "application/json", openai(&body).to_string().into_bytes())
        }
        Answers::Gemini => (200, "application/json", gemini().to_string().into_bytes()),
        Answers::Address => {
            let url = format!("http://{host}/pictures/1.png");
            (200, "application/json", json!({"data": [{"url": url}]}).to_string().into_bytes())
        }
        Answers::Json(status, body) => (status, "application/json", body.to_string().into_bytes()),
        Answers::Raw(status, kind, bytes) => (status, kind, bytes),
        Answers::Talk(_)
        | Answers::Orders(_)
        | Answers::Hangs
        | Answers::ClosesEarly
        | Answers::ClosesWithoutNotice => (500, "text/plain", Vec::new()),
    };
    let response = Response::builder().status(status).header("content-type", kind);
    Ok(response.body(Full::new(bytes.into())).unwrap())
}

/// One recorded answer, with its places filled.
fn scripted(golden: &Value, host: &str) -> Response<Full<Bytes>> {
    let golden = talk::filled(golden, &format!("http://{host}"));
    let mut response =
        Response::builder().status(u16::try_from(golden["status"].as_u64().unwrap()).unwrap());
    for (name, value) in golden["headers"].as_object().into_iter().flatten() {
        response = response.header(name, value.as_str().unwrap());
    }
    let body = match (&golden["body"], &golden["body_text"], &golden["body_base64"]) {
        (Value::Null, Value::Null, Value::Null) => Vec::new(),
        (Value::Null, Value::Null, base64) => talk::binary(base64.as_str().unwrap()),
        (Value::Null, text, _) => text.as_str().unwrap().as_bytes().to_vec(),
        (body, ..) => body.to_string().into_bytes(),
    };
    response.body(Full::new(body.into())).unwrap()
}

fn openai(request: &Value) -> Value {
    let size = request["size"].as_str().unwrap_or("1024x1024");
    let (width, height) = size.split_once('x').unwrap_or(("64", "64"));
    let picture = png(width.parse().unwrap_or(64), height.parse().unwrap_or(64));
    let count = request["n"].as_u64().unwrap_or(1);
    let images: Vec<Value> = (0..count).map(|_| json!({ "b64_json": picture })).collect();
    json!({
        "created": 1_795_219_200, "data": images, "quality": "medium", "size": size,
        "usage": {"total_tokens": 30, "input_tokens": 10, "output_tokens": 20,
                  "input_tokens_details": {"text_tokens": 10, "image_tokens": 0}}
    })
}

fn gemini() -> Value {
    json!({
        "candidates": [{"content": {"role": "model", "parts": [
            {"text": "Here it is."},
            {"inlineData": {"mimeType": "image/png", "data": png(1024, 1024)}}
        ]}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 1120, "totalTokenCount": 1129}
    })
}

/// A plain picture, as base64.
pub(crate) fn png(width: u32, height: u32) -> String {
    use base64::Engine as _;
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::RgbImage::from_pixel(width, height, image::Rgb([90, 120, 160]))
        .write_to(&mut bytes, image::ImageFormat::Png)
        .unwrap();
    base64::engine::general_purpose::STANDARD.encode(bytes.into_inner())
}
