//! A mesh of few pods: `server` with an application, `client` that calls it, both as one test wants them.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use labctl::{
    host::Host,
    mesh::mode::Mode,
    sidecar::{
        self,
        access_log::AccessLog,
        config::{ClientTls, Endpoint, Inbound, InboundPort, OutboundPort, Protocol, ProxyConfig, Svid},
    },
};
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    net::{Net, Pod},
    pki::Authority,
};

pub const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 244, 0, 1));
pub const SERVER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 244, 0, 2));
/// The application of the server.
pub const APP: SocketAddr = SocketAddr::new(SERVER, 8080);
/// The Service before it.
pub const SERVICE: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::new(10, 96, 0, 1)), 8000);
pub const HOST: &str = "httpbin.foo.svc.cluster.local";
pub const SERVER_ID: &str = "spiffe://cluster.local/ns/foo/sa/httpbin";
pub const CLIENT_ID: &str = "spiffe://cluster.local/ns/bar/sa/sleep";

/// A running sidecar; it ends when this is dropped.
pub struct Sidecar {
    pub config: watch::Sender<Arc<ProxyConfig>>,
    pub svid: watch::Sender<Arc<Svid>>,
    stdout: watch::Receiver<Vec<u8>>,
    stop: tokio_util::sync::CancellationToken,
    task: JoinHandle<()>,
}

impl Sidecar {
    pub async fn start(net: &Net, address: IpAddr, config: ProxyConfig, svid: Arc<Svid>) -> Self {
        let pod = Arc::new(Pod::new(net, address));
        let (config, svid) = (watch::Sender::new(Arc::new(config)), watch::Sender::new(svid));
        let options = sidecar::Options::default();
        let serving = sidecar::serve(pod.clone(), options, config.subscribe(), svid.subscribe());
        let task = tokio::spawn(async move { serving.await.unwrap() });
        pod.listens(4).await;
        Self { config, svid, stdout: pod.stdout(), stop: pod.shutdown(), task }
    }

    /// Waits for a line of the access log that fits.
    pub async fn logged(&self, fits: impl Fn(&AccessLog) -> bool) -> AccessLog {
        let mut stdout = self.stdout.clone();
        loop {
            let found = entries(&stdout.borrow_and_update()).into_iter().find(|entry| fits(entry));
            match found {
                Some(entry) => return entry,
                None => stdout.changed().await.unwrap(),
            }
        }
    }

    /// Changes the configuration.
    pub fn reconfigure(&self, change: impl FnOnce(&mut ProxyConfig)) {
        let mut config = ProxyConfig::clone(&self.config.borrow());
        change(&mut config);
        self.config.send_replace(Arc::new(config));
    }

    /// Asks it to end, and waits until it has.
    pub async fn stop(mut self) {
        self.stop.cancel();
        (&mut self.task).await.unwrap();
    }

    /// Asks it to end.
    pub fn begin_to_stop(&self) {
        self.stop.cancel();
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn entries(text: &[u8]) -> Vec<AccessLog> {
    let lines = text.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n"));
    lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
}

/// A server behind a sidecar, and perhaps a client behind another.
pub struct World {
    pub net: Net,
    pub authority: Authority,
    pub server: Option<Sidecar>,
    pub client: Option<Sidecar>,
}

impl World {
    /// A server whose port has this mode and protocol; `None` is a pod without sidecar.
    pub async fn new(server: Option<(Mode, Protocol)>) -> Self {
        let (net, authority) = (Net::default(), Authority::new());
        let server = match server {
            None => None,
            Some((mode, protocol)) => {
                let svid = authority.svid("foo", "httpbin");
                Some(Sidecar::start(&net, SERVER, server_config(mode, protocol), svid).await)
            }
        };
        Self { net, authority, server, client: None }
    }

    /// Adds a client with a sidecar that calls the Service like this.
    pub async fn with_client(mut self, protocol: Protocol, tls: ClientTls) -> Self {
        let svid = self.authority.svid("bar", "sleep");
        self.client = Some(Sidecar::start(&self.net, CLIENT, client_config(protocol, tls), svid).await);
        self
    }

    /// A client and a server that speak mutual TLS.
    pub async fn meshed(protocol: Protocol) -> Self {
        Self::new(Some((Mode::Strict, protocol))).await.with_client(protocol, mutual(&[SERVER_ID])).await
    }

    pub fn server(&self) -> &Sidecar {
        self.server.as_ref().unwrap()
    }

    pub fn client(&self) -> &Sidecar {
        self.client.as_ref().unwrap()
    }
}

pub fn server_config(mode: Mode, protocol: Protocol) -> ProxyConfig {
    ProxyConfig {
        version: "1".to_owned(),
        trust_domains: vec!["cluster.local".to_owned(), "old.domain".to_owned()],
        inbound: Inbound {
            mode: Mode::Permissive,
            ports: BTreeMap::from([(APP.port(), InboundPort { mode, protocol })]),
        },
        outbound: Vec::new(),
        routing: Default::default(),
    }
}

pub fn client_config(protocol: Protocol, tls: ClientTls) -> ProxyConfig {
    let service = OutboundPort {
        host: HOST.to_owned(),
        aliases: vec!["httpbin".to_owned(), "httpbin.foo".to_owned()],
        subset: None,
        addresses: vec![SERVICE.ip()],
        port: SERVICE.port(),
        protocol,
        endpoints: vec![Endpoint { address: APP, tls: tls != ClientTls::Disable, workload: Some("httpbin-v1".into()) }],
        tls,
    };
    ProxyConfig {
        version: "1".to_owned(),
        trust_domains: vec!["cluster.local".to_owned()],
        inbound: Inbound { mode: Mode::Permissive, ports: BTreeMap::new() },
        outbound: vec![service],
        routing: Default::default(),
    }
}

pub fn mutual(sans: &[&str]) -> ClientTls {
    let sni = format!("outbound_.{}_._.{HOST}", SERVICE.port());
    ClientTls::IstioMutual { sni, sans: sans.iter().map(|san| (*san).to_owned()).collect() }
}
