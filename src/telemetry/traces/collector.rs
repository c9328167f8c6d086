//! The way to a collector: OTLP over gRPC or HTTP, as configured.

use std::collections::HashMap;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::KeyValue;
use opentelemetry_otlp::tonic_types::metadata::MetadataMap;
use opentelemetry_otlp::tonic_types::transport::{Certificate, ClientTlsConfig};
use opentelemetry_otlp::{
    SpanExporter, WithExportConfig as _, WithHttpConfig as _, WithTonicConfig as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanExporter as _;

use crate::config::{Export, Way};
use crate::id::random_text;

use super::TraceError;

/// How long a connection to a collector may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The way to the collector of config. Nothing is sent yet.
pub(super) fn collector(export: &Export) -> Result<SpanExporter, TraceError> {
    let headers = headers(export)?;
    let authority = authority(export)?;
    let mut collector = match export.way {
        Way::Grpc => over_grpc(export, headers, authority.as_deref())?,
        Way::Http => over_http(export, &headers, authority.as_deref())?,
    };
    collector.set_resource(&resource(export));
    Ok(collector)
}

fn over_grpc(
    export: &Export,
    headers: HeaderMap,
    authority: Option<&[u8]>,
) -> Result<SpanExporter, TraceError> {
    let builder = SpanExporter::builder()
        .with_tonic()
        .with_endpoint(&export.endpoint)
        .with_timeout(export.timeout)
        .with_metadata(MetadataMap::from_headers(headers));
    let builder = if export.endpoint.starts_with("https:") {
        let tls = ClientTlsConfig::new();
        builder.with_tls_config(match authority {
            Some(pem) => tls.ca_certificate(Certificate::from_pem(pem)),
            None => tls.with_native_roots(),
        })
    } else {
        builder
    };
    builder.build().map_err(|error| refused(&error))
}

fn over_http(
    export: &Export,
    headers: &HeaderMap,
    authority: Option<&[u8]>,
) -> Result<SpanExporter, TraceError> {
    // The client takes the process's own cryptography and does not choose one; whoever begins a TLS
    // config first chooses for all, and there is only `ring`.
    drop(rustls::ClientConfig::builder());
    // A redirect would show our headers to somebody else.
    let client = https_client::Client::builder()
        .redirect(https_client::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(export.timeout);
    let client = match authority.map(https_client::Certificate::from_pem_bundle) {
        None => client,
        Some(certificates) => client.tls_certs_only(certificates.map_err(|error| refused(&error))?),
    };
    let text = |(name, value): (&HeaderName, &HeaderValue)| {
        Some((name.to_string(), value.to_str().ok()?.to_owned()))
    };
    let headers: HashMap<String, String> = headers.iter().filter_map(text).collect();
    SpanExporter::builder()
        .with_http()
        .with_http_client(client.build().map_err(|error| refused(&error))?)
        .with_endpoint(&export.endpoint)
        .with_timeout(export.timeout)
        .with_headers(headers)
        .build()
        .map_err(|error| refused(&error))
}

fn headers(export: &Export) -> Result<HeaderMap, TraceError> {
    let mut headers = HeaderMap::new();
    for (name, place) in &export.headers {
        let place_named = || place.to_string();
        let secret = place.find().ok_or_else(|| TraceError::NoHeader { place: place_named() })?;
        let bad = || TraceError::BadHeader { place: place_named() };
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
        let mut value = HeaderValue::from_str(secret.reveal()).map_err(|_| bad())?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

fn authority(export: &Export) -> Result<Option<Vec<u8>>, TraceError> {
    let read = export.authority.as_ref().map(|path| {
        std::fs::read(path)
            .map_err(|source| TraceError::Authority { path: path.display().to_string(), source })
    });
    read.transpose()
}

/// What is said of this process with all its spans.
fn resource(export: &Export) -> Resource {
    let own = [
        KeyValue::new("service.name", export.name.clone()),
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("service.instance.id", random_text(20)),
    ];
    let said = export.resource.iter().map(|(k, v)| KeyValue::new(k.clone(), v.clone()));
    Resource::builder_empty().with_attributes(own.into_iter().chain(said)).build()
}

fn refused(error: &dyn std::error::Error) -> TraceError {
    TraceError::Exporter { problem: error.to_string() }
}
