//! Series as Prometheus text.

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc};

use super::{
    Telemetry,
    histogram::Counted,
    labels::{of_opaque, of_outcome},
    series::Series,
};

/// Writes the sums of several sets of series as Prometheus text (version 0.0.4).
pub fn prometheus(parts: &[Arc<Telemetry>]) -> String {
    let mut sums = Sums::default();
    for part in parts {
        let own = part.own();
        for (labels, series) in part.all() {
            sums.add(&labels.text(&own), &series);
        }
    }
    sums.text()
}

type Values = BTreeMap<String, u64>;

#[derive(Default)]
struct Sums {
    requests: Values,
    duration: BTreeMap<String, Counted>,
    request_bytes: BTreeMap<String, Counted>,
    response_bytes: BTreeMap<String, Counted>,
    opened: Values,
    closed: Values,
    received: Values,
    sent: Values,
    refused: Values,
}

impl Sums {
    fn add(&mut self, common: &str, series: &Series) {
        for requests in series.requests() {
            let labels = format!("{common}{}", of_outcome(&requests.outcome));
            let [duration, received, sent] =
                [&requests.duration, &requests.received, &requests.sent].map(super::histogram::Histogram::read);
            *self.requests.entry(labels.clone()).or_default() += duration.count();
            self.duration.entry(labels.clone()).or_default().add(&duration);
            self.request_bytes.entry(labels.clone()).or_default().add(&received);
            self.response_bytes.entry(labels).or_default().add(&sent);
        }
        let opaque = series.opaque();
        let labels = format!("{common}{}", of_opaque());
        if opaque.opened > 0 {
            let counted = [
                (&mut self.opened, opaque.opened),
                (&mut self.closed, opaque.closed),
                (&mut self.received, opaque.received),
                (&mut self.sent, opaque.sent),
            ];
            counted.into_iter().for_each(|(sums, value)| *sums.entry(labels.clone()).or_default() += value);
        }
        if opaque.refused > 0 {
            *self.refused.entry(labels).or_default() += opaque.refused;
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        counter(&mut text, "istio_requests_total", "Requests that have ended.", &self.requests);
        let histograms = [
            ("istio_request_duration_milliseconds", "How long requests took.", &self.duration),
            ("istio_request_bytes", "Bytes of requests' bodies.", &self.request_bytes),
            ("istio_response_bytes", "Bytes of responses' bodies.", &self.response_bytes),
        ];
        histograms.iter().for_each(|(name, help, values)| histogram(&mut text, name, help, values));
        let counters = [
            ("istio_tcp_connections_opened_total", "Opaque connections that began.", &self.opened),
            ("istio_tcp_connections_closed_total", "Opaque connections that ended.", &self.closed),
            ("istio_tcp_received_bytes_total", "Bytes of opaque connections from downstream.", &self.received),
            ("istio_tcp_sent_bytes_total", "Bytes of opaque connections to downstream.", &self.sent),
            ("labctl_connections_refused_total", "Connections that were not let in.", &self.refused),
        ];
        counters.iter().for_each(|(name, help, values)| counter(&mut text, name, help, values));
        text
    }
}

fn header(text: &mut String, name: &str, help: &str, kind: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn counter(text: &mut String, name: &str, help: &str, values: &Values) {
    if values.is_empty() {
        return;
    }
    header(text, name, help, "counter");
    for (labels, value) in values {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name}{{{labels}}} {value}");
    }
}

fn histogram(text: &mut String, name: &str, help: &str, values: &BTreeMap<String, Counted>) {
    if values.is_empty() {
        return;
    }
    header(text, name, help, "histogram");
    for (labels, counted) in values {
        for (bound, count) in counted.cumulative() {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{name}_bucket{{{labels},le=\"{bound}\"}} {count}");
        }
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name}_sum{{{labels}}} {}", counted.sum());
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name}_count{{{labels}}} {}", counted.count());
    }
}
