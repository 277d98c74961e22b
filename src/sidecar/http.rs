//! Proxies HTTP/1.1 and HTTP/2: one downstream connection, each request to the upstream that its route names.
//!
//! Bodies and trailers stream both ways, frame by frame; nothing is collected. Heads are parsed and written anew by
//! hyper, so what one side could read differently from the other does not get through.

mod answer;
mod body;
mod headers;
mod record;
mod tally;
mod upgrade;

use std::{convert::Infallible, future::Future, net::IpAddr, pin::pin, sync::Arc};

use http::HeaderValue;
use hyper::service::service_fn;
use hyper_util::{rt::TokioIo, server::conn::auto};

pub(crate) use body::RequestBody;

use super::{
    engine::Engine, facts::Facts, limits, routing::Route, sniff::Guess, stream::Stream, telemetry::Series, tls::Peer,
};

/// A downstream connection that speaks HTTP.
pub(crate) struct Proxy {
    pub engine: Arc<Engine>,
    pub facts: Facts,
    pub route: Route,
    pub client: Client,
}

/// What the upstream is told about the client by `X-Forwarded-Client-Cert`.
pub(crate) enum Client {
    /// It proved itself by mutual TLS: this is appended. Inbound.
    Proved {
        /// The element.
        xfcc: HeaderValue,
        /// Where its requests are counted.
        series: Arc<Series>,
    },
    /// It did not: what it says about itself is dropped. Inbound.
    Unproved {
        /// Where its requests are counted.
        series: Arc<Series>,
    },
    /// It is somebody outside: what it says is dropped, what it proved is told. At a gateway.
    Outside {
        /// Who it proved to be.
        xfcc: Option<HeaderValue>,
        /// Its address.
        address: IpAddr,
    },
    /// It is our own application: what it says is dropped, the other sidecar will tell. Outbound.
    Own,
}

/// What an upstream is told about a client that has shown a certificate.
pub(crate) fn forwarded(peer: &Peer, engine: &Engine) -> HeaderValue {
    let element = peer.xfcc(&engine.snapshot().identity.svid.id).to_string();
    // A name with characters that a header cannot hold is shown without them.
    let text: String = element.chars().map(|c| if c.is_ascii() && !c.is_ascii_control() { c } else { '?' }).collect();
    HeaderValue::try_from(text).expect("visible ASCII is a header value")
}

/// Serves a connection until it ends, or until `stop` and the requests that are being answered then.
pub(crate) async fn serve(proxy: Proxy, stream: Stream, known: Option<Guess>, stop: impl Future<Output = ()>) {
    let proxy = Arc::new(proxy);
    let answering = proxy.clone();
    let service = service_fn(move |request| {
        let proxy = answering.clone();
        async move { Ok::<_, Infallible>(proxy.answer(request).await) }
    });
    let builder = builder(&proxy.engine, known);
    let mut connection = pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), service));
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        () = stop => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended
        && error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse)
    {
        proxy.facts.refused(&proxy.engine, "the client did not speak valid HTTP on a port that is HTTP");
    }
}

fn builder(engine: &Engine, known: Option<Guess>) -> auto::Builder<super::tasks::Tasks> {
    let mut builder = auto::Builder::new(engine.tasks.clone());
    builder.http1().max_buf_size(limits::HTTP1_BUFFER);
    builder
        .http2()
        .initial_stream_window_size(limits::HTTP2_STREAM_WINDOW)
        .initial_connection_window_size(limits::HTTP2_CONNECTION_WINDOW)
        .max_send_buf_size(limits::HTTP2_SEND_BUFFER)
        .max_header_list_size(limits::HEADERS)
        .max_concurrent_streams(limits::HTTP2_STREAMS);
    match known {
        Some(Guess::Http1) => builder.http1_only(),
        Some(Guess::Http2) => builder.http2_only(),
        Some(Guess::Opaque) | None => builder,
    }
}
