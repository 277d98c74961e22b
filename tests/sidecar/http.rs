//! HTTP through a pair of sidecars: bodies, trailers, upgrades, limits, back-pressure.

use bytes::Bytes;
use futures::{SinkExt as _, StreamExt as _};
use http::Request;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use hyper_util::rt::TokioIo;
use labctl::{
    mesh::mode::Mode,
    sidecar::{access_log::Transport, config::Protocol},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::mpsc,
};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    app,
    client::{collect, get, http1, http2},
    world::{APP, CLIENT, HOST, SERVER_ID, SERVICE, World, mutual},
};

async fn meshed(protocol: Protocol) -> World {
    let world = World::meshed(protocol).await;
    app::http(&world.net, APP).await;
    world
}

async fn dial(world: &World) -> TcpStream {
    world.net.dial_from(CLIENT, SERVICE).await.unwrap()
}

/// Bytes that differ from place to place.
fn payload(length: usize) -> Bytes {
    (0..length).map(|index| (index * 31 + index / 4096) as u8).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_kept_connections_get_their_own_answers() {
    let world = meshed(Protocol::Http).await;
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..32 {
        let mut sender = http1(dial(&world).await).await;
        clients.spawn(async move {
            for number in 0..50 {
                let body = format!("{client} {number}").repeat(100);
                let request = Request::post("/echo").header("host", HOST).body(Full::from(body.clone())).unwrap();
                sender.ready().await.unwrap();
                assert_eq!(collect(sender.send_request(request).await.unwrap()).await.unwrap().text, body);
            }
        });
    }
    clients.join_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_bodies_arrive_whole_both_ways() {
    let sent = payload(8 * 1024 * 1024);
    for protocol in [Protocol::Http, Protocol::Http2, Protocol::Detect] {
        let world = meshed(protocol).await;
        let chunked = sent.clone();
        let frames = (0..sent.len()).step_by(10_000).map(move |start| {
            Ok::<_, hyper::Error>(Frame::data(chunked.slice(start..chunked.len().min(start + 10_000))))
        });
        let body = StreamBody::new(futures::stream::iter(frames.collect::<Vec<_>>()));
        let mut sender = http2(dial(&world).await).await;
        let request = Request::post(format!("http://{HOST}/echo")).body(body).unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert!(response.into_body().collect().await.unwrap().to_bytes() == sent, "{protocol:?} over HTTP/2");
        let mut sender = http1(dial(&world).await).await;
        let request = Request::post("/echo").header("host", HOST).body(Full::new(sent.clone())).unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert!(response.into_body().collect().await.unwrap().to_bytes() == sent, "{protocol:?} over HTTP/1.1");
    }
}

#[tokio::test]
async fn ports_and_clients_decide_which_http_the_application_gets() {
    let version = async |protocol, http2_client| {
        let world = meshed(protocol).await;
        let answer = if http2_client {
            let request = Request::get(format!("http://{HOST}/headers")).body(Full::<Bytes>::default()).unwrap();
            collect(http2(dial(&world).await).await.send_request(request).await.unwrap()).await.unwrap()
        } else {
            collect(http1(dial(&world).await).await.send_request(get("/headers")).await.unwrap()).await.unwrap()
        };
        assert!(answer.seen("x-forwarded-client-cert").is_some());
        answer.text.lines().next().unwrap().to_owned()
    };
    assert_eq!(version(Protocol::Http, true).await, "HTTP/1.1");
    assert_eq!(version(Protocol::Http2, false).await, "HTTP/2.0");
    assert_eq!(version(Protocol::Detect, true).await, "HTTP/2.0");
    assert_eq!(version(Protocol::Detect, false).await, "HTTP/1.1");
}

#[tokio::test]
async fn trailers_pass() {
    let world = meshed(Protocol::Http2).await;
    let mut sender = http2(dial(&world).await).await;
    let request = Request::get(format!("http://{HOST}/trailers")).header("te", "trailers");
    let response = sender.send_request(request.body(Full::<Bytes>::default()).unwrap()).await.unwrap();
    let body = response.into_body().collect().await.unwrap();
    assert_eq!(body.trailers().unwrap()["grpc-status"], "5");
    assert_eq!(body.to_bytes(), "hello");
}

#[tokio::test]
async fn streams_answer_while_they_are_asked() {
    for protocol in [Protocol::Http2, Protocol::Detect] {
        let world = meshed(protocol).await;
        let (sending, receiver) = mpsc::channel(1);
        let frames = futures::stream::unfold(receiver, |mut receiver| async move {
            receiver.recv().await.map(|frame: Result<Frame<Bytes>, hyper::Error>| (frame, receiver))
        });
        let request = Request::post(format!("http://{HOST}/echo")).body(StreamBody::new(Box::pin(frames))).unwrap();
        let mut sender = http2(dial(&world).await).await;
        let mut body = sender.send_request(request).await.unwrap().into_body();
        for number in 0..10 {
            let message = Bytes::from(format!("message {number}"));
            sending.send(Ok(Frame::data(message.clone()))).await.unwrap();
            assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), message);
        }
        drop(sending);
        assert_eq!(body.collect().await.unwrap().to_bytes(), "");
    }
}

#[tokio::test]
async fn more_streams_than_one_connection_takes_get_another() {
    let world = meshed(Protocol::Http2).await;
    let mut sender = http2(dial(&world).await).await;
    let mut open = Vec::new();
    for number in 0..250 {
        let (sending, receiver) = mpsc::channel(1);
        let frames = futures::stream::unfold(receiver, |mut receiver| async move {
            receiver.recv().await.map(|frame: Result<Frame<Bytes>, hyper::Error>| (frame, receiver))
        });
        let request = Request::post(format!("http://{HOST}/echo")).body(StreamBody::new(Box::pin(frames))).unwrap();
        sender.ready().await.unwrap();
        let mut body = sender.send_request(request).await.unwrap().into_body();
        let message = Bytes::from(format!("{number}"));
        sending.send(Ok(Frame::data(message.clone()))).await.unwrap();
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), message);
        open.push((sending, body));
    }
}

#[tokio::test]
async fn upgrades_pass_and_bytes_follow() {
    let world = meshed(Protocol::Http).await;
    let mut request = get("/upgrade");
    request.headers_mut().insert("connection", "Upgrade".parse().unwrap());
    request.headers_mut().insert("upgrade", "websocket".parse().unwrap());
    let response = http1(dial(&world).await).await.send_request(request).await.unwrap();
    assert_eq!((response.status().as_u16(), &response.headers()["upgrade"]), (101, &"websocket".parse().unwrap()));
    let mut stream = TokioIo::new(hyper::upgrade::on(response).await.unwrap());
    for message in ["one", "two"] {
        stream.write_all(message.as_bytes()).await.unwrap();
        let mut echo = [0; 3];
        stream.read_exact(&mut echo).await.unwrap();
        assert_eq!(echo, message.as_bytes());
    }
    drop(stream);
    let entry = world.client().logged(|entry| entry.status == Some(101)).await;
    assert_eq!((entry.bytes_received, entry.bytes_sent), (6, 6));
}

#[tokio::test]
async fn websockets_pass_message_by_message() {
    let world = World::meshed(Protocol::Http).await;
    let listener = world.net.app(APP).await;
    let application = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        while let Some(Ok(message)) = socket.next().await {
            if message.is_text() || message.is_binary() {
                socket.send(message).await.unwrap();
            }
        }
    });
    let url = format!("ws://{HOST}/chat");
    let (mut socket, _) = tokio_tungstenite::client_async(url, dial(&world).await).await.unwrap();
    // Lengths of one byte, of two, of eight: every way in which WebSocket writes a length.
    for length in [5, 60_000, 300_000] {
        let text = Message::text("x".repeat(length));
        socket.send(text.clone()).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), text);
        let binary = Message::binary(payload(length));
        socket.send(binary.clone()).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), binary);
    }
    socket.send(Message::Ping(payload(9))).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::Pong(payload(9)));
    // Closing is a question and an answer, then both sides end.
    socket.close(None).await.unwrap();
    while let Some(message) = socket.next().await {
        assert!(message.unwrap().is_close());
    }
    application.await.unwrap();
    drop(socket);
    assert_eq!(world.server().logged(|entry| entry.status == Some(101)).await.transport, Transport::Mtls);
}

#[tokio::test]
async fn body_is_asked_for_before_it_is_sent() {
    let world = meshed(Protocol::Http).await;
    let mut stream = dial(&world).await;
    let head = format!("POST /echo HTTP/1.1\r\nhost: {HOST}\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut line = [0; 25];
    stream.read_exact(&mut line).await.unwrap();
    assert_eq!(&line, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"ok").await.unwrap();
    let mut line = [0; 15];
    stream.read_exact(&mut line).await.unwrap();
    assert_eq!(&line, b"HTTP/1.1 200 OK");
}

/// Sends bytes and reads the first line of the answer.
async fn raw(stream: &mut TcpStream, bytes: &[u8]) -> String {
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n") {
        answer.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(answer).unwrap().trim_end().to_owned()
}

#[tokio::test]
async fn ambiguous_requests_are_refused() {
    let world = meshed(Protocol::Http).await;
    let refused = [
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: +1\r\n\r\nx",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nhost : a\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\n folded\r\n\r\n",
    ];
    for request in refused {
        let line = raw(&mut dial(&world).await, request.as_bytes()).await;
        assert_eq!(line, "HTTP/1.1 400 Bad Request", "{request:?}");
    }
    let connect = raw(&mut dial(&world).await, b"CONNECT a:80 HTTP/1.1\r\nhost: a:80\r\n\r\n").await;
    assert_eq!(connect, "HTTP/1.1 405 Method Not Allowed");
}

#[tokio::test]
async fn chunked_counts_more_than_a_length() {
    let world = meshed(Protocol::Http).await;
    let mut stream = dial(&world).await;
    // A proxy that believed the length would take the second request for the body of the first.
    let request = format!(
        "POST /echo HTTP/1.1\r\nhost: {HOST}\r\ncontent-length: 60\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n\
         GET /smuggled HTTP/1.1\r\nhost: {HOST}\r\n\r\n"
    );
    let line = raw(&mut stream, request.as_bytes()).await;
    assert!(["HTTP/1.1 200 OK", "HTTP/1.1 400 Bad Request"].contains(&line.as_str()), "{line}");
    if line.contains("200") {
        let entry =
            world.server().logged(|entry| entry.request.as_ref().is_some_and(|request| request.path == "/echo")).await;
        assert_eq!(entry.bytes_received, 0);
    }
}

#[tokio::test]
async fn heads_are_bounded() {
    let world = meshed(Protocol::Http).await;
    let head = |length| format!("GET /headers HTTP/1.1\r\nhost: {HOST}\r\nx-long: {}\r\n\r\n", "a".repeat(length));
    assert_eq!(raw(&mut dial(&world).await, head(60 * 1024).as_bytes()).await, "HTTP/1.1 200 OK");
    let mut stream = dial(&world).await;
    let refused = raw(&mut stream, head(200 * 1024).as_bytes()).await;
    assert_eq!(refused, "HTTP/1.1 431 Request Header Fields Too Large");
}

#[tokio::test]
async fn requests_survive_a_server_that_closes_kept_connections() {
    let world = World::new(None).await.with_client(Protocol::Http, labctl::sidecar::config::ClientTls::Disable).await;
    let listener = world.net.app(APP).await;
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = [0; 4096];
            let _ = stream.read(&mut head).await.unwrap();
            // It says nothing about closing, and closes.
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        }
    });
    let mut sender = http1(dial(&world).await).await;
    for _ in 0..20 {
        sender.ready().await.unwrap();
        let answer = collect(sender.send_request(get("/")).await.unwrap()).await.unwrap();
        // What was on its way when the server closed may fail; nothing else may.
        assert!(answer.status == 200 || answer.text.ends_with("connection termination"), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_do_not_read_do_not_fill_memory() {
    const ENDLESS: usize = 1 << 30;
    const MOST_UNDERWAY: u64 = 64 << 20;
    for protocol in [Protocol::Http, Protocol::Http2] {
        let world = World::new(Some((Mode::Strict, protocol))).await.with_client(protocol, mutual(&[SERVER_ID])).await;
        let sent = app::counting(&world.net, APP, ENDLESS).await;
        let mut sender = http2(dial(&world).await).await;
        let request = Request::get(format!("http://{HOST}/")).body(Full::<Bytes>::default()).unwrap();
        let response = sender.send_request(request).await.unwrap();
        let held = app::settled(sent).await;
        assert!(held < MOST_UNDERWAY, "{protocol:?}: {held} bytes left the application and nobody read them");
        drop(response);
    }
}
