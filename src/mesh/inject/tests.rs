use super::*;

fn settings() -> Settings {
    Settings {
        image: "localhost/labctl:1".to_owned(),
        control_plane: "labctl-mesh.istio-system.svc:15012".to_owned(),
        trust_domain: "cluster.local".to_owned(),
    }
}

fn labels(text: &str) -> BTreeMap<String, String> {
    text.split_whitespace().filter_map(|pair| pair.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
}

#[test]
fn decision_table() {
    use Decision::{Inject, Leave};
    const ON: &str = "istio-injection=enabled";
    let cases = [
        // The namespace's labels, the pod's labels, the pod's annotations.
        ("", "", "", Leave(Reason::NotAsked)),
        (ON, "", "", Inject),
        ("istio-injection=disabled", "", "", Leave(Reason::NotAsked)),
        ("istio-injection=Enabled", "", "", Leave(Reason::NotAsked)),
        (ON, "sidecar.istio.io/inject=false", "", Leave(Reason::Refused)),
        ("", "sidecar.istio.io/inject=true", "", Inject),
        ("istio-injection=disabled", "sidecar.istio.io/inject=true", "", Leave(Reason::NamespaceRefuses)),
        (ON, "sidecar.istio.io/inject=maybe", "", Leave(Reason::Refused)),
        (ON, "sidecar.istio.io/inject=", "", Inject),
        (ON, "", "sidecar.istio.io/inject=no", Leave(Reason::Refused)),
        ("", "", "sidecar.istio.io/inject=yes", Inject),
        ("", "sidecar.istio.io/inject=true", "sidecar.istio.io/inject=false", Inject),
        (ON, "sidecar.istio.io/inject=true", "sidecar.istio.io/status={}", Leave(Reason::AlreadyInjected)),
    ];
    for (namespace, own, annotations, expected) in cases {
        let pod = json!({
            "metadata": { "labels": labels(own), "annotations": labels(annotations) },
            "spec": { "containers": [{ "name": "app" }] },
        });
        let decision = decide(PodWish::of(&pod), "foo", &labels(namespace));
        assert_eq!(decision, expected, "namespace {namespace:?}, labels {own:?}, annotations {annotations:?}");
    }
}

#[test]
fn some_pods_are_never_touched() {
    let host = json!({ "spec": { "hostNetwork": true, "containers": [] } });
    assert_eq!(decide(PodWish::of(&host), "foo", NamespaceWish::Asks), Decision::Leave(Reason::HostNetwork));
    let plain = json!({ "spec": { "containers": [] } });
    assert_eq!(
        decide(PodWish::of(&plain), "kube-system", NamespaceWish::Asks),
        Decision::Leave(Reason::SystemNamespace)
    );
}

/// A pod as a deployment's replica set creates it.
fn httpbin() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": "httpbin-5f6d-",
            "labels": { "app": "httpbin", "pod-template-hash": "5f6d" },
        },
        "spec": {
            "serviceAccountName": "httpbin",
            "containers": [{
                "name": "httpbin",
                "image": "localhost/labctl:1",
                "ports": [{ "name": "web", "containerPort": 8080 }],
                "readinessProbe": { "httpGet": { "path": "/status/200", "port": "web" }, "periodSeconds": 2 },
                "livenessProbe": { "exec": { "command": ["true"] } },
                "startupProbe": { "tcpSocket": { "port": 8080 }, "timeoutSeconds": 5 },
            }],
        },
    })
}

fn injected(pod: &Value) -> Value {
    let mut patched = pod.clone();
    json_patch::patch(&mut patched, &inject(pod, &settings()).unwrap().patch).unwrap();
    patched
}

#[test]
fn injected_pod() {
    insta::assert_json_snapshot!(injected(&httpbin()));
}

#[test]
fn patch_touches_only_what_changes() {
    let patch = inject(&httpbin(), &settings()).unwrap().patch;
    let places: Vec<String> = patch.0.iter().map(|operation| operation.path().to_string()).collect();
    insta::assert_json_snapshot!(places);
}

#[test]
fn an_injected_pod_is_left_alone() {
    let pod = injected(&httpbin());
    assert_eq!(decide(PodWish::of(&pod), "foo", NamespaceWish::Asks), Decision::Leave(Reason::AlreadyInjected));
}

#[test]
fn what_the_author_chose_stays() {
    let mut pod = httpbin();
    pod["metadata"]["labels"][TLS_MODE_LABEL] = "disabled".into();
    pod["metadata"]["annotations"] = json!({ "kubectl.kubernetes.io/default-container": "other" });
    pod["spec"]["volumes"] = json!([{ "name": "data", "emptyDir": {} }]);
    let injected = injected(&pod);
    assert_eq!(injected["metadata"]["labels"][TLS_MODE_LABEL], "disabled");
    assert_eq!(injected["metadata"]["annotations"]["kubectl.kubernetes.io/default-container"], "other");
    assert_eq!(injected["spec"]["volumes"][0]["name"], "data");
    assert_eq!(injected["spec"]["volumes"].as_array().unwrap().len(), 3);
}

#[test]
fn annotations_reach_the_redirection() {
    let mut pod = httpbin();
    pod["metadata"]["annotations"] = json!({
        "traffic.sidecar.istio.io/excludeInboundPorts": "9000",
        "traffic.sidecar.istio.io/includeInboundPorts": "8080,9000",
        "traffic.sidecar.istio.io/excludeOutboundPorts": "5432",
        "traffic.sidecar.istio.io/excludeOutboundIPRanges": "192.168.0.0/16",
        "traffic.sidecar.istio.io/includeOutboundIPRanges": "10.0.0.0/8",
    });
    let injected = injected(&pod);
    let args: Vec<String> = serde_json::from_value(injected["spec"]["initContainers"][0]["args"].clone()).unwrap();
    let redirect = crate::mesh::init::parse(&args).unwrap();
    assert_eq!(redirect.exclude_inbound, [15090, 15021, 15020, 9000]);
    assert_eq!(redirect.include_inbound, crate::host::Ports::Only(vec![8080, 9000]));
    assert_eq!(redirect.exclude_outbound, [5432]);
    assert_eq!(redirect.exclude_outbound_ranges, ["192.168.0.0/16".parse().unwrap()]);
    let included = vec!["10.0.0.0/8".parse().unwrap()];
    assert_eq!(redirect.include_outbound_ranges, crate::host::Ranges::Only(included));
}

#[test]
fn probes_stay_where_the_pod_says_so() {
    let mut pod = httpbin();
    pod["metadata"]["annotations"] = json!({ "sidecar.istio.io/rewriteAppHTTPProbers": "false" });
    assert_eq!(injected(&pod)["spec"]["containers"][0], pod["spec"]["containers"][0]);
}

#[test]
fn a_pod_without_its_owner_is_named_by_itself() {
    let mut pod = json!({ "metadata": { "name": "curl" }, "spec": { "containers": [{ "name": "curl" }] } });
    assert_eq!(injected(&pod)["metadata"]["labels"]["service.istio.io/canonical-name"], "curl");
    pod["metadata"]["labels"] = json!({ "app.kubernetes.io/name": "client", "version": "v2" });
    let labels = &injected(&pod)["metadata"]["labels"];
    assert_eq!(labels["service.istio.io/canonical-name"], "client");
    assert_eq!(labels["service.istio.io/canonical-revision"], "v2");
}

#[test]
fn warnings_name_what_has_no_effect() {
    let mut pod = httpbin();
    pod["metadata"]["annotations"] = json!({ "sidecar.istio.io/proxyCPU": "1", "example.com/owner": "me" });
    let warnings = inject(&pod, &settings()).unwrap().warnings;
    insta::assert_snapshot!(warnings.join("; "), @"annotation sidecar.istio.io/proxyCPU has no effect in this mesh");
}

#[test]
fn senseless_pods_are_refused() {
    let refused = |pod: &Value| inject(pod, &settings()).unwrap_err().to_string();
    insta::assert_snapshot!(refused(&json!({})), @"the object is not a pod with containers");
    let annotated = |name: &str, value: &str| {
        let mut pod = httpbin();
        pod["metadata"]["annotations"] = json!({ format!("traffic.sidecar.istio.io/{name}"): value });
        refused(&pod)
    };
    insta::assert_snapshot!(annotated("excludeInboundPorts", "web"), @"annotation traffic.sidecar.istio.io/excludeInboundPorts web: not a list of ports");
    insta::assert_snapshot!(annotated("includeInboundPorts", "-1"), @"annotation traffic.sidecar.istio.io/includeInboundPorts -1: not a list of ports");
    insta::assert_snapshot!(annotated("excludeOutboundIPRanges", "10.0.0.0"), @"annotation traffic.sidecar.istio.io/excludeOutboundIPRanges 10.0.0.0: not a list of address ranges");
    insta::assert_snapshot!(annotated("includeOutboundIPRanges", "10.0.0.0/33"), @"annotation traffic.sidecar.istio.io/includeOutboundIPRanges 10.0.0.0/33: not a list of address ranges");
}
