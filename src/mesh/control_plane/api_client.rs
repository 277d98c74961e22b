//! A client for the API server of the cluster this program runs in, made from what its machine offers.
//!
//! As `kube::Config::incluster` does, but every connection and file goes through [`Host`].

use std::{
    io,
    net::{IpAddr, SocketAddr},
    path::Path,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderValue, Request, Uri, header::AUTHORIZATION, uri::PathAndQuery};
use hyper_util::{
    client::legacy::{
        Client,
        connect::{Connected, Connection},
    },
    rt::{TokioExecutor, TokioIo},
};
use kube::client::Body;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::Instant,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tower::BoxError;

use crate::{
    host::Host,
    mesh::{svid, tls},
};

/// Where the kubelet puts a pod's account.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// How long a token is used before its file is read again; the kubelet replaces it long before it ends.
const TOKEN_LIFE: Duration = Duration::from_mins(1);
/// How long connecting may take, handshake included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ApiClientError {
    /// A file of the pod's account is missing or damaged.
    #[error("{ACCOUNT}/{file}: {reason}")]
    Account {
        /// Which one.
        file: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// We do not run in a cluster.
    #[error("KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT do not say where the API server is")]
    NoCluster,
}

/// Makes a client with the pod's own account.
///
/// # Errors
/// [`ApiClientError`] if the pod does not know where the API server is, or has no account.
pub fn client(host: &Arc<dyn Host>) -> Result<kube::Client, ApiClientError> {
    let address = api_server(host).ok_or(ApiClientError::NoCluster)?;
    let roots = text(host, "ca.crt")?;
    let roots = svid::certificates(&roots).map_err(|error| malformed("ca.crt", &error))?;
    let mut tls = tls::client(&roots, None).map_err(|error| malformed("ca.crt", &error))?;
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let tokens = Arc::new(Tokens { host: host.clone(), cached: Mutex::new(None) });
    tokens.current()?;
    let namespace = text(host, "namespace")?;
    let connector = connector(host.clone(), address, TlsConnector::from(Arc::new(tls)));
    let http: Client<_, Body> = Client::builder(TokioExecutor::new()).build(connector);
    let service = tower::service_fn(move |mut request: Request<Body>| {
        let prepared = prepare(&mut request, address, &tokens);
        let http = http.clone();
        async move {
            prepared?;
            http.request(request).await.map_err(BoxError::from)
        }
    });
    Ok(kube::Client::new(service, namespace.trim()))
}

fn api_server(host: &Arc<dyn Host>) -> Option<SocketAddr> {
    let address: IpAddr = host.env("KUBERNETES_SERVICE_HOST")?.parse().ok()?;
    Some(SocketAddr::new(address, host.env("KUBERNETES_SERVICE_PORT")?.parse().ok()?))
}

/// Makes the request one to the API server, by the pod's account.
fn prepare(request: &mut Request<Body>, address: SocketAddr, tokens: &Tokens) -> Result<(), BoxError> {
    let path = request.uri().path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
    *request.uri_mut() = Uri::builder().scheme("https").authority(address.to_string()).path_and_query(path).build()?;
    request.headers_mut().insert(AUTHORIZATION, tokens.current()?);
    Ok(())
}

/// Connects to `address`, whatever it is asked for: there is but one API server.
fn connector(
    host: Arc<dyn Host>,
    address: SocketAddr,
    tls: TlsConnector,
) -> impl tower::Service<Uri, Response = TokioIo<ApiStream>, Error = io::Error, Future: Send + Unpin> + Clone + Send + Sync
{
    tower::service_fn(move |_: Uri| {
        let (host, tls) = (host.clone(), tls.clone());
        Box::pin(async move {
            let connecting = async {
                let stream = host.connect(address, None).await?;
                stream.set_nodelay(true)?;
                tls.connect(ServerName::from(address.ip()), stream).await
            };
            let stream = tokio::time::timeout(CONNECT_TIMEOUT, connecting).await??;
            Ok(TokioIo::new(ApiStream(stream)))
        })
    })
}

/// The bearer token of the pod's account, read again from time to time because the kubelet replaces it.
struct Tokens {
    host: Arc<dyn Host>,
    cached: Mutex<Option<(HeaderValue, Instant)>>,
}

impl Tokens {
    fn current(&self) -> Result<HeaderValue, ApiClientError> {
        let mut cached = self.cached.lock().expect("nobody panics while holding it");
        if let Some((header, read)) = &*cached
            && read.elapsed() < TOKEN_LIFE
        {
            return Ok(header.clone());
        }
        let token = text(&self.host, "token")?;
        let mut header =
            HeaderValue::try_from(format!("Bearer {}", token.trim())).map_err(|error| malformed("token", &error))?;
        header.set_sensitive(true);
        *cached = Some((header.clone(), Instant::now()));
        Ok(header)
    }
}

fn text(host: &Arc<dyn Host>, file: &'static str) -> Result<String, ApiClientError> {
    let bytes = host.read(&Path::new(ACCOUNT).join(file)).map_err(|error| malformed(file, &error))?;
    String::from_utf8(bytes).map_err(|error| malformed(file, &error))
}

fn malformed(file: &'static str, reason: &impl ToString) -> ApiClientError {
    ApiClientError::Account { file, reason: reason.to_string() }
}

/// A connection to the API server.
struct ApiStream(TlsStream<TcpStream>);

impl Connection for ApiStream {
    fn connected(&self) -> Connected {
        let connected = Connected::new();
        if self.0.get_ref().1.alpn_protocol() == Some(b"h2") { connected.negotiated_h2() } else { connected }
    }
}

impl AsyncRead for ApiStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for ApiStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
