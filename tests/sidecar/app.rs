//! The applications that tests put behind a sidecar.

use std::{convert::Infallible, net::SocketAddr};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::BoxBody};
use hyper::{
    body::{Frame, Incoming},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::watch,
};

use crate::net::Net;

type Body = BoxBody<Bytes, hyper::Error>;

/// An HTTP application, over HTTP/1.1 and HTTP/2:
/// `/headers` answers the request's headers, one per line; `/echo` the request's body and trailers;
/// `/large?N` N zero bytes; `/upgrade` turns into an echo of bytes.
pub async fn http(net: &Net, address: SocketAddr) {
    let listener = net.app(address).await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            tokio::spawn(async move {
                let builder = auto::Builder::new(TokioExecutor::new());
                let _ = builder.serve_connection_with_upgrades(TokioIo::new(stream), service_fn(answer)).await;
            });
        }
    });
}

async fn answer(request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    Ok(match request.uri().path() {
        "/headers" => Response::new(text(listing(&request))),
        "/echo" => Response::new(request.into_body().boxed()),
        "/large" => Response::new(zeros(request.uri().query().unwrap().parse().unwrap())),
        "/trailers" => {
            let trailers = HeaderMap::from_iter([("grpc-status".parse().unwrap(), HeaderValue::from_static("5"))]);
            let body = text("hello".to_owned()).with_trailers(async { Some(Ok(trailers)) }).boxed();
            Response::builder().header("content-type", "application/grpc").body(body).unwrap()
        }
        "/upgrade" => upgrade(request),
        _ => {
            let mut response = Response::new(text(String::new()));
            *response.status_mut() = StatusCode::NOT_FOUND;
            response
        }
    })
}

fn listing(request: &Request<Incoming>) -> String {
    let lines = request.headers().iter().map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap()));
    format!("{:?}\n", request.version()) + &lines.collect::<String>()
}

fn text(text: String) -> Body {
    Full::from(text).map_err(|never| match never {}).boxed()
}

/// Zero bytes, in chunks of 16 KiB.
fn zeros(count: usize) -> Body {
    static CHUNK: [u8; 16 * 1024] = [0; 16 * 1024];
    let chunks = (0..count.div_ceil(CHUNK.len())).map(move |index| {
        let length = CHUNK.len().min(count - index * CHUNK.len());
        Ok(Frame::data(Bytes::from_static(&CHUNK[..length])))
    });
    BoxBody::new(StreamBody::new(futures::stream::iter(chunks)))
}

fn upgrade(request: Request<Incoming>) -> Response<Body> {
    let mut response = Response::new(text(String::new()));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response.headers_mut().insert("connection", HeaderValue::from_static("upgrade"));
    response.headers_mut().insert("upgrade", request.headers()["upgrade"].clone());
    tokio::spawn(async move {
        let mut stream = TokioIo::new(hyper::upgrade::on(request).await.unwrap());
        let mut bytes = [0; 1024];
        while let Ok(length @ 1..) = stream.read(&mut bytes).await {
            stream.write_all(&bytes[..length]).await.unwrap();
        }
    });
    response
}

/// An application that answers everything it got, and how it began, once its client has said all.
pub async fn opaque(net: &Net, address: SocketAddr) {
    let listener = net.app(address).await;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut question = Vec::new();
                if stream.read_to_end(&mut question).await.is_ok() {
                    let _ = stream.write_all(b"heard: ").await;
                    let _ = stream.write_all(&question).await;
                }
            });
        }
    });
}

/// An HTTP application that answers `length` zero bytes and counts how many have left it.
pub async fn counting(net: &Net, address: SocketAddr, length: usize) -> watch::Receiver<u64> {
    let listener = net.app(address).await;
    let sent = watch::Sender::new(0);
    let receiver = sent.subscribe();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let sent = sent.clone();
            let service = service_fn(move |_: Request<Incoming>| {
                let sent = sent.clone();
                let body = zeros(length).map_frame(move |frame| {
                    sent.send_modify(|sum| *sum += frame.data_ref().map_or(0, |data| data.len() as u64));
                    frame
                });
                async { Ok::<_, Infallible>(Response::new(body)) }
            });
            tokio::spawn(async move {
                let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    receiver
}

/// Waits until a counter has not moved for a while, and answers it. A machine that is slower than this only makes
/// the answer smaller.
pub async fn settled(mut counter: watch::Receiver<u64>) -> u64 {
    const QUIET: std::time::Duration = std::time::Duration::from_millis(300);
    counter.wait_for(|count| *count > 0).await.unwrap();
    while tokio::time::timeout(QUIET, counter.changed()).await.is_ok() {
        counter.borrow_and_update();
    }
    *counter.borrow()
}
