//! Sends one request to an upstream: connect, tell about the client, try again where that is allowed.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Request, Response, Version, uri::Authority};
use hyper::body::Incoming;
use tokio::time::timeout;

use super::{
    Client, Proxy,
    body::RequestBody,
    headers::{self, Malformed, Target},
    record::Record,
};
use crate::sidecar::{
    access_log::Direction,
    config::Protocol,
    failure::Failure,
    routing::Order,
    snapshot::without_port,
    tls::client::Inside,
    upstream::{Lease, Sent, Upstream},
    xfcc,
};

/// Why there is no response to pass on.
pub(super) enum Refused {
    Failed { failure: Failure, retried: bool },
    Malformed(Malformed),
}

impl From<Malformed> for Refused {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

/// A response that has begun.
pub(super) struct Begun {
    pub response: Response<Incoming>,
    pub lease: Lease,
    pub upstream: Arc<Upstream>,
}

impl Proxy {
    /// Sends a request to one of its endpoints; a connection that cannot be made is tried with the next.
    pub(super) async fn send(
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
