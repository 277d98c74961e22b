//! Answers one request: route, connect, send, pass the response on, or say why not.

use std::sync::{Arc, atomic::AtomicU64};

use http::{
    HeaderMap, HeaderValue, Request, Response, StatusCode, Version,
    header::{CONTENT_TYPE, LOCATION},
    uri::Authority,
};
use hyper::body::{Body as _, Incoming};
use tokio::time::{Instant, timeout};

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
    routing::{Asked, Decision, Destination, Order},
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
        let record = self.engine.access_log.then(|| Box::new(Record::new(&self.engine, &self.facts, &request)));
        let measure = Measure::begin(request.body(), record.as_deref());
        let target = match headers::receive(&mut request) {
            Ok(target) => target,
            Err(malformed) => return self.refuse(&Refused::Malformed(malformed), record, &measure, None),
        };
        let failed = |failure| Refused::Failed { failure, retried: false };
        match self.decide(&request, &target) {
            Decision::Forward(order) => self.forward(request, target, order, record, measure).await,
            Decision::NoCluster(host) => self.refuse(&failed(Failure::NoCluster { host }), record, &measure, None),
            Decision::NoRoute => self.refuse(&failed(Failure::NoRoute), record, &measure, None),
            Decision::Redirect { status, location } => self.redirect(status, &location, record, &measure),
        }
    }

    fn decide(&self, request: &Request<Incoming>, target: &Target) -> Decision {
        let asked = Asked {
            method: request.method(),
            uri: request.uri(),
            headers: request.headers(),
            authority: target.authority.as_ref().map_or("", Authority::as_str),
            scheme: self.route.scheme(),
            port: self.route.port(),
        };
        self.route.decide(&self.engine, &asked)
    }

    /// Passes a request on, and the response back.
    async fn forward(
        self: &Arc<Self>,
        mut request: Request<Incoming>,
        mut target: Target,
        order: Order,
        mut record: Option<Box<Record>>,
        measure: Measure,
    ) -> Response<ResponseBody> {
        let destination = &order.destination;
        let downstream = target.upgrade.then(|| hyper::upgrade::on(&mut request));
        let mut request = request.map(|content| RequestBody::new(content, measure.received.clone()));
        headers::rewrite(&mut request, &mut target, order.path.as_ref(), order.authority.as_ref());
        let sent = self.send(request, &target, &order, &mut record);
        let sent = match order.timeout {
            None => sent.await,
            Some(limit) => timeout(limit, sent)
                .await
                .unwrap_or_else(|_| Err(Refused::Failed { failure: Failure::Timeout(limit), retried: false })),
        };
        match sent {
            Err(refused) => self.refuse(&refused, record, &measure, Some(destination)),
            Ok(begun) if begun.response.status() == StatusCode::SWITCHING_PROTOCOLS && downstream.is_none() => {
                let words = "the upstream left HTTP without being asked to".to_owned();
                let refused = Refused::Failed { failure: Failure::Protocol { words }, retried: false };
                self.refuse(&refused, record, &measure, Some(destination))
            }
            Ok(Begun { mut response, lease, upstream }) => {
                let status = response.status();
                let series = self.series(Some(destination), Some((&upstream, &lease)));
                let mut tally = measure.tally(series, status.as_u16(), "");
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
        order: &Order,
        record: &mut Option<Box<Record>>,
    ) -> Result<Begun, Refused> {
        let destination = &order.destination;
        let cluster = &destination.cluster;
        let most = order.attempts.unwrap_or(cluster.attempts);
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
                Err(Failure::Connect { .. }) if attempts < most => continue,
                Err(failure) => return Err(failed(failure, attempts)),
            };
            if let Some(record) = record {
                let peer = lease.peer().filter(|_| self.facts.direction == Direction::Outbound);
                record.connected(upstream.address, peer);
            }
            let sent = match order.per_try_timeout {
                None => lease.send(request).await,
                Some(limit) => match timeout(limit, lease.send(request)).await {
                    Ok(sent) => sent,
                    Err(_) => return Err(failed(Failure::Timeout(limit), attempts)),
                },
            };
            match sent {
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
            Client::Outside { xfcc, address } => {
                match xfcc {
                    Some(xfcc) => _ = headers.insert(xfcc::HEADER, xfcc.clone()),
                    None => _ = headers.remove(xfcc::HEADER),
                }
                headers::tell_origin(headers, *address, self.route.scheme());
            }
            Client::Own | Client::Unproved { .. } => {
                headers.remove(xfcc::HEADER);
            }
        }
    }

    /// Sends the client elsewhere.
    fn redirect(
        self: &Arc<Self>,
        status: StatusCode,
        location: &str,
        mut record: Option<Box<Record>>,
        measure: &Measure,
    ) -> Response<ResponseBody> {
        let Ok(location) = HeaderValue::try_from(location) else {
            return self.refuse(&Refused::Malformed(Malformed::Host), record, measure, None);
        };
        if let Some(record) = &mut record {
            record.status(status.as_u16());
        }
        let tally = measure.tally(self.series(None, None), status.as_u16(), "");
        let mut response = Response::new(ResponseBody::own("", self.clone(), record).counted(tally));
        *response.status_mut() = status;
        response.headers_mut().insert(LOCATION, location);
        response
    }

    fn refuse(
        self: &Arc<Self>,
        refused: &Refused,
        mut record: Option<Box<Record>>,
        measure: &Measure,
        destination: Option<&Destination>,
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
        let tally = measure.tally(self.series(destination, None), status.as_u16(), flags);
        let mut response = Response::new(ResponseBody::own(body, self.clone(), record).counted(tally));
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        response
    }

    /// Where a request is counted: by who asked (inbound), or by where it went (outbound, and at a gateway).
    fn series(&self, destination: Option<&Destination>, answered: Option<(&Upstream, &Lease)>) -> Arc<Series> {
        match (&self.client, destination, answered) {
            (Client::Proved { series, .. } | Client::Unproved { series }, ..) => series.clone(),
            (Client::Outside { .. } | Client::Own, Some(destination), Some((upstream, lease))) => {
                let find = |peer: Option<&_>| destination.series_of(&self.engine, upstream, peer.cloned());
                lease.series(find).clone()
            }
            (Client::Outside { .. } | Client::Own, Some(destination), None) => {
                destination.unreached(&self.engine).clone()
            }
            (Client::Outside { .. } | Client::Own, None, _) => {
                self.engine.telemetry.series(&self.facts.labels(&self.engine))
            }
        }
    }
}

/// What is known of a request that will be counted.
struct Measure {
    started: Instant,
    /// Where its bytes are counted, if they have to be.
    received: Option<Arc<AtomicU64>>,
    size: Size,
}

impl Measure {
    fn begin(body: &Incoming, record: Option<&Record>) -> Self {
        let started = Instant::now();
        let counter = match (record, body.size_hint().exact()) {
            (Some(record), _) => record.received(),
            (None, Some(exact)) => return Self { started, received: None, size: Size::Known(exact) },
            (None, None) => Arc::default(),
        };
        Self { started, received: Some(counter.clone()), size: Size::Counted(counter) }
    }

    fn tally(&self, series: Arc<Series>, status: u16, flags: &'static str) -> Tally {
        Tally::new(series, self.started, self.size.clone(), status, flags)
    }
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
