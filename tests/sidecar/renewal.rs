//! What changes while connections are open: certificates, policy, the end.

use std::sync::atomic::{AtomicBool, Ordering};

use http::Request;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use labctl::{
    mesh::mode::Mode,
    sidecar::{
        access_log::{AccessLog, Transport},
        config::{ClientTls, Protocol},
    },
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::mpsc,
};

use crate::{
    app,
    client::{ask, collect, get, http1},
    world::{APP, CLIENT, HOST, SERVER, SERVICE, World},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn renewed_certificates_cost_no_request() {
    let world = World::meshed(Protocol::Http).await;
    app::http(&world.net, APP).await;
    let done = AtomicBool::new(false);
    let load = async {
        let mut kept = http1(world.net.dial_from(CLIENT, SERVICE).await.unwrap()).await;
        let mut requests = 0;
        while !done.load(Ordering::Relaxed) || requests < 50 {
            kept.ready().await.unwrap();
            let answer = collect(kept.send_request(get("/headers")).await.unwrap()).await.unwrap();
            assert_eq!(answer.status, 200);
            let fresh = world.net.dial_from(CLIENT, SERVICE).await.unwrap();
            assert_eq!(ask(fresh, get("/headers")).await.unwrap().status, 200);
            requests += 1;
        }
    };
    let renewal = async {
        for _ in 0..10 {
            world.client().svid.send_replace(world.authority.svid("bar", "sleep"));
            tokio::task::yield_now().await;
            world.server().svid.send_replace(world.authority.svid("foo", "httpbin"));
            tokio::task::yield_now().await;
        }
        done.store(true, Ordering::Relaxed);
    };
    tokio::join!(load, renewal);
}

#[tokio::test]
async fn the_next_connection_uses_the_renewed_certificate() {
    let world = World::meshed(Protocol::Tcp).await;
    let listener = world.net.app(APP).await;
    let served = async || {
        let mut client = world.net.dial_from(CLIENT, SERVICE).await.unwrap();
        client.write_all(b"hello").await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        server.read_u8().await.unwrap();
        (client, server)
    };
    let kept = served().await;
    // The server trusts nobody any more who has not been renewed with it.
    let renewed = crate::pki::Authority::new();
    world.server().svid.send_replace(renewed.svid("foo", "httpbin"));
    world.client().svid.send_replace(renewed.svid("bar", "sleep"));
    let fresh = served().await;
    for (mut client, mut server) in [kept, fresh] {
        client.shutdown().await.unwrap();
        let mut rest = Vec::new();
        server.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"ello");
    }
}

#[tokio::test]
async fn plaintext_connections_end_when_their_port_turns_strict() {
    for protocol in [Protocol::Http, Protocol::Tcp] {
        let world = World::new(Some((Mode::Permissive, protocol))).await;
        let world = world.with_client(protocol, crate::world::mutual(&[crate::world::SERVER_ID])).await;
        app::http(&world.net, APP).await;
        let mut naked = world.net.dial(APP).await.unwrap();
        let mut meshed = http1(world.net.dial_from(CLIENT, SERVICE).await.unwrap()).await;
        naked.write_all(b"GET /headers HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        let mut first = [0; 12];
        naked.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
        assert_eq!(collect(meshed.send_request(get("/headers")).await.unwrap()).await.unwrap().status, 200);
        world.server().reconfigure(|config| config.inbound.ports.get_mut(&APP.port()).unwrap().mode = Mode::Strict);
        // Idle HTTP connections are closed, opaque ones are cut.
        let mut rest = Vec::new();
        let ended = naked.read_to_end(&mut rest).await;
        assert_eq!(ended.is_ok(), protocol == Protocol::Http, "{ended:?}");
        let mut late = world.net.dial(APP).await.unwrap();
        late.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        assert_eq!(late.read_u8().await.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
        meshed.ready().await.unwrap();
        assert_eq!(collect(meshed.send_request(get("/headers")).await.unwrap()).await.unwrap().status, 200);
        if protocol == Protocol::Http {
            // The connection is older than the policy; its new requests are logged under the mode of now.
            let strict = |entry: &AccessLog| entry.transport == Transport::Mtls && entry.mode == Some(Mode::Strict);
            assert_eq!(world.server().logged(strict).await.status, Some(200));
        }
    }
}

#[tokio::test]
async fn new_rules_hold_for_the_next_request_of_an_open_connection() {
    let world = World::meshed(Protocol::Http).await;
    app::http(&world.net, APP).await;
    let mut sender = http1(world.net.dial_from(CLIENT, SERVICE).await.unwrap()).await;
    let mut status =
        async || collect(sender.send_request(get("/headers")).await.unwrap()).await.unwrap().status.as_u16();
    assert_eq!(status().await, 200);
    world.client().reconfigure(|config| {
        config.outbound[0].tls = ClientTls::Disable;
        config.outbound[0].endpoints[0].tls = false;
    });
    assert_eq!(status().await, 503, "plaintext to a STRICT port");
    world.server().reconfigure(|config| config.inbound.ports.get_mut(&APP.port()).unwrap().mode = Mode::Permissive);
    assert_eq!(status().await, 200);
}

#[tokio::test]
async fn the_end_waits_for_requests_that_are_being_answered() {
    let mut world = World::meshed(Protocol::Http).await;
    app::http(&world.net, APP).await;
    let readiness = std::net::SocketAddr::new(SERVER, 15021);
    let ready = ask(world.net.dial_port(readiness).await.unwrap(), get("/healthz/ready")).await.unwrap();
    assert_eq!((ready.status.as_u16(), ready.text.as_str()), (200, "ready\n"));
    let (sending, receiver) = mpsc::channel(1);
    let frames = futures::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|frame: Result<Frame<bytes::Bytes>, hyper::Error>| (frame, receiver))
    });
    let request = Request::post("/echo").header("host", HOST).body(StreamBody::new(Box::pin(frames))).unwrap();
    let stream = world.net.dial(APP).await.unwrap();
    let certificate = world.authority.issue(&[crate::world::CLIENT_ID]);
    let stream = crate::client::tls(stream, world.authority.client(Some(&certificate), &[b"http/1.1"])).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(hyper_util::rt::TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut body = sender.send_request(request).await.unwrap().into_body();
    sending.send(Ok(Frame::data("one".into()))).await.unwrap();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "one");
    let server = world.server.take().unwrap();
    server.begin_to_stop();
    sending.send(Ok(Frame::data("two".into()))).await.unwrap();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "two");
    drop(sending);
    assert_eq!(body.collect().await.unwrap().to_bytes(), "");
    server.stop().await;
}
