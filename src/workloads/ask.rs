//! One HTTP request over a connection of its own, made through the host.

use std::{error::Error as _, io, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, header};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use super::{trace::Trace, upstream::Upstream};
use crate::host::Host;

/// The largest answer that is read.
const MAX_ANSWER: usize = 1 << 20;
/// How long a request may take, connecting included.
const EXCHANGE: Duration = Duration::from_secs(10);

/// The URL of something to ask for, on a server that speaks HTTP.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Url {
    server: Upstream,
    host: HeaderValue,
    path: String,
}

/// A text that is no URL we can ask for.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{0}` is not a URL; write http://HOST[:PORT][/PATH]")]
pub(super) struct NotAUrl(String);

impl Url {
    pub(super) fn parse(text: &str) -> Result<Self, NotAUrl> {
        let wrong = || NotAUrl(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let authority = uri.authority().filter(|_| uri.scheme_str() == Some("http")).ok_or_else(wrong)?;
        let server = format!("{}:{}", authority.host(), authority.port_u16().unwrap_or(80));
        let host = match authority.port_u16() {
            Some(port) if port != 80 => format!("{}:{port}", authority.host()),
            _ => authority.host().to_owned(),
        };
        Ok(Self {
            server: server.parse().map_err(|_| wrong())?,
            host: HeaderValue::from_str(&host).map_err(|_| wrong())?,
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        })
    }

    /// `path` at the server `upstream`.
    pub(super) fn at(upstream: &Upstream, path: &str) -> Result<Self, NotAUrl> {
        Self::parse(&format!("http://{upstream}{path}"))
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unanswered {
    #[error(transparent)]
    Broken(hyper::Error),
    #[error(transparent)]
    Connect(io::Error),
    #[error("the answer has more than {MAX_ANSWER} bytes")]
    TooLong,
    #[error("no answer within {} s", EXCHANGE.as_secs())]
    TimedOut,
    #[error("this cannot be asked for: {0}")]
    Unspeakable(#[from] http::Error),
}

impl Unanswered {
    /// What was being done, what `errno` calls the failure, and words for it: `read ECONNRESET: ...`.
    pub(super) fn told(&self) -> String {
        let (code, doing) = self.code();
        match self {
            Self::Broken(error) => match cause(error) {
                Some(cause) => format!("{doing} {code}: {cause}"),
                None => format!("{doing} {code}: {error}"),
            },
            error => format!("{doing} {code}: {error}"),
        }
    }

    /// What `errno` calls it, and what was being done, as Node.js programs show it.
    pub(super) fn code(&self) -> (&'static str, &'static str) {
        match self {
            Self::Connect(error) if error.kind() == io::ErrorKind::NotFound => ("ENOTFOUND", "getaddrinfo"),
            Self::Connect(error) => (errno(error.kind()), "connect"),
            Self::Broken(error) => (cause(error).map_or("ECONNRESET", |cause| errno(cause.kind())), "read"),
            Self::TooLong => ("EMSGSIZE", "read"),
            Self::TimedOut => ("ETIMEDOUT", "read"),
            Self::Unspeakable(_) => ("EINVAL", "write"),
        }
    }
}

fn errno(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::BrokenPipe => "EPIPE",
        io::ErrorKind::ConnectionRefused => "ECONNREFUSED",
        io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof => "ECONNRESET",
        io::ErrorKind::HostUnreachable => "EHOSTUNREACH",
        io::ErrorKind::NetworkUnreachable => "ENETUNREACH",
        io::ErrorKind::TimedOut => "ETIMEDOUT",
        _ => "EIO",
    }
}

/// The system's error below one of hyper's.
fn cause(error: &hyper::Error) -> Option<&io::Error> {
    let mut next = error.source();
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref() {
            return Some(error);
        }
        next = error.source();
    }
    None
}

/// Asks, and reads the whole answer. A status of failure is an answer, too.
pub(super) async fn ask(
    host: &dyn Host,
    trace: &Trace,
    method: Method,
    url: &Url,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response<Bytes>, Unanswered> {
    let request = Request::builder().method(method).uri(&url.path).header(header::HOST, &url.host);
    let mut request = request.body(Full::new(body))?;
    request.headers_mut().extend(trace.headers().clone());
    request.headers_mut().extend(headers);
    timeout(EXCHANGE, exchange(host, url, request)).await.unwrap_or(Err(Unanswered::TimedOut))
}

/// Asks for what is there.
pub(super) async fn get(host: &dyn Host, trace: &Trace, url: &Url) -> Result<Response<Bytes>, Unanswered> {
    ask(host, trace, Method::GET, url, HeaderMap::new(), Bytes::new()).await
}

async fn exchange(host: &dyn Host, url: &Url, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, Unanswered> {
    let stream = url.server.connect(host).await.map_err(Unanswered::Connect)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(Unanswered::Broken)?;
    let answer = async {
        let (parts, body) = sender.send_request(request).await.map_err(Unanswered::Broken)?.into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(|error| match error.downcast() {
            Ok(error) => Unanswered::Broken(*error),
            Err(error) => {
                debug_assert!(error.is::<LengthLimitError>());
                Unanswered::TooLong
            }
        })?;
        Ok(Response::from_parts(parts, body.to_bytes()))
    };
    // The connection moves the bytes; how it ends is known from the answer.
    let (connection, answer) = (std::pin::pin!(connection), std::pin::pin!(answer));
    match futures::future::select(answer, connection).await {
        futures::future::Either::Left((answer, _)) => answer,
        futures::future::Either::Right((_, answer)) => answer.await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let shown = |text: &str| {
            Url::parse(text).map(|url| format!("{} {} {}", url.server, url.host.to_str().unwrap(), url.path))
        };
        assert_eq!(shown("http://customers"), Ok("customers:80 customers /".to_owned()));
        assert_eq!(shown("http://a.b:3000/x?y=z"), Ok("a.b:3000 a.b:3000 /x?y=z".to_owned()));
        assert_eq!(shown("http://[::1]:81/"), Ok("[::1]:81 [::1]:81 /".to_owned()));
        for wrong in ["customers", "https://customers", "/x", "http://", "http://u:p@/", ""] {
            let message = format!("`{wrong}` is not a URL; write http://HOST[:PORT][/PATH]");
            assert_eq!(shown(wrong).map_err(|error| error.to_string()), Err(message));
        }
    }
}
