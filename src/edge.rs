//! The shell: sockets, bounds, bytes in and bytes out. With `upstream`, all that knows Pingora.
//!
//! Sockets are bound here before anything is served, so a taken port is an error at once and port
//! 0 can be read back; Pingora's services are then started on them.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::IntoRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use pingora::apps::HttpServerOptions;
use pingora::apps::http_app::HttpServer;
use pingora::listeners::tls::TlsSettings;
use pingora::listeners::{L4BufferSettings, ListenerConfig};
use pingora::proxy::http_proxy;
use pingora::server::Fds;
use pingora::server::configuration::ServerConf;
use pingora::services::Service as _;
use pingora::services::listening::Service;
use thiserror::Error;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::config::{Public, TlsFiles};
use crate::gateway::Gateway;
use crate::upstream::ADDRESSES_TRIED_MAX;

mod admin;
mod answer;
mod arrivals;
mod body;
mod bounds;
mod client;
mod conditional;
mod cors;
mod crowd;
mod framing;
mod head;
mod live;
mod passthrough;
mod patience;
mod pictures;
mod public;
mod shares;

use admin::Admin;
use patience::Patient;
use public::Front;

/// Pingora reads heads and bodies into buffers of their own. One more below them is 64 KiB that a
/// connection would hold for as long as it is open, waiting or not. What is written is gathered as
/// far as a small answer with its head is sent at once.
const BUFFERS: L4BufferSettings = L4BufferSettings { read: Some(0), write: Some(2 << 10) };

/// Why nothing can be served.
#[derive(Debug, Error)]
pub enum EdgeError {
    /// The address cannot be bound.
    #[error("cannot listen on {address}; is another process using it?")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The certificate or its key cannot be used.
    #[error("cannot serve TLS with {} and {}: {problem}", files.certificate.display(), files.key.display())]
    Tls {
        /// The files.
        files: TlsFiles,
        /// What is wrong with them.
        problem: String,
    },
}

/// An address that is ours, not yet served.
#[derive(Debug)]
pub struct Socket {
    listener: TcpListener,
    address: SocketAddr,
}

/// Everything that is served, until it is told to stop.
#[derive(Debug)]
pub struct Edge {
    stop: watch::Sender<bool>,
    services: Vec<JoinHandle<()>>,
    ready: Arc<AtomicBool>,
    gateway: Arc<Gateway>,
}

impl Socket {
    /// Takes an address; port 0 takes any free one.
    pub fn bind(address: SocketAddr) -> Result<Self, EdgeError> {
        let bind = || {
            let listener = TcpListener::bind(address)?;
            listener.set_nonblocking(true)?;
            let address = listener.local_addr()?;
            Ok(Self { listener, address })
        };
        bind().map_err(|source| EdgeError::Bind { address, source })
    }

    /// A listener that another process of ours bound.
    pub fn inherited((address, listener): (SocketAddr, TcpListener)) -> Result<Self, EdgeError> {
        // It is, unless whoever gave it changed it since.
        let set = listener.set_nonblocking(true);
        set.map_err(|source| EdgeError::Bind { address, source })?;
        Ok(Self { listener, address })
    }

    /// The same listener once more, to be handed to another process.
    pub fn share(&self) -> Result<(SocketAddr, TcpListener), EdgeError> {
        let shared = self.listener.try_clone();
        let listener =
            shared.map_err(|source| EdgeError::Bind { address: self.address, source })?;
        Ok((self.address, listener))
    }

    /// The address, with the port that was given.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Hands the socket to a service under the name that it will ask for.
    fn into_fds(self) -> (String, Fds) {
        let name = self.address.to_string();
        let mut fds = Fds::new();
        fds.add(name.clone(), self.listener.into_raw_fd());
        (name, fds)
    }
}

impl Edge {
    /// Serves both listeners until [`Edge::stop`].
    pub fn start(
        gateway: &Arc<Gateway>,
        bounds: &Public,
        public: Socket,
        (admin, api): (Socket, Arc<crate::admin::Admin>),
    ) -> Result<Self, EdgeError> {
        let (stop, stopped) = watch::channel(false);
        let ready = Arc::new(AtomicBool::new(true));
        let proxies = bounds.trusted_proxies.clone();
        let answers = Admin::new(api, Arc::clone(gateway), Arc::clone(&ready), proxies);
        let services = vec![
            serve_public((gateway, Arc::clone(&ready)), bounds, public, stopped.clone())?,
            serve_admin(admin, answers, stopped),
        ];
        Ok(Self { stop, services, ready, gateway: Arc::clone(gateway) })
    }

    /// Stops listening. Connections that are open are told with their next answer that it is the last.
    pub fn stop(&self) {
        self.ready.store(false, Ordering::Relaxed);
        // A receiver may be gone already; then there is nobody to tell.
        let _ = self.stop.send(true);
        self.gateway.tasks.close();
    }

    /// Waits for what is in flight once it was stopped, but no longer than `patience`. Returns whether
    /// everything was finished.
    pub async fn finish(self, patience: Duration) -> bool {
        let finished = tokio::time::timeout(patience, async {
            for service in self.services {
                // A service that panicked has nothing more in flight.
                let _ = service.await;
            }
            self.gateway.tasks.wait().await;
        });
        finished.await.is_ok()
    }
}

/// Whether these bounds can be served: what is wrong with the files of TLS is told before anything is begun.
pub fn check(bounds: &Public) -> Result<(), EdgeError> {
    bounds.tls.as_ref().map_or(Ok(()), |files| tls(files).map(|_| ()))
}

fn serve_public(
    (gateway, ready): (&Arc<Gateway>, Arc<AtomicBool>),
    bounds: &Public,
    socket: Socket,
    stopped: watch::Receiver<bool>,
) -> Result<JoinHandle<()>, EdgeError> {
    let (name, fds) = socket.into_fds();
    let front = Front::new(Arc::clone(gateway), bounds.clone(), ready);
    // Pingora counts the first try too. Only another address is tried again, and only until one
    // of them is connected to.
    let conf = ServerConf { max_retries: ADDRESSES_TRIED_MAX, ..ServerConf::default() };
    let mut proxy = http_proxy(&Arc::new(conf), front);
    let mut options = HttpServerOptions::default();
    options.h2c = true;
    options.h2_idle_timeout = Some(bounds.idle_timeout);
    proxy.server_options = Some(options);
    let patient = Patient::new(proxy, bounds, gateway.telemetry.clone());
    let arrivals = patient.arrivals();
    let mut service = Service::new("public".to_owned(), patient);
    service.set_connection_filter(arrivals);
    let plain = ListenerConfig::tcp(name.as_str()).l4_buffer(BUFFERS);
    service.add_listener(match &bounds.tls {
        None => plain,
        Some(files) => plain.tls(tls(files)?),
    });
    Ok(run(service, fds, stopped))
}

fn serve_admin(socket: Socket, answers: Admin, stopped: watch::Receiver<bool>) -> JoinHandle<()> {
    let (name, fds) = socket.into_fds();
    let mut service = Service::new("admin".to_owned(), HttpServer::new_app(answers));
    service.add_listener(ListenerConfig::tcp(name.as_str()).l4_buffer(BUFFERS));
    run(service, fds, stopped)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a listener is not work to be finished: Edge::stop tells it to end and waits for it"
)]
fn run<App>(mut service: Service<App>, fds: Fds, stopped: watch::Receiver<bool>) -> JoinHandle<()>
where
    App: pingora::apps::ServerApp + Send + Sync + 'static,
{
    tokio::spawn(async move {
        service.start_service(Some(Arc::new(Mutex::new(fds))), stopped, 1).await;
    })
}

/// Both files are read here first, because Pingora would panic on bad ones.
fn tls(files: &TlsFiles) -> Result<TlsSettings, EdgeError> {
    let wrong = |problem: String| EdgeError::Tls { files: files.clone(), problem };
    let text = |path: &std::path::Path| {
        let shown = path.display().to_string();
        path.to_str().map(str::to_owned).ok_or_else(|| wrong(format!("{shown} is not UTF-8")))
    };
    for (path, wanted) in [(&files.certificate, "CERTIFICATE"), (&files.key, "PRIVATE KEY")] {
        let pem = std::fs::read_to_string(path)
            .map_err(|error| wrong(format!("{} cannot be read: {error}", path.display())))?;
        if !pem.contains(&format!("{wanted}-----")) {
            return Err(wrong(format!("{} holds no PEM block of a {wanted}", path.display())));
        }
    }
    let mut settings = TlsSettings::intermediate(&text(&files.certificate)?, &text(&files.key)?)
        .map_err(|error| wrong(error.to_string()))?;
    settings.enable_h2();
    Ok(settings)
}
