//! One request and its answer on one connection.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Version, header};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
    ext::ReasonPhrase,
    rt::Executor as _,
};
use hyper_util::rt::TokioIo;

use super::{connect::Connection, failure::Failure, output::Sink, report::Report, url::Url, wire::Witness};
use crate::workloads::tasks::Tasks;

/// What is asked for.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Bytes>,
}

/// An answer whose body is still to come.
pub(super) struct Answer {
    response: Response<Incoming>,
    witness: Witness,
    is_http2: bool,
    /// Keeps the connection going.
    tasks: Tasks,
}

/// Sends a request; answers when the answer's headers are there.
pub(super) async fn send(connection: Connection, asked: &Asked) -> Result<Answer, Failure> {
    let Connection { stream, witness, is_http2 } = connection;
    let (tasks, io) = (Tasks::default(), TokioIo::new(stream));
    let body = Full::new(asked.body.clone().unwrap_or_default());
    let sent = if is_http2 {
        let (mut sender, connection) =
            http2::handshake(tasks.spawner(), io).await.map_err(|error| failed(&error, &witness, is_http2))?;
        tasks.spawner().execute(connection);
        sender.send_request(request(asked, is_http2, body)?).await
    } else {
        let mut builder = http1::Builder::new();
        builder.title_case_headers(true);
        let (mut sender, connection) =
            builder.handshake(io).await.map_err(|error| failed(&error, &witness, is_http2))?;
        tasks.spawner().execute(connection);
        sender.send_request(request(asked, is_http2, body)?).await
    };
    match sent {
        Ok(response) => Ok(Answer { response, witness, is_http2, tasks }),
        Err(error) => Err(failed(&error, &witness, is_http2)),
    }
}

/// HTTP/2 carries scheme and authority in the request's target, HTTP/1.1 the authority in `Host`.
fn request(asked: &Asked, is_http2: bool, body: Full<Bytes>) -> Result<Request<Full<Bytes>>, Failure> {
    let mut headers = asked.headers.clone();
    let target = if is_http2 {
        let authority = headers.remove(header::HOST);
        let authority = authority.as_ref().and_then(|value| value.to_str().ok()).unwrap_or_default();
        format!("{}://{authority}{}", asked.url.scheme.name(), asked.url.path)
    } else {
        asked.url.path.clone()
    };
    let mut request = Request::builder()
        .method(asked.method.clone())
        .uri(target)
        .version(if is_http2 { Version::HTTP_2 } else { Version::HTTP_11 })
        .body(body)
        .map_err(|_| Failure::malformed_url())?;
    *request.headers_mut() = headers;
    Ok(request)
}

/// A request that got no answer. How the connection ended says more than what HTTP made of it.
fn failed(error: &hyper::Error, witness: &Witness, is_http2: bool) -> Failure {
    if let Some(failure) = witness.failure() {
        return failure;
    }
    if is_http2 {
        return Failure::new(16, "Error in the HTTP2 framing layer");
    }
    if error.is_parse() {
        return Failure::new(1, "Received HTTP/0.9 when not allowed");
    }
    if witness.is_at_end() { Failure::incomplete(None) } else { Failure::not_received(&error.to_string()) }
}

impl Answer {
    pub(super) fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// The length that the body says it has.
    pub(super) fn body_length(&self) -> Option<u64> {
        self.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
    }

    /// `1.1`, `2`.
    pub(super) fn version(&self) -> &'static str {
        match self.response.version() {
            Version::HTTP_2 => "2",
            Version::HTTP_10 => "1.0",
            _ => "1.1",
        }
    }

    /// Status line and headers as they are shown, a blank line at the end.
    pub(super) fn head(&self) -> String {
        let status = self.response.status();
        let reason = match self.response.extensions().get::<ReasonPhrase>() {
            Some(reason) => String::from_utf8_lossy(reason.as_bytes()).into_owned(),
            None if self.is_http2 => String::new(),
            None => status.canonical_reason().unwrap_or_default().to_owned(),
        };
        let mut head = format!("HTTP/{} {} {reason}\r\n", self.version(), status.as_u16());
        for (name, value) in self.headers() {
            let value = String::from_utf8_lossy(value.as_bytes());
            head.push_str(&format!("{}: {value}\r\n", show_name(name, self.is_http2)));
        }
        head.push_str("\r\n");
        head
    }

    /// Receives the body, piece by piece, then takes leave of the server.
    pub(super) async fn receive(mut self, sink: &mut Sink<'_>, report: &mut Report) -> Result<(), Failure> {
        let body = self.response.body_mut();
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => {
                    if let Some(data) = frame.data_ref() {
                        report.body_size += data.len() as u64;
                        sink.write(data);
                    }
                }
                Err(error) => return Err(self.broken_off(&error, report)),
            }
        }
        // Nobody asks for more, so the connection closes properly now (TLS says farewell) instead of being dropped.
        drop(self.response);
        self.tasks.finish().await;
        Ok(())
    }

    fn broken_off(&self, error: &hyper::Error, report: &Report) -> Failure {
        if let Some(failure) = self.witness.failure() {
            return failure;
        }
        if self.is_http2 && !self.witness.is_at_end() {
            let reason = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
            return Failure::new(92, format!("HTTP/2 stream 1 was not closed cleanly: {reason}"));
        }
        Failure::incomplete(report.body_length.map(|length| length.saturating_sub(report.body_size)))
    }
}

/// A header's name as it is usually written: HTTP/2 has no upper case.
pub(super) fn show_name(name: &HeaderName, is_http2: bool) -> String {
    if is_http2 {
        return name.as_str().to_owned();
    }
    let mut shown = String::with_capacity(name.as_str().len());
    let mut is_first = true;
    for letter in name.as_str().chars() {
        shown.push(if is_first { letter.to_ascii_uppercase() } else { letter });
        is_first = letter == '-';
    }
    shown
}

/// The headers of a request: the usual ones, changed by what `-H` says.
pub(super) fn headers(defaults: &[(HeaderName, String)], custom: &[String]) -> Result<HeaderMap, Failure> {
    let bad = || Failure::new(43, "A libcurl function was given a bad argument");
    let mut headers = HeaderMap::new();
    for (name, value) in defaults {
        headers.insert(name.clone(), HeaderValue::from_str(value).map_err(|_| bad())?);
    }
    let mut replaced: Vec<HeaderName> = Vec::new();
    for line in custom {
        let (name, value) = match line.split_once(':') {
            Some((name, value)) => (name, Some(value.trim()).filter(|value| !value.is_empty())),
            // `Name;` is a header without a value; anything else without a colon is nothing.
            None => match line.strip_suffix(';') {
                Some(name) => (name, Some("")),
                None => continue,
            },
        };
        let name: HeaderName = name.trim().parse().map_err(|_| bad())?;
        if !replaced.contains(&name) {
            headers.remove(&name);
            replaced.push(name.clone());
        }
        if let Some(value) = value {
            headers.append(name, HeaderValue::from_str(value).map_err(|_| bad())?);
        }
    }
    Ok(headers)
}
