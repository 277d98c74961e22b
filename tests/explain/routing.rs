//! What VirtualServices, Gateways and Secrets say to one proxy.

use labctl::{
    mesh::{config::proxy_config, policy::Index, registry::Registry, snapshot::Settings},
    sidecar::config::{
        ProxyConfig,
        routing::{RouteAction, TlsAction, VirtualHost},
    },
};
use serde::Deserialize;

/// Two gateways, a client, a server; the gateways' ports are 8080 and 8443 behind 80 and 443.
const WORLD: &str = "
apiVersion: v1
kind: Pod
metadata: {name: edge, namespace: istio-system, labels: {istio: ingressgateway}}
spec: {containers: [{name: istio-proxy}]}
---
apiVersion: v1
kind: Pod
metadata: {name: other, namespace: else, labels: {istio: ingressgateway, which: other}}
spec: {containers: [{name: istio-proxy}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: bar, labels: {app: client}}
spec: {containers: [{name: app}, {name: istio-proxy}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web-1, namespace: foo, labels: {app: web, version: v1}}
spec: {containers: [{name: app}, {name: istio-proxy}]}
status: {podIP: 10.244.0.9, conditions: [{type: Ready, status: 'True'}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: foo}
spec: {clusterIP: 10.96.0.9, selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: edge, namespace: istio-system}
spec: {clusterIP: 10.96.0.8, selector: {istio: ingressgateway}, ports: [{name: http, port: 80, targetPort: 8080}, {name: https, port: 443, targetPort: 8443}]}
";

fn index(resources: &str) -> Index {
    let mut registry = Registry::live(Settings::default());
    let documents = [WORLD, resources].into_iter().flat_map(serde_yaml::Deserializer::from_str);
    for document in documents {
        let object = serde_json::Value::deserialize(document).unwrap();
        if !object.is_null() {
            registry.add(&object, None).unwrap();
        }
    }
    Index::new(registry.finish())
}

fn config(index: &Index, namespace: &str, name: &str) -> ProxyConfig {
    proxy_config(index, index.find_workload(namespace, name).unwrap())
}

/// Hosts with where their routes lead, a line each.
fn shown(hosts: &[VirtualHost]) -> String {
    let lines = hosts.iter().map(|host| {
        let routes = host.routes.iter().map(|route| match &route.action {
            RouteAction::Forward(forward) => {
                let to = forward.destinations.iter().map(|weighted| {
                    let to = &weighted.destination;
                    let subset = to.subset.as_ref().map(|subset| format!("/{subset}")).unwrap_or_default();
                    format!("{}:{}{subset}*{}", to.host, to.port.unwrap_or_default(), weighted.weight)
                });
                to.collect::<Vec<_>>().join("+")
            }
            RouteAction::Redirect(redirect) => format!("{}", redirect.code),
        });
        format!("{}: {}\n", host.hosts.join(" "), routes.collect::<Vec<_>>().join(", "))
    });
    lines.collect()
}

fn virtual_service(name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: {name}, namespace: foo, \
         creationTimestamp: 2026-01-01T00:00:00Z}}\nspec: {spec}\n"
    )
}

#[test]
fn sidecars_are_told_what_is_for_them() {
    let resources = [
        virtual_service("a", "{hosts: [web], http: [{route: [{destination: {host: web, subset: v1}}]}]}"),
        virtual_service("b", "{hosts: [web, api.example.com], http: [{redirect: {uri: /}}]}"),
        virtual_service("c", "{hosts: [secret.example.com], exportTo: [.], http: [{redirect: {uri: /}}]}"),
        virtual_service("d", "{hosts: [edge.example.com], gateways: [edge], http: [{redirect: {uri: /}}]}"),
        virtual_service(
            "e",
            "{hosts: [many.example.com], http: [\
             {match: [{sourceLabels: {app: other}}], redirect: {uri: /}},\
             {match: [{sourceNamespace: bar, uri: {prefix: /}}], route: [{destination: {host: web}, weight: 3}, \
             {destination: {host: nobody, port: {number: 9}}, weight: 1}]}]}",
        ),
    ];
    let rule = "---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: web, namespace: foo}\n\
                spec: {host: web, subsets: [{name: v1, labels: {version: v1}}]}\n";
    let config = config(&index(&(resources.concat() + rule)), "bar", "client");
    insta::assert_snapshot!(shown(&config.routing.hosts), @r"
    web.foo.svc.cluster.local: web.foo.svc.cluster.local:80/v1*1
    api.example.com: 301
    many.example.com: web.foo.svc.cluster.local:80*3+nobody.foo.svc.cluster.local:9*1
    ");
    let subset = config.outbound.iter().find(|port| port.subset.is_some()).unwrap();
    assert_eq!((subset.host.as_str(), subset.endpoints.len()), ("web.foo.svc.cluster.local", 1));
    assert!(config.routing.listeners.is_empty());
}

const EDGE: &str = "---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: foo}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 80, name: http, protocol: HTTP}, hosts: ['./*.example.com', 'bar/*']}
  - {port: {number: 443, name: https, protocol: HTTPS}, hosts: ['*'], tls: {mode: SIMPLE, credentialName: shop}}
  - {port: {number: 9000, name: tls, protocol: TLS}, hosts: ['*.example.com'], tls: {mode: PASSTHROUGH}}
";

#[test]
fn gateways_listen_where_their_service_leads() {
    let resources = [
        EDGE.to_owned(),
        virtual_service("a", "{hosts: ['*'], gateways: [edge], http: [{route: [{destination: {host: web}}]}]}"),
        virtual_service("b", "{hosts: [a.example.com, example.org], gateways: [foo/edge], http: [{redirect: {}}]}"),
        virtual_service(
            "c",
            "{hosts: [a.example.com], gateways: [edge], tls: [{match: [{sniHosts: [a.example.com], port: 9000}], \
             route: [{destination: {host: web}}]}, {match: [{sniHosts: [b.example.com], port: 443}], \
             route: [{destination: {host: web}}]}]}",
        ),
    ];
    let config = config(&index(&resources.concat()), "istio-system", "edge");
    let ports: Vec<(u16, u16)> =
        config.routing.listeners.iter().map(|listener| (listener.port, listener.number)).collect();
    assert_eq!(ports, [(8080, 80), (8443, 443), (9000, 9000)]);
    insta::assert_snapshot!(shown(config.routing.listeners[0].http.as_deref().unwrap()), @r"
    *.example.com: web.foo.svc.cluster.local:80*1
    a.example.com: 301
    ");
    let TlsAction::Terminate(inside) = &config.routing.listeners[1].tls[0].action else { panic!("it ends there") };
    insta::assert_snapshot!(shown(&inside.http), @r"
    *: web.foo.svc.cluster.local:80*1
    a.example.com: 301
    example.org: 301
    ");
    let TlsAction::Passthrough(routes) = &config.routing.listeners[2].tls[0].action else { panic!("it passes") };
    let hosts: Vec<_> = routes.iter().map(|route| route.hosts.join(" ")).collect();
    assert_eq!(hosts, ["a.example.com"]);
}

#[test]
fn keys_go_to_those_who_show_them_and_nowhere_else() {
    let secret = |namespace: &str, name: &str, text: &str| {
        format!(
            "---\napiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: {namespace}}}\n\
             stringData: {{tls.crt: {text}, tls.key: {text}}}\n"
        )
    };
    let secrets = |text: &str| {
        [
            EDGE.to_owned(),
            secret("istio-system", "shop", text),
            secret("istio-system", "unnamed", "unnamed"),
            secret("foo", "shop", "of-foo"),
        ]
        .concat()
    };
    let before = index(&secrets("one"));
    let edge = config(&before, "istio-system", "edge");
    let named: Vec<_> =
        edge.routing.credentials.iter().map(|(name, found)| (name.as_str(), found.key.as_deref())).collect();
    assert_eq!(named, [("shop", Some("one"))]);
    assert!(config(&before, "else", "other").routing.credentials.is_empty(), "its namespace has no such Secret");
    for (namespace, name) in [("bar", "client"), ("foo", "web-1")] {
        assert!(config(&before, namespace, name).routing.credentials.is_empty());
    }
    let after = config(&index(&secrets("two")), "istio-system", "edge");
    assert_ne!(edge.version, after.version, "another certificate is another configuration");
}
