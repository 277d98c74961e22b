//! How long policy resolution takes in a large mesh: 10,000 workloads behind 1,000 Services, 1,000 policies.

use labctl::mesh::{
    config::proxy_config,
    policy::{Index, WorkloadId},
    registry::Registry,
    snapshot::{Settings, Snapshot},
};
use serde_json::{Value, json};

const NAMESPACES: usize = 50;
const SERVICES: usize = 1_000;
const WORKLOADS: usize = 10_000;
const POLICIES: usize = 1_000;

fn main() {
    divan::main();
}

fn namespace(number: usize) -> String {
    format!("team-{}", number % NAMESPACES)
}

fn service(number: usize) -> Value {
    json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"name": format!("service-{number}"), "namespace": namespace(number)},
        "spec": {"clusterIP": format!("10.96.{}.{}", number / 256, number % 256), "selector": {"app": format!("app-{number}")},
            "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}})
}

fn pod(number: usize) -> Value {
    let service = number % SERVICES;
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": format!("pod-{number}"), "namespace": namespace(service),
            "labels": {"app": format!("app-{service}"), "version": format!("v{}", number % 3), "security.istio.io/tlsMode": "istio"}},
        "spec": {"serviceAccountName": format!("account-{service}"),
            "containers": [{"name": "app", "ports": [{"containerPort": 8080}]}, {"name": "istio-proxy"}]},
        "status": {"podIP": format!("10.244.{}.{}", number / 250, 1 + number % 250), "conditions": [{"type": "Ready", "status": "True"}]}})
}

/// Half PeerAuthentications (namespaces and workloads), half DestinationRules (exact hosts, wildcards, the client's own).
fn policy(number: usize) -> Value {
    let service = number % SERVICES;
    let own = namespace(service);
    if number.is_multiple_of(2) {
        let mode = ["STRICT", "PERMISSIVE", "DISABLE"][number % 3];
        return json!({"apiVersion": "security.istio.io/v1", "kind": "PeerAuthentication",
            "metadata": {"name": format!("peer-{number}"), "namespace": own},
            "spec": {"selector": {"matchLabels": {"app": format!("app-{service}")}}, "mtls": {"mode": mode},
                "portLevelMtls": {"9090": {"mode": "STRICT"}}}});
    }
    let (place, host) = match number % 10 {
        1 => (namespace(service + 1), format!("service-{service}.{own}.svc.cluster.local")),
        3 => ("istio-system".to_owned(), format!("*-{service}.{own}.svc.cluster.local")),
        _ => (own.clone(), format!("service-{service}")),
    };
    json!({"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
        "metadata": {"name": format!("rule-{number}"), "namespace": place},
        "spec": {"host": host, "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}}}})
}

fn mesh() -> Snapshot {
    let mut registry = Registry::live(Settings::default());
    let objects = (0..SERVICES).map(service).chain((0..WORKLOADS).map(pod)).chain((0..POLICIES).map(policy));
    for object in objects {
        registry.add(&object, None).expect("the objects are sound");
    }
    registry.finish()
}

/// The whole configuration of one workload, as the control plane computes it for each of its clients in turn.
#[divan::bench(sample_count = 200)]
fn one_workloads_configuration(bencher: divan::Bencher<'_, '_>) {
    let index = Index::new(mesh());
    let workloads: Vec<WorkloadId> = index.workloads().collect();
    // What all clients share is computed with the first of them.
    divan::black_box(proxy_config(&index, workloads[0]));
    let mut next = 0;
    bencher
        .with_inputs(|| {
            next += 7;
            workloads[next % workloads.len()]
        })
        .bench_local_values(|workload| proxy_config(&index, workload));
}

/// The first configuration after a change, which computes what all clients share.
#[divan::bench(sample_count = 20)]
fn first_configuration(bencher: divan::Bencher<'_, '_>) {
    let snapshot = std::sync::Arc::new(mesh());
    bencher
        .with_inputs(|| Index::new(std::sync::Arc::clone(&snapshot)))
        .bench_local_values(|index| proxy_config(&index, index.workloads().next().expect("there are workloads")));
}

/// The index itself, once per change of the mesh.
#[divan::bench(sample_count = 20)]
fn index(bencher: divan::Bencher<'_, '_>) {
    let snapshot = std::sync::Arc::new(mesh());
    bencher.bench_local(|| Index::new(std::sync::Arc::clone(&snapshot)));
}

/// One question: the mode of one port, with its reasons.
#[divan::bench]
fn one_server_mode(bencher: divan::Bencher<'_, '_>) {
    let index = Index::new(mesh());
    let workload = index.workloads().nth(4_321).expect("there are workloads");
    bencher.bench_local(|| index.server_mode(workload, 8080));
}
