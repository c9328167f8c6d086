//! Where spans of requests go, of which requests, and within which bounds.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderName, Uri};

use crate::secret::SecretPlace;

use super::ConfigError;
use super::raw::{RawTraces, pause, positive, set, wrong};

/// Where spans of requests go, and of which requests.
#[derive(Clone, Debug, PartialEq)]
pub struct Traces {
    /// Which requests are traced.
    pub sampling: Sampling,
    /// Where their spans go.
    pub export: Export,
    /// Requests whose spans wait to be exported; what is beyond is dropped and counted.
    pub queue_max: usize,
    /// Spans that go in one message, as a rule: those of one request stay together.
    pub batch_spans: usize,
    /// How long spans wait for others to go with.
    pub every: Duration,
    /// How long the spans that are left may take at the end of the process.
    pub flush_timeout: Duration,
}

/// Which requests are traced.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// The part of requests that begin a trace here, from 0 to 1.
    pub ratio: f64,
    /// Whether a request that is part of a trace already stays in it, and is traced if that is.
    pub follow_parent: bool,
    /// Whether requests that fail by a vendor's fault or ours are traced all the same.
    pub keep_faults: bool,
}

/// Where spans go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// How.
    pub way: Way,
    /// The collector.
    pub endpoint: String,
    /// Headers that are shown to it, with where their values are.
    pub headers: Vec<(String, SecretPlace)>,
    /// The PEM file of who signs its certificate; `None` for the system's.
    pub authority: Option<PathBuf>,
    /// How long one message may take, repeats included.
    pub timeout: Duration,
    /// What this gateway is called.
    pub name: String,
    /// What else is said of it.
    pub resource: BTreeMap<String, String>,
}

/// How spans go: the two forms of OTLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// gRPC.
    Grpc,
    /// Protobuf over HTTP.
    Http,
}

impl RawTraces {
    /// `None` where nothing is exported.
    pub(super) fn build(self) -> Result<Option<Traces>, ConfigError> {
        let ratio = set("traces.ratio", self.ratio)?;
        if !(0.0..=1.0).contains(&ratio) {
            let problem = "is no part of all requests; give between 0.0 and 1.0";
            return Err(wrong("traces.ratio", problem));
        }
        let sampling = Sampling {
            ratio,
            follow_parent: set("traces.follow_parent", self.follow_parent)?,
            keep_faults: set("traces.keep_faults", self.keep_faults)?,
        };
        let way = match set("traces.export", self.export)?.as_str() {
            "" => None,
            "grpc" => Some(Way::Grpc),
            "http" => Some(Way::Http),
            _ => return Err(wrong("traces.export", "is none of \"\", \"grpc\" and \"http\"")),
        };
        let authority = set("traces.authority", self.authority)?;
        let export = |way| {
            Ok(Export {
                way,
                endpoint: endpoint(way, &set("traces.endpoint", self.endpoint)?)?,
                headers: headers(set("traces.headers", self.headers)?)?,
                authority: Some(authority).filter(|path| !path.is_empty()).map(PathBuf::from),
                timeout: pause("traces.timeout", self.timeout)?,
                name: set("traces.name", self.name)?,
                resource: set("traces.resource", self.resource)?,
            })
        };
        Ok(match way.map(export).transpose()? {
            None => None,
            Some(export) => Some(Traces {
                sampling,
                export,
                queue_max: positive("traces.queue_max", self.queue_max)?,
                batch_spans: positive("traces.batch_spans", self.batch_spans)?,
                every: pause("traces.every", self.every)?,
                flush_timeout: set("traces.flush_timeout", self.flush_timeout)?.0,
            }),
        })
    }
}

/// Where OTLP has its own default port, and, over HTTP, its own path.
fn endpoint(way: Way, text: &str) -> Result<String, ConfigError> {
    let text = match (text, way) {
        ("", Way::Grpc) => "http://127.0.0.1:4317",
        ("", Way::Http) => "http://127.0.0.1:4318",
        (text, _) => text,
    };
    let uri: Option<Uri> = text.parse().ok();
    let uri = uri.filter(|uri| {
        let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
        let host = uri.authority().map_or("@", http::uri::Authority::as_str);
        is_http && !host.contains('@')
    });
    let Some(uri) = uri else {
        // It may hold a password, so it is not repeated.
        let problem =
            "is no address such as \"http://127.0.0.1:4317\"; a credential goes to traces.headers";
        return Err(wrong("traces.endpoint", problem));
    };
    Ok(match way {
        Way::Http if uri.path() == "/" => format!("{}/v1/traces", text.trim_end_matches('/')),
        Way::Http | Way::Grpc => text.to_owned(),
    })
}

fn headers(texts: BTreeMap<String, String>) -> Result<Vec<(String, SecretPlace)>, ConfigError> {
    let header = |(name, place): (String, String)| {
        let is_name = HeaderName::from_bytes(name.as_bytes()).is_ok();
        let found = place.parse().ok().filter(|_| is_name);
        // The text may be the credential itself, so it is not repeated.
        let problem = "names what is no header, or no place such as \"env:NAME\" or \"file:/path\"";
        Ok((name.to_ascii_lowercase(), found.ok_or_else(|| wrong("traces.headers", problem))?))
    };
    texts.into_iter().map(header).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    fn traces(text: &str) -> Traces {
        Config::parse(&format!("[traces]\n{text}")).unwrap().traces.unwrap()
    }

    #[test]
    fn nothing_is_exported_unless_it_is_asked_for() {
        assert_eq!(Config::parse("").unwrap().traces, None);
        assert_eq!(Config::parse("[traces]\nratio = 0.5\n").unwrap().traces, None);
    }

    #[test]
    fn each_way_has_the_port_and_path_of_the_protocol() {
        assert_eq!(traces("export = \"grpc\"").export.endpoint, "http://127.0.0.1:4317");
        assert_eq!(traces("export = \"http\"").export.endpoint, "http://127.0.0.1:4318/v1/traces");
        let own = |way: &str, at: &str| {
            traces(&format!("export = \"{way}\"\nendpoint = \"{at}\"")).export.endpoint
        };
        assert_eq!(own("http", "https://otel.example/"), "https://otel.example/v1/traces");
        assert_eq!(own("http", "https://otel.example/in/traces"), "https://otel.example/in/traces");
        assert_eq!(own("grpc", "https://otel.example"), "https://otel.example");
    }

    #[test]
    fn a_header_is_kept_elsewhere() {
        let text = "export = \"http\"\nheaders = { \"X-Token\" = \"env:OTEL_TOKEN\" }";
        let place = SecretPlace::Environment("OTEL_TOKEN".to_owned());
        assert_eq!(traces(text).export.headers, [("x-token".to_owned(), place)]);
    }

    #[test]
    fn what_does_not_make_sense_names_the_key_and_is_not_repeated() {
        for (text, place) in [
            ("export = \"jaeger\"", "traces.export"),
            ("ratio = 1.5", "traces.ratio"),
            ("ratio = -0.1", "traces.ratio"),
            ("ratio = nan", "traces.ratio"),
            ("export = \"grpc\"\nendpoint = \"localhost:4317\"", "traces.endpoint"),
            ("export = \"grpc\"\nendpoint = \"http://u:hunter2@h:1\"", "traces.endpoint"),
            ("export = \"grpc\"\nheaders = { a = \"hunter2\" }", "traces.headers"),
            ("export = \"grpc\"\nheaders = { \"a b\" = \"env:A\" }", "traces.headers"),
            ("export = \"grpc\"\nqueue_max = 0", "traces.queue_max"),
            ("export = \"grpc\"\nevery = \"0s\"", "traces.every"),
            ("export = \"grpc\"\ntimeout = \"0s\"", "traces.timeout"),
        ] {
            let error = Config::parse(&format!("[traces]\n{text}\n")).unwrap_err().to_string();
            assert!(error.starts_with(place) && !error.contains("hunter2"), "{error}");
        }
    }
}
