//! What a sidecar counts, under Istio's standard names, as Prometheus text.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use super::access_log::{Direction, Transport};

const FIRST_STATUS: u16 = 100;
const STATUSES: usize = 500;

/// What tells series apart.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Labels {
    /// `source` or `destination`: who reports.
    pub reporter: &'static str,
    /// The caller's identity, `unknown` if it proved none.
    pub source_principal: String,
    /// The Service or address called.
    pub destination_service: String,
    /// `mutual_tls`, `none` or `unknown`.
    pub connection_security_policy: &'static str,
}

impl Labels {
    /// Istio's words for what we know.
    pub fn new(direction: Direction, transport: Transport, source: Option<String>, destination: String) -> Self {
        Self {
            reporter: match direction {
                Direction::Inbound => "destination",
                Direction::Outbound => "source",
            },
            source_principal: source.unwrap_or_else(|| "unknown".to_owned()),
            destination_service: destination,
            connection_security_policy: match (direction, transport) {
                (Direction::Outbound, _) => "unknown",
                (Direction::Inbound, Transport::Mtls) => "mutual_tls",
                (Direction::Inbound, _) => "none",
            },
        }
    }
}

/// The counters under one set of labels. Counting takes no lock, failures excepted.
#[derive(Debug)]
pub struct Series {
    requests: Box<[AtomicU64]>,
    failures: Mutex<BTreeMap<(u16, &'static str), u64>>,
    opened: AtomicU64,
    closed: AtomicU64,
    received: AtomicU64,
    sent: AtomicU64,
}

impl Default for Series {
    fn default() -> Self {
        Self {
            requests: (0..STATUSES).map(|_| AtomicU64::new(0)).collect(),
            failures: Mutex::default(),
            opened: 0.into(),
            closed: 0.into(),
            received: 0.into(),
            sent: 0.into(),
        }
    }
}

/// A series that is looked up once.
#[derive(Debug, Default)]
pub(crate) struct LazySeries(OnceLock<Arc<Series>>);

impl LazySeries {
    pub fn get(&self, telemetry: &Telemetry, labels: impl FnOnce() -> Labels) -> &Arc<Series> {
        self.0.get_or_init(|| telemetry.series(labels()))
    }
}

impl Series {
    /// Counts a request; `flags` are empty if all went well.
    pub fn request(&self, status: u16, flags: &'static str) {
        let index = usize::from(status.saturating_sub(FIRST_STATUS));
        match self.requests.get(index) {
            Some(counter) if flags.is_empty() => {
                counter.fetch_add(1, Ordering::Relaxed);
            }
            _ => *lock(&self.failures).entry((status, flags)).or_default() += 1,
        }
    }

    /// Counts an opaque connection that begins.
    pub fn open(&self) {
        self.opened.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts an opaque connection that ended.
    pub fn close(&self, received: u64, sent: u64) {
        self.closed.fetch_add(1, Ordering::Relaxed);
        self.received.fetch_add(received, Ordering::Relaxed);
        self.sent.fetch_add(sent, Ordering::Relaxed);
    }

    fn requests(&self) -> Vec<(u16, &'static str, u64)> {
        let counted = self.requests.iter().zip(FIRST_STATUS..).map(|(count, status)| (status, "-", read(count)));
        let mut all: Vec<_> = counted.filter(|(_, _, count)| *count > 0).collect();
        all.extend(lock(&self.failures).iter().map(|(&(status, flags), &count)| (status, flags, count)));
        all
    }
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All series of one sidecar, or of one of its runtimes.
#[derive(Debug, Default)]
pub struct Telemetry {
    series: Mutex<BTreeMap<Labels, Arc<Series>>>,
}

impl Telemetry {
    /// The counters under these labels.
    pub fn series(&self, labels: Labels) -> Arc<Series> {
        lock(&self.series).entry(labels).or_default().clone()
    }
}

/// Writes the sums of several sets of series as Prometheus text.
pub fn prometheus(parts: &[Arc<Telemetry>]) -> String {
    let mut sums: BTreeMap<(&str, String), u64> = BTreeMap::new();
    for part in parts {
        for (labels, series) in lock(&part.series).iter() {
            add(&mut sums, labels, series);
        }
    }
    let (mut text, mut previous) = (String::new(), "");
    for ((name, labels), value) in &sums {
        if previous != *name {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "# TYPE {name} counter");
            previous = name;
        }
        let _ = writeln!(text, "{name}{{{labels}}} {value}");
    }
    text
}

fn add(sums: &mut BTreeMap<(&'static str, String), u64>, labels: &Labels, series: &Series) {
    let common = format!(
        "reporter=\"{}\",source_principal=\"{}\",destination_service=\"{}\",connection_security_policy=\"{}\"",
        labels.reporter,
        escape(&labels.source_principal),
        escape(&labels.destination_service),
        labels.connection_security_policy
    );
    for (status, flags, count) in series.requests() {
        let labels = format!("{common},response_code=\"{status}\",response_flags=\"{flags}\"");
        *sums.entry(("istio_requests_total", labels)).or_default() += count;
    }
    if read(&series.opened) == 0 {
        return;
    }
    let connections = [
        ("istio_tcp_connections_opened_total", &series.opened),
        ("istio_tcp_connections_closed_total", &series.closed),
        ("istio_tcp_received_bytes_total", &series.received),
        ("istio_tcp_sent_bytes_total", &series.sent),
    ];
    for (name, counter) in connections {
        *sums.entry((name, common.clone())).or_default() += read(counter);
    }
}

/// Escapes a label's value as the text format asks.
fn escape(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_summed() {
        let parts = [Arc::new(Telemetry::default()), Arc::new(Telemetry::default())];
        for part in &parts {
            let labels = Labels::new(
                Direction::Inbound,
                Transport::Mtls,
                Some("spiffe://a/ns/b/sa/\"c".into()),
                "10.0.0.1:80".into(),
            );
            let series = part.series(labels);
            series.request(200, "");
            series.request(503, "UF");
            series.open();
            series.close(10, 20);
        }
        insta::assert_snapshot!(prometheus(&parts), @r#"
        # TYPE istio_requests_total counter
        istio_requests_total{reporter="destination",source_principal="spiffe://a/ns/b/sa/\"c",destination_service="10.0.0.1:80",connection_security_policy="mutual_tls",response_code="200",response_flags="-"} 2
        istio_requests_total{reporter="destination",source_principal="spiffe://a/ns/b/sa/\"c",destination_service="10.0.0.1:80",connection_security_policy="mutual_tls",response_code="503",response_flags="UF"} 2
        # TYPE istio_tcp_connections_closed_total counter
        istio_tcp_connections_closed_total{reporter="destination",source_principal="spiffe://a/ns/b/sa/\"c",destination_service="10.0.0.1:80",connection_security_policy="mutual_tls"} 2
        # TYPE istio_tcp_connections_opened_total counter
        istio_tcp_connections_opened_total{reporter="destination",source_principal="spiffe://a/ns/b/sa/\"c",destination_service="10.0.0.1:80",connection_security_policy="mutual_tls"} 2
        # TYPE istio_tcp_received_bytes_total counter
        istio_tcp_received_bytes_total{reporter="destination",source_principal="spiffe://a/ns/b/sa/\"c",destination_service="10.0.0.1:80",connection_security_policy="mutual_tls"} 20
        # TYPE istio_tcp_sent_bytes_total counter
        istio_tcp_sent_bytes_total{reporter="destination",source_principal="spiffe://a/ns/b/sa/\"c",destination_service="10.0.0.1:80",connection_security_policy="mutual_tls"} 40
        "#);
    }
}
