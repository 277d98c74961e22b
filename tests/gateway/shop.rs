//! What these tests deploy: a namespace with sidecars, and servers that tell who they are and what they were asked.

use crate::support::World;

/// The namespace.
pub const SHOP: &str = "shop";

/// The namespace and servers of these names: each an httpbin with an account of its own, two of them (`v1`, `v2`) behind
/// the Service `web` as well.
pub async fn open(world: &World) {
    world.install_mesh_with_gateway().await;
    let mut manifests =
        format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {SHOP}, labels: {{istio-injection: enabled}}}}\n");
    manifests += &service("web", "app: web");
    for (name, app) in [("v1", "web"), ("v2", "web"), ("api", "api")] {
        manifests += &server(world, name, app);
    }
    manifests += &service("api", "app: api");
    world.apply(&manifests).await;
    world.until_ready().await;
}

/// A Service in front of port 8080, as port 8000.
pub fn service(name: &str, selector: &str) -> String {
    format!(
        "---
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: {SHOP}}}
spec: {{selector: {{{selector}}}, ports: [{{name: http, protocol: TCP, port: 8000, targetPort: 8080}}]}}
"
    )
}

fn server(world: &World, name: &str, app: &str) -> String {
    let labels = format!("{{app: {app}, version: {name}}}");
    format!(
        "---
apiVersion: v1
kind: ServiceAccount
metadata: {{name: {name}, namespace: {SHOP}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: {SHOP}}}
spec:
  selector: {{matchLabels: {labels}}}
  template:
    metadata: {{labels: {labels}}}
    spec:
      serviceAccountName: {name}
      terminationGracePeriodSeconds: 1
      containers:
      - name: {app}
        image: {:?}
        command: [httpbin]
        ports: [{{containerPort: 8080, protocol: TCP}}]
        readinessProbe: {{httpGet: {{path: /status/200, port: 8080}}, periodSeconds: 1}}
",
        world.image()
    )
}

/// A Gateway of the mesh's own gateway; `servers` is a list in YAML.
pub fn gateway(servers: &str) -> String {
    format!(
        "---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: edge, namespace: {SHOP}}}
spec:
  selector: {{istio: ingressgateway}}
  servers: {servers}
"
    )
}

/// A VirtualService of the shop; `spec` is a mapping in YAML.
pub fn virtual_service(name: &str, spec: &str) -> String {
    format!(
        "---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name}, namespace: {SHOP}}}
spec: {spec}
"
    )
}

/// Applies policies, and waits until every proxy obeys them.
pub async fn obey(world: &World, policies: &str) {
    world.apply(policies).await;
    world.until_distributed(&[SHOP, "istio-system"]).await;
}
