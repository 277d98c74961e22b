//! Opaque connections through a pair of sidecars.

use std::sync::Arc;

use labctl::{
    mesh::mode::Mode,
    sidecar::{
        access_log::Transport,
        config::{ClientTls, Protocol},
    },
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    task::JoinHandle,
};

use crate::{
    app,
    client::{say, tls},
    pki::{Authority, Issued},
    world::{APP, CLIENT, CLIENT_ID, SERVER_ID, SERVICE, World, mutual},
};

#[tokio::test]
async fn half_close_is_kept_and_both_sides_are_known() {
    for protocol in [Protocol::Tcp, Protocol::Detect] {
        let world = World::meshed(protocol).await;
        app::opaque(&world.net, APP).await;
        let question = vec![7; 3_000_000];
        let answer = say(world.net.dial_from(CLIENT, SERVICE).await.unwrap(), &question).await.unwrap();
        assert_eq!(answer.len(), "heard: ".len() + question.len(), "{protocol:?}");
        let entry = world.client().logged(|_| true).await;
        assert_eq!((entry.transport, entry.cause, entry.bytes_received), (Transport::Mtls, None, 3_000_000));
        assert_eq!(entry.peer.unwrap().to_string(), SERVER_ID);
        let entry = world.server().logged(|_| true).await;
        assert_eq!((entry.transport, entry.cause, entry.bytes_sent), (Transport::Mtls, None, 3_000_007));
        assert_eq!(entry.peer.unwrap().to_string(), CLIENT_ID);
    }
}

#[tokio::test]
async fn servers_may_speak_first_where_nobody_has_to_look() {
    for (mode, tls) in [(Mode::Strict, mutual(&[SERVER_ID])), (Mode::Disable, ClientTls::Disable)] {
        let world = World::new(Some((mode, Protocol::Tcp))).await.with_client(Protocol::Tcp, tls).await;
        let listener = world.net.app(APP).await;
        let mut client = world.net.dial_from(CLIENT, SERVICE).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        server.write_all(b"hello").await.unwrap();
        let mut greeting = [0; 5];
        client.read_exact(&mut greeting).await.unwrap();
        assert_eq!(&greeting, b"hello");
    }
}

#[tokio::test]
async fn failures_reset_the_client() {
    let wrong = mutual(&["spiffe://cluster.local/ns/foo/sa/other"]);
    let table = [
        (Some(Mode::Strict), ClientTls::Disable, "one side ended the connection"),
        (Some(Mode::Strict), wrong, "certificate was not accepted"),
        (None, mutual(&[SERVER_ID]), "nothing listens there"),
    ];
    for (mode, tls, cause) in table {
        let server = mode.map(|mode| (mode, Protocol::Tcp));
        let world = World::new(server).await.with_client(Protocol::Tcp, tls).await;
        if mode.is_some() {
            app::opaque(&world.net, APP).await;
        }
        let mut client = world.net.dial_from(CLIENT, SERVICE).await.unwrap();
        // It may be cut off before it has said this.
        let _ = client.write_all(b"hello").await;
        let error = client.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{mode:?}");
        let entry = world.client().logged(|_| true).await;
        assert!(entry.cause.as_ref().unwrap().contains(cause), "{:?}", entry.cause);
    }
}

#[tokio::test]
async fn resets_of_the_application_reach_the_client() {
    let world = World::meshed(Protocol::Tcp).await;
    let listener = world.net.app(APP).await;
    let mut client = world.net.dial_from(CLIENT, SERVICE).await.unwrap();
    client.write_all(b"hello").await.unwrap();
    let (mut server, _) = listener.accept().await.unwrap();
    server.read_u8().await.unwrap();
    server.set_zero_linger().unwrap();
    drop(server);
    assert_eq!(client.read_u8().await.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
}

/// An application that terminates TLS itself, for one connection: it says what it hears.
async fn tls_application(world: &World, issued: Issued) -> JoinHandle<()> {
    let listener = world.net.app(APP).await;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![issued.certificate.der().clone()], issued.private_key())
        .unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = tokio_rustls::TlsAcceptor::from(Arc::new(config)).accept(stream).await.unwrap();
        let mut question = [0; 5];
        stream.read_exact(&mut question).await.unwrap();
        stream.write_all(&question).await.unwrap();
        stream.shutdown().await.unwrap();
    })
}

#[tokio::test]
async fn tls_of_the_application_travels_inside_mutual_tls() {
    let world = World::meshed(Protocol::Detect).await;
    let served = tls_application(&world, world.authority.issue_dns("application")).await;
    let stream = world.net.dial_from(CLIENT, SERVICE).await.unwrap();
    let stream = tls(stream, world.authority.client(None, &[b"http/1.1"])).await.unwrap();
    assert_eq!(say(stream, b"hello").await.unwrap(), b"hello");
    served.await.unwrap();
    assert_eq!(world.server().logged(|_| true).await.transport, Transport::Mtls);
}

#[tokio::test]
async fn a_rule_that_skips_verification_takes_any_server() {
    let rule = ClientTls::Files {
        sni: Some("another.example".to_owned()),
        sans: Vec::new(),
        ca_certificates: None,
        client_certificate: None,
        mutual: false,
        insecure_skip_verify: true,
        credential_name: None,
    };
    let world = World::new(None).await.with_client(Protocol::Tcp, rule).await;
    let served = tls_application(&world, Authority::new().issue_dns("application")).await;
    let stream = world.net.dial_from(CLIENT, SERVICE).await.unwrap();
    assert_eq!(say(stream, b"hello").await.unwrap(), b"hello");
    served.await.unwrap();
}

#[tokio::test]
async fn unknown_addresses_pass_through() {
    let world = World::new(Some((Mode::Permissive, Protocol::Tcp))).await;
    let world = world.with_client(Protocol::Tcp, mutual(&[SERVER_ID])).await;
    app::opaque(&world.net, APP).await;
    let answer = say(world.net.dial_from(CLIENT, APP).await.unwrap(), b"hello").await.unwrap();
    assert_eq!(answer, b"heard: hello");
    let entry = world.client().logged(|_| true).await;
    assert_eq!((entry.transport, entry.host), (Transport::Plaintext, None));
}

#[tokio::test]
async fn nobody_is_forwarded_to_the_sidecar_itself() {
    let world = World::meshed(Protocol::Tcp).await;
    let mut client = world.net.dial_port(std::net::SocketAddr::new(APP.ip(), 15006)).await.unwrap();
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
}
