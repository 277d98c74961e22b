//! A small lab to which a test adds the steps it is about.

use std::fs;

use serde_json::Value;

use crate::support::World;

/// httpbin and sleep in `foo` (in the mesh), sleep in `legacy` (outside).
const LAB: &str = "
apiVersion: labctl/v1
kind: Lab
metadata: {name: checks, title: A lab of a test, summary: A lab of a test., minutes: 1}
parameters:
  httpbin_image: {description: server, default: '{{ labctl.image }}'}
  sleep_image: {description: client, default: '{{ labctl.image }}'}
workloads:
  sleep.foo: {namespace: foo, selector: {app: sleep}, container: sleep}
  sleep.legacy: {namespace: legacy, selector: {app: sleep}, container: sleep}
  httpbin.foo: {namespace: foo, selector: {app: httpbin}, container: httpbin, host: httpbin.foo, port: 8000}
setup:
  - apply: {template: mtls-strict/namespace.yaml, with: {name: foo, mesh: true}}
  - apply: {template: mtls-strict/namespace.yaml, with: {name: legacy, mesh: false}}
  - apply: {template: mtls-strict/httpbin.yaml, with: {namespace: foo}}
  - apply: {template: mtls-strict/sleep.yaml, with: {namespace: foo}}
  - apply: {template: mtls-strict/sleep.yaml, with: {namespace: legacy}}
steps:
";

/// Another Service before httpbin, for those outside.
const OUTSIDE: &str = "
apiVersion: v1
kind: Service
metadata: {name: outside, namespace: foo}
spec:
  type: LoadBalancer
  selector: {app: httpbin}
  ports: [{name: http, port: 80, targetPort: 8080, protocol: TCP}]
";

/// A door of the gateway for clients with a certificate of the authority that `safe` holds.
const MUTUAL: &str = "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: safe, namespace: foo}
spec:
  selector: {istio: ingressgateway}
  servers:
    - port: {number: 443, name: https, protocol: HTTPS}
      tls: {mode: MUTUAL, credentialName: safe}
      hosts: ['*']
";

/// Sets a PeerAuthentication of the whole mesh.
pub fn mesh_wide(mode: &str) -> String {
    format!(
        "apply: {{template: mtls-strict/peer-authentication.yaml, \
         with: {{name: default, namespace: istio-system, mode: {mode}}}}}"
    )
}

/// A step that does something and expects something, both as items of a YAML list in flow style.
pub fn step(name: &str, solve: &str, expect: &str) -> String {
    format!(
        "  - name: {name}\n    title: A step\n    text: A step.\n    solve:\n      - {solve}\n    expect:\n{}\n",
        expect.lines().map(|line| format!("      {line}")).collect::<Vec<_>>().join("\n")
    )
}

/// Runs the lab with these steps. Answers the exit code and the report.
pub async fn run(world: &World, steps: &str, more: &[&str]) -> (i32, Value) {
    run_text(world, &format!("{LAB}{steps}"), more).await
}

/// As [`run`], in a mesh with a gateway.
pub async fn run_with_gateway(world: &World, steps: &str, more: &[&str]) -> (i32, Value) {
    let lab = LAB.replace("minutes: 1}", "minutes: 1, mesh: {gateway: true}}");
    run_text(world, &format!("{lab}{steps}"), more).await
}

async fn run_text(world: &World, lab: &str, more: &[&str]) -> (i32, Value) {
    let folder = world.home().join("checks");
    fs::create_dir_all(folder.join("templates")).unwrap();
    fs::write(folder.join("lab.yaml"), lab).unwrap();
    fs::write(folder.join("templates/mutual.yaml"), MUTUAL).unwrap();
    fs::write(folder.join("templates/outside.yaml"), OUTSIDE).unwrap();
    let (folder, image) = (folder.to_str().unwrap(), world.image());
    let images = [format!("httpbin_image={image}"), format!("sleep_image={image}")];
    let mut arguments = vec!["run", folder, "--on", "k8s", "-o", "json", "--set", &images[0], "--set", &images[1]];
    arguments.extend(more);
    let ran = world.labctl(&arguments).await;
    let report = serde_json::from_str(&ran.stdout);
    (ran.code, report.unwrap_or_else(|error| panic!("{error}: {}\n{}", ran.stdout, ran.stderr)))
}

/// What the lines of the first check of a step say, as `outcome subject: seen`.
pub fn findings<'a>(report: &'a Value, step: &str) -> Vec<&'a Value> {
    let step = report["steps"].as_array().unwrap().iter().find(|it| it["name"] == step).unwrap();
    step["checks"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|check| check["findings"].as_array().into_iter().flatten())
        .collect()
}

/// A field of every finding.
pub fn every<'a>(findings: &[&'a Value], field: &str) -> Vec<&'a str> {
    findings.iter().map(|finding| finding[field].as_str().unwrap_or_default()).collect()
}
