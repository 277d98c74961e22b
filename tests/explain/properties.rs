//! Properties of policy resolution: the order of resources means nothing, and the index agrees with a naive scan.

use labctl::mesh::{
    config::proxy_config,
    policy::{Index, Target},
    registry::Registry,
    snapshot::{Settings, Snapshot},
};
use proptest::prelude::*;
use serde_json::{Value, json};

const NAMESPACES: [&str; 3] = ["foo", "bar", "istio-system"];
const MODES: [&str; 4] = ["UNSET", "DISABLE", "PERMISSIVE", "STRICT"];
const CLIENT_MODES: [&str; 3] = ["DISABLE", "SIMPLE", "ISTIO_MUTUAL"];

fn one_of(options: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(options)
}

fn created() -> impl Strategy<Value = String> {
    (0..3u8).prop_map(|minute| format!("2024-05-01T00:0{minute}:00Z"))
}

/// Labels from a small alphabet, so that they often meet.
fn labels() -> impl Strategy<Value = Value> {
    let app = prop::option::of(one_of(&["a", "b"]));
    let version = prop::option::of(one_of(&["v1", "v2"]));
    (app, version).prop_map(|(app, version)| {
        let pairs = [("app", app), ("version", version)];
        pairs
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), json!(value?))))
            .collect::<serde_json::Map<_, _>>()
            .into()
    })
}

fn peer_authentication() -> impl Strategy<Value = Value> {
    let port = prop::option::of(one_of(&MODES));
    (one_of(&NAMESPACES), created(), prop::option::of(labels()), one_of(&MODES), port).prop_map(
        |(namespace, created, labels, mode, port)| {
            let mut spec = json!({"mtls": {"mode": mode}});
            if let Some(labels) = labels {
                let selective = labels.as_object().is_some_and(|labels| !labels.is_empty());
                spec["selector"] = json!({ "matchLabels": labels });
                if let Some(port) = port.filter(|_| selective) {
                    spec["portLevelMtls"] = json!({"8080": {"mode": port}});
                }
            }
            json!({"apiVersion": "security.istio.io/v1", "kind": "PeerAuthentication",
                "metadata": {"namespace": namespace, "creationTimestamp": created}, "spec": spec})
        },
    )
}

fn destination_rule() -> impl Strategy<Value = Value> {
    let host = one_of(&["svc", "svc.foo.svc.cluster.local", "*.foo.svc.cluster.local", "*.local", "*"]);
    let export = prop::option::of(one_of(&[".", "*", "foo", "bar"]));
    let selector = prop::option::weighted(0.2, labels());
    (one_of(&NAMESPACES), created(), host, export, prop::option::of(one_of(&CLIENT_MODES)), selector).prop_map(
        |(namespace, created, host, export, mode, selector)| {
            let mut spec = json!({ "host": host });
            if let Some(mode) = mode {
                spec["trafficPolicy"] = json!({"tls": {"mode": mode}});
            }
            match (selector, export) {
                (Some(labels), _) => spec["workloadSelector"] = json!({ "matchLabels": labels }),
                (None, Some(export)) => spec["exportTo"] = json!([export]),
                (None, None) => {}
            }
            json!({"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
                "metadata": {"namespace": namespace, "creationTimestamp": created}, "spec": spec})
        },
    )
}

fn pod() -> impl Strategy<Value = Value> {
    (one_of(&NAMESPACES), labels(), any::<bool>()).prop_map(|(namespace, labels, sidecar)| {
        let mut containers = vec![json!({"name": "app", "ports": [{"containerPort": 8080}, {"containerPort": 9090}]})];
        if sidecar {
            containers.push(json!({"name": "istio-proxy"}));
        }
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": namespace, "labels": labels},
            "spec": {"serviceAccountName": "account", "containers": containers},
            "status": {"podIP": "10.0.0.1", "conditions": [{"type": "Ready", "status": "True"}]}})
    })
}

/// A mesh whose objects have names of their own.
fn objects() -> impl Strategy<Value = Vec<Value>> {
    let policies = prop::collection::vec(peer_authentication(), 0..8);
    let rules = prop::collection::vec(destination_rule(), 0..8);
    let pods = prop::collection::vec(pod(), 1..6);
    (policies, rules, pods).prop_map(|(policies, rules, pods)| {
        let service = |namespace: &str| {
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "svc", "namespace": namespace},
                "spec": {"clusterIP": "10.96.0.1", "selector": {"app": "a"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}})
        };
        let mut all: Vec<Value> = policies.into_iter().chain(rules).chain(pods).collect();
        for (number, object) in all.iter_mut().enumerate() {
            object["metadata"]["name"] = json!(format!("object-{number}"));
        }
        all.extend(["foo", "bar"].map(service));
        all
    })
}

fn snapshot(objects: &[Value]) -> Snapshot {
    let mut registry = Registry::live(Settings::default());
    for object in objects {
        registry.add(object, None).unwrap();
    }
    registry.finish()
}

/// All that an index answers about its mesh.
fn answers(index: &Index) -> String {
    let mut text = String::new();
    for workload in index.workloads() {
        for port in [8080, 9090] {
            text += &format!("{:?}\n", index.server_mode(workload, port));
        }
        for service in index.services() {
            let target = Target { service, port: 80, subset: None };
            for endpoint in index.target_endpoints(index.workload(workload), target) {
                text += &format!("{:?}\n", index.client_setting(workload, target, Some(endpoint)));
            }
            text += &format!("{:?}\n", index.predict(workload, &index.service(service).host, 80));
        }
        text += &format!("{:?}\n", proxy_config(index, workload));
    }
    text
}

/// The server mode as the rules are told, policy by policy.
fn naive_mode(objects: &[Value], pod: &Value, port: &str) -> String {
    let namespace = pod["metadata"]["namespace"].as_str().unwrap();
    let mut policies: Vec<&Value> = objects.iter().filter(|object| object["kind"] == "PeerAuthentication").collect();
    policies.sort_by_key(|policy| {
        (policy["metadata"]["creationTimestamp"].to_string(), policy["metadata"]["name"].to_string())
    });
    let required = |policy: &Value| policy["spec"]["selector"]["matchLabels"].as_object().cloned().unwrap_or_default();
    let of = |wanted: &'static str| {
        move |policy: &&&Value| policy["metadata"]["namespace"] == wanted && required(policy).is_empty()
    };
    let workload = policies.iter().find(|policy| {
        let labels = required(policy);
        policy["metadata"]["namespace"] == namespace
            && namespace != "istio-system"
            && !labels.is_empty()
            && labels.iter().all(|(key, value)| pod["metadata"]["labels"].get(key) == Some(value))
    });
    let wide = |name: &str| match name {
        "foo" => policies.iter().find(of("foo")),
        "bar" => policies.iter().find(of("bar")),
        _ => policies.iter().find(of("istio-system")),
    };
    let set = |mode: &Value| mode.as_str().filter(|mode| *mode != "UNSET").map(str::to_owned);
    let at_port = workload.and_then(|policy| set(&policy["spec"]["portLevelMtls"][port]["mode"]));
    let levels = [workload, wide(namespace), wide("istio-system")];
    let inherited = levels.into_iter().flatten().find_map(|policy| set(&policy["spec"]["mtls"]["mode"]));
    at_port.or(inherited).unwrap_or_else(|| "PERMISSIVE".to_owned())
}

proptest! {
    #[test]
    fn order_means_nothing((objects, shuffled) in objects().prop_flat_map(|objects| {
        (Just(objects.clone()), Just(objects).prop_shuffle())
    })) {
        prop_assert_eq!(answers(&Index::new(snapshot(&objects))), answers(&Index::new(snapshot(&shuffled))));
    }

    #[test]
    fn the_index_agrees_with_a_naive_scan(objects in objects()) {
        let index = Index::new(snapshot(&objects));
        for pod in objects.iter().filter(|object| object["kind"] == "Pod") {
            let name = pod["metadata"]["name"].as_str().unwrap();
            let id = index.find_workload(pod["metadata"]["namespace"].as_str().unwrap(), name).unwrap();
            for port in [8080, 9090] {
                let Some(decision) = index.server_mode(id, port) else { continue };
                prop_assert_eq!(decision.value.to_string(), naive_mode(&objects, pod, &port.to_string()));
            }
        }
    }

    /// What a sidecar is told is what is predicted of it.
    #[test]
    fn configurations_agree_with_settings(objects in objects()) {
        let index = Index::new(snapshot(&objects));
        for client in index.workloads().filter(|&client| index.workload(client).sidecar) {
            let config = proxy_config(&index, client);
            for port in &config.outbound {
                let service = index.find_service("foo", &port.host).unwrap();
                let target = Target { service, port: port.port, subset: None };
                let endpoints = index.target_endpoints(index.workload(client), target);
                prop_assert_eq!(endpoints.len(), port.endpoints.len());
                for (endpoint, told) in endpoints.into_iter().zip(&port.endpoints) {
                    let setting = index.client_setting(client, target, Some(endpoint));
                    prop_assert_eq!(setting.mode.to_string() != "DISABLE", told.tls);
                }
            }
            for (&port, told) in &config.inbound.ports {
                prop_assert_eq!(index.server_mode(client, port).map(|decision| decision.value), Some(told.mode));
            }
        }
    }
}
