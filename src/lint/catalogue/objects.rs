//! What is wrong with the objects that a lab applies, and with the participants that it finds among them.

use super::{
    Code, Rule,
    Severity::{Error, Warning},
};

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: Code::UnknownHost,
        name: "unknown-host",
        severity: Error,
        summary: "No Service of the lab has the host, or the port, at which a workload is asked.",
        why: "Every check that asks it ends with `dns` or `refused`, which are other faults than those that a lab is about.",
        wrong: "server: {namespace: foo, selector: {app: server}, container: server, host: srever.foo, port: 80}",
        right: "server: {namespace: foo, selector: {app: server}, container: server, host: server.foo, port: 80}",
    },
    Rule {
        code: Code::NoPods,
        name: "no-pods",
        severity: Error,
        summary: "No pod of the lab is in the workload's namespace with its labels.",
        why: "Nobody can ask or be asked there. The selector is compared with the labels of pods, not of Deployments.",
        wrong: "client: {namespace: foo, selector: {app: clinet}, container: client}",
        right: "client: {namespace: foo, selector: {app: client}, container: client}",
    },
    Rule {
        code: Code::HiddenProtocol,
        name: "hidden-protocol",
        severity: Warning,
        summary: "The name of a Service port does not tell the mesh what is spoken there.",
        why: "A sidecar then guesses from the first bytes of each connection, and a server that speaks first is waited for. \
              What policies and routes for HTTP do there depends on the guess. A name begins with the protocol: `http`, \
              `http-web`, `grpc-api`, `tcp-redis`.",
        wrong: "ports:\n  - {name: web, port: 80}",
        right: "ports:\n  - {name: http-web, port: 80}",
    },
    Rule {
        code: Code::RemovedApi,
        name: "removed-api",
        severity: Error,
        summary: "An `apiVersion` that Kubernetes does not serve any more.",
        why: "The object is refused on a cluster of today. Source: Kubernetes, Deprecated API Migration Guide.",
        wrong: "apiVersion: apps/v1beta2\nkind: Deployment",
        right: "apiVersion: apps/v1\nkind: Deployment",
    },
    Rule {
        code: Code::RefusedName,
        name: "refused-name",
        severity: Error,
        summary: "The mesh refuses a policy because of its name.",
        why: "A Policy of the old API without targets is for a whole namespace and must be named `default`, and so must the one \
              MeshPolicy. If the step is about just that, use the action `refused`.",
        wrong: "kind: Policy\nmetadata: {name: strict, namespace: foo}\nspec: {peers: [{mtls: {}}]}",
        right: "kind: Policy\nmetadata: {name: default, namespace: foo}\nspec: {peers: [{mtls: {}}]}",
    },
    Rule {
        code: Code::RefusedObject,
        name: "refused-object",
        severity: Error,
        summary: "The mesh refuses a resource because of what it says.",
        why: "Its schema or its webhook will, and the step ends there. If the step is about just that, use the action `refused`.",
        wrong: "spec: {mtls: {mode: STRIKT}}",
        right: "spec: {mtls: {mode: STRICT}}",
    },
    Rule {
        code: Code::NotRefused,
        name: "not-refused",
        severity: Error,
        summary: "An object that must be refused is not, or for another reason than the lab says.",
        why: "The action `refused` fails when the cluster accepts the object, or when `because` is not in what it says.",
        wrong: "- refused: {template: policy.yaml, with: {name: default}, because: must be named `default`}",
        right: "- refused: {template: policy.yaml, with: {name: strict}, because: must be named `default`}",
    },
    Rule {
        code: Code::WithoutEffect,
        name: "without-effect",
        severity: Warning,
        summary: "A resource, or a field of one, that changes nothing here.",
        why: "Istio knows it and labctl's mesh does not act on it, or it is accepted and surely not meant. A trainee would look \
              in vain for what it does.",
        wrong: "trafficPolicy: {outlierDetection: {consecutive5xxErrors: 5}}",
        right: "trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}",
    },
    Rule {
        code: Code::ImageNotBundled,
        name: "image-not-bundled",
        severity: Error,
        summary: "A container's image is none that the embedded cluster has.",
        why: "There its pod stays at `ErrImagePull`. Make the image a parameter with `{{ labctl.image }}` as its default: \
              whoever runs the lab on a Kubernetes can set another. A lab for a real Kubernetes only may allow it.",
        wrong: "image: nginx:1.27",
        right: "image: {{ labctl.image }}\ncommand: [hello, --port, \"8080\"]",
    },
];
