//! What both sidecars count, asked on their telemetry ports.

use std::net::{IpAddr, SocketAddr};

use http::Request;
use http_body_util::{BodyExt as _, Full};
use labctl::{
    mesh::mode::Mode,
    sidecar::config::{ClientTls, Protocol},
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::{
    app,
    client::{ask, get, http2},
    world::{APP, CLIENT, CLIENT_ID, HOST, SERVER, SERVER_ID, SERVICE, World, mutual},
};

/// Metrics of one sidecar at one moment.
struct Metrics(String);

impl Metrics {
    async fn of(world: &World, pod: IpAddr) -> Self {
        let stream = world.net.dial_port(SocketAddr::new(pod, 15020)).await.unwrap();
        Self(ask(stream, get("/metrics")).await.unwrap().text)
    }

    /// The sum of all samples of this name that have these labels.
    fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let wanted = |line: &&str| {
            line.split_once('{').is_some_and(|(found, _)| found == name)
                && labels.iter().all(|(label, value)| line.contains(&format!("{label}=\"{value}\"")))
        };
        let value = |line: &str| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap();
        self.0.lines().filter(wanted).map(value).sum()
    }
}

#[tokio::test]
async fn both_ends_count_a_request_under_istios_names() {
    let world = World::meshed(Protocol::Http).await;
    app::http(&world.net, APP).await;
    let request = Request::post("/echo").header("host", HOST).body(Full::from("twelve bytes")).unwrap();
    let stream = world.net.dial_from(CLIENT, SERVICE).await.unwrap();
    assert_eq!(ask(stream, request).await.unwrap().text, "twelve bytes");
    for (sidecar, pod, reporter, policy) in
        [(world.client(), CLIENT, "source", "unknown"), (world.server(), SERVER, "destination", "mutual_tls")]
    {
        sidecar.logged(|entry| entry.status == Some(200)).await;
        let metrics = Metrics::of(&world, pod).await;
        let labels = [
            ("reporter", reporter),
            ("source_principal", CLIENT_ID),
            ("destination_principal", SERVER_ID),
            ("connection_security_policy", policy),
            ("request_protocol", "http"),
            ("response_code", "200"),
            ("response_flags", "-"),
        ];
        assert_eq!(metrics.sum("istio_requests_total", &labels), 1.0, "{}", metrics.0);
        assert_eq!(metrics.sum("istio_request_bytes_sum", &labels), 12.0);
        assert_eq!(metrics.sum("istio_response_bytes_sum", &labels), 12.0);
        assert_eq!(metrics.sum("istio_request_duration_milliseconds_count", &labels), 1.0);
        let duration = metrics.sum("istio_request_duration_milliseconds_sum", &labels);
        assert!(duration > 0.0, "{}", metrics.0);
    }
    let source = Metrics::of(&world, CLIENT).await;
    let destination = [
        ("destination_service", HOST),
        ("destination_service_name", "httpbin"),
        ("destination_service_namespace", "foo"),
        ("destination_workload", "httpbin-v1"),
        ("destination_workload_namespace", "foo"),
    ];
    assert_eq!(source.sum("istio_requests_total", &destination), 1.0, "{}", source.0);
}

#[tokio::test]
async fn a_plaintext_caller_is_an_unknown_source() {
    let world = World::new(Some((Mode::Permissive, Protocol::Http))).await;
    app::http(&world.net, APP).await;
    assert_eq!(ask(world.net.dial(APP).await.unwrap(), get("/headers")).await.unwrap().status, 200);
    world.server().logged(|entry| entry.status == Some(200)).await;
    let metrics = Metrics::of(&world, SERVER).await;
    let labels = [
        ("source_workload", "unknown"),
        ("source_principal", "unknown"),
        ("destination_principal", "unknown"),
        ("connection_security_policy", "none"),
    ];
    assert_eq!(metrics.sum("istio_requests_total", &labels), 1.0, "{}", metrics.0);

    world.server().reconfigure(|config| config.inbound.ports.get_mut(&APP.port()).unwrap().mode = Mode::Strict);
    ask(world.net.dial(APP).await.unwrap(), get("/headers")).await.unwrap_err();
    world.server().logged(|entry| entry.flags == "DPE").await;
    let metrics = Metrics::of(&world, SERVER).await;
    assert_eq!(metrics.sum("labctl_connections_refused_total", &labels), 1.0, "{}", metrics.0);
    assert_eq!(metrics.sum("istio_requests_total", &labels), 1.0);
}

#[tokio::test]
async fn bytes_of_opaque_connections_are_counted_while_they_pass() {
    let world = World::meshed(Protocol::Tcp).await;
    let listener = world.net.app(APP).await;
    let mut client = world.net.dial_from(CLIENT, SERVICE).await.unwrap();
    client.write_all(b"hello").await.unwrap();
    let (mut server, _) = listener.accept().await.unwrap();
    let mut heard = [0; 5];
    server.read_exact(&mut heard).await.unwrap();
    server.write_all(b"hello you").await.unwrap();
    let mut answer = [0; 9];
    client.read_exact(&mut answer).await.unwrap();
    let sums = async |pod, reporter| {
        let metrics = Metrics::of(&world, pod).await;
        let labels = [("reporter", reporter), ("source_principal", CLIENT_ID), ("request_protocol", "tcp")];
        ["connections_opened", "connections_closed", "received_bytes", "sent_bytes"]
            .map(|name| metrics.sum(&format!("istio_tcp_{name}_total"), &labels))
    };
    assert_eq!(sums(CLIENT, "source").await, [1.0, 0.0, 5.0, 9.0]);
    assert_eq!(sums(SERVER, "destination").await, [1.0, 0.0, 5.0, 9.0]);
    drop((client, server));
    world.client().logged(|_| true).await;
    world.server().logged(|_| true).await;
    assert_eq!(sums(CLIENT, "source").await[1], 1.0);
    assert_eq!(sums(SERVER, "destination").await[1], 1.0);
}

#[tokio::test]
async fn failures_are_counted_with_their_flags() {
    let world = World::new(None).await.with_client(Protocol::Http, ClientTls::Disable).await;
    let stream = world.net.dial_from(CLIENT, SERVICE).await.unwrap();
    assert_eq!(ask(stream, get("/headers")).await.unwrap().status, 503);
    world.client().logged(|entry| entry.status == Some(503)).await;
    let metrics = Metrics::of(&world, CLIENT).await;
    let labels = [("destination_service", HOST), ("response_code", "503"), ("response_flags", "UF,URX")];
    assert_eq!(metrics.sum("istio_requests_total", &labels), 1.0, "{}", metrics.0);
}

#[tokio::test]
async fn grpc_is_counted_with_its_own_status() {
    let world = World::new(Some((Mode::Strict, Protocol::Http2))).await;
    let world = world.with_client(Protocol::Http2, mutual(&[SERVER_ID])).await;
    app::http(&world.net, APP).await;
    let mut sender = http2(world.net.dial_from(CLIENT, SERVICE).await.unwrap()).await;
    let request = Request::get(format!("http://{HOST}/trailers")).header("te", "trailers");
    let response = sender.send_request(request.body(Full::<bytes::Bytes>::default()).unwrap()).await.unwrap();
    response.into_body().collect().await.unwrap();
    for (sidecar, pod) in [(world.client(), CLIENT), (world.server(), SERVER)] {
        sidecar.logged(|entry| entry.status == Some(200)).await;
        let metrics = Metrics::of(&world, pod).await;
        let labels = [("request_protocol", "grpc"), ("grpc_response_status", "5"), ("response_code", "200")];
        assert_eq!(metrics.sum("istio_requests_total", &labels), 1.0, "{}", metrics.0);
    }
}
