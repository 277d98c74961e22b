//! Answers one request: route, connect, send, pass the response on, or say why not.

use std::sync::{Arc, atomic::AtomicU64};

use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version, header::CONTENT_TYPE, uri::Authority};
use hyper::body::{Body as _, Incoming};
use tokio::time::Instant;

use super::{
    Client, Proxy,
    body::{RequestBody, ResponseBody},
    headers::{self, Malformed, Target},
    record::Record,
    tally::{Size, Tally},
    upgrade,
};
use crate::sidecar::{
    access_log::Direction,
    config::Protocol,
    failure::Failure,
    routing::Destination,
    snapshot::without_port,
    telemetry::Series,
    tls::client::Inside,
    upstream::{Lease, Sent, Upstream},
    xfcc,
};

/// Why there is no response to pass on.
enum Refused {
    Failed { failure: Failure, retried: bool },
    Malformed(Malformed),
}

impl From<Malformed> for Refused {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

/// A response that has begun.
struct Begun {
    response: Response<Incoming>,
    lease: Lease,
    upstream: Arc<Upstream>,
}

impl Proxy {
    /// Answers a request, whatever happens.
    pub async fn answer(self: &Arc<Self>, mut request: Request<Incoming>) -> Response<ResponseBody> {
        let started = Instant::now();
        let mut record = self.engine.access_log.then(|| Box::new(Record::new(&self.facts, &request)));
        let (received, size) = measured(request.body(), record.as_deref());
        let target = match headers::receive(&mut request) {
            Ok(target) => target,
            Err(malformed) => {
                let tally = |status, flags| Tally::new(self.series(None, None), started, size, status, flags);
                return self.refuse(&Refused::Malformed(malformed), record, tally);
            }
        };
        let downstream = target.upgrade.then(|| hyper::upgrade::on(&mut request));
        let destination = self.route.destination(&self.engine, target.authority.as_ref().map(Authority::as_str));
        let request = request.map(|content| RequestBody::new(content, received));
        let failed =
            |status, flags| Tally::new(self.series(Some(&destination), None), started, size.clone(), status, flags);
        match self.send(request, &target, &destination, &mut record).await {
            Err(refused) => self.refuse(&refused, record, failed),
            Ok(begun) if begun.response.status() == StatusCode::SWITCHING_PROTOCOLS && downstream.is_none() => {
                let words = "the upstream left HTTP without being asked to".to_owned();
                let refused = Refused::Failed { failure: Failure::Protocol { words }, retried: false };
                self.refuse(&refused, record, failed)
            }
            Ok(Begun { mut response, lease, upstream }) => {
                let status = response.status();
                let series = self.series(Some(&destination), Some((&upstream, &lease)));
                let mut tally = Tally::new(series, started, size, status.as_u16(), "");
                tally.head(response.headers());
                if let Some(record) = &mut record {
                    record.status(status.as_u16());
                }
                let upstream_upgrade =
                    (status == StatusCode::SWITCHING_PROTOCOLS).then(|| hyper::upgrade::on(&mut response));
                headers::clean(&mut response);
                if let (Some(upstream), Some(downstream)) = (upstream_upgrade, downstream) {
                    tally.finish();
                    let engine = self.engine.clone();
                    self.engine.tasks.spawn(async move { upgrade::join(&engine, downstream, upstream, record).await });
                    return response.map(|content| ResponseBody::upstream(content, self.clone(), None, lease));
                }
                response.map(|content| ResponseBody::upstream(content, self.clone(), record, lease).counted(tally))
            }
        }
    }

    /// Sends a request to one of its endpoints; a connection that cannot be made is tried with the next.
    async fn send(
        &self,
        mut request: Request<RequestBody>,
        target: &Target,
        destination: &Destination,
        record: &mut Option<Box<Record>>,
    ) -> Result<Begun, Refused> {
        let cluster = &destination.cluster;
        let inside = inside(cluster.protocol, request.version());
        let name = target.authority.as_ref().map_or(cluster.name.as_str(), Authority::as_str);
        headers::address(&mut request, inside, target, &cluster.name)?;
        self.tell_about_client(request.headers_mut());
        let (mut attempts, mut fresh) = (0, false);
        loop {
            let failed = |failure, attempts| Refused::Failed { failure, retried: attempts > 1 };
            let upstream = destination.pick(&self.engine).map_err(|failure| failed(failure, attempts))?;
            if let (Some(record), Direction::Outbound) = (record.as_mut(), self.facts.direction) {
                record.chosen(cluster, upstream);
            }
            attempts += 1;
            let mut lease = match upstream.lease(&self.engine, inside, without_port(name), fresh).await {
                Ok(lease) => lease,
                Err(Failure::Connect { .. }) if attempts < cluster.attempts => continue,
                Err(failure) => return Err(failed(failure, attempts)),
            };
            if let Some(record) = record {
                let peer = lease.peer().filter(|_| self.facts.direction == Direction::Outbound);
                record.connected(upstream.address, peer);
            }
            match lease.send(request).await {
                Sent::Answered(response) => {
                    return Ok(Begun { response: *response, lease, upstream: upstream.clone() });
                }
                Sent::Failed(failure) => return Err(failed(failure, attempts)),
                Sent::Unsent(unsent, failure) if !lease.reused => {
                    drop(unsent);
                    return Err(failed(failure, attempts));
                }
                Sent::Unsent(unsent, _) => {
                    // A kept connection had ended meanwhile; the request never left, so a new one may have it.
                    (request, fresh) = (*unsent, true);
                    attempts -= 1;
                }
            }
        }
    }

    /// Writes, or removes, what the upstream may believe about the client.
    fn tell_about_client(&self, headers: &mut HeaderMap) {
        match &self.client {
            Client::Proved { xfcc, .. } => {
                let value = appended(headers, xfcc);
                headers.insert(xfcc::HEADER, value);
            }
            Client::Own | Client::Unproved { .. } => {
                headers.remove(xfcc::HEADER);
            }
        }
    }

    fn refuse(
        self: &Arc<Self>,
        refused: &Refused,
        mut record: Option<Box<Record>>,
        tally: impl FnOnce(u16, &'static str) -> Tally,
    ) -> Response<ResponseBody> {
        let (status, flags, body, cause) = match refused {
            Refused::Failed { failure, retried } => {
                (failure.status(), failure.flags(*retried), failure.body(*retried), failure.words())
            }
            Refused::Malformed(malformed) => (malformed.status(), "DPE", malformed.to_string(), malformed.to_string()),
        };
        if let Some(record) = &mut record {
            record.status(status.as_u16());
            record.fail(flags, &cause);
        }
        let tally = tally(status.as_u16(), flags);
        let mut response = Response::new(ResponseBody::own(body, self.clone(), record).counted(tally));
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        response
    }

    /// Where a request is counted: by who asked (inbound), or by where it went (outbound).
    fn series(&self, destination: Option<&Destination>, answered: Option<(&Upstream, &Lease)>) -> Arc<Series> {
        match (&self.client, destination, answered) {
            (Client::Proved { series, .. } | Client::Unproved { series }, ..) => series.clone(),
            (Client::Own, Some(destination), Some((upstream, lease))) => {
                let find = |peer: Option<&_>| destination.series_of(&self.engine, upstream, peer.cloned());
                lease.series(find).clone()
            }
            (Client::Own, Some(destination), None) => destination.unreached(&self.engine).clone(),
            (Client::Own, None, _) => self.engine.telemetry.series(&self.facts.labels(&self.engine)),
        }
    }
}

/// Where a request's bytes are counted, if they have to be, and how many there are.
fn measured(body: &Incoming, record: Option<&Record>) -> (Option<Arc<AtomicU64>>, Size) {
    let counter = match (record, body.size_hint().exact()) {
        (Some(record), _) => record.received(),
        (None, Some(exact)) => return (None, Size::Known(exact)),
        (None, None) => Arc::default(),
    };
    (Some(counter.clone()), Size::Counted(counter))
}

/// What is spoken to an endpoint: what its port says, else what the client speaks.
fn inside(protocol: Protocol, downstream: Version) -> Inside {
    match (protocol, downstream) {
        (Protocol::Http2, _) | (Protocol::Detect | Protocol::Tcp, Version::HTTP_2) => Inside::Http2,
        _ => Inside::Http1,
    }
}

/// What came, and our own element: one header, so that no reader stops at the first.
fn appended(headers: &HeaderMap, own: &HeaderValue) -> HeaderValue {
    let mut joined = Vec::new();
    for value in headers.get_all(xfcc::HEADER).into_iter().filter(|value| !value.is_empty()) {
        joined.extend_from_slice(value.as_bytes());
        joined.push(b',');
    }
    if joined.is_empty() {
        return own.clone();
    }
    joined.extend_from_slice(own.as_bytes());
    HeaderValue::from_bytes(&joined).expect("header values joined by commas are a header value")
}
