use std::time::Duration;

use super::*;
use crate::sidecar::access_log::{Direction, Transport};

fn inbound(peer: Option<&str>) -> Labels {
    Labels {
        direction: Direction::Inbound,
        transport: Some(if peer.is_some() { Transport::Mtls } else { Transport::Plaintext }),
        peer: peer.map(|id| id.parse().unwrap()),
        workload: None,
        service: Some(Arc::from("httpbin.foo.svc.cluster.local")),
    }
}

fn telemetry() -> Arc<Telemetry> {
    let telemetry = Telemetry::of(Some(Workload { namespace: Arc::from("foo"), name: Arc::from("httpbin") }));
    telemetry.known_as(&"spiffe://cluster.local/ns/foo/sa/httpbin".parse().unwrap());
    Arc::new(telemetry)
}

#[test]
fn parts_are_summed_under_istios_names() {
    let parts = [telemetry(), telemetry()];
    for part in &parts {
        let series = part.series(&inbound(Some("spiffe://cluster.local/ns/b/sa/\"c")));
        let outcome = Outcome { status: 200, flags: "", grpc: None };
        let took = Duration::from_micros(1_250);
        series.request(&Exchange { outcome, took, received: 10, sent: 300 });
    }
    let text = prometheus(&parts);
    // The labels are the same in each line; they are looked at in the first.
    let labels = text.lines().nth(2).and_then(|line| Some(line.split_once('{')?.1.split_once('}')?.0)).unwrap();
    insta::assert_snapshot!(labels.replace("\",", "\"\n"), @r#"
    reporter="destination"
    source_workload="unknown"
    source_workload_namespace="b"
    source_principal="spiffe://cluster.local/ns/b/sa/\"c"
    destination_workload="httpbin"
    destination_workload_namespace="foo"
    destination_principal="spiffe://cluster.local/ns/foo/sa/httpbin"
    destination_service="httpbin.foo.svc.cluster.local"
    destination_service_name="httpbin"
    destination_service_namespace="foo"
    connection_security_policy="mutual_tls"
    request_protocol="http"
    response_code="200"
    grpc_response_status=""
    response_flags="-"
    "#);
    let shown: Vec<String> = text
        .lines()
        .map(|line| line.replace(labels, ".."))
        .filter(|line| !line.contains("_bucket") || line.contains("le=\"1\"") || line.contains("le=\"5\""))
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    # HELP istio_requests_total Requests that have ended.
    # TYPE istio_requests_total counter
    istio_requests_total{..} 2
    # HELP istio_request_duration_milliseconds How long requests took.
    # TYPE istio_request_duration_milliseconds histogram
    istio_request_duration_milliseconds_bucket{..,le="1"} 0
    istio_request_duration_milliseconds_bucket{..,le="5"} 2
    istio_request_duration_milliseconds_sum{..} 2.5
    istio_request_duration_milliseconds_count{..} 2
    # HELP istio_request_bytes Bytes of requests' bodies.
    # TYPE istio_request_bytes histogram
    istio_request_bytes_bucket{..,le="1"} 0
    istio_request_bytes_bucket{..,le="5"} 0
    istio_request_bytes_sum{..} 20
    istio_request_bytes_count{..} 2
    # HELP istio_response_bytes Bytes of responses' bodies.
    # TYPE istio_response_bytes histogram
    istio_response_bytes_bucket{..,le="1"} 0
    istio_response_bytes_bucket{..,le="5"} 0
    istio_response_bytes_sum{..} 600
    istio_response_bytes_count{..} 2
    "#);
}

#[test]
fn a_stranger_in_plaintext_is_an_unknown_source() {
    let telemetry = telemetry();
    let series = telemetry.series(&inbound(None));
    series.open();
    series.pass(10, 20);
    series.close(true);
    series.refuse();
    let text = prometheus(&[telemetry]);
    let counted: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    for line in &counted {
        for label in ["source_workload=\"unknown\"", "source_principal=\"unknown\"", "_policy=\"none\""] {
            assert!(line.contains(label), "{line}");
        }
    }
    let values =
        counted.iter().filter_map(|line| Some(format!("{} {}", line.split_once('{')?.0, line.rsplit_once(' ')?.1)));
    insta::assert_snapshot!(values.collect::<Vec<_>>().join("\n"), @r"
    istio_tcp_connections_opened_total 1
    istio_tcp_connections_closed_total 1
    istio_tcp_received_bytes_total 10
    istio_tcp_sent_bytes_total 20
    labctl_connections_refused_total 1
    ");
}

#[test]
fn too_many_series_are_counted_together() {
    let telemetry = Telemetry::default();
    for number in 0..MOST_SERIES + 10 {
        telemetry.series(&inbound(Some(&format!("spiffe://cluster.local/ns/foo/sa/{number}")))).open();
    }
    assert_eq!(telemetry.all().len(), MOST_SERIES + 1);
    let rest = telemetry.series(&inbound(Some("spiffe://cluster.local/ns/foo/sa/new")));
    assert_eq!(rest.opaque().opened, 10);
}
