//! A collector of spans on loopback, which takes both forms of OTLP, or none.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use prost::Message as _;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::vendor::{spawn, tls_config};

/// Where gRPC has it.
const METHOD: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// How a collector answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    /// Everything.
    All,
    /// Nothing: it says so.
    Nothing,
    /// Nothing: it never answers.
    Never,
}

/// A span as a test looks at it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) trace: String,
    pub(crate) id: String,
    /// Empty for one that is below none.
    pub(crate) above: String,
    pub(crate) name: String,
    pub(crate) kind: SpanKind,
    pub(crate) is_error: bool,
    pub(crate) state: String,
    pub(crate) began: u64,
    pub(crate) ended: u64,
    pub(crate) links: Vec<(String, String)>,
    pub(crate) said: Value,
    /// What is said of all spans of the process.
    pub(crate) resource: Value,
}

/// A collector on loopback.
pub(crate) struct Collector {
    pub(crate) address: SocketAddr,
    spans: watch::Sender<Vec<Seen>>,
    /// The head of the last message.
    last: Arc<Mutex<Option<http::request::Parts>>>,
    asked: watch::Sender<usize>,
}

impl Collector {
    pub(crate) async fn start(takes: Takes) -> Arc<Self> {
        Self::listen(takes, None).await
    }

    /// One behind TLS, and the authority that vouches for it, as PEM.
    pub(crate) async fn start_tls() -> (Arc<Self>, String) {
        let (config, authority) = tls_config(&[b"h2", b"http/1.1"]);
        (Self::listen(Takes::All, Some(Arc::new(config).into())).await, authority)
    }

    async fn listen(takes: Takes, tls: Option<TlsAcceptor>) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (spans, asked) = (watch::Sender::default(), watch::Sender::default());
        let collector = Arc::new(Self { address, spans, last: Arc::default(), asked });
        let own = Arc::clone(&collector);
        spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                spawn(Arc::clone(&own).admit(stream, takes, tls.clone()));
            }
        });
        collector
    }

    async fn admit(self: Arc<Self>, stream: TcpStream, takes: Takes, tls: Option<TlsAcceptor>) {
        match tls {
            None => self.meet(stream, takes).await,
            // A client that does not trust the certificate hangs up here.
            Some(tls) => {
                if let Ok(stream) = tls.accept(stream).await {
                    self.meet(stream, takes).await;
                }
            }
        }
    }

    /// One connection, from its first byte to its last.
    async fn meet<S>(self: Arc<Self>, stream: S, takes: Takes)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = service_fn(move |request| {
            let own = Arc::clone(&self);
            async move { own.hear(request, takes).await }
        });
        let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
        // The gateway may hang up when it likes.
        let _ = server.serve_connection(TokioIo::new(stream), service).await;
    }

    /// Config that sends spans here, with these lines besides.
    pub(crate) fn config(&self, way: &str, more: &str) -> String {
        let address = self.address;
        format!(
            "[traces]\nexport = \"{way}\"\nendpoint = \"http://{address}\"\nevery = \"20ms\"\n{more}\n"
        )
    }

    /// All spans, once they are as expected.
    pub(crate) async fn once(&self, expected: impl Fn(&[Seen]) -> bool) -> Vec<Seen> {
        let mut spans = self.spans.subscribe();
        let seen = spans.wait_for(|spans| expected(spans));
        if let Ok(seen) = tokio::time::timeout(Duration::from_secs(30), seen).await {
            return seen.unwrap().clone();
        }
        panic!("other spans came: {:#?}", *self.spans.borrow())
    }

    /// All spans, once so many requests or jobs are among them.
    pub(crate) async fn of_requests(&self, count: usize) -> Vec<Seen> {
        self.once(|spans| spans.iter().filter(|span| span.is_whole()).count() >= count).await
    }

    /// What has come so far.
    pub(crate) fn so_far(&self) -> Vec<Seen> {
        self.spans.borrow().clone()
    }

    /// Waits until it was asked so often.
    pub(crate) async fn asked(&self, times: usize) {
        let mut asked = self.asked.subscribe();
        let enough = asked.wait_for(|asked| *asked >= times);
        tokio::time::timeout(Duration::from_secs(30), enough).await.unwrap().unwrap();
    }

    /// The head of the last message.
    pub(crate) fn head(&self) -> http::request::Parts {
        self.last.lock().unwrap().clone().expect("a message came")
    }

    async fn hear(
        &self,
        request: Request<Incoming>,
        takes: Takes,
    ) -> Result<Response<http_body_util::combinators::BoxBody<Bytes, Infallible>>, Infallible> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let is_grpc = head.uri.path() == METHOD;
        *self.last.lock().unwrap() = Some(head);
        self.asked.send_modify(|asked| *asked += 1);
        if takes == Takes::Never {
            return std::future::pending().await;
        }
        if takes == Takes::All {
            // A message of gRPC follows a byte on its coding and four on its length.
            let message = if is_grpc { body.slice(5..) } else { body };
            let sent = ExportTraceServiceRequest::decode(message).expect("a message of OTLP");
            let seen: Vec<Seen> = sent.resource_spans.into_iter().flat_map(seen).collect();
            self.spans.send_modify(|spans| spans.extend(seen));
        }
        let refuses = takes == Takes::Nothing;
        if !is_grpc {
            let status = if refuses { 400 } else { 200 };
            let response = Response::builder().status(status);
            let response = response.header("content-type", "application/x-protobuf");
            return Ok(response.body(Full::default().boxed()).unwrap());
        }
        let mut trailers = http::HeaderMap::new();
        let status = if refuses { "3" } else { "0" };
        trailers.insert("grpc-status", http::HeaderValue::from_static(status));
        let empty = Full::new(Bytes::from_static(&[0, 0, 0, 0, 0]));
        let body = empty.with_trailers(std::future::ready(Some(Ok(trailers)))).boxed();
        let response = Response::builder().header("content-type", "application/grpc");
        Ok(response.body(body).unwrap())
    }
}

impl Seen {
    /// Whether it is of a whole request, one of several, or a job.
    pub(crate) fn is_whole(&self) -> bool {
        self.said["pixelgate.request.id"].is_string()
    }

    pub(crate) fn is_attempt(&self) -> bool {
        self.said["gen_ai.provider.name"].is_string()
    }
}

/// The only span of this name.
pub(crate) fn named<'a>(spans: &'a [Seen], name: &str) -> &'a Seen {
    let mut found = spans.iter().filter(|span| span.name == name);
    match (found.next(), found.next()) {
        (Some(only), None) => only,
        _ => panic!("not one span {name}: {spans:#?}"),
    }
}

fn seen(of: ResourceSpans) -> impl Iterator<Item = Seen> {
    let resource = said(of.resource.map(|resource| resource.attributes).unwrap_or_default());
    let spans = of.scope_spans.into_iter().flat_map(|scope| {
        assert_eq!(scope.scope.as_ref().unwrap().name, "pixelgate");
        scope.spans
    });
    spans.map(move |span| one(span, resource.clone()))
}

fn one(span: Span, resource: Value) -> Seen {
    let status = span.status.as_ref().map(opentelemetry_proto::tonic::trace::v1::Status::code);
    Seen {
        kind: span.kind(),
        is_error: status == Some(StatusCode::Error),
        trace: hex(&span.trace_id),
        id: hex(&span.span_id),
        above: hex(&span.parent_span_id),
        state: span.trace_state,
        began: span.start_time_unix_nano,
        ended: span.end_time_unix_nano,
        links: span.links.iter().map(|link| (hex(&link.trace_id), hex(&link.span_id))).collect(),
        said: said(span.attributes),
        name: span.name,
        resource,
    }
}

fn said(attributes: Vec<KeyValue>) -> Value {
    let one = |attribute: KeyValue| {
        let value = attribute.value.and_then(|value| value.value).map_or(Value::Null, value);
        (attribute.key, value)
    };
    Value::Object(attributes.into_iter().map(one).collect::<Map<_, _>>())
}

fn value(any: Any) -> Value {
    let inner = |inner: AnyValue| inner.value.map_or(Value::Null, value);
    if let Any::ArrayValue(array) = any {
        return array.values.into_iter().map(inner).collect();
    }
    if let Any::StringValue(text) = any {
        return json!(text);
    }
    if let Any::BoolValue(flag) = any {
        return json!(flag);
    }
    if let Any::IntValue(number) = any {
        return json!(number);
    }
    if let Any::DoubleValue(number) = any {
        return json!(number);
    }
    panic!("nothing of this kind is said: {any:?}")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}
