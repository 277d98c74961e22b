//! The mesh on the embedded cluster, from its manifests on: injection, identities, distribution.

mod admin;
mod caller;
mod cluster;
mod istio;
mod machine;
mod resilience;
mod world;

#[path = "../support/both.rs"]
mod both;
#[path = "../support/real.rs"]
mod real_cluster;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, Secret};
use kube::{Api, ResourceExt, api::DeleteParams};
use labctl::mesh::{
    control_plane::certificates::IssuedCertificate,
    identity::SpiffeId,
    svid::{self, Validity},
};
use serde_json::json;

use self::{
    caller::Call,
    cluster::{Mesh, policy},
    machine::{Machine, Ports, real},
};

#[tokio::test(flavor = "multi_thread")]
async fn an_injected_pod_joins_the_mesh() {
    let mesh = Mesh::start().await;
    mesh.namespace("foo", &[("istio-injection", "enabled")]).await;
    let pod = mesh.pod("foo", "app").await;
    let spec = pod.spec.unwrap();
    let names: Vec<&str> = spec.containers.iter().map(|container| container.name.as_str()).collect();
    assert_eq!(names, ["app", "istio-proxy"]);
    assert_eq!(spec.init_containers.unwrap()[0].name, "istio-init");

    let status = mesh.until(|status| status.proxies.iter().any(|proxy| proxy.acknowledged.is_some())).await;
    let [proxy] = status.proxies.try_into().unwrap();
    assert_eq!((proxy.namespace.as_str(), proxy.pod.as_str()), ("foo", "app"));
    let life = proxy.certificate_expires.duration_since(Timestamp::now());
    assert!((23..=24).contains(&life.as_hours()), "{life}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_outside_the_mesh_stay_as_they_are() {
    let mesh = Mesh::start().await;
    mesh.namespace("legacy", &[]).await;
    assert_eq!(mesh.pod("legacy", "app").await.spec.unwrap().containers.len(), 1);
    let mut asking = cluster::pod("asking");
    asking.labels_mut().insert("sidecar.istio.io/inject".to_owned(), "true".to_owned());
    assert_eq!(mesh.create_pod("legacy", &asking).await.spec.unwrap().containers.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_reach_every_proxy() {
    let mesh = Mesh::start().await;
    mesh.namespace("foo", &[("istio-injection", "enabled")]).await;
    tokio::join!(mesh.pod("foo", "a"), mesh.pod("foo", "b"));
    let before = mesh.until(|status| status.proxies.iter().filter(|proxy| proxy.acknowledged.is_some()).count() == 2);
    let before = before.await;

    mesh.apply(&policy("foo", "default", "STRICT")).await;
    let strict = mesh.until(|status| status.resources.len() == 1).await;
    assert_eq!((strict.resources[0].kind.as_str(), strict.resources[0].generation), ("PeerAuthentication", 1));
    assert_ne!(strict.proxies[0].acknowledged, before.proxies[0].acknowledged);
    assert_ne!(strict.proxies[1].acknowledged, before.proxies[1].acknowledged);

    mesh.apply(&policy("foo", "default", "DISABLE")).await;
    let disabled = mesh.until(|status| status.resources.iter().any(|resource| resource.generation == 2)).await;
    assert_ne!(disabled.proxies[0].acknowledged, strict.proxies[0].acknowledged);

    mesh.delete(&policy("foo", "default", "DISABLE")).await;
    let after = mesh.until(|status| status.resources.is_empty()).await;
    assert_eq!(after.proxies[0].acknowledged, before.proxies[0].acknowledged);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strict_application_is_probed_through_its_sidecar() {
    let mesh = Mesh::start().await;
    mesh.namespace("foo", &[("istio-injection", "enabled")]).await;
    mesh.apply(&policy("foo", "default", "STRICT")).await;
    let probes = json!({
        "startupProbe": { "tcpSocket": { "port": "web" } },
        "readinessProbe": { "httpGet": { "path": "/ready", "port": "web" } },
    });
    mesh.create_pod("foo", &cluster::application("well", &probes)).await;

    let probes = json!({ "readinessProbe": { "httpGet": { "path": "/elsewhere", "port": 8080 }, "periodSeconds": 1 } });
    mesh.start_pod("foo", &cluster::application("unwell", &probes)).await;
    let event = mesh.event("foo", "unwell", "Unhealthy").await;
    assert!(event.ends_with("HTTP probe failed with statuscode: 404"), "{event}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_the_mesh_outlives_its_namespace() {
    let mesh = Mesh::start().await;
    mesh.namespace("foo", &[]).await;
    mesh.root("foo").await;
    mesh.delete(&cluster::namespace("istio-system")).await;
    mesh.until_gone("v1", "ConfigMap", "foo", "istio-ca-root-cert").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_that_make_no_sense_are_refused() {
    let mesh = Mesh::start().await;
    mesh.namespace("foo", &[]).await;
    let mut senseless = policy("foo", "default", "STRICT");
    senseless.data["spec"]["portLevelMtls"] = json!({ "80": { "mode": "DISABLE" } });
    let error = mesh.try_apply(&senseless).await.unwrap_err().to_string();
    assert!(error.contains("portLevelMtls"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_good_for_its_own_identity_only() {
    let mesh = Mesh::start().await;
    mesh.namespace("foo", &[]).await;
    mesh.pod("foo", "caller").await;
    let wished = SpiffeId::new("cluster.local", "istio-system", "labctl-mesh");
    let request = svid::Request::new(&wished).unwrap();
    let token = mesh.token("foo", "default", "istio-ca").await;
    let answer = mesh.call("foo/caller", &Call::certificate(&token, &request.pem)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let issued: IssuedCertificate = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(issued.roots, mesh.root("foo").await);
    let svid = request.complete(&issued.chain, &issued.roots).unwrap();
    assert_eq!(svid.id.to_string(), "spiffe://cluster.local/ns/foo/sa/default");
    let life = Validity::of(&svid.chain[0]).unwrap();
    assert_eq!(life.not_after.duration_since(life.not_before).as_mins(), 24 * 60 + 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_tokens_are_refused() {
    let mesh = Mesh::start().await;
    mesh.namespace("foo", &[]).await;
    mesh.pod("foo", "caller").await;
    let request = svid::Request::new(&SpiffeId::new("cluster.local", "foo", "default")).unwrap();
    let elsewhere = mesh.token("foo", "default", "vault").await;
    for token in ["", "nonsense", elsewhere.as_str()] {
        let answer = mesh.call("foo/caller", &Call::certificate(token, &request.pem)).await;
        assert_eq!(answer.status, 401, "{token}: {}", answer.body);
    }
    let token = mesh.token("foo", "default", "istio-ca").await;
    let answer = mesh.call("foo/caller", &Call::certificate(&token, "hello")).await;
    assert_eq!(answer.status, 400, "{}", answer.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_is_for_its_own_proxy_only() {
    let mesh = Mesh::start().await;
    mesh.namespace("foo", &[("istio-injection", "enabled")]).await;
    mesh.namespace("legacy", &[]).await;
    tokio::join!(mesh.pod("foo", "app"), mesh.pod("legacy", "caller"));
    let svid = async |namespace: &str| {
        let request = svid::Request::new(&SpiffeId::new("cluster.local", namespace, "default")).unwrap();
        let token = mesh.token(namespace, "default", "istio-ca").await;
        let answer = mesh.call("legacy/caller", &Call::certificate(&token, &request.pem)).await;
        let issued: IssuedCertificate = serde_json::from_str(&answer.body).unwrap();
        request.complete(&issued.chain, &issued.roots).unwrap()
    };
    let ask = async |svid| mesh.call("legacy/caller", &Call::configuration("foo/app", svid)).await;
    let tell = async |svid| mesh.call("legacy/caller", &Call::traffic("foo/app", svid)).await;
    assert_eq!((ask(None).await.status, tell(None).await.status), (401, 401));
    let stranger = svid("legacy").await;
    assert_eq!((ask(Some(&stranger)).await.status, tell(Some(&stranger)).await.status), (403, 403));
    let owner = svid("foo").await;
    assert_eq!(tell(Some(&owner)).await.status, 204);
    let answer = ask(Some(&owner)).await;
    assert_eq!(answer.status, 200);
    let config: labctl::sidecar::config::ProxyConfig = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(config.trust_domains, ["cluster.local"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_control_plane_carries_on() {
    let mesh = Mesh::start().await;
    mesh.namespace("foo", &[("istio-injection", "enabled")]).await;
    mesh.pod("foo", "app").await;
    let root = mesh.root("foo").await;
    mesh.restart().await;
    mesh.apply(&policy("foo", "default", "STRICT")).await;
    let status = mesh.until(|status| status.resources.len() == 1 && status.proxies.len() == 1).await;
    assert_eq!(status.proxies[0].pod, "app");
    assert_eq!(mesh.root("foo").await, root);
    mesh.namespace("bar", &[]).await;
    mesh.pod("bar", "app").await;
    assert_eq!(mesh.root("bar").await, root);
    let secrets: Api<Secret> = Api::namespaced(mesh.client(), "istio-system");
    assert_eq!(secrets.get("istio-ca-secret").await.unwrap().data.unwrap()["ca-cert.pem"].0, root.as_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_root_reaches_everybody() {
    let mesh = Mesh::start().await;
    mesh.namespace("foo", &[("istio-injection", "enabled")]).await;
    mesh.pod("foo", "app").await;
    let old = mesh.root("foo").await;
    let secrets: Api<Secret> = Api::namespaced(mesh.client(), "istio-system");
    secrets.delete("istio-ca-secret", &DeleteParams::default()).await.unwrap();
    mesh.restart().await;
    assert_ne!(mesh.root("foo").await, old);
    mesh.apply(&policy("foo", "default", "STRICT")).await;
    mesh.until(|status| status.resources.len() == 1 && status.proxies.len() == 1).await;
    mesh.pod("foo", "another").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn control_plane_and_sidecar_run_on_the_real_machine() {
    const ACCOUNT: [&str; 3] = [
        "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt",
        "/var/run/secrets/kubernetes.io/serviceaccount/namespace",
        "/var/run/secrets/kubernetes.io/serviceaccount/token",
    ];
    let mesh = Mesh::without_control_plane().await;
    let (address, authority) = mesh.api_server();
    let token = mesh.token("istio-system", "labctl-mesh", "https://kubernetes.default.svc.cluster.local").await;
    let ports = Ports::default();
    let contents = [authority, "istio-system".to_owned(), token];
    let files: Vec<_> = ACCOUNT.into_iter().zip(contents).collect();
    let environment = [
        ("KUBERNETES_SERVICE_HOST", address.ip().to_string()),
        ("KUBERNETES_SERVICE_PORT", address.port().to_string()),
        ("SIDECAR_IMAGE", "example".to_owned()),
    ];
    let (stop_plane, plane) = Machine::new(&ports, &files, &environment).start("control-plane");
    real(&ports, 15017).await;

    mesh.namespace("foo", &[]).await;
    let mut pod = cluster::pod("app");
    let containers = &mut pod.spec.as_mut().unwrap().containers;
    let mut proxy: Container = containers[0].clone();
    proxy.name = "istio-proxy".to_owned();
    containers.push(proxy);
    mesh.create_pod("foo", &pod).await;
    let files = [
        ("/var/run/secrets/istio/root-cert.pem", mesh.root("foo").await),
        ("/var/run/secrets/tokens/istio-token", mesh.token("foo", "default", "istio-ca").await),
    ];
    let environment = [
        ("CA_ADDR", "labctl-mesh.istio-system.svc:15012".to_owned()),
        ("POD_NAME", "app".to_owned()),
        ("POD_NAMESPACE", "foo".to_owned()),
        ("SERVICE_ACCOUNT", "default".to_owned()),
        ("TRUST_DOMAIN", "cluster.local".to_owned()),
    ];
    let (stop_sidecar, sidecar) = Machine::new(&ports, &files, &environment).start("sidecar");
    // It listens only once it has a certificate and a configuration.
    let inbound = real(&ports, 15006).await;
    assert!(tokio::net::TcpStream::connect(inbound).await.is_ok());
    mesh.apply(&policy("foo", "default", "STRICT")).await;
    let status = mesh.until(|status| status.resources.len() == 1 && status.proxies.len() == 1).await;
    assert_eq!((status.proxies[0].namespace.as_str(), status.proxies[0].pod.as_str()), ("foo", "app"));
    stop_sidecar.cancel();
    assert_eq!(sidecar.await.unwrap().0, 0);
    stop_plane.cancel();
    assert_eq!(plane.await.unwrap().0, 0);
}
