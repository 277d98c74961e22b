//! What one sidecar is told, from the objects of a running cluster.

use labctl::{
    mesh::{config::proxy_config, policy::Index, registry::Registry, snapshot::Settings},
    sidecar::config::{ClientTls, ProxyConfig},
};
use serde_json::{Value, json};

fn pod(namespace: &str, name: &str, address: &str, sidecar: bool, ready: bool) -> Value {
    let mut containers = vec![json!({"name": "app", "ports": [{"name": "web", "containerPort": 8080}]})];
    if sidecar {
        containers.push(json!({"name": "istio-proxy", "ports": [{"containerPort": 15090}]}));
    }
    let status = if ready { "True" } else { "False" };
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name.split('-').next()}},
        "spec": {"serviceAccountName": "httpbin", "containers": containers},
        "status": {"podIP": address, "phase": "Running", "conditions": [{"type": "Ready", "status": status}]}})
}

fn service(ports: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "httpbin", "namespace": "foo"},
        "spec": {"clusterIP": "10.96.0.7", "clusterIPs": ["10.96.0.7"], "selector": {"app": "httpbin"}, "ports": ports}})
}

fn mesh(resources: &[Value]) -> Index {
    let mut registry = Registry::live(Settings::default());
    let pods = [
        pod("foo", "httpbin-1", "10.244.0.1", true, true),
        pod("foo", "httpbin-2", "10.244.0.2", false, true),
        pod("foo", "httpbin-3", "10.244.0.3", true, false),
        pod("bar", "sleep-1", "10.244.0.4", true, true),
    ];
    let ports =
        json!([{"name": "http", "port": 8000, "targetPort": "web"}, {"name": "dns", "port": 53, "protocol": "UDP"}]);
    for object in pods.iter().chain([&service(&ports)]).chain(resources) {
        registry.add(object, None).unwrap();
    }
    Index::new(registry.finish())
}

fn config(index: &Index, namespace: &str, name: &str) -> ProxyConfig {
    proxy_config(index, index.find_workload(namespace, name).unwrap())
}

#[test]
fn a_client_is_told_names_addresses_and_ready_endpoints() {
    insta::assert_json_snapshot!(config(&mesh(&[]), "bar", "sleep-1"), {".version" => "(digest)"});
}

#[test]
fn a_neighbour_may_use_the_short_name() {
    let index = mesh(&[]);
    let aliases = |namespace, name| config(&index, namespace, name).outbound[0].aliases.clone();
    assert_eq!(aliases("bar", "sleep-1"), ["httpbin.foo.svc", "httpbin.foo"]);
    assert_eq!(aliases("foo", "httpbin-1"), ["httpbin.foo.svc", "httpbin.foo", "httpbin"]);
}

#[test]
fn a_server_is_told_its_modes() {
    let policy = json!({"apiVersion": "security.istio.io/v1", "kind": "PeerAuthentication",
        "metadata": {"name": "w", "namespace": "foo"},
        "spec": {"selector": {"matchLabels": {"app": "httpbin"}}, "mtls": {"mode": "STRICT"}, "portLevelMtls": {"9999": {"mode": "DISABLE"}}}});
    insta::assert_json_snapshot!(config(&mesh(&[policy]), "foo", "httpbin-1").inbound);
}

#[test]
fn the_version_changes_with_the_contents_only() {
    let rule = |mode: &str| {
        json!({"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
            "metadata": {"name": "d", "namespace": "foo"}, "spec": {"host": "httpbin", "trafficPolicy": {"tls": {"mode": mode}}}})
    };
    let version = |resources: &[Value]| config(&mesh(resources), "bar", "sleep-1").version;
    assert_eq!(version(&[]), version(&[]));
    assert_ne!(version(&[]), version(&[rule("DISABLE")]));
    assert_ne!(version(&[rule("ISTIO_MUTUAL")]), version(&[rule("DISABLE")]));
}

#[test]
fn a_rule_with_files_is_handed_on() {
    let rule = json!({"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
        "metadata": {"name": "d", "namespace": "bar"},
        "spec": {"host": "httpbin.foo.svc.cluster.local", "trafficPolicy": {"tls": {
            "mode": "MUTUAL", "clientCertificate": "/c.pem", "privateKey": "/k.pem", "caCertificates": "/ca.pem", "sni": "api.example"}}}});
    let index = mesh(&[rule]);
    let ClientTls::Files { sni, ca_certificates, client_certificate, .. } =
        &config(&index, "bar", "sleep-1").outbound[0].tls
    else {
        panic!("not by files")
    };
    assert_eq!((sni.as_deref(), ca_certificates.as_deref()), (Some("api.example"), Some("/ca.pem")));
    assert_eq!(client_certificate.as_ref().map(|files| files.key.as_str()), Some("/k.pem"));
}

#[test]
fn what_a_rule_says_of_verification_is_handed_on() {
    let handed_on = |tls: Value| {
        let rule = json!({"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
            "metadata": {"name": "d", "namespace": "bar"},
            "spec": {"host": "httpbin.foo.svc.cluster.local", "workloadSelector": {"matchLabels": {"app": "sleep"}},
                "trafficPolicy": {"tls": tls}}});
        match config(&mesh(&[rule]), "bar", "sleep-1").outbound.swap_remove(0).tls {
            ClientTls::Files { insecure_skip_verify, credential_name, .. } => (insecure_skip_verify, credential_name),
            other => panic!("not by files: {other:?}"),
        }
    };
    assert_eq!(handed_on(json!({"mode": "SIMPLE"})), (false, None));
    assert_eq!(handed_on(json!({"mode": "SIMPLE", "insecureSkipVerify": true})), (true, None));
    assert_eq!(handed_on(json!({"mode": "SIMPLE", "credentialName": "ca"})), (false, Some("ca".to_owned())));
}

#[test]
fn a_service_may_be_for_some_namespaces_only() {
    let mut hidden = service(&json!([{"name": "http", "port": 8000}]));
    hidden["metadata"] =
        json!({"name": "hidden", "namespace": "foo", "annotations": {"networking.istio.io/exportTo": "."}});
    let index = mesh(&[hidden]);
    let hosts = |namespace, name| config(&index, namespace, name).outbound.len();
    assert_eq!((hosts("bar", "sleep-1"), hosts("foo", "httpbin-1")), (1, 2));
}
