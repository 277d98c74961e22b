//! What a cluster has before anybody uses it: namespaces, the server's own Service, roles.

use serde_json::{Value, json};

use super::{Server, metadata};
use crate::embedded::{
    auth::{AUTHENTICATED, MASTERS},
    store::Key,
};

/// The address by which pods reach the API server.
pub const SERVER_ADDRESS: std::net::Ipv4Addr = std::net::Ipv4Addr::new(10, 96, 0, 1);

const RBAC: &str = "rbac.authorization.k8s.io";
const NAMESPACES: &[&str] = &["default", "kube-node-lease", "kube-public", "kube-system"];
const READ: &[&str] = &["get", "list", "watch"];
const WRITE: &[&str] = &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
/// What people who use a namespace, but do not rule it, may read.
const VIEWED: &[&str] = &[
    "configmaps",
    "endpoints",
    "events",
    "namespaces",
    "pods",
    "pods/log",
    "pods/status",
    "serviceaccounts",
    "services",
    "services/status",
];
/// What they may change, if they may change anything.
const EDITED: &[&str] = &[
    "configmaps",
    "events",
    "pods",
    "pods/eviction",
    "pods/exec",
    "secrets",
    "serviceaccounts",
    "serviceaccounts/token",
    "services",
];
const WORKLOADS: &[&str] = &[
    "deployments",
    "deployments/scale",
    "deployments/status",
    "replicasets",
    "replicasets/scale",
    "replicasets/status",
];
const DISCOVERY: &[&str] = &[
    "/api",
    "/api/*",
    "/apis",
    "/apis/*",
    "/healthz",
    "/livez",
    "/openapi",
    "/openapi/*",
    "/readyz",
    "/version",
    "/version/",
];

impl Server {
    /// Fills an empty store.
    pub(super) fn bootstrap(&self) {
        for name in NAMESPACES {
            let namespace = json!({
                "apiVersion": "v1", "kind": "Namespace",
                "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}},
                "spec": {"finalizers": ["kubernetes"]},
                "status": {"phase": "Active"},
            });
            self.bootstrap_object("namespaces", namespace);
        }
        self.bootstrap_object("services", server_service());
        self.addresses().reserve(SERVER_ADDRESS);
        for (name, rules) in roles() {
            self.bootstrap_object("clusterroles.rbac.authorization.k8s.io", role(name, &rules));
        }
        for (name, group) in [
            ("cluster-admin", MASTERS),
            ("system:basic-user", AUTHENTICATED),
            ("system:discovery", AUTHENTICATED),
            ("system:public-info-viewer", AUTHENTICATED),
        ] {
            self.bootstrap_object("clusterrolebindings.rbac.authorization.k8s.io", binding(name, group));
        }
    }

    fn bootstrap_object(&self, table: &str, mut object: Value) {
        object["metadata"]["uid"] = uuid::Uuid::new_v4().to_string().into();
        object["metadata"]["creationTimestamp"] = metadata::now().into();
        let key = Key::new(metadata::text(&object, "namespace"), metadata::text(&object, "name"));
        // A store that has been used before keeps what it has.
        _ = self.store().create(table, key, object);
    }
}

fn server_service() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {
            "name": "kubernetes", "namespace": "default",
            "labels": {"component": "apiserver", "provider": "kubernetes"},
        },
        "spec": {
            "clusterIP": SERVER_ADDRESS, "clusterIPs": [SERVER_ADDRESS],
            "internalTrafficPolicy": "Cluster", "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack",
            "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}],
            "sessionAffinity": "None", "type": "ClusterIP",
        },
        "status": {"loadBalancer": {}},
    })
}

fn rule(group: &str, resources: &[&str], verbs: &[&str]) -> Value {
    json!({"apiGroups": [group], "resources": resources, "verbs": verbs})
}

/// The roles that bindings of every cluster rely on.
fn roles() -> Vec<(&'static str, Vec<Value>)> {
    let paths = |paths: &[&str]| json!({"nonResourceURLs": paths, "verbs": ["get"]});
    let view =
        [rule("", VIEWED, READ), rule("apps", WORKLOADS, READ), rule("discovery.k8s.io", &["endpointslices"], READ)];
    let edit =
        [rule("", EDITED, WRITE), rule("apps", WORKLOADS, WRITE), rule("coordination.k8s.io", &["leases"], WRITE)];
    let admin = [rule(RBAC, &["rolebindings", "roles"], WRITE)];
    let everything = vec![
        json!({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}),
        json!({"nonResourceURLs": ["*"], "verbs": ["*"]}),
    ];
    vec![
        ("admin", [&view[..], &edit, &admin].concat()),
        ("cluster-admin", everything),
        ("edit", [&view[..], &edit].concat()),
        (
            "system:auth-delegator",
            vec![
                rule("authentication.k8s.io", &["tokenreviews"], &["create"]),
                rule("authorization.k8s.io", &["subjectaccessreviews"], &["create"]),
            ],
        ),
        (
            "system:basic-user",
            vec![
                rule("authorization.k8s.io", &["selfsubjectaccessreviews", "selfsubjectrulesreviews"], &["create"]),
                rule("authentication.k8s.io", &["selfsubjectreviews"], &["create"]),
            ],
        ),
        ("system:discovery", vec![paths(DISCOVERY)]),
        ("system:public-info-viewer", vec![paths(&["/healthz", "/livez", "/readyz", "/version", "/version/"])]),
        ("view", view.to_vec()),
    ]
}

fn role(name: &str, rules: &[Value]) -> Value {
    json!({"apiVersion": format!("{RBAC}/v1"), "kind": "ClusterRole", "metadata": bootstrap_metadata(name), "rules": rules})
}

/// Binds a role to a group under the role's own name.
fn binding(name: &str, group: &str) -> Value {
    json!({
        "apiVersion": format!("{RBAC}/v1"), "kind": "ClusterRoleBinding", "metadata": bootstrap_metadata(name),
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": name},
        "subjects": [{"apiGroup": RBAC, "kind": "Group", "name": group}],
    })
}

fn bootstrap_metadata(name: &str) -> Value {
    json!({"name": name, "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"}})
}
