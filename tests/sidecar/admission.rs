//! What an inbound sidecar accepts: the table of the semantics, section 6, each cell on real sockets.

use labctl::{
    mesh::mode::Mode,
    sidecar::{access_log::Transport, config::Protocol},
};
use rustls::{AlertDescription, Error};
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::{
    app,
    client::{ask, get, say, tls},
    pki::Issued,
    world::{APP, CLIENT_ID, World},
};

/// What a client saw.
#[derive(Debug, Eq, PartialEq)]
enum Saw {
    /// An answer of the application.
    Answer,
    /// The TLS alert.
    Alert(AlertDescription),
    /// An answer that is not TLS.
    NotTls,
    /// A reset.
    Reset,
}

/// Who asks, and how.
#[derive(Clone, Copy, Debug)]
enum Asks {
    Plaintext,
    /// With a mesh certificate, and this ALPN.
    Tls(&'static [u8]),
    TlsWithoutCertificate,
}

const ISTIO: Asks = Asks::Tls(b"istio");
const OTHER: Asks = Asks::Tls(b"http/1.1");

async fn see(mode: Mode, protocol: Protocol, asks: Asks) -> Saw {
    let world = World::new(Some((mode, protocol))).await;
    match protocol {
        Protocol::Http => app::http(&world.net, APP).await,
        _ => app::opaque(&world.net, APP).await,
    }
    let stream = world.net.dial(APP).await.unwrap();
    let certificate = world.authority.issue(&[CLIENT_ID]);
    let (certificate, alpn): (Option<&Issued>, &[u8]) = match asks {
        Asks::Plaintext => {
            return seen(converse(stream, protocol).await);
        }
        Asks::Tls(alpn) => (Some(&certificate), alpn),
        Asks::TlsWithoutCertificate => (None, b"http/1.1"),
    };
    let stream = match tls(stream, world.authority.client(certificate, &[alpn])).await {
        Ok(stream) => stream,
        Err(error) => return failure(&error),
    };
    seen(converse(stream, protocol).await)
}

const REQUEST: &[u8] = b"GET /headers HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";

/// Asks what the application understands.
async fn converse<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, protocol: Protocol) -> io::Result<Vec<u8>> {
    if protocol == Protocol::Http {
        stream.write_all(REQUEST).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok(answer)
    } else {
        say(stream, b"hello").await
    }
}

fn seen(answer: io::Result<Vec<u8>>) -> Saw {
    match answer {
        Ok(answer) if answer.starts_with(b"HTTP/1.1 200") || answer == b"heard: hello" => Saw::Answer,
        Ok(answer) => panic!("unexpected: {:?}", String::from_utf8_lossy(&answer)),
        Err(error) => failure(&error),
    }
}

fn failure(error: &io::Error) -> Saw {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(Error::AlertReceived(alert)) => Saw::Alert(*alert),
        Some(Error::InvalidMessage(_)) => Saw::NotTls,
        _ if error.kind() == io::ErrorKind::ConnectionReset => Saw::Reset,
        _ => panic!("unexpected: {error:?}"),
    }
}

#[tokio::test]
async fn strict_ports_admit_mutual_tls_only() {
    for protocol in [Protocol::Http, Protocol::Tcp, Protocol::Detect] {
        assert_eq!(see(Mode::Strict, protocol, Asks::Plaintext).await, Saw::Reset, "{protocol:?}");
        assert_eq!(see(Mode::Strict, protocol, ISTIO).await, Saw::Answer, "{protocol:?}");
        assert_eq!(see(Mode::Strict, protocol, OTHER).await, Saw::Answer, "{protocol:?}");
        let alert = Saw::Alert(AlertDescription::CertificateRequired);
        assert_eq!(see(Mode::Strict, protocol, Asks::TlsWithoutCertificate).await, alert, "{protocol:?}");
    }
}

#[tokio::test]
async fn permissive_http_ports_admit_plaintext_and_the_mesh() {
    assert_eq!(see(Mode::Permissive, Protocol::Http, Asks::Plaintext).await, Saw::Answer);
    assert_eq!(see(Mode::Permissive, Protocol::Http, ISTIO).await, Saw::Answer);
    assert_eq!(see(Mode::Permissive, Protocol::Http, OTHER).await, Saw::Reset);
    assert_eq!(see(Mode::Permissive, Protocol::Http, Asks::TlsWithoutCertificate).await, Saw::Reset);
}

#[tokio::test]
async fn disabled_http_ports_do_not_understand_tls() {
    assert_eq!(see(Mode::Disable, Protocol::Http, Asks::Plaintext).await, Saw::Answer);
    assert_eq!(see(Mode::Disable, Protocol::Http, ISTIO).await, Saw::NotTls);
    assert_eq!(see(Mode::Disable, Protocol::Http, OTHER).await, Saw::NotTls);
}

#[tokio::test]
async fn other_ports_admit_everything_but_end_the_tls_of_the_mesh_only() {
    for protocol in [Protocol::Tcp, Protocol::Detect] {
        assert_eq!(see(Mode::Permissive, protocol, Asks::Plaintext).await, Saw::Answer, "{protocol:?}");
        assert_eq!(see(Mode::Permissive, protocol, ISTIO).await, Saw::Answer, "{protocol:?}");
        assert_eq!(see(Mode::Disable, protocol, Asks::Plaintext).await, Saw::Answer, "{protocol:?}");
    }
}

/// The application ends TLS itself: what is untouched on the way can be read by it.
#[tokio::test]
async fn tls_that_is_not_of_the_mesh_reaches_the_application_untouched() {
    for (mode, protocol, alpn) in [
        (Mode::Permissive, Protocol::Tcp, "http/1.1"),
        (Mode::Permissive, Protocol::Detect, "http/1.1"),
        (Mode::Disable, Protocol::Tcp, "istio"),
        (Mode::Disable, Protocol::Detect, "istio"),
    ] {
        let world = World::new(Some((mode, protocol))).await;
        let application = world.net.app(APP).await;
        let issued = world.authority.issue_dns("application");
        let certificate = issued.certificate.der().clone();
        let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], issued.private_key())
            .unwrap();
        let served = tokio::spawn(async move {
            let (stream, _) = application.accept().await.unwrap();
            let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
            let mut stream = acceptor.accept(stream).await.unwrap();
            let mut question = [0; 5];
            stream.read_exact(&mut question).await.unwrap();
            stream.write_all(&question).await.unwrap();
            stream.shutdown().await.unwrap();
        });
        let stream = world.net.dial(APP).await.unwrap();
        let stream = tls(stream, world.authority.client(None, &[alpn.as_bytes()])).await.unwrap();
        assert_eq!(stream.get_ref().1.peer_certificates().unwrap()[0], certificate);
        assert_eq!(say(stream, b"hello").await.unwrap(), b"hello", "{mode} {protocol:?}");
        served.await.unwrap();
        let entry = world.server().logged(|_| true).await;
        let transport =
            if protocol == Protocol::Tcp && mode == Mode::Disable { Transport::Plaintext } else { Transport::Tls };
        assert_eq!((entry.transport, entry.cause), (transport, None));
    }
}

#[tokio::test]
async fn clients_of_other_authorities_and_trust_domains_get_alerts() {
    let world = World::new(Some((Mode::Strict, Protocol::Http))).await;
    app::http(&world.net, APP).await;
    let stranger = crate::pki::Authority::new();
    let table = [
        (stranger.issue(&[CLIENT_ID]), Err(AlertDescription::UnknownCA)),
        (world.authority.issue(&["spiffe://other.domain/ns/bar/sa/sleep"]), Err(AlertDescription::CertificateUnknown)),
        (
            world.authority.issue(&["spiffe://cluster.local.evil/ns/bar/sa/sleep"]),
            Err(AlertDescription::CertificateUnknown),
        ),
        (world.authority.issue_dns("cluster.local"), Err(AlertDescription::CertificateUnknown)),
        (world.authority.issue(&["spiffe://old.domain/ns/bar/sa/sleep"]), Ok(())),
    ];
    for (certificate, expected) in table {
        let stream = world.net.dial(APP).await.unwrap();
        let config = world.authority.client(Some(&certificate), &[b"http/1.1"]);
        // The client of TLS 1.3 has finished before the server has looked at its certificate.
        let stream = tls(stream, config).await.unwrap();
        let answer = seen(converse(stream, Protocol::Http).await);
        assert_eq!(answer, expected.map_or_else(Saw::Alert, |()| Saw::Answer));
    }
    let refused =
        world.server().logged(|entry| entry.cause.as_ref().is_some_and(|cause| cause.contains("other.domain"))).await;
    insta::assert_snapshot!(refused.cause.unwrap(), @"the client's certificate was not accepted: spiffe://other.domain/ns/bar/sa/sleep is not of a trusted domain (cluster.local, old.domain)");
}

#[tokio::test]
async fn refusals_are_logged_with_their_cause() {
    let world = World::new(Some((Mode::Strict, Protocol::Http))).await;
    let stream = world.net.dial(APP).await.unwrap();
    say(stream, b"GET / HTTP/1.1\r\n\r\n").await.unwrap_err();
    let entry = world.server().logged(|_| true).await;
    insta::assert_snapshot!(entry.cause.unwrap(), @"the port's mode is STRICT and the client spoke plaintext, so the connection was reset");
    assert_eq!((entry.mode, entry.transport, entry.destination), (Some(Mode::Strict), Transport::Plaintext, APP));
    let stream = world.net.dial(APP).await.unwrap();
    let stream = tls(stream, world.authority.client(None, &[])).await.unwrap();
    say(stream, b"x").await.unwrap_err();
    let entry = world.server().logged(|entry| entry.transport == Transport::Tls).await;
    insta::assert_snapshot!(entry.cause.unwrap(), @"the client speaks TLS but has no certificate (alert certificate_required)");
}

#[tokio::test]
async fn standard_protocols_are_answered_and_istio_is_not() {
    let world = World::new(Some((Mode::Strict, Protocol::Http))).await;
    app::http(&world.net, APP).await;
    let certificate = world.authority.issue(&[CLIENT_ID]);
    type Protocols<'a> = &'a [&'a [u8]];
    let table: [(Protocols<'_>, Option<&[u8]>); 4] = [
        (&[b"istio"], None),
        (&[b"istio-http/1.1", b"istio", b"http/1.1"], Some(b"http/1.1")),
        (&[b"http/1.1", b"h2"], Some(b"h2")),
        (&[], None),
    ];
    for (offered, answered) in table {
        let stream = world.net.dial(APP).await.unwrap();
        let stream = tls(stream, world.authority.client(Some(&certificate), offered)).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), answered);
        if answered != Some(b"h2") {
            assert_eq!(ask(stream, get("/headers")).await.unwrap().status, 200);
        }
    }
}
