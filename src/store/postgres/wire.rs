//! One connection to the database: statements are prepared once and sent together.

use std::collections::HashMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::BytesMut;
use futures_util::future::{MaybeDone, maybe_done};
use parking_lot::Mutex;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{AsyncMessage, Client, Config, Connection, Row, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::super::cells::{Cells, Kind, Reading, Value, unreadable};
use super::super::error::StoreError;
use super::super::shape::RowSet;

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the database may work on one statement of a batch, wait for a lock, or wait for us.
/// Whoever loses the database this long loses the batch, and begins it anew.
const SESSION: &str = "SET statement_timeout = '8s'; SET lock_timeout = '6s';
     SET idle_in_transaction_session_timeout = '15s'; SET jit = off;
     SET client_min_messages = 'warning'; SET default_transaction_isolation = 'read committed'";

/// A batch looks up what it names and nothing else. Plans are kept for as long as the connection, and one
/// that was made while a table was small would read all of it when it is large.
const LOOK_UP: &str = "SET enable_seqscan = off";

/// How long a round trip may take until the connection is given up.
pub(super) const TRIP_TIMEOUT: Duration = Duration::from_secs(10);

/// Where the database is and how it is reached.
#[derive(Clone)]
pub(in super::super) struct Address {
    config: Arc<Config>,
    tls: Arc<ClientConfig>,
}

/// A connection; gone when dropped.
pub(super) struct Wire {
    client: Client,
    statements: Mutex<HashMap<String, Statement>>,
}

/// What one statement is told.
pub(super) type Told<'a> = Vec<Box<dyn ToSql + Sync + Send + 'a>>;

/// A statement and what it is told.
pub(super) struct Saying<'a> {
    pub(super) text: String,
    pub(super) told: Told<'a>,
}

impl<'a> Saying<'a> {
    pub(super) fn new(text: impl Into<String>, told: Told<'a>) -> Self {
        Self { text: text.into(), told }
    }

    /// All rows of a set, an array for each column.
    pub(super) fn of(set: &'a RowSet<'a>) -> Self {
        let columns = set.shape.columns.iter().enumerate();
        let told = columns.map(|(at, (_, kind))| array(*kind, set, at));
        Self { text: set.shape.for_arrays(), told: told.collect() }
    }
}

impl Address {
    /// From a URL or the words of libpq; certificates are the system's, or those of `authority`.
    pub(in super::super) fn new(url: &str, authority: Option<&[u8]>) -> Result<Self, StoreError> {
        let mut config: Config = url.parse().map_err(|_| StoreError::NoAddress)?;
        config
            .application_name("pixelgate")
            .connect_timeout(CONNECT_TIMEOUT)
            .keepalives_idle(Duration::from_secs(10))
            .tcp_user_timeout(TRIP_TIMEOUT);
        let mut roots = RootCertStore::empty();
        match authority {
            Some(pem) => {
                let certificates = CertificateDer::pem_slice_iter(pem).flatten();
                roots.add_parsable_certificates(certificates);
            }
            None => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
        }
        let ring = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(ring)
            .with_safe_default_protocol_versions()
            .map_err(|_| StoreError::NoAddress)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { config: Arc::new(config), tls: Arc::new(tls) })
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address(***)")
    }
}

impl Wire {
    /// Connects; `heard` is told of every notification.
    pub(super) async fn connect(
        address: &Address,
        runtime: &Handle,
        heard: impl Fn() + Send + 'static,
    ) -> Result<Self, StoreError> {
        let address = address.clone();
        let on = runtime.clone();
        let connecting = async move {
            let tls = MakeRustlsConnect::new(ClientConfig::clone(&address.tls));
            let (client, connection) = address.config.connect(tls).await?;
            on.spawn(listen(connection, heard));
            client.batch_execute(SESSION).await?;
            Ok::<_, tokio_postgres::Error>(client)
        };
        // On the store's own runtime: connections outlive whoever happens to need one first.
        let connected = runtime.spawn(timeout(CONNECT_TIMEOUT, connecting)).await;
        let client = connected.map_err(|_| StoreError::Closed)?.map_err(|_| StoreError::Away)??;
        Ok(Self { client, statements: Mutex::new(HashMap::new()) })
    }

    /// The same, for batches.
    pub(super) async fn connect_for_batches(
        address: &Address,
        runtime: &Handle,
    ) -> Result<Self, StoreError> {
        let wire = Self::connect(address, runtime, || {}).await?;
        wire.run(LOOK_UP).await?;
        Ok(wire)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Any number of statements without parameters, one after the other.
    pub(super) async fn run(&self, text: &str) -> Result<(), StoreError> {
        let running = timeout(TRIP_TIMEOUT.saturating_mul(6), self.client.batch_execute(text));
        Ok(running.await.map_err(|_| StoreError::Away)??)
    }

    /// One statement.
    pub(super) async fn ask(&self, saying: &Saying<'_>) -> Result<Vec<Row>, StoreError> {
        Ok(self.trip(std::slice::from_ref(saying)).await?.pop().unwrap_or_default())
    }

    /// All statements in one round trip, in their order. The first that fails is the one that is
    /// told; within a transaction those after it fail too.
    pub(super) async fn trip(&self, sayings: &[Saying<'_>]) -> Result<Vec<Vec<Row>>, StoreError> {
        self.trip_within(sayings, TRIP_TIMEOUT).await
    }

    pub(super) async fn trip_within(
        &self,
        sayings: &[Saying<'_>],
        most: Duration,
    ) -> Result<Vec<Vec<Row>>, StoreError> {
        let whole = async {
            let mut statements = Vec::with_capacity(sayings.len());
            for saying in sayings {
                statements.push(self.prepare(&saying.text).await?);
            }
            let both = statements.iter().zip(sayings);
            let asking = both.map(|(statement, saying)| self.query(statement, saying));
            let answers = in_order(asking).await;
            answers.into_iter().map(|rows| Ok(rows?)).collect()
        };
        timeout(most, whole).await.map_err(|_| StoreError::Away)?
    }

    async fn query(
        &self,
        statement: &Statement,
        saying: &Saying<'_>,
    ) -> Result<Vec<Row>, tokio_postgres::Error> {
        let told: Vec<&(dyn ToSql + Sync)> =
            saying.told.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect();
        self.client.query(statement, &told).await
    }

    async fn prepare(&self, text: &str) -> Result<Statement, StoreError> {
        let known = self.statements.lock().get(text).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let statement = self.client.prepare(text).await?;
        self.statements.lock().insert(text.to_owned(), statement.clone());
        Ok(statement)
    }
}

/// Carries what is said both ways until the connection ends; `heard` is told of notifications.
async fn listen<S, T>(mut connection: Connection<S, T>, heard: impl Fn())
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(Ok(said)) = poll_fn(|on| connection.poll_message(on)).await {
        if matches!(said, AsyncMessage::Notification(_)) {
            heard();
        }
    }
}

/// Runs all at once, but begins them in their order: what is sent is sent in that order.
async fn in_order<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut all: Vec<Pin<Box<MaybeDone<F>>>> =
        futures.map(|future| Box::pin(maybe_done(future))).collect();
    poll_fn(|context| {
        let mut is_done = true;
        for future in &mut all {
            is_done &= future.as_mut().poll(context).is_ready();
        }
        if is_done { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    all.iter_mut().filter_map(|future| future.as_mut().take_output()).collect()
}

fn array<'a>(kind: Kind, set: &'a RowSet<'a>, at: usize) -> Box<dyn ToSql + Sync + Send + 'a> {
    let cells = set.rows.iter().map(move |row| row.get(at).unwrap_or(&Value::Null));
    match kind {
        Kind::Number => Box::new(cells.map(number).collect::<Vec<_>>()),
        Kind::Flag => Box::new(cells.map(flag).collect::<Vec<_>>()),
        Kind::Text => Box::new(cells.map(text).collect::<Vec<_>>()),
        Kind::Bytes => Box::new(cells.map(bytes).collect::<Vec<_>>()),
    }
}

const fn number(value: &Value<'_>) -> Option<i64> {
    if let Value::Number(number) = value { Some(*number) } else { None }
}

const fn flag(value: &Value<'_>) -> Option<bool> {
    if let Value::Flag(flag) = value { Some(*flag) } else { None }
}

fn text<'a>(value: &'a Value<'_>) -> Option<&'a str> {
    if let Value::Text(text) = value { Some(text) } else { None }
}

fn bytes<'a>(value: &'a Value<'_>) -> Option<&'a [u8]> {
    if let Value::Bytes(bytes) = value { Some(bytes) } else { None }
}

impl ToSql for Value<'_> {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Number(number) if *kind == Type::INT4 => {
                i32::try_from(*number)?.to_sql(kind, out)
            }
            Self::Number(number) => number.to_sql(kind, out),
            Self::Flag(flag) => flag.to_sql(kind, out),
            Self::Text(text) => text.as_ref().to_sql(kind, out),
            Self::Bytes(bytes) => bytes.as_ref().to_sql(kind, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl Cells for Row {
    fn cell(&self, column: &str) -> Result<Value<'_>, StoreError> {
        let at = self.columns().iter().position(|known| known.name() == column);
        let at = at.ok_or_else(|| unreadable(column, "is not there"))?;
        let kind = self.columns().get(at).map_or(&Type::UNKNOWN, |known| known.type_());
        Ok(match *kind {
            Type::INT8 => self.try_get::<_, Option<i64>>(at)?.into(),
            Type::INT4 => self.try_get::<_, Option<i32>>(at)?.map(i64::from).into(),
            Type::BOOL => self.try_get::<_, Option<bool>>(at)?.into(),
            Type::BYTEA => self.try_get::<_, Option<&[u8]>>(at)?.into(),
            _ => self.try_get::<_, Option<&str>>(at)?.into(),
        })
    }
}

/// Reads every row of an answer.
pub(super) fn read<T>(rows: &[Row], read: Reading<T>) -> Result<Vec<T>, StoreError> {
    rows.iter().map(|row| read(row)).collect()
}

/// Reads the one number of an answer that has one row and one column, called `n`.
pub(super) fn read_number(rows: &[Row]) -> Result<i64, StoreError> {
    let found = read(rows, |row| row.number("n"))?;
    found.first().copied().ok_or_else(|| unreadable("n", "is not there"))
}
