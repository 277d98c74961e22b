//! A control plane that is away for a while, on the embedded cluster and on a real one.

use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, Pod},
};
use kube::{
    Api,
    api::{LogParams, Patch, PatchParams},
};
use serde_json::json;

use crate::{
    both::on_both_clusters,
    world::{NAMESPACE, World},
};

on_both_clusters!(World: sidecars_go_on_while_the_control_plane_is_away);

async fn sidecars_go_on_while_the_control_plane_is_away(world: &World) {
    world.must(&["mesh", "install"]).await;
    world.make_namespace().await;
    world.service("web", "web").await;
    tokio::join!(world.pod("web", &["httpbin"]), world.pod("caller", &["sleep", "infinity"]));
    let url = format!("http://web.{NAMESPACE}/headers");
    let by_mtls = async || world.curl("caller", &url).await.contains("X-Forwarded-Client-Cert").then_some(());
    world.eventually("the caller is in the mesh", &by_mtls).await;
    let root = root(world).await;

    world.scale_control_plane(0).await;
    let answer = world.curl("caller", &url).await;
    assert!(answer.contains("X-Forwarded-Client-Cert"), "{answer}");
    let refusal = world.try_pod("late", &["sleep", "infinity"]).await.unwrap_err().to_string();
    assert!(refusal.contains(r#"failed calling webhook "namespace.sidecar-injector.istio.io""#), "{refusal}");
    let (code, stdout, _) = world.labctl(&["mesh", "status"]).await;
    assert_eq!(code, 1, "{stdout}");
    assert!(stdout.starts_with("control plane  not healthy, 0 of 0 ready\n"), "{stdout}");

    world.scale_control_plane(1).await;
    world
        .apply(json!({
            "apiVersion": "security.istio.io/v1", "kind": "PeerAuthentication",
            "metadata": { "name": "default", "namespace": NAMESPACE },
            "spec": { "mtls": { "mode": "DISABLE" } },
        }))
        .await;
    let both = |state: &serde_json::Value| {
        state["inSync"] == true && state["proxies"].as_array().is_some_and(|proxies| proxies.len() == 2)
    };
    world.until_state(both).await;
    let answer = world.curl("caller", &url).await;
    assert!(answer.contains("headers") && !answer.contains("X-Forwarded-Client-Cert"), "{answer}");
    assert_eq!(self::root(world).await, root, "the mesh has another root");
    world.pod("late", &["sleep", "infinity"]).await;
}

async fn root(world: &World) -> String {
    let api: Api<ConfigMap> = Api::namespaced(world.client(), NAMESPACE);
    api.get("istio-ca-root-cert").await.unwrap().data.unwrap()["root-cert.pem"].clone()
}

/// Makes the control plane issue certificates of this life, and waits for the one that does.
async fn lifetime(world: &World, life: &str) {
    let api: Api<Deployment> = Api::namespaced(world.client(), "istio-system");
    let environment = json!([{ "name": "DEFAULT_WORKLOAD_CERT_TTL", "value": life }]);
    let container = json!({ "name": "control-plane", "env": environment });
    let patch = json!({ "spec": { "template": { "spec": { "containers": [container] } } } });
    api.patch("labctl-mesh", &PatchParams::default(), &Patch::Strategic(patch)).await.unwrap();
    world.must(&["mesh", "install"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_renewed_before_they_end_and_end_if_nobody_renews_them() {
    let world = World::embedded().await;
    world.must(&["mesh", "install"]).await;
    lifetime(&world, "8s").await;
    world.make_namespace().await;
    tokio::join!(world.service("web", "web"), world.service("fresh", "web"));
    tokio::join!(world.pod("web", &["httpbin"]), world.pod("caller", &["sleep", "infinity"]));
    let ends = |state: &serde_json::Value| {
        let all = state["proxies"].as_array().cloned().unwrap_or_default();
        let mut all: Vec<String> = all.iter().map(|proxy| proxy["certificateExpires"].to_string()).collect();
        all.push(state["controlPlane"]["webhookCertificateExpires"].to_string());
        all
    };
    let first = ends(&world.until_state(|state| state["proxies"].as_array().is_some_and(|all| all.len() == 2)).await);
    let renewed = |state: &serde_json::Value| ends(state).iter().zip(&first).all(|(now, then)| now > then);
    world.until_state(renewed).await;
    // By the webhook's new certificate, too.
    world.pod("another", &["sleep", "infinity"]).await;
    let url = "http://web.meshed/headers";
    let by_mtls = async || world.curl("caller", url).await.contains("X-Forwarded-Client-Cert").then_some(());
    world.eventually("the caller is in the mesh", &by_mtls).await;

    world.scale_control_plane(0).await;
    let said = async || {
        let pods: Api<Pod> = Api::namespaced(world.client(), "meshed");
        let sidecar = LogParams { container: Some("istio-proxy".to_owned()), ..LogParams::default() };
        let log = pods.logs("caller", &sidecar).await.unwrap();
        log.contains("and every peer refuses it").then_some(())
    };
    world.eventually("the sidecar says that its certificate has ended", said).await;
    // Over another Service, since a connection that stands stays.
    let answer = world.curl("caller", "http://fresh.meshed/headers").await;
    assert!(answer.starts_with("upstream connect error"), "{answer}");

    world.scale_control_plane(1).await;
    world.eventually("the caller is back in the mesh", by_mtls).await;
}
