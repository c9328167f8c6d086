//! Settings that need a restart to change: text in, values that cannot be wrong out.
//!
//! The defaults are `config/gateway.toml` itself, compiled in, so the documented default is the
//! default. An operator's file may hold any part of it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use crate::scalar::Network;
use crate::secret::SecretPlace;

mod limits;
mod raw;
mod schema;
mod stored;
mod traces;
mod watchdog;

use raw::RawConfig;

pub use limits::{Limits, Lost, Redis, RedisAddress};
pub use schema::schema;
pub use traces::{Export, Sampling, Traces, Way};
pub use watchdog::Watchdog;

/// The defaults, which also document every key.
pub const DEFAULTS: &str = include_str!("../config/gateway.toml");

/// Everything that needs a restart to change.
#[derive(Clone, Debug)]
pub struct Config {
    /// The listener that apps connect to.
    pub public: Public,
    /// Where health, readiness and metrics are served.
    pub admin_address: SocketAddr,
    /// The folder of the ledger, the keys and the stored pictures.
    pub store_directory: PathBuf,
    /// The database that several nodes share; `None` for the embedded store in the folder.
    pub postgres: Option<Postgres>,
    /// Bytes of its disk that are kept free for ending what was begun.
    pub store_reserve_bytes: u64,
    /// With less room than this on its disk, the store is nearly full.
    pub store_free_min_bytes: u64,
    /// Between two proofs of the books.
    pub audit_every: Duration,
    /// How much is kept of answers, to be given again to repeats.
    pub answers: Answers,
    /// The folder of policy.
    pub policy_directory: PathBuf,
    /// The folder of a policy that is tried beside it; `None` for none.
    pub shadow_directory: Option<PathBuf>,
    /// Pictures worked on at once; `None` for one per core.
    pub media_workers_max: Option<usize>,
    /// Bounds on requests whose clients do not wait.
    pub jobs: Jobs,
    /// Bounds on pictures that are fetched for callers.
    pub input_pictures: InputPictures,
    /// How requests are counted.
    pub limits: Limits,
    /// Bounds on telling apps of their jobs.
    pub webhooks: Webhooks,
    /// Workspaces that have metrics of their own.
    pub workspaces_named_max: usize,
    /// Where pictures are kept, and how they are addressed.
    pub library: Library,
    /// How log lines look.
    pub log_format: LogFormat,
    /// The least important level that is logged.
    pub log_level: tracing::Level,
    /// Whether prompts are logged.
    pub log_prompts: bool,
    /// Which requests are traced, and where their spans go; `None` traces none.
    pub traces: Option<Traces>,
    /// What is stuck, and after how long.
    pub watchdog: Watchdog,
    /// How long requests in flight may still take after SIGTERM.
    pub drain_timeout: Duration,
}

/// The listener that apps connect to, and its bounds.
#[derive(Clone, Debug)]
pub struct Public {
    /// Where apps connect.
    pub address: SocketAddr,
    /// How apps reach us from outside, without a slash at its end; `None` takes each request's Host.
    pub url: Option<String>,
    /// Certificate and key files, when TLS is served.
    pub tls: Option<TlsFiles>,
    /// The request line and all header fields together.
    pub head_bytes_max: usize,
    /// Header fields.
    pub head_fields_max: usize,
    /// A request body.
    pub body_bytes_max: usize,
    /// From the first byte of a request to the last of its header fields.
    pub head_timeout: Duration,
    /// From the head to the last byte of the body.
    pub body_timeout: Duration,
    /// A connection with nothing to do.
    pub idle_timeout: Duration,
    /// One write to a client that reads slowly.
    pub write_timeout: Duration,
    /// Requests at once.
    pub in_flight_max: usize,
    /// Bytes of request bodies held at once.
    pub in_flight_bytes_max: usize,
    /// Of those, bytes of one workspace.
    pub in_flight_bytes_per_workspace_max: usize,
    /// Bytes of answers held at once.
    pub answers_in_flight_bytes_max: usize,
    /// Connections at once, with those that have nothing to do.
    pub connections_max: usize,
    /// Pages of which origins may call from a browser what is for browsers.
    pub cors_origins: Origins,
    /// Proxies whose word on the client's address is taken.
    pub trusted_proxies: Vec<Network>,
}

/// Origins of pages, as browsers name them: scheme, host and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origins {
    /// Any.
    Any,
    /// These; none when there are none.
    Listed(Vec<String>),
}

/// Bounds on requests whose clients do not wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jobs {
    /// Unfinished jobs of one workspace.
    pub queued_per_workspace_max: usize,
    /// Jobs of one workspace whose ends are to be told and are not yet.
    pub untold_per_workspace_max: usize,
    /// Jobs worked on at once.
    pub running_max: usize,
    /// Of those, jobs of one workspace.
    pub running_per_workspace_max: usize,
    /// A request body that may become a job.
    pub input_bytes_max: usize,
    /// From being accepted to its end.
    pub time_max: Duration,
    /// How long a job is remembered after its end.
    pub kept_for: Duration,
}

/// Bounds on pictures that are fetched for callers, all callers together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputPictures {
    /// Fetched at once; the others wait their turn.
    pub in_flight_max: usize,
    /// Their bytes in memory, until their requests are answered.
    pub in_flight_bytes_max: usize,
}

/// Bounds on telling apps of their jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Webhooks {
    /// Apps told at once.
    pub sending_max: usize,
    /// Of those, of one workspace at one host.
    pub sending_per_lane_max: usize,
}

/// How much is kept of answers, to be given again to repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answers {
    /// Bytes of one answer's body; a larger one is given once.
    pub each_bytes_max: usize,
    /// Bytes of all bodies; the oldest make room.
    pub all_bytes_max: usize,
}

/// A PostgreSQL database that several nodes share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Postgres {
    /// Where its address is, password and all.
    pub url: SecretPlace,
    /// The PEM file of who signs its certificate; `None` for the system's.
    pub authority: Option<PathBuf>,
}

/// PEM files for TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate chain.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Where pictures are kept, and how they are addressed.
#[derive(Clone, Debug)]
pub struct Library {
    /// The object store; `None` for a folder below the store's own.
    pub s3: Option<S3>,
    /// How long an address is good for; `None` for as long as its picture is there.
    pub addresses_last: Option<Duration>,
    /// What signs addresses; `None` for a key that is made once in the store's folder.
    pub address_key: Option<SecretPlace>,
    /// How often what is over is erased.
    pub sweep_every: Duration,
}

/// A bucket of an S3-compatible service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3 {
    /// The bucket.
    pub bucket: String,
    /// What all names in it begin with; may be empty.
    pub prefix: String,
    /// Where the service is; `None` for AWS's own.
    pub endpoint: Option<String>,
    /// Its region.
    pub region: String,
    /// Access key and secret key; `None` for what the machine's role gives.
    pub keys: Option<(SecretPlace, SecretPlace)>,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// Why settings cannot be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The text is not TOML, or a key is unknown or of the wrong type; the message shows where.
    #[error("the config cannot be read:\n{0}")]
    Text(String),
    /// Every key can be read; one does not make sense.
    #[error("{place}: {problem}")]
    Value {
        /// The dotted key.
        place: &'static str,
        /// What is wrong and what to do.
        problem: String,
    },
}

impl Config {
    /// The defaults alone.
    pub fn defaults() -> Result<Self, ConfigError> {
        Self::parse("")
    }

    /// The operator's `text` over the defaults.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let own: RawConfig = parse_raw(text)?;
        let defaults: RawConfig = parse_raw(DEFAULTS)?;
        own.over(defaults).build()
    }
}

fn parse_raw(text: &str) -> Result<RawConfig, ConfigError> {
    toml::from_str(text).map_err(|error| ConfigError::Text(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_defaults_are_the_defaults() {
        let config = Config::defaults().unwrap();
        assert_eq!(config.public.address.to_string(), "127.0.0.1:8080");
        assert_eq!(config.public.head_bytes_max, 64 << 10);
        assert_eq!(config.admin_address.to_string(), "127.0.0.1:8081");
        assert_eq!(config.log_format, LogFormat::Json);
    }

    #[test]
    fn an_answer_bound_may_be_set() {
        let text = "[idempotency]\nanswer_bytes_max = \"1MiB\"\nanswers_bytes_max = \"2MiB\"\n";
        let answers = Answers { each_bytes_max: 1 << 20, all_bytes_max: 2 << 20 };
        assert_eq!(Config::parse(text).unwrap().answers, answers);
    }

    #[test]
    fn a_file_may_hold_any_part_and_the_rest_stays() {
        let config = Config::parse("[public]\nin_flight_max = 7\n").unwrap();
        assert_eq!(config.public.in_flight_max, 7);
        assert_eq!(config.public.body_bytes_max, 32 << 20);
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line() {
        let error = Config::parse("[public]\nadress = \"127.0.0.1:1\"\n").unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("adress"), "{error}");
    }

    #[test]
    fn what_does_not_make_sense_names_the_key_and_the_remedy() {
        let cases = [
            ("[public]\ntls_key = \"k.pem\"", "public.tls_certificate"),
            ("[public]\nin_flight_max = 0", "public.in_flight_max"),
            ("[public]\nurl = \"example.com\"", "public.url"),
            ("[public]\naddress = \"localhost\"", "public.address"),
            ("[public]\ncors_origins = [\"shop.example\"]", "public.cors_origins"),
            ("[public]\ncors_origins = [\"*\", \"https://a.example\"]", "public.cors_origins"),
            ("[store]\npostgres = \"postgres://u:hunter2@h/d\"", "store.postgres"),
            ("[store]\npostgres_authority = \"ca.pem\"", "store.postgres_authority"),
            ("[store]\npostgres = \"env:A\"", "media.place"),
            (
                "[store]\npostgres = \"env:A\"\n[media]\nplace = \"s3://b\"\naddresses_last = \"1h\"",
                "media.address_key",
            ),
            ("[public]\ntrusted_proxies = [\"proxy\"]", "public.trusted_proxies"),
            ("[limits]\nwrong_keys_max = 5000", "limits.wrong_keys_max"),
            ("[limits]\nredis = \"localhost\"", "limits.redis"),
            ("[limits]\nredis = \"redis://:secret@host\"", "limits.redis"),
            ("[limits]\nlost = \"allow\"", "limits.lost"),
            ("[limits]\nlost = \"local_share\"\nnodes = 0", "limits.nodes"),
            ("[limits]\nwrong_keys_per = \"0s\"", "limits.wrong_keys_per"),
            ("[media]\nplace = \"bucket\"", "media.place"),
            ("[media]\nplace = \"s3://\"", "media.place"),
            ("[media]\nplace = \"s3://b\"\ns3_access_key = \"env:A\"", "media.s3_secret_key"),
            ("[media]\naddress_key = \"hunter2\"", "media.address_key"),
            ("[media]\naddresses_last = \"0s\"", "media.addresses_last"),
            ("[media]\nsweep_every = \"0s\"", "media.sweep_every"),
            ("[store]\naudit_every = \"0s\"", "store.audit_every"),
            ("[metrics]\nworkspaces_max = 1001", "metrics.workspaces_max"),
            ("[watchdog]\nruntime = \"0s\"", "watchdog.runtime"),
        ];
        for (text, place) in cases {
            let error = Config::parse(text).unwrap_err().to_string();
            assert!(error.starts_with(place), "{error}");
        }
    }
}
