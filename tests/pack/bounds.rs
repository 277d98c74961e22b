//! What a lab may touch. Everything else is found when it is loaded, at the place in its file.

use labctl::lab::{self, LoadError};

use crate::support::{LAB, Room};

/// What is wrong with the sound lab, once its solution applies `template` or something of it is replaced.
fn problems(template: &str, replace: &[(&str, &str)]) -> Vec<String> {
    let room = Room::new();
    let text = replace.iter().fold(LAB.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    });
    room.write("sound/lab.yaml", text);
    room.write("sound/templates/close.yaml", template);
    let found = lab::find(room.path("sound").to_str().unwrap()).unwrap();
    match found.load(&[]) {
        Ok(_) => Vec::new(),
        Err(LoadError::Content(problems)) => {
            let line = |problem: &labctl::lab::problem::Problem| {
                let at = problem.at();
                let hint = problem.kind().hint().unwrap_or_default();
                let told = format!("{}:{}: {}\n    {hint}", at.line, at.column, problem.kind());
                told.replace(room.path("").to_str().unwrap(), "[room]/")
            };
            problems.iter().map(line).collect()
        }
        Err(error) => panic!("{error}"),
    }
}

fn all<'a>(cases: impl IntoIterator<Item = (&'a str, Vec<String>)>) -> String {
    let told = cases.into_iter().map(|(name, problems)| {
        assert!(!problems.is_empty(), "`{name}` is loaded");
        format!("{name}\n  {}", problems.join("\n  "))
    });
    told.collect::<Vec<_>>().join("\n")
}

fn object(api_version: &str, kind: &str, namespace: &str, rest: &str) -> String {
    let namespace = if namespace.is_empty() { String::new() } else { format!(", namespace: {namespace}") };
    format!("apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: x{namespace}}}\n{rest}\n")
}

#[test]
fn objects_that_are_not_the_labs() {
    let objects = [
        ("v1", "ConfigMap", "bar", ""),
        ("v1", "ConfigMap", "default", ""),
        ("v1", "ConfigMap", "kube-system", ""),
        ("v1", "Secret", "istio-system", ""),
        ("apps/v1", "Deployment", "istio-system", ""),
        ("rbac.authorization.k8s.io/v1", "ClusterRole", "", "rules: []"),
        ("rbac.authorization.k8s.io/v1", "ClusterRole", "foo", "rules: []"),
        ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "", ""),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", ""),
        ("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "", ""),
        ("v1", "PersistentVolume", "foo", ""),
        ("v1", "List", "foo", "items: []"),
        ("networking.istio.io/v1alpha3", "EnvoyFilter", "foo", ""),
        // A kind is only known together with its group.
        ("example.org/v1", "Deployment", "foo", ""),
        ("example.org/v1", "Namespace", "", ""),
    ];
    let cases = objects.map(|(api_version, kind, namespace, rest)| {
        let name = format!("{kind} of {api_version} in {namespace:?}");
        (name, problems(&object(api_version, kind, namespace, rest), &[]))
    });
    insta::assert_snapshot!(all(cases.iter().map(|(name, problems)| (name.as_str(), problems.clone()))));
}

/// A namespace that every cluster has is not made by a lab, whatever a parameter says.
#[test]
fn namespaces_of_the_cluster() {
    let cases = ["default", "kube-system", "istio-system"].map(|name| {
        let replace = [
            ("with: {name: foo", &*format!("with: {{name: {name}")),
            ("namespace: foo", &format!("namespace: {name}")),
        ];
        (name, problems("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: foo}\n", &replace))
    });
    insta::assert_snapshot!(all(cases));
}

/// Each field by which a pod would reach its node, in each kind that makes pods.
#[test]
fn pods_that_reach_for_their_node() {
    let specs = [
        "hostNetwork: true",
        "hostPID: true",
        "hostIPC: true",
        "priorityClassName: system-node-critical",
        "securityContext: {sysctls: [{name: kernel.msgmax, value: '1'}]}",
        "securityContext: {seLinuxOptions: {type: spc_t}}",
        "securityContext: {windowsOptions: {hostProcess: true}}",
        "securityContext: {seccompProfile: {type: Unconfined}}",
        "volumes: [{name: a, emptyDir: {}}, {name: root, hostPath: {path: /}}]",
        "volumes: [{name: nfs, nfs: {server: 10.0.0.1, path: /}}]",
        "containers: [{name: a}, {name: b, securityContext: {privileged: true}}]",
        "containers: [{name: a, securityContext: {procMount: Unmasked}}]",
        "containers: [{name: a, securityContext: {appArmorProfile: {type: Unconfined}}}]",
        "containers: [{name: a, securityContext: {capabilities: {add: [CHOWN, SYS_ADMIN]}}}]",
        "containers: [{name: a, ports: [{containerPort: 80}, {containerPort: 81, hostPort: 81}]}]",
        "containers: [{name: a, livenessProbe: {httpGet: {host: 169.254.169.254, port: 80}}}]",
        "containers: [{name: a, lifecycle: {preStop: {tcpSocket: {host: 10.0.0.1, port: 80}}}}]",
        "initContainers: [{name: a, securityContext: {privileged: true}}]",
        "ephemeralContainers: [{name: a, securityContext: {privileged: true}}]",
    ];
    let pods = specs.map(|spec| (spec, problems(&object("v1", "Pod", "foo", &format!("spec: {{{spec}}}")), &[])));
    insta::assert_snapshot!(all(pods));
    let template =
        "template: {metadata: {annotations: {sidecar.istio.io/userVolume: '[]'}}, spec: {hostNetwork: true}}";
    let plain = "template: {spec: {hostNetwork: true}}";
    let makers = [
        ("Deployment with an annotation", "apps/v1", "Deployment", format!("spec: {{{template}}}")),
        ("Deployment", "apps/v1", "Deployment", format!("spec: {{{plain}}}")),
        ("DaemonSet", "apps/v1", "DaemonSet", format!("spec: {{{plain}}}")),
        ("ReplicaSet", "apps/v1", "ReplicaSet", format!("spec: {{{plain}}}")),
        ("StatefulSet", "apps/v1", "StatefulSet", format!("spec: {{{plain}}}")),
        ("Job", "batch/v1", "Job", format!("spec: {{{plain}}}")),
        ("CronJob", "batch/v1", "CronJob", format!("spec: {{jobTemplate: {{spec: {{{plain}}}}}}}")),
    ];
    let makers =
        makers.map(|(name, api_version, kind, spec)| (name, problems(&object(api_version, kind, "foo", &spec), &[])));
    insta::assert_snapshot!(all(makers));
}

/// Instructions to injectors, to nodes and to labctl itself, which may more than a lab.
#[test]
fn labels_and_annotations_that_instruct_others() {
    let annotations = [
        "labctl.dev/load-balancer-ports: '80:22'",
        "sidecar.istio.io/enableCoreDump: 'true'",
        "sidecar.istio.io/proxyImage: evil",
        "sidecar.istio.io/userVolume: '[]'",
        "proxy.istio.io/config: '{}'",
        "inject.istio.io/templates: gateway",
        "container.apparmor.security.beta.kubernetes.io/a: unconfined",
        "seccomp.security.alpha.kubernetes.io/pod: unconfined",
    ];
    let cases = annotations.map(|annotation| {
        let pod = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: x, namespace: foo, annotations: {{{annotation}}}}}\n"
        );
        (annotation, problems(&pod, &[]))
    });
    insta::assert_snapshot!(all(cases));
    let made = "spec: {template: {metadata: {labels: {labctl.dev/run: x}}}}";
    let action = "annotate: {kind: Service, name: server, namespace: foo, annotations: {labctl.dev/load-balancer-ports: '80:22'}}";
    let cases = [
        ("pods that are made", problems(&object("apps/v1", "Deployment", "foo", made), &[])),
        ("an action", problems(&object("v1", "ConfigMap", "foo", ""), &[("apply: {template: close.yaml}", action)])),
    ];
    insta::assert_snapshot!(all(cases));
    for fine in
        ["sidecar.istio.io/inject: 'true'", "traffic.sidecar.istio.io/excludeInboundPorts: '81'", "example.org/a: b"]
    {
        let pod =
            format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: x, namespace: foo, annotations: {{{fine}}}}}\n");
        assert_eq!(problems(&pod, &[]), Vec::<String>::new(), "{fine}");
    }
}

/// More than a laptop has, or than others on the same cluster would like.
#[test]
fn more_than_a_lab_may_ask_for() {
    let ports: Vec<String> = (1..=51).map(|port| format!("{{name: http-{port}, port: {port}}}")).collect();
    let balancer = |number: usize| {
        let metadata = format!("metadata: {{name: x{number}, namespace: foo}}");
        format!("apiVersion: v1\nkind: Service\n{metadata}\nspec: {{type: LoadBalancer, ports: [{{port: 80}}]}}\n")
    };
    let several = |number: usize, one: &dyn Fn(usize) -> String| (0..number).map(one).collect::<Vec<_>>().join("---\n");
    let config = |number: usize| object("v1", "ConfigMap", "foo", &format!("data: {{a: '{number}'}}"));
    let of_a_hundred = |_: usize| object("apps/v1", "Deployment", "foo", "spec: {replicas: 100}");
    let aliases: Vec<String> = (0..100).map(|number| format!("  k{number}: *a")).collect();
    let aliases = format!("data:\n  k: &a {}\n{}", "x".repeat(50_000), aliases.join("\n"));
    let scale = "scale: {kind: Deployment, name: x, namespace: foo, replicas: 101}";
    let applied = object("apps/v1", "Deployment", "foo", "");
    let cases = [
        ("pods", problems(&object("apps/v1", "Deployment", "foo", "spec: {replicas: 101}"), &[])),
        ("pods of a Job", problems(&object("batch/v1", "Job", "foo", "spec: {completions: 1000000}"), &[])),
        ("pods at last", problems(&applied, &[("apply: {template: close.yaml}", scale)])),
        ("pods in all", problems(&several(6, &of_a_hundred), &[])),
        ("ports", problems(&object("v1", "Service", "foo", &format!("spec: {{ports: [{}]}}", ports.join(", "))), &[])),
        ("load balancers", problems(&several(21, &balancer), &[])),
        ("objects", problems(&several(2_001, &config), &[])),
        ("aliases", problems(&object("v1", "ConfigMap", "foo", &aliases), &[])),
    ];
    insta::assert_snapshot!(all(cases));
    // Eight templates that fill the room to the last byte, and a ninth that finds none.
    let namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: foo}\n---\n";
    let start = format!("{namespace}{}", object("v1", "ConfigMap", "foo", "data: {a: \""));
    let start = start.trim_end();
    let filling = format!("{start}{{{{ 'x' * {} }}}}\"}}", (4 << 20) - start.len() - 2);
    let eight = ["apply: {template: close.yaml}"; 8].join("\n      - ");
    insta::assert_snapshot!(
        problems(
            &filling,
            &[
                ("apply: {template: close.yaml}", &eight),
                ("mtls-strict/namespace.yaml, with: {name: foo, mesh: true}", "close.yaml"),
            ]
        )
        .join("\n"),
        @r"
    21:27: the template `close.yaml` is refused
        with it, the lab's templates render to more than 32 MiB
    "
    );
    let fine = object("apps/v1", "Deployment", "foo", "spec: &a {replicas: 100}\nmore: *a");
    assert_eq!(problems(&fine, &[]), Vec::<String>::new());
}

/// Each of these would be a line of its own in a log, or another line than it is, or another path than a name's.
#[test]
fn texts_and_names_that_are_more_than_that() {
    let config = object("v1", "ConfigMap", "foo", "");
    let replaced = |from: &str, to: &str| problems(&config, &[(from, to)]);
    let delete = |what: &str| replaced("apply: {template: close.yaml}", &format!("delete: {{{what}}}"));
    let cases = [
        ("a title of two lines", replaced("title: Close the door", "title: \"Close\\n::error::door\"")),
        ("a carriage return", replaced("title: Close the door", "title: \"Close\\rOpen\"")),
        ("text turned round", replaced("title: Close the door", "title: \"Close \\u202Erood eht\"")),
        ("a path", delete("kind: ConfigMap, namespace: foo, name: x/../../y")),
        ("a question", delete("kind: ConfigMap, namespace: foo, name: 'x?watch=1'")),
        ("a version", delete("kind: ConfigMap, apiVersion: v1/../x, namespace: foo, name: x")),
        ("a version of an object", problems(&object("'v1/x/../y'", "ConfigMap", "foo", ""), &[])),
        ("a Service's path", replaced("apply: {template: close.yaml}", "edge: {service: foo/x?y, path: /}")),
    ];
    insta::assert_snapshot!(all(cases));
}

/// What a plain pod says is no reach for anything.
#[test]
fn pods_that_stay_within_themselves() {
    let spec = "spec: {hostNetwork: false, securityContext: {runAsUser: 1000, seccompProfile: {type: RuntimeDefault}}, volumes: \
                [{name: a, secret: {secretName: b}}, {name: c, projected: {}}], containers: [{name: a, ports: \
                [{containerPort: 80, hostPort: 0}], readinessProbe: {httpGet: {path: /, port: 80}}, securityContext: \
                {privileged: false, capabilities: {drop: [ALL], add: [NET_BIND_SERVICE]}}}]}";
    assert_eq!(problems(&object("v1", "Pod", "foo", spec), &[]), Vec::<String>::new());
}

#[test]
fn routes_and_addresses_of_others() {
    let route = |spec: &str| {
        problems(&object("networking.istio.io/v1", "VirtualService", "foo", &format!("spec: {{{spec}}}")), &[])
    };
    let gateway = "spec: {servers: [{tls: {mode: SIMPLE}}, {tls: {credentialName: their-tls}}]}";
    let tls = |field: &str| {
        let spec = format!("spec: {{servers: [{{tls: {{mode: SIMPLE, {field}}}}}]}}");
        problems(&object("networking.istio.io/v1", "Gateway", "foo", &spec), &[])
    };
    let service = |spec: &str| problems(&object("v1", "Service", "foo", &format!("spec: {{{spec}}}")), &[]);
    let rule = |spec: &str| {
        let spec = format!("spec: {{{spec}}}");
        problems(&object("networking.istio.io/v1", "DestinationRule", "istio-system", &spec), &[])
    };
    let role = |rest: &str| problems(&object("rbac.authorization.k8s.io/v1", "Role", "foo", rest), &[]);
    let bound = object(
        "rbac.authorization.k8s.io/v1",
        "RoleBinding",
        "foo",
        "roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: edit}",
    );
    let cases = [
        ("a Service of others", route("hosts: [server, server.bar.svc.cluster.local]")),
        ("everybody's", route("hosts: ['*']")),
        ("a name of the world", route("hosts: [api.foo.example], gateways: [mesh]")),
        ("a gateway of others", route("hosts: [x.example], gateways: [mine, bar/theirs]")),
        ("a certificate of others", problems(&object("networking.istio.io/v1", "Gateway", "foo", gateway), &[])),
        ("a key of others", tls("caCertCredentialName: theirs")),
        ("a certificate from a file", tls("serverCertificate: /etc/theirs.pem")),
        ("any address", service("externalIPs: [10.0.0.1]")),
        ("an address of choice", service("type: LoadBalancer, loadBalancerIP: 10.0.0.1")),
        ("a balancer of choice", service("type: LoadBalancer, loadBalancerClass: nobody/x")),
        ("another name", service("type: ExternalName, externalName: db.prod.svc.cluster.local")),
        ("a name like a domain's", route("hosts: [github.foo]")),
        ("a wildcard like a domain's", route("hosts: ['*.foo']")),
        ("a wildcard", route("hosts: ['*.foo.svc.cluster.local']")),
        (
            "to a Service of others",
            route("gateways: [mine], http: [{route: [{destination: {host: a.bar.svc.cluster.local}}]}]"),
        ),
        ("a copy to others", route("gateways: [mine], http: [{mirror: {host: a.bar.svc.cluster.local}}]")),
        ("to others over TLS", route("gateways: [mine], tls: [{route: [{destination: {host: a.bar.svc}}]}]")),
        ("as others say", route("gateways: [mine], http: [{delegate: {name: a, namespace: bar}}]")),
        ("less proof for all", rule("host: '*', trafficPolicy: {tls: {mode: SIMPLE, insecureSkipVerify: true}}")),
        ("who may write Services", role("rules: [{apiGroups: [''], resources: [services/status], verbs: [patch]}]")),
        ("who may write any status", role("rules: [{apiGroups: ['*'], resources: ['*/status'], verbs: [update]}]")),
        ("who may do all", role("rules: [{apiGroups: ['*'], resources: ['*'], verbs: ['*']}]")),
        ("a right of the cluster", problems(&bound, &[])),
        ("a volume of choice", problems(&object("v1", "PersistentVolumeClaim", "foo", "spec: {volumeName: a}"), &[])),
    ];
    insta::assert_snapshot!(all(cases));
    for spec in [
        "hosts: [server, server.foo.svc, server.foo.svc.cluster.local]",
        "hosts: [server.foo.svc.cluster.local], gateways: [mesh, mine]",
        "hosts: ['*', api.example], gateways: [mine, foo/mine]",
        "hosts: [api.example], exportTo: ['.']",
        "hosts: [server], http: [{route: [{destination: {host: server}}, {destination: {host: server.foo.svc.cluster.local}}]}]",
    ] {
        assert_eq!(route(spec), Vec::<String>::new(), "{spec}");
    }
}

#[test]
fn actions_and_checks_on_what_is_not_the_labs() {
    let solve =
        |action: &str| problems(&object("v1", "ConfigMap", "foo", ""), &[("apply: {template: close.yaml}", action)]);
    let look = |check: &str| {
        let matrix =
            "matrix:\n          title: Nobody gets in\n          to: [server]\n          from: {client: [reset]}";
        problems(&object("v1", "ConfigMap", "foo", ""), &[(matrix, check)])
    };
    let refused = "refused: {template: close.yaml, because: no}";
    let cases = [
        ("delete", solve("delete: {kind: Namespace, name: bar}")),
        ("delete in the mesh", solve("delete: {kind: PeerAuthentication, name: default, namespace: istio-system}")),
        ("delete for the cluster", solve("delete: {kind: ClusterRole, name: cluster-admin}")),
        ("label", solve("label: {kind: Namespace, name: default, labels: {istio-injection: enabled}}")),
        ("annotate", solve("annotate: {kind: Service, name: x, namespace: bar, annotations: {a: b}}")),
        ("restart", solve("restart: {kind: Deployment, name: coredns, namespace: kube-system}")),
        ("scale", solve("scale: {kind: Deployment, name: labctl-mesh, namespace: istio-system, replicas: 0}")),
        ("certificate", solve("certificate: {secret: x, namespace: bar, hosts: [x.example]}")),
        (
            "certificate of the mesh",
            solve("certificate: {secret: cacerts, namespace: istio-system, hosts: [x.example]}"),
        ),
        ("refused", problems(&object("v1", "ConfigMap", "bar", ""), &[("apply: {template: close.yaml}", refused)])),
        ("unknown", solve("delete: {apiVersion: example.org/v1, kind: Thing, name: x, namespace: foo}")),
        (
            "workload",
            problems(
                &object("v1", "ConfigMap", "foo", ""),
                &[("client: {namespace: foo", "client: {namespace: kube-system")],
            ),
        ),
        ("look at Secrets", look("resource: {title: x, kind: Secret, namespace: kube-system}")),
        (
            "look at the mesh's Secret",
            look("resource: {title: x, kind: Secret, namespace: istio-system, name: istio-ca-secret}"),
        ),
        ("look at namespaces", look("resource: {title: x, kind: Namespace}")),
        ("ask a Service of others", look("edge: {title: x, service: bar/web, path: /, status: 200}")),
        ("ask the mesh", look("edge: {title: x, service: istio-system/labctl-mesh, path: /, status: 200}")),
        (
            "show a key of others",
            solve("edge: {service: foo/server, url: 'https://x.example/', cert: istio-system/istio-ca-secret}"),
        ),
        ("look at nodes", look("resource: {title: x, apiVersion: v1, kind: Node}")),
    ];
    insta::assert_snapshot!(all(cases));
}

/// What policies of the whole mesh, and certificates for its gateway, need.
#[test]
fn what_a_lab_may_do_in_the_mesh() {
    let policy = "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: default, namespace: istio-system}\n";
    let old = "apiVersion: authentication.istio.io/v1alpha1\nkind: MeshPolicy\nmetadata: {name: default}\n";
    let gateway = object("networking.istio.io/v1", "Gateway", "foo", "spec: {servers: [{tls: {credentialName: own}}]}");
    let more = "apply: {template: close.yaml}\n      - delete: {kind: PeerAuthentication, name: default, namespace: istio-system}";
    let own = "certificate: {secret: own, namespace: istio-system, hosts: [x.example]}\n      - apply: {template: close.yaml}";
    assert_eq!(problems(policy, &[("apply: {template: close.yaml}", more)]), Vec::<String>::new());
    assert_eq!(problems(old, &[]), Vec::<String>::new());
    assert_eq!(problems(&gateway, &[("apply: {template: close.yaml}", own)]), Vec::<String>::new());
}
