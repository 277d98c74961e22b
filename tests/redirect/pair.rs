//! Two sidecars, each in a network namespace of its own, with real redirection between them: what a pod's programs see.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::Arc,
    thread,
    time::Duration,
};

use labctl::{
    host::{Host as _, Listener, os::OsHost},
    mesh::{init, mode::Mode},
    sidecar::{
        self,
        config::{ClientTls, Endpoint, Inbound, InboundPort, OutboundPort, Protocol, ProxyConfig, Svid},
    },
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::{oneshot, watch},
    task::JoinSet,
};

use crate::{namespace::Namespace, pki::Authority};

const SERVER_ID: &str = "spiffe://cluster.local/ns/foo/sa/httpbin";
const HOST: &str = "httpbin.foo.svc.cluster.local";
const SIDECAR: (u32, u32) = (1337, 1337);
const APPLICATION: (u32, u32) = (1000, 1000);

/// A client and a server, each with a sidecar; the server's application listens on port 8080 of its pod.
struct Mesh {
    client: Arc<Namespace>,
    server: Arc<Namespace>,
    /// Where the server's application listens.
    app: SocketAddr,
    /// The Service before it, which exists nowhere but in the configuration.
    service: SocketAddr,
    /// The client's own address.
    own: IpAddr,
    _sidecars: [Running; 2],
    _application: JoinSet<()>,
}

/// A sidecar on a thread of its own; it ends when this is dropped.
struct Running(Option<oneshot::Sender<()>>, Option<thread::JoinHandle<()>>);

impl Running {
    /// Starts a sidecar as user 1337, and waits until it listens.
    fn start(namespace: &Arc<Namespace>, config: ProxyConfig, svid: Arc<Svid>) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let address = SocketAddr::from(([127, 0, 0, 1], 15021));
        let inside = Arc::clone(namespace);
        let thread = thread::spawn(move || {
            inside.enter_as(SIDECAR, || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    let options = sidecar::Options { access_log: false, ..sidecar::Options::default() };
                    let (_configs, config) = watch::channel(Arc::new(config));
                    let (_svids, svid) = watch::channel(svid);
                    tokio::select! {
                        served = sidecar::serve(Arc::new(OsHost), options, config, svid) => served.unwrap(),
                        _ = stopped => {}
                    }
                });
            });
        });
        // A listener is there or it is not: nothing tells us but asking.
        while namespace.enter(|| std::net::TcpStream::connect(address)).is_err() {
            assert!(!thread.is_finished(), "the sidecar did not start");
            thread::yield_now();
        }
        Self(Some(stop), Some(thread))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.take());
        // A panic in there is shown already.
        let _ = self.1.take().map(thread::JoinHandle::join);
    }
}

impl Mesh {
    async fn start(ipv6: bool) -> Option<Self> {
        let (client, server) = Namespace::pair()?;
        let (client, server) = (Arc::new(client), Arc::new(server));
        let address = |ip: &str, ip6: &str| -> IpAddr { if ipv6 { ip6 } else { ip }.parse().unwrap() };
        let app = SocketAddr::new(address("10.99.0.2", "fd99::2"), 8080);
        let service = SocketAddr::new(address("10.96.0.1", "fd96::1"), 80);
        let authority = Authority::new();
        for namespace in [&client, &server] {
            let flags = "-b * -d 15090,15021,15020".split(' ').map(str::to_owned).collect::<Vec<_>>();
            namespace.enter(|| OsHost.redirect(&init::parse(&flags).unwrap())).unwrap();
        }
        let mut application = JoinSet::new();
        // On the pod's address alone: a sidecar that came by way of localhost would not reach it.
        let listener = server.enter_as(APPLICATION, || OsHost.listen_shared(app, 1)).unwrap().remove(0);
        application.spawn(greet(listener.start().unwrap()));
        let sidecars = [
            Running::start(&client, client_config(service, app), authority.svid("bar", "sleep")),
            Running::start(&server, server_config(app), authority.svid("foo", "httpbin")),
        ];
        let own = address("10.99.0.1", "fd99::1");
        Some(Self { client, server, app, service, own, _sidecars: sidecars, _application: application })
    }

    /// What a program that runs as `ids` in `namespace` hears from `to`; the error's kind if it hears an error.
    async fn call(&self, namespace: &Arc<Namespace>, ids: (u32, u32), to: SocketAddr) -> Result<String, String> {
        let namespace = namespace.clone();
        let called = tokio::task::spawn_blocking(move || namespace.enter_as(ids, || call(to)));
        called.await.unwrap()
    }
}

fn call(to: SocketAddr) -> Result<String, String> {
    /// Long enough for anything but a loop.
    const PATIENCE: Duration = Duration::from_secs(10);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let talk = async {
        let mut stream = TcpStream::connect(to).await?;
        stream.write_all(b"hello").await?;
        stream.shutdown().await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        Ok::<_, std::io::Error>(text)
    };
    let talked = runtime.block_on(async { tokio::time::timeout(PATIENCE, talk).await });
    talked.expect("an answer or an end comes soon").map_err(|error| error.kind().to_string())
}

/// Answers what it heard, and from which address.
async fn greet(listener: Listener) {
    loop {
        let mut accepted = listener.accept().await.unwrap();
        let mut heard = String::new();
        // A client that was refused half-way is no matter here.
        if accepted.stream.read_to_string(&mut heard).await.is_ok() {
            let text = format!("{heard} from {}", accepted.peer.ip());
            let _ = accepted.stream.write_all(text.as_bytes()).await;
        }
    }
}

fn server_config(app: SocketAddr) -> ProxyConfig {
    let port = InboundPort { mode: Mode::Strict, protocol: Protocol::Tcp };
    ProxyConfig {
        version: "1".to_owned(),
        trust_domains: vec!["cluster.local".to_owned()],
        inbound: Inbound { mode: Mode::Permissive, ports: BTreeMap::from([(app.port(), port)]) },
        outbound: Vec::new(),
        routing: Default::default(),
    }
}

fn client_config(service: SocketAddr, app: SocketAddr) -> ProxyConfig {
    let sni = format!("outbound_.{}_._.{HOST}", service.port());
    let tls = ClientTls::IstioMutual { sni, sans: vec![SERVER_ID.to_owned()] };
    let service = OutboundPort {
        host: HOST.to_owned(),
        aliases: Vec::new(),
        subset: None,
        addresses: vec![service.ip()],
        port: service.port(),
        protocol: Protocol::Tcp,
        endpoints: vec![Endpoint { address: app, tls: true, workload: None }],
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

async fn secures_what_is_dialled(ipv6: bool) {
    let Some(mesh) = Mesh::start(ipv6).await else { return };
    let passthrough = if ipv6 { "::6" } else { "127.0.0.6" };
    // By the Service, through both sidecars: the server demands mutual TLS, and its application is reached from the
    // one address that is not redirected.
    let heard = mesh.call(&mesh.client, APPLICATION, mesh.service).await;
    assert_eq!(heard, Ok(format!("hello from {passthrough}")));
    // Root is no exception.
    let heard = mesh.call(&mesh.client, (0, 0), mesh.service).await;
    assert_eq!(heard, Ok(format!("hello from {passthrough}")));
    // Whoever is exempt talks plainly, and is reset by the strict port.
    let heard = mesh.call(&mesh.client, SIDECAR, mesh.app).await;
    assert_eq!(heard, Err("connection reset".to_owned()));
    // Within the pod nobody is in the way.
    let heard = mesh.call(&mesh.server, APPLICATION, mesh.app).await;
    assert_eq!(heard, Ok(format!("hello from {}", mesh.app.ip())));
}

async fn ends_what_would_come_back_to_itself(ipv6: bool) {
    let Some(mesh) = Mesh::start(ipv6).await else { return };
    let localhost: IpAddr = if ipv6 { Ipv6Addr::LOCALHOST.into() } else { [127, 0, 0, 1].into() };
    for port in [15001, 15006] {
        // From its own pod, and from another one past its sidecar. The end may be a reset, because nobody reads what
        // was sent, but not a byte comes back.
        for (namespace, ids, address) in [
            (&mesh.client, APPLICATION, localhost),
            (&mesh.client, APPLICATION, mesh.own),
            (&mesh.client, SIDECAR, localhost),
            (&mesh.client, SIDECAR, mesh.own),
            (&mesh.client, SIDECAR, mesh.app.ip()),
            (&mesh.server, SIDECAR, mesh.app.ip()),
        ] {
            let heard = mesh.call(namespace, ids, SocketAddr::new(address, port)).await;
            let ended =
                matches!(heard.as_deref().map_err(String::as_str), Ok("") | Err("connection reset" | "broken pipe"));
            assert!(ended, "port {port} of {address}: {heard:?}");
        }
    }
    // Both sidecars are as well as before.
    let passthrough = if ipv6 { "::6" } else { "127.0.0.6" };
    let heard = mesh.call(&mesh.client, APPLICATION, mesh.service).await;
    assert_eq!(heard, Ok(format!("hello from {passthrough}")));
}

#[tokio::test]
async fn two_sidecars_secure_what_is_dialled_over_ipv4() {
    secures_what_is_dialled(false).await;
}

#[tokio::test]
async fn two_sidecars_secure_what_is_dialled_over_ipv6() {
    secures_what_is_dialled(true).await;
}

#[tokio::test]
async fn a_sidecar_that_is_dialled_itself_ends_the_ipv4_connection() {
    ends_what_would_come_back_to_itself(false).await;
}

#[tokio::test]
async fn a_sidecar_that_is_dialled_itself_ends_the_ipv6_connection() {
    ends_what_would_come_back_to_itself(true).await;
}
