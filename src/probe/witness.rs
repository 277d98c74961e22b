//! The other end's word: what sidecars wrote about a request.

use std::{
    net::{IpAddr, SocketAddr},
    pin::pin,
    time::Duration,
};

use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use tokio::time::Instant;

use crate::{
    cluster::{Cluster, exec::ContainerRef},
    sidecar::access_log::{AccessLog, Direction},
};

/// How long a sidecar may take to write about what its client has seen already.
const PATIENCE: Duration = Duration::from_secs(2);

/// How a line about one request, or one connection, is recognised.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sought {
    /// At which end.
    pub direction: Direction,
    /// The request's `x-request-id`.
    pub id: String,
    /// Who made it, for connections that carried no readable request.
    pub source: Source,
}

/// How whoever made a connection appears to the other end.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Source {
    /// A caller whose end is known.
    Caller {
        /// Addresses that it may appear under.
        addresses: Vec<IpAddr>,
        /// Its port.
        port: Option<u16>,
    },
    /// Somebody from outside, whose address nodes and load balancers replace by theirs: none of these pods.
    Outside(Vec<IpAddr>),
}

impl Source {
    fn is(&self, seen: SocketAddr) -> bool {
        match self {
            Self::Caller { addresses, port } => Some(seen.port()) == *port && addresses.contains(&seen.ip()),
            Self::Outside(pods) => !pods.contains(&seen.ip()),
        }
    }
}

impl Sought {
    /// Whether `line` is about what is sought.
    fn is(&self, line: &AccessLog) -> bool {
        if line.direction != self.direction {
            return false;
        }
        match line.request.as_ref().and_then(|request| request.id.as_ref()) {
            Some(id) => *id == self.id,
            None => self.source.is(line.source),
        }
    }
}

/// Reads the logs of `sidecars` from `began` on, until they say something about everything that is sought.
///
/// Answers in the order of `sought`. A sidecar that cannot be read, or says nothing in time, leaves `None`.
pub async fn witness(
    cluster: &Cluster,
    sidecars: &[ContainerRef],
    sought: &[Sought],
    began: Instant,
) -> Vec<Option<AccessLog>> {
    let mut found: Vec<Option<AccessLog>> = vec![None; sought.len()];
    if sought.is_empty() || sidecars.is_empty() {
        return found;
    }
    let past = began.elapsed();
    // A container that has nothing to say yet may not even begin to answer: opening its log is part of the wait.
    let opened = sidecars.iter().map(|sidecar| {
        let opening = stream::once(cluster.follow(sidecar, past));
        opening.filter_map(|opened| std::future::ready(opened.ok())).flatten().boxed()
    });
    let mut lines: BoxStream<'_, String> = stream::select_all(opened).boxed();
    let mut enough = pin!(tokio::time::sleep(PATIENCE));
    while found.iter().any(Option::is_none) {
        let line = tokio::select! {
            line = lines.next() => line,
            () = &mut enough => None,
        };
        let Some(line) = line else { break };
        let Ok(line) = serde_json::from_str::<AccessLog>(&line) else { continue };
        if let Some(place) = sought.iter().position(|sought| sought.is(&line)) {
            found[place] = Some(line);
        }
    }
    found
}

/// One line for a person.
pub fn told(line: &AccessLog) -> String {
    let transport = match line.transport {
        crate::sidecar::access_log::Transport::Mtls => "mutual TLS",
        crate::sidecar::access_log::Transport::Plaintext => "plaintext",
        crate::sidecar::access_log::Transport::Tls => "TLS",
    };
    let mut parts = vec![match line.direction {
        Direction::Inbound => format!("inbound from {} in {transport}", line.source),
        Direction::Outbound => {
            format!("outbound to {} in {transport}", line.host.clone().unwrap_or_else(|| line.destination.to_string()))
        }
    }];
    parts.extend(line.peer.as_ref().map(|peer| format!("peer {peer}")));
    parts.extend(line.mode.map(|mode| format!("port is {mode}")));
    parts.extend(line.status.map(|status| format!("status {status}")));
    parts.extend(Some(line.flags.clone()).filter(|flags| !flags.is_empty()).map(|flags| format!("flags {flags}")));
    parts.extend(line.cause.clone());
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(id: Option<&str>) -> AccessLog {
        let request = id.map(
            |id| json!({"method": "GET", "path": "/", "version": "HTTP/1.1", "authority": "httpbin.foo", "id": id}),
        );
        serde_json::from_value(json!({
            "time": "2026-01-01T00:00:00Z", "direction": "inbound", "source": "10.244.0.9:41000",
            "destination": "10.244.0.4:80", "mode": "STRICT", "transport": "plaintext", "request": request, "flags": "",
            "cause": "the port only takes mutual TLS", "bytesReceived": 0, "bytesSent": 0, "durationMs": 1,
        }))
        .unwrap()
    }

    fn sought() -> Sought {
        let source = Source::Caller { addresses: vec!["10.244.0.9".parse().unwrap()], port: Some(41000) };
        Sought { direction: Direction::Inbound, id: "a".to_owned(), source }
    }

    #[test]
    fn a_request_is_known_by_its_id_and_a_connection_by_its_source() {
        assert!(sought().is(&line(Some("a"))));
        assert!(!sought().is(&line(Some("b"))), "another request from the same port");
        assert!(sought().is(&line(None)));
        let source = Source::Caller { addresses: vec!["10.244.0.9".parse().unwrap()], port: Some(41001) };
        assert!(!Sought { source, ..sought() }.is(&line(None)));
        let outside = |pod: &str| Sought { source: Source::Outside(vec![pod.parse().unwrap()]), ..sought() };
        assert!(outside("10.244.0.8").is(&line(None)));
        assert!(!outside("10.244.0.9").is(&line(None)), "a pod is not outside");
        assert!(!Sought { direction: Direction::Outbound, ..sought() }.is(&line(Some("a"))));
    }

    #[test]
    fn a_line_reads_as_a_sentence() {
        insta::assert_snapshot!(told(&line(None)), @"inbound from 10.244.0.9:41000 in plaintext, port is STRICT, the port only takes mutual TLS");
    }
}
