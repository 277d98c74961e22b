//! A client for a cluster that a kubeconfig describes.
//!
//! It is kube's own stack of services, put together here for one reason: the host of the cluster's address is resolved
//! as a program's names are, which works in a static executable too.

use std::{io, net::SocketAddr, vec};

use futures::future::BoxFuture;
use hyper_timeout::TimeoutConnector;
use hyper_util::{
    client::legacy::{
        Client,
        connect::{HttpConnector, dns::Name},
    },
    rt::TokioExecutor,
};
use kube::client::{Body, ConfigExt as _, retry::RetryPolicy};
use tower::{BoxError, ServiceBuilder, retry::RetryLayer};

use crate::host::os::resolve::resolve;

/// Puts together a client for the cluster of `config`.
///
/// # Errors
/// If the certificates or headers in the configuration make no sense, or it asks for a proxy, which kube was built
/// without.
pub fn client(config: kube::Config) -> Result<kube::Client, kube::Error> {
    // kube says best what it thinks of a proxy, and picks the provider of cryptography for all that follows.
    if config.proxy_url.is_some() {
        return kube::Client::try_from(config);
    }
    // The only error is that there is one already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut http = HttpConnector::new_with_resolver(Resolve);
    http.enforce_http(false);
    let mut connector = TimeoutConnector::new(config.rustls_https_connector_with_connector(http)?);
    connector.set_connect_timeout(config.connect_timeout);
    connector.set_read_timeout(config.read_timeout);
    connector.set_write_timeout(config.write_timeout);
    connector.set_reset_reader_on_write(config.reset_reader_on_write);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.default_retry.then(|| RetryLayer::new(RetryPolicy::server_retry())))
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(Client::builder(TokioExecutor::new()).build::<_, Body>(connector));
    Ok(kube::Client::new(service, config.default_namespace))
}

/// Resolves names for HTTP clients as [`crate::host::Host::resolve`] does on the real machine.
#[derive(Clone, Copy, Debug)]
struct Resolve;

impl tower::Service<Name> for Resolve {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        Box::pin(async move {
            let addresses = resolve(name.as_str()).await?;
            // The port is the URL's.
            Ok(addresses.into_iter().map(|address| SocketAddr::new(address, 0)).collect::<Vec<_>>().into_iter())
        })
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    #[tokio::test]
    async fn cluster_is_reached_by_name() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = [0; 4096];
            let length = stream.read(&mut head).await.unwrap();
            let head = String::from_utf8_lossy(&head[..length]).to_lowercase();
            // Proxies find the cluster by this header.
            assert!(head.contains(&format!("\r\nhost: localhost:{port}\r\n")), "{head}");
            let body = r#"{"major":"1","minor":"20","gitVersion":"v1.20.2","gitCommit":"","gitTreeState":"","buildDate":"","goVersion":"","compiler":"","platform":""}"#;
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).await.unwrap();
        });
        let config = kube::Config::new(format!("http://localhost:{port}").parse().unwrap());
        assert_eq!(client(config).unwrap().apiserver_version().await.unwrap().git_version, "v1.20.2");
    }

    #[tokio::test]
    async fn proxy_is_refused() {
        let mut config = kube::Config::new(http::Uri::from_static("https://localhost:6443"));
        config.proxy_url = Some(http::Uri::from_static("http://localhost:3128"));
        let error = client(config).err().map(|error| error.to_string());
        assert!(error.is_some_and(|error| error.contains("http-proxy")));
    }
}
