//! Answers the kubelet's probes of the application, by asking the application from inside the pod.

use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use bytes::{BufMut, Bytes, BytesMut};
use futures::future::BoxFuture;
use http::{Request, StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use crate::{
    host::Host,
    mesh::{
        inject::{APP_PROBES_VARIABLE, AppProbe, AppProbeTarget, AppProbes, ProbeHeader},
        tls,
    },
    sidecar,
};

/// More than an answer to a health check has.
const LARGEST_ANSWER: usize = 64 * 1024;
/// `SERVING` in the answer of `grpc.health.v1.Health/Check`: field 1, a varint, of value 1.
const SERVING: [u8; 2] = [0x08, 1];

/// Why the application is not well.
#[derive(Debug, thiserror::Error)]
enum Unhealthy {
    #[error("it cannot be reached: {0}")]
    Connect(io::Error),
    #[error("it broke the connection: {0}")]
    Http(hyper::Error),
    #[error("it takes longer than {0:?}")]
    Late(Duration),
    #[error("it is not serving")]
    NotServing,
    #[error("the probe makes no sense: {0}")]
    Probe(http::Error),
    #[error("it answers {0}")]
    Status(StatusCode),
    #[error("{0}")]
    Tls(tls::TlsError),
}

impl Unhealthy {
    /// What the node is answered.
    fn code(&self) -> StatusCode {
        match self {
            Self::Status(code) => *code,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// The probes of this pod's application.
pub(super) struct AppHealth {
    host: Arc<dyn Host>,
    address: IpAddr,
    probes: AppProbes,
}

impl AppHealth {
    /// Reads what injection has put into the environment; without it there is nothing to answer.
    pub(super) fn new(host: Arc<dyn Host>) -> Self {
        let probes = host.env(APP_PROBES_VARIABLE).and_then(|text| serde_json::from_str(&text).ok());
        let address = host.env("INSTANCE_IP").and_then(|text| text.parse().ok());
        Self { probes: probes.unwrap_or_default(), address: address.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)), host }
    }

    async fn answer(&self, path: &str) -> (StatusCode, String) {
        let Some(probe) = self.probes.get(path) else {
            return (StatusCode::NOT_FOUND, "the application has no such probe\n".to_owned());
        };
        let patience = Duration::from_secs(probe.timeout_seconds.max(1));
        match timeout(patience, self.ask(probe)).await.unwrap_or(Err(Unhealthy::Late(patience))) {
            Ok(()) => (StatusCode::OK, "the application is well\n".to_owned()),
            // An application's own code is passed on, so that the event about the pod shows it.
            Err(error) => (error.code(), format!("the application is not well: {error}\n")),
        }
    }

    async fn ask(&self, probe: &AppProbe) -> Result<(), Unhealthy> {
        match &probe.target {
            AppProbeTarget::TcpSocket { port } => self.connect(*port).await.map(|_| ()),
            AppProbeTarget::HttpGet { port, path, scheme, http_headers } => {
                let request = self.request(*port, path, http_headers).map_err(Unhealthy::Probe)?;
                let stream = self.connect(*port).await?;
                if scheme.eq_ignore_ascii_case("HTTPS") {
                    let connector = TlsConnector::from(Arc::new(tls::client_of_anybody().map_err(Unhealthy::Tls)?));
                    let stream = connector.connect(ServerName::from(self.address), stream).await;
                    http(stream.map_err(Unhealthy::Connect)?, request).await
                } else {
                    http(stream, request).await
                }
            }
            AppProbeTarget::Grpc { port, service } => {
                let authority = SocketAddr::new(self.address, *port);
                let request = health_request(authority, service.as_deref().unwrap_or_default());
                grpc(self.connect(*port).await?, request.map_err(Unhealthy::Probe)?).await
            }
        }
    }

    async fn connect(&self, port: u16) -> Result<TcpStream, Unhealthy> {
        let address = SocketAddr::new(self.address, port);
        // From there it reaches the application without coming back to the sidecar.
        let source = sidecar::source_to(self.address);
        self.host.connect(address, Some(source)).await.map_err(Unhealthy::Connect)
    }

    fn request(&self, port: u16, path: &str, headers: &[ProbeHeader]) -> http::Result<Request<Full<Bytes>>> {
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let mut request = Request::get(path).header("user-agent", "kube-probe/labctl").header("connection", "close");
        if !headers.iter().any(|header| header.name.eq_ignore_ascii_case("host")) {
            request = request.header("host", SocketAddr::new(self.address, port).to_string());
        }
        for ProbeHeader { name, value } in headers {
            request = request.header(name, value);
        }
        request.body(Full::default())
    }
}

impl sidecar::AppHealth for AppHealth {
    fn check<'a>(&'a self, path: &'a str) -> BoxFuture<'a, (StatusCode, String)> {
        Box::pin(self.answer(path))
    }
}

impl fmt::Debug for AppHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppHealth").field("probes", &self.probes).finish_non_exhaustive()
    }
}

async fn http(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Full<Bytes>>,
) -> Result<(), Unhealthy> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(Unhealthy::Http)?;
    let answered = async {
        let status = sender.send_request(request).await.map_err(Unhealthy::Http)?.status();
        // As the kubelet sees it.
        if (200..400).contains(&status.as_u16()) { Ok(()) } else { Err(Unhealthy::Status(status)) }
    };
    tokio::pin!(answered);
    tokio::select! {
        result = &mut answered => result,
        ended = connection => match ended {
            Ok(()) => answered.await,
            Err(error) => Err(Unhealthy::Http(error)),
        },
    }
}

/// A call of `grpc.health.v1.Health/Check`, whose message has the service's name in field 1.
fn health_request(authority: SocketAddr, service: &str) -> http::Result<Request<Full<Bytes>>> {
    let mut message = BytesMut::new();
    if let Ok(length @ 1..128) = u8::try_from(service.len()) {
        message.put_slice(&[0x0a, length]);
        message.put_slice(service.as_bytes());
    }
    let mut framed = BytesMut::new();
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len()).unwrap_or_default());
    framed.put_slice(&message);
    Request::post(format!("http://{authority}/grpc.health.v1.Health/Check"))
        .header(CONTENT_TYPE, "application/grpc")
        .header("te", "trailers")
        .body(Full::from(framed.freeze()))
}

async fn grpc(stream: TcpStream, request: Request<Full<Bytes>>) -> Result<(), Unhealthy> {
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.map_err(Unhealthy::Http)?;
    let answered = async {
        let response = sender.send_request(request).await.map_err(Unhealthy::Http)?;
        if response.status() != StatusCode::OK {
            return Err(Unhealthy::Status(response.status()));
        }
        let body = Limited::new(response.into_body(), LARGEST_ANSWER).collect().await;
        let body = body.map_err(|_| Unhealthy::NotServing)?.to_bytes();
        if body.get(5..) == Some(&SERVING) { Ok(()) } else { Err(Unhealthy::NotServing) }
    };
    tokio::select! {
        result = answered => result,
        ended = connection => match ended {
            Ok(()) => Err(Unhealthy::NotServing),
            Err(error) => Err(Unhealthy::Http(error)),
        },
    }
}
