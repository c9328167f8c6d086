//! Pingora as a plain proxy, which reads nothing and changes nothing: what `scripts/bench` compares the
//! gateway with.
//!
//! `passthrough LISTEN VENDOR`, both as `127.0.0.1:PORT`.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use pingora::proxy::{ProxyHttp, Session, http_proxy_service};
use pingora::server::Server;
use pingora::server::configuration::ServerConf;
use pingora::upstreams::peer::HttpPeer;

/// As many as the gateway has on the machine of its targets.
const THREADS: usize = 2;

struct Plain {
    vendor: SocketAddr,
}

#[async_trait]
impl ProxyHttp for Plain {
    type CTX = ();

    fn new_ctx(&self) -> Self::CTX {}

    async fn upstream_peer(
        &self,
        _: &mut Session,
        (): &mut Self::CTX,
    ) -> pingora::Result<Box<HttpPeer>> {
        Ok(Box::new(HttpPeer::new(self.vendor, false, String::new())))
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let addresses: Vec<SocketAddr> =
        arguments.iter().filter_map(|text| text.parse().ok()).collect();
    let [listen, vendor] = addresses.as_slice() else {
        // Asked for as one bench of all, it has nothing to measure.
        return;
    };
    let conf = ServerConf { threads: THREADS, ..ServerConf::default() };
    let mut server = Server::new_with_opt_and_conf(None, conf);
    server.bootstrap();
    let mut service =
        http_proxy_service(&Arc::clone(&server.configuration), Plain { vendor: *vendor });
    service.add_tcp(&listen.to_string());
    server.add_service(service);
    server.run_forever();
}
