//! The applications that tests put behind a sidecar.

use std::{convert::Infallible, net::SocketAddr};

use bytes::Bytes;
use futures::StreamExt as _;
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
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

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
            let trailers = HeaderMap::from_iter([("grpc-status".parse().unwrap(), HeaderValue::from_static("0"))]);
            Response::new(text("hello".to_owned()).with_trailers(async { Some(Ok(trailers)) }).boxed())
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

fn zeros(count: usize) -> Body {
    let chunk = Bytes::from_static(&[0; 16 * 1024]);
    let chunks = (0..count.div_ceil(chunk.len()))
        .map(move |index| Ok(Frame::data(chunk.slice(..chunk.len().min(count - index * chunk.len())))));
    StreamBody::new(futures::stream::iter(chunks).boxed()).boxed_unsync_to_sync()
}

/// Makes a stream body that may be shared, as [`BoxBody`] wants it.
trait Shared {
    fn boxed_unsync_to_sync(self) -> Body;
}

impl<S> Shared for StreamBody<S>
where
    S: futures::Stream<Item = Result<Frame<Bytes>, hyper::Error>> + Send + 'static,
{
    fn boxed_unsync_to_sync(self) -> Body {
        BoxBody::new(sync_wrapper(self))
    }
}

fn sync_wrapper<S>(body: StreamBody<S>) -> impl hyper::body::Body<Data = Bytes, Error = hyper::Error> + Send + Sync
where
    S: futures::Stream<Item = Result<Frame<Bytes>, hyper::Error>> + Send + 'static,
{
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    tokio::spawn(async move {
        let mut body = Box::pin(body);
        while let Some(frame) = body.frame().await {
            if sender.send(frame).await.is_err() {
                return;
            }
        }
    });
    StreamBody::new(futures::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|frame| (frame, receiver))
    }))
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
