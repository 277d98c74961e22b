//! Answers one request: route it, pass the response on, or say why not.

use std::sync::{Arc, atomic::AtomicU64};

use http::{
    HeaderValue, Request, Response, StatusCode,
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
    send::{Begun, Refused},
    tally::{Size, Tally},
    upgrade,
};
use crate::sidecar::{
    failure::Failure,
    routing::{Asked, Decision, Destination, Order},
    telemetry::Series,
    upstream::{Lease, Upstream},
};

/// What is written down about a request while it passes.
struct Course {
    started: Instant,
    record: Option<Box<Record>>,
    /// Where its bytes are counted, if they have to be.
    received: Option<Arc<AtomicU64>>,
    size: Size,
}

impl Proxy {
    /// Answers a request, whatever happens.
    pub async fn answer(self: &Arc<Self>, mut request: Request<Incoming>) -> Response<ResponseBody> {
        let started = Instant::now();
        let record = self.engine.access_log.then(|| Box::new(Record::new(&self.facts, &request)));
        let (received, size) = measured(request.body(), record.as_deref());
        let course = Course { started, record, received, size };
        let target = match headers::receive(&mut request) {
            Ok(target) => target,
            Err(malformed) => return self.refuse(&Refused::Malformed(malformed), course, None),
        };
        let failed = |failure| Refused::Failed { failure, retried: false };
        match self.decide(&request, &target) {
            Decision::Forward(order) => self.forward(request, target, order, course).await,
            Decision::NoCluster(host) => self.refuse(&failed(Failure::NoCluster { host }), course, None),
            Decision::NoRoute => self.refuse(&failed(Failure::NoRoute), course, None),
            Decision::Redirect { status, location } => self.redirect(status, &location, course),
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
        mut course: Course,
    ) -> Response<ResponseBody> {
        let destination = &order.destination;
        let downstream = target.upgrade.then(|| hyper::upgrade::on(&mut request));
        let received = course.received.take();
        let mut request = request.map(|content| RequestBody::new(content, received));
        headers::rewrite(&mut request, &mut target, order.path.as_ref(), order.authority.as_ref());
        let sent = self.send(request, &target, &order, &mut course.record);
        let sent = match order.timeout {
            None => sent.await,
            Some(limit) => timeout(limit, sent)
                .await
                .unwrap_or_else(|_| Err(Refused::Failed { failure: Failure::Timeout(limit), retried: false })),
        };
        match sent {
            Err(refused) => self.refuse(&refused, course, Some(destination)),
            Ok(begun) if begun.response.status() == StatusCode::SWITCHING_PROTOCOLS && downstream.is_none() => {
                let words = "the upstream left HTTP without being asked to".to_owned();
                let refused = Refused::Failed { failure: Failure::Protocol { words }, retried: false };
                self.refuse(&refused, course, Some(destination))
            }
            Ok(begun) => self.pass_back(begun, destination, course, downstream),
        }
    }

    fn pass_back(
        self: &Arc<Self>,
        begun: Begun,
        destination: &Destination,
        course: Course,
        downstream: Option<hyper::upgrade::OnUpgrade>,
    ) -> Response<ResponseBody> {
        let Begun { mut response, lease, upstream } = begun;
        let Course { started, mut record, size, .. } = course;
        let status = response.status();
        let series = self.series(Some(destination), Some((&upstream, &lease)));
        let mut tally = Tally::new(series, started, size, status.as_u16(), "");
        tally.head(response.headers());
        if let Some(record) = &mut record {
            record.status(status.as_u16());
        }
        let upstream_upgrade = (status == StatusCode::SWITCHING_PROTOCOLS).then(|| hyper::upgrade::on(&mut response));
        headers::clean(&mut response);
        if let (Some(upstream), Some(downstream)) = (upstream_upgrade, downstream) {
            tally.finish();
            let engine = self.engine.clone();
            self.engine.tasks.spawn(async move { upgrade::join(&engine, downstream, upstream, record).await });
            return response.map(|content| ResponseBody::upstream(content, self.clone(), None, lease));
        }
        response.map(|content| ResponseBody::upstream(content, self.clone(), record, lease).counted(tally))
    }

    /// Sends the client elsewhere.
    fn redirect(self: &Arc<Self>, status: StatusCode, location: &str, mut course: Course) -> Response<ResponseBody> {
        let Ok(location) = HeaderValue::try_from(location) else {
            return self.refuse(&Refused::Malformed(Malformed::Host), course, None);
        };
        if let Some(record) = &mut course.record {
            record.status(status.as_u16());
        }
        let tally = Tally::new(self.series(None, None), course.started, course.size, status.as_u16(), "");
        let mut response = Response::new(ResponseBody::own("", self.clone(), course.record).counted(tally));
        *response.status_mut() = status;
        response.headers_mut().insert(LOCATION, location);
        response
    }

    fn refuse(
        self: &Arc<Self>,
        refused: &Refused,
        course: Course,
        destination: Option<&Destination>,
    ) -> Response<ResponseBody> {
        let Course { started, mut record, size, .. } = course;
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
        let tally = Tally::new(self.series(destination, None), started, size, status.as_u16(), flags);
        let mut response = Response::new(ResponseBody::own(body, self.clone(), record).counted(tally));
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        response
    }

    /// Where a request is counted: by who asked (inbound), or by where it went (outbound).
    fn series(&self, destination: Option<&Destination>, answered: Option<(&Upstream, &Lease)>) -> Arc<Series> {
        match (&self.client, destination, answered) {
            (Client::Proved { series, .. } | Client::Unproved { series }, ..) => series.clone(),
            (_, Some(destination), Some((upstream, lease))) => {
                let find = |peer: Option<&_>| destination.series_of(&self.engine, upstream, peer.cloned());
                lease.series(find).clone()
            }
            (_, Some(destination), None) => destination.unreached(&self.engine).clone(),
            (_, None, _) => self.engine.telemetry.series(&self.facts.labels(&self.engine)),
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
