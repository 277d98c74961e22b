//! `labctl explain FROM TO -f FILE`: one call of manifests, to the line that decides.

use super::explain;

const MESH: &str = "apiVersion: v1
kind: Namespace
metadata: {name: foo, labels: {istio-injection: enabled}}
---
apiVersion: v1
kind: Service
metadata: {name: httpbin, namespace: foo}
spec: {selector: {app: httpbin}, ports: [{name: http, port: 8000, targetPort: 8080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: httpbin, namespace: foo}
spec: {template: {metadata: {labels: {app: httpbin}}, spec: {containers: [{name: httpbin}]}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: sleep, namespace: legacy}
spec: {template: {metadata: {labels: {app: sleep}}, spec: {containers: [{name: sleep}]}}}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata:
  name: httpbin
  namespace: foo
spec:
  selector:
    matchLabels: {app: httpbin}
  mtls:
    mode: PERMISSIVE
  portLevelMtls:
    8080:
      mode: STRICT
";

#[test]
fn the_line_that_decides_is_named() {
    let output = explain(&[("mesh.yaml", MESH)], &["sleep.legacy", "httpbin.foo", "-f", "mesh.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    insta::assert_snapshot!(String::from_utf8(output.stdout).unwrap(), @r"
    sleep.legacy -> httpbin.foo.svc.cluster.local:8000

    sidecars      sleep.legacy has no sidecar: neither its namespace nor the pod asks for a sidecar
                  httpbin.foo has a sidecar
    policy        PeerAuthentication foo/httpbin (mesh.yaml:20) sets port 8080 to STRICT
    port          port 8080 is an exception: STRICT
    rule          no sidecar: no rule and no auto mTLS
    certificates  the client shows none: it has no sidecar to show one
    verdict       reset
    decided by    PeerAuthentication foo/httpbin spec.portLevelMtls.8080.mode (mesh.yaml:32)
    ");
}
