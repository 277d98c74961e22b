//! The objects that these tests deploy.

use crate::support::World;

/// A namespace; with a wish for sidecars, or without a word about them.
pub fn namespace(name: &str, injection: Option<&str>) -> String {
    let labels = injection.map(|value| format!(", labels: {{istio-injection: {value}}}")).unwrap_or_default();
    format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}{labels}}}\n---\n")
}

/// An account, which is a workload's identity.
fn account(name: &str, namespace: &str) -> String {
    format!("apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: {name}, namespace: {namespace}}}\n---\n")
}

/// A Service in front of port 8080, as port 8000.
pub fn service(name: &str, namespace: &str) -> String {
    format!(
        "
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  selector: {{app: {name}}}
  ports: [{{name: http, protocol: TCP, port: 8000, targetPort: 8080}}]
---
"
    )
}

/// httpbin under any name, with its Service.
pub fn server(world: &World, name: &str, namespace: &str, annotations: &str) -> String {
    let ready = "readinessProbe: {httpGet: {path: /status/200, port: 8080}, periodSeconds: 1}";
    let container = format!(
        "{{name: {name}, image: {:?}, command: [httpbin], ports: [{{containerPort: 8080, protocol: TCP}}], {ready}}}",
        world.image()
    );
    service(name, namespace) + &deployment(name, namespace, annotations, &container)
}

/// A pod that does nothing until it is made to call somebody.
pub fn client(world: &World, name: &str, namespace: &str, annotations: &str) -> String {
    let container = format!("{{name: {name}, image: {:?}, command: [sleep, infinity]}}", world.image());
    deployment(name, namespace, annotations, &container)
}

fn deployment(name: &str, namespace: &str, annotations: &str, container: &str) -> String {
    account(name, namespace)
        + &format!(
            "
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}, annotations: {{{annotations}}}}}
    spec:
      serviceAccountName: {name}
      terminationGracePeriodSeconds: 1
      containers: [{container}]
---
"
        )
}

/// A policy without a selector: for its namespace, or for the mesh if that is the root namespace.
pub fn peer_authentication(namespace: &str, mode: &str) -> String {
    format!(
        "
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {{name: default, namespace: {namespace}}}
spec: {{mtls: {{mode: {mode}}}}}
---
"
    )
}

/// What clients of a Service do.
pub fn destination_rule(name: &str, namespace: &str, mode: &str) -> String {
    format!(
        "
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: {name}, namespace: {namespace}}}
spec: {{host: {name}.{namespace}.svc.cluster.local, trafficPolicy: {{tls: {{mode: {mode}}}}}}}
---
"
    )
}
